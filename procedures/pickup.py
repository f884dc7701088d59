"""What the lock-in reads under current while the beam is blocked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter

from analysis.loops import CHANNELS
from analysis.result import Estimate
from analysis.stack import FloatArray
from instruments import Bench
from procedures.expectation import dark_noise, volts_per_angle
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import Point


class Pickup(KerrMeasurement):
    """Electrical pick-up: current on, beam blocked (paper, Supplementary: calibration).

    A constant in the calibration signal cannot be told from the loops, so it is measured here and taken off. Each
    point reads the sum with light, closes the shutter, waits for the filter and reads the lock-in; the signal is what
    that pick-up would be taken for. Current and frequency must be those of the calibration.
    """

    path = ListParameter(
        "Current path", choices=["sample", "coil"], default="coil",
        description="Through the sample (ASOT), or round it in the coil (calibration field)",
    )  # fmt: skip
    channel = ListParameter(
        "Channel", choices=[*CHANNELS, "both"], default="both",
        description="Kerr rotation; ellipticity, with the quarter-wave plate in the beam; or one after the other",
    )  # fmt: skip
    readings = IntegerParameter(
        "Readings", default=10, minimum=3, maximum=10_000, description="Number of settled readings of each channel"
    )
    polarization = FloatParameter(
        "Polarisation", units="deg", default=45, minimum=-360, maximum=360, description="Incident polarisation"
    )

    remainder = FloatParameter(
        "Unsettled remainder", default=1e-5, minimum=1e-6, maximum=0.5,
        description="Part of the step, from light to none, that may still be missing when a point is read",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("polarization", "channel")
    plot: ClassVar[Mapping[str, str]] = {"signal": "kerr_signal", "axis": "time", "title": "Pick-up"}

    _sum = math.nan

    def points(self) -> Iterator[Point]:
        """Yield one channel after the other, each reading a point."""
        channels = CHANNELS if self.channel == "both" else (self.channel,)
        for place, channel in enumerate(channels):
            for number in range(self.readings):
                yield Point(
                    polarization=math.radians(self.polarization),
                    channel=channel,
                    sequence=place * self.readings + number,
                )

    def title(self) -> str:
        """Say of which path."""
        return f"pick-up of the {self.path} current, {self.current:g} mA"

    def check(self, bench: Bench) -> None:
        """Hold the set-points against the limits; a shutter has to be there."""
        bench.need("shutter")
        super().check(bench)

    def set(self, point: Point, bench: Bench) -> None:
        """Turn the plates, read the sum with light, block the beam."""
        super().set(point, bench)
        shutter = bench.need("shutter")
        shutter.open()
        self._sum = super().light(bench)
        shutter.close()

    def light(self, bench: Bench) -> float:
        """Sum (V) read just before the beam was blocked."""
        return self._sum

    def conclude(self, rows: Mapping[str, FloatArray], bench: Bench) -> None:
        """Take the current away and open the shutter."""
        self.release(bench)
        bench.need("shutter").open()

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """No pick-up, with the noise of a lock-in that sees no light."""
        noise = dark_noise(bench, **self._filter) / volts_per_angle(bench)
        channels = CHANNELS if self.channel == "both" else (self.channel,)
        prefix = "" if self.path == "coil" else "sample_"
        found = {
            f"{prefix}pickup_{channel}": Estimate(0.0, noise / math.sqrt(self.readings), "rad") for channel in channels
        }
        return {**found, "signal": Estimate(0.0, noise, "rad")}
