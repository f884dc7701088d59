"""Loops and the model's response over their fields, both kept as little as they hold: the response is smooth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.averaged_loops import FieldWindow, SampleData, within
from analysis.errors import AnalysisError
from analysis.loops import CHANNELS, Channel, Parity
from analysis.micromagnetics import tilt_modes
from analysis.optics import tilt_response
from analysis.stack import ComplexArray, FloatArray, Side, Stack
from analysis.stack_batch import Batch, batches, stack_numbers, with_numbers

PUSHES = ("torque_top", "torque_bottom", "calibration_field")
"""What turns the magnetisation out of the plane, in the order of the responses."""

_NODES = (12, 24, 48, 96, 192)  # tried in turn
_EXACT = 1e-12  # of the largest response: what interpolation between the nodes may miss


@dataclass(frozen=True)
class CompressedLoop:
    """Odd or even part of a loop, turned so that few rows hold all that a smooth response can tell of it.

    Attributes
    ----------
    rows : (m, nodes)
        Turn the response at the nodes into the model of `signal`.
    signal : (m,)
        (rad); with the rows an orthogonal transform of the points, so that sums of squared residuals are theirs.
    constant : (m,)
        What a constant 1 in the signal, of one sign at all fields, is in it.
    count
        Points of the loop.
    """

    rows: FloatArray
    signal: FloatArray
    constant: FloatArray
    count: int


class LoopResponses:
    """Response of a stack, and of others like it, to unit pushes over the fields of a sample's loops.

    Parameters
    ----------
    data
        Averaged loops.
    window
        Magnitudes of the field (T) that are used.
    stack
        The sample; nodes are as close as its response needs.
    side, wavelength
        Of the light.

    Notes
    -----
    The response depends on |H| and is analytic in it, so that a polynomial through Chebyshev points follows it to
    1e-12; a fit of thousands of points asks the model at a dozen fields only.
    """

    def __init__(self, data: SampleData, window: FieldWindow, stack: Stack, side: Side, wavelength: float) -> None:
        self._data, self._window, self._stack = data, window, stack
        self._side, self._wavelength = side, wavelength
        self._loops: dict[tuple[str, Channel, Parity], CompressedLoop] = {}
        self._known: dict[int, tuple[Stack, ComplexArray]] = {}

    def at(self, stack: Stack) -> tuple[ComplexArray, ComplexArray]:
        """Complex Kerr angle (rad) per unit of each of `PUSHES`, at the nodes (3, nodes) and at zero field (3,)."""
        if id(stack) not in self._known:
            self.prepare([stack])
        angles = self._known[id(stack)][1]
        return angles[:, :-1], angles[:, -1]

    def prepare(self, stacks: Sequence[Stack]) -> None:
        """Compute the responses of many stacks at once."""
        fields = np.append(self._nodes, 0.0)
        for batch in batches(stacks, self._wavelength):
            angles = np.broadcast_to(self._responses(_spread(batch, self._wavelength), fields), (
                len(batch.positions), len(PUSHES), len(fields),
            ))  # fmt: skip
            for position, response in zip(batch.positions, angles, strict=True):
                self._known[id(stacks[position])] = stacks[position], response

    def loop(self, path: str, channel: Channel, parity: Parity) -> CompressedLoop:
        """One part of the averaged loop of a path and channel."""
        key = path, channel, parity
        if key not in self._loops:
            self._loops[key] = self._compressed(*key)
        return self._loops[key]

    def _compressed(self, path: str, channel: Channel, parity: Parity) -> CompressedLoop:
        field, part = self._used(path, channel, parity)
        rows = _interpolation(self._nodes, np.abs(field))
        if parity == "odd":
            rows = rows * np.sign(field)[:, np.newaxis]
        count, constant = len(field), np.ones(len(field))
        table: FloatArray = np.column_stack([rows, constant, part])
        if count > table.shape[1]:
            table = np.asarray(np.linalg.qr(table, mode="r"))
        return CompressedLoop(table[:, :-2], table[:, -1], table[:, -2], count)

    def _used(self, path: str, channel: Channel, parity: Parity) -> tuple[FloatArray, FloatArray]:
        """Fields (n,) that the window holds, and the part (n,) there."""
        loop = self._data.loops[(path, channel)]
        window = within(loop.field, self._window)
        if not np.any(window):
            low, high = self._window
            raise AnalysisError(
                f"Loops of {self._stack.name!r} must have points between {low:.3g} and {high:.3g} T; {path} {channel} "
                "has none there. Widen the fields used, or measure further out."
            )
        return loop.field[window], (loop.odd if parity == "odd" else loop.even)[window]

    @cached_property
    def _nodes(self) -> FloatArray:
        """Fields (nodes,) (T) at which the model is asked."""
        paths = dict.fromkeys(path for path, _ in self._data.loops)
        used = np.abs(np.concatenate([self._used(path, name, "odd")[0] for path in paths for name in CHANNELS]))
        low, high = float(np.min(used)), float(np.max(used))
        if low == high:
            return np.array([low])
        for count in _NODES:
            nodes = _chebyshev(low, high, count)
            between = (nodes[1:] + nodes[:-1]) / 2
            angles = self._responses(self._stack, np.concatenate([nodes, between]))
            missed = angles[:, count:] - angles[:, :count] @ _interpolation(nodes, between).T
            if np.all(np.abs(missed) <= _EXACT * np.max(np.abs(angles), axis=1, keepdims=True)):
                break
        return nodes

    def _responses(self, stack: Stack, field: FloatArray) -> ComplexArray:
        """Complex Kerr angles (..., pushes, fields) per unit push."""
        pushes = dict(zip(PUSHES, np.eye(len(PUSHES))[:, :, np.newaxis], strict=True))
        return tilt_response(stack, tilt_modes(stack.single_film, field, **pushes), self._wavelength, self._side)


def _spread(batch: Batch, wavelength: float) -> Stack:
    """Stack of a batch whose numbers leave the last two axes to pushes and fields."""
    numbers = stack_numbers(batch.stack, wavelength)
    return with_numbers(
        batch.stack, {name: number[:, np.newaxis, np.newaxis] for name, number in numbers.items() if number.ndim}
    )


def _chebyshev(low: float, high: float, count: int) -> FloatArray:
    """Chebyshev points (count,) of the second kind, ascending, with both ends."""
    return np.asarray((low + high) / 2 - (high - low) / 2 * np.cos(np.pi * np.arange(count) / (count - 1)))


def _interpolation(nodes: FloatArray, points: FloatArray) -> FloatArray:
    """Matrix (points, nodes) that turns values at Chebyshev points into those at `points`; barycentric formula."""
    if len(nodes) == 1:
        return np.ones((len(points), 1))
    weights = (-1.0) ** np.arange(len(nodes))
    weights[[0, -1]] /= 2
    distance = points[:, np.newaxis] - nodes
    hit = distance == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix = weights / distance
        matrix = matrix / np.sum(matrix, axis=1, keepdims=True)
    exact = np.any(hit, axis=1)
    matrix[exact] = hit[exact]
    return np.asarray(matrix)
