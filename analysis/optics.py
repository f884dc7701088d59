"""Polar Kerr effect of a stack at normal incidence: exact complex Kerr angle and depth sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.micromagnetics import TiltModes
from analysis.stack import ComplexArray, Film, FloatArray, Layer, Side, Stack, index_at, require

DEFAULT_WAVELENGTH = 780e-9
"""Wavelength (m) of the laser of the paper."""


@dataclass(frozen=True)
class _Pair:
    """The two circular modes as mean +- difference.

    Arithmetic on (mean, difference) never subtracts the two modes, so a Kerr angle of a nanoradian keeps
    all its digits.
    """

    mean: ComplexArray
    difference: ComplexArray | float = 0.0

    def __add__(self, other: _Pair) -> _Pair:
        return _Pair(self.mean + other.mean, self.difference + other.difference)

    def __sub__(self, other: _Pair) -> _Pair:
        return _Pair(self.mean - other.mean, self.difference - other.difference)

    def __mul__(self, other: _Pair) -> _Pair:
        return _Pair(
            self.mean * other.mean + self.difference * other.difference,
            self.mean * other.difference + self.difference * other.mean,
        )

    def __truediv__(self, other: _Pair) -> _Pair:
        norm = other.mean**2 - other.difference**2
        return _Pair(
            (self.mean * other.mean - self.difference * other.difference) / norm,
            (self.difference * other.mean - self.mean * other.difference) / norm,
        )

    def propagator(self, phase: npt.ArrayLike) -> _Pair:
        """exp(i phase (mean +- difference)), e.g. of an index over a round trip."""
        turn = np.asarray(phase, dtype=float)
        envelope, angle = np.exp(1j * turn * self.mean), turn * self.difference
        return _Pair(envelope * np.cos(angle), 1j * envelope * np.sin(angle))


def kerr_angle(
    stack: Stack, m_z: npt.ArrayLike, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top"
) -> ComplexArray:
    """Exact complex polar Kerr angle at normal incidence.

    Parameters
    ----------
    stack
        The sample; its numbers may carry leading axes.
    m_z : scalar or (..., cells)
        Out-of-plane magnetisation, -1 to 1: uniform, or of equal cells from bottom to top of the film.
    wavelength : (...)
        Vacuum wavelength (m), above 0.
    side : {"top", "bottom"}
        Where the light comes from.

    Returns
    -------
    (...)
        Kerr rotation + i ellipticity (rad), r_yx / r_xx; signs as for light from that side with fixed lab axes.

    Raises
    ------
    InputError
        Where an argument is not finite or out of range.

    Notes
    -----
    Theta = +-i (r+ - r-)/(r+ + r-), r+- from the Fresnel recursion begun at the far side with the indices
    n+- = n sqrt(1 +- Q m_z). Sum and difference of the two modes are propagated instead of the modes.
    """
    m_z = np.asarray(m_z, dtype=float)
    require("m_z", m_z, "finite and between -1 and 1", np.abs(m_z) <= 1, "Give unit magnetisation, not A/m.")
    _require_wavelength(wavelength)
    film = stack.film
    index = index_at(film.index, wavelength)
    cells = m_z if m_z.ndim else m_z[np.newaxis]
    count = cells.shape[-1]
    cell_phase = _wavenumber(wavelength) * np.asarray(film.thickness, dtype=float) / count
    gyration = np.asarray(film.voigt, dtype=complex)

    def magnetic(cell: int) -> _Pair:
        perturbation = gyration * cells[..., cell]
        plus, minus = np.sqrt(1 + perturbation), np.sqrt(1 - perturbation)
        return _Pair(index * (plus + minus) / 2, index * perturbation / (plus + minus))

    above = [(_Pair(index_at(layer.index, wavelength)), _phase(layer.thickness, wavelength)) for layer in stack.above]
    below = [(_Pair(index_at(layer.index, wavelength)), _phase(layer.thickness, wavelength)) for layer in stack.below]
    inside = [(magnetic(cell), cell_phase) for cell in range(count)]
    outer = [_Pair(index_at(stack.ambient, wavelength)), _Pair(index_at(stack.substrate, wavelength))]
    media = [*below[::-1], *inside, *above]  # bottom to top
    if side == "top":
        media, outer, sign = media[::-1], outer, 1.0
    else:
        _require_side(side)
        outer, sign = outer[::-1], -1.0
    reflection = _reflection(outer[0], media, outer[1])
    return np.asarray(sign * 1j * reflection.difference / reflection.mean)


def _reflection(incident: _Pair, media: Sequence[tuple[_Pair, FloatArray]], far: _Pair) -> _Pair:
    """Reflection coefficient of `media`, listed from the incident side, by recursion from the far side."""
    one = _Pair(np.asarray(1.0 + 0j))
    indices = [incident, *(index for index, _ in media), far]
    reflection = (indices[-2] - indices[-1]) / (indices[-2] + indices[-1])
    for near, (index, phase) in zip(indices[-3::-1], reversed(media), strict=True):
        fresnel = (near - index) / (near + index)
        returned = reflection * index.propagator(2 * phase)
        reflection = (fresnel + returned) / (one + fresnel * returned)
    return reflection


@dataclass(frozen=True)
class FilmField:
    """Light inside the film and what turns m_z into a Kerr angle: Theta = strength * integral E(s)^2 m_z ds.

    Attributes
    ----------
    strength : (...)
        -k0 n^2 Q / (2 n_inc r_0), with the sign of the side (rad/m).
    forward : (...)
        Field amplitude E of the wave that travels away from the light, at the face of entry, per incident amplitude.
    reflection : (...)
        Reflection coefficient seen from inside the film at its far face.
    wavenumber : (...)
        k0 n in the film (1/m), complex.
    thickness : (...)
        Film thickness (m).
    side
        Where the light comes from; depth s is counted from there.
    """

    strength: ComplexArray
    forward: ComplexArray
    reflection: ComplexArray
    wavenumber: ComplexArray
    thickness: FloatArray
    side: Side

    def terms(self) -> list[tuple[ComplexArray, ComplexArray, ComplexArray]]:
        """E(s)^2 as a sum of c exp(a s + b (d - s)): list of (c, a, b)."""
        rate = 2j * self.wavenumber
        zero = np.zeros_like(rate)
        square = self.forward**2
        round_trip = np.exp(rate * self.thickness)
        return [
            (square, rate, zero),
            (square * self.reflection**2 * round_trip, zero, rate),
            (2 * square * self.reflection * round_trip, zero, zero),
        ]


def film_field(stack: Stack, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top") -> FilmField:
    """Solve the unperturbed stack once for the field inside its film.

    Parameters
    ----------
    stack, wavelength, side
        As in `kerr_angle`.

    Returns
    -------
    FilmField

    Notes
    -----
    Reflection coefficients by recursion from the far side, then the amplitudes towards it by continuity of E:
    no growing exponential appears, so opaque layers do no harm.
    """
    _require_wavelength(wavelength)
    _require_side(side)
    film = stack.film
    near_layers, far_layers = (stack.above, stack.below) if side == "top" else (stack.below, stack.above)
    incident, far = (stack.ambient, stack.substrate) if side == "top" else (stack.substrate, stack.ambient)
    layers = [(layer.index, layer.thickness) for layer in reversed(near_layers)]
    position = len(layers)
    layers += [(film.index, film.thickness), *((layer.index, layer.thickness) for layer in far_layers)]

    indices = [index_at(index, wavelength) for index in (incident, *(index for index, _ in layers), far)]
    passes = [
        np.exp(1j * _phase(thickness, wavelength) * n) for (_, thickness), n in zip(layers, indices[1:-1], strict=True)
    ]
    reflections = [(indices[-2] - indices[-1]) / (indices[-2] + indices[-1])]
    for near, here, single_pass in zip(indices[-3::-1], indices[-2:0:-1], reversed(passes), strict=True):
        fresnel = (near - here) / (near + here)
        returned = reflections[-1] * single_pass**2
        reflections.append((fresnel + returned) / (1 + fresnel * returned))
    reflections.reverse()  # reflections[j]: seen from medium j at its far face

    amplitude = np.asarray(1.0 + 0j)
    for j in range(position + 1):
        entering = amplitude * (passes[j - 1] if j else 1.0) * (1 + reflections[j])
        amplitude = entering / (1 + reflections[j + 1] * passes[j] ** 2)

    n = indices[position + 1]
    k0 = _wavenumber(wavelength)
    sign = 1.0 if side == "top" else -1.0
    strength = -sign * k0 * n**2 * np.asarray(film.voigt, dtype=complex) / (2 * indices[0] * reflections[0])
    strength, amplitude, reflection, wavenumber = np.broadcast_arrays(
        strength, amplitude, reflections[position + 1], k0 * n
    )
    return FilmField(strength, amplitude, reflection, wavenumber, np.asarray(film.thickness, dtype=float), side)


def depth_sensitivity(
    stack: Stack, cells: int = 80, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top"
) -> ComplexArray:
    """Complex Kerr angle per unit m_z of each of `cells` equal cells of the film, exact to first order in m_z.

    Parameters
    ----------
    stack, wavelength, side
        As in `kerr_angle`.
    cells
        Number of cells, at least 1.

    Returns
    -------
    (..., cells)
        Kerr angle per unit m_z (rad), bottom to top.

    Notes
    -----
    Theta = integral K(z) m_z dz with K = -k0 n^2 Q E^2 / (2 n_inc r_0), sign reversed from below; E^2 is
    integrated over each cell in closed form.
    """
    require("cells", cells, "a whole number of at least 1", int(cells) == cells >= 1, "80 is usual.")
    light = film_field(stack, wavelength, side)
    thickness = light.thickness[..., np.newaxis]
    edges = thickness * (np.arange(cells + 1) / cells)
    total: ComplexArray = np.zeros((1,), dtype=complex)
    for coefficient, rate, reverse_rate in light.terms():
        start, stop = (
            rate[..., np.newaxis] * s + reverse_rate[..., np.newaxis] * (thickness - s)
            for s in (edges[..., :-1], edges[..., 1:])
        )
        total = total + coefficient[..., np.newaxis] * exponential_difference(start, stop)
    kernel = light.strength[..., np.newaxis] * total * thickness / cells
    return kernel[..., ::-1] if side == "top" else kernel


def tilt_response(
    stack: Stack, tilt: TiltModes, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top"
) -> ComplexArray:
    """Complex Kerr angle (rad) of the closed-form tilt, integrated analytically: no cells at all.

    Parameters
    ----------
    stack, wavelength, side
        As in `kerr_angle`.
    tilt
        From `tilt_modes` of the same film.

    Returns
    -------
    (...)
        Kerr rotation + i ellipticity (rad), to first order in the tilt.
    """
    light = film_field(stack, wavelength, side)
    near, far = (tilt.top, tilt.bottom) if side == "top" else (tilt.bottom, tilt.top)
    decay = 1 / tilt.length
    total: ComplexArray = np.asarray(0j)
    for coefficient, rate, reverse_rate in light.terms():
        for amplitude, a, b in (
            (tilt.uniform, rate, reverse_rate),
            (near, rate - decay, reverse_rate),
            (far, rate, reverse_rate - decay),
        ):
            total = total + coefficient * amplitude * exponential_difference(a * light.thickness, b * light.thickness)
    return np.asarray(light.strength * light.thickness * total)


def exponential_difference(a: npt.ArrayLike, b: npt.ArrayLike) -> ComplexArray:
    """(exp(a) - exp(b)) / (a - b), stable where a and b are close or very negative.

    Equals the integral over t from 0 to 1 of exp(a t + b (1 - t)).
    """
    a, b = np.broadcast_arrays(np.asarray(a, dtype=complex), np.asarray(b, dtype=complex))
    larger, smaller = np.where(a.real >= b.real, a, b), np.where(a.real >= b.real, b, a)
    gap = smaller - larger
    safe = np.where(gap == 0, 1.0, gap)
    return np.asarray(np.exp(larger) * np.where(gap == 0, 1.0, np.expm1(safe) / safe))


def reflectance(stack: Stack, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top") -> FloatArray:
    """Power reflectance (...), 0 to 1, of the unmagnetised stack at its face of entry."""
    indices, phases = _media(stack, wavelength, side)
    media = [(_Pair(index), phase) for index, phase in zip(indices[1:-1], phases, strict=True)]
    return np.asarray(np.abs(_reflection(_Pair(indices[0]), media, _Pair(indices[-1])).mean) ** 2)


def transmittance(stack: Stack, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top") -> FloatArray:
    """Power transmittance (...), 0 to 1, of the unmagnetised stack: what enters the medium behind its last face.

    Parameters
    ----------
    stack, wavelength, side
        As in `kerr_angle`.

    Returns
    -------
    (...)
        Power per incident power just behind the last face; an absorbing medium there takes it up further on.

    Notes
    -----
    T = Re(n_exit) |t|^2 / Re(n_inc). R + T = 1 - absorption of the layers where the medium of incidence is
    transparent; in an absorbing one incident and reflected wave interfere and 1 - R is not the power that enters.
    """
    indices, phases = _media(stack, wavelength, side)
    passes = [np.exp(1j * phase * index) for index, phase in zip(indices[1:-1], phases, strict=True)]
    passes.append(np.asarray(1 + 0j))
    reflection, amplitude = np.asarray(0j), np.asarray(1 + 0j)
    for near, here, single_pass in zip(indices[-2::-1], indices[:0:-1], passes[::-1], strict=True):
        fresnel, inner = (near - here) / (near + here), reflection * single_pass**2
        reflection = (fresnel + inner) / (1 + fresnel * inner)
        amplitude = amplitude * single_pass * (1 + fresnel) / (1 + fresnel * inner)
    return np.asarray(indices[-1].real * np.abs(amplitude) ** 2 / indices[0].real)


def _media(stack: Stack, wavelength: npt.ArrayLike, side: Side) -> tuple[list[ComplexArray], list[FloatArray]]:
    """Refractive indices of all media and vacuum phases k0 d of the layers, from the side of incidence."""
    _require_wavelength(wavelength)
    _require_side(side)
    layers: list[Layer | Film] = [*stack.above[::-1], stack.film, *stack.below]
    names = [stack.ambient, *(layer.index for layer in layers), stack.substrate]
    indices = [index_at(index, wavelength) for index in names]
    phases = [_phase(layer.thickness, wavelength) for layer in layers]
    return (indices, phases) if side == "top" else (indices[::-1], phases[::-1])


def _wavenumber(wavelength: npt.ArrayLike) -> FloatArray:
    return 2 * np.pi / np.asarray(wavelength, dtype=float)


def _phase(thickness: npt.ArrayLike, wavelength: npt.ArrayLike) -> FloatArray:
    phase: FloatArray = _wavenumber(wavelength) * np.asarray(thickness, dtype=float)
    return phase


def _require_wavelength(wavelength: npt.ArrayLike) -> None:
    require("Wavelength", wavelength, "finite and above 0 m", np.asarray(wavelength) > 0, "Give e.g. 780e-9.")


def _require_side(side: str) -> None:
    require(
        "side", side == "top" or side == "bottom", "'top' or 'bottom'", side in ("top", "bottom"), "Check its spelling."
    )
