"""Tasks on simulated NI cards: channels, reservation, clocked and on-demand data, as NI's driver has them."""

from __future__ import annotations

import itertools
import math
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from instruments.simulation.daq_card import Card, CardError, FloatArray

DEFAULT, RSE, NRSE, DIFFERENTIAL = -1, 10083, 10078, 10106  # terminal configurations, NI's numbers


@dataclass(frozen=True)
class Channel:
    """A virtual channel: one analog terminal with its limits (V), or one or several lines."""

    name: str
    kind: str
    card: Card
    terminals: tuple[str, ...]
    minimum: float = 0.0
    maximum: float = 0.0
    span: float = 0.0

    @property
    def resources(self) -> set[tuple[str, str]]:
        """What a running task keeps from others: the one converter of the inputs, or its own outputs."""
        return {(self.card.name, "ai" if self.kind == "ai" else terminal) for terminal in self.terminals}


@dataclass
class Task:
    """A task: channels of one kind, perhaps a sample clock, and how far it has come."""

    name: str
    channels: list[Channel] = field(default_factory=list)
    rate: float | None = None  # Hz; None: on demand
    finite: bool = True
    samples: int = 0
    running: bool = False
    start: float = 0.0
    position: int = 0
    period: FloatArray | None = None  # V, shape (channels, n): what a clocked output repeats

    @property
    def card(self) -> Card:
        """The card of its first channel."""
        if not self.channels:
            raise CardError(-200478, f"Task name: {self.name}")
        return self.channels[0].card

    @property
    def acquired(self) -> int:
        """Samples per channel that the sample clock has taken since the start."""
        if self.rate is None or not self.running:
            return 0
        count = math.floor((self.card.twin.clock.now() - self.start) * self.rate + 1e-6)
        return min(count, self.samples) if self.finite else count

    @property
    def done(self) -> bool:
        """Whether it has nothing left to do."""
        return not self.running or self.rate is None or (self.finite and self.acquired >= self.samples)


Fault = Callable[[Task, str], CardError | None]
Limits = tuple[float, float]


