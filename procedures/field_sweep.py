"""Kerr loop against the external field at several laser polarisations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter

from analysis import detection
from analysis.run_file import Column
from analysis.stack import FloatArray
from instruments import Bench
from instruments.errors import DeviceError, LimitError
from instruments.roles import CurrentPath
from procedures.measurement import Averaging, FloatListParameter, Measurement, Point, Reading
from procedures.order import Order, hysteresis_loop, ordered, refined_fields

_HEADROOM = 5.0  # lock-in range over the signal at the first point
_LEAST_RANGE = 200e-9  # V


class FieldSweep(Measurement):
    """Kerr loop against the external field at several laser polarisations (paper, Fig. 2c to f).

    The current runs through the sample (ASOT) or round it (calibration field); the light is read for Kerr
    rotation, or for ellipticity with the quarter-wave plate following the polarisation. Every loop begins in
    saturation at the largest field.
    """

    path = ListParameter(
        "Current path", choices=["sample", "coil"], default="sample",
        description="Through the sample (ASOT), or round it in the coil (calibration field)",
    )  # fmt: skip
    channel = ListParameter(
        "Channel", choices=["rotation", "ellipticity"], default="rotation",
        description="Kerr rotation, or ellipticity with the quarter-wave plate in the beam",
    )  # fmt: skip
    current = FloatParameter(
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
    largest_field = FloatParameter(
        "Largest field",
        units="mT",
        default=50,
        minimum=0.1,
        maximum=2000,
        description="The loop runs from this to its negative",
    )
    steps = IntegerParameter(
        "Points per branch",
        default=51,
        minimum=3,
        maximum=100_000,
        description="Number of fields on each branch of the loop",
    )
    polarizations = FloatListParameter(
        "Polarisations", units="deg", default=[45, 135], minimum=-360, maximum=360,
        description="Incident polarisations, to be averaged; 45 and 135 cancel the quadratic effect",
    )  # fmt: skip
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
    order = ListParameter(
        "Order", choices=["loops", "snake", "interleaved"], default="loops",
        description="One loop after the other; all polarisations at each field, there and back; or +H and -H in turn",
    )  # fmt: skip
    target_error = FloatParameter(
        "Target standard error", units="nrad", default=0, minimum=0, maximum=1e9,
        description="Each point is averaged until the Kerr signal is known so well; 0 for a single reading",
    )  # fmt: skip
    longest_average = FloatParameter(
        "Longest average", units="s", default=60, minimum=0, maximum=1e6,
        description="Time after which a point is done even if the target is not reached",
    )  # fmt: skip
    refine = IntegerParameter(
        "Refinement", default=0, minimum=0, maximum=1000,
        description="Fields added in a second pass where the signal changes most",
    )  # fmt: skip
    refine_within = FloatParameter(
        "Refinement within", units="mT", default=10, minimum=0, maximum=2000,
        description="Fields are added between this and its negative only",
    )  # fmt: skip

    columns: ClassVar[tuple[Column, ...]] = (
        Column("time", "s", "bench time", "time"),
        Column("field_set", "T", "external field asked for", "set_point"),
        Column("polarization", "rad", "incident polarisation asked for", "set_point"),
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
    plot: ClassVar[dict[str, str]] = {"signal": "kerr_signal", "axis": "field", "title": "Kerr loop"}

    def title(self) -> str:
        """Say what is measured, e.g. "ASOT, Kerr rotation, 40 mA"."""
        what = "ASOT" if self.path == "sample" else "calibration field"
        channel = "Kerr rotation" if self.channel == "rotation" else "ellipticity"
        return f"{what}, {channel}, {self.current:g} mA"

    def points(self) -> Iterator[Point]:
        """One loop for each polarisation, in the chosen order."""
        return self._loops(hysteresis_loop(self.highest_field(), self.steps), repeat=0)

    def _loops(self, fields: FloatArray, repeat: int) -> Iterator[Point]:
        angles = [math.radians(angle) for angle in self.polarizations]
        for angle, step in ordered(Order(self.order), len(angles), len(fields)):
            yield Point(float(fields[step]), angles[angle], angle * len(fields) + step, repeat)

    def highest_field(self) -> float:
        """Field (T) from which the loops run to its negative."""
        return float(self.largest_field) * 1e-3

    def pass_count(self) -> int:
        """Return the number of points of all loops."""
        return 2 * int(self.steps) * len(self.polarizations)

    def asked(self, point: Point) -> Reading:
        """Field and polarisation."""
        assert point.polarization is not None and point.field is not None
        return {"field_set": point.field, "polarization": point.polarization}

    def forgets(self, point: Point) -> bool:
        """Whether the sample is saturated: at the largest field."""
        return point.field is not None and abs(point.field) >= self.highest_field()

    def refinement(self, rows: Mapping[str, FloatArray]) -> Sequence[Point]:
        """A second loop for each polarisation, over the fields between which the signal changes most."""
        order = np.lexsort((rows["sequence"], rows["repeat"]))
        loop = rows["sequence"] // (2 * self.steps) + rows["repeat"] * len(self.polarizations)
        extra = refined_fields(
            rows["field_set"][order], rows["kerr_signal"][order], loop[order], self.refine, self.refine_within * 1e-3
        )
        if not len(extra):
            return ()
        down = np.concatenate([[self.highest_field()], extra[::-1], [-self.highest_field()]])
        return tuple(self._loops(np.concatenate([down, -down]), repeat=self.repeats))

    def refinement_count(self) -> int:
        """Both branches, with saturation at their ends."""
        return 2 * (self.refine + 2) * len(self.polarizations) if self.refine else 0

    def averaging(self) -> Averaging | None:
        """Average the Kerr signal where a target is set."""
        if not self.target_error:
            return None
        return Averaging(
            "kerr_signal", self.target_error * 1e-9, self.longest_average, self.time_constant, self.filter_slope
        )

    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """Return the one amplitude on the one path."""
        return {self._path: self.current * 1e-3}

    def check(self, bench: Bench) -> None:
        """Hold current, current density, frequency and field against the limits."""
        super().check(bench)
        bench.lock_in.check_filter(time_constant=self.time_constant, slope=self.filter_slope)
        if self.path == "coil" and self.frequency > 102e3:
            raise LimitError(
                f"lock_in: frequency must be at most 102 kHz; setting it to {self.frequency:g} Hz is refused."
            )

    def prepare(self, bench: Bench) -> None:
        """Saturate, choose the path, start the current, lock the reference, choose the lock-in's range."""
        bench.check_laser_power()
        self.release(bench)
        bench.relay.select(self._path)
        bench.quarter_wave.insert(self.channel == "ellipticity")
        bench.lock_in.configure(time_constant=self.time_constant, slope=self.filter_slope)
        first = next(self.points())
        self.set(first, bench)
        self._start_current(bench)
        bench.lock_in.set_sensitivity(1e-3)
        bench.clock.wait(self.settling_time(bench))
        reading = bench.lock_in.read()
        bench.lock_in.set_sensitivity(max(_HEADROOM * math.hypot(reading.x, reading.y), _LEAST_RANGE))

    def release(self, bench: Bench) -> None:
        """Bring both currents to zero."""
        for source in (bench.sample_source, bench.calibration_source):
            source.set_amplitude(0.0)

    def restore(self, bench: Bench) -> None:
        """Ramp the current up again, and wait until the lock-in has followed."""
        self._start_current(bench)
        bench.clock.wait(self.settling_time(bench))

    def _start_current(self, bench: Bench) -> None:
        source = bench.source(self._path)
        bench.lock_in.set_reference(source.reference, self.frequency, source.phase)
        source.set_frequency(self.frequency)
        source.set_amplitude(self.current * 1e-3)
        bench.clock.wait(1.0)
        bench.lock_in.clear_status()  # of the unlock until the reference came
        if bench.lock_in.read().status & 8:
            raise DeviceError(
                "lock_in", "reference is not locked.", "Check the cable from the phase marker to the reference input."
            )

    def set(self, point: Point, bench: Bench) -> None:
        """Turn the plates to the polarisation and ramp the field; moves only what changes."""
        assert point.polarization is not None and point.field is not None
        bench.polarization_plate.move_to(point.polarization / 2)
        bench.analyser_plate.move_to(point.polarization / 2 + math.radians(22.5))
        if self.channel == "ellipticity":
            bench.quarter_wave.move_to(point.polarization)
        bench.magnet.set_field(point.field)

    def settling_time(self, bench: Bench) -> float:
        """Return the settling time of the lock-in's filter (s)."""
        return detection.settling_time(self.time_constant, self.filter_slope, self.remainder)

    def waveform_bytes(self, bench: Bench) -> int:
        """Size of the waveform that is kept with each point."""
        if bench.recorder is None:
            return 0
        return bench.recorder.waveform_bytes(
            time_constant=self.time_constant, slope=self.filter_slope, frequency=self.frequency
        )

    def settle(self, bench: Bench) -> None:
        """Wait for the filter; an overload counts only in the second half, where it could still be felt."""
        half = self.settling_time(bench) / 2
        bench.clock.wait(half)
        bench.lock_in.clear_status()
        bench.clock.wait(half)

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read lock-in, detector sum, field, and all that could explain them later."""
        reading = bench.lock_in.read()
        total = bench.sum_detector.read()
        x, y = bench.stage.position()
        return {
            "time": bench.clock.now(),
            **self.asked(point),
            "field": bench.magnet.measure(),
            "kerr_signal": float(detection.kerr_signal(reading.x, total, bench.sum_detector.gain)),
            "x": reading.x,
            "y": reading.y,
            "sum": total,
            "current": bench.source(self._path).amplitude(),
            "polarization_plate": bench.polarization_plate.angle(),
            "analyser_plate": bench.analyser_plate.angle(),
            "quarter_wave": bench.quarter_wave.angle(),
            "stage_x": x,
            "stage_y": y,
            "lock_in_status": float(reading.status),
        }

    @property
    def _path(self) -> CurrentPath:
        return "coil" if self.path == "coil" else "sample"
