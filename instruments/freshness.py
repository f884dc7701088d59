"""Notices readings that repeat to the last digit: an instrument that gives the same answer for ever."""

from __future__ import annotations

import math

from instruments.errors import DeviceError

_PATIENCE = 10  # equal readings in a row; noise of one step of the display or more never gives so many


class Freshness:
    """Holds each reading of one quantity against the one before.

    Parameters
    ----------
    device, quantity
        What messages call them.
    """

    def __init__(self, device: str, quantity: str) -> None:
        self._device, self._quantity = device, quantity
        self._last: tuple[float, ...] = ()
        self._time, self._count = -math.inf, 0

    def check(self, reading: tuple[float, ...], time: float, spacing: float = 0.0) -> None:
        """Raise `DeviceError` where `reading`, made at `time` (s), is the tenth in a row that is the same.

        Readings that follow less than `spacing` (s) after one that counted may well be the same; they do not count.
        """
        if reading != self._last:
            self._last, self._time, self._count = reading, time, 1
        elif time > self._time and time - self._time >= spacing:
            self._time, self._count = time, self._count + 1
        if self._count >= _PATIENCE:
            raise DeviceError(
                self._device, f"gives the same {self._quantity}, to the last digit, for the {self._count}th time.",
                "Look whether it still measures; switch it off and on.",
            )  # fmt: skip
