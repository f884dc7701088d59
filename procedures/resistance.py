"""Four-probe resistance of the sample against the current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from analysis.errors import InputError
from analysis.resistance import conductivity, conductivity_effects, fit_voltages
from analysis.result import Estimate, combined
from analysis.run_file import Column
from instruments import Bench
from instruments.roles import CurrentPath
from procedures.contact_measurement import ContactMeasurement, contact_columns
from procedures.kerr_measurement import SET_POINTS
from procedures.measurement import Point, Reading
from procedures.parameters import CurrentListParameter


class Resistance(ContactMeasurement):
    """Four-probe resistance of the sample against the current, by the lock-in on the voltage taps.

    The currents are taken up and down again. Extrapolated to zero current the resistance gives the conductivity,
    which turns current density into electric field (paper, Fig. 3e and the torque conductivities); its rise with the
    square of the current tells the heating.
    """

    currents = CurrentListParameter(
        "Currents (peak)", units="mA", default=[5, 10, 15, 20, 25, 30, 35, 40], minimum=1e-3, maximum=1000,
        description="Amplitudes, taken in this order and back; three or more different ones",
    )  # fmt: skip

    taps = "voltage_taps"
    signal = "resistance"
    columns: ClassVar[tuple[Column, ...]] = contact_columns(
        SET_POINTS["current"], signal=Column("resistance", "ohm", "resistance between the voltage taps", "measured")
    )
    plot: ClassVar[Mapping[str, str]] = {"signal": "resistance", "axis": "current_set", "title": "Resistance"}

    def title(self) -> str:
        """Say what is measured."""
        return f"four-probe resistance, {min(self.currents):g} to {max(self.currents):g} mA"

    def points(self) -> Iterator[Point]:
        """Every current, and back."""
        for place, current in enumerate([*self.currents, *reversed(self.currents)]):
            yield Point(current=current * 1e-3, sequence=place)

    def asked(self, point: Point) -> Reading:
        """Return the current asked for."""
        assert point.current is not None
        return {"current_set": point.current}

    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """Return the largest current through the sample."""
        return {"sample": max(self.currents) * 1e-3}

    def strongest(self) -> Point:
        """Largest current."""
        return Point(current=max(self.currents) * 1e-3)

    def expected_resistance(self, bench: Bench) -> float:
        """Resistance (ohm) by the sample file."""
        return bench.sample.resistance

    def check(self, bench: Bench) -> None:
        """Hold every current against the limits; three different ones are needed to tell the heating."""
        if len(set(self.currents)) < 3:
            raise InputError(
                f"currents must be at least three different ones; received {self.currents} mA. Add some below the "
                "largest."
            )
        super().check(bench)

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Resistance and conductivity by the sample file, no heating, with what noise and geometry leave unknown."""
        noise = self.voltage_noise(bench)
        current = np.unique(np.array(self.currents)) * 1e-3
        sample = bench.sample
        nominal = sample.resistance
        # Readings at one current share the error of the range's steps, so that they count as one.
        fit = fit_voltages(current, nominal * current, np.full(len(current), noise))
        found = fit["resistance"]
        assert found.std is not None
        sigma = conductivity(sample, nominal)
        own, *shape = conductivity_effects(sample, nominal)
        return {
            "resistance": found,
            "conductivity": combined(sigma, abs(own) * sigma * found.std / nominal, shape, "S/m"),
            "heating_coefficient": fit["heating_coefficient"],
            "signal": Estimate(nominal * float(current[-1]), noise, "V"),
        }
