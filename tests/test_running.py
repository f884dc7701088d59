"""Runs as objects: states, pause, skip, retry, resume, order, averaging, refinement, queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from numpy.testing import assert_allclose, assert_array_equal

from acquisition import Run, State
from acquisition.averaging import standard_error
from acquisition.run_queue import Queue
from acquisition.states import FINAL, FOLLOWING, Lifecycle, TransitionError
from analysis import load_run
from analysis.detection import noise_correlation
from analysis.errors import InputError
from analysis.loops import kerr_loops
from instruments import Bench, open_bench
from instruments.errors import DeviceError
from procedures import FieldSweep, Point, Reading
from procedures.order import Branches, Order, branch_fields, ordered, refined_fields

OWN_TIMES = {"wall_time", "monotonic_time", "time"}


def sweep(kind: type[FieldSweep] = FieldSweep, **parameters: object) -> FieldSweep:
    table = {"steps": 3, "largest_field": "50 mT", "time_constant": "0.1 s", "polarizations": ["45 deg"]}
    return kind.from_table(table | parameters, "test")  # type: ignore[return-value]


def make(folder: Path, procedure: FieldSweep | None = None, **rest: Any) -> Run:
    return Run(procedure or sweep(), folder, name="field-sweep", **rest)


def stored(run: Run) -> xarray.Dataset:
    assert run.result is not None and run.result.path is not None
    return load_run(run.result.path)


# ----------------------------------------------------------- states


def test_every_transition_that_is_not_listed_raises() -> None:
    for start in State:
        for target in State:
            lifecycle = Lifecycle("test")
            lifecycle._state = start
            if target in FOLLOWING[start]:
                lifecycle.move(target)
                assert lifecycle.state is target
            else:
                with pytest.raises(TransitionError, match=f"must go from {start} to"):
                    lifecycle.move(target)
    assert {State.FINISHED, State.ABORTED, State.FAILED, State.INTERRUPTED} == FINAL


def test_a_run_refuses_what_its_state_does_not_allow(bench: Bench, tmp_path: Path) -> None:
    run = make(tmp_path)
    for action in (run.pause, run.skip, run.resume):
        with pytest.raises(TransitionError, match="it is queued"):
            action()
    run.execute(bench)
    for action in (run.pause, run.skip, run.resume, run.abort):
        with pytest.raises(TransitionError):
            action()
    with pytest.raises(TransitionError):
        run.execute(bench)


def test_pause_drops_the_current_and_the_rest_is_measured_as_without_it(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    plain = make(tmp_path)
    plain.execute(open_simulated(twin__laser_drift=0))
    bench = open_simulated(twin__laser_drift=0)
    seen: list[object] = []

    def watch(state: State) -> None:
        if state is State.PAUSED:
            assert bench.wire is not None
            seen.append((bench.wire.twin.sample_drive.running, run.progress.done, bench.clock.now()))
            threading.Timer(0.2, run.resume).start()

    run = make(tmp_path, on_state=watch, on_point=lambda i, n, row: run.pause(current_off=True) if i == 2 else None)
    result = run.execute(bench)
    assert result.state is State.FINISHED and len(seen) == 1 and seen[0][:2] == (False, 3)  # type: ignore[index]
    for name in ("field_set", "field", "sum"):
        assert_array_equal(stored(run)[name], stored(plain)[name])
    # The filter remembers the ramp a little: the remainder of a step, 1e-3 of the signal.
    difference = np.abs(stored(run)["x"] - stored(plain)["x"])
    assert difference.max() < 2e-3 * np.abs(stored(plain)["x"]).max()
    assert np.abs(stored(run)["current"] - 0.04).max() < 1e-6


def test_abort_of_a_paused_run_stores_it_and_makes_safe(bench: Bench, tmp_path: Path) -> None:
    def watch(state: State) -> None:
        if state is State.PAUSED:
            threading.Timer(0.1, run.abort).start()

    run = make(tmp_path, on_state=watch, on_point=lambda index, total, row: run.pause() if index == 0 else None)
    result = run.execute(bench)
    assert (result.state, result.points, result.reason) == (State.ABORTED, 1, "Aborted by the user.")
    assert bench.wire is not None and not bench.wire.twin.sample_drive.running


def test_skipped_point_keeps_its_place_without_measured_values(bench: Bench, tmp_path: Path) -> None:
    run = make(tmp_path, on_point=lambda index, total, row: run.skip() if index == 1 else None)
    assert run.execute(bench).state is State.FINISHED
    data = stored(run)
    assert data["attempts"].values.tolist() == [1, 1, 0, 1, 1, 1]
    assert np.flatnonzero(np.isnan(data["kerr_signal"])).tolist() == [2]
    assert_allclose(data["field_set"], [0.05, 0, -0.05, -0.05, 0, 0.05], atol=1e-12)


class Flaky(FieldSweep):
    """Fails `faults` times at its third point."""

    faults = 1

    def measure(self, point: Point, bench: Bench) -> Reading:
        if point.sequence == 2 and self.faults:
            self.faults -= 1
            raise DeviceError("lock_in", "does not answer.", "Check the cable.")
        return super().measure(point, bench)


@pytest.mark.parametrize(("faults", "state", "points"), [(1, State.FINISHED, 6), (2, State.FAILED, 2)])
def test_failed_point_is_tried_again_a_bounded_number_of_times(
    bench: Bench, tmp_path: Path, faults: int, state: State, points: int
) -> None:
    procedure = sweep(Flaky)
    procedure.faults = faults  # type: ignore[attr-defined]
    run = make(tmp_path, procedure, retries=1)
    result = run.execute(bench)
    assert (result.state, result.points) == (state, points)
    if state is State.FINISHED:
        assert stored(run)["attempts"].values.tolist() == [1, 1, 2, 1, 1, 1]


# ----------------------------------------------------------- resume


class Dying(FieldSweep):
    """Stands in for a process that dies: nothing of a run's clean-up happens."""

    def measure(self, point: Point, bench: Bench) -> Reading:
        if point.sequence == self.last:  # type: ignore[attr-defined]
            raise SystemExit
        return super().measure(point, bench)


