"""One sample from its runs, which are made from the model itself: signs, parity, quadratic effect, nuisances."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray
from numpy.testing import assert_allclose

from analysis import Film, Layer, Nuisance, Stack, fit_sample, spin_torque_efficiency
from analysis.averaged_loops import field_response, sample_data
from analysis.configuration import Uncertain
from analysis.errors import AnalysisError, IdentifiabilityError, InputError

FILM = Film(2.38 + 4.36j, 0.0036 - 0.011j, 32e-9, 1.09, 12.22e-12, 1.09, conductivity=4.4e6)
STACK = Stack(FILM, above=[Layer(1.62, 2e-9), Layer(1.4537, 3e-9)], below=[Layer(1.62, 2e-9)], substrate=1.4537)
ALPHA = (math.radians(45), math.radians(135))
COERCIVE, CURRENT, COIL_CURRENT, WIDTH = 0.3e-3, 0.04, 0.4, 50e-6
PER_AMPERE = Uncertain(value=2.125e-3, std=0.0)
TORQUE = 0.43e-6  # bottom, at CURRENT
INPUTS = {"calibration_field_per_ampere": PER_AMPERE, "width": Uncertain(value=WIDTH)}


def make_run(
    path: str,
    channel: str,
    *,
    noise: float = 0.0,
    seed: int = 0,
    signs: tuple[int, int] = (1, 1),
    torques: tuple[float, float] = (-TORQUE, TORQUE),
    gain: complex = 1.0,
    quadratic: float = 0.0,
    pickup: float = 0.0,
    stack: Stack = STACK,
) -> xarray.Dataset:
    """Loops at 45 and 135 degrees, both branches, as `load_run` returns them."""
    rng = np.random.default_rng([seed, path == "coil", channel == "rotation"])
    branch = np.linspace(50e-3, -50e-3, 51)
    asked = np.concatenate([branch, -branch])
    m_x = np.where(np.arange(len(asked)) < len(branch), np.sign(asked + COERCIVE), np.sign(asked - COERCIVE))
    field = asked + 0.15e-3  # offset of the Hall probe
    real = asked
    columns: dict[str, list[Any]] = {"field_set": [], "field": [], "polarization": [], "kerr_signal": []}
    for alpha, sign in zip(ALPHA, signs, strict=True):
        if path == "sample":
            asot = field_response(stack, real, "top", 780e-9, torque_top=torques[0], torque_bottom=torques[1]) * m_x
            angle = asot + field_response(stack, real, "top", 780e-9, calibration_field=-20e-6)  # Oersted, off centre
        else:
            angle = field_response(stack, real, "top", 780e-9, calibration_field=PER_AMPERE.value * COIL_CURRENT)
        signal = (gain * angle).real if channel == "rotation" else (gain * angle).imag
        # in-plane tilt seen through the quadratic effect: opposite at 45 and 135 degrees, odd in the field
        signal = signal + quadratic * math.sin(2 * alpha) * m_x / (np.abs(real) + 5e-3)
        signal = sign * signal + pickup + noise * rng.normal(size=len(asked))
        for name, values in (("field_set", asked), ("field", field), ("kerr_signal", signal)):
            columns[name] += values.tolist()
        columns["polarization"] += [alpha] * len(asked)
    count = len(columns["field"])
    columns["current"] = [CURRENT if path == "sample" else COIL_CURRENT] * count
    columns["lock_in_status"] = [0.0] * count
    data = xarray.Dataset({name: ("point", np.array(values)) for name, values in columns.items()})
    data.attrs = {"run_id": f"{path}-{channel}", "parameters": {"path": path, "channel": channel}}
    return data


def make_runs(**settings: Any) -> list[xarray.Dataset]:
    noises = {"sample": settings.pop("noise", 0.0), "coil": settings.pop("coil_noise", 1e-9)}
    signs = settings.pop("signs", {})
    return [
        make_run(path, channel, noise=noises[path], signs=signs.get(channel, (1, 1)), **settings)
        for path in ("sample", "coil")
        for channel in ("rotation", "ellipticity")
    ]


def fit(runs: list[xarray.Dataset], stack: Stack = STACK, **settings: Any) -> Any:
    return fit_sample(runs, stack, **{"coercive_field": COERCIVE, "uncertainties": INPUTS, **settings})


def test_torque_is_found_within_its_uncertainty():
    pulls = []
    for seed in range(12):
        result = fit(make_runs(noise=4e-9, coil_noise=4e-9, seed=seed))
        pulls.append((result.torque_bottom.value - TORQUE) / result.torque_bottom.std)
        assert result.torque_top.value == -result.torque_bottom.value
        assert result.std_source == "residual scatter"
    assert np.max(np.abs(pulls)) < 3
    assert 0.4 < np.std(pulls) < 1.8
    assert 0.002 < result.torque_bottom.std / TORQUE < 0.05


def test_noise_free_runs_give_torque_efficiency_and_a_real_torque():
    result = fit(make_runs(coil_noise=0.0))
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-9)
    assert_allclose(result.efficiency.value, spin_torque_efficiency(TORQUE, CURRENT / (WIDTH * 32e-9)), rtol=1e-9)
    assert abs(result.checks["imaginary_torque"].value) < 1e-9 * TORQUE
    assert_allclose(result.checks["oersted_field"].value, -20e-6, rtol=1e-6)


def test_reported_current_density_scales_the_torque_and_not_the_efficiency():
    runs = make_runs(coil_noise=0.0)
    own, doubled = fit(runs), fit(runs, current_density=2 * CURRENT / (WIDTH * 32e-9))
    assert_allclose(doubled.torque_bottom.value, 2 * own.torque_bottom.value, rtol=1e-12)
    assert_allclose(doubled.efficiency.value, own.efficiency.value, rtol=1e-12)


def test_complex_gain_of_the_detector_cancels_in_the_ratio():
    result = fit(make_runs(coil_noise=1e-12, gain=1.7 * np.exp(0.3j)))
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-6)
    assert_allclose(result.checks["gain"].value, 1.7, rtol=1e-6)
    assert_allclose(result.checks["gain_phase"].value, 0.3, rtol=1e-6)


@pytest.mark.parametrize(
    "signs",
    [
        {"rotation": (-1, -1)},
        {"ellipticity": (-1, -1)},
        {"rotation": (-1, -1), "ellipticity": (-1, -1)},
        {"ellipticity": (1, -1)},
        {"rotation": (-1, 1), "ellipticity": (-1, -1)},
    ],
)
def test_signs_of_channels_and_polarisations_are_found_from_the_calibration(signs: dict[str, tuple[int, int]]):
    runs = make_runs(coil_noise=1e-9, signs=signs)
    assert_allclose(fit(runs).torque_bottom.value, TORQUE, rtol=1e-2)
    found = sample_data(runs, STACK, COERCIVE).loops
    for channel, expected in signs.items():
        assert tuple(found[("sample", channel)].signs[alpha] for alpha in ALPHA) == expected  # type: ignore[index]


def test_calibration_too_weak_to_show_a_sign_is_refused():
    with pytest.raises(AnalysisError, match=r"rotation at 45 degrees .* 5 standard errors"):
        fit(make_runs(coil_noise=20e-6))


def test_polarisation_average_cancels_the_quadratic_effect_that_field_symmetry_keeps():
    contaminated = make_runs(coil_noise=1e-12, quadratic=2e-9)
    result = fit(contaminated)
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-6)
    window = np.linspace(50e-3, 2e-3, 25)
    expected = np.mean(2e-9 / (window + 5e-3))
    for channel in ("rotation", "ellipticity"):
        assert_allclose(result.checks[f"polarization_difference_{channel}"].value, expected, rtol=0.02)
    alone = [run.isel(point=run["polarization"].to_numpy() == ALPHA[0]) for run in contaminated]
    assert abs(fit(alone).torque_bottom.value / TORQUE - 1) > 0.2


def test_overloaded_points_are_left_out():
    runs = make_runs(coil_noise=1e-12)
    broken = []
    for run in runs:
        signal, status = run["kerr_signal"].to_numpy().copy(), run["lock_in_status"].to_numpy().copy()
        signal[[5, 60, 130]], status[[5, 60, 130]] = 1e-3, 1.0
        broken.append(run.assign(kerr_signal=("point", signal), lock_in_status=("point", status)))
    assert_allclose(fit(broken).torque_bottom.value, TORQUE, rtol=1e-6)
    unflagged = [run.assign(lock_in_status=("point", np.zeros(run.sizes["point"]))) for run in broken[:2]]
    assert abs(fit([*unflagged, *runs[2:]]).torque_bottom.value / TORQUE - 1) > 0.2


def test_missing_runs_are_named():
    runs = make_runs()
    with pytest.raises(AnalysisError, match="missing: sample ellipticity, coil rotation"):
        fit([runs[0], runs[3]])


def test_run_of_another_kind_is_refused():
    runs = make_runs()
    runs[0].attrs["parameters"] = {"path": "sample"}
    with pytest.raises(InputError, match="current path and a channel"):
        fit(runs)


def test_calibration_angle_replaces_calibration_runs():
    angle = field_response(STACK, np.zeros(1), "top", 780e-9, calibration_field=0.85e-3)[0]
    runs = make_runs(noise=1e-12)[:2]
    result = fit(runs, calibration_angle=complex(angle), calibration_field=0.85e-3)
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-4)


def test_free_torques_find_an_imbalance():
    result = fit(make_runs(noise=1e-11, coil_noise=1e-11, torques=(-0.95 * TORQUE, TORQUE)), torque="free")
    assert_allclose(result.torque_bottom.value, TORQUE, atol=4 * result.torque_bottom.std)
    assert_allclose(result.torque_top.value, -0.95 * TORQUE, atol=4 * result.torque_top.std)
    assert_allclose(result.checks["imbalance"].value, 0.05, atol=4 * result.checks["imbalance"].std)
    assert result.checks["imbalance"].std < 0.01


def test_pickup_is_taken_off_and_its_uncertainty_enters_the_budget():
    pickup = 0.2e-6
    runs = [*make_runs()[:2], make_run("coil", "rotation", noise=1e-11, pickup=pickup), make_runs()[3]]
    known = INPUTS | {"pickup_rotation": Uncertain(value=pickup, std=0.1e-6)}
    assert abs(fit(runs).torque_bottom.value / TORQUE - 1) > 0.03
    result = fit(runs, uncertainties=known)
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-3)
    effect = {entry.name: entry.effects["torque"] for entry in result.systematics}["pickup_rotation"]
    moved = fit(runs, uncertainties=INPUTS | {"pickup_rotation": Uncertain(value=1.5 * pickup)})
    assert_allclose(effect, moved.torque_bottom.value / result.torque_bottom.value - 1, rtol=0.1)


def test_pickup_cancels_between_polarisations_of_opposite_sign():
    runs = [*make_runs()[:3], make_run("coil", "ellipticity", pickup=0.1e-6, signs=(1, -1), noise=1e-12)]
    runs[1] = make_run("sample", "ellipticity", signs=(1, -1))
    assert_allclose(fit(runs).torque_bottom.value, TORQUE, rtol=1e-4)


def test_nuisance_with_a_narrow_prior_adds_its_uncertainty_as_the_budget_does():
    runs = make_runs(noise=2e-9, coil_noise=1e-9)
    budgeted = fit(runs, uncertainties=INPUTS | {"calibration_field_per_ampere": Uncertain(value=2.125e-3, std=4e-5)})
    fitted = fit(runs, nuisances=[Nuisance("calibration_field", 4e-5 * COIL_CURRENT)])
    assert_allclose(fitted.torque_bottom.std, budgeted.torque_bottom.std, rtol=1e-3)
    assert_allclose(fitted.torque_bottom.value, budgeted.torque_bottom.value, rtol=1e-3)


def test_real_torque_corrects_a_wrong_absorption_within_its_prior():
    wrong = replace(STACK, film=replace(FILM, index=2.38 + 4.0j))
    runs = make_runs(noise=1e-10, coil_noise=1e-10)
    fixed, freed = fit(runs, wrong), fit(runs, wrong, nuisances=[Nuisance("k", 1.0)])
    assert abs(fixed.torque_bottom.value / TORQUE - 1) > 0.03
    assert fixed.checks["imaginary_torque"].p_value() < 1e-6
    assert_allclose(freed.checks["k"].value, 0.36, atol=0.05)
    assert_allclose(freed.torque_bottom.value, TORQUE, atol=3 * freed.torque_bottom.std)


@pytest.mark.parametrize("name", ["effective_field", "exchange_stiffness", "calibration_field"])
def test_free_inputs_that_scale_with_the_torque_are_refused(name: str):
    with pytest.raises(IdentifiabilityError, match=f"antisymmetric torque.* {name}"):
        fit(make_runs(noise=2e-9), nuisances=[Nuisance(name, math.inf)])


def test_thickness_and_density_move_together():
    spread = {"thickness": Uncertain(value=32e-9, std=0.5e-9)}
    entry = fit(make_runs(noise=2e-9), uncertainties=INPUTS | spread).systematics[0]
    assert abs(entry.effects["efficiency"]) < 0.001
    assert_allclose(entry.effects["torque_at_fixed_current"], -0.0150, atol=0.001)
