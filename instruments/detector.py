"""Sum and difference outputs of the balanced detector, read at DC on analog inputs."""

from __future__ import annotations

from collections.abc import Mapping

from instruments.clock import Clock
from instruments.daq import AnalogInput
from instruments.freshness import Freshness
from instruments.live import Observed
from instruments.roles import Quantity, SafeStateReport

SUM_CONVERSIONS, DIFFERENCE_CONVERSIONS = 20, 200
"""Conversions of the card behind one reading."""


class AnalogSum(Observed):
    """Sum signal, proportional to the detected power.

    Parameters
    ----------
    input
        Analog input.
    clock
        Time of the bench.
    gain
        Gain of the difference at the lock-in frequency over the DC gain of the sum, as far as it is known.
    responsivity
        Sum voltage per detected power (V/W).
    offset
        Sum voltage in the dark (V), subtracted from every reading.
    light_side
        Side of the film ("top", "bottom") that the light comes from.
    """

    role = "sum_detector"

    def __init__(
        self, input: AnalogInput, clock: Clock, *, gain: float, responsivity: float, offset: float, light_side: str
    ) -> None:
        self._clock, self._freshness = clock, Freshness(input.device, "voltage")
        self._input, self.gain, self.responsivity = input, gain, responsivity
        self._offset, self.light_side = offset, light_side

    def read(self, samples: int = SUM_CONVERSIONS) -> float:
        """Sum voltage (V), mean of `samples` readings less the offset; `DeviceError` where it repeats for ever."""
        volts = self._input.read(samples)
        self._freshness.check((volts,), self._clock.now())
        self._keep(sum=(volts - self._offset, "V"))
        return volts - self._offset

    def identity(self) -> str:
        """Return the card that reads it."""
        return f"balanced detector on {self._input.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return the constants and the present power."""
        return {
            "gain": (self.gain, ""),
            "responsivity": (self.responsivity, "V/W"),
            "offset": (self._offset, "V"),
            "light_side": (self.light_side, ""),
            "detected_power": (self.read() / self.responsivity, "W"),
        }

    def make_safe(self) -> SafeStateReport:
        """Report at once: a detector is always safe."""
        return SafeStateReport(self.role, ["nothing to do"])


class AnalogDifference(Observed):
    """Difference signal at DC, for the balance of the detector.

    Parameters
    ----------
    input
        Analog input; the output is wired to the lock-in as well.
    gain
        DC gain of this output over that of the sum output.
    """

    role = "difference_detector"

    def __init__(self, input: AnalogInput, *, gain: float) -> None:
        self._input, self.gain = input, gain

    def read(self, samples: int = DIFFERENCE_CONVERSIONS) -> float:
        """Difference voltage (V) over `gain`, mean of `samples` readings."""
        volts = self._input.read(samples) / self.gain
        self._keep(difference=(volts, "V"))
        return volts

    def identity(self) -> str:
        """Return the card that reads it."""
        return f"balanced detector on {self._input.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return the gain and the present imbalance."""
        return {"gain": (self.gain, ""), "imbalance": (self.read(), "V")}

    def make_safe(self) -> SafeStateReport:
        """Report at once: a detector is always safe."""
        return SafeStateReport(self.role, ["nothing to do"])
