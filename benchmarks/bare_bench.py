"""A bench without instruments and a procedure without waits: what is left is the overhead of the runner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, ClassVar

from analysis.run_file import Column
from instruments import Bench
from instruments.clock import WallClock
from procedures import Measurement, Point, Reading

NAMES = tuple(f"column_{letter}" for letter in "abcdefghijk")


class BareProcedure(Measurement):
    """Eleven columns of numbers, nothing set, nothing waited for."""

    count = 20_000
    columns: ClassVar[tuple[Column, ...]] = tuple(Column(name, "V", name, "measured") for name in NAMES)
    plot: ClassVar[dict[str, str]] = {"signal": NAMES[1], "axis": NAMES[0], "title": "nothing"}

    def points(self) -> Iterator[Point]:
        """Yield points that set nothing."""
        for index in range(self.count):
            yield Point(sequence=index)

    def asked(self, point: Point) -> Reading:
        """Return nothing."""
        return {}

    def prepare(self, bench: Bench) -> None:
        """Do nothing."""

    def release(self, bench: Bench) -> None:
        """Do nothing."""

    def restore(self, bench: Bench) -> None:
        """Do nothing."""

    def largest_currents(self) -> Mapping[Any, float]:
        """Return none."""
        return {}

    def set(self, point: Point, bench: Bench) -> None:
        """Do nothing."""

    def settling_time(self, bench: Bench) -> float:
        """Return 0."""
        return 0.0

    def settle(self, bench: Bench) -> None:
        """Do nothing."""

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Return eleven numbers."""
        value = float(point.sequence)
        return dict.fromkeys(NAMES, value)

    def title(self) -> str:
        """Name it."""
        return "nothing"


INTERLOCK = SimpleNamespace(silence=30.0)  # never started: the bench says that it is simulated


def bare_bench() -> Any:
    """Bench of no instruments."""
    return SimpleNamespace(
        clock=WallClock(),
        describe=dict,
        notes={"bench": "", "sample": 'name = "none"\n'},
        overrides={},
        light_side="top",
        recorder=None,
        occupied=nullcontext,
        file=SimpleNamespace(
            name="bare", laser=SimpleNamespace(wavelength=780e-9), simulation=True, interlock=INTERLOCK
        ),
        sample=SimpleNamespace(name="none", current_density=lambda current: 0.0),
        magnet=SimpleNamespace(travel_time=lambda start, stop: 0.0),
        make_safe=list,
    )
