"""Analyses of single runs, by the procedure that measured them; field sweeps have `analysis.run_analysis`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from analysis.dark_offsets import analyze_dark_offsets
from analysis.detector_calibration import analyze_detector_calibration
from analysis.finding import Finding
from analysis.noise_spectrum import analyze_noise_spectrum
from analysis.phase_calibration import analyze_phase_calibration
from analysis.pickup import analyze_pickup
from analysis.sample import Sample
from analysis.time_trace import analyze_time_trace

if TYPE_CHECKING:
    import xarray

RunAnalysis = Callable[["xarray.Dataset", Sample], Finding]
"""Takes a run from `load_run` and the sample in it; raises AnalysisError where the run does not carry the answer."""

ANALYSES: Mapping[str, RunAnalysis] = {
    "dark-offsets": analyze_dark_offsets,
    "detector-calibration": analyze_detector_calibration,
    "phase-calibration": analyze_phase_calibration,
    "pickup": analyze_pickup,
    "noise": analyze_noise_spectrum,
    "time-trace": analyze_time_trace,
}
"""Analysis of one run by the name of its procedure."""
