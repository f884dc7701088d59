"""Layout of one table of a bench file for each driver; `driver` chooses among those that can play a role."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from analysis.configuration import Table, Unit
from instruments.roles import CurrentPath, Signal

_ADDRESS = "address"  # marks a key that says where an instrument is
Resource = Annotated[str, _ADDRESS]
"""VISA address."""
Channel = Annotated[str, _ADDRESS]
"""NI's name of an input, an output or a line."""
OptionalChannel = Annotated[str | None, _ADDRESS]
"""The same, of something that need not be there."""
Axis = Annotated[int, Field(ge=1, le=3), _ADDRESS]
"""Axis of an ESP300."""

Seconds = Annotated[float, Unit.number("s"), Field(gt=0)]
Ampere = Annotated[float, Unit.number("A"), Field(gt=0)]
AmperePerSecond = Annotated[float, Unit.number("A/s"), Field(gt=0)]
Radian = Annotated[float, Unit.number("rad")]
Tesla = Annotated[float, Unit.number("T"), Field(gt=0)]
TeslaPerSecond = Annotated[float, Unit.number("T/s"), Field(gt=0)]
Lag = Annotated[float, Unit.number("s"), Field(ge=0)]
Volt = Annotated[float, Unit.number("V")]
Metre = Annotated[float, Unit.number("m")]


class InstrumentTable(Table):
    """What plays a role, and where it is."""

    driver: str

    def addresses(self) -> dict[str, str | int]:
        """Where it is, by key; those of a table within begin with its key and a dot."""
        return _addresses(self)

    def axes(self) -> list[tuple[str, int]]:
        """(resource, axis or module) of every axis that it takes for itself."""
        return []


def _addresses(table: Table) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for key, field in type(table).model_fields.items():
        value: Any = getattr(table, key)
        if _ADDRESS in field.metadata:
            found |= {} if value is None else {key: value}
        elif isinstance(value, Table):
            found |= {f"{key}.{inner}": address for inner, address in _addresses(value).items()}
    return found


class AnalogInputTable(Table):
    """An analog input and its range."""

    channel: Channel
    minimum: Volt = -10.0
    maximum: Volt = 10.0
    terminal: Literal["differential", "rse", "nrse", "pseudo_differential"] = "differential"


# ----------------------------------------------------------- lock-in


class SR830Table(InstrumentTable):
    """Stanford Research SR830."""

    driver: Literal["SR830"]
    resource: Resource


class SR860Table(InstrumentTable):
    """Stanford Research SR860."""

    driver: Literal["SR860"]
    resource: Resource


