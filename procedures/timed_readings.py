"""Base of the procedures that read the same thing again and again, at a fixed spacing in time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pymeasure.experiment.parameters import FloatParameter, IntegerParameter

from analysis import detection
from analysis.errors import InputError
from analysis.run_file import Column
from instruments import Bench
from instruments.roles import CurrentPath
from procedures.expectation import asot_angle, calibration_angle
from procedures.kerr_measurement import SET_POINTS, KerrMeasurement
from procedures.measurement import Point, Reading
from procedures.parameters import CurrentParameter

READ_COLUMNS = (
    Column("time", "s", "bench time", "time"),
    Column("x", "V", "lock-in X (rms)", "measured"),
    Column("y", "V", "lock-in Y (rms)", "measured"),
    Column("sum", "V", "detector sum", "measured"),
    Column("field", "T", "external field", "measured"),
    Column("lock_in_status", "", "lock-in overloads (1, 2, 4) and reference unlock (8)", "status"),
)
"""What is read each time."""


class TimedReadings(KerrMeasurement):
    """Readings at a fixed spacing; plates, field and current are set once and then stand still.

    Without current every contact is open and the lock-in counts on its own oscillator. The spacing has to exceed
    the settling time of the filter, so that successive readings are independent.
    """

    current = CurrentParameter(
        "Current (peak)", units="mA", default=0, minimum=0, maximum=1000,
        description="Amplitude of the AC current, peak; 0 leaves every contact open",
    )  # fmt: skip
    time_constant = FloatParameter(
        "Time constant", units="s", default=0.1, minimum=1e-5, maximum=3e4,
        description="Lock-in time constant per filter stage",
    )  # fmt: skip
    readings = IntegerParameter(
        "Readings", default=60, minimum=8, maximum=10_000_000, description="Number of readings, one after the other"
    )
    spacing = FloatParameter(
        "Spacing", units="s", default=2, minimum=1e-3, maximum=1e5, description="Time from one reading to the next"
    )
    polarization = FloatParameter(
        "Polarisation", units="deg", default=45, minimum=-360, maximum=360, description="Incident polarisation"
    )
    field = FloatParameter(
        "Field", units="mT", default=0, minimum=-2000, maximum=2000, description="External field in the plane"
    )

    target_error, longest_average, repeats = 0.0, 0.0, 1  # no parameters: the number of readings says it all

    sets = ("field", "polarization", "channel")
    columns: ClassVar[tuple[Column, ...]] = (
        *(SET_POINTS[name] for name in sets),
        *READ_COLUMNS,
        Column("kerr_signal", "rad", "Kerr signal (peak)", "measured"),
    )
    plot: ClassVar[Mapping[str, str]] = {"signal": "kerr_signal", "axis": "time", "title": "Kerr signal against time"}

    _due: float | None = None

    @property
    def source(self) -> CurrentPath:
        """Path that carries the current; open without one."""
        path: CurrentPath = self.path
        return path if self.current else "open"

    def points(self) -> Iterator[Point]:
        """Yield the same set-point for every reading."""
        for number in range(self.readings):
            yield Point(
                field=self.field * 1e-3,
                polarization=math.radians(self.polarization),
                channel=self.channel,
                sequence=number,
            )

    def pass_count(self) -> int:
        """Return the number of readings."""
        return int(self.readings)

    def highest_field(self) -> float:
        """Field (T) of every reading."""
        return abs(float(self.field)) * 1e-3

    def check(self, bench: Bench) -> None:
        """Hold the set-point against the limits, and the spacing against the filter."""
        bench.check_current(self.source, self.largest_currents()[self.source])
        bench.check_field(self.field * 1e-3)
        bench.lock_in.check_filter(**self._filter)
        bench.check_frequency(self.source, self.frequency)
        least = self.settling_time(bench) + self.reading_time(bench)
        if self.spacing < least:
            raise InputError(
                f"Spacing of readings must be at least {least:.3g} s, the settling time of the filter, so that they "
                f"are independent; received {self.spacing:g} s. Raise spacing, or lower time_constant."
            )

    def prepare(self, bench: Bench) -> None:
        """Set everything once, as every Kerr measurement does."""
        self._due = None
        super().prepare(bench)

    def _start_current(self, bench: Bench) -> None:
        if self.source != "open":
            super()._start_current(bench)
            return
        bench.lock_in.set_reference("internal", self.frequency, 0.0)

    def set(self, point: Point, bench: Bench) -> None:
        """Bring the bench to the first point; later ones are the same."""
        if point.sequence == 0:
            super().set(point, bench)

    def settle(self, bench: Bench) -> None:
        """Wait until the reading is due; the first one, and one after a pause, begins the count anew."""
        now = bench.clock.now()
        if self._due is None:
            super().settle(bench)
            self._due = bench.clock.now()
        elif now > self._due:
            self._due = now
        else:
            bench.clock.wait(self._due - now)
        self._due += self.spacing

    def duration(self, bench: Bench) -> float:
        """Return the expected duration (s) of all readings."""
        return float(self.preparation_time(bench) + self.settling_time(bench) + self.readings * self.spacing)

    def expected_signal(self, bench: Bench) -> float:
        """Kerr signal (rad, peak) that the model lets expect; a quarter-wave plate reads -epsilon."""
        if not self.current:
            return 0.0
        respond = asot_angle if self.path == "sample" else calibration_angle
        angle = respond(bench, self.current * 1e-3, self.field * 1e-3)
        return angle.real if self.channel == "rotation" else -angle.imag

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read lock-in, sum and field."""
        reading = self.voltages(point, bench)
        angle = detection.kerr_signal(reading["x"], reading["sum"], bench.sum_detector.gain)
        return {**reading, "kerr_signal": float(angle)}

    def voltages(self, point: Point, bench: Bench) -> Reading:
        """Read all but the Kerr signal."""
        reading = bench.lock_in.read()
        total = self.light(bench)
        return {
            **self.asked(point),
            "time": bench.clock.now(),
            "x": reading.x,
            "y": reading.y,
            "sum": total,
            "field": bench.magnet.measure(),
            "lock_in_status": float(reading.status),
        }
