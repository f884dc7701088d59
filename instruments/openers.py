"""From a table of the bench file to the role that it describes: one function for each kind of driver."""

from __future__ import annotations

import math

from pymeasure.instruments.keithley import Keithley6221
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.lakeshore import LakeShore425
from pymeasure.instruments.newport import ESP300
from pymeasure.instruments.srs import SR830, SR860

from analysis.sample import Sample
from instruments.analog_source import AnalogSineSource, Shunt
from instruments.connections import Connections as Connections
from instruments.current_source import AmplifiedSineSource, Keithley6221Source
from instruments.daq_clocked import ClockedInput
from instruments.detector import AnalogSum
from instruments.driver_tables import (
    AnalogMagnetTable,
    AnalogSineTable,
    ElliptecRotatorTable,
    ManualTable,
    RotatorTable,
    SoftwareLockInTable,
    SR830Table,
    SR860Table,
)
from instruments.elliptec import ELLIPTEC_LINE, ElliptecBus, ElliptecRotator
from instruments.lock_in import SR830LockIn, SR860LockIn
from instruments.magnet import GAUSSMETER_LINE, AnalogMagnet, HallProbe, KepcoMagnet, MagnetLimits
from instruments.manual import ManualQuarterWave, ManualRotator
from instruments.motion import Esp300Axis, Esp300Rotator, Esp300Stage, FlippedQuarterWave
from instruments.relay import InterlockedRelay
from instruments.roles import CurrentSource, LockIn, Magnet, QuarterWavePlate, Relay, Rotator, Stage, SumDetector
from instruments.software_lock_in import SoftwareLockIn


def open_lock_in(connections: Connections) -> LockIn:
    """Open the lock-in; like all of these raises `DeviceError` where the instrument does not answer."""
    table = connections.file.lock_in
    if not isinstance(table, SoftwareLockInTable):
        return _stanford_lock_in(connections)

    def open_input(span: float) -> ClockedInput:
        limits = [(-span, span), (-10.0, 10.0), (-10.0, 10.0)]
        return ClockedInput(
            [table.difference, table.sum, table.reference], limits, name="software lock-in", rate=table.rate,
            terminal=table.terminal, grpc_options=connections.grpc_options,
        )  # fmt: skip

    lock_in = SoftwareLockIn(open_input, table.ranges, connections.clock, skew=table.skew)
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


def open_sample_source(connections: Connections) -> CurrentSource:
    """Open the source of the current through the sample, and stop it."""
    table = connections.file.sample_source
    if isinstance(table, AnalogSineTable):
        return _analog_sine(connections, table, "sample_source")
    keithley = connections.driver(Keithley6221, table.resource, question="*IDN?", answer="MODEL 6221")
    return Keithley6221Source(
        keithley, connections.clock, phase=table.phase, largest_current=table.largest_current,
        ramp_rate=table.ramp_rate, compliance=table.compliance,
    )  # fmt: skip


def open_calibration_source(connections: Connections) -> CurrentSource:
    """Open the source of the current in the calibration loop, and bring it to its least."""
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
        record = ClockedInput(
            [table.shunt.channel, table.shunt.reference], limits, name=f"shunt of {role}", rate=table.shunt.rate,
            terminal=table.shunt.terminal, grpc_options=connections.grpc_options,
        )  # fmt: skip
        connections.closed_with(record.close)
        shunt = Shunt(record, table.shunt.resistance, table.shunt.skew)
    source = AnalogSineSource(
        table.output, table.reference, shunt, connections.clock, role=role, gain=table.gain, phase=table.phase,
        largest_current=table.largest_current, ramp_rate=table.ramp_rate, rate=table.rate,
        grpc_options=connections.grpc_options,
    )  # fmt: skip
    connections.closed_with(source.close)
    return source


def open_relay(connections: Connections, sources: tuple[CurrentSource, ...]) -> Relay:
    """Open the relay's lines, and both contacts; `sources` are asked for their amplitude before it switches."""
    table = connections.file.relay
    contacts = connections.digital_output([table.sample, table.coil], "relay")
    return InterlockedRelay(contacts, sources, connections.clock)


def open_magnet(connections: Connections, sample: Sample) -> Magnet:
    """Open the magnet at the field that its probe reads; the sample's limit counts too."""
    table = connections.file.magnet
    limits = MagnetLimits(
        min(table.largest_field, sample.limits.field), table.ramp_rate, table.lag, table.tolerance
    )  # fmt: skip
    if isinstance(table, AnalogMagnetTable):
        return AnalogMagnet(
            connections.analog_output(table.output, "magnet supply"),
            HallProbe(connections.analog_input(table.hall, "Hall probe"), table.hall_gain, table.hall_offset),
            connections.clock,
            tesla_per_volt=table.tesla_per_volt,
            limits=limits,
        )
    return KepcoMagnet(
        connections.driver(KepcoBOP3612, table.resource, question="*IDN?", answer="BOP"),
        connections.driver(LakeShore425, table.gaussmeter, question="*IDN?", answer="MODEL425", line=GAUSSMETER_LINE),
        connections.clock,
        tesla_per_ampere=table.tesla_per_ampere,
        voltage_limit=table.voltage_limit,
        offset=table.gaussmeter_offset,
        limits=limits,
    )


def open_stage(connections: Connections) -> Stage:
    """Open the stage."""
    table = connections.file.stage
    low, high = (limit * 1e3 for limit in table.travel)
    x, y = (
        _esp300_axis(connections, table.resource, number, f"stage {letter}", (low, high), table.resolution * 1e3)
        for letter, number in (("x", table.x_axis), ("y", table.y_axis))
    )
    return Esp300Stage(x, y)


def open_polarization_plate(connections: Connections) -> Rotator:
    """Open the half-wave plate before the sample."""
    return _rotator(connections, connections.file.polarization_plate, "polarization_plate")


def open_analyser_plate(connections: Connections) -> Rotator:
    """Open the half-wave plate before the prism."""
    return _rotator(connections, connections.file.analyser_plate, "analyser_plate")


def open_quarter_wave(connections: Connections) -> QuarterWavePlate:
    """Open the quarter-wave plate, a rotator on a flip mount, and flip it out of the beam."""
    table = connections.file.quarter_wave
    if isinstance(table, ManualTable):
        return ManualQuarterWave(connections.prompt, table.zero)
    rotator = _rotator(connections, table, "quarter_wave")
    return FlippedQuarterWave(rotator, connections.digital_output([table.flip], "quarter-wave flip mount"))


def open_field_angle(connections: Connections) -> Rotator | None:
    """Open what turns the field against the sample; None where nothing does."""
    table = connections.file.field_angle
    return None if table is None else _rotator(connections, table, "field_angle")


def open_sum_detector(connections: Connections) -> SumDetector:
    """Open the sum output of the detector."""
    table = connections.file.sum_detector
    return AnalogSum(
        connections.analog_input(table.input, "detector sum"),
        connections.clock,
        gain=table.gain,
        responsivity=table.responsivity,
        light_side=connections.file.light_side,
    )


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
    axis = _esp300_axis(connections, table.resource, table.axis, role, (-720.0, 720.0), resolution)
    return Esp300Rotator(axis, role, table.zero)


def _esp300_axis(
    connections: Connections, resource: str, number: int, name: str, travel: tuple[float, float], resolution: float
) -> Esp300Axis:
    controller = connections.driver(ESP300, resource, question="VE?", answer="ESP30")
    return Esp300Axis(controller, number, connections.clock, name=name, travel=travel, resolution=resolution)
