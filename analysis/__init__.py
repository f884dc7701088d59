"""Ground floor: materials, stacks, micromagnetics, magneto-optics, detection, loops, fits, torque."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from analysis.macrospin import magnetization_loop
from analysis.materials import magnetic_constants, refractive_index
from analysis.micromagnetics import exchange_length, tilt_profile
from analysis.oblique import oblique_kerr_angle, reflection_matrix, transmission_matrix
from analysis.optics import depth_sensitivity, kerr_angle, reflectance, transmittance
from analysis.stack import Film, Layer, Stack
from analysis.substrate import faraday_rotation, through_substrate
from analysis.tilt_solver import solve_tilt
from analysis.torque import spin_torque_efficiency, torque_conductivity

if TYPE_CHECKING:
    from analysis.choices import read_choices
    from analysis.run_analysis import analyze
    from analysis.run_file import load_run
    from analysis.sample_fit import fit_sample
    from analysis.series_fit import Nuisance, fit_thickness_series
    from analysis.software_lock_in import demodulate
    from analysis.waveform import load_waveform

# Imported at the first use: what stands on pydantic, SciPy or xarray would make `import analysis` slow.
_ON_USE = {
    "Nuisance": "analysis.series_fit",
    "analyze": "analysis.run_analysis",
    "read_choices": "analysis.choices",
    "demodulate": "analysis.software_lock_in",
    "fit_sample": "analysis.sample_fit",
    "fit_thickness_series": "analysis.series_fit",
    "load_run": "analysis.run_file",
    "load_waveform": "analysis.waveform",
}

__all__ = [
    "Film",
    "Layer",
    "Nuisance",
    "Stack",
    "analyze",
    "demodulate",
    "depth_sensitivity",
    "exchange_length",
    "faraday_rotation",
    "fit_sample",
    "fit_thickness_series",
    "kerr_angle",
    "load_run",
    "load_waveform",
    "magnetic_constants",
    "magnetization_loop",
    "oblique_kerr_angle",
    "read_choices",
    "reflectance",
    "reflection_matrix",
    "refractive_index",
    "solve_tilt",
    "spin_torque_efficiency",
    "through_substrate",
    "tilt_profile",
    "torque_conductivity",
    "transmission_matrix",
    "transmittance",
]


def __getattr__(name: str) -> object:
    if name not in _ON_USE:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_USE[name]), name)
