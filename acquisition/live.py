"""Points of a run under way, in memory, for plots: growing without copies, readable from any thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1024  # points


class LiveColumns:
    """Columns that grow point by point; 8 bytes a number, in blocks that never move.

    Parameters
    ----------
    names
        Columns to be kept; others of a row are left out.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._blocks: list[NDArray[np.float64]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, row: Mapping[str, float]) -> None:
        """Add a point; one thread alone may do so."""
        place = self._count % _BLOCK
        if place == 0:
            self._blocks.append(np.empty((len(self.names), _BLOCK)))
        self._blocks[-1][:, place] = [row[name] for name in self.names]
        self._count += 1  # last, so that readers see complete points only

    def extend(self, rows: Mapping[str, NDArray[np.float64]]) -> None:
        """Add points (points,) by column; the thread that appends alone may do so."""
        table = np.array([rows[name] for name in self.names])
        done = 0
        while done < table.shape[1]:
            place = self._count % _BLOCK
            if place == 0:
                self._blocks.append(np.empty((len(self.names), _BLOCK)))
            part = table[:, done : done + _BLOCK - place]
            self._blocks[-1][:, place : place + part.shape[1]] = part
            done += part.shape[1]
            self._count += part.shape[1]

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """Copy of a column (points,) from point `start` to `stop`, as far as it is complete."""
        place = self.names.index(name)
        stop = self._count if stop is None else min(stop, self._count)
        if start >= stop:
            return np.empty(0)
        first = start // _BLOCK
        blocks = [block[place] for block in self._blocks[first : -(-stop // _BLOCK)]]
        return np.concatenate(blocks)[start - first * _BLOCK : stop - first * _BLOCK]
