"""How long fits of a 45-point thickness series take, in one thread, beside the limits that they must keep.

Run from the project folder: python benchmarks/fits.py

Exit code 1 where a median is above its limit.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # read when numpy is imported
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from analysis import Film, Layer, Nuisance, Stack, fit_thickness_series
from analysis.micromagnetics import tilt_modes
from analysis.optics import tilt_response

FILM = Film(2.38 + 4.36j, 0.0036 - 0.011j, 32e-9, 1.09, 12.22e-12, 1.09, (0.59e-3, 0.59e-3))
STACK = Stack(FILM, below=[Layer(1.47, 1e-6)], substrate=3.7 + 0.008j)
STACKS = [replace(STACK, film=replace(FILM, thickness=float(d))) for d in np.linspace(4e-9, 48e-9, 45)]
PRIORS = {
    "below.0.thickness": 10e-9,
    "below.0.index": 0.01,
    "n": 0.04,
    "k": 0.06,
    "exchange_stiffness": 0.6e-12,
    "effective_field": 0.02,
    "surface_anisotropy": 0.05e-3,
}
NOISE = 3e-9


def simulated(**push: float) -> Any:
    """Angles (45,) under a push, with noise, computed film by film."""
    random = np.random.default_rng(1)
    angles = np.array([tilt_response(stack, tilt_modes(stack.film, **push))[()] for stack in STACKS])
    return angles + NOISE * (random.normal(size=45) + 1j * random.normal(size=45))


def milliseconds(task: Callable[[], object], repeats: int) -> float:
    """Median duration of `task`."""
    task()
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        durations.append(time.perf_counter() - start)
    return float(np.median(durations)) * 1e3


def main() -> int:
    """Time the fits and print them."""
    angles = simulated(torque_top=-0.86e-6, torque_bottom=0.86e-6)
    calibration = simulated(calibration_field=0.85e-3)
    calibrated = {"calibration_angles": calibration, "calibration_std": NOISE}
    nuisances = [Nuisance(name, std) for name, std in PRIORS.items()]

    def fit(**settings: Any) -> object:
        return fit_thickness_series(STACKS, angles, std=NOISE, current_density=5e10, **settings)

    tasks = {
        "one torque, closed form": (1.0, 200, lambda: fit()),
        "one torque, ratio to the calibration": (None, 100, lambda: fit(**calibrated)),
        "eight parameters, joint with the calibration": (
            50.0, 20, lambda: fit(**calibrated, calibration="joint", nuisances=nuisances),
        ),
        "model film by film, for comparison": (None, 20, lambda: simulated(torque_top=-1e-6, torque_bottom=1e-6)),
    }  # fmt: skip
    kept = True
    for name, (limit, repeats, task) in tasks.items():
        duration = milliseconds(task, repeats)
        kept &= limit is None or duration < limit
        print(f"{name:46s} {duration:8.3f} ms" + (f"   limit {limit:g} ms" if limit else ""))
    print("limits kept" if kept else "a limit is broken")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
