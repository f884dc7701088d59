"""Analyses of single runs, by the procedure that measured them; field sweeps have `analysis.run_analysis`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from analysis.finding import Finding
from analysis.hall_loop import analyze_hall_loop
from analysis.resistance import analyze_resistance
from analysis.sample import Sample

if TYPE_CHECKING:
    import xarray

RunAnalysis = Callable[["xarray.Dataset", Sample], Finding]
"""Takes a run from `load_run` and the sample in it; raises AnalysisError where the run does not carry the answer."""

ANALYSES: Mapping[str, RunAnalysis] = {
    "hall-loop": analyze_hall_loop,
    "resistance": analyze_resistance,
}
"""Analysis of one run by the name of its procedure."""
