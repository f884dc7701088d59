"""Base of the procedures that stay in saturation, where the magnetisation lies along the field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from pymeasure.experiment.parameters import FloatParameter, ListParameter

from analysis.errors import InputError
from analysis.loops import CHANNELS, Channel
from instruments import Bench
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import Point
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


def require_spread(name: str, values: list[float], unit: str) -> None:
    """Raise InputError unless `values` are three different ones at least, the largest twice the smallest."""
    if len(set(values)) < 3 or max(values) < 2 * min(values):
        shown = ", ".join(f"{value:g}" for value in values)
        raise InputError(
            f"{name} must hold three different values at least, the largest twice the smallest or more; received "
            f"{shown}{unit and ' ' + unit}. Without a spread no slope can be told from a constant: widen the list."
        )
