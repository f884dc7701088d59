"""Does the torque scatter as planned? Pulls over hundreds of seeds, through the drivers on the simulated bench.

Run from the project folder: python benchmarks/pulls.py [--seeds 400] [--jobs 2] [--kind KIND] [--folder FOLDER]

Kinds: `field-sweep` is one ASOT sweep in both channels, its calibration measured once without noise; `pair` is the
recipe asot-demo with eleven fields per branch; `averaged`, run on request only, is such a pair with a shorter time
constant, every point averaged to a target. Each seed measures in virtual time and analyses with `fit_sample`; noise
alone is compared, systematics are not. One line per seed goes to FOLDER/KIND.jsonl: started again, it goes on there.
Fewer fields make scatter and pulls larger: the weight of a channel is then known from a handful of residuals.

Exit code 1 where a promise does not hold: scatter within 20 % of the planned uncertainty and within 15 % of the
Cramer-Rao bound, planned duration within 20 % of the virtual time, pulls of mean 0 and width 1.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import xarray  # noqa: E402 - after the path of the checkout
from cramer_rao import bound  # noqa: E402

from acquisition import load_recipe  # noqa: E402
from acquisition.averaging import average  # noqa: E402
from analysis import fit_sample  # noqa: E402
from instruments import Bench, open_bench  # noqa: E402
from procedures import FieldSweep  # noqa: E402
from procedures.expectation import torque_of_sweeps  # noqa: E402

SILENT = {f"twin.{name}": 0.0 for name in ("shot_noise", "input_noise", "sum_noise", "hall_noise", "laser_drift")}


@dataclass(frozen=True)
class Kind:
    """What one seed measures: settings of the recipe asot-demo, and whether its calibration is free of noise."""

    settings: Mapping[str, Any]
    exact_calibration: bool = False


KINDS = {
    "field-sweep": Kind({"parameters.steps": 11}, exact_calibration=True),
    "pair": Kind({"parameters.steps": 11}),
    "averaged": Kind(
        {
            "parameters.steps": 5,
            "parameters.time_constant": "100 ms",
            "parameters.target_error": "4 nrad",
        }
    ),
}


@dataclass(frozen=True)
class Seed:
    """Outcome of one seed: torques in J/m^2 at the current of the sweeps, times in s.

    Attributes
    ----------
    seed
        Of the twin.
    torque, noise_std, dof, truth
        Found, and true.
    planned, bound
        Standard deviation planned, and Cramer-Rao bound.
    planned_time, time
        Planned duration, and virtual time.
    """

    seed: int
    torque: float
    noise_std: float
    dof: float
    truth: float
    planned: float
    bound: float
    planned_time: float
    time: float


def measure(sweep: FieldSweep, bench: Bench, number: int) -> xarray.Dataset:
    """Measure a sweep as the runner does, with neither journal nor file: these would take most of the time."""
    bench.clock.mark(number, -1, 0)
    sweep.prepare(bench)
    rows = []
    for index, point in enumerate(sweep.plan()):
        bench.clock.mark(number, index, 0)
        sweep.set(point, bench)
        sweep.settle(bench)
        averaging = sweep.averaging()
        row, readings = (
            (sweep.measure(point, bench), 1) if averaging is None else average(sweep, point, bench, averaging)
        )
        rows.append({**row, "sequence": point.sequence, "repeat": point.repeat, "readings": readings})
    columns = {name: ("point", np.array([row[name] for row in rows], dtype=float)) for name in rows[0]}
    attributes = {"parameters": sweep.parameters(), "path": f"run {number}"}
    return xarray.Dataset(columns, attrs=attributes)


def sweeps_of(kind: Kind) -> list[FieldSweep]:
    """Procedures of the recipe."""
    procedures = [planned.procedure for planned in load_recipe("asot-demo", kind.settings).runs]
    assert all(isinstance(procedure, FieldSweep) for procedure in procedures)
    return procedures  # type: ignore[return-value]


@cache
def silent_calibration(name: str) -> tuple[xarray.Dataset, ...]:
    """Runs under the calibration field of a kind, without noise; measured once per process."""
    with open_bench(settings=SILENT) as bench:
        sweeps = [sweep for sweep in sweeps_of(KINDS[name]) if sweep.path == "coil"]
        return tuple(measure(sweep, bench, number) for number, sweep in enumerate(sweeps))


def one_seed(name: str, seed: int) -> Seed:
    """Measure and analyse one seed."""
    kind = KINDS[name]
    sweeps = sweeps_of(kind)
    calibration: Sequence[xarray.Dataset] = ()
    if kind.exact_calibration:
        sweeps = [sweep for sweep in sweeps if sweep.path == "sample"]
        calibration = silent_calibration(name)
    with open_bench(settings={"twin.seed": seed}) as bench:
        planned_time = sum(sweep.duration(bench) for sweep in sweeps)
        start = bench.clock.now()
        runs = []
        for number, sweep in enumerate(sweeps):
            runs.append(measure(sweep, bench, number))
            if number < len(sweeps) - 1:
                bench.make_safe()
        columns = [{key: run[key].to_numpy() for key in ("field_set", "channel", "readings")} for run in runs]
        least = bound(sweeps, columns, bench, kind.exact_calibration)
        bench.make_safe()
        time = bench.clock.now() - start
        sample, current = bench.sample, sweeps[-1].current * 1e-3
        coil_current = 0.4
        planned = torque_of_sweeps(
            [entry for sweep in sweeps for entry in sweep.planned(bench)], bench, current, coil_current
        )
        assert bench.wire is not None
        table = bench.wire.twin.table
        result = fit_sample(
            runs,
            sample.stack(),
            calibration_runs=calibration,
            calibration_field=coil_current * sample.coil.field_per_ampere.value,
            width=sample.geometry.width.value,
            coercive_field=sample.film.coercive_field,
            wavelength=bench.file.laser.wavelength,
        )
        truth = table.torque_bottom * sample.current_density(current) / table.torque_current_density
    found = result.torque_bottom
    std = found.std if found.noise_std is None else found.noise_std
    assert std is not None
    return Seed(seed, found.value, std, found.dof or math.inf, truth, planned.std, least, planned_time, time)


@dataclass(frozen=True)
class Verdict:
    """Figures of a campaign.

    Attributes
    ----------
    seeds
        Their number.
    mean, width
        Of the pulls, turned into normal ones through Student's t.
    over_planned, over_bound
        Scatter of the torque over the planned uncertainty, and over the Cramer-Rao bound.
    duration
        Planned duration over virtual time.
    """

    seeds: int
    mean: float
    width: float
    over_planned: float
    over_bound: float
    duration: float

    @property
    def error(self) -> float:
        """Relative standard error of a scatter over so many seeds."""
        return 1 / math.sqrt(2 * (self.seeds - 1))

    def holds(self) -> bool:
        """Whether all promises hold, three standard errors of so many seeds beside them."""
        slack = 3 * self.error
        return (
            abs(self.mean) < 3 / math.sqrt(self.seeds) + 0.1
            and abs(self.width - 1) < 0.1 + slack
            and abs(self.over_planned - 1) < 0.2 + slack
            and abs(self.over_bound - 1) < 0.15 + slack
            and abs(self.duration - 1) < 0.2
        )


def verdict(outcomes: Sequence[Seed]) -> Verdict:
    """Compare scatter, plan, bound and durations."""
    from scipy.special import ndtri, stdtr

    table = {name: np.array([getattr(seed, name) for seed in outcomes]) for name in Seed.__dataclass_fields__}
    pulls = (table["torque"] - table["truth"]) / table["noise_std"]
    normal = ndtri(stdtr(np.minimum(table["dof"], 1e9), pulls))
    scatter = float(np.std(table["torque"] - table["truth"], ddof=1))
    return Verdict(
        len(outcomes),
        float(np.mean(normal)),
        float(np.std(normal, ddof=1)),
        scatter / float(np.sqrt(np.mean(table["planned"] ** 2))),
        scatter / float(np.sqrt(np.mean(table["bound"] ** 2))),
        float(np.mean(table["planned_time"] / table["time"])),
    )


def campaign(name: str, seeds: int, jobs: int, file: Path) -> Iterator[Seed]:
    """Outcomes of all seeds: those that `file` holds, then the missing ones, each appended to it."""
    done = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            outcome = Seed(**json.loads(line))
            done[outcome.seed] = outcome
    yield from (outcome for seed, outcome in done.items() if seed < seeds)
    missing = [seed for seed in range(seeds) if seed not in done]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool, file.open("a", encoding="utf-8") as lines:
        for outcome in pool.map(one_seed, [name] * len(missing), missing):
            lines.write(json.dumps(vars(outcome)) + "\n")
            lines.flush()
            yield outcome


def main() -> int:
    """Run the campaigns and print their figures."""
    parser = argparse.ArgumentParser(description="Pulls and scatter of the torque over seeds of the twin.")
    parser.add_argument("--seeds", type=int, default=400, help="seeds of each kind (default 400)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="kinds to run (default the first two)")
    parser.add_argument("--folder", type=Path, default=Path("pulls"), help="where outcomes are kept (default pulls)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    good = True
    for name in options.kind or ("field-sweep", "pair"):
        outcomes = list(campaign(name, options.seeds, options.jobs, options.folder / f"{name}.jsonl"))
        found = verdict(outcomes)
        good &= found.holds()
        print(
            f"{name:12s} {found.seeds} seeds: pulls mean {found.mean:+.3f} width {found.width:.3f}; scatter over "
            f"planned {found.over_planned:.3f}, over Cramer-Rao {found.over_bound:.3f} (each +- {found.error:.3f}); "
            f"planned duration over virtual {found.duration:.3f}  {'holds' if found.holds() else 'FAILS'}",
            flush=True,
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
