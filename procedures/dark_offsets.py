"""What detector, Hall probe and lock-in read without light and without current."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from analysis.result import Estimate
from analysis.run_file import Column
from analysis.stack import FloatArray
from instruments import Bench
from procedures.expectation import dark_noise, field_noise, sum_noise
from procedures.kerr_measurement import SET_POINTS
from procedures.measurement import Point, Reading
from procedures.timed_readings import READ_COLUMNS, TimedReadings


class DarkOffsets(TimedReadings):
    """Offsets in the dark, the first of the set-up measurements: shutter closed, every contact open.

    The sum's offset belongs into the bench file, since every signal is divided by the sum; X and Y should be zero.
    """

    path, current = "coil", 0.0  # type: ignore[assignment]  # no parameters: nothing flows

    columns: ClassVar[tuple[Column, ...]] = (*(SET_POINTS[name] for name in TimedReadings.sets), *READ_COLUMNS)
    plot: ClassVar[Mapping[str, str]] = {"signal": "sum", "axis": "time", "title": "Sum in the dark"}

    def title(self) -> str:
        """Say that it is dark."""
        return f"dark offsets, {self.readings} readings"

    def check(self, bench: Bench) -> None:
        """Hold the set-point against the limits; a shutter has to be there."""
        bench.need("shutter")
        super().check(bench)

    def prepare(self, bench: Bench) -> None:
        """Set everything with light, so that the lock-in has the range that it will have, then close the shutter."""
        super().prepare(bench)
        bench.need("shutter").close()

    def light(self, bench: Bench) -> float:
        """Sum (V) in the dark."""
        return bench.sum_detector.read()

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read lock-in, sum and field; a Kerr signal has no meaning here."""
        return self.voltages(point, bench)

    def conclude(self, rows: Mapping[str, FloatArray], bench: Bench) -> None:
        """Open the shutter."""
        bench.need("shutter").open()

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Offsets of the bench file, nothing at the lock-in, and the noise of the bench's own figures."""
        count = int(self.readings)
        lock_in = dark_noise(bench, **self._filter)
        field = field_noise(bench)
        return {
            "sum_offset": Estimate(bench.file.sum_detector.offset, sum_noise(bench) / count**0.5, "V"),
            "x_offset": Estimate(0.0, lock_in / count**0.5, "V"),
            "y_offset": Estimate(0.0, lock_in / count**0.5, "V"),
            "field": Estimate(self.field * 1e-3, field / count**0.5, "T"),
            "hall_noise": Estimate(field, field / (2 * (count - 1)) ** 0.5, "T"),
        }
