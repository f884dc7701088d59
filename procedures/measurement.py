"""Base of every procedure: parameters, points, and what is measured at each point. The loop is the runner's."""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pymeasure.experiment import Procedure
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter, Parameter

from analysis import configuration, detection
from analysis.errors import InputError
from analysis.loops import Channel
from analysis.result import Estimate
from analysis.run_file import Column
from analysis.sample import Sample
from analysis.stack import FloatArray
from instruments import Bench
from instruments.roles import CurrentPath
from procedures.parameters import CurrentListParameter, CurrentParameter, sample_current


@dataclass(frozen=True)
class Point:
    """Set-point of one measurement; what is None stays as it is.

    Attributes
    ----------
    field
        In-plane field (T).
    perpendicular_field
        Field along the film's normal (T).
    polarization
        Incident polarisation (rad); the other plates follow it.
    channel
        Kerr rotation or ellipticity.
    current
        Amplitude (A peak) on the path of the procedure.
    field_angle
        Angle (rad) of the field to the current.
    x, y
        Position of the stage (m), both or none.
    analyser_offset
        Angle (rad) by which the analysing plate stands off its balance, beside a polarisation.
    harmonic
        Of the current, that the lock-in detects.
    transmission
        Of the attenuator, 0 to 1.
    sequence
        Place of the point within one pass, in the order in which the procedure describes itself: sorting by it
        undoes whatever order the points were measured in.
    repeat
        Pass that the point belongs to; `Measurement.repeats` for the points of a refinement.
    """

    field: float | None = None
    perpendicular_field: float | None = None
    polarization: float | None = None
    channel: Channel | None = None
    current: float | None = None
    field_angle: float | None = None
    x: float | None = None
    y: float | None = None
    analyser_offset: float | None = None
    harmonic: int | None = None
    transmission: float | None = None
    sequence: int = 0
    repeat: int = 0


Reading = dict[str, float]
"""What one point gives: a number for each column of the procedure."""


@dataclass(frozen=True)
class Averaging:
    """How long a point is averaged.

    Attributes
    ----------
    signal
        Column whose standard error counts.
    target
        Standard error, in the unit of that column, at which the point is done.
    time_limit
        Time (s) from the first reading on after which it is done all the same.
    time_constant, slope
        Of the lock-in's filter (s, dB per octave), which correlates successive readings.
    """

    signal: str
    target: float
    time_limit: float
    time_constant: float
    slope: int

    least: ClassVar[int] = 8
    """Readings of a point before its scatter is believed: on fewer, points that look quiet by chance would stop."""

    @property
    def most(self) -> int:
        """Largest number of readings."""
        return max(1, int(self.time_limit / self.spacing) + 1)

    @property
    def spacing(self) -> float:
        """Time (s) between readings: half the inverse noise bandwidth, beyond which little is new in between."""
        return 1 / (2 * detection.noise_bandwidth(self.time_constant, self.slope))

    def correlation(self, lag: npt.ArrayLike) -> FloatArray:
        """Correlation (n,) of the noise of two readings `lag` (n,) (s) apart."""
        return detection.noise_correlation(lag, self.time_constant, self.slope)

    def error(self, noise: float, count: int) -> float:
        """Standard error of the mean of `count` readings, each of standard deviation `noise`."""
        correlation = self.correlation(self.spacing * np.arange(min(count, 100)))
        return noise * math.sqrt(detection.mean_inflation(np.pad(correlation, (0, count - len(correlation)))) / count)

    def expected_readings(self, noise: float) -> int:
        """Readings that reach the target where each has the standard deviation `noise`, as far as time allows."""
        counts = range(min(self.least, self.most), self.most)
        return counts.start + bisect_left(counts, -self.target, key=lambda count: -self.error(noise, count))


