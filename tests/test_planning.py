"""What a plan promises: durations, uncertainties, splits and films, against measurements and an independent bound."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from acquisition import load_recipe, run
from acquisition.cli import main
from analysis.errors import IdentifiabilityError, InputError
from analysis.planned_series import best_thicknesses
from analysis.run_file import load_run
from instruments import Bench
from procedures import FieldSweep
from procedures.planning import TorquePlan, requirement, torque_plan

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def pulls() -> ModuleType:
    searched = list(sys.path)
    spec = importlib.util.spec_from_file_location("benchmark_pulls", BENCHMARKS / "pulls.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    sys.path[:] = searched
    return module


def demo(**parameters: Any) -> list[FieldSweep]:
    settings = {f"parameters.{key}": value for key, value in parameters.items()}
    return [planned.procedure for planned in load_recipe("asot-demo", settings).runs]  # type: ignore[misc]


def planned(bench: Bench, **parameters: Any) -> TorquePlan:
    plan = torque_plan(demo(**parameters), bench)
    assert plan is not None
    return plan


# ----------------------------------------------------------- durations


@pytest.mark.parametrize(
    "parameters",
    [
        {"order": "snake", "time_constant": 0.1},
        {"order": "interleaved", "repeats": 2, "time_constant": 0.01},
        {"target_error": 20.0, "time_constant": 0.1},
        {"branches": "down", "path": "coil", "current": 400.0},
    ],
)
def test_planned_duration_is_that_of_the_run(bench: Bench, pulls: ModuleType, parameters: dict[str, Any]) -> None:
    sweep = FieldSweep()
    for name, value in {"channel": "both", "steps": 3, **parameters}.items():
        setattr(sweep, name, value)
    expected, start = sweep.duration(bench), bench.clock.now()
    pulls.measure(sweep, bench, 0)
    bench.make_safe()
    assert expected == pytest.approx(bench.clock.now() - start, rel=0.2)


def test_travel_of_plates_and_stage_takes_the_time_foretold(bench: Bench) -> None:
    bench.quarter_wave.move_to(0.0)
    bench.stage.move_to(0.0, 0.0)
    for expected, move in (
        (bench.quarter_wave.travel_time(0.0, math.radians(90)), lambda: bench.quarter_wave.move_to(math.radians(90))),
        (bench.stage.travel_time((0.0, 0.0), (1e-3, -4e-3)), lambda: bench.stage.move_to(1e-3, -4e-3)),
        (bench.sample_source.travel_time(0.0, 0.04), lambda: bench.sample_source.set_amplitude(0.04)),
    ):
        start = bench.clock.now()
        move()
        assert expected == pytest.approx(bench.clock.now() - start, rel=0.1)


def test_averaging_is_planned_until_the_target_and_not_beyond_its_time(bench: Bench) -> None:
    sweep = FieldSweep()
    single = sweep.point_noise(bench)
    for share in (0.2, 0.1):
        sweep.target_error, sweep.longest_average = single * share * 1e9, 1e6
        assert 0.95 * share < sweep.point_noise(bench) / single <= share
    sweep.longest_average = 60.0
    assert sweep.point_noise(bench) > 0.2 * single
    assert sweep.averaging_time(bench) <= 60


# ----------------------------------------------------------- uncertainties


@pytest.mark.parametrize("side", ["top", "bottom"])
def test_planned_uncertainty_of_a_pair_is_the_cramer_rao_bound(
    open_simulated: Callable[..., Bench], pulls: ModuleType, side: str
) -> None:
    bench = open_simulated(bench__light_side=side)
    sweeps = demo(steps=9)
    plan = planned(bench, steps=9)
    rows = []
    for sweep in sweeps:
        points = list(sweep.plan())
        rows.append(
            {
                "field_set": np.array([point.field for point in points]),
                "channel": np.array([float(point.channel == "ellipticity") for point in points]),
                "readings": np.ones(len(points)),
            }
        )
    # The bound knows the true torque, the plan assumes one 4 % lower; the calibration's small share depends on it.
    pair = pulls.bound(sweeps, rows, bench, exact_calibration=False)
    assert_allclose(plan.torque.std, pair, rtol=0.02)
    sample = [(sweep, row) for sweep, row in zip(sweeps, rows, strict=True) if sweep.path == "sample"]
    exact = pulls.bound([entry[0] for entry in sample], [entry[1] for entry in sample], bench, exact_calibration=True)
    assert exact < pair < 1.05 * exact


def test_torque_scatters_as_planned(pulls: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pulls.KINDS, "tiny", pulls.Kind({"parameters.steps": 5}, exact_calibration=True))
    outcomes = [pulls.one_seed("tiny", seed) for seed in range(6)]
    errors = np.array([(seed.torque - seed.truth) / seed.planned for seed in outcomes])
    assert 0.3 < np.sqrt(np.mean(errors**2)) < 1.8  # 0.3 % and 0.4 % of such samples lie beyond
    assert all(0.8 < seed.planned_time / seed.time < 1.2 for seed in outcomes)
    assert all(0.95 < seed.planned / seed.bound < 1.05 for seed in outcomes)
    # Four fields leave three degrees of freedom to each channel; how much each carries is found from its own scatter.
    assert all(3 <= seed.dof <= 6 for seed in outcomes) and min(seed.dof for seed in outcomes) < 4.5


def test_campaign_measures_what_the_runner_measures(
    open_simulated: Callable[..., Bench], pulls: ModuleType, tmp_path: Path
) -> None:
    sweep = FieldSweep()
    sweep.steps, sweep.polarizations = 3, [45.0]
    steady = {"twin__laser_drift": 0}  # a run begins later than a bare measurement, and meets another light
    result = run(sweep, open_simulated(**steady), tmp_path, name="field-sweep")
    assert result.path is not None
    stored, measured = load_run(result.path), pulls.measure(sweep, open_simulated(**steady), 0)
    assert_allclose(measured["kerr_signal"], stored["kerr_signal"], rtol=1e-12)


def test_single_sweep_expects_what_its_channel_shows(bench: Bench) -> None:
    coil, _, rotation, ellipticity = demo()
    expected = [sweep.expected(bench) for sweep in (coil, rotation, ellipticity)]
    assert expected[0]["calibration_field"].value == pytest.approx(0.85e-3)
    relative = [estimates["signal"].value / estimates["signal"].std for estimates in expected]  # type: ignore[operator]
    torques = [estimates["torque_bottom"].std for estimates in expected[1:]]
    assert torques[0] / torques[1] == pytest.approx(relative[2] / relative[1], rel=1e-3)  # type: ignore[operator]
    # 50 pairs of branches at two polarisations: 100 odd values, each of two points
    assert expected[2]["torque_bottom"].value / torques[1] == pytest.approx(  # type: ignore[operator]
        relative[2] * math.sqrt(200), rel=0.05
    )


def test_one_channel_of_calibration_is_not_enough(bench: Bench) -> None:
    from dataclasses import replace

    torque = planned(bench).torque
    kept = tuple(sweep for sweep in torque.sweeps if (sweep.path, sweep.channel) != ("coil", "ellipticity"))
    with pytest.raises(IdentifiabilityError, match="rotation and ellipticity under both"):
        _ = replace(torque, sweeps=kept[:1] + tuple(replace(entry, field=entry.field[:0]) for entry in kept[1:])).std


# ----------------------------------------------------------- the reverse


def test_best_split_cannot_be_improved(bench: Bench) -> None:
    torque = planned(bench, steps=9).torque
    own = np.array([sweep.time for sweep in torque.sweeps])
    shares = torque.best_shares()

    def std(parts: np.ndarray) -> float:
        return torque.repeated(parts / np.sum(parts) * np.sum(own) / own).std

    best = std(shares)
    assert best < 0.75 * torque.std
    for place in range(len(shares)):
        for factor in (0.5, 1.5):
            changed = shares.copy()
            changed[place] *= factor
            assert std(changed) > best * (1 - 5e-3)


def test_half_the_uncertainty_takes_four_times_the_time_and_the_repeats_named_reach_it(bench: Bench) -> None:
    plan = planned(bench, steps=9)
    answer = requirement(plan, plan.torque.std / 2)
    assert answer.factor == pytest.approx(4)
    assert answer.duration == pytest.approx(plan.overhead + 4 * plan.measuring_time())
    assert answer.best_duration < answer.duration
    sweeps = demo(steps=9)
    for sweep, repeats in zip(sweeps, answer.repeats, strict=True):
        sweep.repeats = repeats
    repeated = torque_plan(sweeps, bench)
    assert repeated is not None
    assert repeated.torque.std <= answer.target
    assert sum(sweep.duration(bench) for sweep in sweeps) == pytest.approx(answer.best_duration, rel=0.02)


def test_uncertain_inputs_ask_for_a_thin_film_beside_the_thickest(bench: Bench) -> None:
    plan = planned(bench, steps=9)
    grid, time = np.linspace(4e-9, 48e-9, 12), plan.measuring_time()
    noise = best_thicknesses(plan.torque, grid, {}, time)
    assert np.argmax(noise.shares) == len(grid) - 1 and len(noise.films()) == 1
    assert noise.std == pytest.approx(noise.noise_std)
    inputs = bench.sample.uncertainties()
    design = best_thicknesses(plan.torque, grid, inputs, time)
    films = design.films()
    assert len(films) >= 2 and films[0][0] < 12e-9 and films[-1][0] > 36e-9
    assert noise.std < design.std < np.min(design.single_std)
    longer = best_thicknesses(plan.torque, grid, inputs, 100 * time)
    assert longer.noise_std < 0.2 * design.noise_std and longer.std > 0.5 * design.std


def test_film_that_is_not_in_the_plane_is_no_candidate(open_simulated: Callable[..., Bench]) -> None:
    from instruments import open_bench

    with open_bench(sample="py-series-silicon") as bench:
        plan = planned(bench, steps=9)
        with pytest.raises(InputError, match="must be stable"):
            best_thicknesses(plan.torque, np.array([1e-9, 8e-9]), {}, 1e3)


# ----------------------------------------------------------- command line


def test_plan_answers_what_a_target_needs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ["--target", "0.5 %", "--thicknesses", "6 nm to 40 nm", "--out", str(tmp_path), "--json"]
    with pytest.raises(SystemExit) as end:
        main(["plan", "asot-demo", *options])
    assert end.value.code == 0
    event = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert event["event"] == "torque" and event["expected"]["torque_bottom"]["unit"] == "J/m^2"
    target = event["target"]
    assert target["target"] == pytest.approx(0.005 * event["expected"]["torque_bottom"]["value"])
    assert sum(entry["share"] for entry in target["shares"]) == pytest.approx(1)
    assert sum(entry["share"] for entry in event["thicknesses"]["films"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("recipe", "option", "text", "message"),
    [
        ("field-sweep", "--target", "1 %", "must hold field sweeps under both currents"),
        ("asot-demo", "--target", "0 %", "--target must be above 0"),
        ("asot-demo", "--thicknesses", "32 nm", "must be a range"),
    ],
)
def test_question_that_cannot_be_answered_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, recipe: str, option: str, text: str, message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["plan", recipe, option, text, "--out", str(tmp_path)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
