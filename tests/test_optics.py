"""Polar Kerr effect against 50-digit references, exact limits and symmetries."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import Film, Layer, Stack, depth_sensitivity, exchange_length, kerr_angle, reflectance
from analysis.errors import InputError
from analysis.micromagnetics import tilt_modes, tilt_profile
from analysis.optics import film_field, film_fields, tilt_response

CASES = json.loads((Path(__file__).parent / "data" / "polar_kerr.json").read_text())["cases"]
PERMALLOY = Film(
    index=2.38 + 4.36j,
    voigt=0.0036 - 0.011j,
    thickness=32e-9,
    saturation_induction=1.09,
    exchange_stiffness=12.22e-12,
    effective_field=1.09,
    name="Py",
)
NICKEL = replace(PERMALLOY, index=2.10 + 4.30j, voigt=0.004 - 0.006j, thickness=9e-9, name="Ni")
ON_SILICA = Stack(
    film=PERMALLOY, above=[Layer(1.62, 2e-9), Layer(1.4537, 3e-9)], below=[Layer(1.62, 2e-9)], substrate=1.4537
)
SPIN_VALVE = Stack(
    film=(PERMALLOY, Layer(0.153 + 4.84j, 4e-9), Layer(2.73 + 6.04j, 1e-9), NICKEL),
    above=[Layer(1.62, 2e-9)],
    below=[Layer(1.47, 1e-6)],
    substrate=3.7 + 0.008j,
)
BULK_PERMALLOY = 1.60687e-3 - 1.61585e-3j
SIDES = ("top", "bottom")

reproducible = settings(derandomize=True, deadline=None, max_examples=40)
thicknesses = st.floats(0.1e-9, 200e-9)
real_indices = st.floats(1.0, 4.0)
absorbing_indices = st.builds(complex, st.floats(0.1, 4.0), st.floats(0.0, 8.0))
sides = st.sampled_from(SIDES)


def layers(indices=absorbing_indices):
    return st.lists(st.builds(Layer, indices, thicknesses), max_size=3)


def films(indices=absorbing_indices):
    return st.builds(
        lambda index, thickness, size, phase: replace(
            PERMALLOY, index=index, thickness=thickness, voigt=size * np.exp(1j * phase)
        ),
        indices,
        thicknesses,
        st.floats(1e-3, 0.05),
        st.floats(-np.pi, np.pi),
    )


def stacks(indices=absorbing_indices):
    return st.builds(
        Stack, film=films(indices), above=layers(indices), below=layers(indices), ambient=real_indices,
        substrate=real_indices if indices is real_indices else absorbing_indices,
    ).filter(lambda stack: all(reflectance(stack, side=side) > 1e-3 for side in SIDES))  # fmt: skip


def reference(case):
    film = replace(
        PERMALLOY,
        index=complex(case["film_index"]),
        voigt=complex(case["voigt"]),
        thickness=case["film_nm"] * 1e-9,
    )
    stack = Stack(
        film=film,
        above=[Layer(index, nanometres * 1e-9) for index, nanometres in reversed(case["above"])],
        below=[Layer(index, nanometres * 1e-9) for index, nanometres in case["below"]],
        ambient=complex(case["n_above"]),
        substrate=complex(case["n_below"]),
    )
    angle = complex(case["kerr_rotation_rad"], case["kerr_ellipticity_rad"])
    return stack, np.array(case["m_z_bottom_to_top"]), case["wavelength_nm"] * 1e-9, case["side"], angle


def mirrored(stack):
    film = stack.film if isinstance(stack.film, Film) else stack.film[::-1]
    return replace(
        stack, film=film, above=stack.below, below=stack.above, ambient=stack.substrate, substrate=stack.ambient
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['film_nm']}nm-{case['profile']}-{case['side']}")
def test_kerr_angle_has_twelve_digits_of_the_fifty_digit_reference(case):
    stack, m_z, wavelength, side, angle = reference(case)
    assert abs(kerr_angle(stack, m_z, wavelength, side) - angle) < 1e-12 * abs(angle)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['film_nm']}nm-{case['profile']}-{case['side']}")
def test_depth_sensitivity_has_nine_digits_of_the_fifty_digit_reference(case):
    stack, m_z, wavelength, side, angle = reference(case)
    kernel = depth_sensitivity(stack, len(m_z), wavelength, side)
    assert abs(kernel @ m_z - angle) < 1e-9 * abs(angle)


def test_current_induced_and_calibration_angles_of_figure_2():
    torques = tilt_modes(PERMALLOY, torque_top=-0.86e-6, torque_bottom=0.86e-6)
    field = tilt_modes(PERMALLOY, calibration_field=0.85e-3)
    expected = {"top": (-38.75 + 101.32j, 1.892 - 0.603j), "bottom": (-47.27 + 148.03j, -2.934 + 1.046j)}
    for side, (asot, calibration) in expected.items():
        angles = [complex(tilt_response(ON_SILICA, tilt, side=side)) for tilt in (torques, field)]
        assert_allclose(angles[0] * 1e9, asot, atol=0.008)
        assert_allclose(angles[1] * 1e6, calibration, atol=0.0008)


def test_thick_film_shows_the_bulk_kerr_angle():
    bulk = Stack(film=replace(PERMALLOY, thickness=2e-6), substrate=3.7 + 0.008j)
    angle = depth_sensitivity(bulk, cells=50).sum()
    assert abs(angle.real - BULK_PERMALLOY.real) < 5e-9
    assert abs(angle.imag - BULK_PERMALLOY.imag) < 5e-9
    n, Q, n_inc = PERMALLOY.index, PERMALLOY.voigt, 1.33
    immersed = replace(bulk, ambient=n_inc)
    assert_allclose(depth_sensitivity(immersed, cells=50).sum(), 1j * n_inc * n * Q / (n**2 - n_inc**2), rtol=1e-12)


def test_ultrathin_film_between_half_spaces():
    n, Q, wavelength, thickness, n_inc, n_s = PERMALLOY.index, PERMALLOY.voigt, 633e-9, 1e-14, 1.2, 3.7 + 0.008j
    stack = Stack(film=replace(PERMALLOY, thickness=thickness), ambient=n_inc, substrate=n_s)
    expected = 4 * np.pi * thickness / wavelength * n_inc * n**2 * Q / (n_s**2 - n_inc**2)
    assert_allclose(kerr_angle(stack, 1e-3, wavelength) / 1e-3, expected, rtol=1e-5)


@pytest.mark.parametrize("side", SIDES)
def test_tilt_that_decays_from_the_face_of_entry_of_a_thick_film(side):
    film = replace(PERMALLOY, thickness=3e-6)
    stack = Stack(film=film, ambient=1.0, substrate=1.0)
    tilt = tilt_modes(film, field=0.3, **{f"torque_{side}": 1e-6})
    length = exchange_length(film, 0.3)
    face = tilt.at([0.0, film.thickness])[0 if side == "bottom" else 1]
    depth = 1j * 780e-9 / (4 * np.pi * film.index)
    bulk = 1j * film.index * film.voigt / (film.index**2 - 1) * (1 if side == "top" else -1)
    assert_allclose(tilt_response(stack, tilt, side=side), bulk * face / (1 + depth / length), rtol=1e-12)


@reproducible
@given(stacks(), st.floats(-1, 1), sides)
def test_reversed_magnetisation_reverses_the_angle(stack, m_z, side):
    assert_allclose(kerr_angle(stack, -m_z, side=side), -kerr_angle(stack, m_z, side=side), rtol=1e-12)


@reproducible
@given(stacks(), sides)
def test_sensitivity_is_the_derivative_of_the_exact_angle(stack, side):
    tilts = 1e-6 * np.eye(5)
    exact = kerr_angle(stack, tilts, side=side) / 1e-6
    least = 1e-9 * np.abs(exact).max()  # a cell where the field all but vanishes counts as much as the largest
    assert_allclose(depth_sensitivity(stack, 5, side=side), exact, rtol=1e-9, atol=least)


@reproducible
@given(stacks(), st.floats(0.01, 0.99), sides)
def test_splitting_film_and_layers_changes_nothing(stack, fraction, side):
    def split(layer):
        thickness = layer.thickness
        return [replace(layer, thickness=fraction * thickness), replace(layer, thickness=(1 - fraction) * thickness)]

    parts = Stack(
        film=split(stack.film),
        above=[part for layer in stack.above for part in split(layer)],
        below=[part for layer in stack.below for part in split(layer)],
        ambient=stack.ambient,
        substrate=stack.substrate,
    )
    # An angle that is tiny for the film's index is limited by the rounding of the reflection itself, 1e-16.
    assert_allclose(kerr_angle(parts, 0.5, side=side), kerr_angle(stack, 0.5, side=side), rtol=1e-10, atol=1e-16)
    whole = depth_sensitivity(stack, 1, side=side)
    assert_allclose(depth_sensitivity(parts, 1, side=side).sum(), whole[0], rtol=1e-10)
    assert_allclose(reflectance(parts, side=side), reflectance(stack, side=side), rtol=1e-10)


@reproducible
@given(stacks(), sides)
def test_sample_turned_over_shows_the_opposite_angle_from_the_other_side(stack, side):
    turned = mirrored(replace(stack, substrate=1.5))
    stack = replace(stack, substrate=1.5)
    other = "bottom" if side == "top" else "top"
    m_z = np.array([0.3, -0.2, 0.9])
    assert_allclose(kerr_angle(turned, m_z[::-1], side=other), -kerr_angle(stack, m_z, side=side), rtol=1e-12)
    kernel = depth_sensitivity(stack, 3, side=side)
    assert_allclose(depth_sensitivity(turned, 3, side=other), -kernel[::-1], rtol=1e-12)


@reproducible
@given(stacks(real_indices), sides)
def test_lossless_stack_conserves_energy(stack, side):
    inside = film_field(stack, side=side)
    incident = stack.ambient if side == "top" else stack.substrate
    forward, backward = np.abs(inside.forward) ** 2, np.abs(inside.forward * inside.reflection) ** 2
    flux = np.real(stack.film.index) / incident * (forward - backward)
    assert_allclose(reflectance(stack, side=side) + flux, 1.0, rtol=1e-12)


@reproducible
@given(stacks())
def test_absorbing_stack_reflects_no_more_than_it_receives(stack):
    assert 0 <= reflectance(stack) <= 1


@pytest.mark.parametrize("side", SIDES)
def test_sensitivity_of_several_films_is_the_derivative_of_the_exact_angle(side):
    kernel = depth_sensitivity(SPIN_VALVE, (4, 3), side=side)
    for cell in range(7):
        m_z = np.zeros(7)
        m_z[cell] = 1e-5
        exact = kerr_angle(SPIN_VALVE, [m_z[:4], m_z[4:]], side=side) / 1e-5
        assert abs(kernel[cell] - exact) < 1e-9 * abs(exact)


def test_magnetisation_of_several_films_is_given_by_film_or_as_one_array():
    lower, upper = np.array([0.1, -0.4]), np.array([0.7, 0.2])
    expected = kerr_angle(SPIN_VALVE, [lower, upper])
    assert_allclose(kerr_angle(SPIN_VALVE, np.concatenate([lower, upper])), expected, rtol=1e-14)
    assert_allclose(kerr_angle(SPIN_VALVE, [0.1, 0.7]), kerr_angle(SPIN_VALVE, np.array([0.1, 0.7])), rtol=1e-14)
    assert_allclose(kerr_angle(SPIN_VALVE, 0.5), kerr_angle(SPIN_VALVE, [np.full(3, 0.5), 0.5]), rtol=1e-12)


@pytest.mark.parametrize("side", SIDES)
def test_spin_valve_turned_over_shows_the_opposite_angle(side):
    turned, other = mirrored(SPIN_VALVE), "bottom" if side == "top" else "top"
    expected = -kerr_angle(SPIN_VALVE, [0.3, 0.8], side=side)
    assert_allclose(kerr_angle(turned, [0.8, 0.3], side=other), expected, rtol=1e-12)


def test_closed_form_tilts_of_several_films_add_up():
    tilts = [tilt_modes(film, torque_top=1e-6) for film in SPIN_VALVE.films]
    spacer = SPIN_VALVE.film[1:3]
    alone = [
        replace(SPIN_VALVE, film=PERMALLOY, above=[*spacer, Layer(NICKEL.index, 9e-9), *SPIN_VALVE.above]),
        replace(SPIN_VALVE, film=NICKEL, below=[*spacer[::-1], Layer(PERMALLOY.index, 32e-9), *SPIN_VALVE.below]),
    ]
    expected = sum(tilt_response(stack, tilt) for stack, tilt in zip(alone, tilts, strict=True))
    assert_allclose(tilt_response(SPIN_VALVE, tilts), expected, rtol=1e-12)


@pytest.mark.parametrize("side", SIDES)
def test_analytic_overlap_is_the_limit_of_many_cells(side):
    film = replace(PERMALLOY, surface_anisotropy=(0.1e-3, 0.4e-3))
    stack = replace(ON_SILICA, film=film)
    push = {"torque_top": 0.4e-6, "torque_bottom": -1e-6, "calibration_field": 0.2e-3}
    cells = 20_000
    summed = depth_sensitivity(stack, cells, side=side) @ tilt_profile(film, cells, **push)
    assert_allclose(tilt_response(stack, tilt_modes(film, **push), side=side), summed, rtol=2e-8)


def test_series_of_thicknesses_and_wavelengths_is_one_call():
    thicknesses, wavelengths = np.array([4e-9, 16e-9, 48e-9]), np.array([[633e-9], [780e-9]])
    series = replace(ON_SILICA, film=replace(PERMALLOY, thickness=thicknesses))
    kernels = depth_sensitivity(series, 7, wavelengths)
    angles = kerr_angle(series, np.linspace(-1, 1, 7), wavelengths)
    assert kernels.shape == (2, 3, 7)
    for i, j in np.ndindex(2, 3):
        one = replace(ON_SILICA, film=replace(PERMALLOY, thickness=thicknesses[j]))
        assert_allclose(kernels[i, j], depth_sensitivity(one, 7, wavelengths[i, 0]), rtol=1e-12)
        assert_allclose(angles[i, j], kerr_angle(one, np.linspace(-1, 1, 7), wavelengths[i, 0]), rtol=1e-12)


def test_opaque_layers_neither_overflow_nor_hide_the_film_in_front():
    buried = replace(ON_SILICA, below=[Layer(2.65 + 8.47j, 1e-3)])
    assert_allclose(depth_sensitivity(buried, 5), depth_sensitivity(replace(buried, substrate=9.0), 5), rtol=1e-12)
    assert np.all(depth_sensitivity(buried, 5, side="bottom") == 0)
    assert all(np.isfinite(light.forward) for light in film_fields(buried))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: kerr_angle(ON_SILICA, 1.5), "between -1 and 1"),
        (lambda: kerr_angle(ON_SILICA, [0.1, np.nan]), "between -1 and 1"),
        (lambda: kerr_angle(ON_SILICA, 0.1, wavelength=0.0), "above 0"),
        (lambda: kerr_angle(ON_SILICA, 0.1, side="left"), "'top' or 'bottom'"),
        (lambda: kerr_angle(SPIN_VALVE, np.zeros(5)), "equally many cells"),
        (lambda: depth_sensitivity(SPIN_VALVE, (4, 3, 2)), "2 of them"),
        (lambda: depth_sensitivity(ON_SILICA, 0), "at least 1"),
        (lambda: tilt_response(SPIN_VALVE, tilt_modes(PERMALLOY)), "one per film"),
        (lambda: film_field(SPIN_VALVE), "single magnetic film"),
        (lambda: Stack(film=(PERMALLOY, Layer(1.5, 1e-9))), "any spacer Layers between"),
        (lambda: depth_sensitivity(Stack(film=replace(PERMALLOY, index=1.0))), "must reflect"),
        (lambda: kerr_angle(Stack(film=replace(PERMALLOY, index=1.0)), 0.0), "must reflect"),
        (lambda: replace(PERMALLOY, surface_anisotropy=(1e-3,)), "a pair"),
        (lambda: replace(PERMALLOY, surface_anisotropy=(1e-3, np.nan)), "a pair"),
        (lambda: replace(PERMALLOY, thickness=np.array([1e-9, -1e-9])), "above 0 m"),
        (lambda: Stack(film=()), "any spacer Layers between"),
    ],
)
def test_input_that_cannot_be_right_is_refused(call, text):
    with pytest.raises(InputError, match=text):
        call()
