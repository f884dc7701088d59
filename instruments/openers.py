"""From a table of the bench file to the role that it describes: one function for each kind of driver."""

from __future__ import annotations

import math

from pymeasure.instruments.keithley import Keithley6221
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.lakeshore import LakeShore425
from pymeasure.instruments.newport import ESP300
from pymeasure.instruments.srs import SR830, SR860

from instruments.connections import Connections
from instruments.current_source import AmplifiedSineSource, Keithley6221Source
from instruments.detector import AnalogSum
from instruments.driver_tables import (
    AnalogMagnetTable,
    CalibrationSourceTable,
    ElliptecRotatorTable,
    Esp300StageTable,
    LockInTable,
    MagnetTable,
    QuarterWaveTable,
    RelayTable,
    RotatorTable,
    SampleSourceTable,
    SR830Table,
    StageTable,
    SumDetectorTable,
)
from instruments.elliptec import ElliptecBus, ElliptecRotator
from instruments.lock_in import SR830LockIn, SR860LockIn
from instruments.magnet import AnalogMagnet, HallProbe, KepcoMagnet, MagnetLimits
from instruments.motion import Esp300Axis, Esp300Rotator, Esp300Stage, FlippedQuarterWave
from instruments.relay import InterlockedRelay
from instruments.roles import CurrentSource, LockIn, Magnet, QuarterWavePlate, Relay, Rotator, Stage, SumDetector


def open_lock_in(table: LockInTable, connections: Connections) -> LockIn:
    """Open the lock-in that `table` describes."""
    if isinstance(table, SR830Table):
        sr830 = connections.driver(SR830, table.resource, "lock_in", question="*IDN?", answer="SR830")
        return SR830LockIn(sr830, connections.clock)
    sr860 = connections.driver(SR860, table.resource, "lock_in", question="*IDN?", answer="SR86")
    return SR860LockIn(sr860, connections.clock)


def open_sample_source(table: SampleSourceTable, connections: Connections) -> CurrentSource:
    """Open the source of the current through the sample."""
    keithley = connections.driver(Keithley6221, table.resource, "sample_source", question="*IDN?", answer="MODEL 6221")
    return Keithley6221Source(
        keithley, connections.clock, phase=table.phase, largest_current=table.largest_current,
        ramp_rate=table.ramp_rate, compliance=table.compliance,
    )  # fmt: skip


def open_calibration_source(table: CalibrationSourceTable, lock_in: LockIn, connections: Connections) -> CurrentSource:
    """Open the source of the current in the calibration loop."""
    assert isinstance(lock_in, SR830LockIn | SR860LockIn)  # the bench file was checked for it
    return AmplifiedSineSource(
        lock_in, connections.clock, gain=table.gain, phase=table.phase, largest_current=table.largest_current,
        ramp_rate=table.ramp_rate,
    )  # fmt: skip


def open_relay(table: RelayTable, sources: tuple[CurrentSource, CurrentSource], connections: Connections) -> Relay:
    """Open the relay between `sources` and sample or coil."""
    contacts = connections.digital_output([table.sample, table.coil], "relay")
    return InterlockedRelay(contacts, sources, connections.clock)


def open_magnet(table: MagnetTable, largest_field: float, connections: Connections) -> Magnet:
    """Open the magnet; `largest_field` (T) is what the sample bears."""
    limits = MagnetLimits(min(table.largest_field, largest_field), table.ramp_rate, table.lag, table.tolerance)
    if isinstance(table, AnalogMagnetTable):
        return AnalogMagnet(
            connections.analog_output(table.output, "magnet supply"),
            HallProbe(connections.analog_input(table.hall, "Hall probe"), table.hall_gain, table.hall_offset),
            connections.clock,
            tesla_per_volt=table.tesla_per_volt,
            limits=limits,
        )
    return KepcoMagnet(
        connections.driver(KepcoBOP3612, table.resource, "magnet", question="*IDN?", answer="BOP"),
        connections.driver(LakeShore425, table.gaussmeter, "magnet", question="*IDN?", answer="MODEL425"),
        connections.clock,
        tesla_per_ampere=table.tesla_per_ampere,
        voltage_limit=table.voltage_limit,
        offset=table.gaussmeter_offset,
        limits=limits,
    )


def open_stage(table: StageTable, connections: Connections) -> Stage:
    """Open the stage."""
    assert isinstance(table, Esp300StageTable)
    low, high = (limit * 1e3 for limit in table.travel)
    x, y = (
        _esp300_axis(table.resource, number, f"stage {letter}", (low, high), table.resolution * 1e3, connections)
        for letter, number in (("x", table.x_axis), ("y", table.y_axis))
    )
    return Esp300Stage(x, y)


def open_rotator(table: RotatorTable, role: str, connections: Connections) -> Rotator:
    """Open the rotation mount that plays `role`."""
    if isinstance(table, ElliptecRotatorTable):
        question = f"{table.address:X}in"
        bus = connections.driver(ElliptecBus, table.resource, role, question=question, answer="IN")
        return ElliptecRotator(
            bus, table.address, connections.clock, role=role, zero=table.zero, resolution=table.resolution
        )
    resolution = math.degrees(table.resolution)
    axis = _esp300_axis(table.resource, table.axis, role, (-720.0, 720.0), resolution, connections)
    return Esp300Rotator(axis, role, table.zero)


def open_quarter_wave(table: QuarterWaveTable, connections: Connections) -> QuarterWavePlate:
    """Open the quarter-wave plate: a rotator on a flip mount."""
    rotator = open_rotator(table, "quarter_wave", connections)
    return FlippedQuarterWave(rotator, connections.digital_output([table.flip], "quarter-wave flip mount"))


def open_sum_detector(table: SumDetectorTable, connections: Connections) -> SumDetector:
    """Open the sum output of the detector."""
    return AnalogSum(
        connections.analog_input(table.input, "detector sum"), gain=table.gain, responsivity=table.responsivity
    )


def _esp300_axis(
    resource: str, number: int, name: str, travel: tuple[float, float], resolution: float, connections: Connections
) -> Esp300Axis:
    controller = connections.driver(ESP300, resource, name, question="VE?", answer="ESP30")
    return Esp300Axis(controller, number, connections.clock, name=name, travel=travel, resolution=resolution)
