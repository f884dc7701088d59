"""Base of the procedures that read the Kerr signal behind the lock-in while an AC current flows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from pymeasure.experiment.parameters import FloatParameter, ListParameter

from analysis import detection
from analysis.loops import CHANNELS
from analysis.run_file import Column
from instruments import Bench
from instruments.roles import CurrentPath, LockInReading
from procedures.expectation import reading_noise, volts_per_angle
from procedures.lock_in_measurement import PREPARATION, LockInMeasurement
from procedures.measurement import Averaging, Point, Reading
from procedures.parameters import CurrentParameter

_HEADROOM = 5.0  # lock-in range over the signal at the first point
_NOISE_HEADROOM = 8.0  # lock-in range over the noise that is expected, as standard deviation
_LEAST_RANGE = 200e-9  # V

SET_POINTS: Mapping[str, Column] = {
    "field": Column("field_set", "T", "external field asked for", "set_point"),
    "perpendicular_field": Column("field_set", "T", "field along the film's normal asked for", "set_point"),
    "polarization": Column("polarization", "rad", "incident polarisation asked for", "set_point"),
    "channel": Column("channel", "", "channel read: 0 Kerr rotation, 1 ellipticity", "set_point"),
    "current": Column("current_set", "A", "current (peak) asked for", "set_point"),
    "field_angle": Column("field_angle_set", "rad", "angle of the field to the current asked for", "set_point"),
    "x": Column("stage_x_set", "m", "stage position along the current asked for", "set_point"),
    "y": Column("stage_y_set", "m", "stage position across the current asked for", "set_point"),
    "analyser_offset": Column("analyser_offset", "rad", "analysing plate off its balance, asked for", "set_point"),
    "harmonic": Column("harmonic", "", "harmonic of the current that is detected", "set_point"),
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


class KerrMeasurement(LockInMeasurement):
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
    target_error = FloatParameter(
        "Target standard error", units="nrad", default=0, minimum=0, maximum=1e9,
        description="Each point is averaged until the Kerr signal is known so well; 0 for a single reading",
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

    def strongest(self) -> Point:
        """Point with the largest signal, at which the lock-in's range is chosen; the first one by default."""
        return next(self.points())

    def prepare(self, bench: Bench) -> None:
        """Choose the path, saturate, start the current, lock the reference, choose the lock-in's range.

        The field is turned along the current unless the procedure turns it: an angle sweep before may have left it.
        """
        self.illuminate(bench)
        self.release(bench)
        bench.relay.select(self.source)
        bench.lock_in.configure(**self._filter)
        if bench.field_angle is not None and "field_angle" not in self.sets:
            bench.field_angle.move_to(0.0)
        self.set(replace(next(self.points()), current=None), bench)
        self._start_current(bench)
        self.set(self.strongest(), bench)
        bench.lock_in.set_sensitivity(1e-3)
        bench.clock.wait(self.settling_time(bench))
        reading = bench.lock_in.look()
        largest = _HEADROOM * math.hypot(reading.x, reading.y) + _NOISE_HEADROOM * self.noise_voltage(bench)
        bench.lock_in.set_sensitivity(max(largest, _LEAST_RANGE))

    def noise_voltage(self, bench: Bench) -> float:
        """Standard deviation (V rms) of a reading that the bench's figures let expect."""
        return self._reading_noise(bench) * volts_per_angle(bench)

    def illuminate(self, bench: Bench) -> None:
        """Let the light through, and see that there is light and not too much of it."""
        if bench.shutter is not None:
            bench.shutter.open()
        if bench.signal_switch is not None:
            bench.signal_switch.select("detector")
        bench.check_laser_power()

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
        if point.harmonic is not None:
            bench.lock_in.set_harmonic(point.harmonic)

    def travel_time(self, start: Point, stop: Point, bench: Bench) -> float:
        """Time (s) of `set`: light, place, plates, field and current, one after the other."""
        total = super().travel_time(start, stop, bench)
        if None not in (start.x, start.y, stop.x, stop.y):
            total += bench.stage.travel_time((start.x, start.y), (stop.x, stop.y))  # type: ignore[arg-type]
        if start.field_angle is not None and stop.field_angle is not None:
            total += bench.need("field_angle").travel_time(start.field_angle, stop.field_angle)
        if start.transmission is not None and stop.transmission is not None:
            total += bench.need("attenuator").travel_time(start.transmission, stop.transmission)
        if start.polarization is not None and stop.polarization is not None:
            before, after = start.polarization / 2, stop.polarization / 2
            total += bench.polarization_plate.travel_time(before, after)
            offsets = start.analyser_offset or 0.0, stop.analyser_offset or 0.0
            total += bench.analyser_plate.travel_time(before + offsets[0], after + offsets[1])
            if stop.channel == "ellipticity":
                total += bench.quarter_wave.travel_time(start.polarization, stop.polarization)
        if start.current is not None and stop.current is not None:
            total += bench.source(self.source).travel_time(start.current, stop.current)
        return total

    def preparation_time(self, bench: Bench) -> float:
        """Time (s) of `prepare`, from zero field and plates at zero, and of the end that makes the bench safe."""
        first, strongest = next(self.points()), self.strongest()
        source = bench.source(self.source)
        rest = replace(first, field=0.0, polarization=0.0, analyser_offset=None, current=0.0)
        return (
            self.travel_time(rest, first, bench)
            + self.travel_time(first, strongest, bench)
            + self.travel_time(strongest, first, bench)
            + source.travel_time(0.0, self.largest_currents()[self.source])
            + self.settling_time(bench)
            + bench.magnet.travel_time(first.field or 0.0, 0.0)
            + PREPARATION
        )

    def averaging_time(self, bench: Bench) -> float:
        """Return the time (s) of the readings after the first one that the noise of the bench asks for."""
        averaging = self.averaging()
        if averaging is None:
            return 0.0
        spacing = max(averaging.spacing, self.reading_time(bench))
        return spacing * (averaging.expected_readings(self._reading_noise(bench)) - 1)

    def point_noise(self, bench: Bench, transmission: float = 1.0) -> float:
        """Standard deviation (rad, peak) of the Kerr signal of one point, averaging included; sends nothing."""
        noise, averaging = self._reading_noise(bench, transmission), self.averaging()
        return noise if averaging is None else averaging.error(noise, averaging.expected_readings(noise))

    def _reading_noise(self, bench: Bench, transmission: float = 1.0) -> float:
        return reading_noise(bench, frequency=self.frequency, transmission=transmission, **self._filter)

    def waveform_bytes(self, bench: Bench) -> int:
        """Size of the waveform that is kept with each point."""
        if bench.recorder is None:
            return 0
        return bench.recorder.waveform_bytes(**self._filter, frequency=self.frequency)

    def light(self, bench: Bench) -> float:
        """Sum (V) that the signal is referred to, held against the limit: the laser may have changed."""
        total = bench.sum_detector.read()
        bench.power_on_sample(total)
        return total

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read the lock-in, and all of `row`."""
        return self.row(point, bench.lock_in.read(), bench)

    def row(self, point: Point, reading: LockInReading, bench: Bench) -> Reading:
        """Put `reading` beside detector sum, field, and all that could explain it later."""
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
