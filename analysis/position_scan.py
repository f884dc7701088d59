"""Position scans: the square's centre and width from its edges, and the Oersted field of the current in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.averaged_loops import field_response
from analysis.detection import reported
from analysis.errors import AnalysisError, IdentifiabilityError
from analysis.finding import Curve, Finding, Map, file_name
from analysis.least_squares import fit_linear
from analysis.oersted import LEAD_UNCERTAINTY, fit_strip, strip_gradient, strip_profile
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.square_edges import Axis, SquareEdges, find_edges, reflected_light
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

INSIDE = 0.3
"""Part of the width, from the middle, within which the Kerr signal counts: nearer to an edge the spot has a size."""

_FAR = 0.5e-6  # m between the zero of the Oersted field and the middle of the square that is told
_IMPROBABLE = 3.0  # standard errors
_UM = 1e6


def scanned_axes(axis: str) -> tuple[Axis, ...]:
    """Axes that the choice "x", "y" or "map" scans."""
    return ("x", "y") if axis == "map" else ("x",) if axis == "x" else ("y",)


def scan_edges(rows: Mapping[str, FloatArray], axis: str) -> SquareEdges:
    """Find the square in the columns of a position scan; see `analysis.square_edges.find_edges`."""
    good = np.isfinite(rows["sum"])
    places: dict[Axis, FloatArray] = {name: rows[f"stage_{name}"][good] for name in scanned_axes(axis)}
    return find_edges(places, rows["time"][good], rows["sum"][good])


@dataclass(frozen=True)
class _Even:
    """Part of the Kerr signal (n,) (rad) even in the field, at positions (n,) (m), with the mean |field| (T)."""

    x: FloatArray
    y: FloatArray
    signal: FloatArray
    field: float


def analyze_position_scan(run: xarray.Dataset, sample: Sample) -> Finding:
    """Find the square, and under a current its Oersted field.

    Parameters
    ----------
    run
        Position scan from `load_run`.
    sample
        What was scanned: width, and the model's Kerr response to a field.

    Raises
    ------
    AnalysisError
        Where the reflected light does not show the edges, or a current in the sample no Oersted field.
    """
    parameters = run.attrs["parameters"]
    rows = {str(name): run[name].to_numpy() for name in run.data_vars}
    axis, kerr = parameters["axis"], parameters["signal"] == "kerr"
    quantities: dict[str, Estimate] = {}
    warnings: list[str] = []
    edges: SquareEdges | None = None
    if not kerr or parameters["span"] * 1e-6 > sample.geometry.width.value:
        try:
            edges = scan_edges(rows, axis)
        except (AnalysisError, IdentifiabilityError) as error:
            if not kerr:
                raise
            warnings.append(f"The middle of the square is not known from this scan: {error}")
    if edges is not None:
        for name in scanned_axes(axis):
            quantities |= {f"centre_{name}": edges.centre[name], f"width_{name}": edges.width[name]}
        quantities["spot_diameter"] = edges.spot_diameter
        warnings += _width_warnings(edges, sample)
    curves, maps = _light_panels(rows, axis, edges)
    if kerr:
        even, line = _even_part(rows), None
        if parameters["path"] == "coil":
            quantities["kerr_per_ampere"] = _coil_signal(run, sample, even, edges)
        elif axis != "x":
            line = _oersted_quantities(run, sample, even, edges, quantities, warnings)
        signal_curves, signal_maps = _signal_panels(even, axis, line)
        curves, maps = curves + signal_curves, maps + signal_maps
    return Finding(
        "position-scan", sample.name, (file_name(run),), quantities, tuple(warnings), tuple(curves), tuple(maps)
    )


def self_calibration(runs: Sequence[xarray.Dataset], sample: Sample) -> Finding | None:
    """Field of the coil per ampere, from its Kerr signal and the Oersted field of the current in the sample.

    Parameters
    ----------
    runs
        Position scans of one batch with a Kerr signal under either current.
    sample
        What was scanned.

    Returns
    -------
    Finding or None
        None where not both currents were scanned.

    Notes
    -----
    The Kerr response to a field follows from the slope k of the signal across the strip, r = k / (2 mu0 I / pi w^2),
    and the coil's field from its signal, b/I = s/r; detector gain and Voigt parameter cancel.
    """
    found: dict[str, Finding] = {}
    for run in runs:
        if run.attrs["parameters"]["signal"] == "kerr" and run.attrs["parameters"]["axis"] != "x":
            found[run.attrs["parameters"]["path"]] = analyze_position_scan(run, sample)
    if not {"sample", "coil"} <= set(found):
        return None
    signal, response = found["coil"].quantities["kerr_per_ampere"], found["sample"].quantities["kerr_response"]
    assert signal.std is not None and response.std is not None and response.noise_std is not None
    value = signal.value / response.value
    noise = abs(value) * math.hypot(signal.std / signal.value, response.noise_std / response.value)
    std = abs(value) * math.hypot(signal.std / signal.value, response.std / response.value)
    warnings = []
    stated = sample.coil.field_per_ampere
    if value * stated.value < 0:
        warnings.append(
            "Oersted field and calibration field have opposite signs to those of the model: a lead of the sample or of "
            "the coil, or the stage's y axis, is reversed. Find out which one, and mend it or its sign in the files."
        )
    elif abs(value - stated.value) > _IMPROBABLE * math.hypot(std, stated.std):
        warnings.append(
            f"The coil makes {value * 1e3:.3g} mT/A by the Oersted field and {stated.value * 1e3:.3g} mT/A by the "
            "sample file. Measure it with a Hall probe, and check the width of the strip."
        )
    return Finding(
        "position-scan",
        sample.name,
        tuple(name for finding in found.values() for name in finding.runs),
        {"field_per_ampere": Estimate(value, std, "T/A", noise)},
        tuple(warnings),
    )


def scan_map(run: xarray.Dataset, name: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Column of a map over the plane, as far as it was scanned.

    Parameters
    ----------
    run
        Of the procedure position-scan with axis "map", complete or not.
    name
        Column to be shown. Read at +H and -H it is shown as their mean, where both are there: the part even in H.

    Returns
    -------
    x, y : (steps,)
        Positions (m) asked for, ascending.
    values : (steps, steps)
        By y and x; NaN where nothing good was measured.

    Raises
    ------
    AnalysisError
        For a run that is no map, or has no points.
    """
    parameters = run.attrs["parameters"]
    if run.attrs["procedure"] != "position-scan" or parameters["axis"] != "map" or not run.sizes["point"]:
        raise AnalysisError("A map must be a position scan with axis 'map' and at least one point. Show its columns.")
    steps = int(parameters["steps"])
    line = np.linspace(0, parameters["span"] * 1e-6, steps)
    axes = [line + float(run[f"stage_{axis}_set"][0]) for axis in ("x", "y")]
    column, row = (
        np.rint((run[f"stage_{axis}_set"].to_numpy() - places[0]) / line[1]).astype(int)
        for axis, places in zip(("x", "y"), axes, strict=True)
    )
    values = run[name].to_numpy()
    good = np.isfinite(values)
    if parameters["signal"] == "kerr":
        good &= run["lock_in_status"].to_numpy() == 0
    side = run["field_set"].to_numpy() if "field_set" in run else np.zeros(len(values))
    means = []
    for field in np.unique(side[np.isfinite(side)]) if np.any(np.isfinite(side)) else ():
        chosen = good & (side == field)
        place = (row * steps + column)[chosen]
        total, count = (np.bincount(place, weights, steps**2) for weights in (values[chosen], None))
        means.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    if not means:
        means = [np.full(steps**2, np.nan)]
    mean: FloatArray = np.mean(means, axis=0)
    return axes[0], axes[1], mean.reshape(steps, steps)


