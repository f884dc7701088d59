"""Clocked inputs and outputs of NI cards: records sampled together, and sines that are repeated without end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from analysis.stack import FloatArray
from instruments.clock import Clock
from instruments.daq import _CONVERTER, _TERMINALS, Terminal, _OpenTask
from instruments.errors import DeviceError, LimitError

if TYPE_CHECKING:
    from nidaqmx import GrpcSessionOptions

_LONGEST_PERIOD = 200_000  # samples
_MARGIN = 0.01  # s


class ClockedInput(_OpenTask):
    """Several voltages sampled together, a finite number of times.

    Parameters
    ----------
    channels
        NI's names, such as ["Dev1/ai2", "Dev1/ai3"].
    limits
        (least, most) voltage (V) of each channel; the card chooses the range that holds them.
    name
        What is connected, for messages.
    rate
        Samples per second of each channel.
    terminal
        Terminal configuration.
    grpc_options
        Of a gRPC server; None for NI's driver on this computer.
    """

    def __init__(
        self,
        channels: Sequence[str],
        limits: Sequence[tuple[float, float]],
        *,
        name: str,
        rate: float,
        terminal: Terminal = "differential",
        grpc_options: GrpcSessionOptions | None = None,
    ) -> None:
        self.channels, self.limits, self.rate, self.terminal = tuple(channels), tuple(limits), rate, terminal
        self.ranges: list[float] = []
        super().__init__(", ".join(channels), name, grpc_options)

    def _set_up(self) -> None:
        from nidaqmx.constants import TerminalConfiguration
        from nidaqmx.stream_readers import AnalogMultiChannelReader

        for channel, (least, most) in zip(self.channels, self.limits, strict=True):
            added = self._task.ai_channels.add_ai_voltage_chan(
                channel, terminal_config=TerminalConfiguration[_TERMINALS[self.terminal]], min_val=least, max_val=most
            )
            self.ranges.append(float(added.ai_rng_high))
        self._reader = AnalogMultiChannelReader(self._task.in_stream)
        self._reader.verify_array_shape = False

    def acquire(self, samples: int, clock: Clock) -> tuple[FloatArray, list[bool]]:
        """Sample all channels `samples` times.

        Returns
        -------
        volts : (channels, samples)
            Voltages (V).
        overloads
            For each channel whether a sample lies at the end of its range.
        """
        from nidaqmx.constants import AcquisitionType

        volts = np.empty((len(self.channels), samples))
        with self._conversation("be sampled"), _CONVERTER:
            self._task.timing.cfg_samp_clk_timing(self.rate, sample_mode=AcquisitionType.FINITE, samps_per_chan=samples)
            self._task.start()
            try:
                clock.wait(samples / self.rate + _MARGIN)
                self._reader.read_many_sample(volts, samples)
            finally:
                self._task.stop()
        ends = [span * (1 - 2.0**-14) for span in self.ranges]
        return volts, [float(np.abs(row).max()) >= end for row, end in zip(volts, ends, strict=True)]


class ClockedSine(_OpenTask):
    """Sines of one frequency on several outputs, repeated by the card until they are stopped.

    Parameters
    ----------
    channels
        NI's names.
    name
        What is connected, for messages.
    frequency
        Of the sines (Hz): the nearest that a whole number of cycles in at most 200 000 samples can make.
    rate
        Samples per second.
    grpc_options
        Of a gRPC server; None for NI's driver on this computer.

    Raises
    ------
    LimitError
        For a frequency that has fewer than eight samples per cycle, or that cannot be made to a millionth.
    """

    limit = 10.0  # V

    def __init__(
        self,
        channels: Sequence[str],
        *,
        name: str,
        frequency: float,
        rate: float,
        grpc_options: GrpcSessionOptions | None = None,
    ) -> None:
        self.channels, self.rate = tuple(channels), rate
        ratio = Fraction(frequency / rate).limit_denominator(_LONGEST_PERIOD)
        self.frequency = float(ratio) * rate
        if not 0 < frequency <= rate / 8 or abs(self.frequency / frequency - 1) > 1e-6:
            raise LimitError(
                f"{name}: frequency must lie above {rate / _LONGEST_PERIOD:g} and up to {rate / 8:g} Hz at {rate:g} "
                f"samples per second; setting it to {frequency:g} Hz is refused. Check the recipe."
            )
        self._wave = np.sin(2 * math.pi * np.remainder(float(ratio) * np.arange(ratio.denominator), 1.0))
        self.running = False
        super().__init__(", ".join(channels), name, grpc_options)

    def _set_up(self) -> None:
        from nidaqmx.constants import AcquisitionType
        from nidaqmx.stream_writers import AnalogMultiChannelWriter

        for channel in self.channels:
            self._task.ao_channels.add_ao_voltage_chan(channel, min_val=-self.limit, max_val=self.limit)
        self._task.timing.cfg_samp_clk_timing(
            self.rate, sample_mode=AcquisitionType.CONTINUOUS, samps_per_chan=len(self._wave)
        )
        self._writer = AnalogMultiChannelWriter(self._task.out_stream, auto_start=False)
        self._writer.verify_array_shape = False

    def write(self, amplitudes: Sequence[float]) -> None:
        """Put out sines of `amplitudes` (V peak), in phase; the first time they start with the sine at zero.

        A later call replaces the period that is being repeated, in step with it, so that the phase stays.
        """
        if not all(0 <= amplitude <= self.limit for amplitude in amplitudes):
            raise LimitError(
                f"{self.device}: amplitudes must lie in 0 to {self.limit:g} V; setting them to "
                f"{[float(amplitude) for amplitude in amplitudes]} is refused. Lower the current."
            )
        period = np.outer(amplitudes, self._wave)
        with self._conversation(f"put out {[float(amplitude) for amplitude in amplitudes]} V"):
            self._writer.write_many_sample(period)
            if not self.running:
                self._task.start()
                self.running = True

    def close(self) -> None:
        """Free the task: nothing is repeated any more, outputs keep their last value."""
        self.running = False
        super().close()

    def silence(self, clock: Clock) -> None:
        """Repeat zeros, then stop: an output keeps the last value that it had."""
        if not self.running:
            return
        self.write([0.0] * len(self.channels))
        clock.wait(len(self._wave) / self.rate + _MARGIN)
        with self._conversation("be stopped"):
            self._task.stop()
        self.running = False


def closest_range(peak: float, ranges: Sequence[float], device: str) -> float:
    """Smallest of `ranges` (V) that holds `peak` (V); `DeviceError` where none does."""
    for span in sorted(ranges):
        if peak <= span:
            return span
    raise DeviceError(device, f"swings to {peak:.3g} V, beyond its ranges.", "Reduce the signal, or balance the light.")