def die_at(bench: Bench, folder: Path, last: int, monkeypatch: pytest.MonkeyPatch, **parameters: object) -> Path:
    """Journal of a run whose process died before it measured point `last`."""
    procedure = sweep(Dying, **parameters)
    procedure.last = last  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr("acquisition.runner._store", lambda journal, *rest: journal.close())
        patch.setattr(type(bench), "make_safe", lambda self: [])
        with pytest.raises(SystemExit):
            make(folder, procedure).execute(bench)
    (path,) = folder.glob("*.journal")
    from acquisition.journal import Journal

    with Journal.open(path) as journal:
        journal._connection.close()
    return path


REFINED: dict[str, object] = {
    "steps": 5, "polarizations": ["45 deg", "135 deg"], "refine": 2, "refine_within": "30 mT",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> xarray.Dataset:
    """An uninterrupted run."""
    run = make(tmp_path_factory.mktemp("whole"), sweep(**REFINED))
    with open_bench(settings={"twin.laser_drift": 0}) as bench:
        run.execute(bench)
    return stored(run)


@pytest.mark.parametrize("last", [1, 10])
def test_resumed_run_equals_an_uninterrupted_one(
    open_simulated: Callable[..., Bench],
    whole: xarray.Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last: int,
) -> None:
    journal = die_at(open_simulated(twin__laser_drift=0), tmp_path, last, monkeypatch, **REFINED)
    resumed = make(tmp_path, sweep(**REFINED), resume=journal)
    told: list[int] = []
    resumed._on_point = lambda index, total, row: told.append(index)
    result = resumed.execute(open_simulated(twin__laser_drift=0))
    assert result.state is State.FINISHED and not journal.exists()
    before, after = whole, stored(resumed)
    assert told == list(range(last, before.sizes["point"])) and before.sizes["point"] == 20 + 16
    # Bit for bit: noise depends on the point alone, the field is replayed from saturation with the same ramps, and
    # the two points before are settled at, so that what the filter remembers (1e-9) is below one step of X.
    for name in set(before.data_vars) - OWN_TIMES:
        assert_array_equal(before[name], after[name], err_msg=str(name))
    (origin,) = after.attrs["resumed_from"]
    assert (origin["status"], origin["points"], origin["run_id"]) == ("interrupted", last, journal.stem[-8:])
    dead = load_run(journal.with_suffix(".h5"))
    assert dead.sizes["point"] == last and dead.attrs["status"] == "interrupted"


def test_resume_refuses_other_parameters_and_finished_runs(bench: Bench, tmp_path: Path) -> None:
    run = make(tmp_path)
    run.execute(bench)
    assert run.result is not None
    with pytest.raises(InputError, match="finished"):
        make(tmp_path, resume=run.result.path).execute(bench)
    aborted = make(tmp_path, on_point=lambda index, total, row: aborted.abort() if index == 0 else None)
    aborted.execute(bench)
    assert aborted.result is not None
    other = make(tmp_path, sweep(current="30 mA"), resume=aborted.result.path)
    with pytest.raises(InputError, match=r"parameter current was 40\.0 and is 30\.0"):
        other.execute(bench)
    assert other.state is State.FAILED


# ----------------------------------------------------------- order, averaging, refinement


@pytest.mark.parametrize("order", list(Order))
def test_every_order_visits_every_point_once_and_comes_back_to_the_same_loops(order: Order) -> None:
    visited = list(ordered(order, 3, 8))
    assert sorted(visited) == [(loop, step) for loop in range(3) for step in range(8)]
    procedure = sweep(order=str(order), steps=4, polarizations=["0 deg", "45 deg", "90 deg"])
    points = sorted(procedure.points(), key=lambda point: point.sequence)
    assert [point.sequence for point in points] == list(range(24)) and procedure.pass_count() == 24
    assert_array_equal([point.field for point in points], np.tile(branch_fields(Branches.LOOP, 0.05, 4, 0, 0.0), 3))


def test_snake_turns_back_and_interleaved_pairs_opposite_fields() -> None:
    snake = sweep(order="snake", polarizations=["45 deg", "135 deg"])
    assert_allclose(np.degrees([point.polarization for point in snake.points()])[:6], [45, 135, 135, 45, 45, 135])
    fields = np.array([point.field for point in sweep(order="interleaved", steps=6).points()])
    assert_allclose(fields[0::2], -fields[1::2], atol=1e-12)


@pytest.mark.parametrize("order", ["interleaved", "snake"])
def test_loops_of_a_reordered_repeated_and_refined_run_are_those_of_a_plain_one(
    bench: Bench, tmp_path: Path, order: str
) -> None:
    run = make(
        tmp_path,
        sweep(order=order, repeats=2, refine=2, steps=4, time_constant="3 s", polarizations=["45 deg", "135 deg"]),
    )
    result = run.execute(bench)
    assert result.state is State.FINISHED, result.reason
    loops = kerr_loops(stored(run))
    assert [round(np.degrees(loop.polarization)) for loop in loops] == [45, 45, 135, 135]
    for loop in loops:
        assert_allclose(loop.asked, np.linspace(0.05, -0.05, 4), atol=1e-12)
        assert_allclose(loop.field_up, -loop.field_down, atol=2e-4)
        assert loop.odd[0] * loop.odd[-1] < 0 and loop.odd[1] * loop.odd[-2] < 0  # the signal switches with the field


def test_averaging_reaches_its_target_and_its_errors_are_true(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(twin__laser_drift=0)
    runs = []
    for number in (0, 1):  # the same signal twice, with different noise
        procedure = sweep(steps=6, target_error="4 nrad", longest_average="1000 s", filter_slope=12)
        run = make(tmp_path, procedure, number=number)
        run.execute(bench)
        runs.append(stored(run))
    errors = [data["kerr_signal_errors"].values for data in runs]
    assert np.all(errors[0] <= 4e-9) and np.all(errors[0] > 0.5e-9)
    assert np.all(runs[0]["readings"] >= 8) and runs[0]["readings"].max() > 12
    assert runs[0].attrs["plot"]["errors"] == "kerr_signal_errors"
    pulls = (runs[0]["kerr_signal"].values - runs[1]["kerr_signal"].values) / np.hypot(*errors)
    assert 0.6 < np.std(pulls) < 1.6


def test_averaging_stops_when_its_time_is_up(bench: Bench, tmp_path: Path) -> None:
    run = make(tmp_path, sweep(target_error="1e-3 nrad", longest_average="3 s"))
    run.execute(bench)
    data = stored(run)
    assert np.all(data["readings"] == int(3 / 0.64) + 1)  # spaced by half the inverse bandwidth of 5/64 T
    assert np.all(data["kerr_signal_errors"] > 1e-12)


def test_standard_error_of_correlated_readings_agrees_with_their_spread() -> None:
    generator = np.random.default_rng(1)
    lags = 0.7 * np.arange(20)
    correlation = noise_correlation(lags, 1.0, 12)
    root = np.linalg.cholesky(correlation[np.abs(np.subtract.outer(np.arange(20), np.arange(20)))])
    samples = generator.standard_normal((4000, 20)) @ root.T
    claimed = np.sqrt(np.mean([standard_error(row, correlation) ** 2 for row in samples]))
    naive = np.sqrt(np.mean(np.var(samples, axis=1, ddof=1) / 20))
    spread = np.std(samples.mean(axis=1))
    assert abs(claimed / spread - 1) < 0.05 and naive < 0.7 * spread


@pytest.mark.parametrize("slope", [6, 12, 18, 24])
def test_noise_correlation_is_the_transform_of_the_filter(slope: int) -> None:
    stages, lags = slope // 6, np.array([0.0, 0.5, 2.0, 6.4])
    frequency = np.linspace(0, 400, 2_000_001)
    power = (1 + (2 * np.pi * frequency) ** 2) ** -float(stages)
    expected = [np.trapezoid(power * np.cos(2 * np.pi * frequency * lag), frequency) for lag in lags]
    assert_allclose(noise_correlation(lags, 1.0, slope), np.array(expected) / expected[0], atol=1e-3)


def test_refinement_halves_the_gaps_with_the_largest_change_within_its_bounds() -> None:
    field = np.linspace(0.05, -0.05, 21)
    signal = np.tanh((field - 0.012) / 2e-3)
    loop = np.zeros_like(field)
    found = refined_fields(field, signal, loop, 5, 0.02)
    assert 0 < len(found) <= 5 and np.all(np.abs(found) <= 0.02)
    assert_allclose(found, -found[::-1])
    assert np.abs(np.abs(found) - 0.012).min() < 1e-3
    assert refined_fields(field, signal, loop, 0, 0.02).size == 0
    assert refined_fields(field, signal, loop, 5, 0.001).size == 0
    assert len(refined_fields(field, signal, loop, 1000, 0.05)) < 1000  # no gap below 0.2 mT
    signal[3] = np.nan
    assert np.all(np.isfinite(refined_fields(field, signal, loop, 5, 0.05)))


# ----------------------------------------------------------- queue


def test_failed_run_leaves_the_bench_safe_and_does_not_stop_the_next(bench: Bench, tmp_path: Path) -> None:
    def ended(run: Run, result: Any) -> None:
        assert bench.wire is not None
        twin = bench.wire.twin
        currents_off = not twin.sample_drive.running and not (twin._lines["relay_sample"] or twin._lines["relay_coil"])
        safe.append(currents_off and abs(twin.field(bench.clock.now())) < 2e-4)

    failing = sweep(Flaky)
    failing.faults = 100  # type: ignore[attr-defined]
    safe: list[bool] = []
    queue = Queue(on_end=ended)
    refused = queue.add(make(tmp_path, sweep(largest_field="300 mT")))
    failed = queue.add(make(tmp_path, failing))
    removed = queue.add(make(tmp_path))
    last = queue.add(make(tmp_path))
    queue.remove(removed)
    results = queue.execute(lambda run: bench)
    assert [run.state for run in queue.runs] == [State.FAILED, State.FAILED, State.ABORTED, State.FINISHED]
    assert [result.state for result in results] == [run.state for run in queue.runs]
    assert safe == [True, True, True]
    assert refused.result is not None and "setting it to 0.3 T" in refused.result.reason
    assert "Check the cable" in stored(failed).attrs["exit_reason"] and stored(last).sizes["point"] == 6


def test_aborted_queue_begins_no_further_run(bench: Bench, tmp_path: Path) -> None:
    queue = Queue()
    queue.add(make(tmp_path, on_point=lambda index, total, row: queue.abort() if index == 0 else None))
    queue.add(make(tmp_path))
    assert [result.state for result in queue.execute(lambda run: bench)] == [State.ABORTED, State.ABORTED]
    assert len(list(tmp_path.glob("*.h5"))) == 1


def test_progress_tells_points_rate_and_time_left(bench: Bench, tmp_path: Path) -> None:
    seen = []
    run = make(tmp_path, on_point=lambda index, total, row: seen.append(run.progress))
    run.execute(bench)
    assert [(progress.done, progress.total) for progress in seen] == [(index + 1, 6) for index in range(6)]
    assert all(progress.points_per_second > 0 for progress in seen)
    took = stored(run)["time"].values
    assert_allclose(seen[2].bench_time_left, took[5] - took[2], rtol=0.5)
    assert seen[-1].wall_time_left == 0
