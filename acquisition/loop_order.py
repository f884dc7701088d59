"""Places of the points of a field loop that another program measured, as `analysis.loops` reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.stack import FloatArray

_SAME_FIELD = 1e-6  # T, as in analysis.loops
_FULL = 0.9  # of the largest field: what a branch reaches on both sides, so that it is no initial curve
_LEAST_PAIRS = 3

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class LoopOrder:
    """Where each point of a file belongs.

    Attributes
    ----------
    branches
        "loop"; "down" or "up" where there is one direction alone.
    repeats
        Number of full passes.
    sequence, repeat : (points,)
        Place within the pass, the branch from +max to -max first; and the pass. Points without a partner at the
        opposite field, such as an initial curve, have a pass beyond the last one, which no analysis uses.
    """

    branches: str
    repeats: int
    sequence: FloatArray
    repeat: FloatArray


def loop_order(fields: FloatArray, group: FloatArray, source: str) -> LoopOrder:
    """Find branches and passes from the order of the fields.

    Parameters
    ----------
    fields : (points,)
        Fields asked for (T), in the order of measurement.
    group : (points,)
        Number of the loop (channel and polarisation) that a point belongs to.
    source
        What errors call the file.

    Raises
    ------
    InputError
        Where the fields make no loop.
    """
    members = [np.flatnonzero(group == number) for number in np.unique(group)]
    passes = []
    directions = set()
    for here in members:
        down, up = _full_branches(fields, here, source)
        directions.add("loop" if down and up else "down" if down else "up")
        pairs = zip(down, up, strict=False) if down and up else ((branch, branch[:0]) for branch in down or up)
        passes.append([_matched(fields, *pair, source) if len(pair[1]) else pair for pair in pairs])
    if len(directions) != 1:
        raise InputError(
            f"{source} must hold the same branches for each channel and polarisation; received "
            f"{' and '.join(sorted(directions))}. Import them from a file for each."
        )
    repeats = min(map(len, passes))
    sequence, repeat = np.zeros(len(fields)), np.full(len(fields), float(repeats))
    for number, (here, pairs_here) in enumerate(zip(members, passes, strict=True)):
        start = number * len(fields)
        sequence[here] = start + np.arange(len(here))
        for index, pair in enumerate(pairs_here[:repeats]):
            points = np.concatenate(pair)
            sequence[points] = start + np.arange(len(points))
            repeat[points] = index
    return LoopOrder(directions.pop(), repeats, sequence, repeat)


def _full_branches(fields: FloatArray, here: Places, source: str) -> tuple[list[Places], list[Places]]:
    """Branches downwards and upwards that reach both ends."""
    found: dict[int, list[Places]] = {-1: [], 1: []}
    largest = float(np.max(np.abs(fields[here]))) if len(here) else 0.0
    for direction, branch, reach in _branches(fields, here):
        ends = np.min(fields[reach]), np.max(fields[reach])
        if ends[0] <= -_FULL * largest and ends[1] >= _FULL * largest:
            found[direction].append(branch)
    if largest <= 0 or not (found[-1] or found[1]):
        raise InputError(
            f"{source} must hold branches that run from the largest field to its negative, or back; there are none. "
            "Map a column to field_set, or give field_step, above the noise of the fields read."
        )
    return found[-1], found[1]


def _branches(fields: FloatArray, here: Places) -> list[tuple[int, Places, Places]]:
    """Direction of each stretch of rising or falling fields, its points, and these with the point that it turned at.

    A field that is measured twice at a turn belongs to both stretches; one that is measured once, to the earlier one.
    """
    steps = np.sign(np.diff(fields[here])).astype(int)
    for index in range(len(steps) - 2, -1, -1):
        if steps[index] == 0:
            steps[index] = steps[index + 1]
    starts = [0, *(np.flatnonzero(np.diff(steps) != 0) + 2).tolist()]
    return [
        (int(steps[max(start - 1, 0)]), here[start:stop], here[max(start - 1, 0) : stop])
        for start, stop in zip(starts, [*starts[1:], len(here)], strict=True)
        if stop > start + 1 and steps[max(start - 1, 0)] != 0
    ]


def _matched(fields: FloatArray, down: Places, up: Places, source: str) -> tuple[Places, Places]:
    """Points of both branches that have a partner at the opposite field, the down branch from its top."""
    down, up = down[np.argsort(-fields[down], kind="stable")], up[np.argsort(fields[up], kind="stable")]
    left, right, taken = [], [], 0
    for point in down:
        while taken < len(up) and fields[up[taken]] < -fields[point] - _SAME_FIELD:
            taken += 1
        if taken < len(up) and abs(fields[up[taken]] + fields[point]) <= _SAME_FIELD:
            left.append(point)
            right.append(up[taken])
            taken += 1
    if len(left) < _LEAST_PAIRS:
        raise InputError(
            f"{source} must have opposite fields on both branches of a loop; {len(left)} of {len(down)} have. Map a "
            "column to field_set, or give field_step, to which the fields read are rounded."
        )
    return np.array(left, dtype=np.intp), np.array(right, dtype=np.intp)