class SoftwareLockInTable(InstrumentTable):
    """NI card that samples difference, sum and reference together.

    `skew` is the time by which the difference is sampled after the reference, as `measure_skew` finds it.
    `keep_waveforms` stores the samples behind each point in the run file: megabytes a point.
    """

    driver: Literal["SoftwareLockIn"]
    difference: Channel
    sum: Channel
    reference: Channel
    rate: Annotated[float, Unit.number("Hz"), Field(gt=0)]
    skew: Annotated[float, Unit.number("s")] = 0.0
    terminal: Literal["differential", "rse", "nrse", "pseudo_differential"] = "differential"
    ranges: tuple[Volt, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    keep_waveforms: bool = False


LockInTable = Annotated[SR830Table | SR860Table | SoftwareLockInTable, Field(discriminator="driver")]

# ----------------------------------------------------------- current sources


class Keithley6221Table(InstrumentTable):
    """Keithley 6221 in wave mode; its phase marker is the lock-in's reference."""

    driver: Literal["Keithley6221"]
    resource: Resource
    phase: Radian
    largest_current: Ampere
    ramp_rate: AmperePerSecond = 0.1
    compliance: Annotated[Volt, Field(gt=0)]


class AmplifiedSineTable(InstrumentTable):
    """Sine output of the lock-in into a power voltage-to-current amplifier."""

    driver: Literal["AmplifiedSine"]
    gain: Annotated[float, Unit.number("A/V"), Field(gt=0)]
    phase: Radian
    largest_current: Ampere
    ramp_rate: AmperePerSecond = 1.0


class ShuntTable(Table):
    """Series shunt on an analog input, sampled together with the reference on another.

    `skew` is the time by which the shunt is sampled after the reference.
    """

    channel: Channel
    reference: Channel
    resistance: Annotated[float, Unit.number("ohm"), Field(gt=0)]
    rate: Annotated[float, Unit.number("Hz"), Field(gt=0)] = 500e3
    skew: Annotated[float, Unit.number("s")] = 0.0
    limit: Annotated[Volt, Field(gt=0)] = 10.0
    terminal: Literal["differential", "rse", "nrse", "pseudo_differential"] = "differential"


class AnalogSineTable(InstrumentTable):
    """NI analog output into a power voltage-to-current amplifier; `reference` is a second output, for the lock-in."""

    driver: Literal["AnalogSine"]
    output: Channel
    reference: Channel
    gain: Annotated[float, Unit.number("A/V"), Field(gt=0)]
    phase: Radian
    largest_current: Ampere
    ramp_rate: AmperePerSecond = 1.0
    rate: Annotated[float, Unit.number("Hz"), Field(gt=0)] = 1e6
    shunt: ShuntTable | None = None


SampleSourceTable = Annotated[Keithley6221Table | AnalogSineTable, Field(discriminator="driver")]
CalibrationSourceTable = Annotated[AmplifiedSineTable | AnalogSineTable, Field(discriminator="driver")]


class RelayTable(InstrumentTable):
    """Digital line of each contact."""

    driver: Literal["DigitalLines"]
    sample: Channel
    coil: Channel
    transverse_coil: OptionalChannel = None

    def lines(self) -> dict[CurrentPath, str]:
        """Line of each contact that there is."""
        known: dict[CurrentPath, str | None] = {
            "sample": self.sample, "coil": self.coil, "transverse_coil": self.transverse_coil,
        }  # fmt: skip
        return {path: line for path, line in known.items() if line is not None}


# ----------------------------------------------------------- what the lock-in reads


class SignalLinesTable(Table):
    """Digital line of the contact of each signal; a signal without a line cannot be selected."""

    detector: Channel
    sample_shunt: OptionalChannel = None
    coil_shunt: OptionalChannel = None
    voltage_taps: OptionalChannel = None
    hall_taps: OptionalChannel = None


class _ShuntsTable(InstrumentTable):
    """Resistances of the series shunts, where there are any."""

    sample_shunt: Annotated[float, Unit.number("ohm"), Field(gt=0)] | None = None
    coil_shunt: Annotated[float, Unit.number("ohm"), Field(gt=0)] | None = None

    def shunts(self) -> dict[Signal, float]:
        """Resistance (ohm) of each shunt."""
        known: dict[Signal, float | None] = {"sample_shunt": self.sample_shunt, "coil_shunt": self.coil_shunt}
        return {signal: resistance for signal, resistance in known.items() if resistance is not None}


class LineSignalSwitchTable(_ShuntsTable):
    """Contacts on digital lines before the lock-in's input."""

    driver: Literal["DigitalLines"]
    lines: SignalLinesTable


class ManualSignalSwitchTable(_ShuntsTable):
    """A cable at the lock-in's input that a person plugs."""

    driver: Literal["Manual"]


SignalSwitchTable = Annotated[LineSignalSwitchTable | ManualSignalSwitchTable, Field(discriminator="driver")]

# ----------------------------------------------------------- magnets


class AnalogMagnetTable(InstrumentTable):
    """Bipolar supply on an analog output with a Hall probe on an analog input."""

    driver: Literal["AnalogMagnet"]
    output: Channel
    hall: AnalogInputTable
    hall_gain: Annotated[float, Unit.number("V/T")]
    hall_offset: Annotated[float, Unit.number("T")]
    tesla_per_volt: Annotated[float, Unit.number("T/V")]
    largest_field: Tesla
    ramp_rate: TeslaPerSecond
    lag: Lag
    tolerance: Tesla


class KepcoMagnetTable(InstrumentTable):
    """Kepco BOP in current mode with a Lake Shore 425 gaussmeter."""

    driver: Literal["KepcoMagnet"]
    resource: Resource
    gaussmeter: Resource
    tesla_per_ampere: Annotated[float, Unit.number("T/A")]
    voltage_limit: Annotated[Volt, Field(gt=0)]
    gaussmeter_offset: Annotated[float, Unit.number("T")] = 0.0
    largest_field: Tesla
    ramp_rate: TeslaPerSecond
    lag: Lag
    tolerance: Tesla


MagnetTable = Annotated[AnalogMagnetTable | KepcoMagnetTable, Field(discriminator="driver")]

# ----------------------------------------------------------- motion


class Esp300StageTable(InstrumentTable):
    """Two axes of an ESP300."""

    driver: Literal["ESP300"]
    resource: Resource
    x_axis: Axis
    y_axis: Axis
    travel: tuple[Metre, Metre]
    resolution: Annotated[Metre, Field(gt=0)] = 1e-7

    def axes(self) -> list[tuple[str, int]]:
        """(resource, axis) of every axis that it takes for itself."""
        return [(self.resource, self.x_axis), (self.resource, self.y_axis)]


class Esp300RotatorTable(InstrumentTable):
    """An axis of an ESP300 that turns a plate."""

    driver: Literal["ESP300"]
    resource: Resource
    axis: Axis
    zero: Radian = 0.0
    resolution: Annotated[Radian, Field(gt=0)] = 1e-4

    def axes(self) -> list[tuple[str, int]]:
        """(resource, axis) of every axis that it takes for itself."""
        return [(self.resource, self.axis)]


class Esp300QuarterWaveTable(Esp300RotatorTable):
    """A rotator on a flip mount that a digital line drives."""

    flip: Channel


class ElliptecRotatorTable(InstrumentTable):
    """A Thorlabs ELL14; `address` is that of the module on its serial line."""

    driver: Literal["ELL14"]
    resource: Resource
    address: Annotated[int, Field(ge=0, le=15), _ADDRESS]
    zero: Radian = 0.0
    resolution: Annotated[Radian, Field(gt=0)] = 1e-3

    def axes(self) -> list[tuple[str, int]]:
        """(resource, address) of the module."""
        return [(self.resource, self.address)]


class ElliptecQuarterWaveTable(ElliptecRotatorTable):
    """An ELL14 on a flip mount that a digital line drives."""

    flip: Channel


class ManualTable(InstrumentTable):
    """A mount without motor: a person is asked to turn it, and to put a quarter-wave plate into the beam."""

    driver: Literal["Manual"]
    zero: Radian = 0.0


RotatorTable = Annotated[Esp300RotatorTable | ElliptecRotatorTable | ManualTable, Field(discriminator="driver")]
QuarterWaveTable = Annotated[
    Esp300QuarterWaveTable | ElliptecQuarterWaveTable | ManualTable, Field(discriminator="driver")
]
StageTable = Esp300StageTable

# ----------------------------------------------------------- light and detector


class LineShutterTable(InstrumentTable):
    """Shutter on a digital line; `open_level` is the level that opens it."""

    driver: Literal["DigitalLine"]
    channel: Channel
    open_level: Literal["high", "low"] = "high"


class ManualShutterTable(InstrumentTable):
    """A shutter or a card that a person puts into the beam."""

    driver: Literal["Manual"]


ShutterTable = Annotated[LineShutterTable | ManualShutterTable, Field(discriminator="driver")]


class SumDetectorTable(InstrumentTable):
    """Sum output of the balanced detector; `offset` is what it reads in the dark."""

    driver: Literal["AnalogInput"]
    input: AnalogInputTable
    gain: Annotated[float, Field(gt=0)] = 1.0
    responsivity: Annotated[float, Unit.number("V/W"), Field(gt=0)]
    offset: Volt = 0.0


class DifferenceDetectorTable(InstrumentTable):
    """Difference output of the balanced detector; `gain` is its DC gain over that of the sum output."""

    driver: Literal["AnalogInput"]
    input: AnalogInputTable
    gain: Annotated[float, Field(gt=0)] = 1.0
