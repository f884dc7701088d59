"""The published Py thickness series, fitted with the model of this program (paper, Fig. 3d)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.optics import DEFAULT_WAVELENGTH
from analysis.result import Estimate, TorqueResult
from analysis.sample import read_sample, series_of_thickness
from analysis.series_file import MEASURED_CURRENT_DENSITY, MEASURED_SERIES, read_series
from analysis.series_fit import fit_thickness_series
from analysis.stack import ComplexArray, Film, FloatArray, Layer, Stack
from analysis.thickness_series import series_response

REPORTED_CURRENT_DENSITY = 5e10
"""Current density (A/m^2) at which the paper states its torque."""

_SAMPLE = "py-series-silicon"
_POLARITY = -1
_POORLY_DESCRIBED = 0.25  # residual over signal


@dataclass(frozen=True)
class PublishedSeries:
    """Fit of the measured series, and what other assumptions would make of it.

    Attributes
    ----------
    thickness, angles : (films,)
        (m) and complex Kerr angles (rad) at `REPORTED_CURRENT_DENSITY`, with the signs of the publication.
    model_thickness, model : (n,)
        The line fitted.
    result
        Torque common to all films, antisymmetric; uncertainties from the residual scatter.
    free
        The same with both torques free.
    variants
        Efficiency under other assumptions, by name.
    poor
        Thicknesses (m) whose residual is above a quarter of the signal.
    """

    thickness: FloatArray
    angles: ComplexArray
    model_thickness: FloatArray
    model: ComplexArray
    result: TorqueResult
    free: TorqueResult
    variants: Mapping[str, Estimate]
    poor: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "name": "measured Py thickness series",
            **self.result.as_dict(),
            "variants": {name: efficiency.as_dict() for name, efficiency in self.variants.items()},
            "poorly_described_thicknesses": [float(d) for d in self.poor],
        }


def fit_published_series() -> PublishedSeries:
    """Fit the published Py series, and repeat the fit under other assumptions."""
    series = read_series(MEASURED_SERIES)
    angles = series.angles * (REPORTED_CURRENT_DENSITY / MEASURED_CURRENT_DENSITY)
    sample, _ = read_sample(_SAMPLE)
    stacks = series_of_thickness(sample, series.thickness)

    def fit(films: list[Stack], **choices: Any) -> TorqueResult:
        return fit_thickness_series(
            films, angles, current_density=REPORTED_CURRENT_DENSITY, polarity=_POLARITY, **choices
        )

    def oxide(index: float) -> list[Stack]:
        return [replace(stack, below=[replace(stack.below[0], index=index)]) for stack in stacks]

    def film(stack: Stack) -> Film:
        return replace(stack.single_film, surface_anisotropy=(0.0, 0.0))

    result = fit(stacks)
    variants = {
        "oxide index 1.46": fit(oxide(1.46)),
        "oxide index 1.48": fit(oxide(1.48)),
        "3 nm SiO2 cap": fit([replace(stack, above=[Layer("SiO2", 3e-9)]) for stack in stacks]),
        "no surface anisotropy": fit([replace(stack, film=film(stack)) for stack in stacks]),
    }
    poor = tuple(series.thickness[np.abs(result.residuals) > _POORLY_DESCRIBED * np.abs(angles)])
    fine = np.linspace(4e-9, float(np.max(series.thickness)), 120)
    return PublishedSeries(
        series.thickness,
        angles,
        fine,
        _POLARITY * series_response(series_of_thickness(sample, fine), result, DEFAULT_WAVELENGTH),
        result,
        fit(stacks, torque="free"),
        {name: variant.efficiency for name, variant in variants.items()},
        poor,
    )
