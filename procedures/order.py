"""Orders in which the points of field loops are measured, and fields that a second pass adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

import numpy as np

from analysis.stack import FloatArray

Value = TypeVar("Value")

_LEAST_GAP = 0.2e-3  # T between two set-points, below which the magnet's tolerance blurs them


class Order(StrEnum):
    """Order of the points of several loops, each from +max down to -max and back.

    LOOPS: one loop after the other. SNAKE: at each field every loop, there and back, so that plates turn least and
    slow drifts meet all loops alike. INTERLEAVED: one loop after the other, with the two branches in turn, so that +H
    and -H are measured next to each other and a drift cancels from odd and even part alike.
    """

    LOOPS = "loops"
    SNAKE = "snake"
    INTERLEAVED = "interleaved"


class Branches(StrEnum):
    """Branches of a hysteresis loop: both, from +max to -max and back, or one of them alone."""

    LOOP = "loop"
    DOWN = "down"
    UP = "up"


def there_and_back(values: Sequence[Value]) -> list[Value]:
    """Every second of `values` in their order, then the others in the opposite one: a drift is then no slope."""
    return [*values[::2], *values[1::2][::-1]]


def branch_fields(branches: Branches, largest_field: float, steps: int, dense: int, within: float) -> FloatArray:
    """Fields (n,) (T) of a loop or a branch in the order in which they are swept, symmetric about zero.

    Parameters
    ----------
    branches
        See `Branches`.
    largest_field
        (T) where each branch begins and ends.
    steps
        Equally spaced fields per branch, at least 2.
    dense, within
        Further equally spaced fields in [-within, within] (T), where the film switches; 0 for none.
    """
    down = np.linspace(largest_field, -largest_field, steps)
    if dense:
        inner = np.linspace(within, -within, dense) if dense > 1 else np.zeros(1)
        inner = inner[np.abs(inner) < largest_field]
        down = np.unique(np.round(np.concatenate([down, inner]), 12))[::-1]
    if branches is Branches.LOOP:
        return np.concatenate([down, down[::-1]])
    return down if branches is Branches.DOWN else down[::-1].copy()


def ordered(order: Order, loops: int, length: int) -> Iterator[tuple[int, int]]:
    """Pairs (loop, step) in the order in which they are measured.

    Parameters
    ----------
    order
        See `Order`.
    loops
        Number of loops.
    length
        Points of each, even; step i + length/2 is at the negative of the field of step i.
    """
    if order is Order.SNAKE:
        for step in range(length):
            yield from ((loop, step) for loop in (range(loops) if step % 2 == 0 else reversed(range(loops))))
        return
    half = length // 2
    for loop in range(loops):
        for place in range(length):
            yield loop, (place // 2 + place % 2 * half if order is Order.INTERLEAVED else place)


def refined_fields(field: FloatArray, signal: FloatArray, loop: FloatArray, count: int, within: float) -> FloatArray:
    """Fields to be added where the signal changes most.

    Parameters
    ----------
    field, signal, loop : (n,)
        Set-point (T), signal, and a number that is the same for the points of one loop, which stand in the order
        of the loop. Points without a signal (NaN) play no part.
    count
        Largest number of fields.
    within
        Fields (T) are added in [-within, within] only.

    Returns
    -------
    (m,)
        Fields (T), ascending, m <= count, symmetric about zero; none of them measured before.

    Notes
    -----
    A pure function: gaps between neighbouring fields are halved one by one, always that with the largest change of
    signal across it (in any loop and on either branch, at plus or minus the field), each half taking half
    of the change. Gaps below 0.2 mT are not halved.
    """
    changes: dict[tuple[float, float], float] = {}
    for one in np.unique(loop):
        here = (loop == one) & np.isfinite(signal)
        fields, signals = np.round(field[here], 9), signal[here]
        for low, high, change in _steps(fields, signals):
            for gap in ((low, high), (-high, -low)):
                if -within <= gap[0] and gap[1] <= within:
                    changes[gap] = max(changes.get(gap, 0.0), change)
    known = np.round(field, 9)
    found: set[float] = set()
    gaps = {gap: change for gap, change in changes.items() if gap[1] - gap[0] > _LEAST_GAP}
    while gaps:
        low, high = max(gaps, key=lambda gap: (gaps[gap], gap))
        change = gaps.pop((low, high)) / 2
        gaps.pop((-high, -low), None)
        middle = round((low + high) / 2, 9) + 0.0
        new = {middle, -middle + 0.0} - found
        if len(found) + len(new) > count:
            break
        found |= new
        for gap in ((low, middle), (middle, high), (-middle, -low), (-high, -middle)):
            if gap[1] - gap[0] > _LEAST_GAP:
                gaps[gap] = change
    return np.array(sorted(found - set(known.tolist())))


def _steps(fields: FloatArray, signals: FloatArray) -> Iterator[tuple[float, float, float]]:
    """Neighbouring fields of a loop (low, high) and the change of signal between them."""
    for start, stop, before, after in zip(fields[:-1], fields[1:], signals[:-1], signals[1:], strict=True):
        if start != stop:
            yield float(min(start, stop)), float(max(start, stop)), float(abs(after - before))
