"""Kerr response of a film to torques and calibration field, with its exact derivatives by model input.

The closed forms of `analysis.micromagnetics` and `analysis.optics` once more, in arithmetic that carries derivatives
along (forward differentiation): no step size, no truncation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.constants import VACUUM_PERMEABILITY
from analysis.optics import exponential_difference
from analysis.stack import ComplexArray, Side, Stack
from analysis.stack_batch import stack_numbers

PUSHES = ("torque_top", "torque_bottom", "calibration_field")
"""What a response belongs to, per J/m^2 or T."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dual:
    """Values with their derivatives.

    Attributes
    ----------
    value : (...)
        Values.
    slope : (inputs, ...)
        Their derivatives with respect to each input.
    """

    value: Array
    slope: Array

    __array_ufunc__ = None  # arrays leave arithmetic with a Dual to the Dual

    def __add__(self, other: Dual | Array | complex) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.slope + other.slope)
        return Dual(self.value + other, self.slope)

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: Dual | Array | complex) -> Dual:
        return self + (-other)

    def __rsub__(self, other: Array | complex) -> Dual:
        return -self + other

    def __mul__(self, other: Dual | Array | complex) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)
        return Dual(self.value * other, self.slope * other)

    __rmul__ = __mul__

    def inverse(self) -> Dual:
        """1 / self."""
        value = 1 / self.value
        return Dual(value, -self.slope * value**2)

    def __truediv__(self, other: Dual | Array | complex) -> Dual:
        return self * (other.inverse() if isinstance(other, Dual) else 1 / other)

    def __rtruediv__(self, other: Array | complex) -> Dual:
        return self.inverse() * other

    def at(self, number: int) -> Dual:
        """Entry of the first axis of the values."""
        return Dual(self.value[number], self.slope[:, number])

    def exp(self) -> Dual:
        """exp(self)."""
        value = np.exp(self.value)
        return Dual(value, self.slope * value)

    def sqrt(self) -> Dual:
        """Square root of self."""
        value = np.sqrt(self.value)
        return Dual(value, self.slope / (2 * value))


_SERIES = [1 / (math.factorial(order) * (order + 2)) for order in range(14, -1, -1)]  # of gap^k / (k! (k + 2))


def _stacked(parts: Sequence[Dual]) -> Dual:
    """Stack Duals along a new first axis of their values, broadcast against each other."""
    points = np.broadcast_shapes(*(part.value.shape for part in parts))
    inputs = parts[0].slope.shape[0]
    value = np.array([np.broadcast_to(part.value, points) for part in parts])
    return Dual(value, np.stack([np.broadcast_to(part.slope, (inputs, *points)) for part in parts], axis=1))


def overlap(first: Dual, second: Dual) -> Dual:
    """Integral over t from 0 to 1 of exp(first t + second (1 - t)), real parts at most 0."""
    value = exponential_difference(first.value, second.value)
    weighted = _weighted_overlap(first.value, second.value, value)
    return Dual(value, weighted * first.slope + (value - weighted) * second.slope)


def _weighted_overlap(a: Array, b: Array, plain: Array) -> Array:
    """Integral over t from 0 to 1 of t exp(a t + b (1 - t)), given that without the factor t."""
    gap = a - b
    close = np.abs(gap) < 0.5
    safe = np.where(close, 1.0, gap)
    series = np.zeros_like(gap)
    for coefficient in _SERIES:
        series = series * gap + coefficient
    return np.where(close, np.exp(b) * series, (np.exp(a) - plain) / safe)


