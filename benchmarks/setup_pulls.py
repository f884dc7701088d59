"""Pulls of the procedures' analyses over many seeds: python benchmarks/setup_pulls.py NAME [SEEDS]."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from acquisition.runner import Run
from analysis.findings import ANALYSES
from analysis.run_file import load_run
from analysis.run_groups import sample_of
from instruments import Bench, open_bench
from instruments.simulation.twin import Twin
from procedures import PROCEDURES

Truths = Mapping[str, Callable[[Twin], float]]


class Case(NamedTuple):
    """A campaign: procedure, its parameters, settings of bench and twin, and the truth of what it finds."""

    procedure: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any]
    truths: Truths


def total(twin: Twin) -> float:
    """Sum signal (V), that of all times where the laser does not drift."""
    return twin.sum_voltage(twin.clock.now())


def white_noise(twin: Twin) -> float:
    """Density (rad/Hz^0.5, rms) that a bench file with gain 1 makes of shot noise and input noise."""
    table, volts = twin.table, total(twin)
    shot = table.gain * table.shot_noise / math.sqrt(volts / table.responsivity / 1e-3)
    return math.hypot(shot, table.input_noise / (2 * volts))


def pick_up(twin: Twin, path: str) -> float:
    """Pick-up in phase with the current of `path`, as an angle (rad, peak) of a bench file with gain 1."""
    phase = getattr(twin.table, f"{path}_phase")
    return math.sqrt(2) * twin.table.pick_up * math.cos(phase) / (2 * total(twin))


STEADY = {"twin.laser_drift": 0}
CASES: dict[str, Case] = {
    "dark-offsets": Case(
        "dark-offsets", {"readings": 30}, {"twin.sum_offset": "2 mV"},
        {"sum_offset": lambda twin: twin.table.sum_offset, "x_offset": lambda twin: 0.0, "y_offset": lambda twin: 0.0,
         "field": lambda twin: 0.0},
    ),
    "detector-calibration": Case(
        "detector-calibration", {"dwell": "0.2 s"}, {"twin.difference_gain": 1.03, "twin.difference_cubic": -0.05},
        {"slope": lambda twin: 4 * twin.table.difference_gain,
         "balance_offset": lambda twin: twin.table.polarization_misalignment / 2,
         "quadratic": lambda twin: 0.0, "cubic": lambda twin: twin.table.difference_cubic},
    ),
    "phase-calibration": Case(
        "phase-calibration", {"path": "sample", "current": "40 mA"},
        {"twin.sample_phase": "0.25 rad",
         **{f"{table}.input_noise": "20 uV/Hz^0.5" for table in ("twin", "bench.noise")}},
        {"sample_phase": lambda twin: twin.table.sample_phase, "sample_current": lambda twin: 0.04},
    ),
    "pickup": Case(
        "pickup", {"path": "coil", "current": "400 mA", "time_constant": "0.3 s"},
        {"twin.pick_up": "20 nV", **STEADY},
        {f"pickup_{channel}": lambda twin: pick_up(twin, "coil") for channel in ("rotation", "ellipticity")},
    ),
    "noise": Case("noise", {"readings": 256}, STEADY, {"white_density": white_noise}),
    "time-trace": Case(
        "time-trace", {"time_constant": "0.1 s", "readings": 60}, STEADY,
        {"x_mean": lambda twin: 0.0, "x_drift": lambda twin: 0.0, "y_drift": lambda twin: 0.0, "sum_mean": total,
         "sum_drift": lambda twin: 0.0, "field_mean": lambda twin: 0.0},
    ),
}  # fmt: skip


def campaign(name: str, seeds: int) -> None:
    """Run one case `seeds` times and print pulls, scatter over expectation, and duration over plan."""
    case = CASES[name]
    found: dict[str, list[tuple[float, float, float, float]]] = {quantity: [] for quantity in case.truths}
    durations = []
    for seed in range(1, seeds + 1):
        settings = {**case.settings, "twin.seed": seed}
        with open_bench(settings=settings) as bench, tempfile.TemporaryDirectory() as folder:
            twin = _twin(bench)
            procedure = PROCEDURES[case.procedure].from_table(case.parameters, name, bench.sample)
            expected, start = procedure.expected(bench), bench.clock.now()
            planned = procedure.duration(bench)
            result = Run(procedure, Path(folder), name=case.procedure).execute(bench)
            if result.path is None or result.reason:
                raise SystemExit(f"{name}, seed {seed}: {result.reason}")
            durations.append(planned / (bench.clock.now() - start))
            run = load_run(result.path)
            finding = ANALYSES[case.procedure](run, sample_of(run))
            for quantity, truth in case.truths.items():
                estimate, plan = finding.quantities[quantity], expected.get(quantity)
                std = estimate.std or math.nan
                plan_std = (plan.std if plan is not None else None) or math.nan
                found[quantity].append((estimate.value, std, truth(twin), plan_std))
    print(f"{name}: {seeds} seeds, duration planned over virtual {np.mean(durations):.3f}")
    for quantity, rows in found.items():
        value, std, truth_, plan_ = np.array(rows).T
        pulls = (value - truth_) / std
        print(
            f"  {quantity:22s} pull {np.mean(pulls):+.2f} +- {np.std(pulls, ddof=1):.2f}, largest "
            f"{np.max(np.abs(pulls)):.1f}; scatter / std {np.std(value - truth_, ddof=1) / np.mean(std):.2f}, "
            f"/ expected {np.std(value - truth_, ddof=1) / np.mean(plan_):.2f}"
        )


def _twin(bench: Bench) -> Twin:
    assert bench.wire is not None
    return bench.wire.twin


if __name__ == "__main__":
    names = [sys.argv[1]] if len(sys.argv) > 1 else list(CASES)
    for each in names:
        campaign(each, int(sys.argv[2]) if len(sys.argv) > 2 else 20)
