"""Kerr signal in saturation against the current through the sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import ListParameter

from analysis.current_sweep import current_quantities, second_harmonic_quantities
from analysis.result import Estimate
from analysis.run_file import Column
from instruments import Bench
from instruments.roles import CurrentPath
from procedures.expectation import asot_angle, calibration_angle, reported, with_expected_misfit
from procedures.kerr_measurement import KERR_COLUMNS, SET_POINTS
from procedures.measurement import Point, Reading
from procedures.order import there_and_back
from procedures.parameters import CurrentListParameter
from procedures.saturated_measurement import SaturatedMeasurement, require_spread


class CurrentSweep(SaturatedMeasurement):
    """Kerr signal at +H and -H against the current (paper, Fig. 3a), to which a torque is proportional.

    At each current the signal is read in saturation at +H and at -H, in turn; half the difference, averaged over
    the polarisations, is what a torque makes (in the coil half the sum, what the calibration field makes). A torque
    is linear in the current; heat bends the line with the cube of the current, and shows at the second harmonic.
    Every second current is measured on the way up, the others on the way down, so that a drift is no curvature.
    """

    current = None  # type: ignore[assignment]  # the list takes its place
    currents = CurrentListParameter(
        "Currents (peak)", units="mA", default=[5, 10, 15, 20, 25, 30, 35, 40], minimum=1e-3, maximum=1000,
        description="Amplitudes of the AC current, peak, in any order",
    )  # fmt: skip
    second_harmonic = ListParameter(
        "Second harmonic", choices=["beside", "own points"], default="beside",
        description="Read beside the first where the lock-in reads both at once, else not; or at points of its own",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("current", "field", "polarization", "channel", "harmonic")
    columns: ClassVar[tuple[Column, ...]] = (
        *(SET_POINTS[name] for name in sets),
        *KERR_COLUMNS,
        Column("second_x", "V", "second harmonic X (rms) of the same record", "measured"),
        Column("second_y", "V", "second harmonic Y (rms) of the same record", "measured"),
    )
    plot: ClassVar[Mapping[str, str]] = {"signal": "kerr_signal", "axis": "current", "title": "Kerr signal and current"}

    def title(self) -> str:
        """Say what is measured, e.g. "ASOT against current, rotation, up to 40 mA"."""
        what = "ASOT" if self.path == "sample" else "calibration field"
        return f"{what} against current, {self.channel}, up to {max(self.currents):g} mA"

    def points(self) -> Iterator[Point]:
        """For each channel and polarisation all currents, there and back, with +H and -H (or -H and +H) at each."""
        harmonics = (1, 2) if self.second_harmonic == "own points" else (1,)
        currents = sorted(set(self.currents))
        order = there_and_back(range(len(currents)))
        for setting, (channel, polarization) in enumerate(self.settings()):
            for turn, place in enumerate(order):
                for side in (0, 1) if turn % 2 == 0 else (1, 0):
                    for harmonic in harmonics:
                        yield Point(
                            current=currents[place] * 1e-3,
                            field=self.field * 1e-3 * (1, -1)[side],
                            polarization=polarization,
                            channel=channel,
                            harmonic=harmonic,
                            sequence=((setting * len(currents) + place) * 2 + side) * len(harmonics) + harmonic - 1,
                        )

    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """Return the largest of the currents, on the path."""
        return {self.source: max(self.currents) * 1e-3}

    def strongest(self) -> Point:
        """First point at the largest current."""
        largest = max(self.currents) * 1e-3
        return next(point for point in self.points() if point.current == largest)

    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits; the currents must differ enough for a line."""
        super().check(bench)
        require_spread("currents", self.currents, "mA")

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read lock-in, detector sum, field, and the second harmonic where it comes with the first."""
        reading = bench.lock_in.read()
        second = complex(np.nan, np.nan) if reading.second is None else reading.second
        return {**self.row(point, reading, bench), "second_x": second.real, "second_y": second.imag}

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Slopes of the shared model and no heating, with what the noise leaves in the same fits."""
        noise = self.point_noise(bench)
        currents = np.array(sorted(set(self.currents))) * 1e-3
        pairs = 2 * len(self.polarizations) * self.repeats
        std = np.full(len(currents), noise / pairs**0.5)
        angle = asot_angle if self.path == "sample" else calibration_angle
        found: dict[str, Estimate] = {}
        largest = 0.0
        for channel in self.channels():
            signal = reported(angle(bench, 1.0, self.field * 1e-3), channel) * currents
            largest = max(largest, abs(signal[-1]))
            found |= current_quantities(channel, currents, signal, std)
            if self.second_harmonic == "own points":
                nothing = np.zeros_like(currents)
                found |= second_harmonic_quantities(channel, currents, nothing, nothing, std)
        return {"signal": Estimate(largest, noise, "rad"), **with_expected_misfit(found)}
