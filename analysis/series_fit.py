"""Fit of a thickness series: one pair of surface torques for all films."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.result import Estimate, TorqueResult
from analysis.stack import ComplexArray, FloatArray, Side, Stack, require
from analysis.stack_batch import batches
from analysis.systematics import budget
from analysis.torque_fit import (
    NO_ANGLES,
    Angles,
    Nuisance,
    TorqueModel,
    flip,
    product_matrices,
    torque_result,
    weights_from,
)
from analysis.torque_problem import TorqueProblem

if TYPE_CHECKING:
    from analysis.configuration import Uncertain

__all__ = ["Nuisance", "fit_thickness_series", "thickness_series_problem"]

Channels = Literal["both", "rotation", "ellipticity"]
CalibrationUse = Literal["ratio", "joint"]
Polarity = int | tuple[int, int]


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
    calibration: CalibrationUse = "ratio",
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
        all angles weigh the same and the residual scatter sets the scale of the uncertainties.
    current_density
        (A/m^2) at which all angles were measured, not 0: I/(w d) with the width and the thicknesses stated.
    torque
        "antisymmetric": torque_top = -torque_bottom; "free": both, with their imbalance
        (torque_top + torque_bottom) / torque_bottom among the checks.
    calibration_angles : (films,), optional
        Complex Kerr angles under `calibration_field`, pick-up taken off.
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
        Which parts of the angles to use; a calibration needs both.
    nuisances
        Model inputs to be fitted as well, within their priors.
    calibration
        "ratio": each film enters by its complex ratio angle / calibration angle, in which Q, detector gain and laser
        power cancel. "joint": angles and calibration angles are fitted together, with nuisances common to both.
    uncertainties
        Standard uncertainties of model inputs, for the systematics budget; they then enter every `std`. Nuisances
        among them are left out, since the fit covers them.

    Returns
    -------
    TorqueResult

    Raises
    ------
    InputError
        For lists of different lengths, signs other than +-1, or numbers that are not finite.
    IdentifiabilityError
        Where the data cannot tell the torques, or nuisances without prior, apart.

    Notes
    -----
    Weighted linear regression of the angles on the simulated ones, as in the paper's Methods; with nuisances
    nonlinear least squares with exact derivatives. A thickness that moves, as nuisance or in the budget, moves the
    current density along: both torques and the efficiency then belong to the density stated.
    """
    problem = thickness_series_problem(
        stacks,
        angles,
        std=std,
        torque=torque,
        calibration_angles=calibration_angles,
        calibration_std=calibration_std,
        calibration_field=calibration_field,
        calibration=calibration,
        polarity=polarity,
        field=field,
        side=side,
        wavelength=wavelength,
        channels=channels,
        nuisances=nuisances,
    )
    fit = problem.fit()
    used = _used(channels)
    fit = replace(fit, residuals=flip(fit.residuals, used), model=flip(fit.model, used))
    thickness = np.empty(len(stacks))
    for batch, reference in zip(problem.batches, problem.reference_thickness, strict=True):
        thickness[batch.positions] = reference
    thickest = stacks[int(np.argmax(thickness))].single_film
    conductivity = None if thickest.conductivity is None else float(np.asarray(thickest.conductivity))
    inputs = dict(uncertainties or {})
    fitted = {nuisance.name for nuisance in nuisances}
    fitted |= {"calibration_field_per_ampere"} if "calibration_field" in fitted else set()

    def results(name: str, step: float) -> dict[str, float]:
        moved, scale, sigma = problem, 1.0, conductivity
        if name == "calibration_field_per_ampere":
            if problem.calibrated:
                moved = problem.moved("calibration_field", calibration_field * step / inputs[name].value)
        elif name == "width":  # j = I / (w d)
            scale = 1 + step / inputs[name].value
        elif name == "conductivity":
            sigma = None if conductivity is None else conductivity + step
        elif name:
            moved = problem.moved(name, step)
        bottom = scale * float((fit if moved is problem else moved.fit()).faces()[0][1])
        answer = {"torque": bottom, "efficiency": bottom}
        return answer | ({} if sigma is None else {"torque_conductivity": bottom * sigma})

    inputs = {name: input for name, input in inputs.items() if name not in fitted}
    parts = np.concatenate([fit.residuals.real, fit.residuals.imag])
    scatter = math.sqrt(float(np.sum(parts**2)) / (sum(used) * len(stacks)))
    return torque_result(
        fit,
        current_density=current_density,
        reported_density=current_density,
        conductivity=conductivity,
        systematics=budget(inputs, results) if inputs else (),
        polarity=polarity_pair(polarity),
        checks={"residual_scatter": Estimate(scatter, None, "rad")},
    )


