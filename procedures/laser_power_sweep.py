"""Kerr signal in saturation against the laser power."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from analysis.laser_power_sweep import power_quantities
from analysis.result import Estimate
from analysis.stack import FloatArray
from instruments import Bench
from instruments.errors import LimitError
from procedures.expectation import asot_angle, calibration_angle, reported, with_expected_misfit
from procedures.measurement import Point
from procedures.order import there_and_back
from procedures.parameters import FloatListParameter
from procedures.saturated_measurement import SaturatedMeasurement, require_spread


class LaserPowerSweep(SaturatedMeasurement):
    """Kerr signal at +H and -H against the laser power, which heats what it measures.

    The attenuator weakens the light in steps; at each the signal, normalised by the detector sum, is read in
    saturation at +H and at -H. Half the difference (in the coil half the sum) against the power is extrapolated to
    no light. Needs the role `attenuator`, which is left at the strongest light of the sweep.
    """

    transmissions = FloatListParameter(
        "Transmissions", default=[0.25, 0.4, 0.55, 0.7, 0.85, 1], minimum=0.001, maximum=1,
        description="Of the attenuator, in any order; the strongest light is checked before the run",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("transmission", "field", "polarization", "channel")
    plot: ClassVar[Mapping[str, str]] = {"signal": "kerr_signal", "axis": "sum", "title": "Kerr signal and laser power"}

    def title(self) -> str:
        """Say what is measured, e.g. "ASOT against laser power, rotation, 40 mA"."""
        what = "ASOT" if self.path == "sample" else "calibration field"
        return f"{what} against laser power, {self.channel}, {self.current:g} mA"

    def points(self) -> Iterator[Point]:
        """For each channel and polarisation all powers, there and back, with +H and -H (or -H and +H) at each."""
        transmissions = sorted(set(self.transmissions), reverse=True)
        order = there_and_back(range(len(transmissions)))
        for setting, (channel, polarization) in enumerate(self.settings()):
            for turn, place in enumerate(order):
                for side in (0, 1) if turn % 2 == 0 else (1, 0):
                    yield Point(
                        transmission=transmissions[place],
                        field=self.field * 1e-3 * (1, -1)[side],
                        polarization=polarization,
                        channel=channel,
                        sequence=(setting * len(transmissions) + place) * 2 + side,
                    )

    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits; there must be an attenuator, and powers that differ enough."""
        bench.need("attenuator")
        super().check(bench)
        require_spread("transmissions", self.transmissions, "")

    def prepare(self, bench: Bench) -> None:
        """Hold the strongest light of the sweep against the limit by what the weakest shows; then as ever."""
        attenuator, weakest, strongest = bench.need("attenuator"), min(self.transmissions), max(self.transmissions)
        self._before = attenuator.transmission()
        attenuator.set_transmission(weakest)
        self.illuminate(bench)
        power, bearable = bench.check_laser_power() * strongest / weakest, bench.sample.limits.laser_power
        if power > bearable:
            raise LimitError(
                f"Laser power must be at most {bearable * 1e3:g} mW; transmission {strongest:g} would make "
                f"{power * 1e3:.3g} mW. Lower the transmissions in the recipe."
            )
        attenuator.set_transmission(strongest)
        super().prepare(bench)

    def conclude(self, rows: Mapping[str, FloatArray], bench: Bench) -> None:
        """Give the bench the light back that it had."""
        bench.need("attenuator").set_transmission(self._before)

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Signal of the shared model and no heating, with what the noise leaves in the same fit."""
        transmissions = sorted(set(self.transmissions))
        power = bench.file.noise.laser_power * np.array(transmissions)
        noise = np.array([self.point_noise(bench, transmission) for transmission in transmissions])
        std = noise / (2 * len(self.polarizations) * self.repeats) ** 0.5
        angle = asot_angle if self.path == "sample" else calibration_angle
        found: dict[str, Estimate] = {}
        largest = 0.0
        for channel in self.channels():
            signal = reported(angle(bench, self.current * 1e-3, self.field * 1e-3), channel)
            largest = max(largest, abs(signal))
            found |= power_quantities(channel, power, np.full(len(power), signal), std)
        return {"signal": Estimate(largest, float(noise[-1]), "rad"), **with_expected_misfit(found)}
