"""Oblique incidence, any magnetisation: against the 2x2 route, pyElli, 60-digit arithmetic and exact limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import elli
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from analysis import Film, Layer, Stack, depth_sensitivity, kerr_angle
from analysis.errors import InputError
from analysis.oblique import oblique_kerr_angle, reflection_matrix, transmission_matrix

SIDES: tuple[Literal["top", "bottom"], ...] = ("top", "bottom")
PERMALLOY = 2.38 + 4.36j
Q = 0.0036 - 0.011j
DEGREE = np.pi / 180
WAVELENGTH = 780e-9
FLIP_S = np.diag([-1.0, 1.0])
QUADRATIC = (0.002 - 0.001j, 0.0015 + 0.0005j)


def film(index: complex = PERMALLOY, voigt: npt.ArrayLike = Q, thickness: npt.ArrayLike = 32e-9) -> Film:
    return Film(index, voigt, thickness, saturation_induction=1.09, exchange_stiffness=12.22e-12, effective_field=1.09)


def bulk(index: complex = PERMALLOY, voigt: complex = Q) -> Stack:
    """Half-space: so thick that nothing comes back."""
    return Stack(film(index, voigt, thickness=1e-5), substrate=index)


PAPER = Stack(
    film(), above=[Layer(1.62, 2e-9), Layer(1.4537, 3e-9)], below=[Layer(1.62, 2e-9)], ambient=1.0, substrate=1.4537
)
ON_SILICON = Stack(film(thickness=8e-9), above=[Layer(1.47, 3e-9)], below=[Layer(1.47, 1e-6)], substrate=3.7 + 0.008j)
LOSSLESS = Stack(
    film(2.2, voigt=0.07, thickness=150e-9), above=[Layer(1.45, 90e-9)], below=[Layer(1.9, 60e-9)], substrate=1.5
)
STACKS = [PAPER, ON_SILICON, Stack(film(thickness=200e-9), above=[Layer(2.73 + 6.04j, 2e-9)]), LOSSLESS]
CELLS = np.array([(0.6, 0.0, 0.8), (0.1, -0.7, 0.2), (-0.48, 0.6, -0.64)])


# ---- the same physics by other routes


@pytest.mark.parametrize("polarization", ["s", "p"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("stack", STACKS)
def test_at_normal_incidence_it_is_the_polar_kerr_angle_to_rounding(stack, side, polarization):
    profile = 1e-7 * np.exp(-np.arange(40) / 8)  # a tilt of nanoradians in Kerr angle
    for m_z in (1.0, -0.3, 1e-9, profile):
        m = np.multiply.outer(m_z, (0.0, 0.0, 1.0))
        assert_allclose(
            oblique_kerr_angle(stack, m, 0.0, WAVELENGTH, side, polarization),
            kerr_angle(stack, m_z, WAVELENGTH, side),
            rtol=1e-12,
        )


PROPERTY = settings(max_examples=30, deadline=None, derandomize=True)
real_index = st.floats(1.0, 4.0)
metal = st.builds(complex, st.floats(0.3, 4.0), st.floats(0.5, 6.0))
layers = st.lists(st.builds(Layer, real_index | metal, st.floats(0, 300e-9)), max_size=3)
voigt = st.builds(complex, st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)).filter(lambda value: abs(value) > 1e-6)
random_stack = st.builds(
    Stack, st.builds(film, metal, voigt, st.floats(1e-9, 300e-9)), layers, layers, st.just(1.0), real_index
)
unit = st.floats(-1, 1)
direction = st.tuples(unit, unit, unit).map(lambda m: np.array(m) / max(1.0, float(np.linalg.norm(m))))
angle = st.floats(0, 80 * DEGREE)
side_of_light = st.sampled_from(SIDES)


@PROPERTY
@given(random_stack, st.lists(unit, min_size=1, max_size=6), side_of_light, st.sampled_from(["s", "p"]))
def test_any_stack_and_profile_agrees_with_the_polar_kerr_angle(stack, m_z, side, polarization):
    m = np.multiply.outer(m_z, (0.0, 0.0, 1.0))
    # Cells may cancel; the scale is that of their contributions.
    scale = np.sum(np.abs(depth_sensitivity(stack, len(m_z), WAVELENGTH, side) * m_z))
    difference = oblique_kerr_angle(stack, m, 0.0, WAVELENGTH, side, polarization) - kerr_angle(
        stack, m_z, WAVELENGTH, side
    )
    assert abs(difference) <= 1e-10 * scale + 1e-300  # 1e-10 is the promise; 2e-11 is the worst that was met


class Gyrotropic(elli.Material):
    def __init__(self, tensor: npt.NDArray[np.complex128]) -> None:
        self.tensor = tensor

    def get_tensor(self, lbda: Any) -> npt.NDArray[np.complex128]:
        return np.broadcast_to(self.tensor, (np.size(lbda), 3, 3))


def tensor(index: complex, voigt: complex, m: npt.ArrayLike, quadratic: Sequence[complex]) -> npt.NDArray[Any]:
    levi_civita = np.zeros((3, 3, 3))
    levi_civita[[0, 1, 2], [1, 2, 0], [2, 0, 1]] = 1
    levi_civita[[0, 2, 1], [2, 1, 0], [1, 0, 2]] = -1
    m = np.asarray(m)
    diagonal = np.eye(3, dtype=bool)
    second = np.where(diagonal, quadratic[0], quadratic[1]) * np.outer(m, m)
    return index**2 * (np.eye(3) - 1j * voigt * levi_civita @ m + second)


def pyelli_matrices(stack: Stack, cells: npt.NDArray[Any], degrees: float, side: str, quadratic: Sequence[complex]):
    """(reflection, transmission) in this project's conventions.

    pyElli's light travels along its +z, so from the top its y and z axes are the reverse of the sample's;
    its s is along its y; its p is (E_p, E_s)-ordered and turns with the beam on reflection.
    """
    turn = np.diag([1.0, -1.0, -1.0]) if side == "top" else np.eye(3)

    def material(index: complex, m: npt.ArrayLike = (0, 0, 0)) -> Gyrotropic:
        return Gyrotropic(turn @ tensor(index, stack.film.voigt, m, quadratic) @ turn)

    inside = [(material(stack.film.index, m), stack.film.thickness / len(cells)) for m in cells]
    below = [(material(layer.index), layer.thickness) for layer in stack.below]
    above = [(material(layer.index), layer.thickness) for layer in stack.above]
    media = [*below[::-1], *inside, *above]
    outer = [elli.IsotropicMaterial(elli.ConstantRefractiveIndex(n)) for n in (stack.substrate, stack.ambient)]
    if side == "top":
        media, outer = media[::-1], outer[::-1]
    structure = elli.Structure(outer[0], [elli.Layer(material, 1e9 * d) for material, d in media], outer[1])
    result = structure.evaluate(np.array([1e9 * WAVELENGTH]), degrees, solver=elli.Solver4x4)
    (pp, ps), (sp, ss) = result.jones_matrix_r[0]
    (t_pp, t_ps), (t_sp, t_ss) = result.jones_matrix_t[0]
    return np.array([[ss, -sp], [ps, -pp]]), np.array([[t_ss, -t_sp], [-t_ps, t_pp]])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("cells", "quadratic"),
    [
        pytest.param(np.array([(0.0, 0.0, 1.0)]), (0.0, 0.0), id="polar"),
        pytest.param(np.array([(1.0, 0.0, 0.0)]), (0.0, 0.0), id="longitudinal"),
        pytest.param(np.array([(0.0, 1.0, 0.0)]), (0.0, 0.0), id="transverse"),
        pytest.param(CELLS, QUADRATIC, id="cells, quadratic"),
    ],
)
@pytest.mark.parametrize("stack", [PAPER, ON_SILICON, LOSSLESS])
def test_pyelli_agrees_at_45_degrees(stack, cells, quadratic, side):
    if side == "bottom" and stack is ON_SILICON:
        stack = replace(stack, substrate=3.7)  # pyElli wants a transparent medium of incidence
    reflection, transmission = pyelli_matrices(stack, cells, 45, side, quadratic)
    arguments = (stack, cells, 45 * DEGREE, WAVELENGTH, side)
    assert_allclose(reflection_matrix(*arguments, quadratic), reflection, rtol=1e-10, atol=1e-13)
    assert_allclose(transmission_matrix(*arguments, quadratic), transmission, rtol=1e-10, atol=1e-13)
    (r_ss, r_sp), (r_ps, r_pp) = reflection
    assert_allclose(oblique_kerr_angle(*arguments, "s", quadratic), -r_ps / r_ss, rtol=1e-9, atol=1e-12)
    assert_allclose(oblique_kerr_angle(*arguments, "p", quadratic), r_sp / r_pp, rtol=1e-9, atol=1e-12)


def test_sixty_digit_arithmetic_agrees():
    """PAPER with three cells; transfer matrices multiplied out with 60 digits, then rounded."""
    tilted = [(1, 0, 1e-7), (0.6, 0.8, -2e-7), (0.0, 1.0, 3e-7)]
    assert_allclose(
        reflection_matrix(PAPER, tilted, 45 * DEGREE, quadratic=QUADRATIC),
        [
            [-0.8098170058069581 - 0.23273776364975246j, -6.954626053609828e-06 - 8.293231998770662e-05j],
            [-6.954193162094887e-06 - 8.293253059397674e-05j, -0.6206719675964435 - 0.36577588246879356j],
        ],
        rtol=1e-13,
    )
    turned = [(0.0, 0.28, 0.96), (0.6, 0.48, -0.64), (-0.8, 0.6, 0.0)]
    assert_allclose(
        reflection_matrix(PAPER, turned, 60 * DEGREE, side="bottom", quadratic=QUADRATIC),
        [
            [-0.8072783911601796 - 0.2309456395960117j, 0.0008236289657070688 - 0.00047369755179163384j],
            [-0.0007845564814012902 + 0.0003392677354856497j, -0.2628759615965294 - 0.36448938832656963j],
        ],
        rtol=1e-13,
    )


# ---- exact limits


@pytest.mark.parametrize("index", [1.5, PERMALLOY])
def test_without_magnetisation_a_half_space_obeys_fresnel(index):
    incidence = np.array([0.0, 30.0, 70.0]) * DEGREE
    cosine = np.cos(incidence)
    inside = np.sqrt(1 - np.sin(incidence) ** 2 / index**2 + 0j)
    reflection = reflection_matrix(bulk(index), (0, 0, 0), incidence)
    transmission = transmission_matrix(Stack(film(index, thickness=1e-12), substrate=index), (0, 0, 0), incidence)
    assert_allclose(reflection[:, 0, 0], (cosine - index * inside) / (cosine + index * inside), rtol=1e-13)
    assert_allclose(reflection[:, 1, 1], (inside - index * cosine) / (inside + index * cosine), rtol=1e-13)
    assert_allclose(transmission[:, 0, 0], 2 * cosine / (cosine + index * inside), rtol=1e-4)
    assert_allclose(transmission[:, 1, 1], 2 * cosine / (inside + index * cosine), rtol=1e-4)
    assert_array_equal(reflection[:, [0, 1], [1, 0]], 0)


def test_p_light_is_not_reflected_at_the_brewster_angle():
    (r_ss, _), (_, r_pp) = reflection_matrix(bulk(1.5), (0, 0, 0), np.arctan(1.5))
    assert abs(r_pp) < 1e-15 < abs(r_ss)


@pytest.mark.parametrize("degrees", [0.0, 45.0, 80.0])
def test_small_voigt_gives_the_textbook_bulk_formulas(degrees):
    """First-order perturbation by reciprocity: r_out,in = i k0 / (2 n0 cos a) * integral of E_out . deps . E_in."""
    small, n = Q * 1e-5, PERMALLOY
    sine, cosine = np.sin(degrees * DEGREE), np.cos(degrees * DEGREE)
    sine_in, cosine_in = sine / n, np.sqrt(1 - (sine / n) ** 2)
    s_sum, p_sum = cosine + n * cosine_in, n * cosine + cosine_in
    sample = bulk(n, small)

    def matrix(*m: float) -> npt.NDArray[Any]:
        return reflection_matrix(sample, m, degrees * DEGREE)

    mixed = -1j * n * small * cosine / (s_sum * p_sum)
    polar, longitudinal = matrix(0, 0, 1), matrix(1, 0, 0)
    assert_allclose(polar[[0, 1], [1, 0]], [mixed, -mixed], rtol=1e-12)
    assert_allclose(longitudinal[[0, 1], [1, 0]], -mixed * sine_in / cosine_in * np.ones(2), rtol=1e-12)
    transverse = (matrix(0, 1, 0) - matrix(0, -1, 0))[1, 1] / 2
    assert_allclose(transverse, -2j * n * small * cosine * sine_in / p_sum**2, rtol=1e-6, atol=1e-16)


@pytest.mark.parametrize("side", SIDES)
def test_transverse_magnetisation_changes_r_pp_alone(side):
    def matrix(m_y: float, degrees: float = 50) -> npt.NDArray[Any]:
        return reflection_matrix(PAPER, (0, m_y, 0), degrees * DEGREE, side=side)

    for m_y in (1.0, -0.4):
        change = matrix(m_y) - matrix(0.0)
        assert_array_equal(change[[0, 1], [1, 0]], 0)
        assert abs(change[0, 0]) < 1e-15
        assert abs(change[1, 1]) > 1e-4
    assert_allclose(matrix(1.0, degrees=0), matrix(-1.0, degrees=0), rtol=1e-14)

    def even(m_y: float) -> float:
        return abs((matrix(m_y) + matrix(-m_y) - 2 * matrix(0.0))[1, 1])

    assert_allclose(even(1.0) / even(0.1), 100, rtol=1e-3)


@pytest.mark.parametrize("side", SIDES)
def test_longitudinal_magnetisation_rotates_oblique_light_only(side):
    upright, oblique = reflection_matrix(PAPER, (1, 0, 0), np.array([0.0, 30.0]) * DEGREE, side=side)
    assert_array_equal(upright[[0, 1], [1, 0]], 0)
    assert np.all(np.abs(oblique[[0, 1], [1, 0]]) > 1e-6)


def test_opaque_film_is_a_half_space_and_overflows_nowhere():
    m, incidence = (0.6, 0.48, 0.64), 75 * DEGREE
    metre = Stack(film(thickness=1.0), below=[Layer(PERMALLOY, 1.0)], substrate=1.5)
    assert_allclose(reflection_matrix(metre, m, incidence), reflection_matrix(bulk(), m, incidence), rtol=1e-13)
    assert_array_equal(transmission_matrix(metre, m, incidence), 0)


def test_evanescent_light_decays_also_from_an_absorbing_medium():
    silicon = Stack(film(), ambient=1.0, substrate=3.7 + 0.008j)
    gap = replace(silicon, above=[Layer(1.0, 20e-6)], ambient=2.0)
    arguments = ((0.6, 0.48, 0.64), 45 * DEGREE, WAVELENGTH, "bottom")
    assert_allclose(reflection_matrix(gap, *arguments), reflection_matrix(silicon, *arguments), rtol=1e-13)


# ---- symmetries, for random absorbing stacks and any direction of m in each cell

any_case = (random_stack, st.lists(direction, min_size=1, max_size=3).map(np.array), angle, side_of_light)


@PROPERTY
@given(*any_case)
def test_mirror_and_reciprocity_relate_reversed_magnetisations(stack, m, incidence, side):
    def matrix(*signs: int) -> npt.NDArray[Any]:
        return reflection_matrix(stack, m * signs, incidence, WAVELENGTH, side, QUADRATIC)

    # The mirror y -> -y reverses s and the axial components m_x and m_z.
    assert_allclose(matrix(-1, 1, -1), FLIP_S @ matrix(1, 1, 1) @ FLIP_S, rtol=1e-10, atol=1e-15)
    # Onsager: source and detector change places with m reversed; half a turn about z brings the beam back.
    assert_allclose(matrix(1, 1, -1), matrix(1, 1, 1).T, rtol=1e-10, atol=1e-13)


@PROPERTY
@given(*any_case)
def test_turning_the_sample_over_changes_the_side(stack, m, incidence, side):
    turned = replace(
        stack, above=stack.below, below=stack.above, ambient=stack.substrate, substrate=stack.ambient
    )  # about x
    other = "bottom" if side == "top" else "top"
    for matrix in (reflection_matrix, transmission_matrix):
        assert_allclose(
            matrix(turned, m[::-1] * (1, -1, -1), incidence, WAVELENGTH, other, QUADRATIC),
            matrix(stack, m, incidence, WAVELENGTH, side, QUADRATIC),
            rtol=1e-10,
            atol=1e-15,
        )


@PROPERTY
@given(*any_case)
def test_splitting_layers_and_cells_changes_nothing(stack, m, incidence, side):
    split = replace(
        stack,
        above=[Layer(layer.index, layer.thickness / 3) for layer in stack.above for _ in range(3)],
        below=[Layer(layer.index, layer.thickness / 2) for layer in stack.below for _ in range(2)],
    )
    for matrix in (reflection_matrix, transmission_matrix):
        assert_allclose(
            matrix(split, np.repeat(m, 2, axis=0), incidence, WAVELENGTH, side, QUADRATIC),
            matrix(stack, m, incidence, WAVELENGTH, side, QUADRATIC),
            rtol=1e-9,
            atol=1e-14,
        )


@PROPERTY
@given(st.lists(direction, min_size=1, max_size=3).map(np.array), st.floats(0, 85 * DEGREE), side_of_light)
def test_lossless_stacks_conserve_energy_in_every_polarisation(m, incidence, side):
    arguments = (LOSSLESS, m, incidence, WAVELENGTH, side, (0.02, -0.01))
    reflection, transmission = reflection_matrix(*arguments), transmission_matrix(*arguments)
    near, far = (1.0, 1.5) if side == "top" else (1.5, 1.0)
    far_cosine = np.sqrt(1 - (near * np.sin(incidence) / far) ** 2 + 0j)
    weight = far * far_cosine.real / (near * np.cos(incidence))  # 0 under total reflection
    power = reflection.conj().T @ reflection + weight * transmission.conj().T @ transmission
    assert_allclose(power, np.eye(2), atol=1e-12)


# ---- quadratic terms


def test_in_plane_magnetisation_at_normal_incidence_is_an_optic_axis():
    """Exact: n_parallel^2 = n^2 (1 + g), n_across^2 = n^2 (1 - Q^2), and nothing else for an isotropic film."""
    g = 0.01 - 0.004j
    azimuth = np.array([0.0, 20.0, 45.0, 110.0, 200.0]) * DEGREE
    m = np.stack([np.cos(azimuth), np.sin(azimuth), 0 * azimuth], axis=-1)[:, np.newaxis]
    along, across = ((1 - index) / (1 + index) for index in (PERMALLOY * np.sqrt(1 + g), PERMALLOY * np.sqrt(1 - Q**2)))
    for polarization, turned in (("p", azimuth), ("s", azimuth - np.pi / 2)):
        expected = (along - across) / 2 * np.sin(2 * turned)
        expected = expected / (along * np.cos(turned) ** 2 + across * np.sin(turned) ** 2)
        for sign in (1, -1):
            angles = oblique_kerr_angle(bulk(), sign * m, 0.0, polarization=polarization, quadratic=(g, g))
            assert_allclose(angles, expected, rtol=1e-11, atol=1e-17)


def test_quadratic_constants_act_to_second_order_in_m_and_evenly():
    sample = replace(PAPER, film=film(voigt=0.0))
    m = np.array([0.6, 0.48, 0.64])

    def change(m: npt.NDArray[Any]) -> npt.NDArray[Any]:
        constants = (1e-5 * QUADRATIC[0], 1e-5 * QUADRATIC[1])
        return reflection_matrix(sample, m, 0.7, quadratic=constants) - reflection_matrix(sample, 0 * m, 0.7)

    assert_array_equal(change(-m), change(m))
    assert_allclose(change(m)[[0, 1], [1, 0]], 4 * change(m / 2)[[0, 1], [1, 0]], rtol=1e-6)
    assert np.all(np.abs(change(m)) > 1e-10)


def test_weak_terms_on_top_of_weak_terms_keep_their_digits():
    weak = replace(PAPER, film=film(voigt=1e-9 * Q))

    def relative_slope(g: float) -> complex:
        upright, changed = (reflection_matrix(weak, (0.6, 0, 0.8), 0.7, quadratic=(x, 0.0)) for x in (0.0, g))
        return (changed / upright - 1)[0, 1] / g

    assert_allclose(relative_slope(9e-10), relative_slope(1e-5), rtol=1e-4)


def test_each_quadratic_constant_belongs_to_its_directions():
    sample = replace(PAPER, film=film(voigt=0.0))

    def matrix(m: Sequence[float], *constants: complex) -> npt.NDArray[Any]:
        return reflection_matrix(sample, m, 0.0, quadratic=constants)

    along = (1.0, 0.0, 0.0)
    assert_array_equal(matrix(along, 0.0, 0.01), matrix(along, 0.0, 0.0))
    assert np.diff(np.diagonal(matrix(along, 0.01, 0.0)))[0] != 0
    diagonal = (np.sqrt(0.5), np.sqrt(0.5), 0.0)
    assert matrix(diagonal, 0.01, 0.0)[0, 1] == 0
    assert abs(matrix(diagonal, 0.0, 0.01)[0, 1]) > 1e-5


# ---- arrays and refusals


def test_arrays_broadcast_over_leading_axes():
    thicknesses, wavelengths, incidences = np.array([4e-9, 32e-9]), np.array([633e-9, 780e-9, 850e-9]), [0.2, 0.9]
    batch = Stack(film(voigt=[Q, 2 * Q], thickness=thicknesses), above=[Layer([1.4, 1.5], 3e-9)], substrate=1.5)
    m = np.stack([CELLS, -CELLS[::-1], CELLS[::-1]])[:, np.newaxis]
    together = reflection_matrix(batch, m, np.reshape(incidences, (2, 1, 1)), wavelengths[:, np.newaxis])
    assert together.shape == (2, 3, 2, 2, 2)
    for i, j, k in np.ndindex(2, 3, 2):
        alone = Stack(
            film(voigt=(k + 1) * Q, thickness=thicknesses[k]), above=[Layer([1.4, 1.5][k], 3e-9)], substrate=1.5
        )
        expected = reflection_matrix(alone, m[j, 0], incidences[i], wavelengths[j])
        assert_allclose(together[i, j, k], expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"magnetization": (0, 0, 1.1)}, "at most 1 long"),
        ({"magnetization": (0, 1)}, "m_x, m_y, m_z"),
        ({"angle_of_incidence": 45}, "below pi/2"),
        ({"angle_of_incidence": np.nan}, "below pi/2"),
        ({"wavelength": 0.0}, "above 0 m"),
        ({"side": "left"}, "side must be one of"),
        ({"polarization": "x"}, "polarization must be one of"),
        ({"quadratic": 0.01}, "must be a pair"),
        ({"quadratic": (np.nan, 0.0)}, "must be finite"),
        ({"stack": Stack(film(2.0, voigt=2.0))}, "two waves towards each side"),
        ({"stack": Stack(film(), below=[Layer(1.0, 1e-8)], ambient=2.0), "angle_of_incidence": np.pi / 6}, "critical"),
    ],
)
def test_what_cannot_be_right_is_refused(changes, message):
    arguments = {"stack": PAPER, "magnetization": (0.6, 0.0, 0.8), "angle_of_incidence": 0.7} | changes
    with pytest.raises(InputError, match=message):
        oblique_kerr_angle(**arguments)


def test_several_films_agree_with_the_normal_incidence_route() -> None:
    films = (
        Film(2.38 + 4.36j, 0.0036 - 0.011j, 6e-9, 1.09, 12e-12, 1.09),
        Layer(0.147 + 4.74j, 3e-9),
        Film(2.39 + 4.45j, 0.030 - 0.011j, 9e-9, 2.0, 24e-12, 2.0),
    )
    stack = Stack(films, above=[Layer(1.62, 2e-9)], below=[Layer(1.47, 300e-9)], substrate=3.7 + 0.008j)
    m_z = np.array([0.3, -0.2, 0.1, 0.4]) * 1e-6
    m = m_z[:, np.newaxis] * np.array([0.0, 0.0, 1.0])
    for side in ("top", "bottom"):
        for polarization in ("s", "p"):
            angle = oblique_kerr_angle(stack, m, 0.0, side=side, polarization=polarization)
            assert_allclose(angle, kerr_angle(stack, m_z, side=side), rtol=1e-9)
    with pytest.raises(InputError, match="equally many cells"):
        oblique_kerr_angle(stack, m[:3], 0.0)