class Measurement(Procedure):  # type: ignore[misc]
    """A procedure whose loop is run by `acquisition.run`.

    Subclasses declare parameters (pymeasure's), `columns`, `points` and `measure`, and prepare the bench in
    `prepare`; safe state, storage, progress, pause, abort, retry and resume come from the runner.

    Parameters
    ----------
    **parameters
        Written as in a recipe: `FieldSweep(current="40 mA", steps=11)`; `InputError` as from `from_table`.
    """

    repeats = IntegerParameter(
        "Repeats", default=1, minimum=1, maximum=10_000, description="Passes over all points, one after the other"
    )

    columns: ClassVar[tuple[Column, ...]]

    @property
    @abstractmethod
    def plot(self) -> Mapping[str, str]:
        """Columns of the default plot: "signal" against "axis", and its "title"."""

    def __init__(self, **parameters: object) -> None:
        super().__init__()
        self._assign(parameters, type(self).__name__)

    @abstractmethod
    def points(self) -> Iterator[Point]:
        """Set-points of one pass in the order in which they are measured: deterministic, produced lazily."""

    @abstractmethod
    def asked(self, point: Point) -> Reading:
        """Columns that say what was asked for at `point`."""

    @abstractmethod
    def prepare(self, bench: Bench) -> None:
        """Bring the bench to where the first point can be set; limits are checked before anything is sent."""

    @abstractmethod
    def release(self, bench: Bench) -> None:
        """Bring the current to zero for a pause; the rest stays as it is."""

    @abstractmethod
    def restore(self, bench: Bench) -> None:
        """Bring the current back after `release`."""

    @abstractmethod
    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """Largest amplitude (A peak) on each path that is used."""

    def plan(self) -> Iterator[Point]:
        """Set-points of all passes; what `refinement` adds comes after them."""
        for repeat in range(self.repeats):
            for point in self.points():
                yield replace(point, repeat=repeat) if repeat else point

    def refinement(self, rows: Mapping[str, FloatArray]) -> Sequence[Point]:
        """Points of a second pass where the signal changes: a pure function of the stored `rows` of the plan.

        At most `refinement_count` points, inside the limits that `check` holds; none by default.
        """
        return ()

    def refinement_count(self) -> int:
        """Largest number of points that `refinement` can return."""
        return 0

    def averaging(self) -> Averaging | None:
        """How each point is averaged; None for a single reading."""
        return None

    def forgets(self, point: Point) -> bool:
        """Whether the state of the sample at `point` does not depend on the points before: saturation."""
        return False

    def highest_field(self) -> float:
        """Largest field (T) of all points; 0 where none sets a field."""
        return max((abs(point.field) for point in self.points() if point.field is not None), default=0.0)

    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits of bench and sample; sends nothing.

        Raises
        ------
        LimitError
            Naming the set-point and the limit.
        InputError
            Where waveforms are to be kept and points averaged: a point has one waveform.
        """
        if bench.recorder is not None and self.averaging() is not None:
            raise InputError(
                "Points whose waveforms are kept must be single readings; a target error is set. Choose a longer time "
                "constant instead, or set lock_in.keep_waveforms = false in the bench file."
            )
        for path, amplitude in self.largest_currents().items():
            bench.check_current(path, amplitude)
        for point in self.points():
            if point.field is not None:
                bench.check_field(point.field)

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

    def reading_time(self, bench: Bench) -> float:
        """Time (s) that `measure` takes, the latency of the instruments aside."""
        return 0.0

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """What the measurement is expected to find, with the standard uncertainty that noise will leave; sends nothing.

        Names are those of the analysis' quantities; "signal" is the largest Kerr signal (rad, peak) with the standard
        deviation of one point. Values come from the shared model, see `procedures.expectation`.
        """
        return {}

    @property
    def others_rest_on_it(self) -> bool:
        """Whether runs that follow in the same recipe are worth nothing where this one fails."""
        return False

    def conclude(self, rows: Mapping[str, FloatArray], bench: Bench) -> None:
        """Act on what was found, after the last point: a pure function of the stored `rows`, then moves; nothing here.

        Raises
        ------
        AsotError
            Where the rows do not show what is to be acted on; the run then ends FAILED, its points stored.
        """

    @abstractmethod
    def title(self) -> str:
        """Say in a few words what this run measures."""

    def waveform_bytes(self, bench: Bench) -> int:
        """Size of the waveform that is kept with each point; 0 where none is."""
        return 0

    def pass_count(self) -> int:
        """Return the number of points of one pass; override where counting them one by one would take long."""
        return sum(1 for _ in self.points())

    def point_count(self) -> int:
        """Return the number of points of all passes, at most."""
        return int(self.repeats) * self.pass_count() + self.refinement_count()

    def duration(self, bench: Bench) -> float:
        """Return the expected duration (s): preparation, then travel, settling and averaging of all points."""
        return self.preparation_time(bench) + self.measuring_time(bench)

    def preparation_time(self, bench: Bench) -> float:
        """Time (s) that `prepare` is expected to take; sends nothing."""
        return 0.0

    def travel_time(self, start: Point, stop: Point, bench: Bench) -> float:
        """Time (s) that `set` is expected to take from `start` to `stop`: that of the field; sends nothing."""
        if start.field is None or stop.field is None:
            return 0.0
        return bench.magnet.travel_time(start.field, stop.field)

    def averaging_time(self, bench: Bench) -> float:
        """Time (s) that the readings after the first one are expected to take; at most, where noise is not known."""
        averaging = self.averaging()
        return averaging.time_limit if averaging else 0.0

    def measuring_time(self, bench: Bench) -> float:
        """Time (s) of all points: travel, settling, reading and averaging."""
        first = last = next(self.points())
        travel = 0.0
        for point in self.points():
            travel += self.travel_time(last, point, bench)
            last = point
        back = self.travel_time(last, first, bench)
        each = self.settling_time(bench) + self.reading_time(bench) + self.averaging_time(bench)
        passes = self.point_count() / self.pass_count()
        return self.point_count() * each + travel * passes + back * (int(self.repeats) - 1)

    @classmethod
    def from_table(cls, table: Mapping[str, object], source: str, sample: Sample | None = None) -> Measurement:
        """Make the procedure from a table of a recipe.

        Parameters
        ----------
        table
            Parameter name -> value; a parameter with a unit takes text such as "40 mA".
        source
            What errors call the table.
        sample
            What the current will run through; only with it may a current be written as density or electric field.

        Raises
        ------
        InputError
            For unknown parameters, wrong units and values out of range; all faults at once.
        """
        procedure = cls()
        procedure._assign(table, source, sample)
        return procedure

    def _assign(self, table: Mapping[str, object], source: str, sample: Sample | None = None) -> None:
        path = {**self.parameters(), **table}.get("path", "sample")
        faults = []
        for key, value in table.items():
            parameter = self._parameters.get(key)
            if parameter is None:
                known = sorted(self._parameters)
                faults.append(
                    f"{source}: key {key!r} is unknown.{configuration.suggestion(key, known)} "
                    f"Allowed here: {', '.join(known)}."
                )
                continue
            try:
                parameter.value = _in_unit(parameter, value, path, sample)
            except ValueError as error:
                faults.append(f"{source}: key {key!r} {_expectation(parameter, str(error))} Received {value!r}.")
            else:
                setattr(self, key, parameter.value)
        if faults:
            raise InputError("; ".join(faults))

    def parameters(self) -> dict[str, Any]:
        """Values of all parameters by name, in the units that `parameter_units` gives."""
        return dict(self.parameter_values())

    def parameter_units(self) -> dict[str, str]:
        """Units of the parameters that have one."""
        return {name: p.units for name, p in self._parameters.items() if getattr(p, "units", None)}


def _in_unit(parameter: Parameter, value: object, path: object, sample: Sample | None) -> object:
    """Bring `value` of a recipe into the unit of its parameter; a current runs through `path`."""
    unit = getattr(parameter, "units", None)
    if isinstance(value, bool) or value is None:
        raise ValueError("must not be true, false or empty.")
    if unit and isinstance(value, list):
        return [_in_unit(parameter, item, path, sample) for item in value]
    if unit:
        if not isinstance(value, str):
            raise ValueError(f'must have a unit; write it as text, e.g. "{value} {unit}".')
        if isinstance(parameter, CurrentParameter | CurrentListParameter):
            return sample_current(value, path, sample)
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
