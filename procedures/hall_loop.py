"""Anomalous Hall loop of a Hall bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter

from analysis.hall_loop import planned_hall_loop
from analysis.result import Estimate
from analysis.run_file import Column
from instruments import Bench
from instruments.roles import CurrentPath
from procedures.contact_measurement import ContactMeasurement, contact_columns
from procedures.kerr_measurement import SET_POINTS
from procedures.measurement import Point, Reading
from procedures.order import Branches, branch_fields
from procedures.parameters import CurrentParameter

ASSUMED_RESISTIVITY = 2e-9
"""Anomalous Hall resistivity (ohm m) that an expectation takes for a film not measured yet."""


class HallLoop(ContactMeasurement):
    """Anomalous Hall loop of a Hall bar: Hall resistance against a field along the film's normal.

    The field has to go well beyond saturation, where the slope that is left is the ordinary Hall effect. The step is
    the anomalous Hall conductivity (paper, table of Ni, Fe and Co), the knee the effective field, which the analysis of
    torques takes as given.
    """

    current = CurrentParameter(
        "Current (peak)", units="mA", default=10, minimum=1e-3, maximum=1000,
        description="Amplitude of the AC current, peak",
    )  # fmt: skip
    largest_field = FloatParameter(
        "Largest field", units="mT", default=1800, minimum=1, maximum=20_000,
        description="Along the normal; the loop runs from this to its negative and back",
    )  # fmt: skip
    steps = IntegerParameter(
        "Points per branch", default=37, minimum=9, maximum=100_000,
        description="Number of equally spaced fields on each branch of the loop",
    )  # fmt: skip

    taps = "hall_taps"
    signal = "hall_resistance"
    columns: ClassVar[tuple[Column, ...]] = contact_columns(
        SET_POINTS["perpendicular_field"],
        Column("field", "T", "field along the film's normal", "measured"),
        signal=Column("hall_resistance", "ohm", "Hall resistance", "measured"),
    )
    plot: ClassVar[Mapping[str, str]] = {"signal": "hall_resistance", "axis": "field", "title": "Hall loop"}

    def title(self) -> str:
        """Say what is measured."""
        return f"Hall loop to {self.largest_field * 1e-3:g} T, {self.current:g} mA"

    def _fields(self) -> list[float]:
        return branch_fields(Branches.LOOP, self.highest_field(), self.steps, 0, 0.0).tolist()  # type: ignore[no-any-return]

    def points(self) -> Iterator[Point]:
        """From the largest field to its negative, and back."""
        for place, field in enumerate(self._fields()):
            yield Point(perpendicular_field=field, sequence=place)

    def asked(self, point: Point) -> Reading:
        """Return the field asked for."""
        assert point.perpendicular_field is not None
        return {"field_set": point.perpendicular_field}

    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """Return the one current through the sample."""
        return {"sample": self.current * 1e-3}

    def highest_field(self) -> float:
        """Field (T) from which the loop runs to its negative."""
        return float(self.largest_field) * 1e-3

    def strongest(self) -> Point:
        """Largest field."""
        return Point(perpendicular_field=self.highest_field())

    def expected_resistance(self, bench: Bench) -> float:
        """Anomalous Hall resistance (ohm) of the assumed resistivity."""
        return ASSUMED_RESISTIVITY / bench.sample.film.thickness.value

    def check(self, bench: Bench) -> None:
        """Hold current and field against the limits; the bench must have a magnet along the normal."""
        super().check(bench)
        bench.check_perpendicular_field(self.highest_field())

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read the Hall resistance and the field."""
        return {**super().measure(point, bench), "field": bench.need("perpendicular_magnet").measure()}

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Hall resistance of an assumed resistivity, effective field of the sample file, and what noise leaves."""
        resistance, noise = self.expected_resistance(bench), self.voltage_noise(bench)
        saturation = bench.sample.average_effective_field
        field = np.array([*self._fields()] * int(self.repeats))
        if self.highest_field() <= saturation:
            return {"signal": Estimate(resistance * self.current * 1e-3, noise, "V")}
        planned = planned_hall_loop(field, resistance, saturation, noise / (self.current * 1e-3))
        return {**planned, "signal": Estimate(resistance * self.current * 1e-3, noise, "V")}
