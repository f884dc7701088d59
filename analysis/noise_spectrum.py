"""Analysis of a noise run: density of the white noise, its ratio to shot noise, and the 1/f corner."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.detection import kerr_signal
from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import LinearFit, fit_linear
from analysis.readings import good_readings
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

SEGMENTS = 8
"""Pieces of the record whose spectra are averaged."""

_RESOLVED = 4.0  # standard errors at which a 1/f part counts
_EXCESS = 1.5  # over shot noise, of which a warning tells
_UNEVEN = 0.1  # of the spacing


def analyze_noise_spectrum(run: xarray.Dataset, sample: Sample) -> Finding:
    """Spectrum of both quadratures, referred to the Kerr angle (rms).

    Parameters
    ----------
    run
        Of the procedure noise.
    sample
        The sample in it.

    Notes
    -----
    Welch's method with abutting rectangular windows, each freed of its trend, so that all frequencies are independent.
    Readings further apart than the filter remembers have folded its whole band into theirs: a density S before the
    filter shows as 2 dt B S at every frequency (dt the spacing, B the equivalent noise bandwidth), which is divided
    out. S(f) = white^2 (1 + corner / f) is then fitted, each point weighed by the model itself.
    """
    time, x, y, total, shot, bandwidth = good_readings(
        run, "time", "x", "y", "sum", "shot_noise", "noise_bandwidth", least=8 * SEGMENTS
    )
    spacing = float(np.median(np.diff(time)))
    if np.max(np.abs(np.diff(time) - spacing)) > _UNEVEN * spacing:
        raise AnalysisError(
            f"Readings of a spectrum must be equally spaced, {spacing:.3g} s apart; some are not. Measure again "
            "without pause and overload, at a larger spacing if the instruments do not follow."
        )
    gain = run.attrs["instruments"]["sum_detector"]["settings_start"]["gain"][0]
    frequency, power = _spectrum(np.stack([x, y]) * float(kerr_signal(1.0, np.mean(total), gain)), spacing)
    power /= 2 * spacing * float(np.mean(bandwidth)) * 2  # the second 2: from peak to rms angles
    fit = _fit(frequency, power, flicker=True)
    flicker, flicker_std = float(fit.values[-1]), math.sqrt(fit.covariance[-1, -1])
    resolved = flicker > _RESOLVED * flicker_std
    if not resolved:
        fit = _fit(frequency, power, flicker=False)
    white_power, white_std = float(fit.values[0]), math.sqrt(fit.covariance[0, 0])
    if white_power <= 0:
        raise AnalysisError(
            "Spectrum must flatten out at high frequencies; it is 1/f throughout. Measure with a smaller spacing."
        )
    white, std = math.sqrt(white_power), white_std / (2 * math.sqrt(white_power))
    expected = float(np.mean(shot))
    quantities = {
        "white_density": Estimate(white, std, "rad/Hz^0.5"),
        "shot_ratio": Estimate(white / expected, std / expected, "1"),
    }
    warnings = []
    if resolved:
        corner = flicker / white_power
        slopes = np.array([-corner / white_power, 1 / white_power])
        quantities["flicker_corner"] = Estimate(corner, math.sqrt(float(slopes @ fit.covariance @ slopes)), "Hz")
        warnings.append(
            f"Noise rises as 1/f below {corner:.2g} Hz: averaging longer than {1 / corner:.2g} s gains little. Look "
            "for drifting pick-up or balance, or interleave what is compared."
        )
    if white > _EXCESS * expected:
        warnings.append(
            f"White noise is {white / expected:.2g} times the shot noise of the light. Balance the detector, raise the "
            "light, choose another frequency, or look for pick-up and laser noise."
        )
    model = fit.values[0] + (flicker / frequency if resolved else 0 * frequency)
    curve = Curve(
        f"Noise; shot noise {1e9 * expected:.1f} nrad/Hz$^{{1/2}}$", "frequency (Hz)", "density (nrad/Hz$^{1/2}$)",
        frequency, 1e9 * np.sqrt(power), fit_x=frequency, fit_y=1e9 * np.sqrt(model),
    )  # fmt: skip
    return Finding("noise", sample.name, (file_name(run),), quantities, tuple(warnings), (curve,))


def _spectrum(angles: FloatArray, spacing: float) -> tuple[FloatArray, FloatArray]:
    """Frequencies (n,) (Hz) and one-sided power density (n,), mean of the rows of `angles` (rows, readings)."""
    from scipy.signal import detrend, welch

    length = angles.shape[1] // SEGMENTS
    frequency, power = welch(angles, fs=1 / spacing, window="boxcar", nperseg=length, noverlap=0, detrend=detrend)
    kept = _kept(length)
    cycles = frequency[kept] * length * spacing
    left = 1 - 3 / (np.pi * cycles) ** 2  # of white noise, by the trend that was taken off
    return np.asarray(frequency[kept]), np.asarray(np.mean(power, axis=0)[kept] / left)


def _kept(length: int) -> slice:
    """Frequencies that neither the trend nor the end of the band has touched."""
    return slice(2, (length - 1) // 2 + 1)


def independent_numbers(readings: int) -> int:
    """Number of independent values of two degrees of freedom in the spectra of X and Y of so many readings."""
    return 2 * SEGMENTS * len(range(readings // SEGMENTS)[_kept(readings // SEGMENTS)])


def _fit(frequency: FloatArray, power: FloatArray, *, flicker: bool) -> LinearFit:
    """Fit white + flicker / f; a value scatters by its own expectation over the root of the spectra averaged."""
    design = np.stack([np.ones_like(frequency), 1 / frequency], axis=1)[:, : 1 + flicker]
    names = ["white noise", "1/f noise"][: 1 + flicker]
    model = np.full_like(power, np.mean(power))
    for _ in range(5):
        fit = fit_linear(design, power, model / math.sqrt(2 * SEGMENTS), names)
        model = np.maximum(design @ fit.values, 0.1 * np.min(power))
    return fit
