"""Layout of the files in config/benches: which instrument plays which role, where it is, what it may do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from analysis.configuration import Table, Unit
from instruments.simulation_file import SimulationTable

Seconds = Annotated[float, Unit.number("s"), Field(gt=0)]
Ampere = Annotated[float, Unit.number("A"), Field(gt=0)]
AmperePerSecond = Annotated[float, Unit.number("A/s"), Field(gt=0)]
Radian = Annotated[float, Unit.number("rad")]
Tesla = Annotated[float, Unit.number("T"), Field(gt=0)]
Volt = Annotated[float, Unit.number("V")]
Metre = Annotated[float, Unit.number("m")]


class LockInTable(Table):
    """Lock-in amplifier."""

    driver: Literal["SR830"]
    resource: str


class SampleSourceTable(Table):
    """Source of the current through the sample."""

    driver: Literal["Keithley6221"]
    resource: str
    phase: Radian
    largest_current: Ampere
    ramp_rate: AmperePerSecond = 0.1
    compliance: Annotated[Volt, Field(gt=0)]


class CalibrationSourceTable(Table):
    """Source of the current in the calibration loop: lock-in sine output into a power amplifier."""

    driver: Literal["AmplifiedSine"]
    gain: Annotated[float, Unit.number("A/V"), Field(gt=0)]
    phase: Radian
    largest_current: Ampere
    ramp_rate: AmperePerSecond = 1.0


class RelayTable(Table):
    """Digital lines of the two contacts."""

    driver: Literal["DigitalLines"]
    sample: str
    coil: str


class AnalogInputTable(Table):
    """An analog input and its range."""

    channel: str
    minimum: Volt = -10.0
    maximum: Volt = 10.0
    terminal: Literal["differential", "rse", "nrse", "pseudo_differential"] = "differential"


class MagnetTable(Table):
    """Bipolar supply on an analog output with a Hall probe on an analog input."""

    driver: Literal["AnalogMagnet"]
    output: str
    hall: AnalogInputTable
    hall_gain: Annotated[float, Unit.number("V/T")]
    hall_offset: Annotated[float, Unit.number("T")]
    tesla_per_volt: Annotated[float, Unit.number("T/V")]
    largest_field: Tesla
    ramp_rate: Annotated[float, Unit.number("T/s"), Field(gt=0)]
    lag: Annotated[float, Unit.number("s"), Field(ge=0)]
    tolerance: Tesla


class StageTable(Table):
    """Two axes of an ESP300."""

    driver: Literal["ESP300"]
    resource: str
    x_axis: Annotated[int, Field(ge=1, le=3)]
    y_axis: Annotated[int, Field(ge=1, le=3)]
    travel: tuple[Metre, Metre]
    resolution: Annotated[Metre, Field(gt=0)] = 1e-7


class RotatorTable(Table):
    """An axis of an ESP300 that turns a plate."""

    driver: Literal["ESP300"]
    resource: str
    axis: Annotated[int, Field(ge=1, le=3)]
    zero: Radian = 0.0
    resolution: Annotated[Radian, Field(gt=0)] = 1e-4


class QuarterWaveTable(RotatorTable):
    """A rotator on a flip mount."""

    flip: str


class SumDetectorTable(Table):
    """Sum output of the balanced detector."""

    driver: Literal["AnalogInput"]
    input: AnalogInputTable
    gain: Annotated[float, Field(gt=0)] = 1.0
    responsivity: Annotated[float, Unit.number("V/W"), Field(gt=0)]


class LaserTable(Table):
    """The light."""

    wavelength: Annotated[Metre, Field(gt=0)] = 780e-9


class InterlockTable(Table):
    """Process that watches each run: how long a run may be silent, and how long it has to stop when asked to."""

    silence: Seconds = 30.0
    grace: Seconds = 10.0


class BenchFile(Table):
    """One bench."""

    name: str = Field(min_length=1)
    description: str = ""
    visa_library: str = ""
    laser: LaserTable = LaserTable()
    daq_server: str = ""  # "host:port" of NI's gRPC server; "" takes NI's driver on this computer
    lock_in: LockInTable
    sample_source: SampleSourceTable
    calibration_source: CalibrationSourceTable
    relay: RelayTable
    magnet: MagnetTable
    stage: StageTable
    polarization_plate: RotatorTable
    analyser_plate: RotatorTable
    quarter_wave: QuarterWaveTable
    sum_detector: SumDetectorTable
    interlock: InterlockTable = InterlockTable()
    simulation: SimulationTable | None = None

    @model_validator(mode="after")
    def _axes_once(self) -> BenchFile:
        taken = [(self.stage.resource, self.stage.x_axis), (self.stage.resource, self.stage.y_axis)]
        taken += [(r.resource, r.axis) for r in (self.polarization_plate, self.analyser_plate, self.quarter_wave)]
        if len(set(taken)) < len(taken):
            raise ValueError("must give each role an axis of its own.")
        return self
