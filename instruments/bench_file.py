"""Layout of the files in config/benches: which driver plays each role; the drivers' tables are in driver_tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from analysis.configuration import Table, Unit
from instruments.driver_tables import (
    AmplifiedSineTable,
    CalibrationSourceTable,
    DifferenceDetectorTable,
    InstrumentTable,
    LockInTable,
    MagnetTable,
    Metre,
    QuarterWaveTable,
    RelayTable,
    RotatorTable,
    SampleSourceTable,
    Seconds,
    ShutterTable,
    SignalSwitchTable,
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
    """What a planner may assume of the bench: nominal figures that a laboratory writes in, never read from the twin.

    Attributes
    ----------
    shot_noise
        Of the Kerr angle (rad rms per sqrt(Hz)) at 1 mW on the detector; it goes with the inverse root of the power.
    input_noise
        At the lock-in's input (V rms per sqrt(Hz)), without light.
    flicker_corner
        Frequency (Hz) at which 1/f noise equals the white one; 0 for none.
    laser_power
        Usual power on the sample (W).
    card_noise
        Of one conversion of the card that reads detector and Hall probe at DC (V rms), what it reads included.
    """

    shot_noise: Annotated[float, Unit.number("rad/Hz^0.5"), Field(ge=0)] = 12e-9
    input_noise: Annotated[float, Unit.number("V/Hz^0.5"), Field(ge=0)] = 6e-9
    flicker_corner: Annotated[float, Unit.number("Hz"), Field(ge=0)] = 0.0
    laser_power: Annotated[float, Unit.number("W"), Field(gt=0)] = 2e-3
    card_noise: Annotated[float, Unit.number("V"), Field(ge=0)] = 0.35e-3


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
    signal_switch: SignalSwitchTable | None = None  # before the lock-in's input
    perpendicular_magnet: MagnetTable | None = None  # along the film's normal
    shutter: ShutterTable | None = None
    attenuator: RotatorTable | None = None  # half-wave plate before a polariser
    sum_detector: SumDetectorTable
    difference_detector: DifferenceDetectorTable | None = None
    interlock: InterlockTable = InterlockTable()
    simulation: SimulationTable | None = None

    def roles(self) -> dict[str, InstrumentTable]:
        """Tables of the roles that this bench has."""
        tables = {key: getattr(self, key) for key in type(self).model_fields}
        return {key: table for key, table in tables.items() if isinstance(table, InstrumentTable)}

    @model_validator(mode="after")
    def _axes_once(self) -> BenchFile:
        taken = []
        plates = (self.polarization_plate, self.analyser_plate, self.quarter_wave, self.field_angle, self.attenuator)
        for table in (self.stage, *plates):
            taken += table.axes() if table is not None else []
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
