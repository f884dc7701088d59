"""Opens the instrument of each role as the bench file describes it."""

from __future__ import annotations

import math
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pymeasure.instruments.keithley import Keithley6221
from pymeasure.instruments.newport import ESP300
from pymeasure.instruments.srs import SR830

from analysis.sample import Sample
from instruments.bench_file import AnalogInputTable, BenchFile
from instruments.clock import Clock
from instruments.current_source import AmplifiedSineSource, Keithley6221Source
from instruments.daq import AnalogInput, AnalogOutput, DigitalOutput
from instruments.detector import AnalogSum
from instruments.lock_in import SR830LockIn
from instruments.magnet import AnalogMagnet, HallProbe
from instruments.motion import Esp300Axis, Esp300Rotator, Esp300Stage, FlippedQuarterWave
from instruments.relay import InterlockedRelay
from instruments.roles import (
    CurrentSource,
    LockIn,
    Magnet,
    QuarterWavePlate,
    Relay,
    Rotator,
    Stage,
    SumDetector,
)
from instruments.visa import NamedAdapter

if TYPE_CHECKING:
    from nidaqmx import GrpcSessionOptions


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
    """

    def __init__(
        self,
        file: BenchFile,
        clock: Clock,
        resources: ExitStack,
        *,
        visa_library: str | None = None,
        grpc_options: GrpcSessionOptions | None = None,
    ) -> None:
        self.file, self.clock = file, clock
        self._resources = resources
        self._visa_library = file.visa_library if visa_library is None else visa_library
        self._adapters: dict[str, NamedAdapter] = {}
        if grpc_options is None and file.daq_server:
            from nidaqmx import GrpcSessionOptions

            from instruments.daq_channel import open_channel

            channel = open_channel(file.daq_server)
            resources.callback(channel.close)
            grpc_options = GrpcSessionOptions(channel, "")
        self._grpc_options = grpc_options

    def adapter(self, resource: str) -> NamedAdapter:
        """Connection to the VISA address `resource`; `DeviceError` where it cannot be opened."""
        if resource not in self._adapters:
            roles = [role for role in BenchFile.model_fields if resource == _resource(self.file, role)]
            self._adapters[resource] = NamedAdapter(resource, self._visa_library, roles)
            self._resources.callback(self._adapters[resource].close)
        return self._adapters[resource]

    def analog_input(self, table: AnalogInputTable, name: str) -> AnalogInput:
        """Open an analog input; `name` says what is connected."""
        task = AnalogInput(
            table.channel, name=name, minimum=table.minimum, maximum=table.maximum, terminal=table.terminal,
            grpc_options=self._grpc_options,
        )  # fmt: skip
        self._resources.callback(task.close)
        return task

    def analog_output(self, channel: str, name: str) -> AnalogOutput:
        """Open an analog output; its voltage stays as it is."""
        task = AnalogOutput(channel, name=name, grpc_options=self._grpc_options)
        self._resources.callback(task.close)
        return task

    def digital_output(self, lines: list[str], name: str) -> DigitalOutput:
        """Open digital lines; their levels stay as they are."""
        task = DigitalOutput(lines, name=name, grpc_options=self._grpc_options)
        self._resources.callback(task.close)
        return task


def _resource(file: BenchFile, role: str) -> str | None:
    return getattr(getattr(file, role), "resource", None)


def open_lock_in(connections: Connections) -> LockIn:
    """Open the lock-in; like all of these raises `DeviceError` where the instrument does not answer."""
    return SR830LockIn(_sr830(connections), connections.clock)


def _sr830(connections: Connections) -> SR830:
    driver = SR830(connections.adapter(connections.file.lock_in.resource))
    driver.id  # noqa: B018 - asked to see whether it answers
    return driver


def open_sample_source(connections: Connections) -> CurrentSource:
    """Open the source of the current through the sample, and stop it."""
    table = connections.file.sample_source
    driver = Keithley6221(connections.adapter(table.resource))
    driver.id  # noqa: B018 - asked to see whether it answers
    return Keithley6221Source(
        driver, connections.clock, phase=table.phase, largest_current=table.largest_current,
        ramp_rate=table.ramp_rate, compliance=table.compliance,
    )  # fmt: skip


def open_calibration_source(connections: Connections) -> CurrentSource:
    """Open the source of the current in the calibration loop, and bring it to its least."""
    table = connections.file.calibration_source
    return AmplifiedSineSource(
        _sr830(connections), connections.clock, gain=table.gain, phase=table.phase,
        largest_current=table.largest_current, ramp_rate=table.ramp_rate,
    )  # fmt: skip


def open_relay(connections: Connections, sources: tuple[CurrentSource, ...]) -> Relay:
    """Open the relay's lines, and both contacts."""
    table = connections.file.relay
    contacts = connections.digital_output([table.sample, table.coil], "relay")
    return InterlockedRelay(contacts, sources, connections.clock)


