"""Angle sweep: how the Kerr signal follows the angle between current and magnetisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import fit_linear
from analysis.loops import CHANNELS, Channel
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.saturated_readings import (
    IMPROBABLE,
    Rows,
    channels_of,
    chosen,
    good_readings,
    misfit_probability,
    phase_warnings,
    reading_errors,
)
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_MOST_INFLATED = 10.0
_TERMS = ("cosine", "sine", "constant", "twofold_cosine", "twofold_sine")


def angle_quantities(
    channel: Channel, angle: FloatArray, signal: FloatArray, std: FloatArray, noise_dof: int | None = None
) -> dict[str, Estimate]:
    """Cosine through a signal against angle.

    Parameters
    ----------
    channel
        For the names.
    angle : (n,)
        Of the magnetisation to the current (rad).
    signal, std : (n,)
        Kerr signal, averaged over the polarisations, and its standard error (rad, peak).
    noise_dof
        Degrees of freedom behind `std`; None where it is known.

    Returns
    -------
    dict
        Of A cos(phi - phi0) + c + C cos 2phi + S sin 2phi: `amplitude` A (rad), with its sign, `phase` phi0 (rad) in
        -pi/2 to pi/2, `constant` c (rad): out-of-plane fields and pick-up, `twofold_cosine` C and `twofold_sine` S
        (rad), which are zero where nothing but torque and field acts; and `chi2`.

    Raises
    ------
    IdentifiabilityError
        Where the angles do not tell these apart.
    """
    fit = fit_linear(_design(angle), signal, std, _TERMS, _MOST_INFLATED)
    cosine, sine = (float(value) for value in fit.values[:2])
    size = math.hypot(cosine, sine)
    sign = -1.0 if cosine < 0 else 1.0
    along = np.array([cosine, sine]) / size  # d size; across, over size, d phase
    across = np.array([-sine, cosine]) / size
    inner = fit.covariance[:2, :2]
    stds = np.sqrt(np.diag(fit.covariance))
    found = {
        "amplitude": Estimate(sign * size, float(np.sqrt(along @ inner @ along)), "rad", dof=noise_dof),
        "phase": Estimate(
            math.atan2(sign * sine, sign * cosine), float(np.sqrt(across @ inner @ across)) / size, "rad", dof=noise_dof
        ),
        **{
            name: Estimate(float(value), float(error), "rad", dof=noise_dof)
            for name, value, error in zip(_TERMS[2:], fit.values[2:], stds[2:], strict=True)
        },
        "chi2": Estimate(fit.chi2, None, "1", dof=fit.dof),
    }
    return {f"{name}_{channel}": estimate for name, estimate in found.items()}


def _design(angle: FloatArray) -> FloatArray:
    return np.column_stack([np.cos(angle), np.sin(angle), np.ones_like(angle), np.cos(2 * angle), np.sin(2 * angle)])


def analyze_angle_sweep(run: xarray.Dataset, sample: Sample) -> Finding:
    """Analyse an angle sweep, see `angle_quantities`; signs are those with which the set-up reports the channels.

    Raises
    ------
    AnalysisError
        Where the run does not hold every polarisation at enough angles.
    """
    rows = good_readings(run)
    rows["offset"] = np.round((rows["polarization"] - rows["field_angle_set"]) % math.pi, 6) % round(math.pi, 6)
    keys = np.column_stack([rows["channel"], rows["offset"]])
    groups = np.asarray(np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1), dtype=np.int64)
    errors, noise_dof = reading_errors(rows, groups, _design(rows["field_angle_set"]))
    quantities: dict[str, Estimate] = {}
    curves: list[Curve] = []
    warnings = phase_warnings(rows, errors, run.attrs["parameters"]["path"])
    for channel in channels_of(rows):
        here = rows["channel"] == CHANNELS.index(channel)
        angle, signal, std = _over_polarizations(chosen(rows, here), errors[here])
        found = angle_quantities(channel, angle, signal, std, noise_dof)
        quantities |= found
        warnings += _doubts(channel, found, noise_dof)
        curves.append(_curve(channel, found, angle, signal, std))
    return Finding("angle-sweep", sample.name, (file_name(run),), quantities, tuple(warnings), curves)


def _over_polarizations(rows: Rows, errors: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Angles (rad), mean signal over the polarisations and its standard error (rad), where all of them were read."""
    offsets = np.unique(rows["offset"])
    found = []
    for angle in np.unique(rows["field_angle_set"]):
        cells = [(rows["field_angle_set"] == angle) & (rows["offset"] == offset) for offset in offsets]
        if not all(np.any(cell) for cell in cells):
            continue
        weights = [errors[cell] ** -2.0 for cell in cells]
        means = [
            np.sum(weight * rows["kerr_signal"][cell]) / np.sum(weight)
            for weight, cell in zip(weights, cells, strict=True)
        ]
        variance = sum(1 / np.sum(weight) for weight in weights) / len(cells) ** 2
        found.append((float(angle), float(np.mean(means)), math.sqrt(variance)))
    if not found:
        raise AnalysisError(
            "Run must hold readings of every polarisation at some angle of the field; it does not. Measure again."
        )
    angle, signal, std = np.array(found).T
    return angle, signal, std


def _doubts(channel: Channel, found: dict[str, Estimate], noise_dof: int) -> list[str]:
    amplitude, constant, chi2 = (found[f"{name}_{channel}"] for name in ("amplitude", "constant", "chi2"))
    twofold = [found[f"twofold_{name}_{channel}"] for name in ("cosine", "sine")]
    warnings = []
    if min(term.p_value() for term in twofold) < IMPROBABLE / 2:
        share = math.hypot(*(term.value for term in twofold)) / abs(amplitude.value)
        warnings.append(
            f"{channel}: a part that repeats twice per turn makes {100 * share:.0f} % of the amplitude; a torque has "
            "none. Check that the polarisation follows the magnetisation, and that the field saturates the film."
        )
    elif chi2.dof and misfit_probability(chi2.value, chi2.dof, noise_dof) < IMPROBABLE:
        warnings.append(
            f"{channel}: the signal is no cosine (chi2 {chi2.value:.3g} for {chi2.dof:g} dof). Look at the curve: "
            "drift, overload, or a spot that wanders while the field turns."
        )
    if abs(constant.value) > abs(amplitude.value) and constant.p_value() < IMPROBABLE:
        warnings.append(
            f"{channel}: the part that does not turn, {constant.value * 1e9:.3g} nrad, exceeds the amplitude: an "
            "out-of-plane field or pick-up. Centre the spot across the current, and block the beam to see the pick-up."
        )
    return warnings


def _curve(
    channel: Channel, found: dict[str, Estimate], angle: FloatArray, signal: FloatArray, std: FloatArray
) -> Curve:
    line = np.linspace(float(np.min(angle)), float(np.max(angle)), 181)
    amplitude, phase, constant = (found[f"{name}_{channel}"].value for name in ("amplitude", "phase", "constant"))
    name = "Ellipticity" if channel == "ellipticity" else "Kerr rotation"
    return Curve(
        name, "Angle to the current (degrees)", "Signal (nrad)", np.degrees(angle), signal * 1e9,
        std * 1e9, np.degrees(line), (amplitude * np.cos(line - phase) + constant) * 1e9,
    )  # fmt: skip
