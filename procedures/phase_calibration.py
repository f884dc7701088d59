"""Phase of a current path at the lock-in, measured on a series shunt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pymeasure.experiment.parameters import FloatParameter, IntegerParameter

from analysis.errors import InputError
from analysis.result import Estimate
from analysis.run_file import Column
from analysis.stack import FloatArray
from instruments import Bench
from instruments.roles import Signal
from procedures.expectation import dark_noise
from procedures.kerr_measurement import SET_POINTS, KerrMeasurement
from procedures.measurement import Point, Reading

_SHUNTS: Mapping[str, Signal] = {"sample": "sample_shunt", "coil": "coil_shunt"}
_HEADROOM = 1.2  # lock-in range over the voltage expected
_LARGEST_VOLTAGE = 1.0  # V rms, of a lock-in's input
STEPS = 2**15
"""Steps of X and Y over the range of a lock-in."""


class PhaseCalibration(KerrMeasurement):
    """Phase of the current itself: the lock-in reads the voltage across a series shunt (paper, Methods).

    ASOT and calibration current come from different sources, so each path has a phase of its own, and the sign of a
    torque hangs on them: half a turn is a swapped pair of leads. The lock-in detects at phase 0 here, and the phase
    follows from X and Y.
    """

    time_constant = FloatParameter(
        "Time constant", units="s", default=0.1, minimum=1e-5, maximum=3e4,
        description="Lock-in time constant per filter stage",
    )  # fmt: skip
    remainder = FloatParameter(
        "Unsettled remainder", default=1e-6, minimum=1e-6, maximum=0.5,
        description="Part of the step, from detector to shunt, that may still be missing when a point is read",
    )  # fmt: skip
    readings = IntegerParameter(
        "Readings", default=10, minimum=3, maximum=10_000, description="Number of settled readings"
    )

    target_error, longest_average, repeats = 0.0, 0.0, 1  # no parameters: the number of readings says it all

    sets: ClassVar[tuple[str, ...]] = ("current",)
    columns: ClassVar[tuple[Column, ...]] = (
        SET_POINTS["current"],
        Column("time", "s", "bench time", "time"),
        Column("x", "V", "lock-in X (rms) at detection phase 0", "measured"),
        Column("y", "V", "lock-in Y (rms) at detection phase 0", "measured"),
        Column("shunt_current", "A", "current (peak) in the shunt", "measured"),
        Column("current", "A", "current (peak), read back from the source", "monitor"),
        Column("shunt", "ohm", "resistance of the shunt", "monitor"),
        Column("resolution", "V", "step of X and Y", "monitor"),
        Column("lock_in_status", "", "lock-in overloads (1, 2, 4) and reference unlock (8)", "status"),
    )
    plot: ClassVar[Mapping[str, str]] = {"signal": "shunt_current", "axis": "time", "title": "Current in the shunt"}

    _resolution = 0.0

    def points(self) -> Iterator[Point]:
        """Yield the one current for each reading."""
        for number in range(self.readings):
            yield Point(current=self.current * 1e-3, sequence=number)

    def title(self) -> str:
        """Say which path."""
        return f"phase of the {self.path} current, {self.current:g} mA"

    def check(self, bench: Bench) -> None:
        """Hold the current against the limits of path and lock-in; a switch and a shunt have to be there."""
        voltage = self._voltage(bench)
        if _HEADROOM * voltage > _LARGEST_VOLTAGE:
            raise InputError(
                f"Current of a phase calibration must make at most {_LARGEST_VOLTAGE / _HEADROOM:.2g} V rms on the "
                f"shunt; {self.current:g} mA make {voltage:.3g} V. Lower current, or take a smaller shunt."
            )
        super().check(bench)

    def _voltage(self, bench: Bench) -> float:
        """Voltage (V rms) that the current makes on the shunt."""
        return self.current * 1e-3 * bench.need("signal_switch").resistance(_SHUNTS[self.path]) / math.sqrt(2)

    def detection_phase(self, bench: Bench) -> float:
        """Phase 0 (rad): the phase is what is measured."""
        return 0.0

    def prepare(self, bench: Bench) -> None:
        """Start the current, then connect the lock-in to the shunt; light plays no part."""
        self.release(bench)
        bench.relay.select(self.source)
        bench.lock_in.configure(**self._filter)
        self._start_current(bench)
        bench.need("signal_switch").select(_SHUNTS[self.path])
        span = bench.lock_in.set_sensitivity(_HEADROOM * self._voltage(bench))
        self._resolution = span / STEPS

    def conclude(self, rows: Mapping[str, FloatArray], bench: Bench) -> None:
        """Take the current away, then connect the detector again."""
        self.release(bench)
        bench.need("signal_switch").select("detector")

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read X and Y across the shunt."""
        reading = bench.lock_in.read()
        shunt = bench.need("signal_switch").resistance(_SHUNTS[self.path])
        return {
            **self.asked(point),
            "time": bench.clock.now(),
            "x": reading.x,
            "y": reading.y,
            "shunt_current": math.sqrt(2) * math.hypot(reading.x, reading.y) / shunt,
            "current": bench.source(self.source).amplitude(),
            "shunt": shunt,
            "resolution": self._resolution,
            "lock_in_status": float(reading.status),
        }

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Phase that the bench file gives and current that is set, with the resolution of the lock-in's range."""
        voltage, current = self._voltage(bench), self.current * 1e-3
        noise = dark_noise(bench, **self._filter) / math.sqrt(self.readings)
        relative = math.hypot(noise, _HEADROOM * voltage / STEPS / math.sqrt(12)) / voltage
        return {
            f"{self.path}_phase": Estimate(bench.source(self.source).phase, relative, "rad"),
            f"{self.path}_current": Estimate(current, relative * current, "A"),
            f"{self.path}_current_ratio": Estimate(1.0, relative, "1"),
        }
