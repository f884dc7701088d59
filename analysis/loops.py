"""Field loops: branches, odd and even parts, and the fit with the model's own field dependence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.least_squares import Parameter, fit_linear, fit_nonlinear
from analysis.result import Estimate
from analysis.stack import ComplexArray, FloatArray

if TYPE_CHECKING:
    import xarray

Channel = Literal["rotation", "ellipticity"]
CHANNELS: tuple[Channel, ...] = ("rotation", "ellipticity")
"""The two parts of a complex Kerr angle; the column `channel` holds the place in this list."""
Parity = Literal["odd", "even"]

FALLING, RISING, REFINED = 0, 1, 2
"""Branches of a loop: from +max to -max, back again, and what a refinement added."""

_SAME_FIELD = 1e-6  # T; set-points of the two branches that count as equal
_LARGEST_INFLATION = 10.0  # of a standard error by another free parameter, before a fit is refused


@dataclass(frozen=True)
class Loop:
    """Kerr loop at one polarisation.

    Attributes
    ----------
    polarization
        (rad)
    channel
        Kerr rotation or ellipticity.
    asked : (n,)
        Field asked for (T) on the branch from +max to -max.
    field_down, field_up : (n,)
        Field read (T) on the branch from +max to -max, and on the way back in reverse: `field_up[i]` is close
        to -`field_down[i]`.
    down, up : (n,)
        Kerr signal (rad, peak) at these fields.
    """

    polarization: float
    channel: Channel
    asked: FloatArray
    field_down: FloatArray
    field_up: FloatArray
    down: FloatArray
    up: FloatArray

    @property
    def field(self) -> FloatArray:
        """Field (n,) (T) of odd and even part."""
        return (self.field_down - self.field_up) / 2

    @property
    def odd(self) -> FloatArray:
        """[S_down(H) - S_up(-H)] / 2 (n,) (rad)."""
        return (self.down - self.up) / 2

    @property
    def even(self) -> FloatArray:
        """[S_down(H) + S_up(-H)] / 2 (n,) (rad)."""
        return (self.down + self.up) / 2


def measured_channels(run: Any) -> tuple[Channel, ...]:
    """Channels that a field sweep read; none for a run that does not say."""
    channel = run.attrs.get("parameters", {}).get("channel")
    return CHANNELS if channel == "both" else tuple(known for known in CHANNELS if known == channel)


def loop_length(attributes: Mapping[str, Any]) -> int:
    """Points of one loop of a field sweep, or of its one branch; 0 where the attributes of the run do not tell."""
    parameters = attributes.get("parameters", {})
    if "points_planned" not in attributes or "polarizations" not in parameters:
        return 0
    settings = len(parameters["polarizations"]) * (2 if parameters.get("channel") == "both" else 1)
    refine = parameters.get("refine", 0)
    extra = 2 * (refine + 2) * settings if refine else 0
    return int((attributes["points_planned"] - extra) // parameters.get("repeats", 1) // settings)


def branches(sequence: FloatArray, repeat: FloatArray, attributes: Mapping[str, Any]) -> FloatArray:
    """Branch (points,) of each point of a field sweep: `FALLING`, `RISING` or `REFINED`.

    Parameters
    ----------
    sequence, repeat : (points,)
        Columns of these names.
    attributes
        Of the run.
    """
    parameters, length = attributes.get("parameters", {}), loop_length(attributes)
    kind = parameters.get("branches", "loop")
    if kind != "loop" or not length:
        result = np.full(len(sequence), float(RISING if kind == "up" else FALLING))
    else:
        result = np.where(sequence % length < length / 2, float(FALLING), float(RISING))
    result[repeat >= parameters.get("repeats", 1)] = REFINED
    return result


def kerr_loops(run: xarray.Dataset) -> list[Loop]:
    """Loops of a run, one per channel, polarisation and pass, whatever order their points were measured in.

    Parameters
    ----------
    run
        From `load_run`; points with a lock-in overload or an unlocked reference are left out together with their
        partner at the opposite field. A single branch is folded at zero field, which holds where the film is saturated.
        Of a run that ended early, a loop that was begun gives the fields at which both branches were measured, or its
        folded first branch where that holds more; a loop with less than three of them is left out.

    Returns
    -------
    list of Loop

    Raises
    ------
    AnalysisError
        Where a polarisation has neither a closed loop nor a full branch; of a run that ended early, where none has.
    """
    name = run.attrs.get("run_id", "run")
    column = {key: run[key].to_numpy() for key in ("polarization", "field_set", "field", "kerr_signal")}
    polarization = column["polarization"]
    # Runs from before the columns existed hold one pass, in order; what a refinement added lies beyond the last pass.
    place = run["sequence"].to_numpy() if "sequence" in run else np.arange(len(polarization))
    repeat = run["repeat"].to_numpy() if "repeat" in run else np.zeros(len(polarization))
    channels = measured_channels(run) or CHANNELS[:1]
    channel = run["channel"].to_numpy() if "channel" in run else np.full(len(place), CHANNELS.index(channels[0]))
    good = np.isfinite(column["kerr_signal"]) & np.isfinite(column["field"])
    if "lock_in_status" in run:  # imported data may not have it
        good &= run["lock_in_status"].to_numpy() == 0
    parameters = run.attrs.get("parameters", {})
    length = _planned_length(run, len(channels)) if run.attrs.get("status", "finished") != "finished" else None
    loops = []
    for kind, angle, number in itertools.product(
        channels, dict.fromkeys(polarization.tolist()), range(parameters.get("repeats", 1))
    ):
        here = np.flatnonzero((channel == CHANNELS.index(kind)) & (polarization == angle) & (repeat == number))
        here = here[np.argsort(place[here], kind="stable")]
        if parameters.get("branches", "loop") != "loop":
            here = _folded(here, column["field_set"][here])
        elif length is not None and len(here) < length:
            here = _begun(here, place[here].astype(int) % length, column["field_set"], good, length)
            if len(here) < 6:
                continue
        half = len(here) // 2
        asked = column["field_set"][here]
        if len(here) < 6 or len(here) % 2 or not np.allclose(asked[:half], -asked[half:], rtol=0, atol=_SAME_FIELD):
            raise AnalysisError(
                f"{name}: a loop must run from +max to -max and back over the same fields; received {len(here)} points "
                f"at {math.degrees(angle):g} degrees that do not. Measure the full loop, or resume the run."
            )
        keep = good[here[:half]] & good[here[half:]]
        if keep.sum() < 3:
            raise AnalysisError(
                f"{name}: a loop must have at least 3 good points on each branch; received {keep.sum()} at "
                f"{math.degrees(angle):g} degrees. Look at lock_in_status: overload or unlocked reference."
            )
        down, up = here[:half][keep], here[half:][keep]
        field, signal = column["field"], column["kerr_signal"]
        loops.append(Loop(angle, kind, asked[:half][keep], field[down], field[up], signal[down], signal[up]))
    if not loops:
        raise AnalysisError(
            f"{name}: a run that ended early must hold a branch or three pairs of fields; its {len(place)} points do "
            "not. Resume it, or leave it out."
        )
    return loops


def _planned_length(run: xarray.Dataset, channels: int) -> int | None:
    """Points of one loop as planned, None where a run does not say."""
    parameters, planned = run.attrs.get("parameters", {}), run.attrs.get("points_planned")
    count = channels * len(parameters.get("polarizations", ()))
    if not isinstance(planned, int) or not count:
        return None
    refined = 2 * (parameters["refine"] + 2) * count if parameters.get("refine") else 0
    return int((planned - refined) // (parameters.get("repeats", 1) * count))


def _begun(
    here: npt.NDArray[np.intp], step: npt.NDArray[np.int_], asked: FloatArray, good: npt.NDArray[np.bool_], length: int
) -> npt.NDArray[np.intp]:
    """Points of a loop that was not ended: pairs of both branches, or the first branch folded where that gives more."""
    of_step = dict(zip(step.tolist(), here.tolist(), strict=True))
    half = length // 2
    pairs = [number for number in range(half) if number in of_step and number + half in of_step]
    paired = np.array([of_step[number + shift] for shift in (0, half) for number in pairs], dtype=np.intp)
    of_field = {round(float(asked[point]), 9): point for point in here[step < half]}
    opposite = [field for field in of_field if field > 0 and -field in of_field]
    folded = np.array([of_field[sign * field] for sign in (1, -1) for field in opposite], dtype=np.intp)

    def usable(points: npt.NDArray[np.intp]) -> int:
        return int(np.sum(good[points[: len(points) // 2]] & good[points[len(points) // 2 :]]))

    best = max((paired, folded), key=usable)
    return best if usable(best) >= 3 else best[:0]


def _folded(here: npt.NDArray[np.intp], asked: FloatArray) -> npt.NDArray[np.intp]:
    """Points of one branch as a loop: those above zero field downwards, then their partners below."""
    order = np.argsort(-asked, kind="stable")
    half = len(here) // 2
    return np.asarray(here[np.concatenate([order[:half], order[::-1][:half]])])


@dataclass(frozen=True)
class Amplitude:
    """Complex amplitude of the model in a pair of loops, rotation and ellipticity.

    Attributes
    ----------
    value
        Complex factor on the model's response: its real part is the physical quantity, the imaginary part zero
        up to a common complex gain.
    covariance : (2, 2)
        Of real and imaginary part.
    std : (2,)
        Standard deviation of one datum in rotation and ellipticity (rad), from the residual scatter.
    dof
        Degrees of freedom of that scatter.
    channel_covariance : (2, 2, 2)
        Parts of the covariance that the noise of rotation and of ellipticity cause.
    channel_dof : (2,)
        Degrees of freedom of the scatter of each.
    """

    value: complex
    covariance: FloatArray
    std: FloatArray
    dof: int
    channel_covariance: FloatArray
    channel_dof: FloatArray


def fit_amplitude(
    rotation: tuple[FloatArray, ComplexArray],
    ellipticity: tuple[FloatArray, ComplexArray],
    name: str,
    counts: tuple[int, int] | None = None,
) -> Amplitude:
    """Fit signal = Re(a R) in rotation and Im(a R) in ellipticity with one complex a.

    Parameters
    ----------
    rotation, ellipticity
        Signal (n,) (rad) and model response R (n,) (complex, rad per unit) at the same fields.
    name
        What messages call the amplitude.
    counts
        Numbers of points that signals and responses stand for, where they were turned into fewer by an orthogonal
        transform (see `analysis.loop_responses`).

    Returns
    -------
    Amplitude

    Notes
    -----
    The residual scatter of each channel sets the weight of that channel: one unweighted pass, then a weighted one.
    """
    (theta, response_theta), (epsilon, response_epsilon) = rotation, ellipticity
    rows_theta = np.stack([response_theta.real, -response_theta.imag], axis=-1)
    rows_epsilon = np.stack([response_epsilon.imag, response_epsilon.real], axis=-1)
    design = np.concatenate([rows_theta, rows_epsilon])
    data = np.concatenate([theta, epsilon])
    names = (f"real part of {name}", f"imaginary part of {name}")
    points = np.array(counts or (len(theta), len(epsilon)))
    std = np.ones(2)
    for _ in range(2):
        # The columns are those of a product of complex numbers: orthogonal but for the weights, so that the normal
        # equations lose nothing; whether the fit can be solved the last one looks.
        weights = np.repeat(std, (len(theta), len(epsilon))) ** -2
        matrix = design.T @ (weights[:, np.newaxis] * design)
        if not np.linalg.det(matrix) > 0:
            break
        residuals = data - design @ np.linalg.solve(matrix, design.T @ (weights * data))
        pieces = (residuals[: len(theta)], residuals[len(theta) :])
        std = np.array([math.sqrt(np.sum(part**2) / (count - 1)) for part, count in zip(pieces, points, strict=True)])
        if not np.all(std > 0):  # noise-free data: any weights do
            std = np.full(2, max(float(np.max(std)), 1e-18))
    fit = fit_linear(design, data, np.repeat(std, (len(theta), len(epsilon))), names)
    parts = [
        fit.covariance @ (rows.T @ rows / scale**2) @ fit.covariance
        for rows, scale in zip((rows_theta, rows_epsilon), std, strict=True)
    ]
    dof = int(np.sum(points)) - 2
    return Amplitude(complex(*fit.values), fit.covariance, std, dof, np.array(parts), points - 1.0)


def fit_inverse_field(
    field: FloatArray,
    signal: FloatArray,
    *,
    effective_field: float,
    offset: float = 0.0,
    free: Sequence[Literal["effective_field", "offset"]] = (),
) -> dict[str, Estimate]:
    """Fit b / (|H| + Meff) + c' to an even signal, such as a calibration loop or the Oersted part of an ASOT loop.

    Parameters
    ----------
    field, signal : (n,)
        Field (T) and signal (rad).
    effective_field
        mu0 Meff (T), from FMR or the anomalous Hall effect.
    offset
        c' (rad), measured with the beam blocked or on a blank.
    free
        Which of the two to fit as well, from the value given.

    Returns
    -------
    dict
        "amplitude" b (rad T), and what was freed, with uncertainties from the residual scatter.

    Raises
    ------
    IdentifiabilityError
        Where the field range is too small to free what was asked for: over +-50 mT the shape varies by 4.6 %, and
        a free c' inflates the error of b 76 times; even at 0.3 T a free Meff does so 14 times.
    """
    start = {"effective_field": effective_field, "offset": offset}
    shape = 1 / (np.abs(field) + effective_field)
    linear = fit_linear(shape[:, np.newaxis], signal - offset, None, ("amplitude",))
    parameters = [Parameter("amplitude", float(linear.values[0])), *(Parameter(name, start[name]) for name in free)]

    def model(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        now = start | dict(zip(free, values[1:].tolist(), strict=True))
        shape = 1 / (np.abs(field) + now["effective_field"])
        slopes = {"effective_field": -values[0] * shape**2, "offset": np.ones_like(shape)}
        return values[0] * shape + now["offset"], np.stack([shape, *(slopes[name] for name in free)], axis=-1)

    fit = fit_nonlinear(model, signal, parameters, known_scale=False, largest_inflation=_LARGEST_INFLATION)
    units = {"amplitude": "rad T", "effective_field": "T", "offset": "rad"}
    stds = np.sqrt(np.diag(fit.covariance))
    return {
        parameter.name: Estimate(float(value), float(std), units[parameter.name], dof=fit.scatter_dof)
        for parameter, value, std in zip(parameters, fit.values, stds, strict=True)
    }
