"""Ground floor: materials, stacks, micromagnetics, magneto-optics, detection, loops, fits, torque."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from analysis.macrospin import magnetization_loop
from analysis.micromagnetics import exchange_length, tilt_profile
from analysis.optics import depth_sensitivity, kerr_angle, reflectance
from analysis.stack import Film, Layer, Stack
from analysis.tilt_solver import solve_tilt
from analysis.torque import spin_torque_efficiency, torque_conductivity

if TYPE_CHECKING:
    from analysis.fit_sample import fit_sample
    from analysis.fit_series import Nuisance, fit_thickness_series
    from analysis.run_analysis import analyze
    from analysis.run_file import load_run

# Imported at the first use: what stands on pydantic, SciPy or xarray would make `import analysis` slow.
_ON_USE = {
    "Nuisance": "analysis.fit_series",
    "analyze": "analysis.run_analysis",
    "fit_sample": "analysis.fit_sample",
    "fit_thickness_series": "analysis.fit_series",
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
    "magnetization_loop",
    "reflectance",
    "solve_tilt",
    "spin_torque_efficiency",
    "tilt_profile",
    "torque_conductivity",
]


def __getattr__(name: str) -> object:
    if name not in _ON_USE:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_USE[name]), name)
