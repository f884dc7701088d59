"""A simulated NI card: its converters and lines, wired to the signals of the twin."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.errors import InputError, describe
from instruments.clock import VirtualClock
from instruments.simulation_file import CardFault

FloatArray = NDArray[np.float64]
IntegerArray = NDArray[np.int64]

MEANINGS = {
    -200077: "The requested value is not supported for this property.",
    -200082: "The minimum is not below the maximum.",
    -200088: "The task does not exist or was closed.",
    -200089: "A task of this name exists already.",
    -200170: "The device has no such physical channel.",
    -200220: "There is no device of this name.",
    -200284: "Some of the requested samples have not been acquired yet.",
    -200462: "Generation cannot be started, because no data has been written.",
    -200478: "The task has no channels.",
    -200524: "The array does not hold one value for each channel or line.",
    -200559: "The task mixes channels of different kinds.",
    -200560: "The task was not done within the time-out.",
    -200561: "The value to write lies outside the channel's limits.",
    -200846: "An on-demand write needs a running task or automatic start.",
    -201003: "The device cannot be accessed: it is absent or has no power.",
    -50103: "The resource is reserved by another task.",
}


class CardError(Exception):
    """An error of the card or its driver, as it goes over the wire.

    Parameters
    ----------
    code
        NI's error code, negative.
    detail
        What was asked for.
    samples
        Samples that arrived before the error, shape (channels, n).
    """

    def __init__(self, code: int, detail: str = "", samples: FloatArray | None = None) -> None:
        super().__init__(MEANINGS.get(code, "Unknown error.") + (f"\n\n{detail}" if detail else ""))
        self.code = code
        self.samples = samples


class Signals(Protocol):
    """What the card needs of the twin."""

    clock: VirtualClock
    seed: int

    def analog_output(self, name: str, volts: float) -> None:
        """Take the new voltage of an output."""

    def analog_input(self, name: str, times: FloatArray) -> FloatArray:
        """Voltages (V) at `times` (s)."""

    def analog_waveform(self, name: str, volts: FloatArray, rate: float, start: float) -> None:
        """Take a period (n,) (V) that an output repeats at `rate` (Hz) from `start` (s) on."""

    def digital_output(self, name: str, high: bool) -> None:
        """Take the new level of a line."""


@dataclass(frozen=True)
class CardModel:
    """Terminals and converters of one type of card.

    Attributes
    ----------
    ports
        Number of lines of each port.
    rate
        Conversions per second, shared by the channels of a task; they follow one another at this rate.
    output_rates
        Largest update rate (Hz) of one, two, ... clocked outputs.
    noise
        Converter noise (V rms) of each input range (V, one half of its span).
    """

    product_type: str
    analog_inputs: int
    analog_outputs: int
    ports: tuple[int, ...]
    rate: float
    noise: Mapping[float, float]
    output_rates: tuple[float, ...]
    output_range: float = 10.0


PCIE_6363 = CardModel(  # ranges, rate and random noise of NI's device specifications
    "PCIe-6363 (simulated)",
    32,
    4,
    (32, 8, 8),
    2e6,
    {0.1: 17e-6, 0.2: 21e-6, 0.5: 27e-6, 1.0: 38e-6, 2.0: 64e-6, 5.0: 157e-6, 10.0: 315e-6},
    (2.86e6, 2.0e6, 1.54e6, 1.25e6),
)


class Card:
    """One simulated card: its terminals, and the signals of the twin they are connected to.

    Parameters
    ----------
    twin
        The world behind the terminals.
    channels
        Terminal to signal of the twin, such as {"ao0": "magnet", "ai0": "hall", "port0/line0": "relay_coil"}.
        An input that is left out reads ground, an output that is left out drives nothing.
    name
        NI's device name.
    model
        What terminals and converters it has.

    Attributes
    ----------
    fault
        "gone": nothing answers; "silent": no samples arrive; "stuck": each input converts to the same number for ever;
        "overload": inputs stand at the end of their range. None for no fault.
    fault_begins
        Time (s) from which it counts.

    Raises
    ------
    InputError
        When `channels` names a terminal that the card does not have.
    """

    def __init__(
        self, twin: Signals, channels: Mapping[str, str], *, name: str = "Dev1", model: CardModel = PCIE_6363
    ) -> None:
        self.name, self.model, self.twin = name, model, twin
        self.lines = [f"port{p}/line{n}" for p, count in enumerate(model.ports) for n in range(count)]
        self.inputs = [f"ai{n}" for n in range(model.analog_inputs)]
        self.outputs = [f"ao{n}" for n in range(model.analog_outputs)]
        for terminal in channels:
            if terminal not in {*self.inputs, *self.outputs, *self.lines}:
                must, remedy = f"be a terminal of {model.product_type}", "Write it like ai0 or port0/line0."
                raise InputError(describe(f"Channel of {name}", must, terminal, remedy))
        self._signals = dict(channels)
        self._levels = dict.fromkeys(self.lines, False)
        self.fault: CardFault | None = None
        self.fault_begins = 0.0
        self._first: dict[str, float] = {}
        self._epoch_start = twin.clock.now()
        twin.clock.subscribe_mark(self._begin_epoch)

    def _begin_epoch(self) -> None:
        self._epoch_start = self.twin.clock.now()

    def _has(self, fault: CardFault) -> bool:
        return self.fault == fault and self.twin.clock.now() >= self.fault_begins

    def failure(self, operation: str) -> CardError | None:
        """Return what keeps the card from `operation` ("add", "read", ...) now, None where nothing does."""
        if self._has("gone"):
            return CardError(-201003)
        return CardError(-200284) if operation == "read" and self._has("silent") else None

    def input_range(self, minimum: float, maximum: float) -> float:
        """Smallest input range (V) that holds `minimum` to `maximum` (V)."""
        needed = max(abs(minimum), abs(maximum))
        for span in sorted(self.model.noise):
            if needed <= span:
                return span
        raise CardError(-200077, f"Property: AI.Max\nRequested value: {needed}\nLargest value: {span}")

    def convert(self, terminal: str, span: float, start: float, spacing: float, count: int) -> FloatArray:
        """Convert one input at `start` + k `spacing` (s) to voltages (n,), clipped and quantised to 16 bit.

        `span` (V) is half the input range. The noise of a conversion is a function of seed, terminal, epoch
        of the clock and time since the epoch began: it is the same whoever reads, however often.
        """
        offsets: FloatArray = spacing * np.arange(count, dtype=np.float64)
        signal = self._signals.get(terminal)
        volts = np.zeros(count) if signal is None else self.twin.analog_input(signal, start + offsets)
        rate, address = self.model.rate, zlib.crc32(f"{self.name}/{terminal}".lower().encode())
        slots = np.rint(offsets * rate).astype(np.int64) + round((start - self._epoch_start) * rate)
        noise = normal_deviates((self.twin.seed, address, *self.twin.clock.epoch), slots)
        step = span / 2**15
        codes = np.rint((volts + self.model.noise[span] * noise) / step)
        if self._has("overload"):
            codes[:] = 2**15
        elif self._has("stuck"):
            codes[:] = self._first.setdefault(terminal, float(codes[0]))
        return np.clip(codes, -(2**15), 2**15 - 1) * step

    def drive(self, terminal: str, volts: float) -> None:
        """Set an analog output (V)."""
        if terminal in self._signals:
            self.twin.analog_output(self._signals[terminal], volts)

    def generate(self, terminal: str, volts: FloatArray, rate: float, start: float) -> None:
        """Repeat the period `volts` (n,) (V) on an analog output, at `rate` (Hz) from `start` (s) on."""
        if terminal in self._signals:
            self.twin.analog_waveform(self._signals[terminal], volts, rate, start)

    def switch(self, line: str, high: bool) -> None:
        """Set the level of a line."""
        self._levels[line] = high
        if line in self._signals:
            self.twin.digital_output(self._signals[line], high)

    def level(self, line: str) -> bool:
        """Level of a line."""
        return self._levels[line]


def normal_deviates(key: Sequence[int], counters: IntegerArray) -> FloatArray:
    """Draw normal deviates (n,) of unit width, each a function of `key` and its own counter alone.

    Two streams of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at the counters, then Box and Muller.
    """
    words = np.random.SeedSequence([word % 2**64 for word in key]).generate_state(2, np.uint64)
    uniform = []
    for word in words:
        bits = counters.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + word
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        uniform.append(((bits ^ (bits >> np.uint64(31))) >> np.uint64(11)) + 0.5)
    radius, turn = (number * 2.0**-53 for number in uniform)
    return np.asarray(np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * turn))
