"""Responses with derivatives: equal to the public model, derivatives equal to high-order differences of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import Film, Layer, Stack
from analysis.micromagnetics import tilt_modes
from analysis.optics import tilt_response
from analysis.response_slopes import Dual, overlap, responses_with_slopes
from analysis.stack import Side
from analysis.systematics import changed, input_slopes

THICKNESS = np.array([4e-9, 11e-9, 48e-9])
FILM = Film(2.38 + 4.36j, 0.0036 - 0.011j, THICKNESS, 1.09, 12.22e-12, 1.09, (0.59e-3, 0.3e-3))
SILICON = Stack(FILM, below=[Layer(1.47, 1e-6)], substrate=3.7 + 0.008j)
CAPPED = Stack(FILM, above=[Layer(1.62, 2e-9), Layer("SiO2", 3e-9)], below=[Layer(1.62, 2e-9)], substrate=1.4537)
FIELD = np.array([0.0, 0.02, 0.05])
STEPS = {
    "n": 2e-3, "k": 4e-3, "voigt_real": 1e-5, "voigt_imaginary": 1e-5, "thickness": 4e-12, "thickness_scale": 1e-3,
    "saturation_induction": 1e-3, "exchange_stiffness": 1e-14, "effective_field": 1e-3, "surface_anisotropy": 1e-6,
    "surface_anisotropy_bottom": 1e-6, "surface_anisotropy_top": 1e-6, "below.0.thickness": 1e-10,
    "below.0.index": 1e-4,
}  # fmt: skip


def public(stack: Stack, side: Side) -> np.ndarray:
    """Responses by the public functions; torques at a fixed current."""
    drive = THICKNESS / np.asarray(stack.film.thickness)
    pushes = ((drive, 0, 0), (0, drive, 0), (0, 0, 1))
    return np.array([tilt_response(stack, tilt_modes(stack.film, FIELD, *push), side=side) for push in pushes])


@pytest.mark.parametrize("side", ["top", "bottom"])
@pytest.mark.parametrize("stack", [SILICON, CAPPED], ids=["silicon", "capped"])
def test_responses_and_derivatives_are_those_of_the_public_model(stack: Stack, side: Side):
    slopes = [input_slopes(stack, name) for name in STEPS]
    values, derivatives = responses_with_slopes(stack, FIELD, 780e-9, side, slopes, THICKNESS)
    plain, nothing = responses_with_slopes(stack, FIELD, 780e-9, side, (), THICKNESS)
    expected = public(stack, side)
    assert_allclose(values, expected, rtol=1e-13)
    assert_allclose(plain, expected, rtol=1e-13)
    assert nothing.shape == (0, 3, 3)
    for (name, step), derivative in zip(STEPS.items(), derivatives, strict=True):
        differences = {
            k: public(changed(stack, name, k * step), side) - public(changed(stack, name, -k * step), side)
            for k in (1, 2, 3)
        }
        numerical = (45 * differences[1] - 9 * differences[2] + differences[3]) / (60 * step)  # sixth order
        for push in range(3):
            size = np.max(np.abs(numerical[push]))
            assert_allclose(derivative[push], numerical[push], atol=2e-8 * size, rtol=0, err_msg=f"{name}, push {push}")


@pytest.mark.parametrize("gap", [0.0, 1e-9, 0.1j, 0.49, -0.3 + 0.39j, 0.51, 3 - 2j, -40.0])
def test_overlap_and_its_derivative_hold_across_the_change_of_method(gap: complex):
    a, b = min(-1.0, -1.0 - np.real(gap)) + gap, min(-1.0, -1.0 - np.real(gap)) + 0j
    t, weights = np.polynomial.legendre.leggauss(60)
    t, weights = (t + 1) / 2, weights / 2
    integrand = weights * np.exp(a * t + b * (1 - t))
    result = overlap(Dual(np.array([a]), np.array([[1.0], [0.0]])), Dual(np.array([b]), np.array([[0.0], [1.0]])))
    assert_allclose(result.value, integrand.sum(), rtol=1e-12)
    assert_allclose(result.slope[:, 0], [(integrand * t).sum(), (integrand * (1 - t)).sum()], rtol=1e-11)
