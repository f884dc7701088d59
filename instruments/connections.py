"""Connections of a bench: the VISA drivers and NI tasks that its roles share, and how they are let go of."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

import pyvisa
from pymeasure.instruments import Instrument

from instruments.clock import Clock
from instruments.daq import AnalogInput, AnalogOutput, DigitalOutput
from instruments.driver_tables import AnalogInputTable
from instruments.errors import DeviceError

if TYPE_CHECKING:
    from nidaqmx import GrpcSessionOptions

Driver = TypeVar("Driver", bound=Instrument)


class Connections:
    """Opens each instrument once, whatever number of roles it plays.

    Parameters
    ----------
    clock
        Time of the bench.
    visa_library
        PyVISA's name of the VISA library.
    grpc_options
        For the nidaqmx client; None for NI's driver on this computer.
    resources
        Closes what was opened.
    """

    def __init__(
        self, clock: Clock, visa_library: str, grpc_options: GrpcSessionOptions | None, resources: ExitStack
    ) -> None:
        self.clock, self.grpc_options = clock, grpc_options
        self._visa_library, self._resources = visa_library, resources
        self._drivers: dict[str, object] = {}

    def driver(self, kind: type[Driver], resource: str, role: str, *, question: str, answer: str) -> Driver:
        """Pymeasure driver of the instrument at `resource`, which must answer to `question` with `answer` in it.

        Raises
        ------
        DeviceError
            Where nothing answers, or something else; it names role and address.
        """
        if resource in self._drivers:
            known = self._drivers[resource]
            if isinstance(known, kind):
                return known
            raise DeviceError(
                f"{role} ({resource})", f"is a {type(known).__name__} for another role.",
                "Give each instrument one driver in the bench file.",
            )  # fmt: skip
        try:
            with warnings.catch_warnings():  # a driver may say that it does not know whether its model speaks SCPI
                warnings.simplefilter("ignore", FutureWarning)
                driver: Driver = kind(resource, visa_library=self._visa_library)
        except (pyvisa.Error, OSError, ValueError) as error:
            raise DeviceError(
                f"{role} ({resource})", f"{resource}: cannot be opened ({error}).",
                "Check that it is switched on and that the address in the bench file is right.",
            ) from None  # fmt: skip
        self._resources.callback(driver.adapter.close)
        self._drivers[resource] = driver
        try:
            received = str(driver.ask(question)).strip()
        except (pyvisa.Error, OSError, ValueError) as error:
            raise DeviceError(
                f"{role} ({resource})", f"does not answer to {question} ({error}).",
                "Check that it is switched on and its address is right.",
            ) from None  # fmt: skip
        if answer not in received:
            raise DeviceError(
                f"{role} ({resource})", f"must be a {answer}; it answers {received!r} to {question}.",
                "Check address and driver in the bench file.",
            )  # fmt: skip
        return driver

    def analog_input(self, table: AnalogInputTable, name: str) -> AnalogInput:
        """Open an analog input that is read on demand."""
        task = AnalogInput(
            table.channel, name=name, minimum=table.minimum, maximum=table.maximum, terminal=table.terminal,
            grpc_options=self.grpc_options,
        )  # fmt: skip
        self._resources.callback(task.close)
        return task

    def analog_output(self, channel: str, name: str) -> AnalogOutput:
        """Open an analog output that is written on demand."""
        task = AnalogOutput(channel, name=name, grpc_options=self.grpc_options)
        self._resources.callback(task.close)
        return task

    def digital_output(self, lines: list[str], name: str) -> DigitalOutput:
        """Open digital lines that are switched together."""
        task = DigitalOutput(lines, name=name, grpc_options=self.grpc_options)
        self._resources.callback(task.close)
        return task
