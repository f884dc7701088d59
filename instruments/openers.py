"""From a table of the bench file to the role that it describes: one function for each role."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from pymeasure.instruments.keithley import Keithley6221
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.lakeshore import LakeShore425
from pymeasure.instruments.newport import ESP300
from pymeasure.instruments.srs import SR830, SR860

from analysis.sample import Sample
from instruments.analog_source import AnalogSineSource, Shunt
from instruments.attenuator import PlateAttenuator
from instruments.connections import Connections as Connections
from instruments.current_source import AmplifiedSineSource, Keithley6221Source
from instruments.daq_clocked import ClockedInput
from instruments.detector import AnalogDifference, AnalogSum
from instruments.driver_tables import (
    AnalogMagnetTable,
    AnalogSineTable,
    ElliptecRotatorTable,
    MagnetTable,
    ManualShutterTable,
    ManualSignalSwitchTable,
    ManualTable,
    RotatorTable,
    SoftwareLockInTable,
    SR830Table,
    SR860Table,
)
from instruments.elliptec import ELLIPTEC_LINE, ElliptecBus, ElliptecRotator
from instruments.lock_in import SR830LockIn, SR860LockIn
from instruments.magnet import GAUSSMETER_LINE, AnalogMagnet, HallProbe, KepcoMagnet, MagnetLimits
from instruments.manual import ManualQuarterWave, ManualRotator, ManualShutter
from instruments.motion import Esp300Axis, Esp300Rotator, Esp300Stage, FlippedQuarterWave
from instruments.relay import InterlockedRelay
from instruments.roles import (
    Attenuator,
    CurrentSource,
    DifferenceDetector,
    Instrument,
    LockIn,
    Magnet,
    QuarterWavePlate,
    Relay,
    Rotator,
    Shutter,
    Signal,
    SignalSwitch,
    Stage,
    SumDetector,
)
from instruments.shutter import LineShutter
from instruments.signal_switch import LineSignalSwitch, ManualSignalSwitch
from instruments.software_lock_in import SoftwareLockIn


def role_openers(connections: Connections, sample: Sample) -> dict[str, Callable[[], Instrument]]:
    """What makes each role of the bench file of its connections, in the order to take them over.

    Each works also where others failed. What is made has still to be taken over before it is used.
    """
    openers: dict[str, Callable[[], Instrument]] = {
        "lock_in": lambda: open_lock_in(connections),
        "sample_source": lambda: open_sample_source(connections, sample),
        "calibration_source": lambda: open_calibration_source(connections),
        "relay": lambda: open_relay(connections),
        "magnet": lambda: open_magnet(connections, sample),
        "stage": lambda: open_stage(connections),
        "polarization_plate": lambda: open_rotator(connections, "polarization_plate"),
        "analyser_plate": lambda: open_rotator(connections, "analyser_plate"),
        "quarter_wave": lambda: open_quarter_wave(connections),
        "sum_detector": lambda: open_sum_detector(connections),
    }
    file = connections.file
    optional: dict[str, Callable[[], Instrument]] = {
        "field_angle": lambda: open_rotator(connections, "field_angle"),
        "signal_switch": lambda: open_signal_switch(connections),
        "perpendicular_magnet": lambda: open_perpendicular_magnet(connections, sample),
        "shutter": lambda: open_shutter(connections),
        "attenuator": lambda: open_attenuator(connections),
        "difference_detector": lambda: open_difference_detector(connections),
    }
    return openers | {role: opener for role, opener in optional.items() if getattr(file, role) is not None}


def open_lock_in(connections: Connections) -> LockIn:
    """Open the lock-in; like all of these raises `DeviceError` where the instrument does not answer."""
    table = connections.file.lock_in
    if not isinstance(table, SoftwareLockInTable):
        return _stanford_lock_in(connections)

    channels = [table.difference, table.sum, table.reference]

    def open_input(span: float) -> ClockedInput:
        limits = [(-span, span), (-10.0, 10.0), (-10.0, 10.0)]
        return connections.clocked_input(channels, limits, "software lock-in", rate=table.rate, terminal=table.terminal)

    lock_in = SoftwareLockIn(
        open_input, connections.clock, device=f"lock_in ({', '.join(channels)})", rate=table.rate,
        ranges=table.ranges, skew=table.skew,
    )  # fmt: skip
    connections.closed_with(lock_in.close)
    return lock_in


def _stanford_lock_in(connections: Connections) -> SR830LockIn | SR860LockIn:
    table = connections.file.lock_in
    if isinstance(table, SR830Table):
        sr830 = connections.driver(SR830, table.resource, question="*IDN?", answer="SR830")
        return SR830LockIn(sr830, connections.clock)
    assert isinstance(table, SR860Table)  # the bench file was checked for it
    sr860 = connections.driver(SR860, table.resource, question="*IDN?", answer="SR86")
    return SR860LockIn(sr860, connections.clock)


def open_sample_source(connections: Connections, sample: Sample) -> CurrentSource:
    """Open the source of the current through the sample; the sample's limits count too."""
    source = _sample_source(connections)
    source.largest_current = min(source.largest_current, sample.largest_current)
    connections.sources.append(source)
    return source


