"""Polarisation sweeps: polar and quadratic part of the Kerr signal, and in-plane fields from their comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import LinearFit, fit_linear
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_PARTS = ("polar part", "cos 2 alpha part", "sin 2 alpha part")
_CERTAIN = 5.0  # standard errors by which the quadratic signal must differ from zero to show the misalignment
_IMPROBABLE = 3.0  # standard errors
_SAME_FIELD = 0.02  # relative difference of fields that count as equal


def polarization_design(polarization: FloatArray) -> FloatArray:
    """Responses (n, 3) of the signal at `polarization` (n,) (rad) to its polar, cos 2 alpha and sin 2 alpha parts."""
    return np.stack([np.ones_like(polarization), np.cos(2 * polarization), np.sin(2 * polarization)], axis=-1)


@dataclass(frozen=True)
class _Sweep:
    """Part of the signal (n,) (rad) odd or even in the field at polarisations (n,) (rad), its fit, and field (T)."""

    polarization: FloatArray
    signal: FloatArray
    fit: LinearFit
    field: float
    current: float


def analyze_polarization_sweep(run: xarray.Dataset, sample: Sample) -> Finding:
    """Separate the polar part of the Kerr signal from the quadratic one.

    Parameters
    ----------
    run
        Polarisation sweep from `load_run`.
    sample
        What was measured.

    Raises
    ------
    AnalysisError, IdentifiabilityError
        Where there are too few polarisations.

    Notes
    -----
    An AC swing dphi of the magnetisation in the plane adds 2 B cos 2(phi_m - alpha - alpha0) dphi (physics: the
    quadratic effect), which with phi_m along the field is Q cos 2 alpha0 cos 2 alpha - Q sin 2 alpha0 sin 2 alpha:
    linear least squares gives polar part, Q and alpha0, the latter between -45 and 45 degrees; the residual scatter
    sets the scale. alpha0 is the angle of the polarisation's zero to the magnetisation. Where it is not seen, it is
    taken as zero: Q is then the cos 2 alpha part alone, which noise does not bias.
    """
    sweep, path = _sweep(run), run.attrs["parameters"]["path"]
    fit = sweep.fit
    polar, cosine, sine = (float(value) for value in fit.values)
    quadratic, misalignment = cosine, None
    weights = np.array([0.0, 1.0, 0.0])
    warnings = []
    if math.hypot(cosine, sine) > _CERTAIN * math.sqrt(float(np.max(np.diag(fit.covariance)[1:]))):
        quadratic = math.copysign(math.hypot(cosine, sine), cosine)
        weights = np.array([0.0, cosine, sine]) / quadratic
        turn = np.array([0.0, sine, -cosine]) / (2 * quadratic**2)
        misalignment = Estimate(
            -math.atan(sine / cosine) / 2, math.sqrt(turn @ fit.covariance @ turn), "rad", dof=fit.dof
        )
    elif path == "transverse_coil":
        warnings.append(
            f"Quadratic signal must differ from zero by {_CERTAIN:g} standard errors to show the misalignment of the "
            f"polarisation; it is {quadratic * 1e9:.2g} +- {math.sqrt(fit.covariance[1, 1]) * 1e9:.2g} nrad. Average "
            "longer."
        )
    quantities = {
        "polar_signal": Estimate(polar, math.sqrt(fit.covariance[0, 0]), "rad", dof=fit.dof),
        "quadratic_signal": Estimate(quadratic, math.sqrt(weights @ fit.covariance @ weights), "rad", dof=fit.dof),
        "residual_bound": _difference(sweep),
    }
    if misalignment is not None:
        quantities["misalignment"] = misalignment
    grid = np.linspace(np.min(sweep.polarization), np.max(sweep.polarization), 181)
    symmetry = "even" if path == "coil" else "odd"
    curve = Curve(
        f"Current in the {path.replace('_', ' ')}, {symmetry} in the field",
        "Polarisation (deg)",
        "Kerr signal (nrad)",
        np.degrees(sweep.polarization),
        sweep.signal * 1e9,
        np.full(len(sweep.signal), math.sqrt(fit.chi2 / fit.dof) * 1e9),
        np.degrees(grid),
        polarization_design(grid) @ fit.values * 1e9,
    )
    return Finding("polarization-sweep", sample.name, (file_name(run),), quantities, tuple(warnings), (curve,))


def in_plane_field(runs: Sequence[xarray.Dataset], sample: Sample) -> Finding | None:
    """In-plane (field-like) effective field of the current in the sample, against a known in-plane field.

    Parameters
    ----------
    runs
        Polarisation sweeps of one recipe.
    sample
        What was measured; `coil.transverse_field_per_ampere` makes the scale.

    Returns
    -------
    Finding or None
        Effective field along y per ampere; None where not both currents, through the sample and through the
        transverse coil, were swept.

    Raises
    ------
    AnalysisError
        Where fields, channels or frequencies differ, the sample file has no such coil, or the reference is not seen.

    Notes
    -----
    Both quadratic parts are the same response to an in-plane field along y (the paper's ref. 20). The cos and sin parts
    v = (C, D) per ampere are compared along the reference: b = b_ref (v . v_ref) / |v_ref|^2.
    """
    by_path = {run.attrs["parameters"]["path"]: run for run in runs}
    if not {"sample", "transverse_coil"} <= set(by_path):
        return None
    known = sample.coil.transverse_field_per_ampere
    if known is None:
        raise AnalysisError(
            f"Sample {sample.name} must state the field of the transverse coil; it does not. Give "
            "transverse_field_per_ampere in the table [coil] of its file."
        )
    pair = (by_path["sample"], by_path["transverse_coil"])
    for key in ("channel", "frequency"):
        values = [run.attrs["parameters"][key] for run in pair]
        if values[0] != values[1]:
            raise AnalysisError(
                f"Polarisation sweeps that are compared must share their {key}; received {values}. Measure them alike."
            )
    measured, reference = (_sweep(run) for run in pair)
    if abs(measured.field - reference.field) > _SAME_FIELD * reference.field:
        raise AnalysisError(
            f"Polarisation sweeps that are compared must share their field; received {measured.field:.4g} and "
            f"{reference.field:.4g} T. Measure them alike."
        )
    one, other = measured.fit.values[1:] / measured.current, reference.fit.values[1:] / reference.current
    one_covariance = measured.fit.covariance[1:, 1:] / measured.current**2
    other_covariance = reference.fit.covariance[1:, 1:] / reference.current**2
    square = float(other @ other)
    if square < _CERTAIN**2 * float(np.trace(other_covariance)):
        raise AnalysisError(
            "Quadratic signal of the transverse coil must differ from zero to be a reference; it does not. Average "
            "longer, take a lower field, or check the coil's current."
        )
    ratio = float(one @ other) / square
    by_other = (one - 2 * ratio * other) / square
    noise = math.sqrt(other @ one_covariance @ other / square**2 + by_other @ other_covariance @ by_other)
    across = float(one[0] * other[1] - one[1] * other[0]) / math.sqrt(square)
    perpendicular = np.array([other[1], -other[0]]) / math.sqrt(square)
    across_std = math.sqrt(
        perpendicular @ one_covariance @ perpendicular + ratio**2 * (perpendicular @ other_covariance @ perpendicular)
    )
    warnings = []
    if abs(across) > _IMPROBABLE * across_std:
        warnings.append(
            "The quadratic signals of sample and transverse coil do not vanish at the same polarisation, as those of "
            "two fields along y do. Check that the coil's field lies along y and that nothing moved between the runs."
        )
    field_noise = abs(known.value) * noise
    return Finding(
        "polarization-sweep",
        sample.name,
        tuple(file_name(run) for run in pair),
        {
            "transverse_field_per_ampere": Estimate(
                ratio * known.value, math.hypot(field_noise, ratio * known.std), "T/A", field_noise
            )
        },
        tuple(warnings),
    )


def _sweep(run: xarray.Dataset) -> _Sweep:
    """Odd (for the coil: even) part of a sweep, over the polarisations read at both fields, and its fit."""
    rows = {str(name): run[name].to_numpy() for name in run.data_vars}
    good = (rows["lock_in_status"] == 0) & np.isfinite(rows["kerr_signal"])
    key = rows["repeat"] * (np.max(rows["sequence"]) + 2) + 2 * (rows["sequence"] // 2)
    up, down = good & (rows["field_set"] > 0), good & (rows["field_set"] < 0)
    _, first, second = np.intersect1d(key[up], key[down], return_indices=True)
    sign = 1.0 if run.attrs["parameters"]["path"] == "coil" else -1.0
    signal = (rows["kerr_signal"][up][first] + sign * rows["kerr_signal"][down][second]) / 2
    polarization = rows["polarization"][up][first]
    fit = fit_linear(polarization_design(polarization), signal, None, _PARTS)
    field, current = float(np.mean(np.abs(rows["field"][good]))), float(np.mean(rows["current"][good]))
    return _Sweep(polarization, signal, fit, field, current)


def _difference(sweep: _Sweep) -> Estimate:
    """Half the difference of the signals at 0 and 90 degrees: what the mean over 45 and 135 degrees leaves at most."""
    scatter = sweep.fit.chi2 / sweep.fit.dof
    means, variances = [], []
    for angle in (0.0, math.pi / 2):
        distance = np.abs(np.angle(np.exp(2j * (sweep.polarization - angle)))) / 2
        here = distance < np.min(distance) + 1e-6
        means.append(float(np.mean(sweep.signal[here])))
        variances.append(scatter / int(np.sum(here)))
    return Estimate((means[0] - means[1]) / 2, math.sqrt(sum(variances)) / 2, "rad", dof=sweep.fit.dof)
