"""Ground floor: materials, stacks, micromagnetics, magneto-optics, detection, loops, fits, torque."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from analysis.micromagnetics import exchange_length, tilt_profile
from analysis.optics import depth_sensitivity, kerr_angle, reflectance
from analysis.stack import Film, Layer, Stack
from analysis.torque import spin_torque_efficiency, torque_conductivity

if TYPE_CHECKING:
    from analysis.run_analysis import analyze
    from analysis.run_file import load_run
    from analysis.sample_fit import fit_sample
    from analysis.series_fit import Nuisance, fit_thickness_series

# Imported at the first use: what stands on pydantic, SciPy or xarray would make `import analysis` slow.
_ON_USE = {
    "Nuisance": "analysis.series_fit",
    "analyze": "analysis.run_analysis",
    "fit_sample": "analysis.sample_fit",
    "fit_thickness_series": "analysis.series_fit",
    "load_run": "analysis.run_file",
}

__all__ = [
    "Film",
    "Layer",
    "Nuisance",
    "Stack",
    "analyze",
    "depth_sensitivity",
    "exchange_length",
    "fit_sample",
    "fit_thickness_series",
    "kerr_angle",
    "load_run",
    "reflectance",
    "spin_torque_efficiency",
    "tilt_profile",
    "torque_conductivity",
]


def __getattr__(name: str) -> object:
    if name not in _ON_USE:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_USE[name]), name)