def _sample_source(connections: Connections) -> CurrentSource:
    table = connections.file.sample_source
    if isinstance(table, AnalogSineTable):
        return _analog_sine(connections, table, "sample_source")
    keithley = connections.driver(Keithley6221, table.resource, question="*IDN?", answer="MODEL 6221")
    return Keithley6221Source(
        keithley, connections.clock, phase=table.phase, largest_current=table.largest_current,
        ramp_rate=table.ramp_rate, compliance=table.compliance,
    )  # fmt: skip


def open_calibration_source(connections: Connections) -> CurrentSource:
    """Open the source of the current in the calibration loop."""
    source = _calibration_source(connections)
    connections.sources.append(source)
    return source


def _calibration_source(connections: Connections) -> CurrentSource:
    table = connections.file.calibration_source
    if isinstance(table, AnalogSineTable):
        return _analog_sine(connections, table, "calibration_source")
    return AmplifiedSineSource(
        _stanford_lock_in(connections), connections.clock, gain=table.gain, phase=table.phase,
        largest_current=table.largest_current, ramp_rate=table.ramp_rate,
    )  # fmt: skip


def _analog_sine(connections: Connections, table: AnalogSineTable, role: str) -> CurrentSource:
    shunt = None
    if table.shunt is not None:
        limits = [(-table.shunt.limit, table.shunt.limit), (-10.0, 10.0)]
        record = connections.clocked_input(
            [table.shunt.channel, table.shunt.reference], limits, f"shunt of {role}", rate=table.shunt.rate,
            terminal=table.shunt.terminal,
        )  # fmt: skip
        connections.closed_with(record.close)
        shunt = Shunt(record, table.shunt.resistance, table.shunt.skew)
    outputs = (table.output, table.reference)
    source = AnalogSineSource(
        lambda frequency: connections.clocked_sine(outputs, role, frequency=frequency, rate=table.rate),
        lambda: connections.analog_output(table.output, role),
        shunt, connections.clock, role=role, device=f"{role} ({table.output})", gain=table.gain, phase=table.phase,
        largest_current=table.largest_current, ramp_rate=table.ramp_rate, rate=table.rate,
    )  # fmt: skip
    connections.closed_with(source.close)
    return source


def open_relay(connections: Connections) -> Relay:
    """Open the relay's lines; the sources are asked for their amplitude before it switches."""
    lines = connections.file.relay.lines()
    contacts = connections.digital_output(list(lines.values()), "relay")
    return InterlockedRelay(contacts, tuple(lines), connections.sources, connections.clock)


def open_magnet(connections: Connections, sample: Sample) -> Magnet:
    """Open the magnet in the plane; the sample's limit counts too."""
    return _magnet(connections, connections.file.magnet, "magnet", sample.limits.field)


def open_perpendicular_magnet(connections: Connections, sample: Sample) -> Magnet:
    """Open the magnet along the film's normal in the same way."""
    table, bearable = connections.file.perpendicular_magnet, sample.limits.perpendicular_field
    assert table is not None
    return _magnet(connections, table, "perpendicular_magnet", math.inf if bearable is None else bearable)


def _magnet(connections: Connections, table: MagnetTable, role: str, bearable: float) -> Magnet:
    limits = MagnetLimits(min(table.largest_field, bearable), table.ramp_rate, table.lag, table.tolerance)
    if isinstance(table, AnalogMagnetTable):
        output = connections.analog_output(table.output, f"{role} supply")
        connections.closed_with(output.close)
        return AnalogMagnet(
            output,
            HallProbe(connections.analog_input(table.hall, f"{role} Hall probe"), table.hall_gain, table.hall_offset),
            connections.clock,
            device=f"{role} ({table.output}, {table.hall.channel})",
            tesla_per_volt=table.tesla_per_volt,
            limits=limits,
            role=role,
        )
    return KepcoMagnet(
        connections.driver(KepcoBOP3612, table.resource, question="*IDN?", answer="BOP"),
        connections.driver(LakeShore425, table.gaussmeter, question="*IDN?", answer="MODEL425", line=GAUSSMETER_LINE),
        connections.clock,
        tesla_per_ampere=table.tesla_per_ampere,
        voltage_limit=table.voltage_limit,
        offset=table.gaussmeter_offset,
        limits=limits,
        role=role,
    )


