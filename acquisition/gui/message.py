"""What the window tells its user: one line, and details for whoever wants them."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from analysis.errors import AsotError

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Message:
    """A message.

    Attributes
    ----------
    severity
        How much it matters.
    text
        What happened and what to do, in a sentence or two.
    details
        What to copy into a report; "" for nothing.
    moment
        When it came up.
    """

    severity: Severity
    text: str
    details: str = ""
    moment: datetime = field(default_factory=datetime.now)


def of_error(error: BaseException, doing: str = "") -> Message:
    """Message of `error`; faults that no user can be blamed for carry their traceback as details."""
    notes = "\n".join(getattr(error, "__notes__", ()))
    begin = f"{doing}: " if doing else ""
    if isinstance(error, AsotError):
        return Message("error", f"{begin}{error}", notes)
    details = "".join(traceback.format_exception(error))
    text = f"{begin}{type(error).__name__}: {error}. This is a fault of the program; the details say where."
    return Message("error", text, details)
