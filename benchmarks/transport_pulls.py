"""Pulls of resistance, Hall loop and blank over seeds: the analyses have to find the twin as well as was planned.

Run from the project folder: python benchmarks/transport_pulls.py NAME [SEEDS]

Prints, for each quantity, mean and width of the pulls (0 and 1 are right; with the residual scatter of few data the
width is that of Student's t), the scatter of the results over the uncertainty that was planned, and the planned
duration over the virtual time that passed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from acquisition import load_recipe
from acquisition.runner import Run
from analysis.run_analysis import analyze
from instruments import open_bench


@dataclass(frozen=True)
class Case:
    """A recipe with settings, the finding that is looked at, and a twin that may differ from seed to seed.

    `twin` gives keys of the twin, and the truth of each quantity, from random numbers of the seed.
    """

    recipe: str
    settings: Mapping[str, Any]
    twin: Callable[[np.random.Generator], tuple[Mapping[str, Any], Mapping[str, float]]]
    sample: str = "py32-fused-silica"
    procedures: tuple[str, ...] = ()
    bench: Mapping[str, Any] | None = None


def _resistance(random: np.random.Generator) -> tuple[Mapping[str, Any], Mapping[str, float]]:
    """Steps of the lock-in, not noise, limit it: another conductivity at each seed makes them random."""
    sigma, heating = 4.4e6 * (1 + 0.02 * random.normal()), 10 * random.random()
    truth = {"resistance": 1 / (sigma * 32e-9), "conductivity": sigma, "heating_coefficient": heating}
    return {"sample": {"film": {"conductivity": sigma}}, "resistance_heating": heating}, truth


def _hall(random: np.random.Generator) -> tuple[Mapping[str, Any], Mapping[str, float]]:
    resistivity, saturation = 2e-9 * (1 + 0.1 * random.normal()), 1.09 * (1 + 0.02 * random.normal())
    truth = {
        "anomalous_hall_resistance": resistivity / 32e-9,
        "ordinary_hall_slope": 1e-10 / 32e-9,
        "effective_field": saturation,
        "offset_resistance": 0.0,
    }
    keys = {"anomalous_hall_resistivity": resistivity, "sample": {"film": {"effective_field": saturation}}}
    return keys, truth


def _blank(random: np.random.Generator) -> tuple[Mapping[str, Any], Mapping[str, float]]:
    """Fused silica of half a millimetre, seen from below, with some pick-up."""
    verdet = 2.3 * (1 + 0.1 * random.normal())
    keys = {"verdet_constant": verdet, "substrate_thickness": 0.5e-3, "pick_up": 20e-9}
    return keys, {"faraday_rotation": verdet * 1e-3, "null_rotation": 0.0, "null_ellipticity": 0.0}


CASES: Mapping[str, Case] = {
    "resistance": Case("transport", {}, _resistance, procedures=("resistance",)),
    "hall-loop": Case("transport", {}, _hall, procedures=("hall-loop",)),
    "substrate": Case(
        "substrate",
        {"parameters.steps": 6},
        _blank,
        sample="blank-al",
        bench={"bench.light_side": "bottom", "bench.sum_detector.gain": 0.96},
    ),
}


def campaign(name: str, seeds: int) -> None:
    """Run and print."""
    case = CASES[name]
    pulls: dict[str, list[float]] = {}
    misses: dict[str, list[float]] = {}
    planned_stds: dict[str, list[float]] = {}
    durations = []
    for seed in range(1, seeds + 1):
        keys, truth = case.twin(np.random.default_rng(seed))
        settings = {f"twin.{key}": value for key, value in keys.items()} | {"twin.seed": seed} | dict(case.bench or {})
        with tempfile.TemporaryDirectory() as folder, open_bench(sample=case.sample, settings=settings) as bench:
            recipe = load_recipe(case.recipe, dict(case.settings), sample=case.sample)
            planned = passed = 0.0
            expected: dict[str, Any] = {}
            for run in recipe.runs:
                if case.procedures and run.name not in case.procedures:
                    continue
                planned += run.procedure.duration(bench)
                expected |= run.procedure.expected(bench)
                start = bench.clock.now()
                result = Run(run.procedure, Path(folder), name=run.name, number=run.number).execute(bench)
                passed += bench.clock.now() - start
                assert result.state == "finished", result.reason
            durations.append(planned / passed)
            analysis = analyze([folder])
            assert analysis.findings, analysis.warnings
            found = analysis.findings[0].quantities
        for quantity, value in truth.items():
            miss = found[quantity].value - value
            noise = found[quantity].noise_std
            std = found[quantity].std if noise is None else noise  # lengths of the sample are not drawn
            assert std is not None
            pulls.setdefault(quantity, []).append(miss / std)
            misses.setdefault(quantity, []).append(miss)
            if quantity in expected:
                own = expected[quantity].std if expected[quantity].noise_std is None else expected[quantity].noise_std
                planned_stds.setdefault(quantity, []).append(own)
    print(f"{name}: {seeds} seeds, planned over virtual duration {np.mean(durations):.3f}")
    print(f"{'quantity':<32}{'pull':>8}{'width':>8}{'largest':>9}{'scatter / planned':>20}")
    for quantity, values in pulls.items():
        scatter = np.sqrt(np.mean(np.square(misses[quantity])))
        ratio = f"{scatter / np.mean(planned_stds[quantity]):.2f}" if quantity in planned_stds else "-"
        print(
            f"{quantity:<32}{np.mean(values):8.2f}{np.std(values, ddof=1):8.2f}{np.max(np.abs(values)):9.2f}{ratio:>20}"
        )


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in CASES:
        sys.exit(f"Name one of {', '.join(CASES)}.")
    campaign(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