def open_stage(connections: Connections) -> Stage:
    """Open the stage."""
    table = connections.file.stage
    low, high = (limit * 1e3 for limit in table.travel)
    x, y = (
        _esp300_axis(connections, table.resource, number, f"stage {letter}", "mm", (low, high), table.resolution * 1e3)
        for letter, number in (("x", table.x_axis), ("y", table.y_axis))
    )
    return Esp300Stage(x, y)


def open_rotator(
    connections: Connections, role: Literal["polarization_plate", "analyser_plate", "field_angle"]
) -> Rotator:
    """Open a half-wave plate (before the sample, before the prism), or what turns the field against the sample."""
    table: RotatorTable = getattr(connections.file, role)
    return _rotator(connections, table, role)


def open_quarter_wave(connections: Connections) -> QuarterWavePlate:
    """Open the quarter-wave plate, a rotator on a flip mount."""
    table = connections.file.quarter_wave
    if isinstance(table, ManualTable):
        return ManualQuarterWave(connections.prompt, table.zero)
    rotator = _rotator(connections, table, "quarter_wave")
    return FlippedQuarterWave(rotator, connections.digital_output([table.flip], "quarter-wave flip mount"))


def open_shutter(connections: Connections) -> Shutter:
    """Open the line of the shutter, which stays as it is."""
    table = connections.file.shutter
    assert table is not None
    if isinstance(table, ManualShutterTable):
        return ManualShutter(connections.prompt)
    return LineShutter(connections.digital_output([table.channel], "shutter"), table.open_level == "high")


def open_attenuator(connections: Connections) -> Attenuator:
    """Open the plate of the attenuator."""
    table = connections.file.attenuator
    assert table is not None
    return PlateAttenuator(_rotator(connections, table, "attenuator"))


def open_signal_switch(connections: Connections) -> SignalSwitch:
    """Open the switch before the lock-in's input, at the detector."""
    table = connections.file.signal_switch
    assert table is not None
    if isinstance(table, ManualSignalSwitchTable):
        return ManualSignalSwitch(connections.prompt, table.shunts())
    lines: dict[Signal, str] = table.lines.model_dump(exclude_none=True)  # type: ignore[assignment]
    contacts = connections.digital_output(list(lines.values()), "signal switch")
    return LineSignalSwitch(contacts, tuple(lines), table.shunts(), connections.clock)


def open_sum_detector(connections: Connections) -> SumDetector:
    """Open the sum output of the detector."""
    table = connections.file.sum_detector
    return AnalogSum(
        connections.analog_input(table.input, "detector sum"),
        connections.clock,
        gain=table.gain,
        responsivity=table.responsivity,
        offset=table.offset,
        light_side=connections.file.light_side,
    )


def open_difference_detector(connections: Connections) -> DifferenceDetector:
    """Open the difference output of the detector."""
    table = connections.file.difference_detector
    assert table is not None
    return AnalogDifference(connections.analog_input(table.input, "detector difference"), gain=table.gain)


def _rotator(connections: Connections, table: RotatorTable, role: str) -> Rotator:
    if isinstance(table, ManualTable):
        return ManualRotator(role, connections.prompt, table.zero)
    if isinstance(table, ElliptecRotatorTable):
        bus = connections.driver(
            ElliptecBus, table.resource, question=f"{table.address:X}in", answer="IN", line=ELLIPTEC_LINE
        )
        return ElliptecRotator(
            bus, table.address, connections.clock, role=role, zero=table.zero, resolution=table.resolution
        )
    resolution = math.degrees(table.resolution)
    axis = _esp300_axis(connections, table.resource, table.axis, role, "deg", (-720.0, 720.0), resolution)
    return Esp300Rotator(axis, role, table.zero)


def _esp300_axis(
    connections: Connections,
    resource: str,
    number: int,
    name: str,
    unit: str,
    travel: tuple[float, float],
    resolution: float,
) -> Esp300Axis:
    controller = connections.driver(ESP300, resource, question="VE?", answer="ESP30")
    name = f"{name} (ESP300 axis {number}, {resource})"
    return Esp300Axis(controller, number, connections.clock, name=name, unit=unit, travel=travel, resolution=resolution)
