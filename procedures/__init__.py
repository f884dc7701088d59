"""What is measured: one pymeasure procedure per kind of measurement."""

from procedures.field_sweep import FieldSweep
from procedures.hall_loop import HallLoop
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import Averaging, Measurement, Point, Reading
from procedures.resistance import Resistance

PROCEDURES: dict[str, type[Measurement]] = {
    "field-sweep": FieldSweep,
    "hall-loop": HallLoop,
    "resistance": Resistance,
}
"""Procedures by the name that recipes use."""

__all__ = [
    "PROCEDURES",
    "Averaging",
    "FieldSweep",
    "HallLoop",
    "KerrMeasurement",
    "Measurement",
    "Point",
    "Reading",
    "Resistance",
]
