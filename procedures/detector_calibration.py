"""Balance and scale of the detector, from known turns of the analysing plate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter

from analysis.detector_calibration import fit_balance, response_errors
from analysis.result import Estimate
from analysis.run_file import Column
from analysis.stack import FloatArray
from instruments import Bench
from instruments.detector import DIFFERENCE_CONVERSIONS, SUM_CONVERSIONS
from instruments.roles import CurrentPath
from procedures.expectation import sum_voltage
from procedures.kerr_measurement import SET_POINTS
from procedures.measurement import Measurement, Point, Reading


class DetectorCalibration(Measurement):
    """Response of the balanced detector: the analysing plate turns by known angles (paper, Methods: detection).

    A turn by delta reads as a Kerr rotation by -2 delta: (I_A - I_B)/(I_A + I_B) = -sin 4 delta, whatever the sample
    does, which ties volts to radians and shows the sign. Where the ratio vanishes the detector is balanced;
    `then = "balance"` trims the zero of the plate there, for as long as the bench is open.
    """

    polarization = FloatParameter(
        "Polarisation", units="deg", default=45, minimum=-360, maximum=360, description="Incident polarisation"
    )
    span = FloatParameter(
        "Span", units="deg", default=5, minimum=0.1, maximum=20,
        description="The plate turns from the negative of this to this, about its balance",
    )  # fmt: skip
    steps = IntegerParameter("Steps", default=21, minimum=7, maximum=10_000, description="Number of angles")
    dwell = FloatParameter(
        "Dwell", units="s", default=0.5, minimum=0, maximum=1e4, description="Wait after each turn before the reading"
    )
    then = ListParameter(
        "Then", choices=["return", "balance"], default="return",
        description="Leave the zero of the plate as it is, or trim it to the balance that was found",
    )  # fmt: skip

    columns: ClassVar[tuple[Column, ...]] = (
        SET_POINTS["analyser_offset"],
        Column("time", "s", "bench time", "time"),
        Column("ratio", "", "difference over sum", "measured"),
        Column("difference", "V", "detector difference", "measured"),
        Column("sum", "V", "detector sum", "measured"),
        Column("plate_offset", "rad", "analysing plate off its nominal balance, read back", "measured"),
    )
    plot: ClassVar[Mapping[str, str]] = {"signal": "ratio", "axis": "plate_offset", "title": "Balance of the detector"}

    def points(self) -> Iterator[Point]:
        """Yield equal steps from one side to the other."""
        for number, offset in enumerate(self._offsets()):
            yield Point(
                polarization=math.radians(self.polarization),
                channel="rotation",
                analyser_offset=float(offset),
                sequence=number,
            )

    def _offsets(self) -> FloatArray:
        return np.linspace(-1, 1, int(self.steps)) * math.radians(self.span)

    def _balance(self) -> float:
        """Nominal balance of the analysing plate (rad)."""
        return math.radians(self.polarization / 2 + 22.5)

    def asked(self, point: Point) -> Reading:
        """Return the turn of the plate."""
        assert point.analyser_offset is not None
        return {"analyser_offset": point.analyser_offset}

    def title(self) -> str:
        """Say over which angles."""
        return f"detector calibration, {self.steps} angles to {self.span:g} degrees either way"

    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """None flows."""
        return {}

    def check(self, bench: Bench) -> None:
        """See that the difference can be read at DC."""
        bench.need("difference_detector")
        super().check(bench)

    def prepare(self, bench: Bench) -> None:
        """Let the light in, take every current away, turn the plates to where the first point is."""
        if bench.shutter is not None:
            bench.shutter.open()
        if bench.signal_switch is not None:
            bench.signal_switch.select("detector")
        bench.check_laser_power()
        self.release(bench)
        self.set(next(self.points()), bench)

    def release(self, bench: Bench) -> None:
        """Bring both currents to zero."""
        for source in (bench.sample_source, bench.calibration_source):
            source.set_amplitude(0.0)

    def restore(self, bench: Bench) -> None:
        """Nothing: no current was on."""

    def set(self, point: Point, bench: Bench) -> None:
        """Turn the plates; the quarter-wave plate stays out of the beam."""
        assert point.polarization is not None and point.analyser_offset is not None
        bench.quarter_wave.insert(False)
        bench.polarization_plate.move_to(point.polarization / 2)
        bench.analyser_plate.move_to(self._balance() + point.analyser_offset)

    def duration(self, bench: Bench) -> float:
        """Return the expected duration (s): dwell, and travel of both plates, which begin anywhere, say at 0."""
        stops = [*self._balance() + np.tile(self._offsets(), self.repeats), self._balance()]
        travel = sum(bench.analyser_plate.travel_time(start, stop) for start, stop in pairwise([0.0, *stops]))
        first = bench.polarization_plate.travel_time(0.0, math.radians(self.polarization) / 2)
        return float(self.point_count() * self.dwell + travel + first)

    def settling_time(self, bench: Bench) -> float:
        """Return the dwell (s)."""
        return float(self.dwell)

    def settle(self, bench: Bench) -> None:
        """Wait for the dwell."""
        bench.clock.wait(self.settling_time(bench))

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read difference and sum at DC, and where the plate stands."""
        difference = bench.need("difference_detector").read()
        total = bench.sum_detector.read()
        bench.power_on_sample(total)
        return {
            **self.asked(point),
            "time": bench.clock.now(),
            "ratio": difference / total,
            "difference": difference,
            "sum": total,
            "plate_offset": bench.analyser_plate.angle() - self._balance(),
        }

    @property
    def others_rest_on_it(self) -> bool:
        """Whether others were promised a balance."""
        return bool(self.then == "balance")

    def conclude(self, rows: Mapping[str, FloatArray], bench: Bench) -> None:
        """Trim the zero of the analysing plate if asked for, and turn it to its balance."""
        if self.then == "balance":
            bench.analyser_plate.trim += fit_balance(rows["plate_offset"], rows["ratio"]).balance_offset
        bench.analyser_plate.move_to(self._balance())

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """An ideal detector, balanced, with the noise of the card."""
        ratio = np.sin(4 * self._offsets())  # of either sign
        figures, total = bench.file.noise, sum_voltage(bench)
        variance = 1 / DIFFERENCE_CONVERSIONS + ratio**2 / SUM_CONVERSIONS
        noise = figures.card_noise / total * np.sqrt(variance)
        errors = response_errors(self._offsets(), noise) / math.sqrt(self.repeats)
        values = {"slope": (4.0, "1/rad"), "balance_offset": (0.0, "rad"), "quadratic": (0.0, "1"), "cubic": (0.0, "1")}
        return {
            name: Estimate(value, float(error), unit)
            for (name, (value, unit)), error in zip(values.items(), errors, strict=True)
        }
