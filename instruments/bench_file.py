"""Layout of the files in config/benches: which driver plays each role; the drivers' tables are in driver_tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from analysis.configuration import Table, Unit
from instruments.driver_tables import (
    AmplifiedSineTable,
    CalibrationSourceTable,
    LockInTable,
    MagnetTable,
    Metre,
    QuarterWaveTable,
    RelayTable,
    RotatorTable,
    SampleSourceTable,
    Seconds,
    ShutterTable,
    SR830Table,
    SR860Table,
    StageTable,
    SumDetectorTable,
)
from instruments.simulation_file import SimulationTable


class LaserTable(Table):
    """The light."""

    wavelength: Annotated[Metre, Field(gt=0)] = 780e-9
    spot_diameter: Annotated[Metre, Field(gt=0)] = 4e-6  # at 1/e^2 of the intensity; for estimates


class NoiseTable(Table):
    """Figures from which a measurement is planned: what this bench is known to reach, not a setting of anything."""

    shot_noise: Annotated[float, Unit.number("rad/Hz^0.5"), Field(gt=0)] = 12e-9  # rms, at 1 mW on the detector
    input_noise: Annotated[float, Unit.number("V/Hz^0.5"), Field(ge=0)] = 6e-9  # rms, at the lock-in's input
    flicker_corner: Annotated[float, Unit.number("Hz"), Field(ge=0)] = 0.0  # where 1/f noise equals the white one
    laser_power: Annotated[float, Unit.number("W"), Field(gt=0)] = 2e-3  # on the sample
    sum_noise: Annotated[float, Unit.number("V"), Field(gt=0)] = 7.5e-5  # rms, of one reading of the detector sum


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
    noise: NoiseTable = NoiseTable()
    daq_server: str = ""  # "host:port" of NI's gRPC server; "" takes NI's driver on this computer
    light_side: Literal["top", "bottom"] = "top"  # of the film, from which the light comes
    lock_in: LockInTable
    sample_source: SampleSourceTable
    calibration_source: CalibrationSourceTable
    relay: RelayTable
    magnet: MagnetTable
    stage: StageTable
    polarization_plate: RotatorTable
    analyser_plate: RotatorTable
    quarter_wave: QuarterWaveTable
    field_angle: RotatorTable | None = None
    shutter: ShutterTable | None = None
    attenuator: RotatorTable | None = None  # half-wave plate before a polariser
    sum_detector: SumDetectorTable
    interlock: InterlockTable = InterlockTable()
    simulation: SimulationTable | None = None

    @model_validator(mode="after")
    def _axes_once(self) -> BenchFile:
        taken = []
        plates = (self.polarization_plate, self.analyser_plate, self.quarter_wave, self.field_angle, self.attenuator)
        for table in (self.stage, *plates):
            taken += table.addresses() if table is not None else []
        if len(set(taken)) < len(taken):
            raise ValueError("must give each role an axis of its own.")
        return self

    @model_validator(mode="after")
    def _sine_output(self) -> BenchFile:
        amplified = isinstance(self.calibration_source, AmplifiedSineTable)
        if amplified and not isinstance(self.lock_in, SR830Table | SR860Table):
            raise ValueError(
                "must have a lock-in with a sine output (SR830, SR860) where calibration_source is AmplifiedSine."
            )
        return self
