"""Kerr signal against the angle between current and magnetisation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import ListParameter

from analysis.angle_sweep import angle_quantities
from analysis.errors import InputError
from analysis.result import Estimate
from instruments import Bench
from procedures.expectation import asot_angle, reported, with_expected_misfit
from procedures.measurement import Point
from procedures.order import there_and_back
from procedures.parameters import FloatListParameter
from procedures.saturated_measurement import SaturatedMeasurement

_LEAST_ANGLES = 7  # five parameters are fitted


class AngleSweep(SaturatedMeasurement):
    """Kerr signal against the angle between current and magnetisation (paper, Fig. 3b).

    A field of constant magnitude, far above the coercive field, turns the magnetisation; the polarisation follows
    it. What an ASOT makes is proportional to the cosine of the angle; what an out-of-plane field makes, that of the
    coil or the Oersted field off the centre, does not depend on it. Every second angle is measured on the way there,
    the others on the way back. Needs the role `field_angle`.
    """

    path = ListParameter(
        "Current path", choices=["sample"], default="sample",
        description="Through the sample: what a coil makes does not depend on the angle",
    )  # fmt: skip
    field_angles = FloatListParameter(
        "Field angles", units="deg", default=[15 * step for step in range(24)], minimum=-360, maximum=360,
        description="Angles of the field to the current, in any order; best all round in equal steps",
    )  # fmt: skip
    polarizations = FloatListParameter(
        "Polarisations", units="deg", default=[45, 135], minimum=-360, maximum=360,
        description="Incident polarisations from the magnetisation, to be averaged; 45 and 135 cancel the quadratic "
        "effect",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("field_angle", "field", "polarization", "channel")
    plot: ClassVar[Mapping[str, str]] = {
        "signal": "kerr_signal", "axis": "field_angle_set", "title": "Kerr signal and angle of the magnetisation",
    }  # fmt: skip

    def title(self) -> str:
        """Say what is measured, e.g. "ASOT against angle, rotation, 40 mA"."""
        return f"ASOT against angle, {self.channel}, {self.current:g} mA"

    def points(self) -> Iterator[Point]:
        """For each channel and polarisation all angles, there and back; plates stay within half a turn."""
        angles = sorted(set(self.field_angles))
        for setting, (channel, offset) in enumerate(self.settings()):
            for place in there_and_back(range(len(angles))):
                angle = math.radians(angles[place])
                yield Point(
                    field_angle=angle,
                    field=self.field * 1e-3,
                    polarization=(angle + offset) % math.pi,
                    channel=channel,
                    sequence=setting * len(angles) + place,
                )

    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits; there must be a field that turns, and enough angles."""
        bench.need("field_angle")
        super().check(bench)
        different = {round(angle % 360, 6) for angle in self.field_angles}
        if len(different) < _LEAST_ANGLES:
            raise InputError(
                f"field_angles must hold {_LEAST_ANGLES} different directions at least; received {len(different)}. "
                "Give e.g. every 15 deg from 0 to 345."
            )

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Cosine of the shared model, with what the noise leaves in the same fit."""
        noise = self.point_noise(bench)
        angles = np.radians(sorted(set(self.field_angles)))
        std = np.full(len(angles), noise / (len(self.polarizations) * self.repeats) ** 0.5)
        found: dict[str, Estimate] = {}
        largest = 0.0
        for channel in self.channels():
            amplitude = reported(asot_angle(bench, self.current * 1e-3, self.field * 1e-3), channel)
            largest = max(largest, abs(amplitude))
            found |= angle_quantities(channel, angles, amplitude * np.cos(angles), std)
        return {"signal": Estimate(largest, noise, "rad"), **with_expected_misfit(found)}