def thickness_series_problem(
    stacks: Sequence[Stack],
    angles: npt.ArrayLike,
    *,
    std: npt.ArrayLike | None = None,
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
    calibration: CalibrationUse = "ratio",
) -> TorqueProblem:
    """State what `fit_thickness_series` solves, with the same arguments: its likelihood can be sampled, too."""
    signs = polarity_pair(polarity)
    data = np.asarray(angles, dtype=complex)
    if data.shape != (len(stacks),) or not len(stacks):
        raise InputError(
            f"angles must have one complex angle per stack; received {data.shape} for {len(stacks)} stacks."
        )
    require("angles", data, "finite (rad)", True, "Leave out films without data.")
    spread = None if std is None else complex_std("std", std, data.shape)
    reference, reference_spread = None, None
    if calibration_angles is not None:
        if channels != "both":
            raise InputError(
                f"channels must be 'both' with a calibration, whose ratio is complex; received {channels!r}. "
                "Measure rotation and ellipticity, or fit without the calibration."
            )
        reference, reference_spread = _calibration(calibration_angles, calibration_std, calibration, spread, len(data))
        reference = flip(reference, signs)
    rows = np.arange(len(data))
    asot = Angles(rows, flip(data, signs), _weights(spread, len(data), channels))
    groups = tuple(batches(stacks, wavelength))
    joint = NO_ANGLES
    if calibration == "joint" and reference is not None:
        joint, reference = Angles(rows, reference, _weights(reference_spread, len(data), channels)), None
    problem = TorqueProblem(
        batches=groups,
        reference_thickness=tuple(np.asarray(batch.stack.single_film.thickness, dtype=float) for batch in groups),
        field=np.full(len(data), float(field)),
        asot=asot,
        reference=reference,
        calibration=joint,
        calibration_field=calibration_field,
        pickup_signs=(complex(signs[0]), 1j * signs[1]),
        kind=torque,
        known_scale=spread is not None,
        nuisances=tuple(nuisances),
        side=side,
        wavelength=wavelength,
    )
    if reference is None or spread is None or reference_spread is None:
        return problem
    # data - reference * ratio: the noise of the reference enters times the ratio, taken from the fit without it
    ratio = product_matrices(replace(problem, nuisances=()).fit().model / reference)
    covariance = _covariance(spread) + ratio @ _covariance(reference_spread) @ np.swapaxes(ratio, -1, -2)
    return replace(problem, asot=replace(asot, weights=weights_from(covariance)))


def _calibration(
    angles: npt.ArrayLike,
    std: npt.ArrayLike | None,
    use: CalibrationUse,
    spread: ComplexArray | None,
    films: int,
) -> tuple[ComplexArray, ComplexArray | None]:
    """Calibration angles and their standard deviations, checked."""
    reference = np.asarray(angles, dtype=complex)
    if reference.shape != (films,):
        raise InputError(f"calibration_angles must have one angle per stack; received {reference.shape} for {films}.")
    require("calibration_angles", reference, "finite and not 0 (rad)", reference != 0, "Leave out films without data.")
    if (spread is None) != (std is None):
        raise InputError(
            "calibration_std must be given together with std; received only one of them. Give both or none."
        )
    if use not in ("ratio", "joint"):
        raise InputError(f"calibration must be 'ratio' or 'joint'; received {use!r}. Check its spelling.")
    if use == "joint" and std is None:
        raise InputError(
            "std and calibration_std must be given for a joint fit, to weigh the two series against each other; "
            "received none. Give them, or use calibration='ratio'."
        )
    return reference, None if std is None else complex_std("calibration_std", std, reference.shape)


def polarity_pair(polarity: Polarity) -> tuple[int, int]:
    """Signs (s_theta, s_eps) from one number or a pair of +1 and -1."""
    pair = (polarity, polarity) if isinstance(polarity, int) else tuple(polarity)
    if len(pair) != 2 or any(sign not in (1, -1) for sign in pair):
        raise InputError(f"polarity must be +1 or -1, or a pair of them; received {polarity!r}. See docs/signs.")
    return pair[0], pair[1]


def complex_std(name: str, std: npt.ArrayLike, shape: tuple[int, ...]) -> ComplexArray:
    """Standard deviations as complex numbers (rotation + i ellipticity); a real one holds for both channels."""
    array = np.asarray(std)
    pair = array if np.iscomplexobj(array) else array * (1 + 1j)
    if pair.shape not in ((), shape):
        raise InputError(f"{name} must be one number or one per stack; received {pair.shape} for {shape[0]} stacks.")
    require(name, std, "finite and above 0 (rad)", (pair.real > 0) & (pair.imag > 0), "Estimate it from repeats.")
    return np.broadcast_to(pair, shape)


def _covariance(spread: ComplexArray) -> FloatArray:
    """Covariances (films, 2, 2) of independent rotation and ellipticity."""
    covariance = np.zeros((len(spread), 2, 2))
    covariance[:, 0, 0], covariance[:, 1, 1] = spread.real**2, spread.imag**2
    return covariance


def _weights(spread: ComplexArray | None, films: int, channels: Channels) -> FloatArray:
    """Weights (films, parts, 2) of independent rotation and ellipticity."""
    weights = np.zeros((films, 2, 2))
    weights[:, 0, 0], weights[:, 1, 1] = (1.0, 1.0) if spread is None else (1 / spread.real, 1 / spread.imag)
    used = _used(channels)
    return weights[:, [part for part in (0, 1) if used[part]]]


def _used(channels: Channels) -> tuple[int, int]:
    """1 for each of rotation and ellipticity that enters the fit, else 0."""
    if channels not in ("both", "rotation", "ellipticity"):
        raise InputError(f"channels must be 'both', 'rotation' or 'ellipticity'; received {channels!r}. Mend it.")
    return int(channels != "ellipticity"), int(channels != "rotation")
