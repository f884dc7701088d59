"""Does each procedure find the truth, as well as it expects and in the time that it plans? Pulls over seeds.

Run from the project folder: python benchmarks/procedure_pulls.py NAME [SEEDS]

NAME is a procedure of CASES; its recipe runs on the simulated bench in virtual time, once for each seed, and its
analysis is held against the table of the twin. Prints, for each quantity, mean and width of the pulls and the scatter
over the standard uncertainty that `expected` gives; then the planned duration over the virtual time. Exit code 1 where
one of them does not hold: means, widths and scatters of all quantities together fail by chance less than once in a
thousand campaigns; duration within 20 %.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import chdtri, ndtri

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from acquisition import Run, load_recipe
from analysis import load_run
from analysis.averaged_loops import field_response
from analysis.findings import ANALYSES
from analysis.result import Estimate
from analysis.run_analysis import sample_of
from instruments import Bench, open_bench
from instruments.simulation.spot import oersted_field
from procedures.expectation import reported

LEAST_PROBABILITY = 1e-3
DURATION = 0.2

Truth = Callable[[Bench], Mapping[str, float]]
"""Quantities as the twin of a bench has them."""


@dataclass(frozen=True)
class Case:
    """How a procedure is tried: settings of its recipe and of bench and twin, and the truth behind."""

    truth: Truth
    recipe: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def signals(bench: Bench, strength: float = 0.05, **push: float) -> dict[str, float]:
    """What the set-up reports (rad) for a push on the twin's film, by channel."""
    assert bench.wire is not None
    twin = bench.wire.twin
    angle = complex(field_response(twin.sample.stack(), np.array([strength]), "top", 780e-9, **push)[0])
    scale = twin.table.gain / bench.sum_detector.gain
    return {"rotation": scale * reported(angle, "rotation"), "ellipticity": scale * reported(angle, "ellipticity")}


def torque_signals(bench: Bench, current: float) -> dict[str, float]:
    """What the set-up reports (rad) for the twin's torques under `current` (A peak), m_x = 1, by channel."""
    assert bench.wire is not None
    twin, table = bench.wire.twin, bench.wire.twin.table
    share = twin.sample.current_density(current) / table.torque_current_density
    assert table.torque_top is not None
    return signals(bench, torque_bottom=share * table.torque_bottom, torque_top=share * table.torque_top)


def of_current_sweep(bench: Bench) -> dict[str, float]:
    """Slope without heat, the cube and the second harmonic of the heat, at up to 40 mA."""
    assert bench.wire is not None
    table = bench.wire.twin.table
    scale = table.gain / bench.sum_detector.gain
    truth: dict[str, float] = {}
    for channel, slope in torque_signals(bench, 1.0).items():
        heat = table.heating_second_harmonic
        truth[f"initial_slope_{channel}"] = slope
        truth[f"cubic_fraction_{channel}"] = table.heating_first_harmonic * 0.04**2
        truth[f"second_harmonic_{channel}"] = scale * (heat.real if channel == "rotation" else -heat.imag)
        truth[f"second_harmonic_odd_{channel}"] = 0.0
    return truth


def of_straight_current_sweep(bench: Bench) -> dict[str, float]:
    """The same without heat, and the slope of the straight line."""
    return of_current_sweep(bench) | {f"slope_{name}": slope for name, slope in torque_signals(bench, 1.0).items()}


def of_laser_power_sweep(bench: Bench) -> dict[str, float]:
    """Signal without light at 40 mA, and what the light does to it."""
    assert bench.wire is not None
    heating, signal = bench.wire.twin.table.laser_heating, torque_signals(bench, 0.04)["ellipticity"]
    return {
        "zero_power_signal_ellipticity": signal,
        "power_slope_ellipticity": signal * heating,
        "laser_heating_ellipticity": heating,
    }


def of_angle_sweep(bench: Bench) -> dict[str, float]:
    """Cosine of the torque, the zero of the rotator, and the Oersted field of a spot off the centre, at 40 mA."""
    assert bench.wire is not None and bench.file.field_angle is not None
    table, width = bench.wire.twin.table, bench.wire.twin.sample.geometry.width.value
    induction = oersted_field(table.spot_offset, table.oersted_gradient, width, 0.04)
    constant = signals(bench, calibration_field=induction)
    truth: dict[str, float] = {}
    for channel, amplitude in torque_signals(bench, 0.04).items():
        truth[f"amplitude_{channel}"] = amplitude
        truth[f"phase_{channel}"] = -bench.file.field_angle.zero
        truth[f"constant_{channel}"] = constant[channel]
        truth[f"twofold_cosine_{channel}"] = truth[f"twofold_sine_{channel}"] = 0.0
    return truth


