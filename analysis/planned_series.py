"""Which film thicknesses determine a common torque best, before any is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.configuration import Uncertain
from analysis.errors import InputError
from analysis.optics import reflectance
from analysis.planned_uncertainty import PlannedTorque
from analysis.stack import FloatArray
from analysis.systematics import changed

COMMON_INPUTS = (
    "calibration_field_per_ampere",
    "saturation_induction",
    "n",
    "k",
    "exchange_stiffness",
    "effective_field",
    "surface_anisotropy_bottom",
    "surface_anisotropy_top",
)
"""Inputs that are off by the same amount in all films of a series; the thickness is off in each film by itself."""

_SHARED = 5e-3  # relative excess at which shares are good enough
_LARGEST_NUMBER_OF_STEPS = 5000


@dataclass(frozen=True)
class SeriesDesign:
    """Films that determine the torque best.

    Attributes
    ----------
    thickness, shares : (films,)
        Of each candidate: thickness (m) and share of the measuring time.
    std, noise_std
        Standard uncertainty of the torque (J/m^2) with these shares, inputs included; and what noise alone would leave.
    single_std : (films,)
        Standard uncertainty (J/m^2) with all the time on one film.
    """

    thickness: FloatArray
    shares: FloatArray
    std: float
    noise_std: float
    single_std: FloatArray

    def films(self) -> list[tuple[float, float]]:
        """Thickness (m) and share of the films worth making; neighbours on the grid count as one."""
        groups: list[list[int]] = []
        for place in np.flatnonzero(self.shares > 0.01).tolist():
            if groups and place - groups[-1][-1] <= 1:
                groups[-1].append(place)
            else:
                groups.append([place])
        total = float(np.sum(self.shares[[place for group in groups for place in group]]))
        return [
            (
                float(np.average(self.thickness[group], weights=self.shares[group])),
                float(np.sum(self.shares[group])) / total,
            )
            for group in groups
        ]


def best_thicknesses(
    plan: PlannedTorque, thickness: FloatArray, inputs: Mapping[str, Uncertain], time: float
) -> SeriesDesign:
    """Share a measuring time among films of several thicknesses so that a common torque is known best.

    Parameters
    ----------
    plan
        What one film gets; its sweeps say how noise and time go together. The torque, and with it the current density,
        is the same in all films.
    thickness : (films,)
        Candidates (m).
    inputs
        Model inputs with standard uncertainties, as `Sample.uncertainties` gives them.
    time
        Measuring time (s) of all films together.

    Returns
    -------
    SeriesDesign

    Raises
    ------
    InputError
        Where a film cannot be described by the model, e.g. one that is not magnetised in the plane.

    Notes
    -----
    c-optimal design: each film gives a complex ratio with the noise that the best split among its sweeps leaves, linear
    in the torque and in the errors of the inputs. `COMMON_INPUTS` are free within their uncertainties, the thickness
    is one more error of each film. The variance is convex in the shares; the search is that of
    `PlannedTorque.best_shares`. Shot noise follows the reflectance of each film.
    """
    films = [_Film.of(plan, float(d), inputs) for d in thickness]
    slopes = np.array([film.slopes for film in films])
    covariance = np.array([film.covariance for film in films])
    own = np.array([np.outer(film.own, film.own) for film in films])
    prior = np.diag([0.0, *np.ones(slopes.shape[-1] - 1)])

    def solved(shares: FloatArray) -> tuple[float, FloatArray]:
        """Variance of the torque, and how much of it a larger share of each film would take away."""
        times = (shares * time)[:, np.newaxis, np.newaxis]
        inverse = np.linalg.inv(covariance + times * own)
        total = prior + np.einsum("f,fai,fab,fbj->ij", shares * time, slopes, inverse, slopes, optimize=True)
        direction = np.linalg.solve(total, np.eye(len(total))[0])
        effect = inverse @ (slopes @ direction)[..., np.newaxis]  # (films, 2, 1)
        gains = np.swapaxes(effect, 1, 2) @ covariance @ effect
        return float(direction[0]), gains[:, 0, 0]

    shares = np.full(len(films), 1 / len(films))
    for _ in range(_LARGEST_NUMBER_OF_STEPS):
        gains = solved(shares)[1]
        relative = gains / float(shares @ gains)
        if np.max(relative) < 1 + _SHARED:
            break
        shares = shares * np.sqrt(relative)
        shares = shares / np.sum(shares)
    exact = sum(share * time * film.exact_information for film, share in zip(films, shares, strict=True))
    single = [math.sqrt(solved(row)[0]) for row in np.eye(len(films))]
    return SeriesDesign(
        np.asarray(thickness, dtype=float), shares, math.sqrt(solved(shares)[0]), 1 / math.sqrt(exact), np.array(single)
    )


@dataclass(frozen=True)
class _Film:
    """One candidate: complex ratio as a linear function of torque and inputs.

    Attributes
    ----------
    slopes : (2, 1 + inputs)
        Of real and imaginary part by the torque, and by each common input in units of its uncertainty.
    covariance : (2, 2)
        That one second of measuring leaves.
    own : (2,)
        Effect of the thickness' uncertainty.
    """

    slopes: FloatArray
    covariance: FloatArray
    own: FloatArray

    @classmethod
    def of(cls, plan: PlannedTorque, thickness: float, inputs: Mapping[str, Uncertain]) -> _Film:
        nominal = plan.stack.single_film
        film = replace(plan.stack, film=replace(nominal, thickness=thickness))
        brightness = [float(reflectance(stack, plan.wavelength, plan.side)) for stack in (plan.stack, film)]
        noise = math.sqrt(brightness[0] / brightness[1])
        sweeps = tuple(replace(sweep, std=noise * sweep.std) for sweep in plan.sweeps)
        here = replace(plan, stack=film, sweeps=sweeps)
        time = sum(sweep.time for sweep in sweeps)
        own_times = np.array([sweep.time for sweep in sweeps])
        here = here.repeated(here.best_shares() * time / own_times)
        angle = here.torque * here.response

        def effect(name: str) -> complex:
            step = inputs[name].std
            if name == "calibration_field_per_ampere":
                return -angle * step / inputs[name].value
            high, low = (
                replace(here, stack=changed(film, name, sign * step, plan.wavelength)).relative_response
                for sign in (1, -1)
            )
            return angle * (high - low) / (2 * here.relative_response)

        columns = [here.response, *(effect(name) for name in COMMON_INPUTS if _known(inputs, name))]
        # A film that is thicker than said also carries less current density, and torque, than said.
        own = effect("thickness") - angle * inputs["thickness"].std / thickness if _known(inputs, "thickness") else 0j
        return cls(
            np.array([[value.real for value in columns], [value.imag for value in columns]]),
            here.angle_covariance * time,
            np.array([own.real, own.imag]),
        )

    @property
    def exact_information(self) -> float:
        """Information on the torque from each second, all inputs being exact."""
        return float(self.slopes[:, 0] @ np.linalg.solve(self.covariance, self.slopes[:, 0]))


def _known(inputs: Mapping[str, Uncertain], name: str) -> bool:
    return name in inputs and inputs[name].std > 0


def candidates(low: float, high: float, count: int = 23) -> FloatArray:
    """Grid (count,) of thicknesses (m) from `low` to `high`, equally spaced."""
    if not 0 < low < high:
        raise InputError(
            f"Thicknesses must run up from above 0; received {low * 1e9:g} to {high * 1e9:g} nm. Write the smaller one "
            "first."
        )
    return np.linspace(low, high, count)
