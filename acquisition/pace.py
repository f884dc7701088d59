"""How far a run is, how fast it goes, and how long it will still take, in the time of the bench and of the wall."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    done, total
        Points committed, those taken over from an earlier run included, and points planned.
    points_per_second
        Rate of this process in wall time, pauses left out; 0 before the first point.
    bench_time_left, wall_time_left
        Expected time (s) until the last point, on the clock of the bench (virtual where it is simulated) and
        on the wall; NaN before the first point.
    """

    done: int
    total: int
    points_per_second: float
    bench_time_left: float
    wall_time_left: float


class Pace:
    """Measures the pace of a run.

    Parameters
    ----------
    total
        Points planned.
    done
        Points that were there at the start.
    """

    def __init__(self, total: int, done: int = 0) -> None:
        self.total, self.done, self._first = total, done, done
        self.begin(0.0)

    def begin(self, bench_time: float) -> None:
        """Start to count, at `bench_time` (s): the bench is prepared, the first point comes."""
        self._bench_start = self._bench_now = bench_time
        self._wall_start = self._wall_now = time.monotonic()

    def advance(self, done: int, bench_time: float) -> None:
        """Count a point: `done` by now, at `bench_time` (s)."""
        self.done, self._bench_now, self._wall_now = done, bench_time, time.monotonic()

    def leave_out(self, bench_seconds: float, wall_seconds: float) -> None:
        """Leave a pause out of the pace."""
        self._bench_start += bench_seconds
        self._wall_start += wall_seconds

    def progress(self) -> Progress:
        """Return how far the run is."""
        measured, left = self.done - self._first, self.total - self.done
        if not measured:
            return Progress(self.done, self.total, 0.0, float("nan"), float("nan"))
        wall = max(self._wall_now - self._wall_start, 1e-9) / measured
        bench = (self._bench_now - self._bench_start) / measured
        return Progress(self.done, self.total, 1 / wall, left * bench, left * wall)


def duration(seconds: float) -> str:
    """Time in the words of a lab: "35 s", "12 min", "3 h 10 min"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
