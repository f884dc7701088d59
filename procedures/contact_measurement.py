"""Base of the procedures that read the voltage at contacts of the sample under an AC current through it."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, Literal

from pymeasure.experiment.parameters import FloatParameter

from analysis.errors import InputError
from analysis.run_file import Column
from instruments import Bench
from instruments.errors import DeviceError
from instruments.roles import CurrentPath
from procedures.lock_in_measurement import REFERENCE_WAIT, LockInMeasurement
from procedures.measurement import Averaging, Point, Reading

_HEADROOM = 1.2  # lock-in range over the largest voltage
_LARGEST_RANGE = 1.0  # V rms
_LEAST_RANGE = 200e-9  # V rms
_SLOWEST = 1.0  # least time constant, in periods of the current: below it the doubled frequency shows


class ContactMeasurement(LockInMeasurement):
    """A procedure that reads the lock-in at taps of the sample, at a frequency low enough for cables and film.

    The range is chosen once, at the largest voltage: ranges differ by more than the effects looked for. Light is
    shut off where the bench has a shutter, since it heats.
    """

    frequency = FloatParameter(
        "Frequency", units="Hz", default=17, minimum=1, maximum=100e3,
        description="Frequency of the current: low, and no fraction of the mains",
    )  # fmt: skip
    time_constant = FloatParameter(
        "Time constant", units="s", default=0.3, minimum=1e-5, maximum=3e4,
        description="Lock-in time constant per filter stage; at least a period of the current",
    )  # fmt: skip
    remainder = FloatParameter(
        "Unsettled remainder", default=1e-5, minimum=1e-7, maximum=0.5,
        description="Part of a step that may still be missing when a point is read",
    )  # fmt: skip
    target_error = FloatParameter(
        "Target standard error", units="ohm", default=0, minimum=0, maximum=1e9,
        description="Each point is averaged until the resistance is known so well; 0 for a single reading",
    )  # fmt: skip

    taps: ClassVar[Literal["voltage_taps", "hall_taps"]]
    signal: ClassVar[str]
    """Column with the resistance."""

    @property
    def source(self) -> CurrentPath:
        """The sample."""
        return "sample"

    @abstractmethod
    def strongest(self) -> Point:
        """Point with the largest voltage, at which the lock-in's range is chosen."""

    @abstractmethod
    def expected_resistance(self, bench: Bench) -> float:
        """Largest resistance (ohm) that is expected."""

    def averaging(self) -> Averaging | None:
        """Average the resistance where a target is set."""
        if not self.target_error:
            return None
        return Averaging(self.signal, self.target_error, self.longest_average, self.time_constant, self.filter_slope)

    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits; the bench must have a switch before the lock-in."""
        super().check(bench)
        bench.need("signal_switch")
        if self.time_constant * self.frequency < _SLOWEST:
            raise InputError(
                f"time_constant must be at least a period of the current, {1 / self.frequency:.3g} s at "
                f"{self.frequency:g} Hz; received {self.time_constant:g} s. Lengthen it, or raise the frequency."
            )

    def prepare(self, bench: Bench) -> None:
        """Shut off the light, connect the taps, start the current, choose the lock-in's range."""
        if bench.shutter is not None:
            bench.shutter.close()
        self.release(bench)
        bench.need("signal_switch").select(self.taps)
        bench.relay.select(self.source)
        bench.lock_in.configure(**self._filter)
        self._start_current(bench)
        self.set(self.strongest(), bench)
        bench.lock_in.set_sensitivity(_LARGEST_RANGE)
        bench.clock.wait(self.settling_time(bench))
        reading = bench.lock_in.look()
        bench.lock_in.set_sensitivity(
            min(max(_HEADROOM * math.hypot(reading.x, reading.y), _LEAST_RANGE), _LARGEST_RANGE)
        )

    def set(self, point: Point, bench: Bench) -> None:
        """Bring field and current to `point`; only what changes."""
        if point.perpendicular_field is not None:
            bench.need("perpendicular_magnet").set_field(point.perpendicular_field)
        if point.current is not None:
            bench.sample_source.set_amplitude(point.current)

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read the lock-in and the current; the resistance is the voltage in phase over the current."""
        reading = bench.lock_in.read()
        current = bench.sample_source.amplitude()
        if not current > 0:
            raise DeviceError("sample_source", f"reads {current:g} A.", "Check output, compliance and contacts.")
        return {
            **self.asked(point),
            "time": bench.clock.now(),
            self.signal: math.sqrt(2) * reading.x / current,
            "x": reading.x,
            "y": reading.y,
            "current": current,
            "lock_in_status": float(reading.status),
        }

    def voltage_noise(self, bench: Bench) -> float:
        """Standard deviation (V peak) of one settled reading: noise at the lock-in's input, and its steps."""
        figures = bench.file.noise
        density = figures.input_noise * math.sqrt(1 + figures.flicker_corner / self.frequency)
        white = density * math.sqrt(bench.lock_in.noise_bandwidth(**self._filter))
        largest = self.largest_currents()[self.source] * self.expected_resistance(bench) / math.sqrt(2)
        step = bench.lock_in.resolution(max(_HEADROOM * largest, _LEAST_RANGE))
        return math.sqrt(2) * math.hypot(white, step / math.sqrt(12))

    def travel_time(self, start: Point, stop: Point, bench: Bench) -> float:
        """Time (s) of `set`: field, then current."""
        total = 0.0
        if start.perpendicular_field is not None and stop.perpendicular_field is not None:
            magnet = bench.need("perpendicular_magnet")
            total += magnet.travel_time(start.perpendicular_field, stop.perpendicular_field)
        if start.current is not None and stop.current is not None:
            total += bench.sample_source.travel_time(start.current, stop.current)
        return total

    def preparation_time(self, bench: Bench) -> float:
        """Time (s) of `prepare`, from zero field, and of the end that makes the bench safe."""
        largest, strongest = self.largest_currents()[self.source], self.strongest()
        rest = replace(strongest, current=largest, perpendicular_field=0.0)
        return (
            bench.sample_source.travel_time(0.0, largest)
            + REFERENCE_WAIT
            + self.travel_time(rest, strongest, bench)
            + self.settling_time(bench)
            + self.travel_time(strongest, next(self.points()), bench)
        )

    def averaging_time(self, bench: Bench) -> float:
        """Return the time (s) of the readings after the first one that the noise at the largest current asks for."""
        averaging = self.averaging()
        if averaging is None:
            return 0.0
        noise = self.voltage_noise(bench) / self.largest_currents()[self.source]
        return max(averaging.spacing, self.reading_time(bench)) * (averaging.expected_readings(noise) - 1)


def contact_columns(*set_points: Column, signal: Column) -> tuple[Column, ...]:
    """Columns of such a procedure: what it sets, then what is measured."""
    return (
        *set_points,
        Column("time", "s", "bench time", "time"),
        signal,
        Column("x", "V", "lock-in X (rms)", "measured"),
        Column("y", "V", "lock-in Y (rms)", "measured"),
        Column("current", "A", "current (peak), read back", "monitor"),
        Column("lock_in_status", "", "lock-in overloads (1, 2, 4) and reference unlock (8)", "status"),
    )
