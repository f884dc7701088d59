"""Position scans through the real drivers: edges, Oersted field, self-calibration, and where the stage ends up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from acquisition import State
from acquisition.resume import read_earlier_run, return_stage
from acquisition.run_queue import Queue
from acquisition.runner import Run, RunResult
from analysis import load_run
from analysis.errors import InputError
from analysis.finding import Finding
from analysis.position_scan import analyze_position_scan, self_calibration
from analysis.result import Estimate
from analysis.run_groups import sample_of
from instruments import Bench, open_bench
from instruments.errors import LimitError
from procedures import PositionScan

OFFSET = 3.1e-6  # m, of the spot along y: the square's middle lies at -OFFSET


def scan(**parameters: object) -> PositionScan:
    return PositionScan.from_table({"span": "80 um", "steps": 21} | parameters, "test")  # type: ignore[return-value]


def measure(procedure: PositionScan, bench: Bench, folder: Path, **rest: Any) -> RunResult:
    return Run(procedure, folder, name="position-scan", **rest).execute(bench)


def found(result: RunResult) -> Finding:
    assert result.state is State.FINISHED, result.reason
    run = load_run(result.path)  # type: ignore[arg-type]
    return analyze_position_scan(run, sample_of(run))


def pull(finding: Finding, name: str, truth: float) -> float:
    estimate = finding.quantities[name]
    assert estimate.std is not None
    return (estimate.value - truth) / estimate.std


@dataclass(frozen=True)
class UnderCurrent:
    """Scans under both currents, and what was planned for the first of them."""

    sample: xarray.Dataset
    coil: xarray.Dataset
    planned: Mapping[str, Estimate]
    planned_duration: float
    duration: float


@pytest.fixture(scope="module")
def under_current(tmp_path_factory: pytest.TempPathFactory) -> UnderCurrent:
    """12 % of the gradient are lost to the leads; the gain is known."""
    settings = {
        "twin.seed": 2, "twin.spot_offset": OFFSET, "twin.oersted_gradient": 280.0, "bench.sum_detector.gain": 0.96,
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("scans")
    with open_bench(settings=settings) as bench:
        line = scan(signal="kerr", time_constant="0.3 s", steps=25, span="72 um", offset_y="-3 um")
        few = scan(signal="kerr", time_constant="0.3 s", steps=5, span="20 um", path="coil", current="400 mA")
        planned, planned_duration, start = line.expected(bench), line.duration(bench), bench.clock.now()
        runs = [load_run(measure(one, bench, folder).path) for one in (line, few)]  # type: ignore[arg-type]
    return UnderCurrent(*runs, planned, planned_duration, float(runs[0]["time"][-1]) - start)


def test_edges_give_centre_width_and_spot_and_the_stage_goes_to_the_middle(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(twin__spot_offset=OFFSET, twin__sample__geometry__width="48 um", twin__seed=3)
    finding = found(measure(scan(then="centre"), bench, tmp_path))
    for name, truth in (("centre_y", -OFFSET), ("width_y", 48e-6), ("spot_diameter", 4e-6)):
        assert abs(pull(finding, name, truth)) < 3
        assert finding.quantities[name].std < 3e-8  # type: ignore[operator]
    assert any("48.00 um here and 50.00 um" in text for text in finding.warnings)
    middle = finding.quantities["centre_y"].value
    assert bench.stage.position() == pytest.approx((0, middle), abs=bench.file.stage.resolution)


def test_slope_of_the_kerr_signal_is_the_oersted_field(under_current: UnderCurrent) -> None:
    finding = analyze_position_scan(under_current.sample, sample_of(under_current.sample))
    for name, truth in (("oersted_gradient", 280), ("magnetic_zero", -OFFSET), ("centre_y", -OFFSET)):
        assert abs(pull(finding, name, truth)) < 3
    assert finding.quantities["magnetic_zero"].std == pytest.approx(0.06e-6, rel=0.5)
    response = finding.quantities["kerr_response"]
    assert response.std == pytest.approx(0.2 * response.value, rel=0.01)
    assert finding.warnings == ()


def test_planned_uncertainty_and_duration_are_those_of_the_run(under_current: UnderCurrent) -> None:
    finding = analyze_position_scan(under_current.sample, sample_of(under_current.sample))
    for name in ("oersted_gradient", "magnetic_zero"):
        assert finding.quantities[name].std == pytest.approx(under_current.planned[name].std, rel=0.5)
    assert under_current.duration == pytest.approx(under_current.planned_duration, rel=0.1)


def test_coil_is_calibrated_by_the_oersted_field_within_what_the_leads_leave_open(under_current: UnderCurrent) -> None:
    calibration = self_calibration([under_current.sample, under_current.coil], sample_of(under_current.sample))
    assert calibration is not None and calibration.warnings == () and len(calibration.runs) == 2
    field = calibration.quantities["field_per_ampere"]
    assert field.value == pytest.approx(2.125e-3 * 320 / 280, rel=0.03)
    assert field.std == pytest.approx(0.2 * field.value, rel=0.02)


def test_reversed_lead_is_told(under_current: UnderCurrent) -> None:
    reversed_lead = under_current.sample.copy()
    reversed_lead["kerr_signal"] = -reversed_lead["kerr_signal"]
    sample = sample_of(under_current.sample)
    assert any("opposite sign to the model's" in text for text in analyze_position_scan(reversed_lead, sample).warnings)
    calibration = self_calibration([reversed_lead, under_current.coil], sample)
    assert calibration is not None and "opposite signs" in calibration.warnings[0]


def test_pick_up_that_shifts_the_zero_is_told(under_current: UnderCurrent) -> None:
    shifted = under_current.sample.copy()
    shifted["kerr_signal"] = shifted["kerr_signal"] + 60e-9
    (warning,) = analyze_position_scan(shifted, sample_of(shifted)).warnings
    assert "from the middle of the square along y: pick-up" in warning


def test_map_finds_both_middles_and_is_drawn(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    bench = open_simulated(twin__spot_offset=OFFSET, twin__spot_diameter="12 um", bench__laser__spot_diameter="12 um")
    finding = found(measure(scan(axis="map", steps=9, span="90 um", then="centre"), bench, tmp_path))
    assert abs(pull(finding, "centre_x", 0)) < 3 and abs(pull(finding, "centre_y", -OFFSET)) < 3
    panel = finding.maps[0]
    assert panel.values.shape == (9, 9) and np.all(np.isfinite(panel.values))
    assert panel.values[4, 4] > 10 * panel.values[0, 0]
    assert len(finding.figure().axes) == 2  # the map and its colour bar
    assert bench.stage.position() == pytest.approx((0, -OFFSET), abs=1e-7)


def test_scan_without_edges_fails_stored_with_the_stage_returned(bench: Bench, tmp_path: Path) -> None:
    bench.stage.move_to(1e-6, 2e-6)
    result = measure(scan(span="30 um", then="centre", steps=9), bench, tmp_path)
    assert (result.state, result.points) == (State.FAILED, 9)
    assert "both edges of the square along y" in result.reason and "larger span" in result.reason
    assert bench.stage.position() == pytest.approx((1e-6, 2e-6), abs=1e-9)


def test_resumed_run_scans_where_the_earlier_one_stood(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    first, second = open_simulated(), open_simulated()
    first.stage.move_to(2e-6, 5e-6)
    run = Run(scan(), tmp_path, name="position-scan", on_point=lambda index, total, row: stop(index))

    def stop(index: int) -> None:
        if index == 9:
            run.abort()

    aborted = run.execute(first)
    assert aborted.state is State.ABORTED
    resumed = measure(scan(), second, tmp_path, resume=aborted.path)
    whole = load_run(resumed.path)  # type: ignore[arg-type]
    assert resumed.state is State.FINISHED
    assert whole["stage_y"].to_numpy() == pytest.approx(5e-6 + np.linspace(-40e-6, 40e-6, 21), abs=1e-9)
    assert whole["stage_x"].to_numpy() == pytest.approx(2e-6, abs=1e-9)
    assert second.stage.position() == pytest.approx((2e-6, 5e-6), abs=1e-9)


def test_steps_too_coarse_for_the_edges_are_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="steps of a position scan must be at least 21 over 80 um"):
        scan(steps=20).check(bench)


def test_position_outside_the_travel_is_refused_before_the_stage_moves(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(LimitError, match=r"position must lie in -5 to 5 mm; setting it to 5\.04"):
        measure(scan(offset_y="5 mm"), bench, tmp_path)
    assert bench.stage.position() == (0, 0) and list(tmp_path.iterdir()) == []


def test_runs_that_rest_on_a_failed_centring_are_not_measured(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated()
    lost = PositionScan(steps=5, span="4 um", then="centre")  # sees no edge
    queue = Queue()
    for number, (procedure, batch) in enumerate(
        ((lost, "a"), (PositionScan(steps=5), "a"), (PositionScan(steps=5), "b"))
    ):
        queue.add(Run(procedure, tmp_path, name="position-scan", number=number, batch=batch))
    states = [(str(result.state), result.reason) for result in queue.execute(lambda run: bench)]
    assert [state for state, _ in states][:2] == ["failed", "aborted"] and "on which it rests" in states[1][1]
    assert states[2][0] != "aborted"


def test_recipe_that_goes_on_after_a_finished_centring_measures_at_the_centre(tmp_path: Path) -> None:
    with open_bench(settings={"twin.spot_offset": OFFSET}) as bench:
        path = measure(PositionScan(then="centre"), bench, tmp_path).path
        place = bench.stage.position()
    with open_bench(settings={"twin.spot_offset": OFFSET}) as bench:
        assert path is not None
        return_stage(read_earlier_run(path), bench)
        assert bench.stage.position() == pytest.approx(place, abs=1e-9) and abs(place[1]) > 1e-6
