"""In-plane electromagnet: a control voltage into a bipolar supply, closed loop on a Hall probe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from instruments.clock import Clock
from instruments.daq import AnalogInput, AnalogOutput
from instruments.errors import DeviceError, LimitError
from instruments.roles import Quantity, SafeStateReport
from instruments.safe_state import try_every_step


@dataclass(frozen=True)
class HallProbe:
    """Hall probe on an analog input: `gain` (V/T) and the `offset` (T) it reads in zero field."""

    input: AnalogInput
    gain: float
    offset: float

    def read(self, samples: int = 20) -> float:
        """Field (T), mean of `samples` readings, offset subtracted."""
        return self.input.read(samples) / self.gain - self.offset


class AnalogMagnet:
    """Bipolar supply on an analog output, corrected until the Hall probe reads the asked field.

    Parameters
    ----------
    output
        Control voltage of the supply.
    probe
        Hall probe at the sample.
    clock
        Time of the bench.
    tesla_per_volt
        Nominal field per control volt (T/V); the loop corrects what it is off.
    largest_field
        Limit (T).
    ramp_rate
        Slew limit (T/s).
    lag
        Time constant of supply and coil (s).
    tolerance
        Largest difference between field asked and read (T).
    """

    role = "magnet"
    _ramp_step = 0.1  # s
    _corrections = 8
    _trust = 0.25  # by which the nominal tesla_per_volt may be wrong

    def __init__(
        self,
        output: AnalogOutput,
        probe: HallProbe,
        clock: Clock,
        *,
        tesla_per_volt: float,
        largest_field: float,
        ramp_rate: float,
        lag: float,
        tolerance: float,
    ) -> None:
        self._output, self._probe, self._clock = output, probe, clock
        self._tesla_per_volt = tesla_per_volt
        self.largest_field = largest_field
        self._ramp_rate, self._lag, self._tolerance = ramp_rate, lag, tolerance
        self._volts = probe.read() / tesla_per_volt if abs(probe.read()) > 10 * tolerance else 0.0

    def set_field(self, field: float) -> None:
        """Ramp to `field` (T), then correct until the Hall probe agrees within the tolerance."""
        if not (math.isfinite(field) and abs(field) <= self.largest_field):
            raise LimitError(
                f"magnet: field must lie within {self.largest_field:g} T either way; setting it to {field:g} T is "
                "refused. Lower the field, or raise the limit in the bench file if the magnet bears it."
            )
        self._ramp(field / self._tesla_per_volt)
        for _ in range(self._corrections):
            self._clock.wait(7 * self._lag)
            error = field - self.measure()
            if abs(error) <= self._tolerance:
                return
            volts = self._volts + error / self._tesla_per_volt
            if abs(volts * self._tesla_per_volt - field) > self._trust * abs(field) + 20 * self._tolerance:
                break  # a dead probe must not drive the supply ever higher
            self._ramp(volts)
        raise DeviceError(
            "magnet",
            f"the Hall probe reads {self.measure():.5g} T, not {field:.5g} T, and corrections do not help.",
            "Check the supply, the probe's position and `tesla_per_volt` in the bench file.",
        )  # fmt: skip

    def measure(self) -> float:
        """Field (T) at the Hall probe."""
        return self._probe.read()

    def travel_time(self, start: float, stop: float) -> float:
        """Ramp, settling of the supply and one correction (s)."""
        return abs(stop - start) / self._ramp_rate + 14 * self._lag

    def identity(self) -> str:
        """Return what is known of supply and probe: the card that drives and reads them."""
        return f"bipolar supply and Hall probe on {self._output.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings and the field as read."""
        return {
            "field": (self.measure(), "T"),
            "control_voltage": (self._volts, "V"),
            "ramp_rate": (self._ramp_rate, "T/s"),
            "hall_gain": (self._probe.gain, "V/T"),
            "hall_offset": (self._probe.offset, "T"),
        }

    def make_safe(self) -> SafeStateReport:
        """Ramp the control voltage to zero within the slew limit, then write zero in any case."""

        def verify() -> None:
            self._clock.wait(10 * self._lag)
            field = self.measure()
            if abs(field) > 20 * self._tolerance:
                raise DeviceError(
                    "magnet", f"the Hall probe still reads {field:.3g} T.", "Switch the supply off by hand."
                )

        return try_every_step(
            self.role,
            [
                ("field ramped to zero", lambda: self._ramp(0.0)),
                ("control voltage zero", lambda: self._output.write(0.0)),
                ("zero field read", verify),
            ],
        )

    def _ramp(self, volts: float) -> None:
        step = self._ramp_rate * self._ramp_step / abs(self._tesla_per_volt)
        count = max(1, math.ceil(abs(volts - self._volts) / step))
        for level in np.linspace(self._volts, volts, count + 1)[1:]:
            self._output.write(float(level))
            self._volts = float(level)
            if count > 1:
                self._clock.wait(self._ramp_step)
