"""Lock-in output, sum and field against time, for alignment and for drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from analysis.result import Estimate
from analysis.run_file import Column
from analysis.time_trace import drift_error
from instruments import Bench
from procedures.expectation import field_noise, sum_noise, sum_voltage, volts_per_angle
from procedures.timed_readings import TimedReadings


class TimeTrace(TimedReadings):
    """X, Y, sum and field against time: to align by, or to see what drifts (paper, Methods).

    Each gets a mean, a scatter and a drift per hour. A drift of the sum is that of the laser or of the focus; one of
    X alone is that of a pick-up or of the balance.
    """

    columns: ClassVar[tuple[Column, ...]] = TimedReadings.columns

    def title(self) -> str:
        """Say what is watched, and how long."""
        current = f"{self.current:g} mA on {self.path}" if self.current else "no current"
        return f"time trace, {self.channel}, {current}, {self.readings * self.spacing:.3g} s"

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Means that model and bench file let expect, no drift, and the noise of each."""
        volts, noise = self.expected_signal(bench) * volts_per_angle(bench), self.noise_voltage(bench)
        means = {
            "x": (volts, noise, "V"),
            "y": (0.0, noise, "V"),
            "sum": (sum_voltage(bench), sum_noise(bench), "V"),
            "field": (self.field * 1e-3, field_noise(bench), "T"),
        }
        count = int(self.readings)
        found = {}
        for name, (value, std, unit) in means.items():
            found[f"{name}_mean"] = Estimate(value, std / count**0.5, unit)
            found[f"{name}_scatter"] = Estimate(std, std / (2 * (count - 2)) ** 0.5, unit)
            found[f"{name}_drift"] = Estimate(0.0, std * drift_error(count, self.spacing), f"{unit}/h")
        found["signal"] = Estimate(self.expected_signal(bench), noise / volts_per_angle(bench), "rad")
        return found
