"""Base of the procedures that read the Kerr signal behind the lock-in while an AC current flows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, TypedDict

from pymeasure.experiment.parameters import FloatParameter, ListParameter

from analysis import detection
from analysis.loops import CHANNELS
from analysis.run_file import Column
from instruments import Bench
from instruments.errors import DeviceError
from instruments.roles import CurrentPath
from procedures.expectation import reading_noise, volts_per_angle
from procedures.measurement import Averaging, Measurement, Point, Reading
from procedures.parameters import CurrentParameter

_HEADROOM = 5.0  # lock-in range over the signal at the first point
_NOISE_HEADROOM = 8.0  # lock-in range over the noise that is expected, as standard deviation
_LEAST_RANGE = 200e-9  # V
_LOCKING = 1.0  # s until the reference is locked

SET_POINTS: Mapping[str, Column] = {
    "field": Column("field_set", "T", "external field asked for", "set_point"),
    "polarization": Column("polarization", "rad", "incident polarisation asked for", "set_point"),
    "channel": Column("channel", "", "channel read: 0 Kerr rotation, 1 ellipticity", "set_point"),
    "current": Column("current_set", "A", "current (peak) asked for", "set_point"),
    "field_angle": Column("field_angle_set", "rad", "angle of the field to the current asked for", "set_point"),
    "x": Column("stage_x_set", "m", "stage position along the current asked for", "set_point"),
    "y": Column("stage_y_set", "m", "stage position across the current asked for", "set_point"),
    "analyser_offset": Column("analyser_offset", "rad", "analysing plate off its balance, asked for", "set_point"),
    "transmission": Column("transmission_set", "", "transmission of the attenuator asked for", "set_point"),
}
"""Columns that hold what was asked for, by the attribute of `Point`."""

KERR_COLUMNS = (
    Column("time", "s", "bench time", "time"),
    Column("field", "T", "external field", "measured"),
    Column("kerr_signal", "rad", "Kerr signal (peak)", "measured"),
    Column("x", "V", "lock-in X (rms)", "measured"),
    Column("y", "V", "lock-in Y (rms)", "measured"),
    Column("sum", "V", "detector sum", "measured"),
    Column("current", "A", "current (peak), read back", "monitor"),
    Column("polarization_plate", "rad", "angle of the polarisation plate", "monitor"),
    Column("analyser_plate", "rad", "angle of the analysing plate", "monitor"),
    Column("quarter_wave", "rad", "angle of the quarter-wave plate", "monitor"),
    Column("stage_x", "m", "stage position along the current", "monitor"),
    Column("stage_y", "m", "stage position across the current", "monitor"),
    Column("lock_in_status", "", "lock-in overloads (1, 2, 4) and reference unlock (8)", "status"),
)
"""What `KerrMeasurement.measure` gives beside the set-points."""


class _Filter(TypedDict):
    time_constant: float
    slope: int


class KerrMeasurement(Measurement):
    """A procedure that reads the Kerr signal under an AC current through the sample or round it.

    Subclasses name in `sets` which attributes of `Point` they set, and give `points`.
    """

    path = ListParameter(
        "Current path", choices=["sample", "coil"], default="sample",
        description="Through the sample (ASOT), or round it in the coil (calibration field)",
    )  # fmt: skip
    channel = ListParameter(
        "Channel", choices=[*CHANNELS], default="rotation",
        description="Kerr rotation, or ellipticity with the quarter-wave plate in the beam",
    )  # fmt: skip
    current = CurrentParameter(
        "Current (peak)",
        units="mA",
        default=40,
        minimum=1e-3,
        maximum=1000,
        description="Amplitude of the AC current, peak",
    )
    frequency = FloatParameter(
        "Frequency", units="Hz", default=20150, minimum=1, maximum=100e3, description="Frequency of the current"
    )
    time_constant = FloatParameter(
        "Time constant",
        units="s",
        default=1,
        minimum=1e-5,
        maximum=3e4,
        description="Lock-in time constant per filter stage",
    )
    filter_slope = ListParameter(
        "Filter slope", choices=[6, 12, 18, 24], default=24, description="Lock-in filter slope in dB per octave"
    )
    remainder = FloatParameter(
        "Unsettled remainder", default=1e-3, minimum=1e-6, maximum=0.5,
        description="Part of a step that may still be missing when a point is read",
    )  # fmt: skip
    target_error = FloatParameter(
        "Target standard error", units="nrad", default=0, minimum=0, maximum=1e9,
        description="Each point is averaged until the Kerr signal is known so well; 0 for a single reading",
    )  # fmt: skip
    longest_average = FloatParameter(
        "Longest average", units="s", default=60, minimum=0, maximum=1e6,
        description="Time after which a point is done even if the target is not reached",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        """Give the class its columns: what it sets, then what is measured."""
        super().__init_subclass__()
        if "columns" not in vars(cls):
            cls.columns = (*(SET_POINTS[name] for name in cls.sets), *KERR_COLUMNS)

    @property
    def source(self) -> CurrentPath:
        """Path that carries the current."""
        path: CurrentPath = self.path
        return path

    def asked(self, point: Point) -> Reading:
        """Return what `point` asks for, by column."""
        values: Reading = {}
        for name in self.sets:
            value = getattr(point, name)
            values[SET_POINTS[name].name] = float(CHANNELS.index(value)) if name == "channel" else value
        return values

    def averaging(self) -> Averaging | None:
        """Average the Kerr signal where a target is set."""
        if not self.target_error:
            return None
        return Averaging(
            "kerr_signal", self.target_error * 1e-9, self.longest_average, self.time_constant, self.filter_slope
        )

    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """Return the one amplitude on the one path."""
        return {self.source: self.current * 1e-3}

    def check(self, bench: Bench) -> None:
        """Hold every set-point and the filter against the limits."""
        super().check(bench)
        bench.lock_in.check_filter(**self._filter)

    def strongest(self) -> Point:
        """Point with the largest signal, at which the lock-in's range is chosen; the first one by default."""
        return next(self.points())

    def prepare(self, bench: Bench) -> None:
        """Choose the path, saturate, start the current, lock the reference, choose the lock-in's range."""
        if bench.shutter is not None:
            bench.shutter.open()
        if bench.signal_switch is not None:
            bench.signal_switch.select("detector")
        bench.check_laser_power()
        self.release(bench)
        bench.relay.select(self.source)
        bench.lock_in.configure(**self._filter)
        self.set(next(self.points()), bench)
        self._start_current(bench)
        self.set(self.strongest(), bench)
        bench.lock_in.set_sensitivity(1e-3)
        bench.clock.wait(self.settling_time(bench))
        reading = bench.lock_in.read()
        largest = _HEADROOM * math.hypot(reading.x, reading.y) + _NOISE_HEADROOM * self.noise_voltage(bench)
        bench.lock_in.set_sensitivity(max(largest, _LEAST_RANGE))

    def noise_voltage(self, bench: Bench) -> float:
        """Standard deviation (V rms) of a reading that the bench's figures let expect."""
        return reading_noise(bench, frequency=self.frequency, **self._filter) * volts_per_angle(bench)

    def preparation_time(self, bench: Bench) -> float:
        """Time (s) that `prepare` takes: plates that begin anywhere, say at 0, the reference, the range."""
        first = next(self.points())
        travel = 0.0
        if first.polarization is not None:
            half = first.polarization / 2
            travel += bench.polarization_plate.travel_time(0.0, half)
            travel += bench.analyser_plate.travel_time(0.0, half + math.radians(22.5))
        return travel + _LOCKING + self.settling_time(bench)

    def release(self, bench: Bench) -> None:
        """Bring both currents to zero."""
        for source in (bench.sample_source, bench.calibration_source):
            source.set_amplitude(0.0)

    def restore(self, bench: Bench) -> None:
        """Ramp the current up again, and wait until the lock-in has followed."""
        self._start_current(bench)
        bench.clock.wait(self.settling_time(bench))

    def detection_phase(self, bench: Bench) -> float:
        """Phase (rad) at which the lock-in detects: that of the current."""
        return bench.source(self.source).phase

    def _start_current(self, bench: Bench) -> None:
        source = bench.source(self.source)
        bench.lock_in.set_reference(source.reference, self.frequency, self.detection_phase(bench))
        source.set_frequency(self.frequency)
        source.set_amplitude(self.largest_currents()[self.source])
        bench.clock.wait(_LOCKING)
        bench.lock_in.clear_status()  # of the unlock until the reference came
        if bench.lock_in.read().status & 8:
            raise DeviceError(
                "lock_in", "reference is not locked.", "Check the cable from the phase marker to the reference input."
            )

    def set(self, point: Point, bench: Bench) -> None:
        """Bring the bench to `point`: light, place, plates, field, current; moves only what changes."""
        if point.x is not None and point.y is not None:
            bench.stage.move_to(point.x, point.y)
        if point.field_angle is not None:
            bench.need("field_angle").move_to(point.field_angle)
        if point.transmission is not None:
            bench.need("attenuator").set_transmission(point.transmission)
        if point.channel is not None:
            bench.quarter_wave.insert(point.channel == "ellipticity")
        if point.polarization is not None:
            bench.polarization_plate.move_to(point.polarization / 2)
            balance = point.polarization / 2 + math.radians(22.5)
            bench.analyser_plate.move_to(balance + (point.analyser_offset or 0.0))
            if point.channel == "ellipticity":
                bench.quarter_wave.move_to(point.polarization)
        if point.field is not None:
            bench.magnet.set_field(point.field)
        if point.current is not None:
            bench.source(self.source).set_amplitude(point.current)

    @property
    def _filter(self) -> _Filter:
        return {"time_constant": self.time_constant, "slope": self.filter_slope}

    def settling_time(self, bench: Bench) -> float:
        """Return the settling time of the lock-in's filter (s)."""
        return bench.lock_in.settling_time(self.remainder, **self._filter)

    def reading_time(self, bench: Bench) -> float:
        """Return the time (s) that a reading of the lock-in takes."""
        return bench.lock_in.reading_time(**self._filter)

    def settle(self, bench: Bench) -> None:
        """Wait for the filter; an overload counts only in the second half, where it could still be felt."""
        half = self.settling_time(bench) / 2
        bench.clock.wait(half)
        bench.lock_in.clear_status()
        bench.clock.wait(half)

    def light(self, bench: Bench) -> float:
        """Sum (V) that the signal is referred to, held against the limit: the laser may have changed."""
        total = bench.sum_detector.read()
        bench.power_on_sample(total)
        return total

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read lock-in, detector sum, field, and all that could explain them later."""
        reading = bench.lock_in.read()
        total = self.light(bench)
        x, y = bench.stage.position()
        return {
            **self.asked(point),
            "time": bench.clock.now(),
            "field": bench.magnet.measure(),
            "kerr_signal": float(detection.kerr_signal(reading.x, total, bench.sum_detector.gain)),
            "x": reading.x,
            "y": reading.y,
            "sum": total,
            "current": bench.source(self.source).amplitude(),
            "polarization_plate": bench.polarization_plate.angle(),
            "analyser_plate": bench.analyser_plate.angle(),
            "quarter_wave": bench.quarter_wave.angle(),
            "stage_x": x,
            "stage_y": y,
            "lock_in_status": float(reading.status),
        }
