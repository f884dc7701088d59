"""Layout of one table of a bench file for each driver; `driver` chooses among those that can play a role."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.configuration import Table, Unit

Seconds = Annotated[float, Unit.number("s"), Field(gt=0)]
Ampere = Annotated[float, Unit.number("A"), Field(gt=0)]
AmperePerSecond = Annotated[float, Unit.number("A/s"), Field(gt=0)]
Radian = Annotated[float, Unit.number("rad")]
Tesla = Annotated[float, Unit.number("T"), Field(gt=0)]
TeslaPerSecond = Annotated[float, Unit.number("T/s"), Field(gt=0)]
Lag = Annotated[float, Unit.number("s"), Field(ge=0)]
Volt = Annotated[float, Unit.number("V")]
Metre = Annotated[float, Unit.number("m")]


class AnalogInputTable(Table):
    """An analog input and its range."""

    channel: str
    minimum: Volt = -10.0
    maximum: Volt = 10.0
    terminal: Literal["differential", "rse", "nrse", "pseudo_differential"] = "differential"


# ----------------------------------------------------------- lock-in


class SR830Table(Table):
    """Stanford Research SR830."""

    driver: Literal["SR830"]
    resource: str


class SR860Table(Table):
    """Stanford Research SR860."""

    driver: Literal["SR860"]
    resource: str


class SoftwareLockInTable(Table):
    """NI card that samples difference, sum and reference together.

    `skew` is the time by which the difference is sampled after the reference, as `measure_skew` finds it.
    `keep_waveforms` stores the samples behind each point in the run file: megabytes a point.
    """

    driver: Literal["SoftwareLockIn"]
    difference: str
    sum: str
    reference: str
    rate: Annotated[float, Unit.number("Hz"), Field(gt=0)]
    skew: Annotated[float, Unit.number("s")] = 0.0
    terminal: Literal["differential", "rse", "nrse", "pseudo_differential"] = "differential"
    ranges: tuple[Volt, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    keep_waveforms: bool = False


LockInTable = Annotated[SR830Table | SR860Table | SoftwareLockInTable, Field(discriminator="driver")]

# ----------------------------------------------------------- current sources


class Keithley6221Table(Table):
    """Keithley 6221 in wave mode; its phase marker is the lock-in's reference."""

    driver: Literal["Keithley6221"]
    resource: str
    phase: Radian
    largest_current: Ampere
    ramp_rate: AmperePerSecond = 0.1
    compliance: Annotated[Volt, Field(gt=0)]


class AmplifiedSineTable(Table):
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

    channel: str
    reference: str
    resistance: Annotated[float, Unit.number("ohm"), Field(gt=0)]
    rate: Annotated[float, Unit.number("Hz"), Field(gt=0)] = 500e3
    skew: Annotated[float, Unit.number("s")] = 0.0
    limit: Annotated[Volt, Field(gt=0)] = 10.0
    terminal: Literal["differential", "rse", "nrse", "pseudo_differential"] = "differential"


class AnalogSineTable(Table):
    """NI analog output into a power voltage-to-current amplifier; `reference` is a second output, for the lock-in."""

    driver: Literal["AnalogSine"]
    output: str
    reference: str
    gain: Annotated[float, Unit.number("A/V"), Field(gt=0)]
    phase: Radian
    largest_current: Ampere
    ramp_rate: AmperePerSecond = 1.0
    rate: Annotated[float, Unit.number("Hz"), Field(gt=0)] = 1e6
    shunt: ShuntTable | None = None


SampleSourceTable = Annotated[Keithley6221Table | AnalogSineTable, Field(discriminator="driver")]
CalibrationSourceTable = Annotated[AmplifiedSineTable | AnalogSineTable, Field(discriminator="driver")]


class RelayTable(Table):
    """Digital lines of the two contacts."""

    driver: Literal["DigitalLines"]
    sample: str
    coil: str


# ----------------------------------------------------------- magnets


