"""What is measured: one pymeasure procedure per kind of measurement."""

from procedures.field_sweep import FieldSweep
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import Averaging, Measurement, Point, Reading
from procedures.polarization_sweep import PolarizationSweep
from procedures.position_scan import PositionScan

PROCEDURES: dict[str, type[Measurement]] = {
    "field-sweep": FieldSweep,
    "polarization-sweep": PolarizationSweep,
    "position-scan": PositionScan,
}
"""Procedures by the name that recipes use."""

__all__ = [
    "PROCEDURES",
    "Averaging",
    "FieldSweep",
    "KerrMeasurement",
    "Measurement",
    "Point",
    "PolarizationSweep",
    "PositionScan",
    "Reading",
]
