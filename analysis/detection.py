"""From lock-in volts to Kerr angles: what the detector and the lock-in's filter do to a signal."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.stack import FloatArray

_LARGEST_PHASE = math.radians(5)  # of the signal against the detection phase; its cosine is then 0.996

FILTER_SLOPES = (6, 12, 18, 24)
"""Filter slopes (dB per octave) of a lock-in with one to four equal RC stages."""


def kerr_signal(voltage_rms: npt.ArrayLike, sum_voltage: npt.ArrayLike, gain: float = 1.0) -> FloatArray:
    """Peak Kerr angle behind a lock-in voltage of the balanced detector.

    Parameters
    ----------
    voltage_rms : (...)
        Lock-in output (V rms).
    sum_voltage : (...)
        Sum signal of the detector (V), not 0.
    gain
        Gain of the difference at the lock-in frequency over the DC gain of the sum, above 0.

    Returns
    -------
    (...)
        theta = sqrt(2) V_rms / (2 G V_sum) (rad, peak), from (I_A - I_B)/(I_A + I_B) = 2 theta.
    """
    return math.sqrt(2) * np.asarray(voltage_rms, dtype=float) / (2 * gain * np.asarray(sum_voltage, dtype=float))


def reported(angle: complex, channel: str) -> float:
    """What the set-up reports (rad) of a complex Kerr angle theta + i eps: theta, or -eps in the channel "ellipticity".

    The quarter-wave plate stands with its fast axis along the polarisation, which reads -2 eps (physics: detection).
    """
    return angle.real if channel == "rotation" else -angle.imag


def filter_stages(slope: int) -> int:
    """Return the number of RC stages of a filter `slope` (dB per octave: 6, 12, 18 or 24)."""
    if slope not in FILTER_SLOPES:
        raise InputError(
            f"Filter slope must be one of {FILTER_SLOPES} dB/octave; received {slope!r}. Choose one of them."
        )
    return slope // 6


def settling_time(time_constant: float, slope: int, remainder: float = 0.01) -> float:
    """Time (s) after a step until the output of the filter is within `remainder` of its final value.

    Parameters
    ----------
    time_constant
        Time constant T of each stage (s).
    slope
        6, 12, 18 or 24 dB per octave.
    remainder
        Part of the step that is still missing, between 0 and 1.

    Notes
    -----
    n equal stages leave Q(n, x) = exp(-x) sum_(k < n) x^k/k! of the step, x = t/T: 4.6, 6.6, 8.4 and 10.0 T to 1 %.
    Its logarithm falls ever faster, so that Newton's steps come down to the solution from above.
    """
    stages = filter_stages(slope)
    x = stages - math.log(remainder)
    for _ in range(100):
        terms = [x**k / math.factorial(k) for k in range(stages)]
        step = (math.log(sum(terms)) - x - math.log(remainder)) * sum(terms) / terms[-1]
        x += step
        if abs(step) <= 1e-15 * x:
            break
    return time_constant * x


def noise_bandwidth(time_constant: float, slope: int) -> float:
    """Equivalent noise bandwidth (Hz) of the filter: 1/4T, 1/8T, 3/32T, 5/64T for 6, 12, 18, 24 dB per octave."""
    stages = filter_stages(slope)
    return float(math.comb(2 * stages - 2, stages - 1)) / (4.0**stages * time_constant)


def mean_inflation(correlation: FloatArray) -> float:
    """Variance of the mean of equally spaced readings over that of independent ones.

    Parameters
    ----------
    correlation : (n,)
        Of the readings' noise at lags of 0, 1, ... n - 1.

    Notes
    -----
    1 + 2 sum_k (1 - k/n) rho_k.
    """
    count = len(correlation)
    return 1 + 2 * float(np.sum((1 - np.arange(1, count) / count) * correlation[1:]))


def noise_correlation(lag: npt.ArrayLike, time_constant: float, slope: int) -> FloatArray:
    """Correlation of white noise behind the filter between two readings.

    Parameters
    ----------
    lag : (...)
        Time (s) between the readings, either sign.
    time_constant
        Time constant T of each stage (s).
    slope
        6, 12, 18 or 24 dB per octave.

    Returns
    -------
    (...)
        From 1 at lag 0 down to 0.

    Notes
    -----
    For n stages and x = |lag| / T: exp(-x) (n-1)!/(2n-2)! sum_k (2n-2-k)! (2x)^k / (k! (n-1-k)!), the inverse Fourier
    transform of (1 + (2 pi f T)^2)^-n; one stage gives exp(-x), two give (1 + x) exp(-x).
    """
    order = filter_stages(slope) - 1
    ratio = np.abs(np.asarray(lag, dtype=float)) / time_constant
    total = np.zeros_like(ratio)
    for power in range(order + 1):
        weight = math.factorial(2 * order - power) / (math.factorial(power) * math.factorial(order - power))
        total += weight * (2 * ratio) ** power
    return np.asarray(np.exp(-ratio) * total * math.factorial(order) / math.factorial(2 * order))


def phase_warnings(slope: float, std: float, path: str) -> list[str]:
    """Warn where the signal stands off the detection phase: what is in Y is missing in X.

    Parameters
    ----------
    slope, std
        Y over X, and its standard error.
    path
        What the current runs through: "sample", or a coil.
    """
    if abs(slope) < max(math.tan(_LARGEST_PHASE), 5 * std):
        return []
    source = "sample_source" if path == "sample" else "calibration_source"
    return [
        f"the signal is {math.degrees(math.atan(slope)):+.0f} degrees off the detection phase, so that X misses part "
        f"of it. Measure the phase of this current path on a shunt and set `phase` of [{source}] in the bench file."
    ]
