"""Field loops: branches, parity, bad points, and fits with the model's field dependence."""

from __future__ import annotations

import numpy as np
import pytest
import xarray
from numpy.testing import assert_allclose

from analysis.errors import AnalysisError, IdentifiabilityError
from analysis.loops import fit_amplitude, fit_inverse_field, kerr_loops

BRANCH = np.linspace(50e-3, -50e-3, 21)


def run_of(signal: np.ndarray, asked: np.ndarray, status: np.ndarray | None = None, offset: float = 0.0):
    data = xarray.Dataset(
        {
            "field_set": ("point", asked),
            "field": ("point", asked + offset),
            "polarization": ("point", np.full(len(asked), 0.25)),
            "kerr_signal": ("point", signal),
            "lock_in_status": ("point", np.zeros(len(asked)) if status is None else status),
        }
    )
    data.attrs = {"run_id": "run-7"}
    return data


def hysteresis(asked: np.ndarray) -> np.ndarray:
    falling = np.arange(len(asked)) < len(asked) // 2
    return np.where(falling, np.tanh((asked + 4e-3) / 1e-3), np.tanh((asked - 4e-3) / 1e-3))


def test_odd_and_even_parts_separate_a_hysteresis_loop_from_an_even_background():
    asked = np.concatenate([BRANCH, -BRANCH])
    (loop,) = kerr_loops(run_of(3 * hysteresis(asked) + 0.5 / (np.abs(asked) + 1), asked))
    assert_allclose(loop.odd, 3 * np.tanh((BRANCH + 4e-3) / 1e-3), rtol=1e-12)
    assert_allclose(loop.even, 0.5 / (np.abs(BRANCH) + 1), rtol=1e-12)


def test_offset_of_the_hall_probe_drops_out_of_the_field():
    asked = np.concatenate([BRANCH, -BRANCH])
    (loop,) = kerr_loops(run_of(hysteresis(asked), asked, offset=2e-3))
    assert_allclose(loop.field, BRANCH, atol=1e-15)


def test_flagged_point_is_left_out_with_its_partner_on_the_other_branch():
    asked = np.concatenate([BRANCH, -BRANCH])
    status = np.zeros(42)
    status[[3, 30]] = 1.0, 8.0
    signal = hysteresis(asked)
    signal[7] = np.nan
    (loop,) = kerr_loops(run_of(signal, asked, status))
    assert_allclose(loop.asked, np.delete(BRANCH, [3, 7, 9]))
    assert_allclose(loop.odd, np.tanh((loop.asked + 4e-3) / 1e-3), rtol=1e-12)


def test_run_without_the_way_back_is_refused():
    with pytest.raises(AnalysisError, match=r"run-7: a loop must run from \+max to -max and back"):
        kerr_loops(run_of(BRANCH, BRANCH))


def test_run_with_hardly_a_good_point_is_refused():
    asked = np.concatenate([BRANCH, -BRANCH])
    status = np.ones(42)
    status[:2] = 0
    with pytest.raises(AnalysisError, match="at least 3 good points on each branch; received 0"):
        kerr_loops(run_of(asked, asked, status))


def test_complex_amplitude_is_found_from_both_channels():
    response = np.linspace(1 + 0.4j, 1.3 + 0.5j, 30)
    angle = (2 - 0.7j) * response
    fit = fit_amplitude((angle.real, response), (angle.imag, response), "signal")
    assert_allclose(fit.value, 2 - 0.7j, rtol=1e-12)


def test_amplitude_weighs_each_channel_by_its_own_scatter():
    random = np.random.default_rng(2)
    response = np.full(4000, 1.0 + 0j)
    noisy, quiet = random.normal(size=4000), 0.01 * random.normal(size=4000)
    fit = fit_amplitude((2 + noisy, response), (quiet, response), "signal")
    assert_allclose(fit.std, [1, 0.01], rtol=0.05)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), np.array([1, 0.01]) / np.sqrt(4000), rtol=0.05)


def test_known_shape_gives_amplitude_and_standard_error():
    field = np.linspace(-50e-3, 50e-3, 101)
    noise = 1e-3 * np.random.default_rng(3).normal(size=101)
    amplitude = fit_inverse_field(field, 2 / (np.abs(field) + 1.09) + 0.3 + noise, effective_field=1.09, offset=0.3)
    estimate = amplitude["amplitude"]
    assert_allclose(estimate.std, 1e-3 * 1.115 / np.sqrt(101), rtol=0.2)
    assert abs(estimate.value - 2) < 4 * estimate.std
    assert estimate.dof == pytest.approx(100)


@pytest.mark.parametrize(("largest", "freed", "inflation"), [(50e-3, "offset", 76), (0.3, "effective_field", 14)])
def test_pickup_or_effective_field_freed_over_too_small_a_range_is_refused(largest, freed, inflation):
    field = np.linspace(-largest, largest, 201)
    signal = 2e-6 / (np.abs(field) + 1.09) + 1e-9 * np.random.default_rng(1).normal(size=201)
    with pytest.raises(IdentifiabilityError, match=f"amplitude.* {freed}.* {inflation}[.0-9]* times"):
        fit_inverse_field(field, signal, effective_field=1.09, free=(freed,))


def test_effective_field_is_found_over_a_wide_range():
    field = np.linspace(-4, 4, 401)
    signal = 2e-6 / (np.abs(field) + 1.09) + 3e-8
    fit = fit_inverse_field(
        field, signal + 1e-11 * np.cos(90 * field), effective_field=0.9, offset=3e-8, free=("effective_field",)
    )
    assert_allclose(fit["effective_field"].value, 1.09, rtol=1e-3)
    assert_allclose(fit["amplitude"].value, 2e-6, rtol=1e-3)
