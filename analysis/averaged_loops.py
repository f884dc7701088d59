"""Averaged loops: runs sorted by path and channel, signs found from the calibration, polarisations averaged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError, InputError
from analysis.loops import CHANNELS, Channel, Loop, kerr_loops, measured_channels
from analysis.micromagnetics import tilt_modes
from analysis.optics import DEFAULT_WAVELENGTH, tilt_response
from analysis.stack import ComplexArray, FloatArray, Side, Stack

if TYPE_CHECKING:
    import xarray

FieldWindow = tuple[float, float]
"""Magnitudes of the field (T) that a fit uses: above the first, up to the second."""

_SAME_CURRENT = 0.01  # relative difference of currents that count as equal
_CERTAIN = 5.0  # standard errors by which a calibration signal must differ from zero to show its sign


@dataclass(frozen=True)
class AveragedLoop:
    """Loop of one channel, averaged over the polarisations with the signs of the set-up.

    Attributes
    ----------
    loops
        One per polarisation, as measured.
    signs
        Sign with which the set-up reports the channel, by polarisation (rad).
    field, odd, even : (n,)
        Field (T) and parts (rad, peak) of the average.
    difference
        Half the difference between first and second polarisation in the odd part: mean over m_x = +1 (rad) and
        standard error. It isolates what is left of the quadratic effect.
    """

    loops: tuple[Loop, ...]
    signs: Mapping[float, int]
    field: FloatArray
    odd: FloatArray
    even: FloatArray
    difference: tuple[float, float]

    @property
    def mean_sign(self) -> float:
        """Mean of the signs over the polarisations: what is left in the average of a constant in the raw signal."""
        return float(np.mean(list(self.signs.values()))) if self.signs else 1.0


@dataclass(frozen=True)
class SampleData:
    """Averaged loops by current path ("sample", "coil") and channel, and the currents (A peak) that caused them."""

    loops: Mapping[tuple[str, Channel], AveragedLoop]
    current: float
    coil_current: float | None


def sample_data(
    runs: Sequence[xarray.Dataset],
    stack: Stack,
    coercive_field: float,
    calibration_angle: complex | None = None,
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
    pickup: complex = 0.0,
    fields: FieldWindow | None = None,
) -> SampleData:
    """Sort runs by path and channel, find the signs from the calibration, and average over polarisations.

    Parameters
    ----------
    runs
        Field sweeps from `load_run`, in any order.
    stack
        The sample.
    coercive_field
        Fields below three times this (T) are left out of fits and of the difference of polarisations.
    calibration_angle
        Complex Kerr angle (rad) that replaces calibration runs.
    side, wavelength
        Where the light comes from, and its vacuum wavelength (m).
    pickup
        Calibration signal (rad, rotation + i ellipticity) with the beam blocked, as the set-up reports it; it is
        taken off the runs with the current in the coil.
    fields
        Magnitudes of the field (T) that are used instead, above the first and up to the second.

    Raises
    ------
    InputError
        For runs that are no field sweeps.
    AnalysisError
        Where runs are missing, have no closed loops, or do not show the sign of a channel.
    """
    loops: dict[tuple[str, Channel], list[Loop]] = {}
    currents: dict[str, list[float]] = {"sample": [], "coil": []}
    for run in runs:
        parameters: Mapping[str, Any] = run.attrs.get("parameters", {})
        path = parameters.get("path")
        if path not in currents or not measured_channels(run):
            raise InputError(
                f"{run.attrs.get('path', 'run')} must be a field sweep with a current path and a channel; received "
                f"{path!r}, {parameters.get('channel')!r}. Leave it out."
            )
        for loop in kerr_loops(run):
            constant = 0.0 if path == "sample" else pickup.real if loop.channel == "rotation" else pickup.imag
            loops.setdefault((path, loop.channel), []).append(
                replace(loop, down=loop.down - constant, up=loop.up - constant)
            )
        currents[path].append(float(np.mean(run["current"].to_numpy())))
    wanted = ["sample"] if calibration_angle is not None else ["sample", "coil"]
    missing = [
        f"{path} {channel}"
        for path in wanted
        for channel in ("rotation", "ellipticity")
        if (path, channel) not in loops
    ]
    if missing:
        raise AnalysisError(
            f"Runs of {stack.name!r} must hold rotation and ellipticity under both currents; "
            f"missing: {', '.join(missing)}. Measure or add them."
        )
    signs = {
        channel: channel_signs(loops[("coil", channel)], channel, stack, side, wavelength)
        if ("coil", channel) in loops
        else {}
        for channel in CHANNELS
    }
    for path, values in currents.items():
        if values and max(values) - min(values) > _SAME_CURRENT * max(values):
            raise AnalysisError(
                f"Runs of {stack.name!r} with the current through the {path} must have the same current; received "
                f"{min(values):.4g} to {max(values):.4g} A. Analyse each current by itself."
            )
    window = field_window(coercive_field, fields)
    averaged = {key: average_loops(key, entries, signs[key[1]], window) for key, entries in loops.items()}
    return SampleData(
        averaged,
        float(np.mean(currents["sample"])),
        float(np.mean(currents["coil"])) if currents["coil"] else None,
    )


def channel_signs(
    loops: Sequence[Loop], channel: Channel, stack: Stack, side: Side, wavelength: float
) -> dict[float, int]:
    """Sign of the channel at each polarisation: the calibration as measured against the calibration as modelled."""
    signs = {}
    for angle in dict.fromkeys(loop.polarization for loop in loops):
        loop_parts = [loop for loop in loops if loop.polarization == angle]
        even = np.concatenate([loop.even for loop in loop_parts])
        response = field_response(
            stack, np.concatenate([loop.field for loop in loop_parts]), side, wavelength, calibration_field=1.0
        )
        expected = response.real if channel == "rotation" else response.imag
        slope = float(np.sum(even * expected) / np.sum(expected**2))
        scatter = math.sqrt(np.sum((even - slope * expected) ** 2) / (len(even) - 1))
        if abs(slope) < _CERTAIN * scatter / math.sqrt(np.sum(expected**2)):
            raise AnalysisError(
                f"Calibration of {channel} at {math.degrees(angle):g} degrees must differ from zero by {_CERTAIN:g} "
                "standard errors to show the channel's sign; it does not. Average longer, or check light, coil current "
                "and wave plates."
            )
        signs[angle] = 1 if slope > 0 else -1
    return signs


def average_loops(
    key: tuple[str, Channel], loops: Sequence[Loop], signs: Mapping[float, int], window: FieldWindow
) -> AveragedLoop:
    """Average loops over polarisations, every one with its sign; all must have the same fields."""
    unknown = [math.degrees(loop.polarization) for loop in loops if signs and loop.polarization not in signs]
    if unknown:
        raise AnalysisError(
            f"Polarisations of {key[0]} {key[1]} must all be calibrated; received {unknown} degrees without. "
            "Calibrate at the same polarisations."
        )
    asked = [np.round(loop.asked, 9) for loop in loops]
    shared = set.intersection(*(set(fields) for fields in asked))
    picked = [(loop, np.isin(fields, list(shared))) for loop, fields in zip(loops, asked, strict=True)]
    lengths = {int(mask.sum()) for _, mask in picked}
    if len(lengths) != 1 or not shared:
        raise AnalysisError(f"Loops of {key[0]} {key[1]} must share their fields; they do not. Measure them alike.")
    per_angle: dict[float, list[tuple[FloatArray, FloatArray]]] = {}
    for loop, mask in picked:
        sign = signs.get(loop.polarization, 1)
        per_angle.setdefault(loop.polarization, []).append((sign * loop.odd[mask], sign * loop.even[mask]))
    means = [np.mean(np.array(parts), axis=0) for parts in per_angle.values()]  # (2, n) per polarisation
    field = np.mean([loop.field[mask] for loop, mask in picked], axis=0)
    odd, even = np.mean(means, axis=0)
    return AveragedLoop(tuple(loops), dict(signs), field, odd, even, _difference(field, means, window))


def _difference(field: FloatArray, means: Sequence[FloatArray], window: FieldWindow) -> tuple[float, float]:
    used = within(field, window)
    if len(means) < 2 or np.sum(used) < 2:
        return math.nan, math.nan
    half = (means[0][0] - means[1][0])[used] / 2 * np.sign(field[used])
    return float(np.mean(half)), float(np.std(half, ddof=1) / math.sqrt(len(half)))


def field_window(coercive_field: float, fields: FieldWindow | None = None) -> FieldWindow:
    """Magnitudes of the field (T) that are used: those given, else all beyond three coercive fields."""
    return (3 * coercive_field, math.inf) if fields is None else fields


def within(field: FloatArray, window: FieldWindow) -> npt.NDArray[np.bool_]:
    """Mask (n,) of the fields whose magnitude lies above the first end of `window` and up to the second."""
    return (np.abs(field) > window[0]) & (np.abs(field) <= window[1])


def field_response(stack: Stack, field: FloatArray, side: Side, wavelength: float, **push: float) -> ComplexArray:
    """Complex Kerr angle (n,) (rad) at `field` (n,) (T) of the pushes given to `tilt_modes`, for m_x = +1."""
    return tilt_response(stack, tilt_modes(stack.single_film, field, **push), wavelength, side)
