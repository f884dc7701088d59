"""Does each procedure find the truth, as well as it expects and in the time that it plans? Pulls over seeds.

Run from the project folder: python benchmarks/procedure_pulls.py NAME [SEEDS]

The recipe NAME runs on the simulated bench in virtual time, once for each seed, and its analyses are held against the
table of the twin. Prints, for each quantity of each run (its number first, "all" for what the runs give together), mean
and width of the pulls and the scatter over the standard uncertainty that `expected` gives; then the planned duration
over the virtual time. Exit code 1 where one of them does not hold: means, widths and scatters together
fail by chance less than once in a thousand campaigns, durations are within 20 %.
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
from analysis.findings import ANALYSES, BATCH_ANALYSES
from analysis.result import Estimate
from analysis.run_groups import sample_of
from instruments import Bench, open_bench
from instruments.simulation.spot import oersted_field
from procedures.expectation import reported

LEAST_PROBABILITY = 1e-3
DURATION = 0.2

Truth = Callable[[Bench], Mapping[str, float]]
"""Quantities as the twin of a bench has them."""


@dataclass(frozen=True)
class Case:
    """How a recipe is tried: its truth, and settings of the recipe and of bench and twin."""

    truth: Truth
    recipe: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def rotation(bench: Bench, field: float, **push: float) -> float:
    """Kerr rotation (rad) of a push on the twin's film."""
    assert bench.wire is not None
    stack = bench.wire.twin.sample.stack()
    return complex(field_response(stack, np.array([field]), "top", 780e-9, **push)[0]).real


def of_position_scan(bench: Bench) -> dict[str, float]:
    """Middle of the square after each scan, its width and the spot, the Oersted gradient and the coil's signal."""
    assert bench.wire is not None
    twin, table = bench.wire.twin, bench.wire.twin.table
    width, coil = twin.sample.geometry.width.value, twin.sample.coil.field_per_ampere.value
    truth = {"0.centre_x": 0.0, "0.width_x": width, "0.spot_diameter": table.spot_diameter}
    for number in (1, 2):
        truth |= {f"{number}.centre_y": -table.spot_offset, f"{number}.width_y": width}
    truth |= {"2.magnetic_zero": -table.spot_offset, "2.oersted_gradient": table.oersted_gradient}
    truth["3.kerr_per_ampere"] = rotation(bench, 0.02, calibration_field=coil)
    return truth


def of_polarization_sweep(bench: Bench) -> dict[str, float]:
    """Polar and quadratic signal of 40 mA, misalignment seen under the coil, and the in-plane field of the current."""
    assert bench.wire is not None
    twin, table = bench.wire.twin, bench.wire.twin.table
    share = twin.sample.current_density(0.04) / table.torque_current_density
    assert table.torque_top is not None
    polar = rotation(bench, 0.02, torque_bottom=share * table.torque_bottom, torque_top=share * table.torque_top)
    swing = table.transverse_field * 0.04 / (0.02 + table.anisotropy_field)
    quadratic = 2 * table.quadratic_kerr.real * swing
    return {
        "0.polar_signal": polar,
        "0.quadratic_signal": quadratic,
        "0.residual_bound": quadratic,
        "1.polar_signal": 0.0,
        "1.misalignment": table.polarization_misalignment,
        "all.transverse_field_per_ampere": table.transverse_field,
    }


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


def alone(truth: Truth) -> Truth:
    """Truth of a recipe with one run."""
    return lambda bench: {f"0.{name}": value for name, value in truth(bench).items()}


GAIN = {"bench.sum_detector.gain": 0.96}  # as the twin's: the absolute signal rests on it
CASES: Mapping[str, Case] = {
    "current-sweep": Case(alone(of_straight_current_sweep), {"procedures.0.repeats": 1}),
    "heated-current-sweep": Case(
        alone(of_current_sweep),
        {"procedures.0.repeats": 1},
        {"twin.heating_first_harmonic": 150.0, "twin.heating_second_harmonic": "1e-5-4e-6j"},
    ),
    "laser-power-sweep": Case(alone(of_laser_power_sweep), {}, {"twin.laser_heating": -100.0}),
    "angle-sweep": Case(alone(of_angle_sweep), {}, {"bench.field_angle.zero": "4 deg"}),
    "position-scan": Case(of_position_scan, {}, GAIN),
    "polarization-sweep": Case(of_polarization_sweep, {}, {**GAIN, "twin.easy_axis": 0.0}),
}
"""How recipes are tried, by name; a name that is no recipe ends with that of one."""


@dataclass(frozen=True)
class Outcome:
    """What one seed gave: found, expected and true quantities, and planned over virtual duration of each run."""

    found: Mapping[str, Estimate]
    expected: Mapping[str, Estimate]
    truth: Mapping[str, float]
    durations: tuple[float, ...]


def outcome(name: str, seed: int) -> Outcome:
    """Run every procedure of a recipe, and analyse them alone and together."""
    case = CASES[name]
    found: dict[str, Estimate] = {}
    expected: dict[str, Estimate] = {}
    durations, runs = [], []
    with (
        open_bench(settings={**case.settings, "twin.seed": seed}) as bench,
        tempfile.TemporaryDirectory() as folder,
    ):
        for entry in load_recipe(name.removeprefix("heated-"), case.recipe).runs:
            number, kind, procedure = entry.number, entry.name, entry.procedure
            expected |= {f"{number}.{key}": value for key, value in procedure.expected(bench).items()}
            planned, start = procedure.duration(bench), bench.clock.now()
            times: list[float] = []
            one = Run(
                procedure,
                Path(folder),
                name=kind,
                number=number,
                on_point=lambda index, total, row, times=times: times.append(row["time"]),  # type: ignore[misc]
            )
            result = one.execute(bench)
            if result.path is None or result.reason:
                raise SystemExit(f"seed {seed}: {result.reason}")
            durations.append(planned / (times[-1] - start))
            runs.append(load_run(result.path))
            finding = ANALYSES[kind](runs[-1], sample_of(runs[-1]))
            found |= {f"{number}.{key}": value for key, value in finding.quantities.items()}
        if kind in BATCH_ANALYSES:
            combined = BATCH_ANALYSES[kind](runs, sample_of(runs[0]))
            found |= {f"all.{key}": value for key, value in (combined.quantities if combined else {}).items()}
        return Outcome(found, expected, case.truth(bench), tuple(durations))


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
        mean, width = float(np.mean(pulls)), float(np.std(pulls, ddof=1))
        good = abs(mean) < largest_mean and low < width < high * 1.1
        scatter = np.nan
        if quantity in outcomes[0].expected:
            scatter = float(np.std(found, ddof=1)) / float(outcomes[0].expected[quantity].std or np.nan)
            good &= low < scatter < high
        failed |= not good
        print(
            f"{quantity:32} {truth[0]:11.4g} {np.mean(found):11.4g} {mean:10.2f} {width:7.2f} {scatter:17.2f}"
            + ("" if good else "  FAILS")
        )
    durations = np.array([entry.durations for entry in outcomes])
    late = bool(np.any(np.abs(durations - 1) > DURATION))
    print(f"duration planned over virtual time: {durations.min():.3f} to {durations.max():.3f}{'  FAILS' * late}")
    return int(failed or late)


if __name__ == "__main__":
    sys.exit(main())
