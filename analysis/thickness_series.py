"""Joint result of films that differ in thickness only: one efficiency for all of them (paper, Fig. 3c,d)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.averaged_loops import field_response
from analysis.errors import AnalysisError
from analysis.result import Estimate, Systematic, TorqueResult, combined
from analysis.sample import series_of_thickness
from analysis.sample_analysis import SampleAnalysis
from analysis.series_fit import fit_thickness_series
from analysis.stack import ComplexArray, FloatArray, Stack
from analysis.systematics import changed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Held = Literal["current density", "electric field"]

_OWN: Any = {
    "name": True,
    "description": True,
    "limits": True,
    "film": {"thickness", "conductivity"},
    "geometry": {"resistance"},
}  # parts of a sample's description in which the films of a series may differ
_SAME_THICKNESS = 0.01  # relative difference of films that count as equally thick
_POOR = 0.1  # residual over angle of a film that is poorly described ...
_CERTAIN = 4.0  # ... where it is this many standard deviations of its noise, too
_EFFECTS = ("torque", "efficiency", "torque_conductivity")
_IMPROBABLE = 1e-3  # probability below which a chi2 is told


@dataclass(frozen=True)
class SeriesAnalysis:
    """Result of a thickness series.

    Attributes
    ----------
    entries
        Results of the single samples, from thin to thick.
    held
        What all films had in common, and the torque with it.
    angles, std : (films,)
        Complex ASOT angles (rad) at the reported current density, or at the field that it needs in the thickest
        film; complex standard deviations from the scatter of the loops.
    gain : (films,)
        Calibration angles as measured over those of the model: by it the ratio to the calibration corrects.
    result
        Torque common to all films, antisymmetric.
    imbalance
        (torque_top + torque_bottom) / torque_bottom where both are fitted freely.
    poor
        Names of the samples that the common torque describes poorly.
    """

    entries: tuple[SampleAnalysis, ...]
    held: Held
    angles: ComplexArray
    std: ComplexArray
    gain: ComplexArray
    result: TorqueResult
    imbalance: Estimate
    poor: tuple[str, ...]

    @property
    def thickness(self) -> FloatArray:
        """Film thicknesses (films,) (m), ascending."""
        return np.array([entry.sample.film.thickness.value for entry in self.entries])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Doubts, one sentence each."""
        doubts = []
        if self.result.dof > 0 and self.result.p_value < _IMPROBABLE:
            doubts.append(
                f"one pair of opposite torques does not describe the films within their noise (chi2 "
                f"{self.result.chi2:.3g} for {self.result.dof} dof). Its uncertainty does not cover that: check "
                "thicknesses, surface anisotropy and oxide in the sample file."
            )
        if self.poor:
            doubts.append(
                f"{' and '.join(self.poor)} poorly described: residuals above {100 * _POOR:g} % of the angle. Thin "
                f"films show an imbalance of the torques, here {self.imbalance}; look at their surfaces."
            )
        return tuple(doubts)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "name": f"thickness series of {', '.join(entry.sample.name for entry in self.entries)}",
            "samples": [entry.sample.name for entry in self.entries],
            "held": self.held,
            **self.result.as_dict(),
            "imbalance": self.imbalance.as_dict(),
            "residuals": {
                entry.sample.name: {"rotation": residual.real, "ellipticity": residual.imag, "unit": "rad"}
                for entry, residual in zip(self.entries, self.result.residuals, strict=True)
            },
            "poorly_described": list(self.poor),
        }

    def figure(self) -> Figure:
        """Draw angles and model against thickness, the measured ones corrected by the calibration, and residuals."""
        from analysis.figure_style import TWO_COLUMNS, new_figure
        from analysis.series_figures import draw_series, draw_series_residuals

        figure = new_figure(TWO_COLUMNS, 9.0)
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        thickest = self.entries[-1]
        fine = np.linspace(self.thickness[0], self.thickness[-1], 120)
        model = series_response(series_of_thickness(thickest.sample, fine), self.result, thickest.wavelength)
        density = self.result.current_density.value
        at = f"{density:.3g} A/m²"
        if self.held == "electric field":
            at = f"{density / thickest.sample.film.conductivity.value:.3g} V/m"
        corrected = np.abs(1 / self.gain)
        std = corrected * self.std
        draw_series(axes, self.thickness, self.angles / self.gain, fine, model, f"ASOT at {at.replace('e+', 'e')}", std)
        draw_series_residuals(below, self.thickness, self.result.residuals, std)
        axes.set_xlabel("")
        return figure


def thickness_series(entries: Sequence[SampleAnalysis]) -> list[list[SampleAnalysis]]:
    """Groups of `entries` whose samples differ in film thickness only (and in conductivity), the largest first.

    Films of one thickness alone are no series.
    """
    groups: dict[str, list[SampleAnalysis]] = {}
    for entry in entries:
        description = entry.sample.model_dump(exclude=_OWN)
        key = json.dumps([description, entry.wavelength], sort_keys=True, default=str)
        groups.setdefault(key, []).append(entry)
    series = []
    for group in groups.values():
        group.sort(key=lambda entry: entry.sample.film.thickness.value)
        thin, thick = (group[place].sample.film.thickness.value for place in (0, -1))
        if thick > (1 + _SAME_THICKNESS) * thin:
            series.append(group)
    return sorted(series, key=len, reverse=True)


