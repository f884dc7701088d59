"""Tilt of a film in closed form: 50-digit solution, limits, symmetries, the border of stability."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import Film, exchange_length, tilt_profile
from analysis.errors import InputError, UnstableFilmError
from analysis.micromagnetics import tilt_modes

PERMALLOY = Film(
    index=2.38 + 4.36j,
    voigt=0.0036 - 0.011j,
    thickness=32e-9,
    saturation_induction=1.09,
    exchange_stiffness=12.22e-12,
    effective_field=1.09,
    name="Py",
)
ANISOTROPY = 0.59e-3
GAUSS_LEGENDRE = np.polynomial.legendre.leggauss(80)
reproducible = settings(derandomize=True, deadline=None, max_examples=60)
torques = st.floats(-1e-5, 1e-5)
fields = st.floats(-2, 2)
thicknesses = st.floats(5e-9, 200e-9)
anisotropies = st.tuples(st.floats(-2e-3, 0.4e-3), st.floats(-2e-3, 0.4e-3))


def exact_tilt(film, heights, torque_top=0.0, torque_bottom=0.0, calibration_field=0.0):
    """m_z at `heights` with 50 digits: two exponentials and a constant that meet the conditions at both faces."""
    with mpmath.workdps(80):
        A, d = mpmath.mpf(film.exchange_stiffness), mpmath.mpf(film.thickness)
        Ms = mpmath.mpf(float(film.saturation_magnetization))
        K_bottom, K_top = (mpmath.mpf(K) for K in film.surface_anisotropy)
        length = mpmath.sqrt(2 * A / (Ms * mpmath.mpf(film.effective_field)))
        uniform = mpmath.mpf(calibration_field) / mpmath.mpf(film.effective_field)
        decay, wall = mpmath.exp(-d / length), 2 * A / length
        matrix = mpmath.matrix(
            [[wall - 2 * K_top, -(wall + 2 * K_top) * decay], [-(wall + 2 * K_bottom) * decay, wall - 2 * K_bottom]]
        )
        push = mpmath.matrix([torque_top + 2 * K_top * uniform, torque_bottom + 2 * K_bottom * uniform])
        top, bottom = mpmath.lu_solve(matrix, push)
        return [
            uniform + top * mpmath.exp((mpmath.mpf(z) - d) / length) + bottom * mpmath.exp(-mpmath.mpf(z) / length)
            for z in heights
        ]


def assert_exact(film, tolerance, **push):
    heights = film.thickness * np.array([0, 0.11, 0.37, 0.5, 0.83, 1])
    exact = exact_tilt(film, heights, **push)
    largest = max(abs(value) for value in exact)
    errors = [abs(float(tilt) - value) for tilt, value in zip(tilt_modes(film, **push).at(heights), exact, strict=True)]
    assert max(errors) < tolerance * largest


def symmetric_stability_limit(film):
    """Thickness (50 digits) at which two equal surface anisotropies turn the film: w tanh(d/2l) = 2 K."""
    with mpmath.workdps(50):
        Ms = mpmath.mpf(float(film.saturation_magnetization))
        A, K = mpmath.mpf(film.exchange_stiffness), mpmath.mpf(film.surface_anisotropy[0])
        length = mpmath.sqrt(2 * A / (Ms * mpmath.mpf(film.effective_field)))
        return 2 * length * mpmath.atanh(K * length / A)


@pytest.mark.parametrize("thickness", [0.1e-9, 1e-9, 5e-9, 32e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("effective_field", [1e-4, 1.09])
@pytest.mark.parametrize("anisotropy", [(0.0, 0.0), (-ANISOTROPY, -ANISOTROPY), (-2e-3, 0.0), (1e-7, -3e-4)])
@pytest.mark.parametrize(
    "push",
    [{"torque_top": -1e-6, "torque_bottom": 1e-6}, {"torque_top": 1e-6}, {"calibration_field": 1e-3}],
    ids=["antisymmetric", "top", "field"],
)
def test_closed_form_is_exact_from_films_far_thinner_to_far_thicker_than_the_exchange_length(
    thickness, effective_field, anisotropy, push
):
    film = replace(
        PERMALLOY, thickness=thickness, effective_field=effective_field, surface_anisotropy=anisotropy
    )  # l = 0.53 um at 0.1 mT
    assert_exact(film, 1e-12, **push)


def test_films_with_surface_anisotropy_are_stable_above_two_and_a_half_nanometres():
    film = replace(PERMALLOY, surface_anisotropy=(ANISOTROPY, ANISOTROPY))
    limit = symmetric_stability_limit(film)
    assert abs(float(limit) - 2.548e-9) < 1e-12
    for excess in (1e-2, 1e-4, 1e-5):
        stable = replace(film, thickness=float(limit * (1 + excess)))
        assert_exact(stable, 1e-10, torque_top=1e-7, calibration_field=1e-5)
    for deficit in (1e-9, 1e-6, 0.1, 0.9):
        with pytest.raises(UnstableFilmError, match="in-plane state of 'Py' must be stable"):
            tilt_modes(replace(film, thickness=float(limit * (1 - deficit))))


def test_anisotropy_of_one_face_alone_turns_films_below_its_own_limit():
    K, length = ANISOTROPY, float(exchange_length(PERMALLOY))
    limit = length * np.arctanh(K * length / PERMALLOY.exchange_stiffness)  # 2A/l tanh(d/l) = 2K
    for sides in ((K, 0.0), (0.0, K)):
        film = replace(PERMALLOY, surface_anisotropy=sides)
        tilt_modes(replace(film, thickness=limit * 1.000001))
        with pytest.raises(UnstableFilmError):
            tilt_modes(replace(film, thickness=limit * 0.999999))


def test_anisotropy_that_turns_both_faces_of_a_thick_film_is_an_error_too():
    with pytest.raises(UnstableFilmError):
        tilt_modes(replace(PERMALLOY, surface_anisotropy=(5e-3, 5e-3)))


def test_one_unstable_film_of_a_series_is_an_error():
    series = replace(PERMALLOY, thickness=np.array([2e-9, 32e-9]), surface_anisotropy=(ANISOTROPY, ANISOTROPY))
    with pytest.raises(UnstableFilmError):
        tilt_profile(series)


def test_effective_field_out_of_the_plane_needs_a_larger_applied_field():
    film = replace(PERMALLOY, effective_field=-0.1)
    with pytest.raises(UnstableFilmError, match="must exceed"):
        exchange_length(film, field=0.1)
    assert_allclose(exchange_length(film, field=-1.19), exchange_length(PERMALLOY), rtol=1e-12)


def test_exchange_length_of_permalloy():
    assert_allclose(exchange_length(PERMALLOY), 5.084e-9, rtol=1e-3)


def test_profile_is_equation_1_of_the_paper():
    top, bottom, field, m_x = -0.86e-6, 0.4e-6, 0.3, -0.7
    length, d, Ms = exchange_length(PERMALLOY, field), PERMALLOY.thickness, PERMALLOY.saturation_magnetization
    z = (np.arange(80) + 0.5) / 80 * d
    numerator = m_x * (top * np.cosh(z / length) + bottom * np.cosh((d - z) / length))
    expected = numerator / (length * Ms * (field + 1.09) * np.sinh(d / length))
    tilt = tilt_profile(PERMALLOY, field=field, torque_top=top, torque_bottom=bottom, m_x=m_x)
    assert_allclose(tilt, expected, rtol=1e-12, atol=1e-15 * np.abs(expected).max())


def test_calibration_field_tilts_a_film_without_surface_anisotropy_uniformly():
    tilt = tilt_profile(PERMALLOY, field=[-0.2, 0.3], calibration_field=0.85e-3)
    assert tilt.shape == (2, 80)
    assert_allclose(tilt, np.outer([0.85e-3 / 1.29, 0.85e-3 / 1.39], np.ones(80)), rtol=1e-14)


@pytest.mark.parametrize(("thickness", "average"), [(32e-9, 1.005), (4e-9, 0.41)])
def test_surface_anisotropy_lowers_the_average_effective_field(thickness, average):
    film = replace(PERMALLOY, thickness=thickness, surface_anisotropy=(ANISOTROPY, ANISOTROPY))
    assert_allclose(1.09 - 4 * ANISOTROPY / (film.saturation_magnetization * thickness), average, atol=0.006)
    rigid = replace(film, exchange_stiffness=1e-7)  # the estimate is that of a film that tilts as a whole
    assert_allclose(1e-3 / tilt_profile(rigid, calibration_field=1e-3), average, atol=0.006)
    # A film that bends gives way more easily.
    assert 0.9 * average < 1e-3 / tilt_profile(film, cells=500, calibration_field=1e-3).mean() < average + 0.005


@reproducible
@given(thicknesses, torques, torques, fields, st.floats(-1e-2, 1e-2))
def test_torques_and_fields_on_a_film_without_anisotropy_balance(thickness, top, bottom, field, calibration):
    film = replace(PERMALLOY, thickness=thickness)
    modes = tilt_modes(film, field, top, bottom, calibration)
    nodes, weights = GAUSS_LEGENDRE
    integral = thickness / 2 * (modes.at(thickness * (1 + nodes) / 2) @ weights)
    Ms = float(film.saturation_magnetization)
    pull = Ms * thickness * calibration
    balance = Ms * (abs(field) + 1.09) * integral - top - bottom - pull
    assert abs(balance) <= 1e-11 * (abs(top) + abs(bottom) + abs(pull)) + 1e-300


@reproducible
@given(thicknesses, torques, torques, fields, anisotropies)
def test_film_turned_over_has_the_reversed_profile(thickness, top, bottom, field, anisotropy):
    film = replace(PERMALLOY, thickness=thickness, surface_anisotropy=anisotropy)
    turned = replace(film, surface_anisotropy=anisotropy[::-1])
    tilt = tilt_profile(film, 9, field, top, bottom, 1e-3)
    reversed_tilt = tilt_profile(turned, 9, -field, bottom, top, 1e-3)
    assert_allclose(reversed_tilt[::-1], tilt, rtol=1e-10, atol=1e-12 * np.abs(tilt).max())


@reproducible
@given(thicknesses, torques, torques, anisotropies)
def test_reversed_magnetisation_reverses_the_torque_tilt_alone(thickness, top, bottom, anisotropy):
    film = replace(PERMALLOY, thickness=thickness, surface_anisotropy=anisotropy)
    along, against = (tilt_profile(film, 9, 0.05, top, bottom, calibration_field=1e-3, m_x=m_x) for m_x in (1.0, -1.0))
    field = tilt_profile(film, 9, 0.05, calibration_field=1e-3)
    torque = tilt_profile(film, 9, 0.05, top, bottom)
    size = np.abs(torque).max() + field.max()
    assert_allclose((along + against) / 2, field, rtol=0, atol=1e-13 * size)
    assert_allclose((along - against) / 2, torque, rtol=0, atol=1e-13 * size)


def test_film_far_thinner_than_the_exchange_length_sees_the_sum_of_the_torques():
    film = replace(PERMALLOY, thickness=0.1e-9)
    expected = 0.3e-6 / (film.saturation_magnetization * 1.09 * film.thickness)
    assert_allclose(tilt_profile(film, 5, torque_top=1e-6, torque_bottom=-0.7e-6), expected, rtol=0.04)


def test_input_that_cannot_be_right_is_refused():
    with pytest.raises(InputError, match="torque_top of 'Py' must be finite"):
        tilt_modes(PERMALLOY, torque_top=np.nan)
    with pytest.raises(InputError, match="Field must be finite"):
        tilt_modes(PERMALLOY, field=np.inf)
    with pytest.raises(InputError, match="at least 1"):
        tilt_profile(PERMALLOY, cells=0)
