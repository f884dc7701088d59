"""Limits of bench and sample: held before anything is sent, at every step of a ramp, and while a run lasts."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from acquisition import State, run
from analysis.sample import Sample
from instruments import Bench
from instruments.bench import read_bench
from instruments.errors import DeviceError, LimitError
from procedures import FieldSweep


def sample(**settings: object) -> Sample:
    keys = {f"sample.{key.replace('__', '.')}": value for key, value in settings.items()}
    return read_bench("simulated", "py32-fused-silica", keys).sample


def short_sweep(current: float = 40.0) -> FieldSweep:
    sweep = FieldSweep()
    sweep.current, sweep.steps, sweep.polarizations, sweep.time_constant = current, 3, [45.0], 0.03
    return sweep


def test_forty_milliampere_in_the_square_dissipate_six_milliwatt() -> None:
    assert_allclose(sample().dissipation(0.04), 6e-3, rtol=0.06)
    assert_allclose(sample(geometry__length="100 um").resistance, 2 * sample().resistance)
    assert sample(geometry__resistance="9 ohm").dissipation(0.04) == pytest.approx(9 * 0.04**2 / 2)


def test_largest_current_is_what_both_density_and_dissipation_allow() -> None:
    assert_allclose(sample(limits__dissipation="1 W").largest_current, 6e10 * 50e-6 * 32e-9)
    assert_allclose(sample(limits__dissipation="1.6 mW", geometry__resistance="8 ohm").largest_current, 0.02)


def test_dissipation_beyond_its_limit_is_refused_before_the_run_and_by_the_source(
    open_simulated: Callable[..., Bench],
) -> None:
    bench = open_simulated(sample__limits__dissipation="5 mW")
    with pytest.raises(LimitError, match=r"Dissipation in py32-fused-silica must be at most 5 mW; .* makes 5\.68 mW"):
        short_sweep().check(bench)
    with pytest.raises(LimitError, match=r"0 to 0\.0375"):
        bench.sample_source.set_amplitude(0.04)
    assert bench.wire is not None and not bench.wire.twin.sample_drive.running
    short_sweep(37).check(bench)


def test_coil_current_beyond_its_limit_is_refused_before_anything_is_sent(bench: Bench) -> None:
    sweep = short_sweep(460)
    sweep.path = "coil"
    with pytest.raises(LimitError, match=r"calibration_source: amplitude must be at most 0\.45 A"):
        sweep.check(bench)
    before = bench.calibration_source.settings()["sine_voltage_rms"]
    with pytest.raises(LimitError, match=r"calibration_source: amplitude must lie in 0 to 0\.45 A"):
        bench.calibration_source.set_amplitude(0.46)
    assert bench.calibration_source.settings()["sine_voltage_rms"] == before


def test_current_is_ramped_within_its_rate_and_each_step_held_against_the_limit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.wire is not None
    drive, source = bench.wire.twin.sample_drive, bench.sample_source
    levels: list[float] = []
    wait = bench.clock.wait

    def looked_at(seconds: float) -> None:
        levels.append(drive.amplitude if drive.running else 0.0)
        if len(levels) == 3:
            source.largest_current = 0.035  # somebody has second thoughts
        wait(seconds)

    monkeypatch.setattr(bench.clock, "wait", looked_at)
    with pytest.raises(LimitError, match=r"0 to 0\.035 A"):
        source.set_amplitude(0.04)
    assert_allclose(levels, [0.01, 0.02, 0.03])  # 0.1 A/s in steps of 0.1 s
    source.largest_current = 0.02
    source.set_amplitude(0.0)
    assert not drive.running and max(levels) < 0.0301


def test_field_is_ramped_within_its_rate(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.wire is not None
    twin = bench.wire.twin
    sent: list[tuple[float, float]] = []
    original = twin.analog_output
    monkeypatch.setattr(
        twin, "analog_output", lambda name, volts: (sent.append((bench.clock.now(), volts)), original(name, volts))
    )
    bench.magnet.set_field(0.15)
    bench.make_safe()
    volts = np.array([0.0, *(level for _, level in sent)])
    assert len(volts) > 14 and np.abs(np.diff(volts)).max() * 0.02 <= 0.2 * 0.1 * 1.001
    ramp = [time for time, level in sent if level > 0]
    assert np.diff(ramp[:7]).min() >= 0.1


def test_supply_stronger_than_its_file_says_is_stopped_on_the_way_up(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(twin__magnet_gain="60 mT/V")
    assert bench.wire is not None
    with pytest.raises(DeviceError, match=r"magnet: the Hall probe reads 0\.2\d+ T on the way, above 0\.2 T"):
        bench.magnet.set_field(0.19)
    assert abs(bench.wire.twin.field(bench.clock.now())) < 0.3  # 0.57 T otherwise
    assert bench.magnet.make_safe().safe


def test_stage_moves_neither_axis_where_one_would_leave_its_travel(bench: Bench) -> None:
    for x, y in ((1e-4, 6e-3), (-6e-3, 1e-4), (1e-4, math.nan)):
        with pytest.raises(LimitError, match="stage"):
            bench.stage.move_to(x, y)
    assert bench.stage.position() == (0.0, 0.0)


def test_laser_that_brightens_in_a_run_ends_it_safely(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    bench = open_simulated(twin__laser_power="3.9 mW", twin__laser_drift=0.2, twin__laser_drift_period="680 s")
    result = run(short_sweep(), bench, tmp_path, name="field-sweep")
    assert result.state is State.FAILED and result.unsafe == []
    assert 1 <= result.points < 6 and "Laser power must be at most 4 mW; the sum signal says 4." in result.reason


def test_light_too_strong_is_refused_before_anything_else_is_driven(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(twin__laser_power="4.5 mW")
    result = run(short_sweep(), bench, tmp_path, name="field-sweep")
    assert result.state is State.FAILED and result.points == 0 and "Laser power" in result.reason
    assert bench.polarization_plate.angle() == 0.0
