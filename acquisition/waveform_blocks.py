"""Waveform blocks on their way from the journal into the run file, one at a time: together they need not fit memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.journal import Journal
from analysis.stack import FloatArray


class WaveformBlocks:
    """Dataset (points, samples, channels) of the blocks that a journal holds; NaN where a point has none.

    Parameters
    ----------
    journal
        Its path.
    points
        Number of points.
    description
        See `analysis.waveform.Waveform`.
    """

    def __init__(self, journal: Path, points: int, description: dict[str, Any]) -> None:
        self._journal = journal
        self.shape = (points, description["samples"], len(description["channels"]))
        self.nbytes = 8 * math.prod(self.shape)

    def write(self, file: Any, name: str, **filters: Any) -> Any:
        """Make the dataset `name`, one chunk for each point, and return it."""
        chunk = (1, *self.shape[1:])
        dataset = file.create_dataset(name, self.shape, "<f8", chunks=chunk, fillvalue=math.nan, **filters)
        for point, volts in self._blocks():
            dataset[point] = volts
        return dataset

    def equal(self, dataset: Any) -> bool:
        """Whether a dataset holds these blocks bit for bit, and nothing at the other points."""
        if dataset.shape != self.shape or dataset.dtype != np.dtype("<f8"):
            return False
        kept = set()
        for point, volts in self._blocks():
            kept.add(point)
            if dataset[point].tobytes() != volts.tobytes():
                return False
        return all(np.isnan(dataset[point]).all() for point in set(range(self.shape[0])) - kept)

    def _blocks(self) -> Iterator[tuple[int, FloatArray]]:
        with Journal.open(self._journal) as journal:
            for point, data in journal.waveforms():
                yield point, np.frombuffer(data, dtype="<f8").reshape(self.shape[1:])
