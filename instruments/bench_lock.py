"""One program at a time on a bench: a lock file that the operating system releases when its holder dies."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self

from analysis.errors import AsotError

_FAR = 1 << 30  # the byte that is locked: beyond the text, so that others can read who holds it

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _FAR)


class BenchInUseError(AsotError):
    """Another program has the bench; the message names it."""


def lock_path(bench: str) -> Path:
    """Where the lock of a bench stands: in the user's runtime folder, named after the bench."""
    from platformdirs import user_runtime_path

    with warnings.catch_warnings():  # without a session of the user it stands in the folder for temporary files
        warnings.simplefilter("ignore")
        folder = user_runtime_path("asot", appauthor=False, ensure_exists=True)
    readable = re.sub(r"[^A-Za-z0-9_-]", "-", bench)
    return folder / f"bench-{readable}-{hashlib.sha256(bench.encode()).hexdigest()[:8]}.lock"


class BenchLock:
    """Holds a bench while the block lasts.

    Parameters
    ----------
    bench
        Name of the bench.

    Notes
    -----
    The text of the file says who holds it; whether it is held is known to the operating system, which lets go of it
    when the holder ends by whatever road. So a file that a dead program left is no obstacle.
    """

    def __init__(self, bench: str) -> None:
        self._bench, self._path = bench, lock_path(bench)

    def __enter__(self) -> Self:
        """Take the bench; `BenchInUseError` where another program holds it."""
        self._file = self._path.open("a+", encoding="utf-8")
        try:
            _lock(self._file)
        except OSError:
            holder = self._holder()
            self._file.close()
            raise BenchInUseError(
                f"Bench {self._bench!r} must be free; {holder} has it. Wait until that program ends, or end it."
            ) from None
        self._file.truncate(0)
        self._file.write(
            json.dumps(
                {
                    "program": Path(sys.argv[0]).name or "python",
                    "process": os.getpid(),
                    "host": platform.node(),
                    "since": datetime.now(UTC).isoformat(timespec="seconds"),
                }
            )
        )
        self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the bench."""
        self._file.close()

    def _holder(self) -> str:
        try:
            facts = json.loads(self._path.read_text(encoding="utf-8"))
            return f"{facts['program']} (process {facts['process']} on {facts['host']}, since {facts['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another program"
