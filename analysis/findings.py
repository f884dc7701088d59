"""Analyses of single runs, by the procedure that measured them; field sweeps have `analysis.run_analysis`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.angle_sweep import analyze_angle_sweep
from analysis.current_sweep import analyze_current_sweep
from analysis.dark_offsets import analyze_dark_offsets
from analysis.detector_calibration import analyze_detector_calibration
from analysis.finding import Finding
from analysis.hall_loop import analyze_hall_loop
from analysis.laser_power_sweep import analyze_laser_power_sweep
from analysis.measured_series import MEASURED_SERIES_PROCEDURE, analyze_measured_series
from analysis.noise_spectrum import analyze_noise_spectrum
from analysis.phase_calibration import analyze_phase_calibration
from analysis.pickup import analyze_pickup
from analysis.polarization_sweep import analyze_polarization_sweep, in_plane_field
from analysis.position_scan import analyze_position_scan, self_calibration
from analysis.resistance import analyze_resistance
from analysis.sample import Sample
from analysis.time_trace import analyze_time_trace

if TYPE_CHECKING:
    import xarray

RunAnalysis = Callable[["xarray.Dataset", Sample], Finding]
"""Takes a run from `load_run` and the sample in it; raises AnalysisError where the run does not carry the answer."""

ANALYSES: Mapping[str, RunAnalysis] = {
    "current-sweep": analyze_current_sweep,
    "laser-power-sweep": analyze_laser_power_sweep,
    "angle-sweep": analyze_angle_sweep,
    "polarization-sweep": analyze_polarization_sweep,
    "position-scan": analyze_position_scan,
    "hall-loop": analyze_hall_loop,
    "resistance": analyze_resistance,
    "dark-offsets": analyze_dark_offsets,
    "detector-calibration": analyze_detector_calibration,
    "phase-calibration": analyze_phase_calibration,
    "pickup": analyze_pickup,
    "noise": analyze_noise_spectrum,
    "time-trace": analyze_time_trace,
    MEASURED_SERIES_PROCEDURE: analyze_measured_series,
}
"""Analysis of one run by the name of its procedure."""

BatchAnalysis = Callable[[Sequence["xarray.Dataset"], Sample], Finding | None]
"""Takes all runs of one procedure on one sample in one recipe; None where together they tell no more than alone."""

BATCH_ANALYSES: Mapping[str, BatchAnalysis] = {"polarization-sweep": in_plane_field, "position-scan": self_calibration}
"""Analysis of several runs by the name of their procedure."""
