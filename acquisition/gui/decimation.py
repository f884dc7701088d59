"""A curve of any length in a bounded number of vertices, updated as points come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_CORNERS = 4  # of a block: where x and y are smallest and largest


class Decimation:
    """Curve of points in the order in which they came: of every block of consecutive ones the extremes are kept.

    Blocks have one point each until there are `most` of them; then neighbours are joined, again and again as the curve
    grows. Extremes are those of x as well as of y, so that a loop whose x goes back and forth keeps its ends. A point
    costs the same time on average however long the curve is, and nothing but the blocks is kept.

    Parameters
    ----------
    most
        Number of blocks, even, at least 2; there are at most 4 `most` + 4 vertices.
    """

    def __init__(self, most: int = 1024) -> None:
        self.count = 0
        """Points added."""
        self._most, self._size = most, 1
        self._places = np.empty((0, _CORNERS), dtype=np.int64)
        self._points = np.empty((0, _CORNERS, 2))
        self._tail = np.empty((0, 2))

    @property
    def exact(self) -> bool:
        """Whether every point is still a vertex."""
        return self._size == 1

    def add(self, x: Array, y: Array) -> None:
        """Add points (n,), n of any size; what is NaN is no extreme."""
        points = np.concatenate([self._tail, np.column_stack([x, y])])
        first = self.count - len(self._tail)
        self.count += len(x)
        while (whole := min(len(points) // self._size, self._most - len(self._places))) > 0:
            used = whole * self._size
            self._append(first + np.arange(used).reshape(whole, -1), points[:used].reshape(whole, -1, 2))
            first, points = first + used, points[used:]
            if len(self._places) == self._most:
                self._join()
        self._tail = points

    def vertices(self) -> tuple[Array, Array, Numbers]:
        """x, y and number (n,) of the points that are kept, in their order."""
        places, points = self._places, self._points
        if len(self._tail):
            start = self.count - len(self._tail)
            last = _extremes(start + np.arange(len(self._tail))[np.newaxis], self._tail[np.newaxis])
            places, points = np.concatenate([places, last[0]]), np.concatenate([points, last[1]])
        numbers, first = np.unique(places.ravel(), return_index=True)
        kept = points.reshape(-1, 2)[first]
        return kept[:, 0], kept[:, 1], numbers

    def _append(self, places: Numbers, points: Array) -> None:
        for name, more in zip(("_places", "_points"), _extremes(places, points), strict=True):
            setattr(self, name, np.concatenate([getattr(self, name), more]))

    def _join(self) -> None:
        pairs = self._most // 2
        places, points = self._places.reshape(pairs, -1), self._points.reshape(pairs, -1, 2)
        self._places, self._points = _extremes(places, points)
        self._size *= 2


def decimated(x: Array, y: Array, most: int = 256) -> tuple[Array, Array, Numbers]:
    """Vertices (x, y, number of the point) of a curve that is complete."""
    curve = Decimation(most)
    curve.add(x, y)
    return curve.vertices()


def _extremes(places: Numbers, points: Array) -> tuple[Numbers, Array]:
    """Of blocks (blocks, points) those with the smallest and largest x and y, in their order."""
    missing = np.isnan(points)
    low = np.argmin(np.where(missing, np.inf, points), axis=1)
    high = np.argmax(np.where(missing, -np.inf, points), axis=1)
    corners = np.sort(np.concatenate([low, high], axis=1), axis=1)
    return np.take_along_axis(places, corners, axis=1), np.take_along_axis(points, corners[..., np.newaxis], axis=1)
