"""Analysis of what is read in the dark: offset of the sum, of the lock-in, noise of the Hall probe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.finding import Curve, Finding, file_name
from analysis.readings import good_readings, mean, scatter
from analysis.sample import Sample

if TYPE_CHECKING:
    import xarray

_CLEAR = 5.0  # standard errors at which an offset is told


def analyze_dark_offsets(run: xarray.Dataset, sample: Sample) -> Finding:
    """Means of sum, X, Y and field without light and current, and the scatter of the field.

    Parameters
    ----------
    run
        Of the procedure dark-offsets.
    sample
        The sample in it.

    Notes
    -----
    The offset that the bench file gives was taken off every reading of the sum; it is added again here.
    """
    time, total, x, y, field = good_readings(run, "time", "sum", "x", "y", "field")
    written = float(run.attrs["instruments"]["sum_detector"]["settings_start"]["offset"][0])
    left = mean(total, "V")
    quantities = {
        "sum_offset": replace(left, value=left.value + written),
        "x_offset": mean(x, "V"),
        "y_offset": mean(y, "V"),
        "field": mean(field, "T"),
        "hall_noise": scatter(field, "T"),
    }
    warnings = []
    if left.std is not None and abs(left.value) > _CLEAR * left.std:
        warnings.append(
            f"Sum in the dark is {1e3 * (left.value + written):.3f} mV, not {1e3 * written:.3f} mV as in the bench "
            f'file: write offset = "{1e3 * (left.value + written):.3f} mV" into [sum_detector].'
        )
    for name in ("x", "y"):
        offset = quantities[f"{name}_offset"]
        if offset.std and abs(offset.value) > _CLEAR * offset.std:
            warnings.append(
                f"Lock-in {name.upper()} reads {offset} without light and current: switch its own offset off, and look "
                "for pick-up from what else runs at this frequency."
            )
    curves = (
        Curve("Sum in the dark", "time (min)", "sum (mV)", (time - time[0]) / 60, 1e3 * (total + written)),
        Curve("Lock-in in the dark", "X (nV)", "Y (nV)", 1e9 * x, 1e9 * y),
    )
    return Finding("dark-offsets", sample.name, (file_name(run),), quantities, tuple(warnings), curves)
