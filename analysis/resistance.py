"""Four-probe resistance: extrapolated to zero current, and the conductivity of the film that follows from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.contact_rows import contact_rows
from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import fit_linear
from analysis.result import Estimate, combined
from analysis.sample import Sample
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_CERTAIN = 3.0  # standard uncertainties
_LARGEST_DRIFT = 1e-3  # of the resistance between the way up and the way down
_STRONG_HEATING = 0.05  # rise of the resistance at the largest current


def fit_voltages(current: FloatArray, voltage: FloatArray, std: FloatArray | None) -> dict[str, Estimate]:
    """Fit V = R (I + a I^3).

    Parameters
    ----------
    current, voltage : (n,)
        Different currents (A peak), and the voltages (V peak) in phase with them.
    std : (n,), optional
        Standard deviations of the voltages; without them all weigh the same and their scatter sets the scale.

    Returns
    -------
    dict
        "resistance" R (ohm) at zero current and "heating_coefficient" a (1/A^2).

    Raises
    ------
    AnalysisError
        For fewer than three currents.
    """
    largest = float(np.max(current))
    reduced = current / largest
    fit = fit_linear(np.stack([reduced, reduced**3], axis=-1), voltage, std, ("resistance", "heating_coefficient"))
    linear, cubic = fit.values / largest
    covariance = fit.covariance / largest**2
    ratio = cubic / linear
    slope = np.array([-ratio, 1.0]) / linear
    dof = None if std is not None else float(fit.dof)
    return {
        "resistance": Estimate(float(linear), math.sqrt(covariance[0, 0]), "ohm", dof=dof),
        "heating_coefficient": Estimate(
            float(ratio / largest**2), math.sqrt(float(slope @ covariance @ slope)) / largest**2, "1/A^2", dof=dof
        ),
    }


def conductivity(sample: Sample, resistance: float) -> float:
    """Conductivity (S/m) of the film whose sample has `resistance` (ohm): (l / (R w) - sum of sigma t beside it) / d.

    Raises
    ------
    AnalysisError
        Where the metal layers of the sample file alone would conduct better.
    """
    sheet, beside = _sheet_conductances(sample, resistance)
    if sheet <= beside:
        raise AnalysisError(
            f"Sheet conductance of {sample.name!r} must be above the {beside:.4g} S of its metal layers alone; it is "
            f"{sheet:.4g} S. Check their conductivities in the sample file."
        )
    return (sheet - beside) / sample.film.thickness.value


def conductivity_effects(sample: Sample, resistance: float) -> tuple[float, ...]:
    """Relative effect on the conductivity: of a relative change of the resistance, then of each uncertain length.

    A sample whose file gives no `length` is a square: its width cancels.
    """
    sheet, beside = _sheet_conductances(sample, resistance)
    share = sheet / (sheet - beside)
    geometry, thickness = sample.geometry, sample.film.thickness
    lengths = () if geometry.length is None else (geometry.length, geometry.width)
    return (-share, *(share * entry.std / entry.value for entry in lengths), thickness.std / thickness.value)


def _sheet_conductances(sample: Sample, resistance: float) -> tuple[float, float]:
    """Sheet conductance (S) of everything, and of the layers beside the film."""
    sheet = sample.geometry.tap_distance.value / (resistance * sample.geometry.width.value)
    return sheet, sum(layer.conductivity * layer.thickness for layer in (*sample.above, *sample.below))


def analyze_resistance(run: xarray.Dataset, sample: Sample) -> Finding:
    """Resistance at zero current, conductivity of the film, and heating.

    Parameters
    ----------
    run
        Of the procedure "resistance".
    sample
        Its geometry and its metal layers turn resistance into conductivity.

    Returns
    -------
    Finding
        "resistance" (ohm), "conductivity" (S/m; `noise_std` from the scatter, `std` with the geometry) and
        "heating_coefficient" (1/A^2), the relative rise of the resistance per square of the peak current.

    Raises
    ------
    AnalysisError
        Where fewer than three currents were measured well.

    Notes
    -----
    V = R (I + a I^3). Readings at the same current are averaged first: they share the error of the lock-in's steps,
    so that only different currents tell the scatter.
    """
    rows, doubts = contact_rows(run, "resistance")
    asked = np.round(rows["current_set"], 9)
    levels = np.unique(asked)
    voltages = rows["resistance"] * rows["current"]
    current = np.array([np.mean(rows["current"][asked == level]) for level in levels])
    voltage = np.array([np.mean(voltages[asked == level]) for level in levels])
    fit = fit_voltages(current, voltage, None)
    found, heating = fit["resistance"], fit["heating_coefficient"]
    assert found.std is not None and heating.std is not None
    own, *shape = conductivity_effects(sample, found.value)
    value = conductivity(sample, found.value)
    sigma = combined(value, abs(own) * value * found.std / found.value, shape, "S/m", found.dof)

    warnings = [*doubts, *_drift(rows, asked, levels), *_file_doubts(sample, sigma)]
    rise = heating.value * float(current[-1]) ** 2
    if rise > _STRONG_HEATING and heating.value > _CERTAIN * heating.std:
        warnings.append(
            f"The current heats: the resistance at {current[-1] * 1e3:.3g} mA is {rise:.0%} above that at none. Expect "
            "the Kerr signal to rise with I^3, too; lower the current, or sweep it and extrapolate."
        )
    fine = np.linspace(0, float(current[-1]), 100)
    curve = Curve(
        "Four-probe resistance", "current (mA peak)", "resistance (ohm)",
        rows["current"] * 1e3, rows["resistance"],
        fit_x=fine * 1e3, fit_y=found.value * (1 + heating.value * fine**2),
    )  # fmt: skip
    quantities = {"resistance": found, "conductivity": sigma, "heating_coefficient": heating}
    return Finding("resistance", sample.name, (file_name(run),), quantities, tuple(warnings), (curve,))


def _drift(rows: dict[str, FloatArray], asked: FloatArray, levels: FloatArray) -> list[str]:
    """Warn where the way down differs from the way up."""
    late = rows["sequence"] > np.median(rows["sequence"])
    both = [level for level in levels if np.any(late & (asked == level)) and np.any(~late & (asked == level))]
    if len(both) < 2:
        return []
    resistance = rows["resistance"]
    steps = np.array([
        np.mean(resistance[late & (asked == level)]) - np.mean(resistance[~late & (asked == level)]) for level in both
    ])  # fmt: skip
    drift = float(np.mean(steps) / np.mean(resistance))
    if abs(drift) < _LARGEST_DRIFT:
        return []
    return [
        f"The resistance on the way down differs by {drift:+.2%} from that on the way up: the sample warms up or ages. "
        "Measure again, slower or with less current."
    ]


def _file_doubts(sample: Sample, sigma: Estimate) -> list[str]:
    """Warn where the sample file says otherwise, with the line to write."""
    stated = sample.film.conductivity
    assert sigma.std is not None
    if abs(sigma.value - stated.value) <= _CERTAIN * math.hypot(sigma.std, stated.std):
        return []
    return [
        f"The conductivity of sample file {sample.name!r}, {stated.value:.4g} S/m, is not the one measured. Write into "
        f'its [film]: conductivity = "{sigma.value:.4g} +- {sigma.std:.2g} S/m"'
    ]
