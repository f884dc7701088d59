"""Coil of the simulated magnet: its field follows what the supply asks with a first-order lag."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_NOTHING = 1e-11  # of a step that is as good as done: the field then stands still

FloatArray = npt.NDArray[np.float64]


class LaggingMagnet:
    """Field as a function of the bench's time.

    Parameters
    ----------
    lag
        Time constant (s), at least 0.
    """

    def __init__(self, lag: float) -> None:
        self._lag = lag
        self._target = self._start = self._since = 0.0

    def drive(self, target: float, time: float) -> None:
        """Set off for the field `target` (T) at `time` (s)."""
        self._start = self.field(time)
        self._target, self._since = target, time

    def field(self, time: float) -> float:
        """Field (T) at `time` (s)."""
        if self._lag == 0:
            return self._target
        left = math.exp(-max(0.0, time - self._since) / self._lag)
        return self._target + (self._start - self._target) * (left if left > _NOTHING else 0.0)

    def fields(self, times: FloatArray) -> FloatArray:
        """Fields (n,) (T) at `times` (n,) (s)."""
        if self._lag == 0:
            return np.full(np.shape(times), self._target)
        left = np.exp(-np.maximum(0.0, times - self._since) / self._lag)
        return np.asarray(self._target + (self._start - self._target) * np.where(left > _NOTHING, left, 0.0))
