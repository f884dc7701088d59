"""The bench round an NI card: sources with a shunt, software lock-in, and a field sweep on it."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from acquisition import run
from acquisition.description import describe_run
from analysis import load_run
from instruments import Bench, open_bench
from instruments.analog_source import AnalogSineSource
from instruments.errors import DeviceError, LimitError
from instruments.lock_in import INPUT_OVERLOAD, UNLOCKED
from instruments.roles import CurrentPath
from instruments.simulation.daq_card import CardError
from instruments.simulation.twin import Twin
from instruments.software_lock_in import SoftwareLockIn
from procedures import FieldSweep

QUIET = {"twin.shot_noise": 0, "twin.input_noise": 0, "twin.laser_drift": 0, "twin.sum_noise": 0}
FREQUENCY = 20150.0


@pytest.fixture
def opened() -> Iterator[Any]:
    benches: list[Bench] = []

    def make(**settings: object) -> Bench:
        bench = open_bench("simulated-daq", settings=settings)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()
        assert bench.wire is not None
        assert bench.wire.daq_server.refused == [] and bench.wire.daq_server.open_tasks() == []
        assert not [text for device in bench.wire.devices.values() for text in device.refused]


def twin(bench: Bench) -> Twin:
    assert bench.wire is not None
    return bench.wire.twin


def start(bench: Bench, path: CurrentPath = "sample", amplitude: float = 0.04, **filter_settings: float) -> None:
    source = bench.source(path)
    bench.relay.select(path)
    bench.analyser_plate.move_to(math.radians(22.5))
    bench.lock_in.configure(time_constant=filter_settings.get("time_constant", 0.01), slope=24)
    bench.lock_in.set_reference(source.reference, FREQUENCY, source.phase)
    source.set_frequency(FREQUENCY)
    source.set_amplitude(amplitude)


@pytest.mark.parametrize(("path", "amplitude"), [("sample", 0.04), ("sample", 0.12), ("coil", 0.4)])
def test_sources_reach_the_current_and_read_it_back_on_the_shunt(
    opened: Any, path: CurrentPath, amplitude: float
) -> None:
    bench = opened(**{"sample.limits.current_density": "1e11 A/m^2", "sample.limits.dissipation": "60 mW"})
    start(bench, path, amplitude)
    current = twin(bench).sample_current() if path == "sample" else twin(bench).coil_current()
    assert current is not None
    assert_allclose([current.amplitude, current.frequency], [amplitude, FREQUENCY], rtol=1e-9)
    source = bench.source(path)
    assert isinstance(source, AnalogSineSource)
    assert_allclose(source.measure(), amplitude * cmath.exp(1j * source.phase), rtol=1e-4)
    source.set_amplitude(0.0)
    assert source.amplitude() == 0.0
    assert twin(bench).sample_current() is None and twin(bench).coil_current() is None


def test_amplitude_changes_without_a_jump_of_the_phase(opened: Any) -> None:
    bench = opened()
    start(bench, amplitude=0.01)
    before = twin(bench).waveforms["sample_amplifier"].start
    bench.sample_source.set_amplitude(0.04)
    turns = (twin(bench).waveforms["sample_amplifier"].start - before) * FREQUENCY
    assert_allclose(turns, round(turns), atol=1e-6)


def test_open_relay_is_noticed_because_no_current_flows(opened: Any) -> None:
    bench = opened()
    bench.sample_source.set_frequency(FREQUENCY)
    with pytest.raises(DeviceError, match=r"sample_source: amplitude was set to 0\.04 A peak but reads back"):
        bench.sample_source.set_amplitude(0.04)
    assert all(report.safe for report in bench.make_safe())
    assert not twin(bench).waveforms["sample_amplifier"].running


def test_swapped_leads_are_noticed_by_the_phase_on_the_shunt(opened: Any) -> None:
    bench = opened(**{"twin.sample_phase": 0.21 + math.pi})
    with pytest.raises(DeviceError, match="sample_source: phase of the current is"):
        start(bench)


def test_amplifier_of_another_gain_is_noticed(opened: Any) -> None:
    bench = opened(**{"twin.amplifier_gain": "0.12 A/V"})
    with pytest.raises(
        DeviceError, match=r"calibration_source: amplitude was set to 0\.4 A peak but reads back 0\.(48|479)"
    ):
        start(bench, "coil", 0.4)


def test_voltage_that_a_dead_program_left_on_an_output_is_taken_off_when_the_source_is_opened(opened: Any) -> None:
    bench = opened()
    start(bench)
    driver = bench.wire.daq_server.driver
    driver.stop(next(name for name, task in driver.tasks.items() if task.period is not None))
    source = bench.sample_source
    held: list[tuple[str, float]] = []
    bench.wire.twin.analog_output = lambda name, volts: held.append((name, volts))
    source._zero()
    assert held == [("sample_amplifier", 0.0)]


def test_limits_hold_before_anything_is_put_out(opened: Any) -> None:
    bench = opened()
    for amplitude in (0.2, -0.01, math.nan):
        with pytest.raises(LimitError, match="setting it to"):
            bench.sample_source.set_amplitude(amplitude)
    for frequency in (0.0, 200e3, math.pi):
        with pytest.raises(LimitError, match="setting it to"):
            bench.sample_source.set_frequency(frequency)
    assert not any(drive.running for drive in twin(bench).waveforms.values())
    start(bench)
    with pytest.raises(LimitError, match="current must be zero while the frequency changes"):
        bench.sample_source.set_frequency(1000.0)
    with pytest.raises(LimitError, match=r"largest_current must be at most 0\.2 A"):
        open_bench("simulated-daq", settings={"bench.sample_source.largest_current": "1 A"})


def test_card_that_is_gone_while_current_flows_is_named(opened: Any) -> None:
    bench = opened()
    start(bench)
    driver = bench.wire.daq_server.driver
    driver.fault = lambda task, operation: CardError(-201003) if operation == "write" else None
    with pytest.raises(DeviceError, match=r"sample_source.*-201003.*plugged in"):
        bench.sample_source.set_amplitude(0.02)
    reports = bench.make_safe()
    driver.fault = None
    failed = {report.role for report in reports if not report.safe}
    assert "sample_source" in failed and "magnet" not in failed
    assert all(report.safe for report in bench.make_safe())


@pytest.mark.parametrize("path", ["sample", "coil"])
def test_software_lock_in_reads_what_a_lock_in_would_read(opened: Any, path: CurrentPath) -> None:
    bench = opened(**QUIET)
    start(bench, path, 0.04 if path == "sample" else 0.4, time_constant=0.1)
    bench.lock_in.set_sensitivity(1e-6)
    reading = bench.lock_in.read()
    turn = cmath.exp(-1j * bench.source(path).phase)
    first = twin(bench).lock_in_signal(1, FREQUENCY) * turn
    second = twin(bench).lock_in_signal(2, FREQUENCY) * turn**2
    noise = 21e-6 / math.sqrt(0.64 * 500e3)  # of the converter alone
    assert_allclose([reading.x, reading.y], [first.real, first.imag], atol=4 * noise)
    assert reading.second is not None
    assert_allclose([reading.second.real, reading.second.imag], [second.real, second.imag], atol=4 * noise)
    assert reading.status == 0 and abs(first) > 10 * noise
    assert_allclose(reading.sum, bench.sum_detector.read(), rtol=1e-3)


def test_noise_of_a_reading_is_that_of_its_bandwidth(opened: Any) -> None:
    bench = opened(**{"twin.detector_bandwidth": "250 kHz"})
    start(bench, time_constant=0.003)
    bench.lock_in.set_sensitivity(1e-6)
    values = []
    for index in range(60):
        bench.clock.mark(0, index, 0)
        values.append(bench.lock_in.read().x)
    white = math.hypot(twin(bench).lock_in_noise_density(), 17e-6 / math.sqrt(250e3))
    expected = white * math.sqrt(bench.lock_in.noise_bandwidth(time_constant=0.003, slope=24))
    assert_allclose(np.std(values), expected, rtol=0.3)


def test_range_is_the_smallest_that_holds_the_difference_and_its_noise_covers_a_step(opened: Any) -> None:
    bench = opened()
    start(bench)
    bench.lock_in.set_sensitivity(1e-6)
    settings = bench.lock_in.settings()
    assert settings["range"][0] == 0.1 and float(settings["noise_steps"][0]) > 1
    bench.analyser_plate.move_to(math.radians(25))  # out of balance: volts on the difference
    assert bench.lock_in.read().status & INPUT_OVERLOAD
    bench.lock_in.set_sensitivity(1e-6)
    assert float(bench.lock_in.settings()["range"][0]) >= 0.5 and bench.lock_in.read().status == 0


def test_lost_reference_is_a_status_and_not_a_number(opened: Any) -> None:
    bench = opened()
    start(bench)
    bench.sample_source.set_amplitude(0.0)
    reading = bench.lock_in.read()
    assert reading.status & UNLOCKED and (reading.x, reading.y) == (0.0, 0.0)


def test_skew_of_the_channels_is_measured_on_a_common_sine(opened: Any) -> None:
    bench = opened(**{"bench.simulation.daq.Dev1.terminals.ai2": "reference"})
    start(bench)
    assert isinstance(bench.lock_in, SoftwareLockIn)
    bench.lock_in.set_sensitivity(1.0)
    assert_allclose(bench.lock_in.measure_skew(), -1e-6, atol=1e-9)


def test_settings_that_cannot_be_had_are_refused(opened: Any) -> None:
    bench = opened()
    with pytest.raises(LimitError, match="harmonic must be 1 or 2"):
        bench.lock_in.set_harmonic(3)
    with pytest.raises(LimitError, match="time constant must be at most"):
        bench.lock_in.configure(time_constant=100.0, slope=24)
    sweep = FieldSweep()
    sweep.path, sweep.current, sweep.time_constant = "coil", 400.0, 100.0
    with pytest.raises(LimitError, match="time constant must be at most"):
        sweep.check(bench)
    with pytest.raises(LimitError, match="reference frequency must lie"):
        bench.lock_in.set_reference("external", 200e3, 0.0)


def test_field_sweep_runs_on_it_and_finds_the_loop(tmp_path: Path) -> None:
    sweep = FieldSweep()
    sweep.path, sweep.current, sweep.steps, sweep.polarizations = "coil", 400.0, 3, [45.0]
    sweep.time_constant, sweep.channel = 0.003, "ellipticity"
    with open_bench("simulated-daq") as bench:
        result = run(sweep, bench, tmp_path, name="field-sweep")
        assert bench.wire is not None and bench.wire.daq_server.refused == []
    assert (str(result.state), result.reason, result.unsafe) == ("finished", "", [])
    data = load_run(result.path)
    assert data.attrs["light_side"] == "top"
    assert data.sizes["point"] == 6 and not data["lock_in_status"].any()
    assert_allclose(data["kerr_signal"], 0.6e-6, rtol=0.5)  # 0.85 mT on 32 nm of Py
    assert_allclose(data["current"], 0.4, rtol=1e-3)


def test_side_of_the_light_is_stored_with_the_run(opened: Any) -> None:
    assert describe_run(FieldSweep(), opened(**{"bench.light_side": "bottom"}))["light_side"] == "bottom"
