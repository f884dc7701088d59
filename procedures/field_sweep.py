"""Kerr loop against the external field at several laser polarisations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter

from analysis import detection
from analysis.run_file import Column
from analysis.stack import FloatArray
from instruments import Bench
from instruments.errors import DeviceError, LimitError
from instruments.roles import CurrentPath
from procedures.measurement import FloatListParameter, Measurement, Point, Reading

_HEADROOM = 5.0  # lock-in range over the signal at the first point
_LEAST_RANGE = 200e-9  # V


def hysteresis_loop(largest_field: float, steps: int) -> FloatArray:
    """Fields (2 steps,) (T) of a full loop: from +`largest_field` down to its negative, and back up."""
    down = np.linspace(largest_field, -largest_field, steps)
    return np.concatenate([down, down[::-1]])


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
        """One loop for each polarisation."""
        for polarization in self.polarizations:
            for field in hysteresis_loop(self.largest_field * 1e-3, self.steps):
                yield Point(field=float(field), polarization=math.radians(polarization))

    def check(self, bench: Bench) -> None:
        """Hold current, current density and field against the limits."""
        bench.check_current(self._path, self.current * 1e-3)
        bench.check_field(self.largest_field * 1e-3)
        if self.path == "coil" and self.frequency > 102e3:
            raise LimitError(
                f"lock_in: frequency must be at most 102 kHz; setting it to {self.frequency:g} Hz is refused."
            )

    def prepare(self, bench: Bench) -> None:
        """Saturate, choose the path, start the current, lock the reference, choose the lock-in's range."""
        bench.check_laser_power()
        for source in (bench.sample_source, bench.calibration_source):
            source.set_amplitude(0.0)
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
        assert point.polarization is not None and point.field is not None
        return {
            "time": bench.clock.now(),
            "field_set": point.field,
            "polarization": point.polarization,
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
