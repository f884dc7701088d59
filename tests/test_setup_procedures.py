"""Set-up of the bench: dark offsets, balance of the detector, phase of each current, pick-up."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acquisition import load_recipe
from acquisition.runner import Run
from analysis.detector_calibration import fit_balance
from analysis.errors import InputError
from analysis.finding import Finding
from analysis.findings import ANALYSES
from analysis.run_analysis import analyze
from analysis.run_file import load_run
from analysis.run_groups import sample_of
from instruments import Bench, open_bench
from procedures import PROCEDURES

OpenBench = Callable[..., Bench]


def measure(name: str, bench: Bench, folder: Path, *, batch: str = "", number: int = 0, **parameters: Any) -> Path:
    """Run a procedure as the recipes do; return its file."""
    procedure = PROCEDURES[name].from_table(parameters, name, bench.sample)
    result = Run(procedure, folder, name=name, batch=batch, number=number).execute(bench)
    assert result.state == "finished" and result.path is not None, result.reason
    return result.path


def found(path: Path) -> Finding:
    run = load_run(path)
    return ANALYSES[run.attrs["procedure"]](run, sample_of(run))


def pull(finding: Finding, name: str, truth: float) -> float:
    estimate = finding.quantities[name]
    assert estimate.std
    return (estimate.value - truth) / estimate.std


def as_expected(finding: Finding, bench: Bench, name: str, **parameters: Any) -> None:
    """Hold the uncertainties against those expected: few readings scatter by tens of per cent."""
    plan = PROCEDURES[name].from_table(parameters, name, bench.sample).expected(bench)
    for quantity, estimate in plan.items():
        if quantity != "signal":
            reached = finding.quantities[quantity].std
            assert reached and estimate.std and 0.4 < reached / estimate.std < 2.5, quantity


def test_dark_offset_of_the_sum_is_found_and_told_as_the_line_to_write(
    open_simulated: OpenBench, tmp_path: Path
) -> None:
    bench = open_simulated(twin__sum_offset="3 mV", bench__sum_detector__offset="1 mV")
    shape: dict[str, Any] = {"readings": 20}
    dark = found(measure("dark-offsets", bench, tmp_path, **shape))
    assert abs(pull(dark, "sum_offset", 3e-3)) < 3 and abs(pull(dark, "x_offset", 0.0)) < 3
    assert bench.need("shutter").is_open()
    (warning,) = dark.warnings
    assert 'offset = "2.98' in warning and "[sum_detector]" in warning and "1.000 mV" in warning
    as_expected(dark, bench, "dark-offsets", **shape)


def test_detector_calibration_finds_scale_balance_and_bend_of_the_detector(
    open_simulated: OpenBench, tmp_path: Path
) -> None:
    bench = open_simulated(twin__difference_gain=1.03, twin__difference_cubic=-0.2)
    shape = {"steps": 11, "dwell": "0 s"}
    detector = found(measure("detector-calibration", bench, tmp_path, **shape))
    truths = {"slope": 4 * 1.03, "balance_offset": 0.005 / 2, "quadratic": 0.0, "cubic": -0.2}
    assert all(abs(pull(detector, name, truth)) < 3 for name, truth in truths.items())
    gain, balance, bend = detector.warnings
    assert float(gain.partition("gain = ")[2].split()[0]) == pytest.approx(1.03, abs=3e-4)
    assert "+0.143 degrees" in balance and "cubic part makes -2." in bend
    as_expected(detector, bench, "detector-calibration", **shape)


def test_balanced_plate_stays_balanced_for_the_runs_that_follow_and_for_a_resumed_one(tmp_path: Path) -> None:
    with open_bench() as bench:
        measure("detector-calibration", bench, tmp_path, steps=7, dwell="0 s", then="balance")
        assert bench.analyser_plate.trim == pytest.approx(0.0025, abs=2e-5)
        assert abs(bench.need("difference_detector").read()) < 2e-4
        again = measure("detector-calibration", bench, tmp_path, steps=7, dwell="0 s", number=1)
        assert abs(found(again).quantities["balance_offset"].value) < 2e-5
        assert found(again).warnings == ()
        trim = bench.analyser_plate.trim
        procedure = PROCEDURES["time-trace"].from_table({"readings": 8}, "trace")
        run = Run(procedure, tmp_path, name="time-trace", number=2, on_point=lambda *_: run.abort())
        path = run.execute(bench).path
    with open_bench() as bench:
        rest = Run(procedure, tmp_path, name="time-trace", resume=path)
        assert rest.execute(bench).state == "finished" and bench.analyser_plate.trim == trim


def test_swapped_detector_outputs_are_told_by_the_sign_of_the_slope() -> None:
    import numpy as np

    offset = np.linspace(-0.08, 0.08, 9)
    noise = 1e-5 * np.cos(17 * np.arange(9.0))
    right = fit_balance(offset, np.sin(4 * (0.01 - offset)) + noise)
    assert right.values[0] == pytest.approx(4, abs=0.01) and right.balance_offset == pytest.approx(0.01, abs=1e-4)
    assert fit_balance(offset, np.sin(4 * (offset - 0.01)) + noise).values[0] == pytest.approx(-4, abs=0.01)


def test_phase_of_each_path_is_found_on_its_shunt_over_the_full_turn(open_simulated: OpenBench, tmp_path: Path) -> None:
    bench = open_simulated(twin__sample_phase="2.9 rad", twin__coil_shunt="1.05 ohm", bench__sample_source__phase=-0.24)
    sample = found(measure("phase-calibration", bench, tmp_path, path="sample", current="40 mA", readings=4))
    assert abs(pull(sample, "sample_phase", 2.9)) < 3 and abs(pull(sample, "sample_current", 0.04)) < 3
    assert 'phase = "2.9000 rad" into [sample_source]' in sample.warnings[0] and "half a turn" in sample.warnings[0]
    coil = found(measure("phase-calibration", bench, tmp_path, path="coil", current="400 mA", readings=4, number=1))
    assert abs(pull(coil, "coil_phase", -0.61)) < 3
    assert coil.quantities["coil_current_ratio"].value == pytest.approx(1.05, rel=5e-4)
    (warning,) = coil.warnings
    assert "coil_shunt" in warning and bench.need("signal_switch").selected() == "detector"
    with pytest.raises(InputError, match=r"at most 0\.83 V rms on the shunt; 400 mA make 2\.83 V"):
        PROCEDURES["phase-calibration"].from_table({"path": "sample", "current": "400 mA"}, "phase").check(bench)


def test_software_lock_in_measures_a_phase_too(tmp_path: Path) -> None:
    with open_bench("simulated-daq") as bench:
        phase = found(measure("phase-calibration", bench, tmp_path, current="40 mA", readings=3))
        assert abs(pull(phase, "sample_phase", 0.21)) < 5 and phase.warnings == ()


@pytest.mark.parametrize("procedure", ["dark-offsets", "detector-calibration", "phase-calibration", "pickup"])
def test_missing_role_is_named_before_anything_is_sent(open_simulated: OpenBench, procedure: str) -> None:
    roles = ("shutter", "difference_detector", "signal_switch")
    bench = open_simulated(**{f"bench__{role}": None for role in roles})
    with pytest.raises(InputError, match=rf"must have a ({'|'.join(roles)}), which this procedure needs"):
        PROCEDURES[procedure]().check(bench)


def test_pick_up_is_measured_with_the_beam_blocked_and_taken_off_the_calibration_of_its_recipe(
    open_simulated: OpenBench, tmp_path: Path
) -> None:
    secret, pick_up = 0.86e-6, 300e-9
    bench = open_simulated(twin__pick_up=pick_up, twin__torque_bottom=secret, twin__quadratic_kerr=0)
    recipe = load_recipe("asot-demo", {"parameters.steps": 7, "parameters.polarizations": ["45 deg"]})
    for planned in recipe.runs:
        Run(planned.procedure, tmp_path, name=planned.name, number=planned.number, batch="a").execute(bench)
    without = analyze([tmp_path], current_density=5e10).samples[0].result
    shape = {"path": "coil", "current": "400 mA", "time_constant": "0.3 s", "readings": 8}
    path = measure("pickup", bench, tmp_path, batch="a", number=9, **shape)
    blocked = found(path)
    assert bench.wire is not None
    volts = bench.wire.twin.sum_voltage(bench.clock.now())
    for channel in ("rotation", "ellipticity"):
        truth = math.sqrt(2) * pick_up * math.cos(-0.61) / (2 * volts)
        assert blocked.quantities[f"pickup_{channel}"].value == pytest.approx(truth, rel=0.02)
    assert "Uncertain(value=" in blocked.warnings[0]
    result = analyze([tmp_path], current_density=5e10).samples[0].result
    off = [abs(entry.torque_bottom.value - secret) for entry in (without, result)]
    assert result.torque_bottom.std and off[1] < 3 * result.torque_bottom.std and off[0] > 2 * off[1]
    as_expected(blocked, bench, "pickup", **shape)
