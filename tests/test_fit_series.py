"""Thickness series: the measured one, synthetic ones with nuisances and calibration, intervals, and refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import analysis.torque_problem
from analysis import Film, Layer, Nuisance, Stack, fit_thickness_series, spin_torque_efficiency
from analysis.configuration import Uncertain
from analysis.errors import AnalysisError, IdentifiabilityError, InputError, UnstableFilmError
from analysis.micromagnetics import tilt_modes
from analysis.optics import tilt_response
from analysis.posterior import sample_posterior
from analysis.series_file import MEASURED_CURRENT_DENSITY, MEASURED_SERIES, read_series
from analysis.series_fit import thickness_series_problem

FILM = Film(2.38 + 4.36j, 0.0036 - 0.011j, 32e-9, 1.09, 12.22e-12, 1.09, (0.59e-3, 0.59e-3), conductivity=4.4e6)
STACK = Stack(FILM, below=[Layer(1.47, 1e-6)], substrate=3.7 + 0.008j)
MEASURED = read_series(MEASURED_SERIES)
DENSITY, TORQUE, FIELD = 5e10, 0.86e-6, 0.85e-3
THICKNESS = np.linspace(5e-9, 50e-9, 12)


def series(thickness: np.ndarray = THICKNESS, **film: Any) -> list[Stack]:
    return [replace(STACK, film=replace(FILM, **{"thickness": float(d), **film})) for d in thickness]


def angles_of(stacks: list[Stack], top: float = -TORQUE, bottom: float = TORQUE) -> np.ndarray:
    """Angles of surface torques, film by film, by the public functions."""
    return np.array(
        [tilt_response(s, tilt_modes(s.film, torque_top=top, torque_bottom=bottom)) for s in stacks], dtype=complex
    )


def calibration_of(stacks: list[Stack], field: float = FIELD) -> np.ndarray:
    return np.array([tilt_response(s, tilt_modes(s.film, calibration_field=field)) for s in stacks], dtype=complex)


def noise(std: float, seed: int, size: int = len(THICKNESS)) -> np.ndarray:
    random = np.random.default_rng(seed)
    return std * (random.normal(size=size) + 1j * random.normal(size=size))


def fit(stacks: list[Stack], angles: np.ndarray, **settings: Any) -> Any:
    return fit_thickness_series(stacks, angles, current_density=DENSITY, **settings)


def fit_measured(stacks: list[Stack], **settings: Any) -> Any:
    settings = {"current_density": MEASURED_CURRENT_DENSITY, "polarity": -1, **settings}
    return fit_thickness_series(stacks, MEASURED.angles, **settings)


def test_measured_series_gives_the_published_efficiency_in_both_channels():
    stacks = series(MEASURED.thickness)
    both = fit_measured(stacks)
    assert_allclose(both.efficiency.value, 0.055, atol=0.0006)
    assert_allclose(both.efficiency.std, 0.003, atol=0.0004)
    for channel in ("rotation", "ellipticity"):
        assert_allclose(fit_measured(stacks, channels=channel).efficiency.value, 0.055, atol=0.002)
    assert fit_measured(stacks, polarity=1).efficiency.value == -both.efficiency.value
    assert both.std_source == "residual scatter"


def test_measured_series_moves_with_cap_and_surface_anisotropy_as_known():
    capped = [replace(stack, above=[Layer(1.47, 3e-9)]) for stack in series(MEASURED.thickness)]
    assert_allclose(fit_measured(capped).efficiency.value, 0.054, atol=0.0005)
    without = series(MEASURED.thickness, surface_anisotropy=(0.0, 0.0))
    assert_allclose(fit_measured(without).efficiency.value, 0.071, atol=0.0007)


def test_measured_series_with_free_torques_has_an_imbalance_of_about_one_percent():
    result = fit_measured(series(MEASURED.thickness), torque="free")
    imbalance = result.checks["imbalance"]
    assert_allclose(imbalance.value, 0.012, atol=0.002)
    assert imbalance.p_value() < 0.01
    assert_allclose(result.torque_top.value, -(1 - imbalance.value) * result.torque_bottom.value, rtol=1e-12)
    chi2 = np.sum(np.abs(result.residuals) ** 2)
    assert chi2 < 0.6 * np.sum(np.abs(fit_measured(series(MEASURED.thickness)).residuals) ** 2)


def test_torque_efficiency_and_conductivity_of_noise_free_angles_are_exact():
    result = fit(series(), angles_of(series()))
    assert_allclose([result.torque_top.value, result.torque_bottom.value], [-TORQUE, TORQUE], rtol=1e-11)
    assert_allclose(result.efficiency.value, spin_torque_efficiency(TORQUE, DENSITY), rtol=1e-11)
    assert_allclose(result.torque_conductivity.value, result.efficiency.value * 4.4e6, rtol=1e-11)
    assert_allclose(result.model_angles, angles_of(series()), rtol=1e-11)


def test_stacks_of_different_structure_are_fitted_together():
    mixed = series()
    mixed[3] = replace(mixed[3], above=[Layer("SiO2", 3e-9)])
    mixed[5] = replace(mixed[5], film=replace(mixed[5].film, surface_anisotropy=(0.1e-3, 0.2e-3)))
    mixed[8] = replace(mixed[8], below=[Layer("AlOx", 2e-9), Layer(1.46, 0.9e-6)], ambient=1.33, substrate="Si")
    mixed[9] = replace(mixed[9], below=[Layer("SiO2", 1e-6)])
    result = fit(mixed, angles_of(mixed, -0.7e-6, 0.9e-6), torque="free", std=1e-9)
    assert_allclose([result.torque_top.value, result.torque_bottom.value], [-0.7e-6, 0.9e-6], rtol=1e-10)
    assert_allclose(result.checks["imbalance"].value, 2 / 9, rtol=1e-9)


def test_series_of_thickness_is_one_evaluation_of_the_model(monkeypatch: pytest.MonkeyPatch):
    calls = []
    original = analysis.torque_problem.responses_with_slopes
    monkeypatch.setattr(
        analysis.torque_problem, "responses_with_slopes", lambda *given: calls.append(given) or original(*given)
    )
    fit(series(), angles_of(series()))
    assert len(calls) == 1


def test_polarity_pair_flips_each_channel():
    angles = angles_of(series())
    result = fit(series(), angles.conj(), polarity=(1, -1))
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-11)
    assert_allclose(result.model_angles, angles.conj(), rtol=1e-11)
    ratio = fit(series(), -angles.conj(), polarity=(-1, 1), calibration_angles=-calibration_of(series()).conj())
    assert_allclose(ratio.torque_bottom.value, TORQUE, rtol=1e-11)


def test_given_errors_set_scale_and_weights():
    angles = angles_of(series()) + noise(5e-9, 1)
    one, ten = fit(series(), angles, std=5e-9), fit(series(), angles, std=5e-8)
    assert one.std_source == "given"
    assert_allclose(ten.torque_bottom.std, 10 * one.torque_bottom.std, rtol=1e-9)
    assert_allclose(ten.chi2, one.chi2 / 100, rtol=1e-9)
    assert 0.001 < one.p_value < 0.999
    assert ten.p_value > 0.999
    assert one.torque_bottom.dof is None
    spoiled = angles + np.where(np.arange(12) == 3, 1e-6, 0)
    std = np.where(np.arange(12) == 3, 1e-3, 5e-9)
    assert_allclose(fit(series(), spoiled, std=std).torque_bottom.value, one.torque_bottom.value, rtol=0.01)
    rotation_only = fit(series(), angles.real + 1e-3j, std=5e-9 + 1j)
    assert_allclose(
        rotation_only.torque_bottom.value, fit(series(), angles, channels="rotation").torque_bottom.value, rtol=1e-9
    )


def test_scatter_sets_the_scale_where_no_errors_are_given_and_intervals_are_students():
    result = fit(series(THICKNESS[:3]), angles_of(series(THICKNESS[:3])) + noise(5e-9, 1, 3))
    assert result.std_source == "residual scatter"
    assert result.chi2 == result.dof == 5
    low, high = result.torque_bottom.interval(0.95)
    assert_allclose((high - low) / 2 / result.torque_bottom.std, 2.5706, rtol=1e-4)  # t table, 5 degrees of freedom
    given = fit(series(THICKNESS[:3]), angles_of(series(THICKNESS[:3])), std=5e-9).efficiency
    assert_allclose((given.interval()[1] - given.value) / given.std, 1.95996, rtol=1e-5)
    with pytest.raises(AnalysisError, match="must have standard deviations given"):
        _ = result.p_value


def test_ratio_cancels_complex_voigt_parameter_and_gain():
    stacks = series()
    wrong = series(voigt=0.02 + 0.01j)
    angles, calibration = 3j * angles_of(stacks), 3j * calibration_of(stacks)
    result = fit(wrong, angles, calibration_angles=calibration)
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-11)
    assert abs(result.checks["imaginary_torque"].value) < 1e-11 * TORQUE
    assert_allclose(result.model_angles, angles, rtol=1e-10)


def test_imaginary_torque_tests_the_phase_between_signal_and_calibration():
    stacks = series()
    data = {"calibration_angles": calibration_of(stacks) + noise(5e-9, 3), "calibration_std": 5e-9, "std": 5e-9}
    good = fit(stacks, angles_of(stacks) + noise(5e-9, 2), **data)
    assert good.checks["imaginary_torque"].p_value() > 0.01
    turned = fit(stacks, angles_of(stacks) * np.exp(0.1j) + noise(5e-9, 2), **data)
    assert_allclose(turned.checks["imaginary_torque"].value, 0.1 * TORQUE, rtol=0.1)
    assert turned.checks["imaginary_torque"].p_value() < 1e-6
    assert turned.p_value < 1e-6


def test_pulls_of_a_ratio_include_the_noise_of_the_calibration():
    stacks = series(THICKNESS[[2, 5, 9]])
    pulls = []
    for seed in range(60):
        calibration = calibration_of(stacks) + noise(40e-9, 100 + seed, 3)
        data = {"calibration_angles": calibration, "calibration_std": 40e-9, "std": 0.5e-9}
        torque = fit(stacks, angles_of(stacks) + noise(0.5e-9, seed, 3), **data).torque_bottom
        pulls.append((torque.value - TORQUE) / torque.std)
    assert abs(np.mean(pulls)) < 3.5 / math.sqrt(60)
    assert_allclose(np.std(pulls), 1, atol=0.33)


def test_joint_fit_with_a_free_voigt_parameter_is_the_ratio_for_one_film():
    stacks = series(np.array([20e-9]))
    data = {
        "calibration_angles": calibration_of(stacks) * 1.1 + noise(3e-9, 6, 1),
        "calibration_std": 3e-9,
        "std": 1e-9,
    }
    angles = angles_of(stacks) * 1.1 + noise(1e-9, 5, 1)
    free = [Nuisance("voigt_real", math.inf), Nuisance("voigt_imaginary", math.inf)]
    ratio, joint = fit(stacks, angles, **data), fit(stacks, angles, calibration="joint", nuisances=free, **data)
    assert_allclose(joint.torque_bottom.value, ratio.torque_bottom.value, rtol=1e-4)
    assert_allclose(joint.torque_bottom.std, ratio.torque_bottom.std, rtol=1e-3)
    assert_allclose(joint.chi2, ratio.chi2, rtol=1e-2)
    assert joint.dof == ratio.dof == 1


NUISANCES = {
    "below.0.thickness": (4e-9, 6e-9), "below.0.index": (-0.006, 0.01), "n": (0.03, 0.04), "k": (-0.05, 0.06),
    "effective_field": (0.01, 0.02), "surface_anisotropy": (4e-5, 5e-5), "thickness_scale": (0.015, 0.02),
}  # fmt: skip


def test_joint_fit_finds_nuisances_common_to_both_series():
    stacks = series()
    true = [
        replace(
            stack,
            film=replace(
                stack.film,
                index=2.41 + 4.31j,
                effective_field=1.10,
                surface_anisotropy=(0.63e-3, 0.63e-3),
                thickness=1.015 * stack.film.thickness,
            ),
            below=[Layer(1.464, 1.004e-6)],
        )
        for stack in stacks
    ]
    # films 1.5 % thicker than stated carry a density 1.5 % lower than stated
    angles = angles_of(true) / 1.015 + noise(1e-10, 8)
    calibration = calibration_of(true) + noise(1e-10, 9)
    data = {"std": 1e-10, "calibration_angles": calibration, "calibration_std": 1e-10, "calibration": "joint"}
    result = fit(stacks, angles, nuisances=[Nuisance(name, std) for name, (_, std) in NUISANCES.items()], **data)
    for name, (shift, prior) in NUISANCES.items():
        assert abs(result.checks[name].value - shift) < 4 * result.checks[name].std
        assert result.checks[name].std < 0.5 * prior
    assert abs(result.torque_bottom.value - TORQUE) < 4 * result.torque_bottom.std
    assert result.torque_bottom.std < 0.02 * TORQUE
    assert result.parameters[1:] == tuple(NUISANCES)
    assert result.dof == 48 - 1
    assert result.chi2 < 48 + 4 * math.sqrt(96)
    assert np.max(np.abs(result.calibration_residuals)) < 1e-9
    assert np.max(np.abs(fit(stacks, angles, **data).calibration_residuals)) > 1e-8


@pytest.mark.parametrize("use", ["ratio", "joint"])
def test_calibration_field_and_pickup_are_nuisances(use: str):
    stacks = series()
    pickup = 60e-9 - 30e-9j
    calibration = calibration_of(stacks, 1.02 * FIELD) + pickup
    settings = {"std": 1e-10, "calibration_std": 1e-10, "calibration": use, "polarity": -1}
    nuisances = [
        Nuisance("calibration_field", 0.03 * FIELD),
        Nuisance("pickup_rotation", 100e-9),
        Nuisance("pickup_ellipticity", 100e-9),
    ]
    result = fit(stacks, -angles_of(stacks), calibration_angles=-calibration, nuisances=nuisances, **settings)
    assert_allclose(result.checks["pickup_rotation"].value, -60e-9, rtol=0.02)
    assert_allclose(result.checks["pickup_ellipticity"].value, 30e-9, rtol=0.02)
    if use == "joint":  # the model's own scale shows the field
        assert_allclose(result.checks["calibration_field"].value, 0.02 * FIELD, rtol=0.02)
        assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-3)
    else:  # here it is known from the prior alone
        assert_allclose(result.torque_bottom.std / TORQUE, 0.03, rtol=0.05)
        assert_allclose(result.torque_bottom.value, TORQUE / 1.02, rtol=1e-3)


def test_nuisance_that_data_do_not_know_keeps_its_prior_and_widens_the_torque():
    stacks = series(np.array([20e-9]))
    angles = angles_of(stacks)
    plain = fit(stacks, angles, std=1e-10)
    wide = fit(stacks, angles, std=1e-10, nuisances=[Nuisance("exchange_stiffness", 1e-12)])
    assert_allclose(wide.checks["exchange_stiffness"].std, 1e-12, rtol=0.05)
    assert wide.torque_bottom.std > 3 * plain.torque_bottom.std


def test_bounds_of_a_nuisance_hold_and_are_reported():
    stacks = series()
    true = [replace(stack, below=[Layer(1.47, 1.02e-6)]) for stack in stacks]
    bounded = Nuisance("below.0.thickness", 50e-9, lower=-5e-9, upper=5e-9)
    result = fit(stacks, angles_of(true), std=1e-9, nuisances=[bounded])
    assert_allclose(result.checks["below.0.thickness"].value, 5e-9, rtol=1e-6)
    assert result.at_bounds == ("below.0.thickness",)


def test_search_stays_where_films_are_stable():
    thin = series(np.array([3.6e-9, 10e-9, 20e-9, 40e-9]))
    true = series(np.array([3.6e-9, 10e-9, 20e-9, 40e-9]), surface_anisotropy=(0.8e-3, 0.8e-3))
    result = fit(thin, angles_of(true), std=1e-9, nuisances=[Nuisance("surface_anisotropy", 1e-2)])
    assert_allclose(result.checks["surface_anisotropy"].value, 0.21e-3, rtol=1e-3)
    with pytest.raises(UnstableFilmError):
        fit(series(np.array([2e-9, 20e-9]), surface_anisotropy=(0.9e-3, 0.9e-3)), angles_of(thin)[:2])


def test_inputs_that_scale_together_at_one_field_are_refused_by_name():
    stacks = series()
    names = ("exchange_stiffness", "effective_field", "voigt_real", "voigt_imaginary", "surface_anisotropy")
    data = {"std": 1e-9, "calibration_angles": calibration_of(stacks), "calibration_std": 1e-9, "calibration": "joint"}
    with pytest.raises(IdentifiabilityError) as error:
        fit(stacks, angles_of(stacks), nuisances=[Nuisance(name, math.inf) for name in names], **data)
    combination = str(error.value).split("along")[1]
    for name in ("exchange_stiffness", "effective_field", "voigt_imaginary", "surface_anisotropy"):
        assert name in combination
    priors = {"exchange_stiffness": 1e-12, "effective_field": 0.02, "surface_anisotropy": 5e-5}
    held = [Nuisance(name, priors.get(name, math.inf)) for name in names]
    data["calibration_angles"] = calibration_of(stacks) + noise(1e-9, 2)
    assert fit(stacks, angles_of(stacks), nuisances=held, **data).dof == 48 + 3 - 6


@pytest.mark.parametrize("name", ["voigt_real", "exchange_stiffness", "saturation_induction"])
def test_one_film_cannot_tell_torque_from_a_free_input(name: str):
    stacks = series(np.array([30e-9]))
    with pytest.raises((IdentifiabilityError, AnalysisError), match=f"antisymmetric torque.* {name}"):
        fit(stacks, angles_of(stacks), std=1e-9, channels="rotation", nuisances=[Nuisance(name, math.inf)])


def test_budget_of_a_series_repeats_the_fit_and_skips_nuisances():
    stacks = series()
    spread = {
        "exchange_stiffness": Uncertain(value=12.22e-12, std=1e-12),
        "width": Uncertain(value=50e-6, std=1e-6),
        "calibration_field_per_ampere": Uncertain(value=2.1e-3, std=0.021e-3),
        "conductivity": Uncertain(value=4.4e6, std=0.44e6),
    }
    angles = angles_of(stacks)
    calibration = {"std": 1e-9, "calibration_angles": calibration_of(stacks), "calibration_std": 1e-9}
    result = fit(stacks, angles, uncertainties=spread, **calibration)
    effects = {entry.name: entry for entry in result.systematics}
    moved = fit(series(exchange_stiffness=13.22e-12), angles, **calibration)
    up = moved.torque_bottom.value / result.torque_bottom.value - 1
    assert_allclose(effects["exchange_stiffness"].up["torque"], up, rtol=1e-4)
    assert_allclose(effects["width"].effects["efficiency"], 0.02, rtol=1e-6)
    assert_allclose(effects["calibration_field_per_ampere"].effects["torque"], 0.01, rtol=1e-6)
    assert_allclose(effects["conductivity"].effects["torque_conductivity"], 0.1, rtol=1e-6)
    total = math.hypot(
        result.efficiency.noise_std, *(result.efficiency.value * e.effects["efficiency"] for e in effects.values())
    )
    assert_allclose(result.efficiency.std, total, rtol=1e-9)
    assert result.systematics[0].name == "conductivity"
    fitted = fit(stacks, angles, uncertainties=spread, nuisances=[Nuisance("exchange_stiffness", 1e-12)], **calibration)
    assert "exchange_stiffness" not in {entry.name for entry in fitted.systematics}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"polarity": 0}, "polarity must be"),
        ({"polarity": (1, 2)}, "polarity must be"),
        ({"std": 0.0}, "std must be finite and above 0"),
        ({"std": [1e-9, 1e-9]}, "one number or one per stack"),
        ({"channels": "theta"}, "channels must be"),
        ({"calibration_angles": np.ones(3)}, "one angle per stack"),
        ({"calibration_angles": np.zeros(12)}, "finite and not 0"),
        ({"calibration_angles": np.ones(12), "std": 1e-9}, "calibration_std must be given together"),
        ({"calibration_angles": np.ones(12), "calibration": "joint"}, "must be given for a joint fit"),
        ({"calibration_angles": np.ones(12), "calibration": "both"}, "calibration must be 'ratio' or 'joint'"),
        ({"calibration_angles": np.ones(12), "channels": "rotation"}, "channels must be 'both' with a calibration"),
        ({"nuisances": [Nuisance("colour", 1.0)]}, "Model input must be one of"),
        ({"nuisances": [Nuisance("below.7.index", 1.0)]}, "Model input must be one of"),
        ({"nuisances": [Nuisance("n", 1.0), Nuisance("n", 2.0)]}, "different names"),
        ({"nuisances": [Nuisance("calibration_field", 1e-5)]}, "without a calibration"),
    ],
)
def test_bad_arguments_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        fit(series(), angles_of(series()), **settings)


def test_bad_series_are_refused():
    angles = angles_of(series())
    with pytest.raises(InputError, match="one complex angle per stack"):
        fit(series(), angles[:-1])
    with pytest.raises(InputError, match="angles must be finite"):
        fit(series(), np.where(np.arange(12) == 2, np.nan, angles))
    with pytest.raises(InputError, match="thickness of 'stack' must be one number"):
        fit([replace(STACK, film=replace(FILM, thickness=THICKNESS))] * 12, angles)
    with pytest.raises(InputError, match="bounds of its change"):
        Nuisance("n", 0.1, lower=0.2, upper=0.3)
    with pytest.raises(AnalysisError, match="more data than parameters"):
        fit(series()[:1], angles[:1], channels="rotation")


def test_posterior_has_the_mean_and_covariance_of_the_fit():
    stacks = series()
    nuisances = [Nuisance("exchange_stiffness", 1e-12)]
    problem = thickness_series_problem(stacks, angles_of(stacks) + noise(2e-9, 3), std=2e-9, nuisances=nuisances)
    found, sampled = problem.fit(), sample_posterior(problem, steps=600, seed=4)
    std = np.sqrt(np.diag(found.covariance))
    assert sampled.names == problem.parameters
    assert_allclose((sampled.mean - found.values) / std, 0, atol=0.2)
    assert_allclose(np.sqrt(np.diag(sampled.covariance)) / std, 1, atol=0.15)
    correlation = found.covariance[0, 1] / np.prod(std)
    assert abs(correlation) > 0.5
    assert_allclose(np.corrcoef(sampled.samples, rowvar=False)[0, 1], correlation, atol=0.1)


def test_posterior_with_unknown_scale_is_students_t():
    stacks = series(THICKNESS[:4])
    problem = thickness_series_problem(stacks, angles_of(stacks) + noise(2e-9, 3, 4))
    found, sampled = problem.fit(), sample_posterior(problem, steps=600)
    expected = math.sqrt(found.covariance[0, 0] * 7 / 5)  # variance of t with 7 degrees of freedom
    assert_allclose(math.sqrt(sampled.covariance[0, 0]), expected, rtol=0.1)


def test_log_probability_is_zero_outside_bounds_and_domain():
    nuisance = Nuisance("surface_anisotropy", 1e-3, lower=-0.1e-3)
    problem = thickness_series_problem(series(), angles_of(series()), std=1e-9, nuisances=[nuisance])
    inside, outside, unstable = problem.log_probability([[TORQUE, 1e-5], [TORQUE, -0.2e-3], [TORQUE, 5e-3]])
    assert np.isfinite(inside)
    assert outside == unstable == -math.inf
    assert_allclose(problem.log_probability([TORQUE, 1e-5]), inside, rtol=1e-12)
