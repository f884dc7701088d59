"""Kerr channels of a run, per polarisation and averaged, with standard errors: what a viewer shows beside raw data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.loops import CHANNELS
from analysis.stack import FloatArray

_NEEDED = ("polarization", "field", "kerr_signal", "x", "y", "lock_in_status", "sequence", "repeat")


@dataclass(frozen=True)
class KerrChannel:
    """One curve.

    Attributes
    ----------
    name
        Identifier, e.g. "kerr_rotation_45deg" or "kerr_rotation_average".
    title
        In words.
    field : (n,)
        Field (T), in the order of the loop.
    signal, errors : (n,)
        Kerr signal (rad, peak) as the set-up reports it, and its standard error.
    """

    name: str
    title: str
    field: FloatArray
    signal: FloatArray
    errors: FloatArray


def kerr_channels(rows: Mapping[str, FloatArray], metadata: Mapping[str, Any]) -> list[KerrChannel]:
    """Average a run over its passes, for each polarisation, and over the polarisations.

    Parameters
    ----------
    rows
        Columns (points,) of the run.
    metadata
        Of the run; see `analysis.run_file`.

    Returns
    -------
    list of KerrChannel
        One for each polarisation, then their mean where there are several; none for a run that has no Kerr signal
        against polarisation and field. Points with an overload or without a value are left out, and the mean holds
        the places of the loop that every polarisation has.

    Notes
    -----
    The error of a point is its own where it was averaged. Otherwise it is the scatter of the quadrature output Y
    between successive points: Y carries the same noise as X and, but for a constant, no signal.
    """
    if metadata.get("plot", {}).get("axis") != "field" or not all(name in rows for name in _NEEDED):
        return []
    good = (rows["lock_in_status"] == 0) & np.isfinite(rows["kerr_signal"]) & np.isfinite(rows["field"])
    good &= rows["repeat"] < metadata.get("parameters", {}).get("repeats", 1)
    if not np.any(good):
        return []
    errors = rows.get("kerr_signal_errors")
    if errors is None or not np.all(np.isfinite(errors[good])):
        errors = np.full(len(good), _single_error(rows, good))
    kind = metadata.get("parameters", {}).get("channel", "signal")
    if kind != "both" or "channel" not in rows:
        return _curves(rows, np.ones(len(good), dtype=bool), good, errors, kind)
    return [
        curve
        for number, name in enumerate(CHANNELS)
        for curve in _curves(rows, rows["channel"] == number, good, errors, name)
    ]


def _curves(
    rows: Mapping[str, FloatArray],
    chosen: npt.NDArray[np.bool_],
    good: npt.NDArray[np.bool_],
    errors: FloatArray,
    channel: str,
) -> list[KerrChannel]:
    """Curves of one channel: one for each polarisation, then their mean."""
    curves: list[dict[int, tuple[float, float, float]]] = []
    result = []
    for angle in dict.fromkeys(rows["polarization"][chosen].tolist()):
        own = chosen & (rows["polarization"] == angle)
        start = int(np.min(rows["sequence"][own]))
        curve = {}
        for place in np.unique(rows["sequence"][own & good]):
            here = own & good & (rows["sequence"] == place)
            count = int(np.sum(here))
            error = math.sqrt(float(np.sum(errors[here] ** 2))) / count
            curve[int(place) - start] = (
                float(np.mean(rows["field"][here])),
                float(np.mean(rows["kerr_signal"][here])),
                error,
            )
        degrees = f"{round(math.degrees(angle), 3):g}"
        name = f"kerr_{channel}_{degrees.replace('-', 'minus').replace('.', 'p')}deg"
        result.append(_channel(name, f"Kerr {channel} at {degrees} degrees", curve))
        curves.append(curve)
    if len(curves) > 1 and (shared := set.intersection(*map(set, curves))):
        mean = {}
        for place in sorted(shared):
            fields, signals, own_errors = zip(*(curve[place] for curve in curves), strict=True)
            count = len(curves)
            mean[place] = (sum(fields) / count, sum(signals) / count, math.hypot(*own_errors) / count)
        result.append(
            _channel(f"kerr_{channel}_average", f"Kerr {channel}, mean over {len(curves)} polarisations", mean)
        )
    return [entry for entry in result if len(entry.field)]


def _channel(name: str, title: str, curve: Mapping[int, tuple[float, float, float]]) -> KerrChannel:
    table = np.array([curve[place] for place in sorted(curve)], dtype=np.float64).reshape(-1, 3)
    return KerrChannel(name, title, *(np.ascontiguousarray(column) for column in table.T))


def _single_error(rows: Mapping[str, FloatArray], good: Any) -> float:
    """Standard error (rad) of a single reading; NaN where fewer than three points tell."""
    steps = np.diff(rows["y"][good])
    x = rows["x"][good]
    if len(steps) < 2 or not np.any(x):
        return math.nan
    scale = float(np.median(np.abs(rows["kerr_signal"][good][x != 0] / x[x != 0])))  # rad per volt
    return scale * math.sqrt(float(np.mean(steps**2)) / 2)
