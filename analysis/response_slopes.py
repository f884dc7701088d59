"""Kerr response of a film to torques and calibration field, with its exact derivatives by model input.

The closed forms of `analysis.micromagnetics` and `analysis.optics` once more, for arrays and for arrays that carry
derivatives along (forward differentiation): no step size, no truncation, and what does not move costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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

    def __getitem__(self, entry: int) -> Dual:
        return Dual(self.value[entry], self.slope[:, entry])

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

    def __truediv__(self, other: Dual | Array | complex) -> Dual:
        return self * (1 / other)

    def __rtruediv__(self, other: Array | complex) -> Dual:
        value = other / self.value
        return Dual(value, -self.slope * (value / self.value))


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
    field : (points,)
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
    numbers: dict[str, Any] = {name: np.atleast_1d(value) for name, value in stack_numbers(stack, wavelength).items()}
    for name in {name for slope in slopes for name in slope}:
        rates = [np.atleast_1d(slope.get(name, 0.0)) for slope in slopes]
        numbers[name] = Dual(numbers[name], np.array(np.broadcast_arrays(*rates)))
    number, thickness = numbers.__getitem__, numbers["thickness"]
    light, rate = _squared_field(stack, wavelength, side, number)
    amplitudes, decay = _amplitudes(field, number, np.asarray(reference_thickness, dtype=float) / thickness)
    # Exponents from the near and from the far face: light down, light back and neither, times a tilt that is uniform,
    # that decays from the near and from the far face.
    light_alone, tilt_alone, none = rate * thickness, -decay * thickness, np.zeros(1)
    both = light_alone + tilt_alone
    overlaps = overlap(
        _stacked([light_alone, none, none, both, tilt_alone, tilt_alone, light_alone, none, none]),
        _stacked([none, light_alone, none, none, light_alone, none, tilt_alone, both, tilt_alone]),
    )
    uniform, near, far = (
        sum(weight * overlaps[3 * tilt + term] for term, weight in enumerate(light)) * thickness for tilt in range(3)
    )
    top, bottom = (near, far) if side == "top" else (far, near)
    kerr = _stacked([at_top * top + at_bottom * bottom + level * uniform for level, at_top, at_bottom in amplitudes])
    if isinstance(kerr, Dual):
        return kerr.value, kerr.slope
    return kerr, np.zeros((len(slopes), *kerr.shape), dtype=complex)


def overlap(first: Any, second: Any) -> Any:
    """Integral over t from 0 to 1 of exp(first t + second (1 - t)), real parts at most 0."""
    a, b = (x.value if isinstance(x, Dual) else x for x in (first, second))
    value = exponential_difference(a, b)
    if not isinstance(first, Dual) and not isinstance(second, Dual):
        return value
    weighted = _weighted_overlap(a, b, value)
    from_first = weighted * first.slope if isinstance(first, Dual) else 0.0
    from_second = (value - weighted) * second.slope if isinstance(second, Dual) else 0.0
    return Dual(value, np.asarray(from_first + from_second))


_SERIES = [1 / (math.factorial(order) * (order + 2)) for order in range(14, -1, -1)]  # of gap^k / (k! (k + 2))


def _weighted_overlap(a: Array, b: Array, plain: Array) -> Array:
    """Integral over t from 0 to 1 of t exp(a t + b (1 - t)), given that without the factor t."""
    gap = np.asarray(a - b)
    close = np.abs(gap) < 0.5
    series = np.zeros_like(gap)
    for coefficient in _SERIES:
        series = series * np.where(close, gap, 0.0) + coefficient
    return np.where(close, np.exp(b) * series, (np.exp(a) - plain) / np.where(close, 1.0, gap))


def _amplitudes(
    field: npt.ArrayLike, number: Callable[[str], Any], drive: Any
) -> tuple[list[tuple[Any, Any, Any]], Any]:
    """Uniform part and amplitudes at top and bottom face of the tilt under each push; inverse exchange length."""
    holding = number("effective_field") + np.abs(np.asarray(field, dtype=float))
    stiffness = number("saturation_induction") * holding / VACUUM_PERMEABILITY
    exchange = number("exchange_stiffness")
    decay = _sqrt(stiffness / (2 * exchange))
    wall = 2 * exchange * decay
    across = _exp(-decay * number("thickness"))
    pull_top, pull_bottom = 2 * number("anisotropy_top"), 2 * number("anisotropy_bottom")
    own_top, cross_top = wall - pull_top, (wall + pull_top) * across
    own_bottom, cross_bottom = wall - pull_bottom, (wall + pull_bottom) * across
    level = 1 / holding
    by_torque = 1 / (own_top * own_bottom - cross_top * cross_bottom)
    by_field, by_torque = by_torque * level, by_torque * drive
    return [
        (0.0, own_bottom * by_torque, cross_bottom * by_torque),
        (0.0, cross_top * by_torque, own_top * by_torque),
        (
            level,
            (own_bottom * pull_top + cross_top * pull_bottom) * by_field,
            (own_top * pull_bottom + cross_bottom * pull_top) * by_field,
        ),
    ], decay


def _squared_field(
    stack: Stack, wavelength: float, side: Side, number: Callable[[str], Any]
) -> tuple[tuple[Any, Any, Any], Any]:
    """Weights of exp(r s), exp(r (d - s)) and 1 in -k0 n^2 Q E(s)^2 / (2 n_inc r_0), and the rate r = 2i k0 n."""
    k0 = 2 * np.pi / wavelength
    above = [f"above.{layer}." for layer in range(len(stack.above))][::-1]
    below = [f"below.{layer}." for layer in range(len(stack.below))]
    outside, beyond, sign = "ambient", "substrate", 1.0
    layers = [*above, "", *below]
    if side == "bottom":
        layers, outside, beyond, sign = layers[::-1], "substrate", "ambient", -1.0
    position = layers.index("")
    indices = [number(outside), *(number(layer + "index") for layer in layers), number(beyond)]
    passes = [_exp(1j * k0 * number(layer + "thickness") * n) for layer, n in zip(layers, indices[1:-1], strict=True)]
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
    strength = (-sign * k0 / 2) * n * n * number("voigt") / (indices[0] * reflections[0])
    forward = strength * amplitude * amplitude
    back = behind * through * through
    return (forward, forward * back * behind, 2 * forward * back), 2j * k0 * n


def _exp(x: Any) -> Any:
    value = np.exp(x.value if isinstance(x, Dual) else x)
    return Dual(value, x.slope * value) if isinstance(x, Dual) else value


def _sqrt(x: Any) -> Any:
    value = np.sqrt(x.value if isinstance(x, Dual) else x)
    return Dual(value, x.slope / (2 * value)) if isinstance(x, Dual) else value


def _stacked(parts: Sequence[Any]) -> Any:
    """Numbers along a new first axis, broadcast against each other."""
    plain = [part.value if isinstance(part, Dual) else part for part in parts]
    values = np.empty((len(parts), *np.broadcast_shapes(*{value.shape for value in plain})), dtype=complex)
    duals = [part for part in parts if isinstance(part, Dual)]
    slope = np.zeros((len(duals[0].slope), *values.shape), dtype=complex) if duals else np.empty(0)
    for entry, (part, value) in enumerate(zip(parts, plain, strict=True)):
        values[entry] = value
        if isinstance(part, Dual):
            slope[:, entry] = part.slope
    return Dual(values, slope) if duals else values
