"""The estimator of the software lock-in against exact bounds, and its reference and skew against known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis.errors import AnalysisError, InputError
from analysis.software_lock_in import channel_delay, find_reference, fit_harmonics, taper_weights

RATE, FREQUENCY = 1e6, 20150.0


def wave(count: int, first: complex, second: complex = 0j, frequency: float = FREQUENCY, phase: float = 0.0):
    turn = 2 * math.pi * frequency / RATE * np.arange(count) + phase
    return math.sqrt(2) * (np.imag(first * np.exp(1j * turn)) + np.imag(second * np.exp(2j * turn)))


@pytest.mark.parametrize("count", [1000, 1024, 5000, 20_000, 33_333])
def test_harmonics_offset_and_slope_are_found_exactly(count: int) -> None:
    first, second = 3e-6 - 1e-6j, -2e-7 + 5e-7j
    ramp = 0.2 + 0.05 * (np.arange(count) - (count - 1) / 2) / count
    found = fit_harmonics(wave(count, first, second, phase=0.7) + ramp, RATE, FREQUENCY, 0.7)
    assert_allclose([found.first, found.second], [first, second], atol=1e-15)
    assert_allclose([found.offset, found.slope], [0.2, 0.05], rtol=1e-11)


def test_result_is_that_of_plain_linear_algebra() -> None:
    rng = np.random.default_rng(1)
    count = 2500
    samples = rng.normal(size=(2, count))
    turn = 2 * math.pi * FREQUENCY / RATE * np.arange(count) + 0.3
    time = (np.arange(count) - (count - 1) / 2) / count
    design = np.stack([0 * time + 1, time, *(f(h * turn) for h in (1, 2) for f in (np.sin, np.cos))], axis=1)
    root = np.sqrt(taper_weights(count))
    expected = np.linalg.lstsq(design * root[:, None], (samples * root).T, rcond=None)[0]
    found = fit_harmonics(samples, RATE, FREQUENCY, 0.3)
    assert_allclose([found.offset, found.slope], expected[:2], rtol=1e-9)
    assert_allclose([found.first.real, found.first.imag], expected[2:4] / math.sqrt(2), rtol=1e-9)
    assert_allclose([found.second.real, found.second.imag], expected[4:] / math.sqrt(2), rtol=1e-9)
    assert_allclose(found.noise, 1.0, rtol=0.05)


def test_variance_is_a_few_percent_above_the_cramer_rao_bound() -> None:
    count = 2000
    response = fit_harmonics(np.eye(count), RATE, FREQUENCY)  # what each sample adds to the estimate
    bound = 1 / count  # of X in V rms: half of 2 sigma^2 / n
    for harmonic in (response.first, response.second):
        ratios = [np.sum(part**2) / bound for part in (harmonic.real, harmonic.imag)]
        assert all(1.0 < ratio < 1.06 for ratio in ratios), ratios
    plain = fit_harmonics(np.eye(count), RATE, FREQUENCY, taper=0.0)
    assert_allclose(np.sum(plain.first.real**2) / bound, 1.0, atol=0.005)


def test_drift_and_mains_leak_by_parts_per_million_where_plain_least_squares_leaks_by_thousands() -> None:
    count = 20_000  # 20 ms
    time = np.arange(count) / RATE
    signal = wave(count, 1e-3 + 0j)
    disturbed = signal + 0.03 * np.exp(-time / 8e-3) + 0.02 * np.sin(2 * math.pi * 50 * time + 1.0)
    errors = []
    for taper in (0.0, 0.1):
        found = fit_harmonics(disturbed, RATE, FREQUENCY, taper=taper)
        errors.append(abs(complex(found.first) / 1e-3 - 1))
    plain, weighted = errors
    assert plain > 6.8e-3 and weighted < 3e-6, (plain, weighted)


@pytest.mark.parametrize("offset", [0.0, 0.02, -3.7, 150.0])
@pytest.mark.parametrize("square", [False, True])
def test_frequency_and_phase_come_from_the_reference_channel(offset: float, square: bool) -> None:
    count, true = 300_000, FREQUENCY + offset
    reference = wave(count, 1.0 + 0j, frequency=true, phase=1.1)
    reference += 1e-3 * np.random.default_rng(2).normal(size=count)
    if square:
        reference = np.where(reference > 0, 5.0, 0.0)
    found = find_reference(reference, RATE, FREQUENCY)
    assert_allclose(found.frequency, true, atol=2e-3 if square else 2e-5)
    assert_allclose(math.remainder(found.phase - 1.1, math.tau), 0.0, atol=2e-3 if square else 2e-5)


def test_wrong_frequency_would_cost_what_the_reference_channel_saves() -> None:
    count = 1_000_000
    signal = wave(count, 1.0 + 0j, frequency=FREQUENCY + 0.02)
    assert_allclose(np.angle(fit_harmonics(signal, RATE, FREQUENCY).first), 0.063, atol=2e-3)
    found = find_reference(signal, RATE, FREQUENCY)
    assert abs(np.angle(fit_harmonics(signal, RATE, found.frequency, found.phase).first)) < 1e-9


def test_delay_between_channels_is_measured_on_a_common_sine() -> None:
    first = wave(20_000, 1.0 + 0j, phase=0.4)
    second = wave(20_000, 0.1 + 0j, phase=0.4 + 2 * math.pi * FREQUENCY * 1e-6)
    assert_allclose(channel_delay(first, second, RATE, FREQUENCY), 1e-6, rtol=1e-9)


def test_channel_without_reference_is_refused() -> None:
    noise = np.random.default_rng(3).normal(size=20_000)
    for samples in (noise, np.zeros(20_000), wave(20_000, 1.0 + 0j, frequency=50.0)):
        with pytest.raises(AnalysisError, match="Reference channel must carry"):
            find_reference(samples, RATE, FREQUENCY)


def test_records_that_cannot_tell_are_refused() -> None:
    with pytest.raises(InputError, match="at least 4 cycles"):
        fit_harmonics(np.zeros(100), RATE, FREQUENCY)
    with pytest.raises(InputError, match="below a quarter"):
        fit_harmonics(np.zeros(100_000), 50e3, FREQUENCY)
    with pytest.raises(InputError, match="must be finite"):
        fit_harmonics(np.full(5000, math.nan), RATE, FREQUENCY)
