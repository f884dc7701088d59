"""What can be said of a run before it has ended: from the points so far, with what was measured before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analysis.averaged_loops import AveragedLoop, average_loops, channel_signs, field_response, field_window, within
from analysis.errors import AnalysisError
from analysis.finding import Curve, Map
from analysis.findings import ANALYSES
from analysis.least_squares import fit_linear
from analysis.loops import CHANNELS, Channel, Loop, Parity, kerr_loops, loop_length, measured_channels
from analysis.pickup import analyze_pickup, pickup_inputs
from analysis.result import Estimate
from analysis.run_groups import sample_of
from analysis.sample import Sample
from analysis.sample_analysis import analyze_sample
from analysis.sample_fit import FittedLoop, fitted_loops
from analysis.stack import FloatArray
from analysis.substrate_background import light_side, wavelength_of

if TYPE_CHECKING:
    import xarray

LoopKey = tuple[str, Channel]
"""Current path ("sample", "coil") and channel of a loop."""

_LEAST = 3  # pairs of points at opposite fields before a loop counts
_ALIKE = 0.9  # of the longest loop: what is shorter waits until it has caught up
_PUSHES: Mapping[str, tuple[Parity, Mapping[str, float]]] = {
    "sample": ("odd", {"torque_top": -1.0, "torque_bottom": 1.0}),
    "coil": ("even", {"calibration_field": 1.0}),
}


@dataclass(frozen=True)
class Interim:
    """State of an answer.

    Attributes
    ----------
    quantities
        What the points so far show, by name.
    notes
        What it rests on, what is missing, and doubts; one sentence each.
    loops
        Averaged loops by path and channel, of field sweeps.
    fits
        The model's curves through them.
    curves, maps
        Panels of all other measurements.
    """

    quantities: Mapping[str, Estimate]
    notes: tuple[str, ...] = ()
    loops: Mapping[LoopKey, AveragedLoop] = field(default_factory=dict, repr=False)
    fits: Mapping[LoopKey, FittedLoop] = field(default_factory=dict, repr=False)
    curves: Sequence[Curve] = field(default=(), repr=False)
    maps: Sequence[Map] = field(default=(), repr=False)


def interim(run: xarray.Dataset, others: Iterable[xarray.Dataset] = ()) -> Interim:
    """Analyse a run as far as it has come.

    Parameters
    ----------
    run
        From `load_run`, or points of a run under way with the same attributes.
    others
        Runs that may help a field sweep to its torque, the best first: those of the other current and channel. Runs of
        other samples and procedures among them are passed over.

    Returns
    -------
    Interim
        Of a field sweep the torque once both currents and channels are there, otherwise what the run shows alone.

    Raises
    ------
    AnalysisError
        Where the points do not yet carry any answer.
    """
    sample = sample_of(run)
    procedure = run.attrs["procedure"]
    if procedure in ANALYSES:
        found = ANALYSES[procedure](run, sample)
        return Interim(found.quantities, found.warnings, curves=found.curves, maps=found.maps)
    if not measured_channels(run) or run.attrs["parameters"].get("path") not in _PUSHES:
        raise AnalysisError(f"Runs of procedure {procedure} have no analysis. Look at the columns.")
    parts = comparable_loops(run)
    if not parts:
        raise AnalysisError(f"A loop must have {_LEAST} points on each branch at opposite fields; wait for them.")
    if not sample.film.magnetic:
        raise AnalysisError("A blank is analysed when all its runs have ended.")
    helpers = list(_helpers(run, others, sample))
    group = [*parts, *(part for helper in helpers for part in comparable_loops(helper))]
    present = {(part.attrs["parameters"]["path"], name) for part in group for name in measured_channels(part)}
    missing = [(path, channel) for path in _PUSHES for channel in CHANNELS if (path, channel) not in present]
    so_far = _so_far(run, parts)
    if missing:
        return _alone(group, sample, run.attrs["parameters"]["path"], missing, so_far)
    pickups = [other for other in others if _is_pickup(other, run)]
    constants = dict(pickup_inputs([analyze_pickup(other, sample) for other in pickups])) if pickups else {}
    entry = analyze_sample(group, sample, constants)
    result = entry.result
    quantities = {
        name: estimate
        for name in ("torque_bottom", "efficiency", "torque_conductivity", "current_density")
        if (estimate := getattr(result, name)) is not None
    }
    test = f"Opposite torques of equal size: chi2 {result.chi2:.3g} ({result.dof} dof)."
    fits = fitted_loops(entry.data, sample.stack(), sample.film.coercive_field, entry.side, entry.wavelength)
    return Interim(quantities, (test, *so_far), entry.data.loops, fits)


def comparable_loops(run: xarray.Dataset) -> list[xarray.Dataset]:
    """Points of a field sweep that have a partner at the opposite field, as `kerr_loops` takes them.

    Returns
    -------
    list of xarray.Dataset
        One for each channel, empty where no loop has come far enough. Polarisations and passes that are far shorter
        than the longest loop are left out.
    """
    column = {name: run[name].to_numpy() for name in ("sequence", "repeat", "polarization", "field_set")}
    channel = run["channel"].to_numpy() if "channel" in run else None
    repeats = run.attrs["parameters"].get("repeats", 1)
    result = []
    for name in measured_channels(run):
        own = np.ones(run.sizes["point"], dtype=bool) if channel is None else channel == CHANNELS.index(name)
        loops: dict[tuple[float, int], npt.NDArray[np.intp]] = {}
        for number in range(repeats):
            for angle in dict.fromkeys(column["polarization"][own].tolist()):
                here = np.flatnonzero(own & (column["polarization"] == angle) & (column["repeat"] == number))
                paired = here[_paired(column["sequence"][here], column["field_set"][here], run)]
                if len(paired) >= 2 * _LEAST:
                    loops[(angle, number)] = paired
        longest = max((len(places) for places in loops.values()), default=0)
        loops = {key: places for key, places in loops.items() if len(places) >= _ALIKE * longest}
        angles = [angle for angle, number in loops if number == 0]
        complete = next((n for n in range(repeats) if any((angle, n) not in loops for angle in angles)), repeats)
        if not angles or not complete:
            continue
        kept = [places for (angle, number), places in loops.items() if angle in angles and number < complete]
        part = run.isel(point=np.sort(np.concatenate(kept)))
        part.attrs = {**run.attrs, "parameters": {**run.attrs["parameters"], "channel": name, "repeats": complete}}
        result.append(part)
    return result


def _paired(sequence: FloatArray, asked: FloatArray, run: xarray.Dataset) -> npt.NDArray[np.bool_]:
    """Mask of the points of one loop whose partner at the opposite field was measured, too."""
    length = loop_length(run.attrs)
    if run.attrs["parameters"].get("branches", "loop") != "loop" or not length:
        rounded = np.round(asked, 9)
        return np.isin(-rounded, rounded)
    place = sequence % length
    return np.isin((place + length // 2) % length, place)


def _helpers(run: xarray.Dataset, others: Iterable[xarray.Dataset], sample: Sample) -> Iterable[xarray.Dataset]:
    """Runs of the same sample that hold what `run` lacks, one for each path and channel."""
    parameters = run.attrs["parameters"]
    found = {(parameters["path"], name) for name in measured_channels(run)}
    currents = {parameters["path"]: parameters["current"]}
    for other in others:
        given = other.attrs["parameters"]
        path = given.get("path")
        kinds = {(path, name) for name in measured_channels(other)}
        if not kinds or path not in _PUSHES or kinds <= found or other.attrs["procedure"] != run.attrs["procedure"]:
            continue
        if given["current"] != currents.setdefault(path, given["current"]) or light_side(other) != light_side(run):
            continue
        if kinds & found or sample_of(other) != sample:
            continue
        found |= kinds
        yield other


def _is_pickup(other: xarray.Dataset, run: xarray.Dataset) -> bool:
    batch = run.attrs.get("batch", "")
    return bool(batch) and other.attrs["procedure"] == "pickup" and other.attrs.get("batch") == batch


def _so_far(run: xarray.Dataset, parts: Sequence[xarray.Dataset]) -> tuple[str, ...]:
    """Say how much of the plan the answer holds, where it is not all."""
    used = sum(part.sizes["point"] for part in parts)
    if run.attrs["status"] == "finished" or used == run.attrs["points_planned"]:
        return ()
    return (f"From {used} of {run.attrs['points_planned']} points of this run.",)


def _alone(
    group: Sequence[xarray.Dataset], sample: Sample, path: str, missing: Sequence[LoopKey], so_far: tuple[str, ...]
) -> Interim:
    """What the loops of one path show with the model's gain, and what is missing for the torque."""
    stack, side, wavelength = sample.stack(), light_side(group[0]), wavelength_of(group[0])
    by_key: dict[LoopKey, list[Loop]] = {}
    for part in group:
        for loop in kerr_loops(part):
            by_key.setdefault((part.attrs["parameters"]["path"], loop.channel), []).append(loop)
    used = field_window(sample.film.coercive_field)
    quantities: dict[str, Estimate] = {}
    loops: dict[LoopKey, AveragedLoop] = {}
    fits: dict[LoopKey, FittedLoop] = {}
    for key, entries in by_key.items():
        calibration = by_key.get(("coil", key[1]))
        signs = channel_signs(calibration, key[1], stack, side, wavelength) if calibration else {}
        loops[key] = averaged = average_loops(key, entries, signs, used)
        lines = {}
        for kind, (parity, push) in _PUSHES.items():
            window = within(averaged.field, used)
            reach = np.linspace(used[0], np.max(np.abs(averaged.field)), 100)
            fine = np.concatenate([-reach[::-1], reach])
            measured, zero, curve = (
                _part(field_response(stack, at, side, wavelength, **push), key[1], parity, at)
                for at in (averaged.field[window], np.zeros(1), fine)
            )
            signal = averaged.odd[window] if parity == "odd" else averaged.even[window]
            fit = fit_linear(measured[:, np.newaxis], signal, None, ("amplitude",))
            amplitude = Estimate(float(fit.values[0]), math.sqrt(float(fit.covariance[0, 0])), "", dof=fit.dof)
            lines[parity] = amplitude.value * curve
            if kind == key[0] == path:
                quantities |= _quantities(path, key[1], amplitude, float(zero[0]))
        fits[key] = FittedLoop(fine, lines["odd"], lines["even"])
    wanted = ", ".join(f"{'calibration' if kind == 'coil' else 'ASOT'} {channel}" for kind, channel in missing)
    return Interim(quantities, (f"For the torque, also measure {wanted}.", *so_far), loops, fits)


def _part(response: npt.NDArray[np.complex128], channel: Channel, parity: Parity, at: FloatArray) -> FloatArray:
    """The part of a response that a channel shows: what is odd in the field changes its sign with it."""
    part = response.real if channel == "rotation" else response.imag
    return part * np.where(at < 0, -1.0, 1.0) if parity == "odd" else part


def _quantities(path: str, channel: Channel, amplitude: Estimate, zero: float) -> dict[str, Estimate]:
    """Signal at zero field, and what causes it if the gain is that of the model."""
    cause, unit = ("torque_if_gain_is_1", "J/m^2") if path == "sample" else ("calibration_field_if_gain_is_1", "T")
    signal, cause = (f"{channel}_at_zero_field", f"{cause}_{channel}")
    angle = amplitude.scaled(zero)
    return {
        signal: Estimate(angle.value, angle.std, "rad", dof=amplitude.dof),
        cause: Estimate(amplitude.value, amplitude.std, unit, dof=amplitude.dof),
    }