class Driver:
    """What NI's driver does with tasks, one operation at a time.

    It never moves the clock and never sleeps: what the clock has not reached fails at once with NI's time-out
    code. Callers in several threads hold `lock` during an operation.

    Attributes
    ----------
    fault
        Called as fault(task, operation) before each "add", "clock", "start", "stop", "wait", "read", "write"
        and "clear"; a CardError that it returns is raised.
    """

    version = (24, 8, 0)

    def __init__(self, cards: Sequence[Card], lock: AbstractContextManager[object] | None = None) -> None:
        self.cards = {card.name.lower(): card for card in cards}
        self.tasks: dict[str, Task] = {}
        self.fault: Fault | None = None
        self.lock = threading.RLock() if lock is None else lock
        self._reserved: dict[tuple[str, str], Task] = {}
        self._numbers = itertools.count()

    @property
    def names(self) -> list[str]:
        """Device names of the cards."""
        return [card.name for card in self.cards.values()]

    def card(self, name: str) -> Card:
        """Card of this device name."""
        try:
            return self.cards[name.lower()]
        except KeyError:
            raise CardError(-200220, f"Device specified: {name}") from None

    def task(self, name: str, operation: str = "") -> Task:
        """Task of this name, of which `operation` is wanted."""
        try:
            task = self.tasks[name]
        except KeyError:
            raise CardError(-200088, f"Task name: {name}") from None
        error = self.fault(task, operation) if self.fault and operation else None
        if operation and task.channels:
            error = error or task.card.failure(operation)
        if error:
            raise error
        return task

    # ----------------------------------------------------------- life of a task

    def create(self, name: str) -> Task:
        """Make a task; an empty name gets a number."""
        name = name or f"_unnamedTask<{next(self._numbers):X}>"
        if name in self.tasks:
            raise CardError(-200089, f"Task name: {name}")
        self.tasks[name] = Task(name)
        return self.tasks[name]

    def clear(self, name: str) -> None:
        """Remove a task, even where the device is gone; outputs keep their last value."""
        try:
            self.task(name, "clear")
        finally:
            if name in self.tasks:
                self._release(self.tasks.pop(name))

    def add_input(self, task_name: str, physical: str, name: str, terminal: int, limits: Limits) -> None:
        """Add analog inputs with `limits` (V) in a terminal configuration (NI's number)."""
        task = self.task(task_name, "add")
        terminals = self._expand(physical, "ai")
        for virtual, (card, channel) in zip(_virtual(name, terminals), terminals, strict=True):
            allowed = {RSE, NRSE} if int(channel[2:]) % 16 >= 8 else {DEFAULT, RSE, NRSE, DIFFERENTIAL}
            if terminal not in allowed:  # ai8 to ai15 are the minus sides of ai0 to ai7
                detail = f"Property: AI.TermCfg\nRequested value: {terminal}\nChannel: {card.name}/{channel}"
                raise CardError(-200077, detail)
            span = card.input_range(*_ordered(limits))
            self._join(task, Channel(virtual, "ai", card, (channel,), *limits, span))

    def add_output(self, task_name: str, physical: str, name: str, limits: Limits) -> None:
        """Add analog outputs with `limits` (V)."""
        task = self.task(task_name, "add")
        terminals = self._expand(physical, "ao")
        for virtual, (card, channel) in zip(_virtual(name, terminals), terminals, strict=True):
            largest = max(abs(limit) for limit in _ordered(limits))
            if largest > card.model.output_range:
                raise CardError(-200077, f"Property: AO.Max\nRequested value: {largest}")
            self._join(task, Channel(virtual, "ao", card, (channel,), *limits))

    def add_lines(self, task_name: str, physical: str, name: str, grouped: bool) -> None:
        """Add digital output lines, `grouped` as one channel or as a channel each."""
        task = self.task(task_name, "add")
        lines = self._expand(physical, "line")
        if grouped:
            card, first = lines[0]
            virtual = name or f"{card.name}/{first}" + ("..." if len(lines) > 1 else "")
            self._join(task, Channel(virtual, "do", card, tuple(line for _, line in lines)))
        else:
            for virtual, (card, line) in zip(_virtual(name, lines), lines, strict=True):
                self._join(task, Channel(virtual, "do", card, (line,)))

    def _join(self, task: Task, channel: Channel) -> None:
        if task.channels and task.channels[0].kind != channel.kind:
            raise CardError(-200559, f"Task name: {task.name}")
        task.channels.append(channel)

    def _expand(self, physical: str, kind: str) -> list[tuple[Card, str]]:
        """Terminals that a list such as "Dev1/ai0:3, Dev1/ai8" or "Dev1/port0/line0:1" names."""
        terminals = []
        for part in physical.split(","):
            device, _, terminal = part.strip().lstrip("/").partition("/")
            card = self.card(device)
            known = {"ai": card.inputs, "ao": card.outputs, "line": card.lines}[kind]
            match = re.fullmatch(r"(.*?)(\d+)(?::\D*(\d+))?", terminal.lower())
            stem, first, last = match.groups() if match else (terminal, "0", None)
            names = [f"{stem}{number}" for number in range(int(first), int(last or first) + 1)]
            if kind == "line" and stem == "port":
                names = [line for line in known if line.partition("/")[0] in names]
            if not names or not set(names) <= set(known):
                raise CardError(-200170, f"Device specified: {card.name}\nPhysical channel: {terminal}")
            terminals += [(card, name) for name in names]
        return terminals

    def set_clock(self, name: str, rate: float, finite: bool, samples: int) -> None:
        """Give analog inputs, or outputs that repeat a period, a sample clock of `rate` (Hz)."""
        task = self.task(name, "clock")
        model, kind, count = task.card.model, task.channels[0].kind, len(task.channels)
        fastest = {"ai": model.rate / count, "ao": model.output_rates[count - 1]}.get(kind, 0.0)
        if not 0 < rate <= fastest or samples < 1 or (kind == "ao" and finite):
            detail = f"Property: SampClk.Rate\nRequested value: {rate}\nLargest value: {fastest}"
            raise CardError(-200077, detail)
        task.rate, task.finite, task.samples = rate, finite, samples

    def start(self, name: str) -> None:
        """Start a task: it reserves its resources until it is stopped or cleared."""
        self._start(self.task(name, "start"))

    def _start(self, task: Task) -> None:
        clocked_output = task.rate is not None and task.channels and task.channels[0].kind == "ao"
        if clocked_output and task.period is None:
            raise CardError(-200462, f"Task name: {task.name}")
        self._reserve(task)
        if not task.running:
            task.running, task.start, task.position = True, task.card.twin.clock.now(), 0
            if clocked_output:
                self._generate(task)

    def _generate(self, task: Task) -> None:
        assert task.rate is not None and task.period is not None
        for channel, row in zip(task.channels, task.period, strict=True):
            channel.card.generate(channel.terminals[0], row, task.rate, task.start)

    def _hold(self, task: Task) -> None:
        """Leave clocked outputs at the value that they have just now."""
        if task.running and task.rate is not None and task.period is not None:
            place = math.floor((task.card.twin.clock.now() - task.start) * task.rate) % task.period.shape[1]
            for channel, volts in zip(task.channels, task.period[:, place], strict=True):
                channel.card.drive(channel.terminals[0], float(volts))

    def stop(self, name: str) -> None:
        """Stop a task and free its resources."""
        self._release(self.task(name, "stop"))

    def wait(self, name: str) -> None:
        """Fail unless the task is done."""
        if not self.task(name, "wait").done:
            raise CardError(-200560, f"Task name: {name}")

    def _reserve(self, task: Task) -> None:
        if not task.channels:
            raise CardError(-200478, f"Task name: {task.name}")
        resources = set().union(*(channel.resources for channel in task.channels))
        if task.rate is not None and task.channels[0].kind == "ao":
            resources.add((task.card.name, "ao sample clock"))  # there is one for all outputs
        for resource in resources:
            if self._reserved.get(resource, task) is not task:
                raise CardError(-50103, f"Task name: {task.name}\nResource: {'/'.join(resource)}")
        self._reserved.update(dict.fromkeys(resources, task))

    def _release(self, task: Task) -> None:
        self._hold(task)
        task.running = False
        self._reserved = {resource: owner for resource, owner in self._reserved.items() if owner is not task}

    # ----------------------------------------------------------- data

    def read_analog(self, name: str, count: int) -> FloatArray:
        """Next `count` samples (V) of each channel, shape (channels, count)."""
        task = self.task(name, "read")
        if task.rate is None:
            if not task.running:  # an on-demand read takes the converter for its own duration only
                self._reserve(task)
                self._release(task)
            return self._convert(task, task.card.twin.clock.now(), 1 / task.card.model.rate, count)
        self._start(task)
        arrived = min(count, task.acquired - task.position)
        begin = task.start + task.position / task.rate
        samples = self._convert(task, begin, 1 / task.rate, arrived)
        task.position += arrived
        if arrived < count:
            raise CardError(-200284, f"Task name: {name}", samples)
        return samples

    def _convert(self, task: Task, start: float, spacing: float, count: int) -> FloatArray:
        return np.stack(
            [
                channel.card.convert(
                    channel.terminals[0], channel.span, start + place / channel.card.model.rate, spacing, count
                )
                for place, channel in enumerate(task.channels)
            ]
        )

    def write_analog(self, name: str, values: FloatArray, automatic: bool) -> None:
        """Put out `values` (V), shape (channels, n), in turn; if one is beyond its limits, put out none.

        With a sample clock they are the period to be repeated, in place of the one before, in step with it.
        """
        clocked = self.task(name).rate is not None
        task = self._writable(name, "ao", automatic or clocked, len(values))
        for channel, row in zip(task.channels, values, strict=True):
            outside = row[~((row >= channel.minimum) & (row <= channel.maximum))]
            if len(outside):
                raise CardError(-200561, f"Channel: {channel.name}\nRequested value: {outside[0]}")
        if clocked:
            task.period = values
            if task.running:
                self._generate(task)
            elif automatic:
                self._start(task)
            return
        self._start(task)
        for column in values.T:
            for channel, value in zip(task.channels, column, strict=True):
                channel.card.drive(channel.terminals[0], float(value))

    def write_lines(self, name: str, states: Sequence[bool], automatic: bool) -> None:
        """Set all lines of a task."""
        lines = self.lines(name)
        task = self._writable(name, "do", automatic, None)
        if len(states) != len(lines):
            raise CardError(-200524, f"Lines: {len(lines)}\nValues: {len(states)}")
        self._start(task)
        for (card, line), state in zip(lines, states, strict=True):
            card.switch(line, state)

    def read_lines(self, name: str) -> list[bool]:
        """Levels of all lines of a task."""
        self.task(name, "read")
        return [card.level(line) for card, line in self.lines(name)]

    def lines(self, name: str) -> list[tuple[Card, str]]:
        """Card and terminal of each channel, or of each line of each channel."""
        return [(channel.card, line) for channel in self.task(name).channels for line in channel.terminals]

    def _writable(self, name: str, kind: str, automatic: bool, channels: int | None) -> Task:
        task = self.task(name, "write")
        if not task.channels:
            raise CardError(-200478, f"Task name: {name}")
        if task.channels[0].kind != kind or channels not in (None, len(task.channels)):
            raise CardError(-200524, f"Task name: {name}")
        if not (task.running or automatic):
            raise CardError(-200846, f"Task name: {name}")
        return task


def _ordered(limits: Limits) -> Limits:
    if not limits[0] < limits[1]:
        raise CardError(-200082, f"Minimum: {limits[0]}\nMaximum: {limits[1]}")
    return limits


def _virtual(name: str, terminals: Sequence[tuple[Card, str]]) -> list[str]:
    """Names of the virtual channels: those of the terminals, or `name`, numbered when there are several."""
    if not name:
        return [f"{card.name}/{terminal}" for card, terminal in terminals]
    return [name] if len(terminals) == 1 else [f"{name}{count}" for count in range(len(terminals))]
