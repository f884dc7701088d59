"""What is measured: one pymeasure procedure per kind of measurement."""

from procedures.dark_offsets import DarkOffsets
from procedures.detector_calibration import DetectorCalibration
from procedures.field_sweep import FieldSweep
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import Averaging, Measurement, Point, Reading
from procedures.noise_spectrum import NoiseSpectrum
from procedures.phase_calibration import PhaseCalibration
from procedures.pickup import Pickup
from procedures.time_trace import TimeTrace

PROCEDURES: dict[str, type[Measurement]] = {
    "field-sweep": FieldSweep,
    "dark-offsets": DarkOffsets,
    "detector-calibration": DetectorCalibration,
    "phase-calibration": PhaseCalibration,
    "pickup": Pickup,
    "noise": NoiseSpectrum,
    "time-trace": TimeTrace,
}
"""Procedures by the name that recipes use."""

__all__ = [
    "PROCEDURES",
    "Averaging",
    "DarkOffsets",
    "DetectorCalibration",
    "FieldSweep",
    "KerrMeasurement",
    "Measurement",
    "NoiseSpectrum",
    "PhaseCalibration",
    "Pickup",
    "Point",
    "Reading",
    "TimeTrace",
]