def open_magnet(connections: Connections, sample: Sample) -> Magnet:
    """Open the magnet at the field that the Hall probe reads."""
    table = connections.file.magnet
    return AnalogMagnet(
        connections.analog_output(table.output, "magnet supply"),
        HallProbe(connections.analog_input(table.hall, "Hall probe"), table.hall_gain, table.hall_offset),
        connections.clock,
        tesla_per_volt=table.tesla_per_volt,
        largest_field=min(table.largest_field, sample.limits.field),
        ramp_rate=table.ramp_rate,
        lag=table.lag,
        tolerance=table.tolerance,
    )


def _axis(
    connections: Connections, resource: str, number: int, name: str, travel: tuple[float, float], resolution: float
) -> Esp300Axis:
    with warnings.catch_warnings():  # the driver says that it does not know whether an ESP300 speaks SCPI
        warnings.simplefilter("ignore", FutureWarning)
        controller = ESP300(connections.adapter(resource))
    controller.ask("VE?")
    return Esp300Axis(controller, number, connections.clock, name=name, travel=travel, resolution=resolution)


def open_stage(connections: Connections) -> Stage:
    """Open the stage."""
    table = connections.file.stage
    low, high = (limit * 1e3 for limit in table.travel)
    return Esp300Stage(
        *(_axis(connections, table.resource, number, f"stage {letter}", (low, high), table.resolution * 1e3)
          for letter, number in (("x", table.x_axis), ("y", table.y_axis)))
    )  # fmt: skip


def _mount(connections: Connections, role: str) -> Esp300Axis:
    table = getattr(connections.file, role)
    return _axis(
        connections, table.resource, table.axis, role, (-720.0, 720.0), math.degrees(table.resolution)
    )  # fmt: skip


def open_polarization_plate(connections: Connections) -> Rotator:
    """Open the half-wave plate before the sample."""
    role = "polarization_plate"
    return Esp300Rotator(_mount(connections, role), role, connections.file.polarization_plate.zero)


def open_analyser_plate(connections: Connections) -> Rotator:
    """Open the half-wave plate before the prism."""
    role = "analyser_plate"
    return Esp300Rotator(_mount(connections, role), role, connections.file.analyser_plate.zero)


def open_quarter_wave(connections: Connections) -> QuarterWavePlate:
    """Open the quarter-wave plate, and flip it out of the beam."""
    table = connections.file.quarter_wave
    flip = connections.digital_output([table.flip], "quarter-wave flip mount")
    return FlippedQuarterWave(_mount(connections, "quarter_wave"), table.zero, flip)


def open_sum_detector(connections: Connections) -> SumDetector:
    """Open the sum output of the detector."""
    table = connections.file.sum_detector
    return AnalogSum(
        connections.analog_input(table.input, "detector sum"), gain=table.gain, responsivity=table.responsivity
    )
