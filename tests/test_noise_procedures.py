"""Noise and time trace: densities, ratios and drifts of the twin, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.runner import Run
from analysis.errors import AnalysisError, InputError
from analysis.finding import Finding
from analysis.findings import ANALYSES
from analysis.noise_spectrum import analyze_noise_spectrum
from analysis.run_file import load_run
from analysis.run_groups import sample_of
from instruments import Bench, open_bench
from procedures import PROCEDURES

OpenBench = Callable[..., Bench]


def measured(name: str, bench: Bench, folder: Path, **parameters: Any) -> Any:
    procedure = PROCEDURES[name].from_table(parameters, name, bench.sample)
    result = Run(procedure, folder, name=name).execute(bench)
    assert result.state == "finished" and result.path is not None, result.reason
    return load_run(result.path)


def found(run: Any) -> Finding:
    return ANALYSES[run.attrs["procedure"]](run, sample_of(run))


def pull(finding: Finding, name: str, truth: float) -> float:
    estimate = finding.quantities[name]
    assert estimate.std
    return (estimate.value - truth) / estimate.std


def test_white_noise_is_that_of_the_light_and_an_excess_is_told(open_simulated: OpenBench, tmp_path: Path) -> None:
    bench = open_simulated(twin__shot_noise="24 nrad/Hz^0.5", twin__gain=1.0, twin__laser_drift=0, twin__input_noise=0)
    run = measured("noise", bench, tmp_path, readings=128)
    finding = found(run)
    assert bench.wire is not None
    milliwatts = bench.wire.twin.sum_voltage(bench.clock.now()) / 1000 * 1e3
    assert abs(pull(finding, "white_density", 24e-9 / math.sqrt(milliwatts))) < 3
    assert abs(pull(finding, "shot_ratio", 2.0)) < 3
    (warning,) = finding.warnings
    assert "times the shot noise" in warning and "flicker_corner" not in finding.quantities
    plan = PROCEDURES["noise"].from_table({"readings": 128}, "noise").expected(bench)["white_density"]
    reached = finding.quantities["white_density"]
    assert reached.std and plan.std and reached.std / reached.value == pytest.approx(plan.std / plan.value, rel=1e-6)
    paused = run.assign(time=run["time"] + 30.0 * (run["point"] >= 50))
    with pytest.raises(AnalysisError, match="equally spaced"):
        analyze_noise_spectrum(paused, sample_of(run))


def test_corner_of_flicker_noise_is_found_where_there_is_one(open_simulated: OpenBench, tmp_path: Path) -> None:
    run = measured("noise", open_simulated(twin__laser_drift=0), tmp_path, readings=64)
    count, spacing, corner, density = 2048, 0.1, 0.5, 12e-9
    generator = np.random.default_rng(5)
    frequency = np.fft.rfftfreq(count, spacing)[1:]
    shape = np.concatenate([[0.0], np.sqrt(1 + corner / frequency)])
    volts_per_angle = 2 * float(run["sum"].mean())  # rms of either
    bandwidth = float(run["noise_bandwidth"].mean())
    deviation = density * math.sqrt(bandwidth) * volts_per_angle
    long = run.isel(point=np.zeros(count, dtype=int)).assign(time=("point", spacing * np.arange(count)))
    for name in ("x", "y"):
        white = generator.standard_normal(count)
        long[name] = ("point", deviation * np.fft.irfft(np.fft.rfft(white) * shape, count))
    finding = analyze_noise_spectrum(long, sample_of(run))
    assert abs(pull(finding, "white_density", density)) < 3 and abs(pull(finding, "flicker_corner", corner)) < 3
    assert any("1/f" in warning for warning in finding.warnings)


def test_noise_and_dark_readings_work_without_a_reference_on_a_software_lock_in(tmp_path: Path) -> None:
    with open_bench("simulated-daq") as bench:
        run = measured("time-trace", bench, tmp_path, readings=8, time_constant="10 ms", spacing="0.2 s")
        assert set(run["lock_in_status"].to_numpy()) == {0.0}
        assert 0 < found(run).quantities["x_scatter"].value < 1e-6


def test_drift_of_the_laser_is_told_with_sign_and_size(open_simulated: OpenBench, tmp_path: Path) -> None:
    bench = open_simulated(twin__laser_drift=0.02)
    shape = {"readings": 40, "time_constant": "0.1 s", "path": "coil", "current": "400 mA", "field": "20 mT"}
    trace = found(measured("time-trace", bench, tmp_path, **shape))
    assert bench.wire is not None
    mean = trace.quantities["sum_mean"].value
    assert trace.quantities["sum_drift"].value / mean == pytest.approx(0.02 * 2 * math.pi, rel=0.05)  # per hour
    assert any(warning.startswith("sum drifts") for warning in trace.warnings)
    plan = PROCEDURES["time-trace"].from_table(shape, "trace").expected(bench)
    assert trace.quantities["x_mean"].value == pytest.approx(0.96 * plan["x_mean"].value, rel=0.03)  # gain of the twin
    assert trace.quantities["field_mean"].value == pytest.approx(20e-3, abs=0.05e-3)  # tolerance of the magnet
    for quantity in ("x_mean", "x_drift", "sum_drift", "field_mean"):
        reached, expected = trace.quantities[quantity].std, plan[quantity].std
        assert reached and expected and 0.6 < reached / expected < 1.6


@pytest.mark.parametrize("procedure", ["noise", "time-trace"])
def test_readings_that_would_remember_the_one_before_are_refused(bench: Bench, procedure: str) -> None:
    close = PROCEDURES[procedure].from_table({"time_constant": "1 s", "spacing": "5 s"}, procedure)
    with pytest.raises(InputError, match=r"Spacing of readings must be at least 13\.1 s.*received 5 s"):
        close.check(bench)
    with pytest.raises(InputError, match="'target_error' is unknown"):
        PROCEDURES[procedure].from_table({"target_error": "1 nrad"}, procedure)
