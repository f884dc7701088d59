"""Errors of the bench; each names the device, what happened and what to do."""

from __future__ import annotations

import math

from analysis.errors import AsotError


class DeviceError(AsotError):
    """An instrument did not do what it was asked to do."""

    def __init__(self, device: str, what: str, remedy: str) -> None:
        super().__init__(f"{device}: {what} {remedy}")
        self.device = device
        self.what = what
        self.remedy = remedy


def finite(device: str, quantity: str, value: float | str) -> float:
    """Return the number that `device` gave for `quantity`; `DeviceError` where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DeviceError(device, f"{quantity} reads {value!r}, which is no number.", "Check instrument and cable.")
    return number


class LimitError(AsotError, ValueError):
    """A set-point beyond a limit of the instrument, the bench or the sample; nothing was sent."""
