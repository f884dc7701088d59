"""Base of the procedures that stay in saturation, where the magnetisation lies along the field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

from pymeasure.experiment.parameters import FloatParameter, ListParameter

from analysis.errors import InputError
from analysis.loops import CHANNELS, Channel
from instruments import Bench
from procedures.expectation import reading_noise
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import LEAST_READINGS, Point
from procedures.parameters import FloatListParameter

SATURATED = 3.0
"""Fields above this many coercive fields saturate the film (physics of the switching: m_x is then the sign)."""


class SaturatedMeasurement(KerrMeasurement):
    """A procedure whose field has one magnitude, far above the coercive field, and no loops."""

    channel = ListParameter(
        "Channel", choices=[*CHANNELS, "both"], default="rotation",
        description="Kerr rotation; ellipticity, with the quarter-wave plate in the beam; or one after the other",
    )  # fmt: skip
    field = FloatParameter(
        "Field", units="mT", default=50, minimum=0.1, maximum=2000,
        description="Magnitude of the field: saturates the film, above three coercive fields",
    )  # fmt: skip
    polarizations = FloatListParameter(
        "Polarisations", units="deg", default=[45, 135], minimum=-360, maximum=360,
        description="Incident polarisations, to be averaged; 45 and 135 cancel the quadratic effect",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("field", "polarization", "channel")

    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits, and the field against the coercive one."""
        super().check(bench)
        least = SATURATED * bench.sample.film.coercive_field
        if self.field * 1e-3 <= least:
            raise InputError(
                f"field must exceed {least * 1e3:g} mT, {SATURATED:g} coercive fields of {bench.sample.name}; received "
                f"{self.field:g} mT. Raise it, or mend coercive_field in the sample file."
            )

    def settings(self) -> Iterator[tuple[Channel, float]]:
        """Channel and polarisation (rad), in the order in which they are measured."""
        for channel in self.channels():
            for angle in self.polarizations:
                yield channel, math.radians(angle)

    def channels(self) -> tuple[Channel, ...]:
        """Channels that are measured."""
        return CHANNELS if self.channel == "both" else (self.channel,)

    def forgets(self, point: Point) -> bool:
        """Every point is saturated."""
        return True

    def travel_time(self, start: Point, stop: Point, bench: Bench) -> float:
        """Time (s) that `set` is expected to take from `start` to `stop`, one move after the other; sends nothing."""
        total = 0.0
        if start.transmission is not None and stop.transmission is not None:
            total += bench.need("attenuator").travel_time(start.transmission, stop.transmission)
        if start.field_angle is not None and stop.field_angle is not None:
            total += bench.need("field_angle").travel_time(start.field_angle, stop.field_angle)
        if start.polarization is not None and stop.polarization is not None:
            for plate in (bench.polarization_plate, bench.analyser_plate):
                total += plate.travel_time(start.polarization / 2, stop.polarization / 2)
            if stop.channel == "ellipticity":
                total += bench.quarter_wave.travel_time(start.polarization, stop.polarization)
        if start.field is not None and stop.field is not None:
            total += bench.magnet.travel_time(start.field, stop.field)
        return total

    def duration(self, bench: Bench) -> float:
        """Return the expected duration (s) of all points: settling, averaging at most, and travel of all motors."""
        points = list(self.points())
        travel = sum(self.travel_time(start, stop, bench) for start, stop in pairwise([*points, points[0]]))
        averaging = self.averaging()
        each = self.settling_time(bench) + self.reading_time(bench) + (averaging.time_limit if averaging else 0.0)
        return float(self.repeats * (len(points) * each + travel))

    def point_noise(self, bench: Bench, transmission: float = 1.0) -> float:
        """Standard deviation (rad, peak) of the Kerr signal of one point, averaging included; sends nothing."""
        noise = reading_noise(bench, frequency=self.frequency, transmission=transmission, **self._filter)
        averaging = self.averaging()
        if averaging is None:
            return noise
        most = max(1, int(averaging.time_limit / averaging.spacing) + 1)
        best, worst = noise / math.sqrt(most), noise / math.sqrt(min(most, LEAST_READINGS))
        return min(worst, max(best, averaging.target))


def require_spread(name: str, values: list[float], unit: str) -> None:
    """Raise InputError unless `values` are three different ones at least, the largest twice the smallest."""
    if len(set(values)) < 3 or max(values) < 2 * min(values):
        shown = ", ".join(f"{value:g}" for value in values)
        raise InputError(
            f"{name} must hold three different values at least, the largest twice the smallest or more; received "
            f"{shown}{unit and ' ' + unit}. Without a spread no slope can be told from a constant: widen the list."
        )