def _width_warnings(edges: SquareEdges, sample: Sample) -> list[str]:
    warnings = []
    stated = sample.geometry.width
    for axis, width in edges.width.items():
        assert width.std is not None
        if abs(width.value - stated.value) > _IMPROBABLE * math.hypot(width.std, stated.std):
            warnings.append(
                f"Width along {axis} is {width.value * _UM:.2f} um here and {stated.value * _UM:.2f} um in the sample "
                "file. Check the scale of the stage, and the sample file: the current density rests on it."
            )
    return warnings


def _even_part(rows: Mapping[str, FloatArray]) -> _Even:
    """Mean of the Kerr signal at +H and -H, where both are good."""
    good = (rows["lock_in_status"] == 0) & np.isfinite(rows["kerr_signal"])
    key = rows["repeat"] * (np.max(rows["sequence"]) + 2) + 2 * (rows["sequence"] // 2)
    up, down = good & (rows["field_set"] > 0), good & (rows["field_set"] < 0)
    shared, first, second = np.intersect1d(key[up], key[down], return_indices=True)
    if not len(shared):
        raise AnalysisError(
            "Kerr signal must be read at +H and -H in at least one position; it is not. Look at lock_in_status: "
            "overload or unlocked reference."
        )
    x, y, signal = (
        (rows[name][up][first] + rows[name][down][second]) / 2 for name in ("stage_x", "stage_y", "kerr_signal")
    )
    return _Even(x, y, signal, float(np.mean(np.abs(rows["field"][up | down]))))


def _inside(even: _Even, edges: SquareEdges | None, width: float) -> FloatArray:
    """Positions well inside the square; without edges those near the middle of the scan."""
    mask = np.ones(len(even.y), dtype=bool)
    places: dict[Axis, FloatArray] = {"x": even.x, "y": even.y}
    for name, place in places.items():
        middle = float(np.min(place) + np.max(place)) / 2
        if edges is not None and name in edges.centre:
            middle = edges.centre[name].value
        mask &= np.abs(place - middle) < INSIDE * width
    return mask


def _oersted_quantities(
    run: xarray.Dataset,
    sample: Sample,
    even: _Even,
    edges: SquareEdges | None,
    quantities: dict[str, Estimate],
    warnings: list[str],
) -> tuple[FloatArray, FloatArray]:
    """Add what the slope across the strip tells; return the fitted line (y, signal)."""
    width = edges.width["y"].value if edges is not None else sample.geometry.width.value
    mask = _inside(even, edges, width)
    y = even.y[mask]
    fit = fit_strip(y, even.signal[mask], width)
    zero, slope = (float(value) for value in fit.values)
    zero_std, slope_std = (math.sqrt(variance) for variance in np.diag(fit.covariance))
    current = float(np.nanmean(run["current"].to_numpy()))
    response = model_response(run, sample, even.field)
    nominal = strip_gradient(width)
    kerr_response, gradient = slope / (nominal * current), slope / (response * current)
    noise = slope_std / (nominal * current)
    quantities["magnetic_zero"] = Estimate(zero, zero_std, "m", dof=fit.scatter_dof)
    quantities["oersted_gradient"] = Estimate(
        gradient, abs(slope_std / (response * current)), "T/(m A)", dof=fit.scatter_dof
    )
    quantities["kerr_response"] = Estimate(
        kerr_response, math.hypot(noise, LEAD_UNCERTAINTY * kerr_response), "rad/T", noise
    )
    if gradient < 0:
        warnings.append(
            "The Oersted slope has the opposite sign to the model's: a lead or the stage's y axis is reversed, or the "
            'set-up reports this channel with the other sign. A scan with path = "coil" in the same recipe tells which.'
        )
    if edges is not None:
        centre = edges.centre["y"]
        assert centre.std is not None
        distance = zero - centre.value
        if abs(distance) > max(_FAR, _IMPROBABLE * math.hypot(zero_std, centre.std)):
            warnings.append(
                f"The Oersted field vanishes {distance * _UM:+.2f} um from the middle of the square along y: pick-up, "
                "or a current that does not spread evenly. Read the pick-up with the beam blocked; look at the leads."
            )
    reach = 0.47 * width  # beyond what was fitted, short of where the strip's field diverges
    grid = np.linspace(max(np.min(even.y), zero - reach), min(np.max(even.y), zero + reach), 200)
    return grid, slope * strip_profile(grid - zero, width)


def _coil_signal(run: xarray.Dataset, sample: Sample, even: _Even, edges: SquareEdges | None) -> Estimate:
    """Signal of the coil's field per ampere, the mean over the square, where the field is uniform."""
    mask = _inside(even, edges, sample.geometry.width.value)
    current = float(np.nanmean(run["current"].to_numpy()))
    fit = fit_linear(np.ones((int(mask.sum()), 1)), even.signal[mask], None, ("signal of the coil",))
    std = math.sqrt(float(fit.covariance[0, 0])) / current
    return Estimate(float(fit.values[0]) / current, std, "rad/A", dof=fit.dof)


def model_response(run: xarray.Dataset, sample: Sample, field: float) -> float:
    """Kerr signal per out-of-plane field (rad/T) that the model gives for the channel of `run` at `field` (T)."""
    wavelength = float(run.attrs["beam"]["incident_wavelength"][0])
    side = run.attrs.get("light_side", "top")
    response = complex(field_response(sample.stack(), np.array([field]), side, wavelength, calibration_field=1.0)[0])
    return reported(response, run.attrs["parameters"]["channel"])


def _light_panels(
    rows: Mapping[str, FloatArray], axis: str, edges: SquareEdges | None
) -> tuple[list[Curve], list[Map]]:
    good = np.isfinite(rows["sum"])
    if axis == "map":
        x, y = rows["stage_x"][good], rows["stage_y"][good]
        return [], [position_map("Reflected light", "Detector sum (V)", x, y, rows["sum"][good])]
    place = rows[f"stage_{axis}"][good] * _UM
    line = fitted = None
    if edges is not None:
        line = np.linspace(np.min(place), np.max(place), 400)
        fitted = reflected_light([line / _UM], np.linspace(-1, 1, 400), edges.values)[0]
    return [
        Curve("Reflected light", f"Stage {axis} (µm)", "Detector sum (V)", place, rows["sum"][good], None, line, fitted)
    ], []


def _signal_panels(even: _Even, axis: str, line: tuple[FloatArray, FloatArray] | None) -> tuple[list[Curve], list[Map]]:
    title, label = "Kerr signal, even in the field", "Kerr signal (nrad)"
    if axis == "map":
        return [], [position_map(title, label, even.x, even.y, even.signal * 1e9)]
    place = (even.x if axis == "x" else even.y) * _UM
    fit_x, fit_y = (None, None) if line is None else (line[0] * _UM, line[1] * 1e9)
    return [Curve(title, f"Stage {axis} (µm)", label, place, even.signal * 1e9, None, fit_x, fit_y)], []


def position_map(title: str, label: str, x: FloatArray, y: FloatArray, values: FloatArray) -> Map:
    """Mean of `values` (n,) on the grid of positions x, y (n,) (m), which the stage reaches within 10 nm."""
    columns, column = np.unique(np.round(x * 1e8), return_inverse=True)
    lines, line = np.unique(np.round(y * 1e8), return_inverse=True)
    total, count = np.zeros((len(lines), len(columns))), np.zeros((len(lines), len(columns)))
    np.add.at(total, (line, column), values)
    np.add.at(count, (line, column), 1)
    with np.errstate(invalid="ignore"):
        mean = total / count
    return Map(title, "Stage x (µm)", "Stage y (µm)", label, columns / 100, lines / 100, mean)
