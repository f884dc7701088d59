"""Objects that stay for good are no garbage: not to look for it among them keeps the window from stalling."""

from __future__ import annotations

import gc
from functools import cache


@cache
def keep_for_good(what: str) -> None:
    """Leave out everything that exists now when garbage is looked for; does so once for each `what`.

    The modules of drivers and analysis hold so many objects that looking through them takes a tenth of a second, in
    which no thread can run. Call it after they were imported.
    """
    gc.freeze()
