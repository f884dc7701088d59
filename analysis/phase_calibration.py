"""Analysis of a phase calibration: phase and size of a current against the lock-in's reference."""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.readings import good_readings
from analysis.result import Estimate
from analysis.sample import Sample

if TYPE_CHECKING:
    import xarray

_CLEAR = 5.0  # standard errors, and
_LARGEST_PHASE = math.radians(0.5)  # of the measured phase against that of the bench file, at which it is told
_LARGEST_CURRENT = 0.01  # of the current measured against the one read back, relative
_SOURCES = {"sample": "sample_source", "coil": "calibration_source"}


def analyze_phase_calibration(run: xarray.Dataset, sample: Sample) -> Finding:
    """Phase (rad) and amplitude (A peak) of the current of one path.

    Parameters
    ----------
    run
        Of the procedure phase-calibration.
    sample
        The sample in it.

    Notes
    -----
    V = X + i Y = I R exp(i phase) / sqrt(2), read at detection phase 0, so that the phase is known over the full turn.
    The standard errors hold the scatter of the readings and the steps in which the lock-in reads (step / sqrt(12)).
    """
    path = str(run.attrs["parameters"]["path"])
    x, y, shunt, current, resolution, asked = good_readings(
        run, "x", "y", "shunt", "current", "resolution", "current_set"
    )
    volts = complex(np.mean(x), np.mean(y))
    if abs(volts) < 0.1 * float(np.mean(asked * shunt)) / math.sqrt(2):
        raise AnalysisError(
            f"Shunt of the {path} must show the current; it shows less than a tenth of it. Check contacts, shunt and "
            "the cable to the lock-in."
        )
    along = (x + 1j * y) * cmath.exp(-1j * cmath.phase(volts))
    step = float(np.mean(resolution)) / math.sqrt(12)
    errors = [math.hypot(float(np.std(part, ddof=1)) / math.sqrt(len(x)), step) for part in (along.real, along.imag)]
    amplitude = math.sqrt(2) * abs(volts) / float(np.mean(shunt))
    relative, phase_std = errors[0] / abs(volts), errors[1] / abs(volts)
    phase, ratio = cmath.phase(volts), amplitude / float(np.mean(current))
    quantities = {
        f"{path}_phase": Estimate(phase, phase_std, "rad"),
        f"{path}_current": Estimate(amplitude, relative * amplitude, "A"),
        f"{path}_current_ratio": Estimate(ratio, relative * ratio, "1"),
    }
    source = _SOURCES[path]
    written = float(run.attrs["instruments"][source]["settings_start"]["phase"][0])
    off = math.remainder(phase - written, math.tau)
    warnings = []
    if abs(off) > max(_CLEAR * phase_std, _LARGEST_PHASE):
        turned = " That is half a turn: first see whether the leads of the shunt or of the source are swapped."
        warnings.append(
            f"Phase of the {path} current is {phase:.4f} rad, {math.degrees(off):+.2f} degrees off the bench file: "
            f'write phase = "{phase:.4f} rad" into [{source}].' + (turned if abs(off) > 0.9 * math.pi else "")
        )
    if abs(ratio - 1) > max(_CLEAR * relative, _LARGEST_CURRENT):
        warnings.append(
            f"Current in the shunt of the {path} is {ratio:.4f} times the one that the source reports. Check the gain "
            f"of [{source}] and the resistance of {path}_shunt in the bench file."
        )
    curve = Curve(
        f"Voltage across the shunt of the {path}", "X (mV)", "Y (mV)", 1e3 * x, 1e3 * y,
        fit_x=1e3 * np.array([0.0, volts.real]), fit_y=1e3 * np.array([0.0, volts.imag]),
    )  # fmt: skip
    return Finding("phase-calibration", sample.name, (file_name(run),), quantities, tuple(warnings), (curve,))