class AnalogMagnetTable(Table):
    """Bipolar supply on an analog output with a Hall probe on an analog input."""

    driver: Literal["AnalogMagnet"]
    output: str
    hall: AnalogInputTable
    hall_gain: Annotated[float, Unit.number("V/T")]
    hall_offset: Annotated[float, Unit.number("T")]
    tesla_per_volt: Annotated[float, Unit.number("T/V")]
    largest_field: Tesla
    ramp_rate: TeslaPerSecond
    lag: Lag
    tolerance: Tesla


class KepcoMagnetTable(Table):
    """Kepco BOP in current mode with a Lake Shore 425 gaussmeter."""

    driver: Literal["KepcoMagnet"]
    resource: str
    gaussmeter: str
    tesla_per_ampere: Annotated[float, Unit.number("T/A")]
    voltage_limit: Annotated[Volt, Field(gt=0)]
    gaussmeter_offset: Annotated[float, Unit.number("T")] = 0.0
    largest_field: Tesla
    ramp_rate: TeslaPerSecond
    lag: Lag
    tolerance: Tesla


MagnetTable = Annotated[AnalogMagnetTable | KepcoMagnetTable, Field(discriminator="driver")]

# ----------------------------------------------------------- motion


class Esp300StageTable(Table):
    """Two axes of an ESP300."""

    driver: Literal["ESP300"]
    resource: str
    x_axis: Annotated[int, Field(ge=1, le=3)]
    y_axis: Annotated[int, Field(ge=1, le=3)]
    travel: tuple[Metre, Metre]
    resolution: Annotated[Metre, Field(gt=0)] = 1e-7

    def addresses(self) -> list[tuple[str, int]]:
        """(resource, axis) of every axis that it takes for itself."""
        return [(self.resource, self.x_axis), (self.resource, self.y_axis)]


class Esp300RotatorTable(Table):
    """An axis of an ESP300 that turns a plate."""

    driver: Literal["ESP300"]
    resource: str
    axis: Annotated[int, Field(ge=1, le=3)]
    zero: Radian = 0.0
    resolution: Annotated[Radian, Field(gt=0)] = 1e-4

    def addresses(self) -> list[tuple[str, int]]:
        """(resource, axis) of every axis that it takes for itself."""
        return [(self.resource, self.axis)]


class Esp300QuarterWaveTable(Esp300RotatorTable):
    """A rotator on a flip mount that a digital line drives."""

    flip: str


class ElliptecRotatorTable(Table):
    """A Thorlabs ELL14; `address` is that of the module on its serial line."""

    driver: Literal["ELL14"]
    resource: str
    address: Annotated[int, Field(ge=0, le=15)]
    zero: Radian = 0.0
    resolution: Annotated[Radian, Field(gt=0)] = 1e-3

    def addresses(self) -> list[tuple[str, int]]:
        """(resource, address) of the module."""
        return [(self.resource, self.address)]


class ElliptecQuarterWaveTable(ElliptecRotatorTable):
    """An ELL14 on a flip mount that a digital line drives."""

    flip: str


class ManualTable(Table):
    """A mount without motor: a person is asked to turn it, and to put a quarter-wave plate into the beam."""

    driver: Literal["Manual"]
    zero: Radian = 0.0

    def addresses(self) -> list[tuple[str, int]]:
        """No address: it is not connected."""
        return []


RotatorTable = Annotated[Esp300RotatorTable | ElliptecRotatorTable | ManualTable, Field(discriminator="driver")]
QuarterWaveTable = Annotated[
    Esp300QuarterWaveTable | ElliptecQuarterWaveTable | ManualTable, Field(discriminator="driver")
]
StageTable = Esp300StageTable

# ----------------------------------------------------------- detector


class SumDetectorTable(Table):
    """Sum output of the balanced detector."""

    driver: Literal["AnalogInput"]
    input: AnalogInputTable
    gain: Annotated[float, Field(gt=0)] = 1.0
    responsivity: Annotated[float, Unit.number("V/W"), Field(gt=0)]
