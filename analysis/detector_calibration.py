"""Analysis of a detector calibration: slope, balance and nonlinearity of the ratio against the plate's angle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import Parameter, fit_nonlinear
from analysis.readings import good_readings
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_CLEAR = 5.0  # standard errors, and
_SLOPE = 0.01  # relative
_BALANCE = math.radians(0.05)
_NONLINEARITY = 0.01  # of the ratio, at its largest: each of which is told
_NAMES = ("slope", "balance offset", "quadratic part", "cubic part")
_UNITS = ("1/rad", "rad", "1", "1")
_LARGEST_INFLATION = 30.0


@dataclass(frozen=True)
class Response:
    """How the detector answers to the analysing plate.

    Attributes
    ----------
    values, stds : (4,)
        Slope (1/rad), balance offset (rad), quadratic and cubic part, with standard errors.
    residual
        Scatter of the ratio about them.
    dof
        Degrees of freedom of it.
    fitted : (n,)
        The ratio that they give.
    """

    values: FloatArray
    stds: FloatArray
    residual: float
    dof: float
    fitted: FloatArray

    @property
    def balance_offset(self) -> float:
        """Angle (rad) of the plate from its nominal balance at which the detector is balanced."""
        return float(self.values[1])


def fit_balance(offset: FloatArray, ratio: FloatArray) -> Response:
    """Fit the ratio (n,) of difference over sum to the angle (n,) of the plate off its nominal balance (rad).

    Raises
    ------
    AnalysisError
        Where the ratio does not follow the plate, or there are too few angles.

    Notes
    -----
    ratio = slope / 4 (R + quadratic R^2 + cubic R^3), R = sin 4 (balance offset - offset): the plate mirrors the
    polarisation, so that its turn by delta reads as a Kerr rotation by -2 delta.
    """
    if np.ptp(offset) == 0 or np.ptp(ratio) == 0:
        raise AnalysisError(
            "Ratio of difference over sum must change with the analysing plate; it does not. Check plate and wires."
        )
    slope, constant = np.polyfit(offset, ratio, 1)
    start = (-slope, -constant / slope, 0.0, 0.0)
    parameters = [Parameter(name, value) for name, value in zip(_NAMES, start, strict=True)]
    fit = fit_nonlinear(lambda values: _response(offset, values), ratio, parameters, False, _LARGEST_INFLATION)
    stds = np.sqrt(np.diag(fit.covariance))
    return Response(fit.values, stds, fit.scatter, fit.scatter_dof, ratio - fit.residuals)


def _response(offset: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ratio (n,) and its derivatives (n, 4)."""
    slope, zero, quadratic, cubic = values
    turn = 4 * (zero - offset)
    sine = np.sin(turn)
    bent = sine + quadratic * sine**2 + cubic * sine**3
    steepness = (1 + 2 * quadratic * sine + 3 * cubic * sine**2) * np.cos(turn)
    derivatives = [bent / 4, slope * steepness, slope / 4 * sine**2, slope / 4 * sine**3]
    return slope / 4 * bent, np.stack(derivatives, axis=1)


def response_errors(offset: FloatArray, noise: FloatArray) -> FloatArray:
    """Standard errors (4,) that noise (n,) of the ratio leaves in an unweighted fit of a linear, balanced detector."""
    jacobian = _response(offset, np.array([4.0, 0.0, 0.0, 0.0]))[1]
    solution = np.linalg.pinv(jacobian)
    return np.asarray(np.sqrt((solution**2) @ noise**2))


def analyze_detector_calibration(run: xarray.Dataset, sample: Sample) -> Finding:
    """Slope, balance and nonlinearity of the detector; see `fit_balance`.

    Parameters
    ----------
    run
        Of the procedure detector-calibration.
    sample
        The sample in it.
    """
    offset, ratio = good_readings(run, "plate_offset", "ratio", least=7)
    found = fit_balance(offset, ratio)
    names = ("slope", "balance_offset", "quadratic", "cubic")
    quantities = {
        name: Estimate(float(value), float(std), unit, noise_std=float(std), dof=found.dof)
        for name, value, std, unit in zip(names, found.values, found.stds, _UNITS, strict=True)
    }
    quantities["residual"] = Estimate(found.residual, found.residual / math.sqrt(2 * found.dof), "1")
    curves = (
        Curve(
            "Detector against analysing plate", "plate off balance (deg)", "difference / sum",
            np.degrees(offset), ratio, fit_x=np.degrees(offset), fit_y=found.fitted,
        ),
        Curve("Residuals", "plate off balance (deg)", "residual ($10^{-6}$)", np.degrees(offset),
              1e6 * (ratio - found.fitted)),
    )  # fmt: skip
    return Finding(
        "detector-calibration", sample.name, (file_name(run),), quantities, tuple(_doubts(run, found, ratio)), curves
    )


def _doubts(run: xarray.Dataset, found: Response, ratio: FloatArray) -> list[str]:
    """What should be mended, one sentence or two each."""
    slope, balance, quadratic, cubic = found.values
    doubts = []
    if slope < 0:
        doubts.append(
            "Ratio rises as the analysing plate turns on: A and B of the detector are swapped, or the plate's angle "
            "counts the wrong way. Every Kerr angle has the wrong sign; see docs/signs.md."
        )
    elif abs(slope / 4 - 1) > max(_SLOPE, _CLEAR * found.stds[0] / 4):
        gain = float(run.attrs["instruments"]["difference_detector"]["settings_start"]["gain"][0])
        doubts.append(
            f"Slope is {slope:.4f} 1/rad instead of 4: write gain = {gain * slope / 4:.4f} into [difference_detector], "
            "after a look at the scale of the plate's angle."
        )
    if run.attrs["parameters"]["then"] != "balance" and abs(balance) > max(_BALANCE, _CLEAR * found.stds[1]):
        doubts.append(
            f"Detector is balanced with the analysing plate {math.degrees(balance):+.3f} degrees off: raise `zero` of "
            "[analyser_plate] in the bench file by that much, or let this procedure trim it (then = 'balance')."
        )
    largest = float(np.max(np.abs(ratio)))
    for name, part, bend in (("quadratic", 2, largest * quadratic), ("cubic", 3, largest**2 * cubic)):
        if abs(bend) > max(_NONLINEARITY, _CLEAR * found.stds[part] * largest ** (part - 1)):
            doubts.append(
                f"Detector is not linear: its {name} part makes {100 * bend:+.1f} % at a ratio of {largest:.2f}. Lower "
                "the light, and look for saturation."
            )
    return doubts
