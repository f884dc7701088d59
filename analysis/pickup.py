"""Analysis of the pick-up: what the lock-in reads under current with the beam blocked, as an angle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from analysis.configuration import Uncertain
from analysis.detection import kerr_signal
from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.loops import CHANNELS
from analysis.readings import good_readings, mean
from analysis.result import Estimate
from analysis.sample import Sample

if TYPE_CHECKING:
    import xarray

_CLEAR = 5.0  # standard errors at which a pick-up is told


def analyze_pickup(run: xarray.Dataset, sample: Sample) -> Finding:
    """Pick-up in phase with the current and in quadrature, in each channel (rad, peak, as the set-up reports them).

    Parameters
    ----------
    run
        Of the procedure pickup.
    sample
        The sample in it.

    Notes
    -----
    theta = sqrt(2) X / (2 G V_sum), with the sum before the beam was blocked. The quantities of the path "coil" have
    the names under which `fit_sample` takes them off the calibration; those of the path "sample" begin with "sample_".
    """
    path = str(run.attrs["parameters"]["path"])
    prefix = "" if path == "coil" else "sample_"
    gain = float(run.attrs["instruments"]["sum_detector"]["settings_start"]["gain"][0])
    channel, signal, y, total = good_readings(run, "channel", "kerr_signal", "y", "sum")
    quantities: dict[str, Estimate] = {}
    warnings, curves = [], []
    for number, name in enumerate(CHANNELS):
        chosen = channel == number
        if not np.any(chosen):
            continue
        if np.sum(chosen) < 3:
            raise AnalysisError(f"Pick-up of the {name} must have at least 3 good readings. Measure again.")
        quadrature = kerr_signal(y[chosen], total[chosen], gain)
        found = mean(signal[chosen], "rad")
        quantities[f"{prefix}pickup_{name}"] = found
        quantities[f"{prefix}pickup_{name}_quadrature"] = mean(quadrature, "rad")
        curves.append(
            Curve(f"{path}, {name}", "in phase (nrad)", "quadrature (nrad)", 1e9 * signal[chosen], 1e9 * quadrature)
        )
        if found.std and abs(found.value) > _CLEAR * found.std:
            remedy = (
                f"Analysed together with its calibration it is taken off; else give fit_sample "
                f'uncertainties["pickup_{name}"] = Uncertain(value={found.value:.3g}, std={found.std:.2g}).'
                if path == "coil"
                else "It is even in the field, and drops out of the odd part of the loops."
            )
            warnings.append(f"Pick-up of the {path} current in the {name} is {found}. {remedy}")
    return Finding("pickup", sample.name, (file_name(run),), quantities, tuple(warnings), curves)


def pickup_inputs(findings: Iterable[Finding]) -> Mapping[str, Uncertain]:
    """Pick-up of the calibration, as an entry of `uncertainties` of `fit_sample`; the last finding counts."""
    return {
        name: Uncertain(value=quantity.value, std=quantity.std or 0.0)
        for finding in findings
        for name, quantity in finding.quantities.items()
        if name in ("pickup_rotation", "pickup_ellipticity")
    }
