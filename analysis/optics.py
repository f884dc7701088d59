"""Polar Kerr effect of a stack at normal incidence: exact complex Kerr angle and depth sensitivity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.micromagnetics import TiltModes
from analysis.stack import ComplexArray, Film, FloatArray, Side, Stack, index_at, require

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
    stack: Stack,
    m_z: npt.ArrayLike | Sequence[npt.ArrayLike],
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    side: Side = "top",
) -> ComplexArray:
    """Exact complex polar Kerr angle at normal incidence.

    Parameters
    ----------
    stack
        The sample; its numbers may carry leading axes.
    m_z : scalar or (..., cells)
        Out-of-plane magnetisation, -1 to 1: uniform, or of equal cells from bottom to top of the film. With several
        films either a list of such values, one per film from bottom to top, or one array that holds the same number
        of cells for each film.
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
        Where an argument is not finite or out of range, or the stack does not reflect.

    Notes
    -----
    Theta = +-i (r+ - r-)/(r+ + r-), r+- from the Fresnel recursion begun at the far side with the indices
    n+- = n sqrt(1 +- Q m_z). Sum and difference of the two modes are propagated instead of the modes.
    """
    tilts = iter(_tilts(stack, m_z))
    indices, phases = _media(stack, wavelength, "bottom")
    media: list[tuple[_Pair, FloatArray]] = []
    for layer, index, phase in zip(stack.layers, indices[1:-1], phases, strict=True):
        if not isinstance(layer, Film):
            media.append((_Pair(index), phase))
            continue
        tilt = next(tilts)
        count = tilt.shape[-1]
        media += [(_circular(index, layer.voigt, tilt[..., cell]), phase / count) for cell in range(count)]
    ends = _Pair(indices[0]), _Pair(indices[-1])
    _require_side(side)
    if side == "top":
        reflection, sign = _reflection(ends[1], media[::-1], ends[0]), 1.0
    else:
        reflection, sign = _reflection(ends[0], media, ends[1]), -1.0
    _require_reflection(reflection.mean)
    return np.asarray(sign * 1j * reflection.difference / reflection.mean)


def _tilts(stack: Stack, m_z: npt.ArrayLike | Sequence[npt.ArrayLike]) -> list[FloatArray]:
    """Tilts (..., cells) of every film of the stack, bottom to top."""
    count = len(stack.films)
    parts: list[FloatArray]
    if isinstance(m_z, (list, tuple)) and len(m_z) == count:
        parts = [np.asarray(part, dtype=float) for part in m_z]
    else:
        whole = np.asarray(m_z, dtype=float)
        cells = whole.shape[-1] if whole.ndim else count
        require(
            "m_z", cells, f"a list of {count} values, one per film, or an array of equally many cells for each film",
            cells > 0 and cells % count == 0, "Split it by film.",
        )  # fmt: skip
        parts = [whole] * count if whole.ndim == 0 else np.split(whole, count, axis=-1)
    for part in parts:
        require("m_z", part, "finite and between -1 and 1", np.abs(part) <= 1, "Give unit magnetisation, not A/m.")
    return [part if part.ndim else part[np.newaxis] for part in parts]


def _circular(index: ComplexArray, voigt: npt.ArrayLike, m_z: FloatArray) -> _Pair:
    """Refractive indices n sqrt(1 +- Q m_z) of the two circular modes."""
    perturbation = np.asarray(voigt, dtype=complex) * m_z
    plus, minus = np.sqrt(1 + perturbation), np.sqrt(1 - perturbation)
    return _Pair(index * (plus + minus) / 2, index * perturbation / (plus + minus))


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
    """Light inside a film and what turns m_z into a Kerr angle: Theta = strength * integral E(s)^2 m_z ds.

    E(s) = forward [exp(i k s) + reflection exp(i k d) exp(i k (d - s))]. All attributes broadcast.

    Attributes
    ----------
    strength : (...)
        -k0 n^2 Q / (2 n_inc r_0), with the sign of the side (rad/m).
    forward : (...)
        Field amplitude E of the wave that travels away from the light, at the film's face of entry, per incident
        amplitude.
    reflection : (...)
        Reflection coefficient seen from inside the film at its far face.
    wavenumber : (...)
        k = k0 n in the film (1/m), complex.
    thickness : (...)
        Film thickness d (m).
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
        """Terms c exp(a s + b (d - s)), as (c, a, b), whose sum is strength E(s)^2."""
        rate = 2j * self.wavenumber
        zero = np.zeros_like(rate)
        once = self.strength * self.forward**2
        returned = once * self.reflection * np.exp(rate * self.thickness)
        return [(once, rate, zero), (returned * self.reflection, zero, rate), (2 * returned, zero, zero)]

    def kernel(self, cells: int) -> ComplexArray:
        """Kerr angle per unit m_z (..., cells) (rad) of equal cells, bottom to top."""
        (once, rate, _), (echo, _, _), (standing, _, _) = self.terms()
        step = self.thickness / cells
        one_cell = np.expm1(rate * step) / rate
        # A cell's integral is the first one's times a whole power of one number: one complex exponential per block.
        decays = _powers(np.broadcast_to(rate * step, np.shape(echo)), cells)
        inward, outward = (decays[..., ::-1], decays) if self.side == "top" else (decays, decays[..., ::-1])
        total: ComplexArray = inward * np.asarray(once * one_cell)[..., np.newaxis]
        decays *= np.asarray(echo * one_cell)[..., np.newaxis]  # in place: memory is what takes time here
        total += outward
        total += np.asarray(standing * step)[..., np.newaxis]
        return total


