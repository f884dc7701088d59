"""Base of every procedure: parameters, points, and what is measured at each point. The loop is the runner's."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from pymeasure.experiment import Procedure
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter, Parameter

from analysis import configuration
from analysis.errors import InputError
from analysis.run_file import Column
from instruments import Bench


@dataclass(frozen=True)
class Point:
    """Set-point of one measurement; what is None stays as it is.

    Attributes
    ----------
    field
        In-plane field (T).
    polarization
        Incident polarisation (rad); the other plates follow it.
    """

    field: float | None = None
    polarization: float | None = None


Reading = dict[str, float]
"""What one point gives: a number for each column of the procedure."""


class FloatListParameter(Parameter):  # type: ignore[misc]
    """List of numbers, written with commas."""

    def __init__(
        self, name: str, units: str | None = None, minimum: float = -math.inf, maximum: float = math.inf, **rest: Any
    ) -> None:
        self.units, self.minimum, self.maximum = units, minimum, maximum
        super().__init__(name, **rest)

    def convert(self, value: object) -> list[float]:
        """Read a sequence, or text such as "45, 135", into a list of numbers in range."""
        items = value.split(",") if isinstance(value, str) else value
        try:
            numbers = [float(item) for item in items]  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            raise ValueError(f"must be a list of numbers in {self.units}") from None
        if not numbers or not all(self.minimum <= number <= self.maximum for number in numbers):
            raise ValueError(f"must hold numbers from {self.minimum:g} to {self.maximum:g} {self.units}")
        return numbers


class Measurement(Procedure):  # type: ignore[misc]
    """A procedure whose loop is run by `acquisition.run`.

    Subclasses declare parameters (pymeasure's), `columns`, `points` and `measure`, and prepare the bench in
    `prepare`; safe state, storage, progress and abort come from the runner.
    """

    columns: ClassVar[tuple[Column, ...]]
    plot: ClassVar[Mapping[str, str]]

    @abstractmethod
    def points(self) -> Iterator[Point]:
        """Set-points in order: deterministic, produced lazily."""

    @abstractmethod
    def prepare(self, bench: Bench) -> None:
        """Bring the bench to where the first point can be set; limits are checked before anything is sent."""

    @abstractmethod
    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits of bench and sample; sends nothing.

        Raises
        ------
        LimitError
            Naming the set-point and the limit.
        """

    @abstractmethod
    def set(self, point: Point, bench: Bench) -> None:
        """Bring the bench to `point`."""

    @abstractmethod
    def settling_time(self, bench: Bench) -> float:
        """Time (s) that `settle` takes."""

    @abstractmethod
    def settle(self, bench: Bench) -> None:
        """Wait until what `set` changed has settled."""

    @abstractmethod
    def measure(self, point: Point, bench: Bench) -> Reading:
        """Measure once at `point`."""

    @abstractmethod
    def title(self) -> str:
        """Say in a few words what this run measures."""

    def point_count(self) -> int:
        """Return the number of points."""
        return sum(1 for _ in self.points())

    def duration(self, bench: Bench) -> float:
        """Return the expected duration (s) of all points: settling at each, and the travel of the field."""
        fields = [point.field for point in self.points() if point.field is not None]
        travel = sum(bench.magnet.travel_time(start, stop) for start, stop in pairwise(fields))
        return self.point_count() * self.settling_time(bench) + travel

    @classmethod
    def from_table(cls, table: Mapping[str, object], source: str) -> Measurement:
        """Make the procedure from a table of a recipe.

        Parameters
        ----------
        table
            Parameter name -> value; a parameter with a unit takes text such as "40 mA".
        source
            What errors call the table.

        Raises
        ------
        InputError
            For unknown parameters, wrong units and values out of range; all faults at once.
        """
        procedure = cls()
        faults = []
        for key, value in table.items():
            parameter = procedure._parameters.get(key)
            if parameter is None:
                faults.append(
                    f"{source}: key {key!r} is unknown. Allowed here: {', '.join(sorted(procedure._parameters))}."
                )
                continue
            try:
                parameter.value = _in_unit(parameter, value)
            except ValueError as error:
                faults.append(f"{source}: key {key!r} {_expectation(parameter, str(error))} Received {value!r}.")
            else:
                setattr(procedure, key, parameter.value)
        if faults:
            raise InputError("; ".join(faults))
        return procedure

    def parameters(self) -> dict[str, Any]:
        """Values of all parameters by name, in the units that `parameter_units` gives."""
        return dict(self.parameter_values())

    def parameter_units(self) -> dict[str, str]:
        """Units of the parameters that have one."""
        return {name: p.units for name, p in self._parameters.items() if getattr(p, "units", None)}


def _in_unit(parameter: Parameter, value: object) -> object:
    """Bring `value` of a recipe into the unit of its parameter."""
    unit = getattr(parameter, "units", None)
    if isinstance(value, bool) or value is None:
        raise ValueError("must not be true, false or empty.")
    if unit and isinstance(value, list):
        return [_in_unit(parameter, item) for item in value]
    if unit:
        if not isinstance(value, str):
            raise ValueError(f'must have a unit; write it as text, e.g. "{value} {unit}".')
        return configuration.quantity(value, unit)
    if isinstance(parameter, IntegerParameter) and not isinstance(value, int):
        raise ValueError("must be a whole number.")
    if isinstance(parameter, FloatParameter):
        return configuration.quantity(value, "")
    return value


def _expectation(parameter: Parameter, text: str) -> str:
    """Say what a parameter takes where pymeasure's own words do not."""
    unit = getattr(parameter, "units", None) or ""
    if isinstance(parameter, ListParameter):
        return f"must be one of {', '.join(map(repr, parameter.choices))}."
    if "below the minimum" in text or "above the maximum" in text:
        return f"must lie in {parameter.minimum:g} to {parameter.maximum:g} {unit}".rstrip() + "."
    return text if text.endswith(".") else text + "."
