"""Out-of-plane field of a current through a strip (physics: an infinite thin strip), and its fit to a Kerr signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.constants import VACUUM_PERMEABILITY
from analysis.errors import AnalysisError
from analysis.least_squares import NUMERICALLY_SINGULAR, NonlinearFit, Parameter, fit_nonlinear
from analysis.stack import FloatArray

LEAD_UNCERTAINTY = 0.2
"""Relative standard uncertainty of `strip_gradient` for a square between leads, which shorten the strip."""

_CERTAIN = 5.0  # standard errors by which a slope must differ from zero


def strip_gradient(width: float) -> float:
    """Slope (T/(m A)) of the field in the middle of an infinite thin strip of `width` (m): 2 mu0 / (pi width^2)."""
    return 2 * VACUUM_PERMEABILITY / (np.pi * width**2)


def strip_profile(y: npt.ArrayLike, width: float) -> FloatArray:
    """Field of a thin strip over its slope in the middle.

    Parameters
    ----------
    y : (...)
        Place across the strip (m), within width/2 either way.
    width
        Of the strip (m).

    Returns
    -------
    (...)
        (width/4) ln[(width/2 + y)/(width/2 - y)] (m): about y near the middle, diverging at the edges.
    """
    place = np.asarray(y, dtype=float)
    return np.asarray(width / 4 * np.log((width / 2 + place) / (width / 2 - place)))


def fit_strip(y: FloatArray, signal: FloatArray, width: float) -> NonlinearFit:
    """Fit signal = slope x strip_profile(y - zero).

    Parameters
    ----------
    y : (n,)
        Place across the strip (m), well inside it.
    signal : (n,)
        Even part of the Kerr signal (rad).
    width
        Of the strip (m).

    Returns
    -------
    NonlinearFit
        Values (zero in m, slope in rad/m); the residual scatter sets the scale.

    Raises
    ------
    AnalysisError
        Where the signal does not change along y, so that it has no zero.
    """
    if len(y) < 4:
        raise AnalysisError(
            f"Oersted slope must rest on at least 4 positions well inside the square; received {len(y)}. "
            "Take more steps, or a scan that crosses the middle."
        )
    slope, constant = np.polyfit(y - np.mean(y), signal, 1)
    start = float(np.mean(y) - constant / slope) if slope else float(np.mean(y))
    start = float(np.clip(start, np.min(y), np.max(y)))
    reach = 0.999 * width / 2
    parameters = (
        Parameter("zero", start, lower=float(np.max(y)) - reach, upper=float(np.min(y)) + reach),
        Parameter("slope", float(slope)),
    )

    def model(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        profile, towards_zero = strip_response(y, float(values[0]), width)
        return values[1] * profile, np.stack([values[1] * towards_zero, profile], axis=-1)

    fit = fit_nonlinear(model, signal, parameters, known_scale=False, largest_inflation=NUMERICALLY_SINGULAR)
    if abs(fit.values[1]) < _CERTAIN * np.sqrt(fit.covariance[1, 1]):
        raise AnalysisError(
            f"Kerr signal must change along y by {_CERTAIN:g} standard errors to show the Oersted field; it does not. "
            "Average longer, scan more of the square, or check that the current flows and the light hits the film."
        )
    return fit


def strip_response(y: FloatArray, zero: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Return `strip_profile` (n,) (m) at `y` (n,) from its zero (m), and its derivative (n,) by the zero."""
    place, half = y - zero, width / 2
    return strip_profile(place, width), -(half**2) / (half**2 - place**2)
