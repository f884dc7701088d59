"""Kerr signal against the laser polarisation: polar and quadratic effect told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter

from analysis.detection import reported
from analysis.errors import InputError
from analysis.least_squares import fit_linear
from analysis.polarization_sweep import polarization_design
from analysis.result import Estimate
from instruments import Bench
from procedures.expectation import asot_angle, calibration_angle, reading_noise
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import Point


class PolarizationSweep(KerrMeasurement):
    """Kerr signal against the laser polarisation from 0 to 180 degrees, at a field and at its negative.

    The torque's signal does not depend on the polarisation, that of the quadratic effect goes as cos 2 alpha
    (paper, Methods, and its ref. 20). The sweep tells them apart, finds the misalignment of the polarisation, and
    bounds what the mean over 45 and 135 degrees leaves. The same sweep under a known in-plane field of a transverse
    coil turns the quadratic part into the in-plane effective field of the current.
    """

    path = ListParameter(
        "Current path", choices=["sample", "coil", "transverse_coil"], default="sample",
        description="Through the sample, round it in the coil (calibration field), or in a coil with a field along y",
    )  # fmt: skip
    field = FloatParameter(
        "Field", units="mT", default=20, minimum=0.1, maximum=2000,
        description="The signal is read at this field and at its negative; the quadratic part falls as 1/field",
    )  # fmt: skip
    steps = IntegerParameter(
        "Polarisations", default=13, minimum=5, maximum=10_000,
        description="Equally spaced from 0 to 180 degrees; 13 makes steps of 15 degrees, with 0, 45, 90 and 135",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("field", "polarization")
    plot: ClassVar[Mapping[str, str]] = {
        "signal": "kerr_signal",
        "axis": "polarization",
        "title": "Kerr signal against polarisation",
    }

    def title(self) -> str:
        """Say what is measured, e.g. "polarisation sweep, sample, 40 mA"."""
        return f"polarisation sweep, {self.path.replace('_', ' ')}, {self.current:g} mA"

    def points(self) -> Iterator[Point]:
        """Return each polarisation at +H and -H, in the order + - - +, so that the field turns least."""
        for place, angle in enumerate(np.linspace(0, math.pi, self.steps).tolist()):
            for side in (0, 1) if place % 2 == 0 else (1, 0):
                yield Point(
                    field=(1 - 2 * side) * self.field * 1e-3,
                    polarization=angle,
                    channel=self.channel,
                    sequence=2 * place + side,
                )

    def pass_count(self) -> int:
        """Return both fields at every polarisation."""
        return 2 * int(self.steps)

    def highest_field(self) -> float:
        """Return the field (T)."""
        return float(self.field) * 1e-3

    def forgets(self, point: Point) -> bool:
        """Every point: the film is saturated at both fields."""
        return True

    def check(self, bench: Bench) -> None:
        """Hold field and current against the limits; the field has to saturate the film."""
        super().check(bench)
        least = 3 * bench.sample.film.coercive_field * 1e3
        if self.field < least:
            raise InputError(
                f"field of a polarisation sweep must be at least {least:g} mT, three times the coercive field, so that "
                f"the magnetisation follows it; received {self.field:g} mT. Raise it."
            )

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Polar part of the model; the quadratic part is not known before, its error is that of the same fit."""
        noise = reading_noise(bench, frequency=self.frequency, **self._filter)
        if self.target_error:
            noise = min(noise, self.target_error * 1e-9)
        current, field = self.current * 1e-3, self.highest_field()
        angle = 0j
        if self.path == "sample":
            angle = asot_angle(bench, current, field)
        elif self.path == "coil":
            angle = calibration_angle(bench, current, field)
        polar = reported(angle, self.channel)
        count = int(self.steps)
        std = np.full(count, noise / math.sqrt(2 * self.repeats))
        design = polarization_design(np.linspace(0, math.pi, count))
        fit = fit_linear(design, np.zeros(count), std, ("polar", "cos", "sin"))
        errors = np.sqrt(np.diag(fit.covariance))
        ends = std[0] * math.sqrt(1 / 2 + 1 / (1 if count % 2 else 2)) / 2  # 0 and 180 degrees are one polarisation
        return {
            "signal": Estimate(abs(polar), noise, "rad"),
            "polar_signal": Estimate(polar, float(errors[0]), "rad"),
            "quadratic_signal": Estimate(0.0, float(errors[1]), "rad"),
            "residual_bound": Estimate(0.0, float(ends), "rad"),
        }
