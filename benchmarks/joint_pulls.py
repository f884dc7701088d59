"""Do joint results find the truth, as well as they say? Pulls of series, controls and drift over seeds.

Run from the project folder: python benchmarks/joint_pulls.py [thickness-series | control-samples | asot-pair] [SEEDS]

The recipe runs with few fields on the simulated bench in virtual time, once for each seed. Pulls are held against the
noise alone, since the twin is as its sample file says. Prints truth, mean found, mean and width of the pulls; exit code
1 where they stray further than chance does once in a thousand.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import chdtri, ndtri

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from acquisition import Run, load_recipe
from analysis.result import Estimate
from analysis.run_analysis import Analysis, analyze
from analysis.torque import spin_torque_efficiency
from instruments import open_bench

BOTTOM, TOP, DENSITY = 0.86e-6, -0.80e-6, 5e10
FEW = {"parameters.steps": 6, "parameters.polarizations": ["45 deg"]}
LEAST_PROBABILITY = 1e-3


@dataclass(frozen=True)
class Case:
    """Settings of recipe and twin, what is picked from the analysis, and the truth by quantity."""

    recipe: Mapping[str, Any]
    twin: Mapping[str, Any]
    found: Callable[[Analysis], Mapping[str, Estimate]]
    truth: Mapping[str, float]


def of_series(results: Analysis) -> dict[str, Estimate]:
    """Efficiency and imbalance."""
    assert results.series is not None
    return {"efficiency": results.series.result.efficiency, "imbalance": results.series.imbalance}


def of_finding(results: Analysis) -> dict[str, Estimate]:
    """Quantities of the joint finding."""
    return dict(results.findings[-1].quantities)


def of_pair(results: Analysis) -> dict[str, Estimate]:
    """Drift, and the torque that rests on both calibrations."""
    return {**of_finding(results), "torque_bottom": results.samples[0].result.torque_bottom}


CAPS = ("AlOx", "AlOy", "SiO2", "Cu-SiO2", "Al-SiO2")
CASES: Mapping[str, Case] = {
    "thickness-series": Case(
        FEW,
        {"twin.torque_bottom": BOTTOM},
        of_series,
        {"efficiency": float(spin_torque_efficiency(BOTTOM, DENSITY)), "imbalance": 0.0},
    ),
    "control-samples": Case(
        FEW,
        {"twin.torque_bottom": BOTTOM, "twin.torque_top": TOP},
        of_finding,
        {f"total_torque_py04-{cap}": (BOTTOM + TOP) * 1.136e4 * 4.4e6 / DENSITY for cap in CAPS},
    ),
    "asot-pair": Case(
        {f"procedures.{number}.steps": 6 for number in range(3)} | {"procedures.1.repeats": 1},
        {"twin.torque_bottom": BOTTOM},
        of_pair,
        {"calibration_drift": 0.0, "torque_bottom": BOTTOM * 2.5e10 / DENSITY},
    ),
}
"""How recipes are tried, by name."""


def results_of(name: str, seed: int) -> Mapping[str, Estimate]:
    """Run a recipe with one seed, a bench for each sample, and analyse its files together."""
    case = CASES[name]
    recipe = load_recipe(name, case.recipe)
    with tempfile.TemporaryDirectory() as folder:
        for sample in recipe.samples:
            settings = {**case.twin, **sample.settings, "twin.seed": 100 * seed + sample.place}
            with open_bench(sample=sample.file, settings=settings) as bench:
                for planned in (run for run in recipe.runs if run.sample is sample):
                    run = Run(planned.procedure, Path(folder), name=planned.name, number=planned.number, batch="pulls")
                    result = run.execute(bench)
                    if result.reason:
                        raise SystemExit(f"seed {seed}: {result.reason}")
        return case.found(analyze([folder]))


def main() -> int:
    """Print the table; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(CASES))
    parser.add_argument("seeds", nargs="?", type=int, default=20)
    arguments = parser.parse_args()
    found = [results_of(arguments.name, seed) for seed in range(1, arguments.seeds + 1)]
    count = len(found)
    largest = -float(ndtri(LEAST_PROBABILITY / 2)) * 1.1 / count**0.5  # a little for Student's t
    low, high = (
        (chdtri(count - 1, probability) / (count - 1)) ** 0.5
        for probability in (1 - LEAST_PROBABILITY / 2, LEAST_PROBABILITY / 2)
    )
    print(f"{arguments.name}, {count} seeds; mean within {largest:.2f}, width within {low:.2f} to {1.1 * high:.2f}")
    print(f"{'quantity':28} {'truth':>11} {'mean found':>11} {'noise std':>10} {'mean pull':>10} {'width':>7}")
    failed = False
    for quantity, truth in CASES[arguments.name].truth.items():
        values = np.array([one[quantity].value for one in found])
        stds = np.array([one[quantity].noise_std or one[quantity].std for one in found], dtype=float)
        pulls = (values - truth) / stds
        mean, width = float(np.mean(pulls)), float(np.std(pulls, ddof=1))
        good = abs(mean) < largest and low < width < 1.1 * high
        failed |= not good
        print(
            f"{quantity:28} {truth:11.4g} {np.mean(values):11.4g} {np.mean(stds):10.2g} {mean:10.2f} {width:7.2f}"
            + ("" if good else "  FAILS")
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
