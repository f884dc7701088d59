"""Connections of a bench: the VISA drivers and NI tasks that its roles share, and how they are let go of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pymeasure.instruments import Instrument

from instruments.bench_file import BenchFile
from instruments.clock import Clock
from instruments.daq import AnalogInput, AnalogOutput, DigitalOutput, Terminal
from instruments.daq_clocked import ClockedInput, ClockedSine
from instruments.driver_tables import AnalogInputTable
from instruments.errors import DeviceError
from instruments.manual import Prompt, nobody
from instruments.roles import CurrentSource
from instruments.visa import NamedAdapter

if TYPE_CHECKING:
    from nidaqmx import GrpcSessionOptions

Driver = TypeVar("Driver", bound=Instrument)


class Connections:
    """What the instruments of one bench are reached through: VISA addresses, each opened once, and NI tasks.

    Parameters
    ----------
    file
        The bench file.
    clock
        Time of the bench.
    resources
        Where everything that is opened is entered, to be closed.
    visa_library
        Which PyVISA library; None takes that of the bench file.
    grpc_options
        Of a simulated card; None takes the `daq_server` of the bench file, or NI's driver on this computer.
    prompt
        Asks a person where a role has no motor.

    Attributes
    ----------
    sources
        Current sources that were opened, for the relay to ask.
    """

    def __init__(
        self,
        file: BenchFile,
        clock: Clock,
        resources: ExitStack,
        *,
        visa_library: str | None = None,
        grpc_options: GrpcSessionOptions | None = None,
        prompt: Prompt = nobody,
    ) -> None:
        self.file, self.clock, self.prompt = file, clock, prompt
        self.sources: list[CurrentSource] = []
        self._resources = resources
        self._visa_library = file.visa_library if visa_library is None else visa_library
        self._adapters: dict[str, NamedAdapter] = {}
        self._drivers: dict[str, object] = {}
        if grpc_options is not None:
            self._grpc_options = grpc_options

    @cached_property
    def _grpc_options(self) -> GrpcSessionOptions | None:
        """Of the card: None is NI's driver on this computer."""
        if not self.file.daq_server:
            return None
        from nidaqmx import GrpcSessionOptions

        from instruments.daq_channel import open_channel

        channel = open_channel(self.file.daq_server)
        self._resources.callback(channel.close)
        return GrpcSessionOptions(channel, "")

    def adapter(self, resource: str, model: str = "", line: Mapping[str, Any] | None = None) -> NamedAdapter:
        """Connection to a `model` at the VISA address `resource`; `DeviceError` where it cannot be opened.

        `line` holds the settings of the serial line where it is one.
        """
        if resource not in self._adapters:
            tables = self.file.roles()
            roles = [role for role, table in tables.items() if resource in table.addresses().values()]
            settings = line if line is not None and resource.upper().startswith("ASRL") else {}
            self._adapters[resource] = NamedAdapter(
                resource, self._visa_library, roles, model=model, now=self.clock.now, **settings
            )
            self._resources.callback(self._adapters[resource].close)
        return self._adapters[resource]

    def driver(
        self, kind: type[Driver], resource: str, *, question: str, answer: str, line: Mapping[str, Any] | None = None
    ) -> Driver:
        """Pymeasure driver of the instrument at `resource`, which must answer to `question` with `answer` in it.

        Parameters
        ----------
        kind
            pymeasure's class.
        resource
            VISA address.
        question, answer
            What is asked, and a part of what the right instrument says.
        line
            Settings of a serial line; pymeasure's own are for addresses that it opens itself.

        Raises
        ------
        DeviceError
            Where nothing answers, or something else; it names role and address.
        """
        adapter = self.adapter(resource, kind.__name__, line)
        if resource in self._drivers:
            known = self._drivers[resource]
            if isinstance(known, kind):
                return known
            raise DeviceError(
                adapter.device, f"is a {type(known).__name__} for another role.",
                "Give each instrument one driver in the bench file.",
            )  # fmt: skip
        with warnings.catch_warnings():  # a driver may say that it does not know whether its model speaks SCPI
            warnings.simplefilter("ignore", FutureWarning)
            driver: Driver = kind(adapter)
        received = str(driver.ask(question)).strip()
        if answer not in received:
            raise DeviceError(
                adapter.device, f"must be a {answer}; it answers {received!r} to {question}.",
                "Check address and driver in the bench file.",
            )  # fmt: skip
        self._drivers[resource] = driver  # one that failed is asked again by the next role
        return driver

    def closed_with(self, close: Callable[[], object]) -> None:
        """Call `close` when the bench is closed."""
        self._resources.callback(close)

    def analog_input(self, table: AnalogInputTable, name: str) -> AnalogInput:
        """Open an analog input that is read on demand; `name` says what is connected."""
        task = AnalogInput(
            table.channel, name=name, minimum=table.minimum, maximum=table.maximum, terminal=table.terminal,
            grpc_options=self._grpc_options,
        )  # fmt: skip
        self._resources.callback(task.close)
        return task

    def analog_output(self, channel: str, name: str) -> AnalogOutput:
        """Open an analog output that is written on demand; its voltage stays as it is. Whoever asked closes it."""
        return AnalogOutput(channel, name=name, grpc_options=self._grpc_options)

    def digital_output(self, lines: list[str], name: str) -> DigitalOutput:
        """Open digital lines that are switched together; their levels stay as they are."""
        task = DigitalOutput(lines, name=name, grpc_options=self._grpc_options)
        self._resources.callback(task.close)
        return task

    def clocked_input(
        self, channels: Sequence[str], limits: Sequence[tuple[float, float]], name: str, *, rate: float,
        terminal: Terminal,
    ) -> ClockedInput:  # fmt: skip
        """Open analog inputs that are sampled together; whoever asked closes it."""
        return ClockedInput(channels, limits, name=name, rate=rate, terminal=terminal, grpc_options=self._grpc_options)

    def clocked_sine(self, channels: Sequence[str], name: str, *, frequency: float, rate: float) -> ClockedSine:
        """Open analog outputs that repeat sines; whoever asked closes it."""
        return ClockedSine(channels, name=name, frequency=frequency, rate=rate, grpc_options=self._grpc_options)
