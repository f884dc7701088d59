"""Kerr effect at oblique incidence for any direction of the magnetisation: exact 2x2 Jones matrices of a stack.

Conventions, beyond those of `analysis.optics`:

- Fields vary as exp(i k.r - i w t). Sample axes: +z from the substrate to the cap; x in the plane of incidence, along
  the tangential part of the incident wave vector; y = z cross x. The magnetisation m = (m_x, m_y, m_z) is given in
  these axes for either side: m_z is polar, m_x longitudinal, m_y transverse.
- Permittivity of the film: eps_ij / n^2 = delta_ij - i Q e_ijk m_k, with e_xyz = 1, plus the terms quadratic in m
  (G11 - G12) m_i^2 on the diagonal and 2 G44 m_i m_j off it, both over n^2: a cubic crystal with its axes along x, y
  and z, and an isotropic film where the two constants are equal. m along z with Q alone gives n^2 (1 +- Q m_z).
- Jones vectors are (E_s, E_p), so a matrix is [[r_ss, r_sp], [r_ps, r_pp]]: first letter out, second letter in.
  p points to +x before and after reflection (lab axes fixed): from the top p = (cos a, 0, sin a) in the incident light
  and (cos a, 0, -sin a) in the reflected light. So r_pp = r_ss at normal incidence; textbooks that turn p with the
  beam have -r_pp and -r_ps. s is +y for light from the top. From below the sample is turned over about x: s is -y.
- Complex Kerr angles count from the incident polarisation in the sense from p to s, as an observer facing the reflected
  beam sees them: r_sp / r_pp for p, -r_ps / r_ss for s. Both are `kerr_angle` at normal incidence with m along z.
- In an absorbing medium of incidence the wave vector k0 (n + ik) (sin a, 0, -cos a), from the top, defines the angle a.

Method: the tangential fields E = (E_x, E_y) and H = (H_y, -H_x) obey Berreman's equation
d/dz (E, H) = i k0 [[A, B], [C, D]] (E, H) (Berreman 1972; Zak, Moog, Liu, Bader 1991). In each medium the two waves
towards one side share a 2x2 admittance Y, H = Y E, which solves C + D Y - Y A - Y B Y = 0, and a 2x2 matrix of wave
numbers K = A + B Y. The reflection matrix is recurred from the far side, with decaying exponentials only. Y and K
are smooth in m even where the two waves are degenerate, so no eigenvectors are needed and a Kerr angle of a
nanoradian keeps its digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.optics import DEFAULT_WAVELENGTH, exponential_difference
from analysis.stack import ComplexArray, Film, FloatArray, Side, Stack, index_at, require

Polarization = Literal["s", "p"]

_MOST_STEPS = 30
_CLOSE = 1e-9  # relative size of a Newton step after which one more step reaches rounding


def reflection_matrix(
    stack: Stack,
    magnetization: npt.ArrayLike,
    angle_of_incidence: npt.ArrayLike,
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    side: Side = "top",
    quadratic: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 0.0),
) -> ComplexArray:
    """Jones matrix of reflection, [[r_ss, r_sp], [r_ps, r_pp]].

    Parameters
    ----------
    stack
        The sample; its numbers may carry leading axes.
    magnetization : (3,) or (..., cells, 3)
        m = (m_x, m_y, m_z), of length 0 to 1: uniform, or of equal cells from bottom to top of the film.
    angle_of_incidence : (...)
        Angle from the normal in the medium of incidence (rad), 0 to below pi/2.
    wavelength : (...)
        Vacuum wavelength (m), above 0.
    side : {"top", "bottom"}
        Where the light comes from.
    quadratic : pair of (...)
        Quadratic magneto-optic constants ((G11 - G12) / n^2, 2 G44 / n^2), complex; equal for an isotropic film.

    Returns
    -------
    (..., 2, 2)
        Amplitude reflection coefficients; axes and signs in the module's docstring.

    Raises
    ------
    InputError
        Where an argument is not finite or out of range, where a wave runs exactly along a layer (critical angle), and
        where the film is so strongly magneto-optic that its waves cannot be told from one another by direction.
    """
    solution = _solve(stack, magnetization, angle_of_incidence, wavelength, side, quadratic)
    return _jones(solution.reflection, solution.cosine, solution.cosine, side)


def transmission_matrix(
    stack: Stack,
    magnetization: npt.ArrayLike,
    angle_of_incidence: npt.ArrayLike,
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    side: Side = "top",
    quadratic: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 0.0),
) -> ComplexArray:
    """Jones matrix of transmission, [[t_ss, t_sp], [t_ps, t_pp]], into the medium at the far side.

    Parameters
    ----------
    stack, magnetization, angle_of_incidence, wavelength, side, quadratic
        As in `reflection_matrix`, which raises the same errors.

    Returns
    -------
    (..., 2, 2)
        Ratios of electric field amplitudes at the two outer faces of the stack. The power ratio of transparent media
        is |t|^2 times Re(n cos a) at the far side over Re(n cos a) at the near side.
    """
    solution = _solve(stack, magnetization, angle_of_incidence, wavelength, side, quadratic)
    return _jones(solution.transmission, solution.cosine, solution.far_cosine, side)


def oblique_kerr_angle(
    stack: Stack,
    magnetization: npt.ArrayLike,
    angle_of_incidence: npt.ArrayLike,
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    side: Side = "top",
    polarization: Polarization = "s",
    quadratic: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 0.0),
) -> ComplexArray:
    """Exact complex Kerr angle at oblique incidence.

    Parameters
    ----------
    stack, magnetization, angle_of_incidence, wavelength, side, quadratic
        As in `reflection_matrix`, which raises the same errors.
    polarization : {"s", "p"}
        Incident polarisation.

    Returns
    -------
    (...)
        Kerr rotation + i ellipticity (rad): -r_ps / r_ss for s, r_sp / r_pp for p. At normal incidence and m along z
        both equal `analysis.optics.kerr_angle`.
    """
    _require_one_of("polarization", polarization, "s", "p")
    (r_ss, r_sp), (r_ps, r_pp) = np.moveaxis(
        reflection_matrix(stack, magnetization, angle_of_incidence, wavelength, side, quadratic), (-2, -1), (0, 1)
    )
    return np.asarray(-r_ps / r_ss if polarization == "s" else r_sp / r_pp)


@dataclass(frozen=True)
class _Slab:
    """Waves of a homogeneous slab, away from the light and back to it, on the tangential fields E and H.

    Attributes
    ----------
    admittance, back_admittance : (..., 2, 2)
        Y of H = Y E.
    crossing, back_crossing : (..., 2, 2)
        What crossing the slab makes of E; both decay.
    """

    admittance: ComplexArray
    back_admittance: ComplexArray
    crossing: ComplexArray
    back_crossing: ComplexArray

    def cell(self, number: int) -> _Slab:
        """One cell, where the last axis before the matrices counts cells."""
        return _Slab(
            self.admittance[..., number, :, :],
            self.back_admittance[..., number, :, :],
            self.crossing[..., number, :, :],
            self.back_crossing[..., number, :, :],
        )


@dataclass(frozen=True)
class _Solution:
    """Matrices of E at the outer faces, and cosines of the angles in the media of incidence and of transmission."""

    reflection: ComplexArray
    transmission: ComplexArray
    cosine: FloatArray
    far_cosine: ComplexArray


def _solve(
    stack: Stack,
    magnetization: npt.ArrayLike,
    angle: npt.ArrayLike,
    wavelength: npt.ArrayLike,
    side: Side,
    quadratic: tuple[npt.ArrayLike, npt.ArrayLike],
) -> _Solution:
    cells = _checked_cells(magnetization)
    angle = np.asarray(angle, dtype=float)
    require(
        "angle_of_incidence", angle, "from 0 to below pi/2 rad", (angle >= 0) & (angle < np.pi / 2),
        "Give radians, e.g. np.deg2rad(45).",
    )  # fmt: skip
    require("Wavelength", wavelength, "finite and above 0 m", np.asarray(wavelength) > 0, "Give e.g. 780e-9.")
    _require_one_of("side", side, "top", "bottom")
    constants = _checked_constants(quadratic)

    direction = -1 if side == "top" else 1
    k0 = 2 * np.pi / np.asarray(wavelength, dtype=float)
    ambient, substrate = index_at(stack.ambient, wavelength), index_at(stack.substrate, wavelength)
    near, far = (ambient, substrate) if side == "top" else (substrate, ambient)
    tangential = near * np.sin(angle)

    def isotropic(index: ComplexArray, thickness: npt.ArrayLike) -> _Slab:
        waves = [_isotropic_waves(index, tangential, sign) for sign in (direction, -direction)]
        return _slab(waves, direction * k0 * np.asarray(thickness, dtype=float))

    parts = _split(cells, len(stack.films))

    def magnetic(film: Film, part: FloatArray) -> list[_Slab]:
        index, wave, phase = (
            np.asarray(value)[..., np.newaxis]
            for value in (index_at(film.index, wavelength), tangential, k0 * np.asarray(film.thickness, dtype=float))
        )
        relative = _relative_permittivity(film.voigt, part, constants)
        waves = [_magnetic_waves(index, relative, wave, sign) for sign in (direction, -direction)]
        slab = _slab(waves, direction * phase / part.shape[-2])
        return [slab.cell(number) for number in range(part.shape[-2])]

    slabs = [isotropic(substrate, 0.0)]
    for layer in stack.layers:  # bottom to top
        if isinstance(layer, Film):
            slabs += magnetic(layer, parts.pop(0))
        else:
            slabs.append(isotropic(index_at(layer.index, wavelength), layer.thickness))
    slabs.append(isotropic(ambient, 0.0))
    reflection, transmission = _recursion(slabs[::direction])
    far_cosine = _normal_wavenumber(far, tangential) / far
    return _Solution(reflection, transmission, np.cos(angle), far_cosine)


def _checked_cells(magnetization: npt.ArrayLike) -> FloatArray:
    """Magnetisation as (..., cells, 3)."""
    m = np.asarray(magnetization, dtype=float)
    require("Last axis of magnetization", m.shape, "(m_x, m_y, m_z)", m.shape[-1:] == (3,), "Give (..., cells, 3).")
    require(
        "magnetization", m, "finite and at most 1 long", np.sum(m**2, axis=-1) <= 1 + 1e-9,
        "Give unit magnetisation, not A/m.",
    )  # fmt: skip
    return m if m.ndim > 1 else m[np.newaxis]


def _split(cells: FloatArray, films: int) -> list[FloatArray]:
    """Cells of each film, bottom to top; a single one holds for all films."""
    count = cells.shape[-2]
    require(
        "magnetization", count, f"one vector for all films, or equally many cells for each of {films}",
        count == 1 or count % films == 0, "Split it by film.",
    )  # fmt: skip
    return [cells] * films if count == 1 else np.split(cells, films, axis=-2)


def _checked_constants(quadratic: tuple[npt.ArrayLike, npt.ArrayLike]) -> tuple[ComplexArray, ComplexArray]:
    try:
        diagonal, shear = (np.asarray(constant, dtype=complex) for constant in quadratic)
    except (TypeError, ValueError):
        raise InputError(
            f"quadratic must be a pair of numbers; received {quadratic!r}. Give ((G11 - G12) / n^2, 2 G44 / n^2)."
        ) from None
    for constant in (diagonal, shear):
        require("A constant of quadratic", constant, "finite", True, "Give 0 where it is not known.")
    return diagonal, shear


def _require_one_of(name: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be one of {allowed}; received {value!r}. Check its spelling.")


def _relative_permittivity(
    voigt: npt.ArrayLike, m: FloatArray, quadratic: tuple[ComplexArray, ComplexArray]
) -> ComplexArray:
    """Permittivity over n^2 (3, 3, ..., cells) of the film."""
    diagonal, shear = (constant[..., np.newaxis] for constant in quadratic)
    x, y, z = np.moveaxis(m, -1, 0)
    gyration = 1j * np.asarray(voigt, dtype=complex)[..., np.newaxis]
    entries = np.broadcast_arrays(
        1 + diagonal * x**2, shear * x * y - gyration * z, shear * x * z + gyration * y,
        shear * x * y + gyration * z, 1 + diagonal * y**2, shear * y * z - gyration * x,
        shear * x * z - gyration * y, shear * y * z + gyration * x, 1 + diagonal * z**2,
    )  # fmt: skip
    return np.stack(entries).reshape(3, 3, *entries[0].shape)


def _normal_wavenumber(index: ComplexArray, tangential: ComplexArray) -> ComplexArray:
    """k_z / k0 of the wave that travels or decays towards +z."""
    q = np.sqrt(index**2 - tangential**2)
    require(
        "Tangential wave number n sin(angle)", tangential, "off the critical angle of every layer",
        np.abs(q) > 1e-7 * np.abs(index), "Change the angle by 1e-9 rad.",
    )  # fmt: skip
    return np.where(q.real + q.imag < 0, -q, q)


def _isotropic_waves(index: ComplexArray, tangential: ComplexArray, sign: int) -> tuple[ComplexArray, ComplexArray]:
    """Y and K of the waves towards sign * z."""
    q = sign * _normal_wavenumber(index, tangential)
    return _matrix(index**2 / q, 0, 0, q), _matrix(q, 0, 0, q)


def _magnetic_waves(
    index: ComplexArray, relative: ComplexArray, tangential: ComplexArray, sign: int
) -> tuple[ComplexArray, ComplexArray]:
    """Y and K of the waves towards sign * z, by Newton's method from those of the unmagnetised medium."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = relative
    square = index**2
    A = _matrix(-tangential * zx / zz, -tangential * zy / zz, 0, 0)
    B = _matrix(1 - tangential**2 / (square * zz), 0, 0, 1)
    C = _matrix(
        square * (xx - xz * zx / zz), square * (xy - xz * zy / zz),
        square * (yx - yz * zx / zz), square * (yy - yz * zy / zz) - tangential**2,
    )  # fmt: skip
    D = _matrix(-tangential * xz / zz, 0, -tangential * yz / zz, 0)

    def step(Y: ComplexArray) -> ComplexArray:
        """Solve (Y B - D) step + step (A + B Y) = C + D Y - Y A - Y B Y, by Cayley and Hamilton."""
        left, right = Y @ B - D, A + B @ Y
        residual = C + D @ Y - Y @ right
        trace, determinant = _trace(right), _determinant(right)
        operator = left @ left + trace * left + determinant * np.eye(2)
        return np.asarray(_inverse(operator) @ (left @ residual + residual @ _adjugate(right)))

    Y = _isotropic_waves(index, tangential, sign)[0]
    for _ in range(_MOST_STEPS):
        change = step(Y)
        Y = Y + change
        if np.all(np.abs(change).max(axis=(-2, -1)) <= _CLOSE * np.abs(Y).max(axis=(-2, -1))):
            Y = Y + step(Y)
            K = A + B @ Y
            if all(np.all(sign * (q.real + q.imag) > 0) for q in _eigenvalues(K)):
                return Y, K
            break
    raise InputError(
        "Magneto-optic constants of the film must leave two waves towards each side; received a permittivity over n^2 "
        f"that differs from 1 by up to {np.abs(np.moveaxis(relative, (0, 1), (-2, -1)) - np.eye(3)).max():.3g}, "
        "too much at this angle of incidence. Check Q and the quadratic constants, or change the angle."
    )