CASES: Mapping[str, Case] = {
    "current-sweep": Case(of_straight_current_sweep, {"procedures.0.repeats": 1}),
    "heated-current-sweep": Case(
        of_current_sweep,
        {"procedures.0.repeats": 1},
        {"twin.heating_first_harmonic": 150.0, "twin.heating_second_harmonic": "1e-5-4e-6j"},
    ),
    "laser-power-sweep": Case(of_laser_power_sweep, {}, {"twin.laser_heating": -100.0}),
    "angle-sweep": Case(of_angle_sweep, {}, {"bench.field_angle.zero": "4 deg"}),
}
"""How procedures are tried, by name; a name that is no recipe ends with that of one."""


@dataclass(frozen=True)
class Outcome:
    """What one seed gave: found, expected and true quantities, and planned over virtual duration."""

    found: Mapping[str, Estimate]
    expected: Mapping[str, Estimate]
    truth: Mapping[str, float]
    duration: float


def recipe_of(name: str) -> str:
    """Recipe that a case runs."""
    return name.removeprefix("heated-")


def outcome(name: str, seed: int) -> Outcome:
    """Run, store and analyse once."""
    case = CASES[name]
    ((kind, procedure),) = load_recipe(recipe_of(name), case.recipe).procedures
    with (
        open_bench(settings={**case.settings, "twin.seed": seed}) as bench,
        tempfile.TemporaryDirectory() as folder,
    ):
        expected, planned = procedure.expected(bench), procedure.duration(bench)
        start = bench.clock.now()
        result = Run(procedure, Path(folder), name=kind).execute(bench)
        if result.path is None or result.reason:
            raise SystemExit(f"seed {seed}: {result.reason}")
        duration = planned / (bench.clock.now() - start)
        run = load_run(result.path)
        finding = ANALYSES[kind](run, sample_of(run))
        run.close()
        return Outcome(finding.quantities, expected, case.truth(bench), duration)


def main() -> int:
    """Print the table; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(CASES))
    parser.add_argument("seeds", nargs="?", type=int, default=20)
    arguments = parser.parse_args()
    outcomes = [outcome(arguments.name, seed) for seed in range(1, arguments.seeds + 1)]
    count = len(outcomes)
    each = LEAST_PROBABILITY / (3 * len(outcomes[0].truth))  # so many comparisons
    largest_mean = -float(ndtri(each / 2)) * 1.1 / count**0.5  # a little for Student's t
    low, high = ((chdtri(count - 1, chance) / (count - 1)) ** 0.5 for chance in (1 - each / 2, each / 2))
    failed = False
    print(f"{arguments.name}, {count} seeds; mean within {largest_mean:.2f}, widths within {low:.2f} to {high:.2f}")
    print(f"{'quantity':32} {'truth':>11} {'found':>11} {'mean pull':>10} {'width':>7} {'scatter/expected':>17}")
    for quantity in outcomes[0].truth:
        truth = np.array([entry.truth[quantity] for entry in outcomes])
        found = np.array([entry.found[quantity].value for entry in outcomes])
        stds = np.array([entry.found[quantity].std for entry in outcomes], dtype=float)
        pulls = (found - truth) / stds
        scatter = float(np.std(found, ddof=1)) / float(outcomes[0].expected[quantity].std or np.nan)
        mean, width = float(np.mean(pulls)), float(np.std(pulls, ddof=1))
        good = abs(mean) < largest_mean and low < width < high * 1.1 and low < scatter < high
        failed |= not good
        print(
            f"{quantity:32} {truth[0]:11.4g} {np.mean(found):11.4g} {mean:10.2f} {width:7.2f} {scatter:17.2f}"
            + ("" if good else "  FAILS")
        )
    durations = np.array([entry.duration for entry in outcomes])
    late = bool(np.any(np.abs(durations - 1) > DURATION))
    print(f"duration planned over virtual time: {durations.min():.3f} to {durations.max():.3f}{'  FAILS' * late}")
    return int(failed or late)


if __name__ == "__main__":
    sys.exit(main())
