"""In-plane magnetisation: Stoner-Wohlfarth astroid, exact limits, history."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis.errors import InputError
from analysis.macrospin import Macrospin, magnetization_loop

ANISOTROPY_FIELD = 2e-3
reproducible = settings(derandomize=True, deadline=None, max_examples=60)
axes = st.floats(-7, 7)


def slope_and_curvature(angle, field, axis):
    """First and second derivative of the energy -B cos(phi) - (Bk/2) cos^2(phi - axis), per Bk."""
    h = np.asarray(field) / ANISOTROPY_FIELD
    return h * np.sin(angle) + np.sin(2 * (angle - axis)) / 2, h * np.cos(angle) + np.cos(2 * (angle - axis))


# On the border of stability slope and curvature vanish together: field along the easy axis -cos^3, across it sin^3.
BORDER = np.linspace(0, np.pi / 2, 200_001)
BORDER_DIRECTION = np.arctan2(np.sin(BORDER) ** 3, np.cos(BORDER) ** 3)
BORDER_FIELD = np.hypot(np.sin(BORDER) ** 3, np.cos(BORDER) ** 3) * ANISOTROPY_FIELD


@pytest.mark.parametrize("degrees", [0, 1, 10, 30, 45, 60, 85, 89.5])
def test_magnetisation_switches_on_the_astroid(degrees):
    axis = np.radians(degrees)
    limit = np.interp(axis, BORDER_DIRECTION, BORDER_FIELD)
    assert_allclose(Macrospin(ANISOTROPY_FIELD, axis).switching_field, limit, rtol=1e-9)
    fields = np.array([1.0, -0.999999, -1.000001, 0.999999, 1.000001]) * limit
    m_x, m_y = magnetization_loop(fields, ANISOTROPY_FIELD, axis)
    along_easy_axis = m_x * np.cos(axis) + m_y * np.sin(axis)
    assert list(np.sign(along_easy_axis)) == [1, 1, -1, -1, 1]


@reproducible
@given(axes, st.lists(st.floats(-5e-3, 5e-3), min_size=1, max_size=20))
def test_magnetisation_lies_in_a_minimum_of_the_energy(axis, fields):
    spin = Macrospin(ANISOTROPY_FIELD, axis)
    for field in fields:
        slope, curvature = slope_and_curvature(spin.follow(field), field, axis)
        assert abs(slope) < 1e-12
        assert curvature > -1e-6


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.floats(0.05, 1.5), st.sampled_from([-1, 1]), st.lists(st.floats(-3e-3, 3e-3), min_size=1, max_size=6))
def test_magnetisation_slides_downhill_from_where_it_was(axis, sign, fields):
    # Overdamped motion in small steps: the slow way to the same place.
    axis *= sign
    spin = Macrospin(ANISOTROPY_FIELD, axis)
    angle = spin.angle
    for field in fields:
        if abs(abs(field) - spin.switching_field) < 0.02 * ANISOTROPY_FIELD:
            continue  # the slope all but vanishes there and the slide takes for ever
        h = field / ANISOTROPY_FIELD
        for _ in range(1500):
            angle -= 0.2 * (h * math.sin(angle) + math.sin(2 * (angle - axis)) / 2)
        assert_allclose(np.exp(1j * spin.follow(field)), np.exp(1j * angle), atol=1e-4)


def test_hard_axis_answers_linearly_up_to_the_anisotropy_field():
    fields = np.linspace(0.999, -0.999, 101) * ANISOTROPY_FIELD
    m_x, m_y = magnetization_loop(fields, ANISOTROPY_FIELD, np.pi / 2)
    assert_allclose(m_x, fields / ANISOTROPY_FIELD, atol=1e-12)
    assert_allclose(m_y, np.sqrt(1 - m_x**2), atol=1e-12)


def test_easy_axis_loop_is_square_and_as_wide_as_the_anisotropy_field():
    down = np.linspace(3e-3, -3e-3, 60)
    fields = np.concatenate([down, -down])
    m_x, m_y = magnetization_loop(fields, ANISOTROPY_FIELD)
    before = np.concatenate([down > -ANISOTROPY_FIELD, -down >= ANISOTROPY_FIELD])
    assert_allclose(m_x, np.where(before, 1.0, -1.0), atol=1e-15)
    assert_allclose(m_y, 0.0, atol=1e-12)


def test_large_field_saturates_with_the_square_of_anisotropy_over_field():
    axis, fields = 0.4, np.array([0.2, -0.2, 2.0])
    m_x, m_y = magnetization_loop(fields, ANISOTROPY_FIELD, axis)
    expected = ANISOTROPY_FIELD * np.sin(2 * axis) / (2 * fields)  # torque balance to first order
    assert_allclose(m_y, np.where(fields > 0, expected, -np.abs(expected)), rtol=0.03)
    assert_allclose(1 - np.abs(m_x), expected**2 / 2, rtol=0.05)


def test_loop_closes_and_its_branches_are_opposite():
    down = np.linspace(5e-3, -5e-3, 41)
    m_x, m_y = magnetization_loop(np.concatenate([down, -down, down]), ANISOTROPY_FIELD, 0.3)
    assert_allclose(m_x[82:], m_x[:41], rtol=0, atol=1e-14)
    assert_allclose(m_x[41:82], -m_x[:41], rtol=0, atol=1e-14)
    assert_allclose(m_y[41:82], -m_y[:41], rtol=0, atol=1e-14)


def test_mirrored_easy_axis_mirrors_the_magnetisation():
    fields = np.array([4e-3, 1e-3, -0.9e-3, -1.5e-3, 0.5e-3, 2e-3])
    m_x, m_y = magnetization_loop(fields, ANISOTROPY_FIELD, 0.7)
    for axis, sign in ((-0.7, -1), (np.pi - 0.7, -1), (0.7 + np.pi, 1)):
        other_x, other_y = magnetization_loop(fields, ANISOTROPY_FIELD, axis)
        assert_allclose(other_x, m_x, rtol=1e-12)
        assert_allclose(other_y, sign * m_y, rtol=1e-12)


def test_minor_loop_keeps_its_branch_and_zero_field_remembers():
    axis = 0.2
    limit = Macrospin(ANISOTROPY_FIELD, axis).switching_field
    m_x, _ = magnetization_loop([1e-2, 0.0, -0.9 * limit, 0.0, -1.1 * limit, 0.0, 0.9 * limit], ANISOTROPY_FIELD, axis)
    assert list(np.sign(m_x)) == [1, 1, 1, 1, -1, -1, -1]
    assert_allclose(m_x[[1, 3, 5]], np.cos(axis) * np.array([1, 1, -1]), rtol=1e-14)


def test_domains_reverse_the_magnetisation_at_the_coercive_field():
    fields = [1e-2, -0.49e-3, -0.51e-3, 0.49e-3, 0.51e-3]
    m_x, _ = magnetization_loop(fields, ANISOTROPY_FIELD, 0.1, coercive_field=0.5e-3)
    assert list(np.sign(m_x)) == [1, 1, -1, -1, 1]
    coherent = magnetization_loop(fields, ANISOTROPY_FIELD, 0.1)[0]
    assert np.all(coherent > 0)
    assert_allclose(magnetization_loop(fields, ANISOTROPY_FIELD, 0.1, coercive_field=1.0)[0], coherent)


def test_field_in_another_direction_does_what_turning_the_sample_does():
    fields = [5e-3, 0.5e-3, -0.9e-3, -1.5e-3, 0.0, 0.8e-3, 3e-3]
    for axis, direction in ((0.3, 1.0), (-0.7, 2.9), (1.2, -1.9), (0.3, 4.0)):
        spin, turned = Macrospin(ANISOTROPY_FIELD, axis), Macrospin(ANISOTROPY_FIELD, axis - direction)
        for field in fields:
            angles = spin.follow(field, direction), direction + turned.follow(field)
            assert_allclose(*np.exp(1j * np.array(angles)), atol=1e-12)
        assert_allclose(spin.switching_field, turned.switching_field, rtol=1e-12)


def test_turning_a_weak_field_keeps_the_branch_and_a_strong_one_takes_the_spin_along():
    spin = Macrospin(ANISOTROPY_FIELD, 0.2)
    turn = np.linspace(0, 2 * np.pi, 73)
    weak = [spin.follow(0.3 * ANISOTROPY_FIELD, psi) for psi in turn]
    assert np.all(np.cos(np.array(weak) - 0.2) > 0.8)
    strong = np.array([spin.follow(50 * ANISOTROPY_FIELD, psi) for psi in turn])
    assert_allclose(np.exp(1j * strong), np.exp(1j * turn), atol=0.011)
    spin.follow(50 * ANISOTROPY_FIELD, np.pi)
    assert_allclose(np.cos(spin.follow(0.0, 0.3) - 0.2), -1.0)


def test_spin_starts_along_the_given_sense_of_the_easy_axis():
    for axis in (0.1, np.pi - 0.1, np.pi + 0.1):
        assert_allclose(np.cos(Macrospin(ANISOTROPY_FIELD, axis).follow(0.0) - axis), 1.0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0.1], 0.0), "anisotropy_field must be finite and above 0"),
        (([0.1], 1e-3, np.nan), "easy_axis must be finite"),
        (([0.1], 1e-3, 0.0, -1e-3), "coercive_field must be finite and above 0"),
        (([0.1, np.nan], 1e-3), "finite fields"),
        ((0.1, 1e-3), "finite fields"),
    ],
)
def test_input_that_cannot_be_right_is_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        magnetization_loop(*arguments)
