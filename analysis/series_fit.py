"""Fit of a thickness series: one pair of surface torques for all films."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.least_squares import fit_linear
from analysis.micromagnetics import tilt_modes
from analysis.optics import DEFAULT_WAVELENGTH, tilt_response
from analysis.result import Estimate, TorqueResult, combined
from analysis.stack import ComplexArray, FloatArray, Side, Stack, require
from analysis.systematics import budget, changed
from analysis.torque import spin_torque_efficiency, torque_conductivity

if TYPE_CHECKING:
    from analysis.configuration import Uncertain

Channels = Literal["both", "rotation", "ellipticity"]
TorqueModel = Literal["antisymmetric", "free"]
Polarity = int | tuple[int, int]


@dataclass(frozen=True)
class Nuisance:
    """Model input that is fitted together with the torques, held by a normal prior.

    Attributes
    ----------
    name
        As in `analysis.systematics.changed`, e.g. "below.0.thickness".
    std
        Standard deviation of the prior about the value in the stacks (SI).
    """

    name: str
    std: float


def fit_thickness_series(
    stacks: Sequence[Stack],
    angles: npt.ArrayLike,
    *,
    std: npt.ArrayLike | None = None,
    current_density: float,
    torque: TorqueModel = "antisymmetric",
    calibration_angles: npt.ArrayLike | None = None,
    calibration_std: npt.ArrayLike | None = None,
    calibration_field: float = 0.85e-3,
    polarity: Polarity = 1,
    field: float = 0.0,
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
    channels: Channels = "both",
    nuisances: Sequence[Nuisance] = (),
    uncertainties: Mapping[str, Uncertain] | None = None,
) -> TorqueResult:
    """Find the surface torques common to a series of films at the same current density.

    Parameters
    ----------
    stacks
        One stack per film.
    angles : (films,)
        Complex Kerr angles (rad, peak), rotation + i ellipticity: the part odd in the field, for m_x = +1.
    std : scalar or (films,), optional
        Standard deviations (rad): real, or complex with that of the ellipticity as imaginary part. Without them
        all data weigh the same and the residual scatter sets the scale of the uncertainties.
    current_density
        (A/m^2) at which all angles were measured, not 0.
    torque
        "antisymmetric": torque_top = -torque_bottom; "free": both.
    calibration_angles : (films,), optional
        Complex Kerr angles under `calibration_field`. With them each film enters by its complex ratio
        angle / calibration angle, in which Q, detector gain and laser power cancel.
    calibration_std : scalar or (films,), optional
        Their standard deviations (rad), as `std`; needed with `calibration_angles` and `std`.
    calibration_field
        Out-of-plane field (T) of the calibration.
    polarity
        Signs (s_theta, s_eps) with which the set-up reports; one number when equal.
    field
        In-plane field (T) of the angles.
    side, wavelength
        Where the light comes from, and its vacuum wavelength (m).
    channels
        Which parts of the angles to use.
    nuisances
        Model inputs to be fitted as well, within their priors.
    uncertainties
        Standard uncertainties of model inputs, for the systematics budget; they then enter every `std`.

    Returns
    -------
    TorqueResult

    Raises
    ------
    InputError
        For lists of different lengths, signs other than +-1, or numbers that are not finite.
    IdentifiabilityError
        Where the data cannot tell the torques apart.

    Notes
    -----
    Weighted linear regression of the angles on the simulated ones, as in the paper's Methods; with nuisances
    Gauss-Newton steps of the same regression, linearised in the nuisances.
    """
    signs = polarity_pair(polarity)
    data = np.asarray(angles, dtype=complex)
    if data.shape != (len(stacks),) or not len(stacks):
        raise InputError(
            f"angles must have one complex angle per stack; received {data.shape} for {len(stacks)} stacks."
        )
    require("angles", data, "finite (rad)", True, "Leave out films without data.")
    spread = None if std is None else complex_std("std", std, data.shape)
    ratio = calibration_angles is not None
    if calibration_angles is not None:
        reference = np.asarray(calibration_angles, dtype=complex)
        if reference.shape != data.shape:
            raise InputError(
                f"calibration_angles must have one angle per stack; received {reference.shape} for {len(stacks)}."
            )
        require(
            "calibration_angles", reference, "finite and not 0 (rad)", reference != 0, "Leave out films without data."
        )
        if (spread is None) != (calibration_std is None):
            raise InputError(
                "calibration_std must be given together with std; received only one of them. Give both or none."
            )
        if signs[0] != signs[1]:
            data, reference = flip(data, signs), flip(reference, signs)
        if spread is not None:
            assert calibration_std is not None
            spread = _ratio_std(data, spread, reference, complex_std("calibration_std", calibration_std, data.shape))
        signs = (1, 1)
        measured = data / reference
    else:
        measured = data

    def response(series: Sequence[Stack]) -> ComplexArray:
        """Data per unit torque (films, [bottom - top, top + bottom])."""
        top, bottom, per_field = (
            np.array([_response(stack, field, side, wavelength, push) for stack in series])
            for push in ("torque_top", "torque_bottom", "calibration_field")
        )
        columns = np.stack([bottom - top, top / 2 + bottom / 2], axis=-1)
        if ratio:
            columns = columns / (calibration_field * per_field)[:, np.newaxis]
        return columns[:, : 1 if torque == "antisymmetric" else 2]

    names = ("antisymmetric torque", "sum of the torques")[: 1 if torque == "antisymmetric" else 2]
    fit = _fit(list(stacks), measured, spread, response, signs, channels, list(names), nuisances)
    half, total = float(fit.values[0]), float(fit.values[1]) if torque == "free" else 0.0
    # torque_bottom = half + total / 2, torque_top = -half + total / 2
    to_faces = np.array([[-1.0, 0.5], [1.0, 0.5]])[:, : len(names)]
    faces = to_faces @ fit.covariance[: len(names), : len(names)] @ to_faces.T
    torque_top, torque_bottom = -half + total / 2, half + total / 2

    thickest = max(stacks, key=lambda stack: float(np.max(stack.single_film.thickness))).single_film
    conductivity = None if thickest.conductivity is None else float(np.max(thickest.conductivity))

    def results(name: str, step: float) -> dict[str, float]:
        scale, moved, sigma = 1.0, list(stacks), conductivity
        if name == "calibration_field_per_ampere":
            assert uncertainties is not None
            scale = 1 + step / uncertainties[name].value if ratio else 1.0
        elif name == "conductivity":
            sigma = None if conductivity is None else conductivity + step
        elif name and name != "width":
            moved = [changed(stack, name, step) for stack in stacks]
        moved_fit = _fit(moved, measured, spread, response, signs, channels, list(names), nuisances)
        bottom = scale * (moved_fit.values[0] + (moved_fit.values[1] / 2 if torque == "free" else 0.0))
        answer = {"torque": float(bottom), "efficiency": float(bottom)}
        return answer | ({"torque_conductivity": float(bottom) * sigma} if sigma is not None else {})

    systematics = () if uncertainties is None else budget(uncertainties, results)

    def effects(key: str) -> list[float]:
        return [entry.effects[key] for entry in systematics]

    noise_top, noise_bottom = math.sqrt(faces[0, 0]), math.sqrt(faces[1, 1])
    efficiency = float(spin_torque_efficiency(1.0, current_density))
    sigma_per_torque = None if conductivity is None else float(torque_conductivity(1.0, current_density / conductivity))
    torque_conductivity_estimate = None
    if sigma_per_torque is not None:
        torque_conductivity_estimate = combined(
            sigma_per_torque * torque_bottom,
            abs(sigma_per_torque) * noise_bottom,
            effects("torque_conductivity"),
            "S/m",
        )
    return TorqueResult(
        torque_top=combined(torque_top, noise_top, effects("torque"), "J/m^2"),
        torque_bottom=combined(torque_bottom, noise_bottom, effects("torque"), "J/m^2"),
        efficiency=combined(efficiency * torque_bottom, abs(efficiency) * noise_bottom, effects("efficiency"), "1"),
        torque_conductivity=torque_conductivity_estimate,
        current_density=Estimate(current_density, None, "A/m^2"),
        parameters=(*names, *(nuisance.name for nuisance in nuisances)),
        covariance=fit.covariance,
        chi2=float(fit.dof) if std is None else fit.chi2,
        dof=fit.dof,
        residuals=_angles_again(fit.residuals, len(stacks), channels),
        model_angles=_angles_again(fit.model, len(stacks), channels),
        systematics=systematics,
        polarity=polarity_pair(polarity),
        checks={"residual_scatter": Estimate(math.sqrt(np.mean(fit.residuals**2)), None, "1" if ratio else "rad")} | {
            nuisance.name: Estimate(float(value), math.sqrt(variance), "SI")
            for nuisance, value, variance in zip(
                nuisances, fit.values[len(names) :], np.diag(fit.covariance)[len(names) :], strict=True
            )
        },
    )  # fmt: skip


@dataclass(frozen=True)
class _SeriesFit:
    values: FloatArray
    covariance: FloatArray
    chi2: float
    dof: int
    residuals: FloatArray
    model: FloatArray


def _fit(
    stacks: list[Stack],
    measured: ComplexArray,
    spread: ComplexArray | None,
    response: Callable[[Sequence[Stack]], ComplexArray],
    signs: tuple[int, int],
    channels: Channels,
    names: list[str],
    nuisances: Sequence[Nuisance],
) -> _SeriesFit:
    """Linear in the torques; Gauss-Newton in the nuisances, whose priors enter as further data."""
    data = _real(measured, (1, 1), channels)
    deviations = None if spread is None else _real(spread, (1, 1), channels)
    shifts = np.zeros(len(nuisances))
    torques = np.zeros(len(names))

    def design_at(values: FloatArray) -> FloatArray:
        moved = stacks
        for nuisance, value in zip(nuisances, values, strict=True):
            if value:
                moved = [changed(stack, nuisance.name, float(value)) for stack in moved]
        return np.stack([_real(column, signs, channels) for column in response(moved).T], axis=-1)

    if not nuisances:
        design = design_at(shifts)
        fit = fit_linear(design, data, deviations, names)
        return _SeriesFit(fit.values, fit.covariance, fit.chi2, fit.dof, fit.residuals, data - fit.residuals)

    priors = np.array([nuisance.std for nuisance in nuisances])
    if deviations is None:  # residual scatter of the fit without nuisances weighs data against priors
        plain = fit_linear(design_at(shifts), data, None, names)
        deviations = np.full(len(data), math.sqrt(plain.chi2 / plain.dof))
    all_names = [*names, *(nuisance.name for nuisance in nuisances)]
    for _ in range(50):
        design = design_at(shifts)
        if not torques.any():
            torques = fit_linear(design, data, deviations, names).values
        slopes = [
            (design_at(shifts + row) - design_at(shifts - row)) @ torques / (2 * np.max(row))
            for row in np.diag(priors * 1e-2)
        ]
        full = np.hstack([design, np.stack(slopes, axis=-1)])
        full = np.vstack([full, np.hstack([np.zeros((len(nuisances), len(names))), np.eye(len(nuisances))])])
        target = np.concatenate([data + np.stack(slopes, axis=-1) @ shifts, np.zeros(len(nuisances))])
        fit = fit_linear(full, target, np.concatenate([deviations, priors]), all_names)
        torques, moved_by = fit.values[: len(names)], fit.values[len(names) :] - shifts
        shifts = fit.values[len(names) :]
        if np.all(np.abs(moved_by) < 1e-6 * priors):
            break
    model = design_at(shifts) @ torques
    residuals = data - model
    chi2 = float(np.sum((residuals / deviations) ** 2) + np.sum((shifts / priors) ** 2))
    return _SeriesFit(fit.values, fit.covariance, chi2, len(data) - len(names), residuals, model)


def polarity_pair(polarity: Polarity) -> tuple[int, int]:
    """Signs (s_theta, s_eps) from one number or a pair of +1 and -1."""
    pair = (polarity, polarity) if isinstance(polarity, int) else tuple(polarity)
    if len(pair) != 2 or any(sign not in (1, -1) for sign in pair):
        raise InputError(f"polarity must be +1 or -1, or a pair of them; received {polarity!r}. See docs/signs.")
    return pair[0], pair[1]


def flip(angles: ComplexArray, signs: tuple[int, int]) -> ComplexArray:
    """Apply (s_theta, s_eps) to complex angles."""
    return signs[0] * angles.real + 1j * signs[1] * angles.imag


def complex_std(name: str, std: npt.ArrayLike, shape: tuple[int, ...]) -> ComplexArray:
    """Standard deviations as complex numbers (rotation + i ellipticity); a real one holds for both channels."""
    array = np.asarray(std)
    pair = array if np.iscomplexobj(array) else array * (1 + 1j)
    spread = np.broadcast_to(pair, shape)
    require(name, std, "finite and above 0 (rad)", (spread.real > 0) & (spread.imag > 0), "Estimate it from repeats.")
    return spread


def _response(stack: Stack, field: float, side: Side, wavelength: float, push: str) -> complex:
    return complex(tilt_response(stack, tilt_modes(stack.single_film, field, **{push: 1.0}), wavelength, side))


def _ratio_std(
    data: ComplexArray, std: ComplexArray, reference: ComplexArray, reference_std: ComplexArray
) -> ComplexArray:
    """First-order standard deviations of real and imaginary part of data / reference."""
    ratio = data / reference
    parts = [
        (std.real, 1 / reference),
        (std.imag, 1j / reference),
        (reference_std.real, ratio / reference),
        (reference_std.imag, 1j * ratio / reference),
    ]
    real, imaginary = (
        np.sqrt(sum((size * getattr(slope, part)) ** 2 for size, slope in parts)) for part in ("real", "imag")
    )
    return np.asarray(real + 1j * imaginary)


def _real(values: ComplexArray, signs: tuple[int, int], channels: Channels) -> FloatArray:
    parts = {"rotation": signs[0] * values.real, "ellipticity": signs[1] * values.imag}
    return np.concatenate(list(parts.values())) if channels == "both" else parts[channels]


def _angles_again(values: FloatArray, count: int, channels: Channels) -> ComplexArray:
    if channels == "both":
        return np.asarray(values[:count] + 1j * values[count:], dtype=complex)
    return np.asarray(values * (1.0 if channels == "rotation" else 1j), dtype=complex)
