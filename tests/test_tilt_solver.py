"""Tilt on cells: the closed form, the discrete closed form, and layered films solved with exponentials."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import Film, Layer, Stack, depth_sensitivity, exchange_length, kerr_angle, tilt_profile
from analysis.errors import InputError, UnstableFilmError
from analysis.micromagnetics import tilt_modes
from analysis.optics import tilt_response
from analysis.tilt_solver import cell_heights, solve_tilt

PERMALLOY = Film(
    index=2.38 + 4.36j,
    voigt=0.0036 - 0.011j,
    thickness=32e-9,
    saturation_induction=1.09,
    exchange_stiffness=12.22e-12,
    effective_field=1.09,
    name="Py",
)
COBALT = replace(
    PERMALLOY, thickness=10e-9, saturation_induction=2.0, exchange_stiffness=23.9e-12, effective_field=1.7, name="Co"
)
SPACER = Layer(0.153 + 4.84j, 3e-9)
ANTISYMMETRIC = {"torque_top": -0.86e-6, "torque_bottom": 0.86e-6}
ANISOTROPY = 0.59e-3


def largest_error(tilt, expected):
    return np.abs(np.asarray(tilt) - expected).max() / np.abs(expected).max()


def two_films_with_exponentials(lower, upper, exchange, torques, calibration_field, heights):
    """m_z of two films joined by J = `exchange` (J/m^2) at their faces, without cells: four amplitudes.

    `torques`: on the lower film's bottom, the lower's top, the upper's bottom and the upper's top face.
    """
    matrix, push = np.zeros((4, 4)), np.zeros(4)
    films = (lower, upper)
    uniform = [calibration_field / film.effective_field for film in films]
    lengths = [float(exchange_length(film)) for film in films]
    faces = []
    for number, film in enumerate(films):
        wall, decay = 2 * film.exchange_stiffness / lengths[number], math.exp(-film.thickness / lengths[number])
        for face, (own, other) in (("bottom", (1, 0)), ("top", (0, 1))):
            row, m = len(faces), np.zeros(4)
            m[2 * number + own], m[2 * number + other] = 1.0, decay  # unknowns of a film: its top and bottom amplitude
            outward = np.zeros(4)
            outward[2 * number + own], outward[2 * number + other] = wall, -wall * decay
            K = film.surface_anisotropy[face == "top"]
            matrix[row] += outward - 2 * K * m
            push[row] += torques[row] + 2 * K * uniform[number]
            faces.append(m)
    for row, (here, there, sign) in ((1, (1, 2, 1)), (2, (2, 1, -1))):
        matrix[row] += exchange * (faces[here] - faces[there])
        push[row] -= exchange * sign * (uniform[0] - uniform[1])
    amplitudes = np.linalg.solve(matrix, push)
    return [
        uniform[number]
        + amplitudes[2 * number] * np.exp((z - film.thickness) / lengths[number])
        + amplitudes[2 * number + 1] * np.exp(-z / lengths[number])
        for number, (film, z) in enumerate(zip(films, heights, strict=True))
    ]


def test_cells_of_04_nm_follow_the_closed_form():
    (tilt,) = solve_tilt(PERMALLOY, **ANTISYMMETRIC)
    assert tilt.shape == (80,)
    assert 1e-6 < largest_error(tilt, tilt_profile(PERMALLOY, **ANTISYMMETRIC)) < 9.5e-5
    stack = Stack(
        film=PERMALLOY, above=[Layer(1.62, 2e-9), Layer(1.4537, 3e-9)], below=[Layer(1.62, 2e-9)], substrate=1.4537
    )
    exact = tilt_response(stack, tilt_modes(PERMALLOY, **ANTISYMMETRIC))
    assert abs(depth_sensitivity(stack) @ tilt - exact) < 5e-4 * abs(exact)


@pytest.mark.parametrize("cells", [2, 7, 80, 1000])
def test_antisymmetric_torques_give_the_discrete_closed_form(cells):
    a, torque = PERMALLOY.thickness / cells, 0.86e-6
    q = np.arccosh(1 + PERMALLOY.saturation_magnetization * 1.09 * a**2 / (4 * PERMALLOY.exchange_stiffness))
    k = np.arange(cells)
    expected = torque * a / (2 * PERMALLOY.exchange_stiffness) * np.sinh(q * (k + 0.5 - cells / 2))
    expected /= 2 * np.sinh(q / 2) * np.cosh(q * cells / 2)
    (tilt,) = solve_tilt(PERMALLOY, torque_top=torque, torque_bottom=-torque, cells=cells)
    assert_allclose(tilt, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("anisotropy", [(0.0, 0.0), (ANISOTROPY, ANISOTROPY), (0.3e-3, -1e-3)])
@pytest.mark.parametrize("push", [ANTISYMMETRIC, {"torque_top": 1e-6}, {"calibration_field": 1e-3}], ids=str)
def test_error_falls_with_the_square_of_the_cell_size(anisotropy, push):
    film = replace(PERMALLOY, surface_anisotropy=anisotropy)
    errors = [largest_error(solve_tilt(film, cells=n, **push)[0], tilt_profile(film, n, **push)) for n in (64, 128)]
    if anisotropy == (0.0, 0.0) and "calibration_field" in push:
        assert max(errors) < 1e-12
    else:
        assert 3.7 < errors[0] / errors[1] < 4.3


def test_stability_ends_where_that_of_the_closed_form_does():
    film = replace(PERMALLOY, surface_anisotropy=(ANISOTROPY, ANISOTROPY))
    solve_tilt(replace(film, thickness=2.549e-9), cells=200)
    with pytest.raises(UnstableFilmError, match="in-plane state of 'Py' must be stable"):
        solve_tilt(replace(film, thickness=2.547e-9), cells=200)


def test_effective_field_beyond_the_applied_one_is_unstable_unless_the_faces_hold_the_film():
    perpendicular = replace(PERMALLOY, thickness=1e-9, effective_field=-0.2)
    solve_tilt(perpendicular, field=0.21)
    with pytest.raises(UnstableFilmError):
        solve_tilt(perpendicular, field=0.19)
    solve_tilt(replace(perpendicular, surface_anisotropy=(-ANISOTROPY, 0.0)), field=0.19)


@pytest.mark.parametrize("exchange", [1e-4, 2e-3, 1e-1, 1e6])
def test_two_films_follow_their_layered_solution(exchange):
    lower = replace(PERMALLOY, thickness=12e-9, surface_anisotropy=(0.2e-3, 0.1e-3))
    upper = replace(COBALT, surface_anisotropy=(-0.1e-3, 0.3e-3))
    heights = cell_heights([lower, upper], (480, 400))
    heights = (heights[0], heights[1] - lower.thickness)
    expected = two_films_with_exponentials(lower, upper, exchange, (1e-6, -0.3e-6, 0.5e-6, 0.7e-6), 1e-3, heights)
    tilts = solve_tilt(
        [lower, Layer(1.5, 1e-9), upper],
        torque_bottom=[1e-6, 0.5e-6],
        torque_top=[-0.3e-6, 0.7e-6],
        calibration_field=1e-3,
        interface_exchange=[exchange],
        cells=(480, 400),
    )
    for tilt, exact in zip(tilts, expected, strict=True):
        assert largest_error(tilt, exact) < 2e-6


def test_touching_films_are_the_limit_of_strong_interface_exchange():
    lower, push = replace(PERMALLOY, thickness=12e-9), {"torque_top": [0.0, 1e-6], "torque_bottom": [1e-6, 0.2e-6]}
    touching = solve_tilt([lower, COBALT], **push)
    strong = solve_tilt([lower, SPACER, COBALT], interface_exchange=[1e4], **push)
    infinite = solve_tilt([lower, SPACER, COBALT], interface_exchange=[math.inf], **push)
    for one, other, same in zip(touching, strong, infinite, strict=True):
        assert_allclose(one, other, rtol=1e-5)
        assert_allclose(one, same, rtol=1e-14)


def test_films_with_a_spacer_do_not_feel_each_other():
    push = {"torque_top": 1e-6, "calibration_field": 1e-3}
    for coupling in (None, [0.0]):
        tilts = solve_tilt([PERMALLOY, SPACER, COBALT], interface_exchange=coupling, **push)
        for tilt, film in zip(tilts, (PERMALLOY, COBALT), strict=True):
            assert_allclose(tilt, solve_tilt(film, **push)[0], rtol=1e-12)


def test_film_made_of_touching_slices_is_the_whole_film():
    film = replace(PERMALLOY, surface_anisotropy=(0.2e-3, -0.1e-3))
    inner = replace(PERMALLOY, thickness=0.4e-9)
    ends = [replace(inner, surface_anisotropy=K) for K in ((0.2e-3, 0.0), (0.0, -0.1e-3))]
    slices = [ends[0], *[inner] * 78, ends[1]]
    tilts = solve_tilt(slices, torque_bottom=[1e-6] + [0.0] * 79, calibration_field=1e-3)
    (whole,) = solve_tilt(film, torque_bottom=1e-6, calibration_field=1e-3)
    assert_allclose(np.concatenate(tilts), whole, rtol=1e-10)


def test_film_that_would_turn_alone_is_held_by_the_one_it_touches():
    thin = replace(PERMALLOY, thickness=1.5e-9, surface_anisotropy=(0.0, 1e-3), name="thin")
    with pytest.raises(UnstableFilmError, match="'Py', 'thin'"):
        solve_tilt([PERMALLOY, SPACER, thin])
    solve_tilt([PERMALLOY, thin])


def test_torque_absorbed_evenly_acts_like_a_field():
    density = 1e3  # J/m^3
    field = density / float(PERMALLOY.saturation_magnetization)
    film = replace(PERMALLOY, surface_anisotropy=(0.1e-3, 0.3e-3))
    (tilt,) = solve_tilt(film, torque_density=density, m_x=-0.5)
    assert_allclose(tilt, solve_tilt(film, calibration_field=-0.5 * field)[0], rtol=1e-12)


def test_torque_absorbed_near_a_face_turns_into_a_torque_on_the_face():
    (height,) = cell_heights(PERMALLOY, 3200)
    (surface,) = solve_tilt(PERMALLOY, torque_bottom=1e-6, cells=3200)
    deviations = []
    for depth in (0.4e-9, 0.1e-9):
        profile = np.exp(-height / depth)
        density = 1e-6 * profile / (profile.sum() * PERMALLOY.thickness / 3200)
        (absorbed,) = solve_tilt(PERMALLOY, torque_density=density, cells=3200)
        Ms, cell = PERMALLOY.saturation_magnetization, PERMALLOY.thickness / 3200
        assert_allclose(Ms * 1.09 * absorbed.sum() * cell, 1e-6, rtol=1e-9)  # the whole torque arrives
        deviations.append(largest_error(absorbed[1600:], surface[1600:]))
    assert deviations[1] < deviations[0] / 10 < 1e-3  # second order in depth / l


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 5e-3))
def test_sandwich_turned_over_has_the_reversed_profiles(top, bottom, exchange):
    lower = replace(PERMALLOY, thickness=6e-9, surface_anisotropy=(0.1e-3, 0.2e-3))
    upper = replace(COBALT, surface_anisotropy=(0.3e-3, -0.1e-3))
    turned = [replace(film, surface_anisotropy=film.surface_anisotropy[::-1]) for film in (upper, lower)]
    torques = ([top * 1e-6, bottom * 1e-6], [bottom * 0.3e-6, 1e-6])
    forward = solve_tilt([lower, SPACER, upper], 0.1, *torques, calibration_field=1e-3, interface_exchange=[exchange])
    back = solve_tilt(
        [turned[0], SPACER, turned[1]], -0.1, torques[1][::-1], torques[0][::-1], 1e-3, interface_exchange=[exchange]
    )
    scale = max(np.abs(tilt).max() for tilt in forward)
    for one, other in zip(forward, back[::-1], strict=True):
        assert_allclose(one, other[::-1], rtol=0, atol=1e-11 * scale)


def test_batch_over_field_thickness_and_torque_is_one_call():
    field, thickness = np.array([[0.0], [-0.3]]), np.array([8e-9, 16e-9, 32e-9])
    K = (np.array([0.1e-3, 0.0, 0.2e-3]), 0.0)
    film = replace(PERMALLOY, thickness=thickness, surface_anisotropy=K)
    lower, upper = solve_tilt([film, SPACER, COBALT], field, [[1e-6, 2e-6, 3e-6], 0.0], cells=(30, 20))
    assert lower.shape == (2, 3, 30)
    assert upper.shape[-1] == 20
    for i, j in np.ndindex(2, 3):
        one = replace(PERMALLOY, thickness=thickness[j], surface_anisotropy=(K[0][j], 0.0))
        (expected,) = solve_tilt(one, field[i, 0], (j + 1) * 1e-6, cells=30)
        assert_allclose(lower[i, j], expected, rtol=1e-12)


def test_solved_tilt_goes_into_the_kerr_angle_as_it_is():
    stack = Stack(film=(PERMALLOY, SPACER, COBALT), substrate=1.4537)
    tilts = solve_tilt(stack.film, torque_top=1e-6)
    linear = depth_sensitivity(stack, [tilt.shape[-1] for tilt in tilts]) @ np.concatenate(tilts)
    assert_allclose(kerr_angle(stack, tilts), linear, rtol=1e-8)
    alone = Stack(film=PERMALLOY)
    assert_allclose(
        kerr_angle(alone, solve_tilt(PERMALLOY, torque_top=1e-6)),
        depth_sensitivity(alone) @ solve_tilt(PERMALLOY, torque_top=1e-6)[0],
        rtol=1e-8,
    )


def test_cell_heights_count_spacers_in():
    lower, upper = cell_heights([PERMALLOY, SPACER, COBALT], (2, 1))
    assert_allclose(lower, [8e-9, 24e-9])
    assert_allclose(upper, [40e-9])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"torque_top": [1e-6]}, "a list of 2"),
        ({"torque_top": [1e-6, np.nan]}, "finite"),
        ({"cells": (3, 0)}, "at least 1"),
        ({"cells": (3, 3), "torque_density": [np.zeros(4), 0.0]}, "one value or 3"),
        ({"interface_exchange": [1e-3, 1e-3]}, "per gap"),
        ({"interface_exchange": [-1e-3]}, "antiparallel"),
        ({"interface_exchange": [math.nan]}, "per gap"),
        ({"field": np.nan}, "finite"),
    ],
)
def test_input_that_cannot_be_right_is_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        solve_tilt([PERMALLOY, SPACER, COBALT], **arguments)
