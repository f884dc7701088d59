"""Edges of the patterned square in the reflected light: centre, width and size of the spot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.errors import AnalysisError
from analysis.least_squares import NUMERICALLY_SINGULAR, Parameter, fit_nonlinear
from analysis.result import Estimate
from analysis.stack import FloatArray

Axis = Literal["x", "y"]
_LEAST_CONTRAST = 0.2  # of the largest sum signal
_SAME_PLACE = 1e-8  # m
_erf = np.vectorize(math.erf, otypes=[float])  # SciPy's takes longer to import than a scan to fit


@dataclass(frozen=True)
class SquareEdges:
    """Square as the spot sees it.

    Attributes
    ----------
    centre, width
        By axis (m).
    spot_diameter
        At 1/e^2 of the intensity (m).
    values : (5 + 2 axes,)
        What `reflected_light` takes.
    """

    centre: Mapping[Axis, Estimate]
    width: Mapping[Axis, Estimate]
    spot_diameter: Estimate
    values: FloatArray


def reflected_light(
    places: Sequence[FloatArray], progress: FloatArray, values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sum signal of a Gaussian spot that crosses the edges of a square, and its derivatives.

    Parameters
    ----------
    places
        Positions (n,) (m) along each scanned axis.
    progress : (n,)
        Time of each reading, from -1 at the first to 1 at the last.
    values : (5 + 2 axes,)
        Signal on the film and beside it (V), spot diameter (m), linear and quadratic drift of the light (relative),
        then centre and width (m) for each axis.

    Returns
    -------
    signal : (n,)
        (V): [beside + (film - beside) prod g] (1 + drift p + curvature p^2), with
        g = [erf(s (w/2 - u)) + erf(s (w/2 + u))] / 2, u from the centre, s = 2 sqrt(2) / diameter.
    jacobian : (n, 5 + 2 axes)
        Derivatives by the values.
    """
    film, beside, diameter, drift, curvature = values[:5]
    scale = 2 * math.sqrt(2) / diameter
    covered, slopes = [], []
    for number, place in enumerate(places):
        centre, width = values[5 + 2 * number : 7 + 2 * number]
        near, far = scale * (width / 2 - (place - centre)), scale * (width / 2 + (place - centre))
        bell_near, bell_far = np.exp(-(near**2)) / math.sqrt(math.pi), np.exp(-(far**2)) / math.sqrt(math.pi)
        covered.append((_erf(near) + _erf(far)) / 2)
        by_centre, by_width = scale * (bell_near - bell_far), scale * (bell_near + bell_far) / 2
        slopes.append((by_centre, by_width, -(near * bell_near + far * bell_far) / diameter))
    part = np.prod(covered, axis=0)
    light = 1 + drift * progress + curvature * progress**2
    level = beside + (film - beside) * part
    others = [np.prod([*covered[:k], *covered[k + 1 :], np.ones_like(part)], axis=0) for k in range(len(places))]
    contrast = (film - beside) * light
    columns = [part * light, (1 - part) * light]
    columns.append(contrast * sum(slope[2] * rest for slope, rest in zip(slopes, others, strict=True)))
    columns += [level * progress, level * progress**2]
    for slope, rest in zip(slopes, others, strict=True):
        columns += [contrast * slope[0] * rest, contrast * slope[1] * rest]
    return level * light, np.stack(columns, axis=-1)


def find_edges(places: Mapping[Axis, FloatArray], time: FloatArray, total: FloatArray) -> SquareEdges:
    """Find the square in a scan of the sum signal.

    Parameters
    ----------
    places
        Positions (n,) (m) along each scanned axis.
    time : (n,)
        Of each reading (s).
    total : (n,)
        Sum signal (V), finite.

    Raises
    ------
    AnalysisError
        Where both edges are not seen along each axis.

    Notes
    -----
    Least squares with `reflected_light`; the residual scatter sets the scale.
    """
    starts = [_crossings(axis, place, total) for axis, place in places.items()]
    span = float(np.ptp(time))
    progress = 2 * (time - np.min(time)) / span - 1 if span else np.zeros(len(time))
    positions = list(places.values())
    widths = [stop - start for start, stop in starts]
    parameters = [
        Parameter("signal on the film", float(np.max(total))),
        Parameter("signal beside the film", float(np.min(total))),
        Parameter("spot diameter", min(widths) / 12, lower=min(widths) / 1e4),
        Parameter("drift"),
        Parameter("curvature of the drift"),
    ]
    for axis, (start, stop) in zip(places, starts, strict=True):
        parameters += [
            Parameter(f"centre along {axis}", (start + stop) / 2),
            Parameter(f"width along {axis}", stop - start, lower=0.1 * (stop - start)),
        ]
    fit = fit_nonlinear(
        lambda values: reflected_light(positions, progress, values),
        total,
        parameters,
        known_scale=False,
        largest_inflation=NUMERICALLY_SINGULAR,
    )
    found = [
        Estimate(float(value), math.sqrt(variance), "m", dof=fit.scatter_dof)
        for value, variance in zip(fit.values, np.diag(fit.covariance), strict=True)
    ]
    return SquareEdges(
        dict(zip(places, found[5::2], strict=True)),
        dict(zip(places, found[6::2], strict=True)),
        found[2],
        fit.values,
    )


def _crossings(axis: Axis, place: FloatArray, total: FloatArray) -> tuple[float, float]:
    """Positions (m) at which the mean signal along an axis rises through the middle, and falls through it again."""
    positions, index = np.unique(np.round(place / _SAME_PLACE), return_inverse=True)
    profile = np.bincount(index, weights=total) / np.bincount(index)
    positions = positions * _SAME_PLACE
    middle = (np.max(profile) + np.min(profile)) / 2
    bright = np.flatnonzero(profile > middle)
    contrast = float(np.ptp(profile) / np.max(np.abs(profile)))
    if contrast < _LEAST_CONTRAST or bright[0] == 0 or bright[-1] == len(profile) - 1:
        raise AnalysisError(
            f"Position scan must show both edges of the square along {axis}; "
            + (
                f"the sum signal changes by {100 * contrast:.2g} % only. "
                if contrast < _LEAST_CONTRAST
                else "the film reaches to the end of the scan. "
            )
            + "Scan a larger span, begin nearer to the middle, and check the focus."
        )

    def crossing(dark: int, light: int) -> float:
        part = (middle - profile[dark]) / (profile[light] - profile[dark])
        return float(positions[dark] + part * (positions[light] - positions[dark]))

    return crossing(bright[0] - 1, bright[0]), crossing(bright[-1] + 1, bright[-1])
