"""Lock-in made of an NI card: difference, sum and reference sampled together, both harmonics at every reading."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from analysis import detection
from analysis.errors import AnalysisError
from analysis.software_lock_in import channel_delay, demodulate
from analysis.waveform import CHANNELS, Waveform
from instruments.clock import Clock
from instruments.daq_clocked import ClockedInput, closest_range
from instruments.errors import LimitError
from instruments.freshness import Freshness
from instruments.live import Observed
from instruments.lock_in import trusted
from instruments.roles import INPUT_OVERLOAD, UNLOCKED, LockInReading, Quantity, SafeStateReport

_LOOK = 5e-3  # s of the record that chooses the range
_HEADROOM = 1.5  # of the range over the largest voltage seen
_LONGEST = 20_000_000  # samples per channel


class SoftwareLockIn(Observed):
    """Difference output, sum output and reference of the detector, demodulated by weighted least squares.

    Parameters
    ----------
    open_input
        Makes the clocked input of the three channels for a range (V) of the difference.
    clock
        Time of the bench.
    device
        What messages call it.
    rate
        Samples per second of each channel.
    ranges
        Input ranges (V) of the card.
    skew
        Time (s) by which the difference is sampled after the reference.

    Notes
    -----
    A reading averages over one record, which has the noise bandwidth of the filter that was asked for; it needs no
    settling, since it begins when it is asked for. Frequency and phase come from the reference channel of the same
    record, so that the source's clock may drift.
    """

    role = "lock_in"

    def __init__(
        self,
        open_input: Callable[[float], ClockedInput],
        clock: Clock,
        *,
        device: str,
        rate: float,
        ranges: tuple[float, ...],
        skew: float,
    ) -> None:
        self._open_input, self._clock, self.device = open_input, clock, device
        self._rate, self._ranges, self._skew = rate, ranges, skew
        self._input = open_input(max(ranges))
        self.largest_frequency = rate / 4
        self._freshness = Freshness(self.device, "X and Y")
        self._frequency, self._phase, self._harmonic, self._internal = 1000.0, 0.0, 1, False
        self._duration = 0.1
        self._record = np.empty((len(CHANNELS), 0))
        self._noise_steps: float | None = None

    def check_filter(self, *, time_constant: float, slope: int) -> None:
        """Raise `LimitError` where a record with the noise of this filter would be too long; samples nothing."""
        longest = time_constant * _LONGEST / (self._equivalent_duration(time_constant, slope) * self._rate)
        if time_constant > longest:
            raise LimitError(
                f"software lock-in: time constant must be at most {longest:.3g} s with this slope; setting it to "
                f"{time_constant:g} s is refused. Average several points instead."
            )

    def configure(self, *, time_constant: float, slope: int) -> None:
        """Average as long as a filter of `time_constant` (s) and `slope` (dB per octave) does for the same noise."""
        self.check_filter(time_constant=time_constant, slope=slope)
        self._duration = self._equivalent_duration(time_constant, slope)

    def _equivalent_duration(self, time_constant: float, slope: int) -> float:
        return 1 / (2 * detection.noise_bandwidth(time_constant, slope))

    def set_reference(self, source: Literal["internal", "external"], frequency: float, phase: float) -> None:
        """Expect a reference of about `frequency` (Hz) on its channel, or count on the card's clock ("internal").

        Each record then begins at phase 0: for what bears no relation to a current, such as noise.
        """
        if not 0 < frequency < self.largest_frequency:
            raise LimitError(
                f"software lock-in: reference frequency must lie above 0 and below {self.largest_frequency:g} Hz; "
                f"setting it to {frequency:g} Hz is refused. Sample faster, or check the recipe."
            )
        self._frequency, self._phase, self._harmonic = frequency, phase, 1
        self._internal = source == "internal"

    def set_harmonic(self, harmonic: int) -> None:
        """Give this harmonic (1 or 2) as X and Y."""
        if harmonic not in (1, 2):
            raise LimitError(f"software lock-in: harmonic must be 1 or 2; setting it to {harmonic} is refused.")
        self._harmonic = harmonic

    def set_sensitivity(self, sensitivity: float) -> float:
        """Choose the smallest range that holds `sensitivity` (V rms) and all else that is on the difference output.

        The noise then covers as many steps of the converter as it can; how many is among the settings.
        """
        self._reopen(max(self._ranges))
        volts, _ = self._input.acquire(math.ceil(_LOOK * self._rate), self._clock)
        peak = _HEADROOM * (float(abs(volts[0]).max()) + math.sqrt(2) * sensitivity)
        span = closest_range(min(peak, max(self._ranges)), self._ranges, self._input.device)
        self._reopen(span)
        volts, _ = self._input.acquire(math.ceil(_LOOK * self._rate), self._clock)
        noise = float((volts[0][1:] - volts[0][:-1]).std()) / math.sqrt(2)
        self._noise_steps = noise / (span / 2**15)
        return span / math.sqrt(2)

    def _reopen(self, span: float) -> None:
        if self._input.limits[0][1] != span:
            self._input.close()
            self._input = self._open_input(span)

    def settling_time(self, remainder: float, *, time_constant: float, slope: int) -> float:
        """Nothing has to settle (s): a record begins when it is asked for."""
        return 0.0

    def reading_time(self, *, time_constant: float, slope: int) -> float:
        """Length (s) of the record."""
        return self._equivalent_duration(time_constant, slope)

    def noise_bandwidth(self, *, time_constant: float, slope: int) -> float:
        """Equivalent noise bandwidth (Hz) of one record, its weights included."""
        return 1.043 / (2 * self._equivalent_duration(time_constant, slope))

    def resolution(self, sensitivity: float) -> float:
        """None (V): the noise spreads the steps of the card over many samples."""
        return 0.0

    def clear_status(self) -> None:
        """Do nothing: each reading judges its own record."""

    def read(self) -> LockInReading:
        """Sample one record; `DeviceError` at an overload, without a reference, or where X and Y repeat for ever."""
        reading = trusted(self.device, self.look())
        self._freshness.check((reading.x, reading.y), self._clock.now())
        return reading

    def look(self) -> LockInReading:
        """Sample one record; X and Y at the harmonic chosen, the second harmonic and the sum beside them.

        An overload, or a reference that is not there, is a status; without a reference X and Y are 0.
        """
        volts, overloads = self._input.acquire(self._samples(self._duration, self._frequency), self._clock)
        self._record = volts
        status = INPUT_OVERLOAD if any(overloads[:2]) else 0
        total = float(volts[1].mean())
        try:
            chosen, second = demodulate(volts, **self._demodulation())
        except AnalysisError:
            return self._kept(LockInReading(0.0, 0.0, status | UNLOCKED, 0j, total))
        return self._kept(LockInReading(chosen.real, chosen.imag, status, second, total))

    def _kept(self, reading: LockInReading) -> LockInReading:
        self._keep(x=(reading.x, "V"), y=(reading.y, "V"), status=(float(reading.status), ""))
        return reading

    def waveform(self) -> Waveform:
        """Samples behind the last reading."""
        volts = np.ascontiguousarray(self._record.T)
        description = {"channels": list(CHANNELS), "samples": len(volts), "demodulation": self._demodulation()}
        return Waveform(volts, description)

    def waveform_bytes(self, *, time_constant: float, slope: int, frequency: float) -> int:
        """Size of the waveform of a reading with these settings."""
        return 8 * len(CHANNELS) * self._samples(self._equivalent_duration(time_constant, slope), frequency)

    def _samples(self, duration: float, frequency: float) -> int:
        return math.ceil(max(duration, 20 / frequency) * self._rate)

    def _demodulation(self) -> dict[str, Any]:
        return {
            "rate": self._rate,
            "frequency": self._frequency,
            "phase": self._phase,
            "skew": self._skew,
            "harmonic": self._harmonic,
            "internal": self._internal,
        }

    def measure_skew(self) -> float:
        """Time (s) by which the difference is sampled after the reference: give both the same sine, then ask."""
        volts, _ = self._input.acquire(math.ceil(0.1 * self._rate), self._clock)
        return channel_delay(volts[2], volts[0], self._rate, self._frequency)

    def identity(self) -> str:
        """Return the card that samples."""
        return f"{self._input.identity()} software lock-in"

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings."""
        settings: dict[str, Quantity] = {
            "frequency": (self._frequency, "Hz"),
            "phase": (self._phase, "rad"),
            "harmonic": (float(self._harmonic), ""),
            "sampling_rate": (self._rate, "Hz"),
            "duration": (self._duration, "s"),
            "range": (self._input.limits[0][1], "V"),
            "skew": (self._skew, "s"),
        }
        if self._noise_steps is not None:
            settings["noise_steps"] = (self._noise_steps, "")
        return settings

    def make_safe(self) -> SafeStateReport:
        """Report at once: it drives nothing."""
        return SafeStateReport(self.role, ["nothing to do"])

    def close(self) -> None:
        """Free the input."""
        self._input.close()