def film_fields(
    stack: Stack, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top"
) -> tuple[FilmField, ...]:
    """Solve the unperturbed stack once for the field inside each of its films, bottom to top.

    Parameters
    ----------
    stack, wavelength, side
        As in `kerr_angle`.

    Returns
    -------
    tuple of FilmField

    Notes
    -----
    Reflection coefficients by recursion from the far side, then the amplitudes towards it by continuity of E:
    no growing exponential appears, so opaque layers do no harm.
    """
    indices, phases = _media(stack, wavelength, side)
    passes = [np.exp(1j * phase * index) for phase, index in zip(phases, indices[1:-1], strict=True)]
    reflections = [(indices[-2] - indices[-1]) / (indices[-2] + indices[-1])]
    returns: list[ComplexArray] = []
    for near, here, single_pass in zip(indices[-3::-1], indices[-2:0:-1], passes[::-1], strict=True):
        fresnel = (near - here) / (near + here)
        returns.append(reflections[-1] * single_pass * single_pass)
        reflections.append((fresnel + returns[-1]) / (1 + fresnel * returns[-1]))
    reflections.reverse()  # reflections[j]: seen from medium j at its far face
    returns.reverse()  # returns[j]: seen from layer j at its near face

    _require_reflection(reflections[0])
    k0 = _wavenumber(wavelength)
    strength = (-0.5 if side == "top" else 0.5) * k0 / (indices[0] * reflections[0])
    layers = stack.layers if side == "bottom" else stack.layers[::-1]
    deepest = max(position for position, layer in enumerate(layers) if isinstance(layer, Film))
    fields = []
    entering: ComplexArray = 1 + reflections[0]
    for position, layer in enumerate(layers[: deepest + 1]):
        forward = entering / (1 + returns[position])
        index, reflection = indices[position + 1], reflections[position + 1]
        if isinstance(layer, Film):
            own = strength * index**2 * np.asarray(layer.voigt, dtype=complex)
            thickness = np.asarray(layer.thickness, dtype=float)
            fields.append(FilmField(own, forward, reflection, k0 * index, thickness, side))
        entering = forward * passes[position] * (1 + reflection)
    return tuple(fields if side == "bottom" else fields[::-1])


def film_field(stack: Stack, wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH, side: Side = "top") -> FilmField:
    """Field inside the film of a stack that has one; see `film_fields`."""
    _ = stack.single_film
    return film_fields(stack, wavelength, side)[0]


def depth_sensitivity(
    stack: Stack,
    cells: int | Sequence[int] = 80,
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    side: Side = "top",
) -> ComplexArray:
    """Complex Kerr angle per unit m_z of each of `cells` equal cells of a film, exact to first order in m_z.

    Parameters
    ----------
    stack, wavelength, side
        As in `kerr_angle`.
    cells
        Number of cells of each film, at least 1; one number for all films, or one per film from bottom to top.

    Returns
    -------
    (..., cells)
        Kerr angle per unit m_z (rad), bottom to top; the cells of all films in a row.

    Notes
    -----
    Theta = integral K(z) m_z dz with K = -k0 n^2 Q E^2 / (2 n_inc r_0), sign reversed from below; E^2 is
    integrated over each cell in closed form.
    """
    fields = film_fields(stack, wavelength, side)
    counts = [cells] * len(fields) if isinstance(cells, (int, np.integer)) else list(cells)
    require(
        "cells", counts, f"a whole number of at least 1, or {len(fields)} of them, one per film",
        len(counts) == len(fields) and all(int(count) == count >= 1 for count in counts), "80 is usual.",
    )  # fmt: skip
    kernels = [light.kernel(int(count)) for light, count in zip(fields, counts, strict=True)]
    if len(kernels) == 1:
        return kernels[0]
    leading = np.broadcast_shapes(*(kernel.shape[:-1] for kernel in kernels))
    return np.concatenate([np.broadcast_to(kernel, (*leading, kernel.shape[-1])) for kernel in kernels], axis=-1)


