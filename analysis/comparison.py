"""Two answers from the same data side by side: how far other model inputs move each number."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.result import Estimate, TorqueResult

_NUMBERS = ("torque_bottom", "torque_top", "current_density", "efficiency", "torque_conductivity")


@dataclass(frozen=True)
class Comparison:
    """One number of two answers.

    Attributes
    ----------
    name
        Of the number.
    first, now
        The number in the first answer and in the other one; None where one of them does not have it.
    """

    name: str
    first: Estimate | None
    now: Estimate | None

    @property
    def change(self) -> float | None:
        """The second number less the first, in their unit."""
        return None if self.first is None or self.now is None else self.now.value - self.first.value

    @property
    def relative(self) -> float | None:
        """That change over the first number."""
        if self.first is None or self.change is None or self.first.value == 0:
            return None
        return self.change / self.first.value

    @property
    def deviations(self) -> float | None:
        """That change over the standard uncertainty of the first number; None where that is unknown, or exact."""
        if self.first is None or self.change is None or not self.first.std:
            return None
        return self.change / self.first.std


def compare(first: TorqueResult, now: TorqueResult) -> list[Comparison]:
    """Torques and what follows from them, then the checks."""
    pairs = [(name, getattr(first, name), getattr(now, name)) for name in _NUMBERS]
    names = dict.fromkeys([*first.checks, *now.checks])
    pairs += [(name, first.checks.get(name), now.checks.get(name)) for name in names]
    return [Comparison(name, one, other) for name, one, other in pairs if one is not None or other is not None]