def _slab(waves: Sequence[tuple[ComplexArray, ComplexArray]], signed_phase: npt.ArrayLike) -> _Slab:
    """Slab of k0 times its thickness, positive for light towards +z; `waves` away from the light, then back."""
    (admittance, wavenumber), (back_admittance, back_wavenumber) = waves
    turn = 1j * np.asarray(signed_phase)[..., np.newaxis, np.newaxis]
    return _Slab(admittance, back_admittance, _exponential(turn * wavenumber), _exponential(-turn * back_wavenumber))


def _recursion(slabs: Sequence[_Slab]) -> tuple[ComplexArray, ComplexArray]:
    """Reflection and transmission of E by `slabs`, listed from the incident side; the first and last are outside.

    At a face E and H are continuous: a + b = (1 + R) A and Y a + Y' b = (Y_far + Y_far' R) A, with a and A the
    waves away from the light before and behind it, b the wave back and R what lies behind.
    """
    reflection, transmission = np.zeros((2, 2), dtype=complex), np.eye(2, dtype=complex)
    for near, far in zip(slabs[-2::-1], slabs[:0:-1], strict=True):
        contrast = near.admittance - near.back_admittance
        ahead = (far.admittance - near.back_admittance) + (far.back_admittance - near.back_admittance) @ reflection
        behind = (near.admittance - far.admittance) + (near.admittance - far.back_admittance) @ reflection
        passing = _inverse(ahead) @ contrast
        reflection = near.back_crossing @ (_inverse(contrast) @ behind @ passing) @ near.crossing
        transmission = transmission @ passing @ near.crossing
    return reflection, transmission