def tilt_response(
    stack: Stack,
    tilt: TiltModes | Sequence[TiltModes],
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    side: Side = "top",
) -> ComplexArray:
    """Complex Kerr angle (rad) of the closed-form tilt, integrated analytically: no cells at all.

    Parameters
    ----------
    stack, wavelength, side
        As in `kerr_angle`.
    tilt
        From `tilt_modes` of the same film; with several films, which must not be coupled, one per film.

    Returns
    -------
    (...)
        Kerr rotation + i ellipticity (rad), to first order in the tilt.
    """
    fields = film_fields(stack, wavelength, side)
    tilts = [tilt] if isinstance(tilt, TiltModes) else list(tilt)
    require("tilt", len(tilts), f"{len(fields)} tilts, one per film", len(tilts) == len(fields), "Give each its own.")
    return np.asarray(sum(_integrate(light, modes) for light, modes in zip(fields, tilts, strict=True)))


def _integrate(light: FilmField, tilt: TiltModes) -> ComplexArray:
    """Complex Kerr angle (...) (rad) of one film."""
    decay = 1 / tilt.length
    even, odd = tilt.symmetric - tilt.uniform, tilt.antisymmetric if light.side == "top" else -tilt.antisymmetric
    even, odd = even / (1 + np.exp(-decay * tilt.thickness)), odd / -np.expm1(-decay * tilt.thickness)
    total: ComplexArray = np.asarray(0j)
    for coefficient, a, b in light.terms():
        near = exponential_difference((a - decay) * light.thickness, b * light.thickness)
        far = exponential_difference(a * light.thickness, (b - decay) * light.thickness)
        uniform = exponential_difference(a * light.thickness, b * light.thickness)
        total = total + coefficient * (tilt.uniform * uniform + even * (near + far) + odd * (near - far))
    return light.thickness * total


def _powers(exponent: ComplexArray, count: int) -> ComplexArray:
    """exp(j exponent) for j = 0 ... count - 1 (..., count), as products of two short lists."""
    block = math.isqrt(count - 1) + 1
    fine = np.exp(exponent[..., np.newaxis] * np.arange(block))
    coarse = np.exp(exponent[..., np.newaxis] * np.arange(0, count, block))
    products: ComplexArray = (coarse[..., :, np.newaxis] * fine[..., np.newaxis, :]).reshape(*exponent.shape, -1)
    return products[..., :count]


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
    layers = stack.layers
    names = [stack.substrate, *(layer.index for layer in layers), stack.ambient]
    indices: list[ComplexArray] = [index_at(index, wavelength)[()] for index in names]  # scalars where they can be
    k0 = _wavenumber(wavelength)
    phases: list[FloatArray] = [k0 * np.asarray(layer.thickness, dtype=float)[()] for layer in layers]
    return (indices, phases) if side == "bottom" else (indices[::-1], phases[::-1])


def _wavenumber(wavelength: npt.ArrayLike) -> FloatArray:
    return 2 * np.pi / np.asarray(wavelength, dtype=float)


def _require_wavelength(wavelength: npt.ArrayLike) -> None:
    require("Wavelength", wavelength, "finite and above 0 m", np.asarray(wavelength) > 0, "Give e.g. 780e-9.")


def _require_side(side: str) -> None:
    if side not in ("top", "bottom"):
        raise InputError(f"side must be 'top' or 'bottom'; received {side!r}. Check its spelling.")


def _require_reflection(reflection: ComplexArray) -> None:
    if np.any(reflection == 0):
        raise InputError(
            "A stack must reflect light to have a Kerr angle; received one with reflectivity 0. "
            "Check its indices and thicknesses."
        )