def responses_with_slopes(
    stack: Stack,
    field: npt.ArrayLike,
    wavelength: float,
    side: Side,
    slopes: Sequence[Mapping[str, Array]],
    reference_thickness: npt.ArrayLike,
) -> tuple[ComplexArray, ComplexArray]:
    """Complex Kerr angles per unit of each push, and their derivatives.

    Parameters
    ----------
    stack
        Stack whose numbers may carry the axis (points,), stable in the plane.
    field : scalar or (points,)
        In-plane field (T).
    wavelength, side
        As in `analysis.kerr_angle`.
    slopes
        For each input the derivatives of the numbers of the stack, as `analysis.systematics.input_slopes` gives them.
    reference_thickness : scalar or (points,)
        Thickness (m) with which current densities were computed: at a given current a film of another thickness
        carries another density, so both torques go as reference over thickness.

    Returns
    -------
    responses : (3, points)
        In the order of `PUSHES`.
    derivatives : (inputs, 3, points)
    """
    numbers = stack_numbers(stack, wavelength)
    none = np.zeros((len(slopes), 1))

    def dual(name: str) -> Dual:
        value = np.atleast_1d(numbers[name])
        rates = [np.atleast_1d(slope[name]) if name in slope else None for slope in slopes]
        if not any(rate is not None for rate in rates):
            return Dual(value, none)
        filled = [np.zeros(1) if rate is None else rate for rate in rates]
        return Dual(value, np.stack(np.broadcast_arrays(*filled)))

    thickness = dual("thickness")
    light, rate = _squared_field(stack, wavelength, side, dual)
    amplitudes, decay = _amplitudes(field, dual, np.asarray(reference_thickness, dtype=float) / thickness)
    nothing = Dual(np.zeros(1), none)
    absorbed, smoothed = rate * thickness, -decay * thickness
    ends = ((absorbed, nothing), (nothing, absorbed), (nothing, nothing))
    tilts = ((nothing, nothing), (smoothed, nothing), (nothing, smoothed))  # uniform, decaying from near and far face
    pairs = [(a + near, b + far) for near, far in tilts for a, b in ends]
    overlaps = overlap(_stacked([a for a, _ in pairs]), _stacked([b for _, b in pairs]))
    uniform, near, far = (
        sum((c * overlaps.at(3 * number + term) for term, c in enumerate(light)), start=nothing) for number in range(3)
    )
    top, bottom = (near, far) if side == "top" else (far, near)
    kerr = _stacked(
        [(at_top * top + at_bottom * bottom + level * uniform) * thickness for level, at_top, at_bottom in amplitudes]
    )
    return kerr.value, kerr.slope


def _amplitudes(field: npt.ArrayLike, dual: Any, drive: Dual) -> tuple[list[tuple[Dual, Dual, Dual]], Dual]:
    """Uniform part and amplitudes at top and bottom face of the tilt under each push; inverse exchange length."""
    holding = dual("effective_field") + np.abs(np.asarray(field, dtype=float))
    stiffness = dual("saturation_induction") * holding / VACUUM_PERMEABILITY
    exchange = dual("exchange_stiffness")
    decay = (stiffness / (2 * exchange)).sqrt()
    wall = 2 * exchange * decay
    across = (-decay * dual("thickness")).exp()
    pull_top, pull_bottom = 2 * dual("anisotropy_top"), 2 * dual("anisotropy_bottom")
    own_top, cross_top = wall - pull_top, (wall + pull_top) * across
    own_bottom, cross_bottom = wall - pull_bottom, (wall + pull_bottom) * across
    scale = drive / (own_top * own_bottom - cross_top * cross_bottom)
    level = 1 / holding
    still = 0.0 * level
    lever = level * scale / drive
    return [
        (still, own_bottom * scale, cross_bottom * scale),
        (still, cross_top * scale, own_top * scale),
        (
            level,
            lever * (own_bottom * pull_top + cross_top * pull_bottom),
            lever * (own_top * pull_bottom + cross_bottom * pull_top),
        ),
    ], decay


def _squared_field(stack: Stack, wavelength: float, side: Side, dual: Any) -> tuple[tuple[Dual, Dual, Dual], Dual]:
    """Weights of exp(r s), exp(r (d - s)) and 1 in -k0 n^2 Q E(s)^2 / (2 n_inc r_0), and the rate r = 2i k0 n."""
    k0 = 2 * np.pi / wavelength
    above = [f"above.{number}." for number in range(len(stack.above))][::-1]
    below = [f"below.{number}." for number in range(len(stack.below))]
    outside, beyond, sign = "ambient", "substrate", 1.0
    layers = [*above, "", *below]
    if side == "bottom":
        layers, outside, beyond, sign = layers[::-1], "substrate", "ambient", -1.0
    position = layers.index("")
    indices = [dual(outside), *(dual(layer + "index") for layer in layers), dual(beyond)]
    passes = [(1j * k0 * dual(layer + "thickness") * n).exp() for layer, n in zip(layers, indices[1:-1], strict=True)]
    reflections = [(indices[-2] - indices[-1]) / (indices[-2] + indices[-1])]
    for near, here, single in zip(indices[-3::-1], indices[-2:0:-1], reversed(passes), strict=True):
        fresnel = (near - here) / (near + here)
        returned = reflections[-1] * single * single
        reflections.append((fresnel + returned) / (1 + fresnel * returned))
    reflections.reverse()  # reflections[j]: seen from medium j at its far face
    amplitude = (1 + reflections[0]) / (1 + reflections[1] * passes[0] * passes[0])
    for j in range(1, position + 1):
        entering = amplitude * passes[j - 1] * (1 + reflections[j])
        amplitude = entering / (1 + reflections[j + 1] * passes[j] * passes[j])
    n, behind, through = indices[position + 1], reflections[position + 1], passes[position]
    strength = (-sign * k0 / 2) * n * n * dual("voigt") / (indices[0] * reflections[0])
    forward = strength * amplitude * amplitude
    back = behind * through * through
    return (forward, forward * back * behind, 2 * forward * back), 2j * k0 * n
