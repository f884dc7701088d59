"""Light through a thick substrate: sums of rays, coherent averages, limits; transmittance of stacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import (
    Film,
    Layer,
    Stack,
    faraday_rotation,
    kerr_angle,
    reflectance,
    through_substrate,
    transmittance,
)
from analysis.errors import InputError
from analysis.substrate import substrate_light

LAMBDA = 780e-9
SILICA = 1.4537


def permalloy_on(substrate: complex, thickness=32e-9) -> Stack:
    film = Film.from_material("Py", thickness)
    return Stack(film, above=[Layer(1.62, 2e-9), Layer(SILICA, 3e-9)], below=[Layer(1.62, 2e-9)], substrate=substrate)


def dielectric(**changes) -> Stack:
    """A lossless stack; its film is no magnet."""
    film = Film(
        index=2.0, voigt=0.0, thickness=120e-9, saturation_induction=1, exchange_stiffness=1e-11, effective_field=1
    )
    layers = {"above": [Layer(1.38, 90e-9), Layer(2.3, 55e-9)], "below": [Layer(1.47, 1e-6)], "substrate": SILICA}
    return Stack(film, **(layers | changes))


def rotator(angle: complex) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def summed_rays(stack: Stack, angle: complex, faraday: float, thickness: float, rays: int = 60):
    """Stokes vectors of explicitly traced Jones vectors, ray by ray: complex angle and power."""
    index = complex(stack.substrate)
    entrance = abs((index - 1) / (index + 1)) ** 2
    crossing = np.exp(-2 * np.pi * index.imag * thickness / LAMBDA)  # of the amplitude
    film = np.sqrt(reflectance(stack, side="bottom")) * rotator(angle)
    slab = crossing * rotator(faraday / 2)
    inside = np.sqrt(1 - entrance) * np.array([1.0, 0.0])
    stokes = np.array([entrance, 0, 0], dtype=float)
    for _ in range(rays):
        inside = slab @ film @ slab @ inside
        x, y = np.sqrt(1 - entrance) * inside
        stokes += [abs(x) ** 2, 2 * (y * np.conj(x)).real, 2 * (y * np.conj(x)).imag]
        inside = np.sqrt(entrance) * inside
    return (stokes[1] + 1j * stokes[2]) / (2 * stokes[0]), stokes[0]


@pytest.mark.parametrize("index", [SILICA, 3.2, 2.0 + 2e-5j])
def test_the_closed_form_is_the_sum_of_traced_rays(index: complex):
    stack, angle = permalloy_on(index), (-2.9 + 1.0j) * 1e-6
    field, verdet, thickness = 0.85e-3, 2.3, 0.4e-3
    faraday = -2 * verdet * field * thickness
    expected, power = summed_rays(stack, angle, faraday, thickness)
    read = through_substrate(stack, angle, thickness=thickness, field=field, verdet=verdet)
    assert_allclose(read, expected, rtol=1e-9)
    assert_allclose(substrate_light(stack, thickness=thickness).reflectance, power, rtol=1e-10)


def test_the_incoherent_sum_is_the_phase_average_of_the_coherent_slab():
    stack, tilt = permalloy_on(SILICA), 1e-3
    phases = np.arange(64) / 64
    slab = 100 * LAMBDA + phases * LAMBDA / (2 * SILICA)
    coherent = replace(stack, below=[*stack.below, Layer(SILICA, slab)], substrate=1.0)
    power = reflectance(coherent, side="bottom")
    expected = np.mean(power * kerr_angle(coherent, tilt, side="bottom")) / np.mean(power)
    read = through_substrate(stack, kerr_angle(stack, tilt, side="bottom"))
    assert_allclose(read, expected, rtol=1e-9)
    assert_allclose(substrate_light(stack).reflectance, np.mean(power), rtol=1e-12)


def test_a_bare_entrance_face_of_silica_dilutes_the_angle_of_permalloy_by_five_percent():
    light = substrate_light(permalloy_on(SILICA))
    assert 0.945 < light.dilution < 0.955


def test_without_reflection_at_the_entrance_the_angle_is_unchanged():
    stack, angle = permalloy_on(SILICA), (-2.9 + 1.0j) * 1e-6
    assert through_substrate(stack, angle, entrance_reflectance=0.0) == angle
    assert through_substrate(replace(stack, substrate=1.0), angle) == angle


def test_an_opaque_substrate_shows_its_entrance_face_alone():
    light = substrate_light(permalloy_on(3.7 + 0.008j))
    assert light.dilution < 1e-20
    assert_allclose(light.reflectance, abs((2.7 + 0.008j) / (4.7 + 0.008j)) ** 2)


@pytest.mark.parametrize("entrance", [0.0, 0.034, 0.4])
def test_power_through_the_slab_is_conserved(entrance: float):
    stack = permalloy_on(SILICA)
    light = substrate_light(stack, entrance_reflectance=entrance)
    absorbed = light.irradiance * (1 - reflectance(stack, side="bottom"))
    assert_allclose(light.reflectance + absorbed, 1, rtol=1e-12)


def test_series_and_wavelengths_broadcast():
    thickness = np.array([[4e-9], [32e-9]])
    stack = Stack(Film.from_material("Py", thickness, index=2.4 + 4.4j), substrate="fused-silica")
    wavelength = np.array([600e-9, 780e-9, 1000e-9])
    read = through_substrate(stack, 1e-6, wavelength, field=1e-3)
    single = through_substrate(replace(stack, film=replace(stack.film, thickness=4e-9)), 1e-6, 1000e-9, field=1e-3)
    assert read.shape == (2, 3)
    assert_allclose(read[0, 2], single, rtol=1e-14)


def test_faraday_rotation_has_the_size_and_sign_of_a_circularly_birefringent_slab():
    # A transparent magnet of index n (1 +- Q/2) turns the light by -k0 n Q L / 2 about +z in each crossing.
    length, voigt = 0.5e-3, 1e-9
    per_crossing = -np.pi / LAMBDA * SILICA * voigt * length
    magnet = Film(SILICA, voigt, length, saturation_induction=1, exchange_stiffness=1e-11, effective_field=1)
    mirror = Stack(magnet, ambient=0.1 + 9j, substrate=SILICA)
    seen = kerr_angle(mirror, 1.0, side="bottom")
    assert_allclose(faraday_rotation(1.0, length, verdet=per_crossing / length), seen.real, rtol=1e-3)


def test_faraday_rotation_of_half_a_millimetre_of_silica_in_the_calibration_field():
    assert_allclose(faraday_rotation(0.85e-3), -1.955e-6, rtol=1e-12)


def test_without_field_only_the_dilution_remains():
    stack = permalloy_on(SILICA)
    assert_allclose(through_substrate(stack, 1e-6j), 1e-6j * substrate_light(stack).dilution, rtol=1e-15)


@pytest.mark.parametrize(
    "arguments",
    [{"thickness": 0.0}, {"entrance_reflectance": 3.4}, {"field": np.nan}, {"wavelength": 1e-7}, {"wavelength": -1.0}],
)  # fmt: skip
def test_impossible_arguments_are_refused(arguments: dict[str, float]):
    with pytest.raises(InputError):
        through_substrate(replace(permalloy_on(SILICA), substrate="fused-silica"), 1e-6, **arguments)


# Transmittance


def abeles(stack: Stack, wavelength: float) -> tuple[float, float]:
    """Reflectance and transmittance from the top by characteristic matrices."""
    matrix = np.eye(2, dtype=complex)
    for layer in [*stack.above[::-1], stack.film, *stack.below]:
        delta = 2 * np.pi * layer.index * layer.thickness / wavelength
        matrix = matrix @ np.array(
            [[np.cos(delta), -1j * np.sin(delta) / layer.index], [-1j * layer.index * np.sin(delta), np.cos(delta)]]
        )
    electric, magnetic = matrix @ np.array([1, stack.substrate])
    incident = stack.ambient
    forward = (electric + magnetic / incident) / 2
    backward = (electric - magnetic / incident) / 2
    return abs(backward / forward) ** 2, np.real(stack.substrate) / np.real(incident) / abs(forward) ** 2


@pytest.mark.parametrize("wavelength", [500e-9, 780e-9, 1200e-9])
@pytest.mark.parametrize("substrate", [SILICA, 3.7 + 0.008j, 2.7 + 6.0j])
def test_transmittance_and_reflectance_are_those_of_characteristic_matrices(substrate: complex, wavelength: float):
    absorbing = Film.from_material("Py", 20e-9, index=2.38 + 4.36j)
    for stack in (dielectric(substrate=substrate), replace(dielectric(substrate=substrate), film=absorbing)):
        expected = abeles(stack, wavelength)
        assert_allclose((reflectance(stack, wavelength), transmittance(stack, wavelength)), expected, rtol=1e-11)


@pytest.mark.parametrize("side", ["top", "bottom"])
def test_a_lossless_stack_conserves_power(side):
    wavelength = np.linspace(400e-9, 1600e-9, 50)
    total = reflectance(dielectric(), wavelength, side) + transmittance(dielectric(), wavelength, side)
    assert_allclose(total, 1, rtol=1e-12)


def test_what_a_lossless_stack_does_not_reflect_enters_an_absorbing_exit_medium():
    stack = dielectric(substrate=2.7 + 6.0j)
    assert_allclose(reflectance(stack) + transmittance(stack), 1, rtol=1e-12)


def test_transmittance_is_the_same_from_both_sides_even_with_an_absorbing_film():
    stack = permalloy_on(SILICA)
    assert_allclose(transmittance(stack, side="top"), transmittance(stack, side="bottom"), rtol=1e-12)


def test_an_opaque_film_transmits_nothing_and_stays_finite():
    assert transmittance(permalloy_on(SILICA, thickness=1e-3)) == 0


def test_a_misspelt_side_is_refused():
    for function in (reflectance, transmittance):
        with pytest.raises(InputError, match="side must be 'top' or 'bottom'"):
            function(permalloy_on(SILICA), side="below")
