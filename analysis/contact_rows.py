"""Good rows of runs that read a resistance at contacts, turned to the phase of the voltage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis import configuration
from analysis.errors import AnalysisError
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_UNITS = {"field": "T", "field_set": "T", "current": "A", "current_set": "A", "hall_resistance": "ohm"}
_LARGEST_PHASE = math.radians(20)


def contact_rows(run: xarray.Dataset, signal: str) -> tuple[dict[str, FloatArray], list[str]]:
    """Columns (points,) of the good points of a run in SI units, and doubts about the phase.

    Parameters
    ----------
    run
        From `load_run`. Imported data may lack status and lock-in readings and have units such as mT.
    signal
        Column with the resistance (ohm), which is that of the voltage's component in phase with the reference.

    Raises
    ------
    AnalysisError
        Where no point is good.

    Notes
    -----
    The phase of a current path is set at the frequency of the Kerr signal and need not hold at that of the contacts;
    film and leads are resistive there. The voltage therefore lies on one line through the origin of the X-Y plane,
    and along it the resistance is 1/cos(phase) of that in X.
    """
    rows = {}
    for name in map(str, run.data_vars):
        values = np.asarray(run[name].to_numpy(), dtype=float)
        unit = run[name].attrs.get("units", "")
        if name in _UNITS and unit not in ("", _UNITS[name]):
            values = values * configuration.quantity(f"1 {unit}", _UNITS[name])
        rows[name] = values
    good = np.isfinite(rows[signal])
    if "lock_in_status" in rows:
        good &= rows["lock_in_status"] == 0
    if not np.any(good):
        raise AnalysisError("No point is good: every one has an overload or a lost reference. Check range and cables.")
    rows = {name: values[good] for name, values in rows.items()}
    if "x" not in rows or "y" not in rows or not np.any(rows["x"]):
        return rows, []
    phase = math.atan(float(np.sum(rows["x"] * rows["y"]) / np.sum(rows["x"] ** 2)))
    rows[signal] = rows[signal] / math.cos(phase)
    if abs(phase) < _LARGEST_PHASE:
        return rows, []
    return rows, [
        f"The voltage at the taps is {math.degrees(phase):+.0f} degrees off the current. Lower the frequency, or check "
        "the taps and the phase of the current path: a resistance is in phase."
    ]
