"""Noise of the lock-in output against the shot noise of the light."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from pymeasure.experiment.parameters import FloatParameter, IntegerParameter

from analysis.noise_spectrum import independent_numbers
from analysis.result import Estimate
from analysis.run_file import Column
from instruments import Bench
from procedures.expectation import detected_power, reading_noise
from procedures.measurement import Point, Reading
from procedures.timed_readings import TimedReadings


class NoiseSpectrum(TimedReadings):
    """Spectrum of the lock-in output at a fixed spacing, referred to a Kerr angle (paper, Methods: shot noise).

    Light on the detector, current off: what is left is the noise of detector and laser at the lock-in's frequency,
    seen as fluctuations of X and Y. With a current, its own fluctuations come on top.
    """

    time_constant = FloatParameter(
        "Time constant", units="s", default=3e-3, minimum=1e-5, maximum=3e4,
        description="Lock-in time constant per filter stage",
    )  # fmt: skip
    readings = IntegerParameter(
        "Readings", default=512, minimum=64, maximum=10_000_000, description="Number of readings, one after the other"
    )
    spacing = FloatParameter(
        "Spacing", units="s", default=0.1, minimum=1e-3, maximum=1e5,
        description="Time from one reading to the next; the spectrum ends at half its inverse",
    )  # fmt: skip

    columns: ClassVar[tuple[Column, ...]] = (
        *TimedReadings.columns,
        Column("shot_noise", "rad/Hz^0.5", "shot noise that the sum means (rms)", "monitor"),
        Column("noise_bandwidth", "Hz", "equivalent noise bandwidth of a reading", "monitor"),
    )
    plot: ClassVar[Mapping[str, str]] = {"signal": "kerr_signal", "axis": "time", "title": "Noise of the Kerr signal"}

    def title(self) -> str:
        """Say over which band."""
        current = f"{self.current:g} mA on {self.path}" if self.current else "no current"
        return f"noise to {0.5 / self.spacing:.3g} Hz, {self.readings} readings, {current}"

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read as `TimedReadings`, with what the light lets expect."""
        reading = super().measure(point, bench)
        power = reading["sum"] / bench.sum_detector.responsivity
        shot_noise = bench.file.noise.shot_noise / math.sqrt(power / 1e-3)
        return {
            **reading,
            "shot_noise": shot_noise,
            "noise_bandwidth": bench.lock_in.noise_bandwidth(**self._filter),
        }

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """White noise of the bench's own figures, and how well so many readings tell it."""
        reading = reading_noise(bench, frequency=self.frequency, **self._filter)
        white = reading / math.sqrt(2 * bench.lock_in.noise_bandwidth(**self._filter))
        relative = 0.5 / math.sqrt(independent_numbers(int(self.readings)))
        shot = bench.file.noise.shot_noise / math.sqrt(detected_power(bench) / 1e-3)
        ratio = white / shot if shot else math.nan
        return {
            "white_density": Estimate(white, relative * white, "rad/Hz^0.5"),
            "shot_ratio": Estimate(ratio, relative * ratio, "1"),
            "signal": Estimate(self.expected_signal(bench), reading, "rad"),
        }