def analyze_thickness_series(entries: Sequence[SampleAnalysis], current_density: float | None = None) -> SeriesAnalysis:
    """Fit one torque to all films of a series.

    Parameters
    ----------
    entries
        Results of the single samples, as `thickness_series` groups them.
    current_density
        (A/m^2) to which the torque is reported; that of the thickest film by default.

    Returns
    -------
    SeriesAnalysis
        Its uncertainties join noise and systematics; each film's thickness is an input of its own.

    Raises
    ------
    IdentifiabilityError
        Where the films cannot tell the torque.

    Notes
    -----
    The torque is taken as common at what the runs held alike, current density or electric field, and each angle
    scaled linearly to it. Each film enters by its ratio to its calibration, extrapolated to zero field.
    """
    films = [entry.angles() for entry in entries]
    stacks = [entry.sample.stack() for entry in entries]
    thickest = entries[-1]
    held, drive = _held(entries)
    density = thickest.current_density if current_density is None else current_density
    scale = density / thickest.current_density * drive[-1] / drive
    coil_scale = thickest.calibration_field / np.array([entry.calibration_field for entry in entries])
    angles = scale * np.array([film.asot for film in films])
    std = scale * _parts_std([(film.asot_covariance, film.asot_dof) for film in films])
    calibration = coil_scale * np.array([film.calibration for film in films])
    calibration_std = coil_scale * _parts_std([(film.calibration_covariance, film.calibration_dof) for film in films])
    fit = partial(
        fit_thickness_series,
        std=std,
        current_density=density,
        calibration_angles=calibration,
        calibration_std=calibration_std,
        calibration_field=thickest.calibration_field,
        wavelength=thickest.wavelength,
    )
    common = {name: value for name, value in thickest.sample.uncertainties().items() if name != "thickness"}
    result = fit(stacks, angles, uncertainties=common)
    thicknesses = []
    for place, entry in enumerate(entries):
        thickness = entry.sample.film.thickness
        changes = []
        for step in (thickness.std, -thickness.std):
            moved, rescaled = list(stacks), angles.copy()
            moved[place] = changed(stacks[place], "thickness", step, thickest.wavelength)
            if held == "current density":  # what was held is the current: a thicker film had less density
                rescaled[place] *= 1 + step / thickness.value
            changes.append(fit(moved, rescaled).torque_bottom.value / result.torque_bottom.value - 1)
        up, down = (dict.fromkeys(_EFFECTS, change) for change in changes)
        effects = dict.fromkeys(_EFFECTS, (changes[0] - changes[1]) / 2)
        name = f"thickness of {entry.sample.name}"
        thicknesses.append(Systematic(name, thickness.value, thickness.std, effects, up, down))
    modelled = thickest.calibration_field * _responses(stacks, thickest.wavelength, calibration_field=1.0)
    noise = np.abs(std) + np.abs(angles / calibration) * np.abs(calibration_std)
    poor = np.abs(result.residuals) > np.maximum(_POOR * np.abs(angles), _CERTAIN * noise)
    return SeriesAnalysis(
        tuple(entries),
        held,
        angles,
        std,
        calibration / modelled,
        _with_budget(result, thicknesses),
        fit(stacks, angles, torque="free").checks["imbalance"],
        tuple(dict.fromkeys(entry.sample.name for entry, bad in zip(entries, poor, strict=True) if bad)),
    )


def series_response(stacks: Sequence[Stack], result: TorqueResult, wavelength: float) -> ComplexArray:
    """Complex Kerr angles (films,) (rad) of the fitted torques, at zero field."""
    torques = {"torque_top": result.torque_top.value, "torque_bottom": result.torque_bottom.value}
    return _responses(stacks, wavelength, **torques)


def _responses(stacks: Sequence[Stack], wavelength: float, **push: float) -> ComplexArray:
    responses = [field_response(stack, np.zeros(1), "top", wavelength, **push) for stack in stacks]
    return np.array([complex(response[0]) for response in responses])


def _held(entries: Sequence[SampleAnalysis]) -> tuple[Held, FloatArray]:
    """What the runs of all films held alike, and its values (films,) (A/m^2 or V/m)."""
    densities = np.array([entry.current_density for entry in entries])
    fields = np.array([entry.electric_field for entry in entries])
    if np.ptp(fields) / np.mean(fields) < np.ptp(densities) / np.mean(densities):
        return "electric field", fields
    return "current density", densities


def _parts_std(scatters: Sequence[tuple[FloatArray, int]]) -> ComplexArray:
    """Complex standard deviations (films,) of real and imaginary parts.

    A scatter of few degrees of freedom is widened to the standard deviation of its Student's t, or the fit would trust
    most the films whose scatter is small by chance.
    """
    stds = []
    for covariance, dof in scatters:
        if dof <= 4:
            raise AnalysisError(
                f"Loops must have more than 2 degrees of freedom in each channel; received {dof / 2:g}. Measure more "
                "fields beyond three coercive fields."
            )
        real, imaginary = np.sqrt(np.diag(covariance) * dof / (dof - 4))  # nu / (nu - 2), nu = dof / 2 in each channel
        stds.append(complex(real, imaginary))
    return np.array(stds)


def _with_budget(result: TorqueResult, entries: Sequence[Systematic]) -> TorqueResult:
    """Return `result` with `entries` in its budget and its uncertainties."""
    systematics = sorted([*result.systematics, *entries], key=lambda entry: -abs(entry.effects["torque"]))

    def joined(estimate: Estimate, key: str) -> Estimate:
        effects = [entry.effects[key] for entry in systematics]
        return combined(estimate.value, estimate.noise_std, effects, estimate.unit)

    sigma = result.torque_conductivity
    return replace(
        result,
        torque_top=joined(result.torque_top, "torque"),
        torque_bottom=joined(result.torque_bottom, "torque"),
        efficiency=joined(result.efficiency, "efficiency"),
        torque_conductivity=None if sigma is None else joined(sigma, "torque_conductivity"),
        systematics=tuple(systematics),
    )
