"""Anomalous Hall loop: ordinary slope taken off, anomalous Hall resistance, effective field, Hall conductivity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.contact_rows import contact_rows
from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import Parameter, fit_linear, fit_nonlinear
from analysis.result import Estimate, combined
from analysis.sample import Sample
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_CERTAIN = 3.0  # standard uncertainties
_LARGEST_INFLATION = 100.0  # of a standard error by the other parameters
_LEAST_SATURATED = 4  # points beyond saturation on each side, which tell the ordinary slope
_KNEE = 0.15  # of the saturation field, either way, in which a rounded knee shows
_NAMES = ("anomalous_hall_resistance", "ordinary_hall_slope", "offset_resistance", "effective_field")


@dataclass(frozen=True)
class HallFit:
    """Fit of R = R_A clip(B / Beff) + R_0 B + c.

    Attributes
    ----------
    quantities
        R_A (ohm), R_0 (ohm/T), c (ohm), Beff (T) by name.
    residuals : (n,)
        (ohm)
    """

    quantities: dict[str, Estimate]
    residuals: FloatArray

    def curve(self, field: FloatArray) -> FloatArray:
        """Fitted resistance (n,) (ohm) at `field` (n,) (T)."""
        anomalous, ordinary, offset, saturation = (self.quantities[name].value for name in _NAMES)
        return np.asarray(_design(field, saturation) @ np.array([anomalous, ordinary, offset]))


def fit_hall_loop(field: FloatArray, resistance: FloatArray, std: float | None = None) -> HallFit:
    """Fit a Hall loop with a hard axis along the field: m_z = B / Beff up to saturation.

    Parameters
    ----------
    field, resistance : (n,)
        Field along the normal (T) and Hall resistance (ohm), in any order.
    std
        Standard deviation (ohm) of one datum; without it the residual scatter sets the scale.

    Returns
    -------
    HallFit

    Raises
    ------
    AnalysisError
        Where the loop has too few points, or does not go beyond saturation.
    IdentifiabilityError
        Where the data cannot tell the parameters apart.

    Notes
    -----
    For each Beff the rest is linear: a scan finds the neighbourhood of the minimum, from which all four are fitted.
    """
    largest = float(min(np.max(field), -np.min(field)))
    if len(field) < 4 * _LEAST_SATURATED or not largest > 0:
        raise AnalysisError(
            f"A Hall loop must have {4 * _LEAST_SATURATED} points or more on both sides of zero field; received "
            f"{len(field)} up to {largest:.3g} T. Measure the full loop."
        )
    trials = np.linspace(0.02, 1.0, 99) * largest

    def distance(saturation: float) -> float:
        return fit_linear(_design(field, saturation), resistance, np.ones_like(field), _NAMES[:3]).chi2

    # At the last trial nothing is saturated: the line through all points.
    start = float(min(trials[:-1], key=distance))
    _require_saturation(field, start)
    anomalous, ordinary, offset = fit_linear(
        _design(field, start), resistance, np.ones_like(field), _NAMES[:3]
    ).values.tolist()  # fmt: skip

    scale = 1.0 if std is None else std

    def model(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        return _design(field, values[3]) @ values[:3] / scale, _slopes(field, values) / scale

    starts = (anomalous, ordinary, offset, start)
    bounds = (0.01 * largest, largest)
    parameters = [Parameter(name, value) for name, value in zip(_NAMES[:3], starts, strict=False)]
    parameters.append(Parameter(_NAMES[3], start, lower=bounds[0], upper=bounds[1]))
    fit = fit_nonlinear(model, resistance / scale, parameters, std is not None, _LARGEST_INFLATION)
    _require_saturation(field, float(fit.values[3]))
    dof = None if std is not None else fit.scatter_dof
    return HallFit(_quantities(fit.values, fit.covariance, dof), fit.residuals * scale)


def planned_hall_loop(field: FloatArray, anomalous: float, saturation: float, std: float) -> dict[str, Estimate]:
    """What `fit_hall_loop` will find of a loop without ordinary part and offset, by noise alone.

    Parameters
    ----------
    field : (n,)
        Fields along the normal (T), beyond saturation on both sides.
    anomalous
        Anomalous Hall resistance (ohm).
    saturation
        Field (T) at which the magnetisation stands along the normal.
    std
        Standard deviation (ohm) of one datum.
    """
    values = np.array([anomalous, 0.0, 0.0, saturation])
    linear = fit_linear(_slopes(field, values), np.zeros_like(field), np.full_like(field, std), _NAMES)
    return _quantities(values, linear.covariance, None)


def _quantities(values: FloatArray, covariance: FloatArray, dof: float | None) -> dict[str, Estimate]:
    stds, units = np.sqrt(np.diag(covariance)), ("ohm", "ohm/T", "ohm", "T")
    return {
        name: Estimate(float(value), float(error), unit, dof=dof)
        for name, value, error, unit in zip(_NAMES, values, stds, units, strict=True)
    }


def _require_saturation(field: FloatArray, saturation: float) -> None:
    beyond = min(np.sum(field > saturation), np.sum(field < -saturation))
    if beyond < _LEAST_SATURATED:
        raise AnalysisError(
            f"A Hall loop must have {_LEAST_SATURATED} points or more beyond saturation on each side, to tell the "
            f"ordinary Hall effect; it has {beyond} beyond {saturation:.3g} T. Measure to a larger field."
        )


def _design(field: FloatArray, saturation: float) -> FloatArray:
    """Response (n, 3) to anomalous and ordinary Hall resistance and offset."""
    return np.stack([np.clip(field / saturation, -1.0, 1.0), field, np.ones_like(field)], axis=-1)


def _slopes(field: FloatArray, values: FloatArray) -> FloatArray:
    """Derivatives (n, 4) of the loop by `_NAMES` at `values`."""
    turning = np.where(np.abs(field) < values[3], -values[0] * field / values[3] ** 2, 0.0)
    return np.column_stack([_design(field, values[3]), turning])


def analyze_hall_loop(run: xarray.Dataset, sample: Sample) -> Finding:
    """Anomalous Hall effect of a Hall bar.

    Parameters
    ----------
    run
        Of the procedure "hall-loop", or imported: columns `field` along the normal, and `hall_resistance`.
    sample
        Its thickness and conductivity turn resistance into conductivity.

    Returns
    -------
    Finding
        What `HallFit` holds, and "anomalous_hall_resistivity" (ohm m), "anomalous_hall_conductivity" (S/m).

    Raises
    ------
    AnalysisError, IdentifiabilityError
        As `fit_hall_loop`; AnalysisError where the run has not these columns.

    Notes
    -----
    Resistances are E_y w / I_x, positive for the ordinary Hall effect of holes, and the anomalous one is that at
    m_z = +1. With rho_AH = R_A d the conductivity is sigma_AH = sigma_xy = rho_AH / (rho_xx^2 + rho_AH^2): positive
    for Fe, negative for Ni, as in the paper's table.
    """
    missing = [name for name in ("field", "hall_resistance") if name not in run]
    if missing:
        raise AnalysisError(
            f"A Hall loop must have the columns field and hall_resistance; without {', '.join(missing)} it cannot be "
            'analysed. Name them "Field (T)" and "Hall resistance (ohm)" before the import.'
        )
    rows, doubts = contact_rows(run, "hall_resistance")
    field, resistance = rows["field"], rows["hall_resistance"]
    fit = fit_hall_loop(field, resistance)
    found = fit.quantities
    resistivity, hall_conductivity = _bulk(sample, found[_NAMES[0]])
    warnings = [
        *doubts,
        *_layer_doubts(sample),
        *_knee_doubts(field, fit),
        *_file_doubts(sample, found["effective_field"]),
    ]
    fine = np.linspace(float(np.min(field)), float(np.max(field)), 401)
    ordinary = found["ordinary_hall_slope"].value
    offset = found["offset_resistance"].value

    def anomalous(at: FloatArray, values: FloatArray) -> FloatArray:
        return (values - ordinary * at - offset) * 1e3

    curves = (
        Curve(
            "Hall resistance", "field along the normal (T)", "resistance (mohm)",
            field, resistance * 1e3, fit_x=fine, fit_y=fit.curve(fine) * 1e3,
        ),
        Curve(
            "Anomalous part", "field along the normal (T)", "resistance (mohm)",
            field, anomalous(field, resistance), fit_x=fine, fit_y=anomalous(fine, fit.curve(fine)),
        ),
    )  # fmt: skip
    quantities = {
        **found,
        "anomalous_hall_resistivity": resistivity,
        "anomalous_hall_conductivity": hall_conductivity,
    }
    return Finding("hall-loop", sample.name, (file_name(run),), quantities, tuple(warnings), curves)


def _bulk(sample: Sample, resistance: Estimate) -> tuple[Estimate, Estimate]:
    """Anomalous Hall resistivity (ohm m) and conductivity (S/m), with thickness and conductivity of the sample file."""
    assert resistance.std is not None
    thickness, sigma = sample.film.thickness, sample.film.conductivity
    hall, along = resistance.value * thickness.value, 1 / sigma.value
    total = along**2 + hall**2
    value = hall / total
    by_hall = (along**2 - hall**2) / total  # relative effect of the Hall resistivity
    relative_thickness = thickness.std / thickness.value
    effects = [by_hall * relative_thickness, 2 * along**2 / total * sigma.std / sigma.value]
    noise = resistance.std * thickness.value
    return (
        combined(hall, noise, [relative_thickness], "ohm m", resistance.dof),
        combined(value, abs(by_hall) * noise / total, effects, "S/m", resistance.dof),
    )


def _layer_doubts(sample: Sample) -> list[str]:
    if not any(layer.conductivity for layer in (*sample.above, *sample.below)):
        return []
    return [
        "Metal layers beside the film carry current and short its Hall voltage: the Hall conductivity is a lower "
        "bound. Measure a film without them."
    ]


def _knee_doubts(field: FloatArray, fit: HallFit) -> list[str]:
    """Warn where residuals pile up at saturation."""
    saturation = fit.quantities["effective_field"].value
    knee = np.abs(np.abs(field) / saturation - 1) < _KNEE
    if min(knee.sum(), (~knee).sum()) < 4:
        return []
    inside, outside = (float(np.sqrt(np.mean(fit.residuals[mask] ** 2))) for mask in (knee, ~knee))
    if inside < _CERTAIN * outside:
        return []
    return [
        f"The loop is rounded near saturation at {saturation:.3g} T: the field is tilted, or the film is not uniform. "
        "The effective field carries more uncertainty than the scatter says; align the normal with the field."
    ]


def _file_doubts(sample: Sample, measured: Estimate) -> list[str]:
    """Warn where the sample file says otherwise, with the line to write."""
    stated = sample.film.effective_field
    average = sample.average_effective_field
    assert measured.std is not None
    if abs(measured.value - average) <= _CERTAIN * math.hypot(measured.std, stated.std):
        return []
    bulk = measured.value + stated.value - average
    return [
        f"Sample file {sample.name!r} lets expect saturation at {average:.4g} T, not at the {measured.value:.4g} T "
        f'measured. Write into its [film]: effective_field = "{bulk:.4g} +- {measured.std:.2g} T", the value without '
        "the surface anisotropy."
    ]
