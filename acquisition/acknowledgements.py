"""Between runner and journal: whoever listens hears of a point after its commit, and not before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from acquisition.journal import Journal
from analysis.waveform import Waveform
from procedures import Reading

PointListener = Callable[[int, int, Reading], None]
"""Called with index, number of points and reading, after the point was committed."""


class Acknowledgements:
    """Appends rows to the journal, and tells the listener of each only after its commit."""

    def __init__(self, journal: Journal, on_point: PointListener | None) -> None:
        self._journal, self._on_point = journal, on_point
        self._pending: deque[tuple[int, int, Reading]] = deque()

    def append(self, row: Reading, waveform: Waveform | None, total: int) -> None:
        """Store a point of `total`; the listener hears of it at once, or after the commit of its group."""
        self._pending.append((self._journal.append(row, waveform), total, row))
        self._tell()

    def flush(self) -> None:
        """Commit what waits for its group, and tell of it: before a pause and at the end."""
        self._journal.flush()
        self._tell()

    def _tell(self) -> None:
        while self._pending and self._pending[0][0] <= self._journal.acknowledged:
            event = self._pending.popleft()
            if self._on_point is not None:
                self._on_point(*event)
