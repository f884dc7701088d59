"""Default plot of a run as curves: one for each polarisation and channel, flagged points by themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.loops import CHANNELS
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_NAMES: dict[str, Callable[[float], str]] = {
    "channel": lambda value: CHANNELS[int(value)],
    "polarization": lambda value: f"{math.degrees(value):.4g}°",
}  # columns by which curves are told apart, and how their values are written


@dataclass(frozen=True)
class RunCurve:
    """A curve of the default plot.

    Attributes
    ----------
    name
        What tells it from the others; "" where it is the only one.
    x, y : (n,)
        Axis and signal, in the units of their columns.
    flagged
        Whether the lock-in reported an overload or a lost reference at these points.
    """

    name: str
    x: FloatArray
    y: FloatArray
    flagged: bool = False


def run_curves(run: xarray.Dataset) -> list[RunCurve]:
    """Signal against axis, as the metadata of a run name them.

    Parameters
    ----------
    run
        From `load_run`.

    Returns
    -------
    list of RunCurve
        In the order in which they were begun; the points of each in that in which they were measured.
    """
    x, y = (run[run.attrs["plot"][key]].to_numpy() for key in ("axis", "signal"))
    flagged = run["lock_in_status"].to_numpy() != 0 if "lock_in_status" in run else np.zeros(len(x), dtype=bool)
    axis = run.attrs["plot"]["axis"]
    keys = [name for name in _NAMES if name in run and name != axis and len(np.unique(run[name].to_numpy())) > 1]
    groups = np.array([run[name].to_numpy() for name in keys]).T if keys else np.zeros((len(x), 0))
    curves = []
    for group in dict.fromkeys(map(tuple, groups.tolist())):
        here = np.all(groups == group, axis=1) & ~flagged
        name = ", ".join(_NAMES[key](value) for key, value in zip(keys, group, strict=True))
        curves.append(RunCurve(name, x[here], y[here]))
    if np.any(flagged):
        curves.append(RunCurve("overload or lost reference", x[flagged], y[flagged], True))
    return curves