def _jones(tangential: ComplexArray, cosine: npt.ArrayLike, cosine_out: npt.ArrayLike, side: Side) -> ComplexArray:
    """Jones matrix in (s, p) of a matrix of the tangential field (E_x, E_y)."""
    sign = 1 if side == "top" else -1
    (xx, xy), (yx, yy) = np.moveaxis(tangential, (-2, -1), (0, 1))
    return _matrix(yy, sign * yx * cosine, sign * xy / cosine_out, xx * cosine / cosine_out)


def _matrix(*entries: npt.ArrayLike) -> ComplexArray:
    """2x2 matrices (..., 2, 2) of four entries, row by row."""
    stacked = np.stack(np.broadcast_arrays(*entries), axis=-1).astype(complex)
    return stacked.reshape(*stacked.shape[:-1], 2, 2)


def _trace(matrix: ComplexArray) -> ComplexArray:
    return np.asarray(matrix[..., :1, :1] + matrix[..., 1:, 1:])


def _determinant(matrix: ComplexArray) -> ComplexArray:
    return np.asarray(matrix[..., :1, :1] * matrix[..., 1:, 1:] - matrix[..., :1, 1:] * matrix[..., 1:, :1])


def _adjugate(matrix: ComplexArray) -> ComplexArray:
    return np.asarray(matrix[..., ::-1, ::-1].swapaxes(-1, -2) * np.array([[1, -1], [-1, 1]]))


def _inverse(matrix: ComplexArray) -> ComplexArray:
    return _adjugate(matrix) / _determinant(matrix)


def _eigenvalues(matrix: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Both eigenvalues, each (..., 1, 1)."""
    half = _trace(matrix) / 2
    spread = np.sqrt(-_determinant(matrix - half * np.eye(2)))
    return half + spread, half - spread


def _exponential(matrix: ComplexArray) -> ComplexArray:
    """Matrix exponential, smooth where the eigenvalues meet."""
    first, second = _eigenvalues(matrix)
    deviation = matrix - (first + second) / 2 * np.eye(2)
    return np.asarray(
        (np.exp(first) + np.exp(second)) / 2 * np.eye(2) + exponential_difference(first, second) * deviation
    )
