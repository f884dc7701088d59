"""What is measured: one pymeasure procedure per kind of measurement."""

from procedures.angle_sweep import AngleSweep
from procedures.current_sweep import CurrentSweep
from procedures.dark_offsets import DarkOffsets
from procedures.detector_calibration import DetectorCalibration
from procedures.field_sweep import FieldSweep
from procedures.hall_loop import HallLoop
from procedures.kerr_measurement import KerrMeasurement
from procedures.laser_power_sweep import LaserPowerSweep
from procedures.measurement import Averaging, Measurement, Point, Reading
from procedures.noise_spectrum import NoiseSpectrum
from procedures.phase_calibration import PhaseCalibration
from procedures.pickup import Pickup
from procedures.polarization_sweep import PolarizationSweep
from procedures.position_scan import PositionScan
from procedures.resistance import Resistance
from procedures.time_trace import TimeTrace

PROCEDURES: dict[str, type[Measurement]] = {
    "field-sweep": FieldSweep,
    "current-sweep": CurrentSweep,
    "laser-power-sweep": LaserPowerSweep,
    "angle-sweep": AngleSweep,
    "polarization-sweep": PolarizationSweep,
    "position-scan": PositionScan,
    "detector-calibration": DetectorCalibration,
    "dark-offsets": DarkOffsets,
    "phase-calibration": PhaseCalibration,
    "pickup": Pickup,
    "resistance": Resistance,
    "hall-loop": HallLoop,
    "noise": NoiseSpectrum,
    "time-trace": TimeTrace,
}
"""Procedures by the name that recipes use."""


def procedure_name(procedure: Measurement) -> str:
    """Name that recipes use for a procedure; that of its class where they know none."""
    return next((name for name, kind in PROCEDURES.items() if kind is type(procedure)), type(procedure).__name__)


__all__ = [
    "PROCEDURES",
    "AngleSweep",
    "Averaging",
    "CurrentSweep",
    "DarkOffsets",
    "DetectorCalibration",
    "FieldSweep",
    "HallLoop",
    "KerrMeasurement",
    "LaserPowerSweep",
    "Measurement",
    "NoiseSpectrum",
    "PhaseCalibration",
    "Pickup",
    "Point",
    "PolarizationSweep",
    "PositionScan",
    "Reading",
    "Resistance",
    "TimeTrace",
    "procedure_name",
]
