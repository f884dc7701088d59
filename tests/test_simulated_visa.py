"""Unmodified pymeasure drivers on the simulated VISA bus, against a small stand-in for the twin."""

from __future__ import annotations

import cmath
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
import pyvisa
from numpy.testing import assert_allclose
from pymeasure.instruments.keithley import Keithley6221
from pymeasure.instruments.newport import ESP300
from pymeasure.instruments.srs import SR830
from pyvisa.constants import StatusCode

from analysis.errors import InputError
from instruments.clock import VirtualClock
from instruments.simulation.esp300 import SimulatedESP300
from instruments.simulation.keithley6221 import SimulatedKeithley6221
from instruments.simulation.lock_in_filter import LockInFilter, noise_root, transition
from instruments.simulation.scpi import ScpiDevice, command
from instruments.simulation.sr830 import SimulatedSR830
from instruments.simulation.visa_backend import close_resource_manager, open_resource_manager, open_sessions

BENCH = "visa-test"
LIBRARY = f"{BENCH}@asot"
LOCK_IN, SOURCE, STAGE = "GPIB0::8::INSTR", "GPIB0::12::INSTR", "GPIB0::1::INSTR"
NOISE_BANDWIDTH = {1: 1 / 4, 2: 1 / 8, 3: 3 / 32, 4: 5 / 64}  # over the time constant
SETTLING_TIME = {1: 4.6, 2: 6.6, 3: 8.4, 4: 10.0}  # to 1 %, in time constants


@dataclass
class Drive:
    amplitude: float = 0.0
    frequency: float = 0.0
    running: bool = False
    marker: bool = False


@dataclass
class Carriage:
    start: float = 0.0
    target: float = 0.0
    departure: float = 0.0
    arrival: float = 0.0

    def position(self, time: float) -> float:
        return float(np.interp(time, [self.departure, self.arrival + 1e-12], [self.start, self.target]))

    def move_to(self, target: float, velocity: float, time: float) -> None:
        self.start, self.departure = self.position(time), time
        self.target, self.arrival = target, time + abs(target - self.start) / velocity

    def stop(self, time: float) -> None:
        self.start = self.target = self.position(time)
        self.departure = self.arrival = time

    def moving(self, time: float) -> bool:
        return time < self.arrival


@dataclass
class StandIn:
    clock: VirtualClock = field(default_factory=VirtualClock)
    seed: int = 7
    sample_drive: Drive = field(default_factory=Drive)
    coil_drive: Drive = field(default_factory=Drive)
    axes: dict[str, Carriage] = field(default_factory=lambda: {"stage_x": Carriage(), "stage_y": Carriage()})
    signals: dict[int, complex] = field(default_factory=dict)  # by harmonic
    noise_density: float = 0.0
    reference: float | None = None

    def lock_in_signal(self, harmonic: int, frequency: float) -> complex:
        return self.signals.get(harmonic, 0j)

    def lock_in_noise_density(self) -> float:
        return self.noise_density

    def external_reference(self) -> float | None:
        return self.reference


class Bench:
    def __init__(self, twin: StandIn) -> None:
        self.twin, self.clock = twin, twin.clock
        self.sr830 = SimulatedSR830(twin, resolution=0)
        self.keithley = SimulatedKeithley6221(twin)
        self.esp300 = SimulatedESP300(twin, {1: "stage_x", 2: "stage_y"})
        self.devices = {LOCK_IN: self.sr830, SOURCE: self.keithley, STAGE: self.esp300}
        self.manager = open_resource_manager(BENCH, self.devices, self.clock)

    def lock_in(self) -> SR830:
        return SR830(LOCK_IN, visa_library=LIBRARY)


@pytest.fixture
def bench() -> Iterator[Bench]:
    opened = Bench(StandIn())
    yield opened
    close_resource_manager(BENCH)
    assert open_sessions(BENCH) == []
    assert [device.refused for device in opened.devices.values()] == [[], [], []]


@pytest.fixture
def lock_in(bench: Bench) -> SR830:
    return bench.lock_in()


@pytest.fixture
def source(bench: Bench) -> Keithley6221:
    return Keithley6221(SOURCE, visa_library=LIBRARY)


@pytest.fixture
def stage(bench: Bench) -> ESP300:
    with pytest.warns(FutureWarning, match="SCPI"):
        return ESP300(STAGE, visa_library=LIBRARY)


# --------------------------------------------------------------- the bus


def test_sessions_are_listed_while_they_are_open(bench: Bench) -> None:
    first, second = bench.lock_in(), bench.lock_in()
    assert bench.manager.list_resources() == tuple(bench.devices)
    assert open_sessions(BENCH) == [LOCK_IN, LOCK_IN]
    first.adapter.close()
    assert open_sessions(BENCH) == [LOCK_IN]
    assert second.id.startswith("Stanford_Research_Systems,SR830")


def test_closing_a_bench_ends_its_sessions_and_frees_its_name(bench: Bench) -> None:
    stale = bench.lock_in()
    with pytest.raises(InputError, match="open bench"):
        open_resource_manager(BENCH, {}, bench.clock)
    close_resource_manager(BENCH)
    with pytest.raises(pyvisa.errors.InvalidSession):
        stale.ask("*IDN?")
    with pytest.raises(InputError, match="open_resource_manager"):
        pyvisa.ResourceManager(LIBRARY)
    assert open_resource_manager(BENCH, {}, bench.clock).list_resources() == ()


@pytest.mark.parametrize("name", ["", "unset", "a@b"])
def test_a_bench_name_that_pyvisa_or_pymeasure_would_misread_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="Bench name"):
        open_resource_manager(name, {}, VirtualClock())


def test_an_unknown_address_is_not_found(bench: Bench) -> None:
    with pytest.raises(pyvisa.VisaIOError) as caught:
        bench.manager.open_resource("GPIB0::30::INSTR")
    assert caught.value.error_code == StatusCode.error_resource_not_found


class Chatterbox(ScpiDevice):
    """Says more than one chunk of PyVISA holds."""

    @command(r"SAY\?")
    def _say(self) -> str:
        return "x" * 50_000


def test_a_long_reply_arrives_whole_and_only_where_a_serial_line_keeps_it_twice() -> None:
    names = ("GPIB0::5::INSTR", "ASRL5::INSTR")
    try:
        manager = open_resource_manager(BENCH, {name: Chatterbox() for name in names}, VirtualClock())
        for name, replies in zip(names, (1, 2), strict=True):
            resource = manager.open_resource(name, read_termination="\n")
            assert isinstance(resource, pyvisa.resources.MessageBasedResource)
            resource.write("SAY?")
            resource.write("SAY?")
            assert [len(resource.read()) for _ in range(replies)] == replies * [50_000]
            with pytest.raises(pyvisa.VisaIOError):
                resource.read()
    finally:
        close_resource_manager(BENCH)


def test_an_unknown_command_is_recorded_and_times_out_at_once(bench: Bench, lock_in: SR830) -> None:
    begin = time.monotonic()
    with pytest.raises(pyvisa.VisaIOError) as caught:
        lock_in.ask("WHAT?")
    assert time.monotonic() - begin < 1
    assert caught.value.error_code == StatusCode.error_timeout
    assert lock_in.ask("*ESR?").strip() == "32"
    assert bench.sr830.refused == ["WHAT?"]
    bench.sr830.refused.clear()


def test_each_write_and_each_read_takes_its_latency_from_the_owner_of_the_clock(bench: Bench) -> None:
    lock_in = bench.lock_in()
    before = bench.clock.now()
    lock_in.xy  # noqa: B018
    lock_in.sine_voltage = 1
    assert bench.clock.now() - before == pytest.approx(3e-3)


# --------------------------------------------------------------- lock-in


def test_lock_in_settings_come_back(lock_in: SR830) -> None:
    for name, value in {
        "sensitivity": 5e-6,
        "time_constant": 0.3,
        "filter_slope": 24,
        "harmonic": 2,
        "phase": -33.25,
        "frequency": 20150,
        "sine_voltage": 2.828,
        "input_config": "A - B",
        "input_coupling": "DC",
        "input_grounding": "Ground",
        "input_notch_config": "Both",
        "reserve": "Normal",
        "filter_synchronous": True,
        "reference_source_trigger": "POS EDGE",
        "reference_source": "External",
    }.items():
        setattr(lock_in, name, value)
        assert getattr(lock_in, name) == value, name


def test_values_out_of_range_change_nothing_and_set_the_execution_error(bench: Bench, lock_in: SR830) -> None:
    wrong = ["SLVL 5.5", "SLVL 0.001", "FREQ 2e5", "SENS 27", "PHAS 800", "HARM 0", "OFLT 14", "SNAP? 1,7"]
    for text in wrong:
        lock_in.write(text)
        assert lock_in.ask("*ESR?").strip() == "16", text
    assert (lock_in.sine_voltage, lock_in.frequency, lock_in.sensitivity) == (1, 1000, 1)
    assert (lock_in.phase, lock_in.harmonic, lock_in.time_constant) == (0, 1, 0.1)
    assert bench.sr830.refused == wrong
    bench.sr830.refused.clear()


def test_set_values_are_rounded_as_the_instrument_rounds_them(lock_in: SR830) -> None:
    for text, name, value in [
        ("SLVL 1.2345", "sine_voltage", 1.234),
        ("FREQ 20150.4", "frequency", 20150),
        ("PHAS 541", "phase", -179),
        ("HARM 9", "harmonic", 5),  # the largest below 102 kHz
    ]:
        lock_in.write(text)
        assert getattr(lock_in, name) == pytest.approx(value, abs=1e-9)


def test_sine_output_drives_the_coil_from_the_start(bench: Bench, lock_in: SR830) -> None:
    assert bench.twin.coil_drive.running
    assert bench.twin.coil_drive.amplitude == pytest.approx(math.sqrt(2))
    lock_in.sine_voltage, lock_in.frequency = 0.25, 20150
    assert bench.twin.coil_drive.amplitude == pytest.approx(0.25 * math.sqrt(2))
    assert bench.twin.coil_drive.frequency == 20150


def test_x_and_y_follow_amplitude_and_phase(bench: Bench, lock_in: SR830) -> None:
    bench.twin.signals = {1: cmath.rect(3e-3, math.radians(50)), 2: 1e-3j}
    lock_in.phase = 20
    bench.clock.wait(5)
    assert lock_in.xy == pytest.approx([3e-3 * math.cos(math.pi / 6), 1.5e-3], rel=1e-6)
    assert (lock_in.x, lock_in.y, lock_in.magnitude) == pytest.approx([*lock_in.xy, 3e-3], rel=1e-6)
    assert lock_in.theta == pytest.approx(30, rel=1e-6)
    lock_in.auto_phase()
    bench.clock.wait(5)
    assert lock_in.phase == 50
    assert lock_in.xy == pytest.approx([3e-3, 0], abs=1e-9)
    lock_in.harmonic, lock_in.phase = 2, 0
    bench.clock.wait(5)
    assert lock_in.snap("Y", "Frequency") == pytest.approx([1e-3, 1000], rel=1e-6)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_a_step_settles_to_one_percent_when_the_theory_says(stages: int, bench: Bench, lock_in: SR830) -> None:
    lock_in.time_constant, lock_in.filter_slope = 10, 6 * stages
    bench.twin.signals = {1: 1e-3}
    bench.clock.wait(SETTLING_TIME[stages] * 10)
    assert 1 - lock_in.x / 1e-3 == pytest.approx(0.01, rel=0.05)


def test_the_output_does_not_jump_when_the_filter_changes(bench: Bench, lock_in: SR830) -> None:
    bench.twin.signals = {1: 1e-3}
    lock_in.time_constant, lock_in.filter_slope = 30, 12
    bench.clock.wait(30)
    before = lock_in.x
    for slope in (24, 6, 18):
        lock_in.filter_slope = slope
        assert lock_in.x == pytest.approx(before, rel=1e-3)


def test_overload_is_latched_until_read_and_the_output_is_clipped(bench: Bench, lock_in: SR830) -> None:
    lock_in.sensitivity = 1e-3
    bench.twin.signals = {1: 2e-3 - 0.5e-3j}
    bench.clock.wait(5)
    assert lock_in.xy == pytest.approx([1.09e-3, -0.5e-3], rel=1e-4)
    bench.twin.signals = {1: 0.5e-3}
    bench.clock.wait(5)
    assert lock_in.is_out_of_range()  # asks for that bit alone, which clears it
    assert not lock_in.is_out_of_range()
    assert lock_in.lia_status == 0
    assert lock_in.x == pytest.approx(0.5e-3)


def test_status_bits_name_the_overload(bench: Bench, lock_in: SR830) -> None:
    lock_in.sensitivity = 1e-3
    for signal, status in [(1.08e-3, 0), (1.1e-3, 4), (11e-3, 6), (1.5, 7)]:
        bench.twin.signals = {1: signal}
        bench.clock.wait(5)
        lock_in.clear()
        assert lock_in.lia_status == status
        assert lock_in.lia_status == status, "a persisting overload latches again"


def test_without_external_reference_the_lock_in_unlocks_and_sees_nothing(bench: Bench, lock_in: SR830) -> None:
    bench.twin.signals = {1: 1e-3}
    lock_in.reference_source = "External"
    bench.clock.wait(5)
    assert [lock_in.lia_status for _ in range(3)] == [8, 8, 8]
    assert lock_in.x == pytest.approx(0, abs=1e-12)
    bench.twin.reference = 20150.0
    bench.clock.wait(5)
    assert lock_in.lia_status == 8, "the change of the reference was latched"
    assert lock_in.lia_status == 0
    bench.twin.reference = 20151.0
    assert [lock_in.lia_status for _ in range(2)] == [8, 0], "another frequency has to be locked to"
    assert lock_in.frequency == 20151
    assert lock_in.x == pytest.approx(1e-3)
    lock_in.write("FREQ 100")  # belongs to the internal reference
    assert bench.sr830.refused == ["FREQ 100"]
    bench.sr830.refused.clear()


def test_outputs_come_in_steps_of_sixteen_bit() -> None:
    twin = StandIn(signals={1: 1.23456e-4})
    lock_in = SimulatedSR830(twin)
    lock_in.handle("SENS 17")  # 1 mV
    twin.clock.wait(10)
    reply = lock_in.handle("OUTP? 1")
    assert reply is not None
    steps = float(reply) / (1e-3 / 2**15)
    assert steps == pytest.approx(round(steps), abs=1e-4)
    assert float(reply) == pytest.approx(1.23456e-4, abs=0.51e-3 / 2**15)


# --------------------------------------------------------------- noise


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("ratio", [1e-6, 1e-3, 0.1, 2.0, 50.0])
def test_noise_that_a_step_adds_replaces_what_it_lets_decay(stages: int, ratio: float) -> None:
    stationary, added = (root @ root.T for root in (noise_root(np.inf, stages), noise_root(ratio, stages)))
    step = transition(ratio, stages)
    assert_allclose(step @ stationary @ step.T + added, stationary, rtol=1e-12)
    assert stationary[-1, -1] / 2 == pytest.approx(NOISE_BANDWIDTH[stages], rel=1e-12)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_variance_of_the_filtered_noise_is_density_squared_times_bandwidth(stages: int) -> None:
    density, time_constant, trials = 3e-9, 0.1, 2000
    generator = np.random.default_rng(stages)
    readings = np.empty(trials, dtype=complex)
    for trial in range(trials):
        noise = LockInFilter(time_constant, stages, generator, 0.0)  # at rest: the steps make all of it
        for duration in (2.0, 0.013):
            noise.advance(duration, 0j, density)
        readings[trial] = noise.output
    expected = density**2 * NOISE_BANDWIDTH[stages] / time_constant
    spread = expected * math.sqrt(2 / trials)
    for quadrature in (readings.real, readings.imag):
        assert np.mean(quadrature**2) == pytest.approx(expected, abs=5 * spread)
        assert abs(np.mean(quadrature)) < 5 * math.sqrt(expected / trials)
    assert abs(np.mean(readings.real * readings.imag)) < 5 * expected / math.sqrt(trials)


def test_successive_readings_are_correlated_as_the_cascade_demands() -> None:
    lag, trials = 1.5, 4000  # lag in time constants
    generator = np.random.default_rng(5)
    noise = LockInFilter(1.0, 4, generator, 1.0)
    pairs = np.empty((trials, 2), dtype=complex)
    for trial in range(trials):
        noise.restart_noise(generator, 1.0)
        first = noise.output
        for duration in (0.2, 0.9, 0.4):
            noise.advance(duration, 0j, 1.0)
        pairs[trial] = first, noise.output
    variance = NOISE_BANDWIDTH[4]
    expected = variance * math.exp(-lag) * (1 + lag + 0.4 * lag**2 + lag**3 / 15)
    spread = math.hypot(variance, expected) / math.sqrt(2 * trials)
    assert np.mean(pairs[:, 0].conj() * pairs[:, 1]).real / 2 == pytest.approx(expected, abs=5 * spread)


def test_noise_on_the_wire_has_the_bandwidth_of_the_filter_in_independent_epochs(bench: Bench, lock_in: SR830) -> None:
    lock_in.sensitivity, lock_in.time_constant, lock_in.filter_slope = 1e-6, 0.1, 12
    bench.twin.noise_density, epochs = 10e-9, 400
    readings = np.empty((epochs, 2))
    for point in range(epochs):
        bench.clock.mark(1, point, 0)
        readings[point] = lock_in.xy
    expected = (10e-9) ** 2 / (8 * 0.1)
    assert np.mean(readings**2) == pytest.approx(expected, abs=5 * expected * math.sqrt(1 / epochs))
    neighbours = np.mean(readings[1:] * readings[:-1])
    assert abs(neighbours) < 5 * expected / math.sqrt(2 * epochs)


def _measure(bench: Bench, points: int) -> list[list[float]]:
    lock_in = bench.lock_in()
    lock_in.sensitivity = 1e-6
    bench.twin.noise_density, bench.twin.signals = 10e-9, {1: 1e-7}
    readings = []
    for point in range(points):
        bench.clock.mark(3, point, 0)
        bench.clock.wait(0.5)
        readings.append(lock_in.xy)
    return readings


def test_an_epoch_gives_the_same_noise_again_and_another_epoch_or_seed_another() -> None:
    measured = []
    for seed, history in [(7, 0.0), (7, 1e7 / 7), (8, 0.0)]:
        bench = Bench(StandIn(seed=seed, signals={1: 1e-7}))
        try:
            bench.clock.wait(100 + history)
            measured.append(_measure(bench, 3))
        finally:
            close_resource_manager(BENCH)
    first, again, other = (np.array(readings) for readings in measured)
    assert np.array_equal(first, again)
    assert np.unique(np.concatenate([first, other])).size == 12


def test_polls_from_another_thread_move_no_clock_and_change_no_number() -> None:
    outcomes = []
    for polled in (False, True):
        bench = Bench(StandIn())
        stop = threading.Event()
        polls = threading.Semaphore(0)
        monitor = threading.Thread(target=_poll, args=(bench, stop, polls))
        if polled:
            monitor.start()
            # Every mark waits for polls, so that some fall between any two points.
            bench.clock.subscribe_mark(partial(_await_polls, polls))
        try:
            outcomes.append((_measure(bench, 20), bench.clock.now()))
        finally:
            stop.set()
            if polled:
                monitor.join()
            close_resource_manager(BENCH)
    assert outcomes[0] == outcomes[1]


def _poll(bench: Bench, stop: threading.Event, polls: threading.Semaphore) -> None:
    lock_in = bench.lock_in()
    while not stop.is_set():
        lock_in.snap("X", "Y", "Frequency")
        polls.release()
        bench.clock.wait(1e-4)


def _await_polls(polls: threading.Semaphore) -> None:
    for _ in range(3):
        assert polls.acquire(timeout=5)


# --------------------------------------------------------------- current source


def test_source_settings_come_back(source: Keithley6221) -> None:
    for name, value in {
        "waveform_function": "square",
        "waveform_frequency": 20150,
        "waveform_amplitude": 0.04,
        "waveform_offset": -1e-3,
        "waveform_dutycycle": 40,
        "waveform_ranging": "fixed",
        "waveform_duration_time": 2.5,
        "waveform_duration_cycles": 100,
        "waveform_use_phasemarker": True,
        "waveform_phasemarker_phase": 90,
        "waveform_phasemarker_line": 4,
        "source_compliance": 20,
        "source_current": 1e-3,
        "source_range": 0.01,
        "source_auto_range": False,
        "source_enabled": True,
    }.items():
        setattr(source, name, value)
        assert getattr(source, name) == value, name
    assert source.id.startswith("KEITHLEY")
    assert source.waveform_duration_time == pytest.approx(100 / 20150)
    source.waveform_duration_set_infinity()
    assert source.waveform_duration_time > 1e37
    source.reset()
    assert (source.waveform_function, source.source_enabled) == ("sine", False)
    assert source.check_errors() == []


def test_a_wave_drives_the_sample_from_start_to_abort(bench: Bench, source: Keithley6221) -> None:
    drive = bench.twin.sample_drive
    source.waveform_use_phasemarker = True
    source.waveform_frequency, source.waveform_amplitude = 20150, 1e-3
    source.waveform_arm()
    assert (drive.running, drive.marker) == (False, True)
    source.waveform_start()
    assert (drive.running, drive.amplitude, drive.frequency) == (True, 1e-3, 20150)
    assert source.source_enabled
    source.waveform_amplitude, source.waveform_frequency = 0.04, 100
    assert (drive.running, drive.amplitude, drive.frequency) == (True, 0.04, 100)
    source.waveform_abort()
    assert not drive.running
    assert not source.source_enabled
    source.waveform_use_phasemarker = False
    assert not drive.marker


def test_output_off_ends_the_wave_and_a_finite_wave_ends_itself(bench: Bench, source: Keithley6221) -> None:
    for finish in (source.shutdown, lambda: bench.clock.wait(2)):
        source.waveform_duration_time = 1
        source.waveform_arm()
        source.waveform_start()
        bench.clock.wait(0.5)
        assert bench.twin.sample_drive.running
        finish()
        assert not bench.twin.sample_drive.running


def test_source_errors_queue_up_with_their_numbers(bench: Bench, source: Keithley6221) -> None:
    wrong = {
        ":SOUR:WAVE:AMPL 0.2": -222,
        "SOUR:WAVE:PMAR -10": -222,
        "SOUR:WAVE:AMPL many": -104,
        "SOUR:WAVE:AMPL": -109,
        "SOUR:WAVE:FUNC TRIANGLE": -224,
        "SOUR:WAVEF:AMPL 1e-3": -113,
        "SOUR:WAVE:INIT": -221,
    }
    for text in wrong:
        source.write(text)
    assert [int(source.next_error[0]) for _ in wrong] == list(wrong.values())
    source.waveform_arm()
    source.waveform_function = "square"
    assert source.next_error == [413, '"Not allowed with mode armed"']
    assert source.next_error[0] == 0
    assert source.waveform_amplitude == 1e-3
    assert len(bench.keithley.refused) == len(wrong) + 1
    bench.keithley.refused.clear()


def test_scpi_headers_are_long_or_short_and_start_from_the_last_node(source: Keithley6221) -> None:
    source.write("source:wave:frequency 5;amplitude 2e-3;:CURR:COMP 7;*CLS;LEV 1e-4")
    reply = source.ask("SOURCE:WAVE:FREQ?;AMPL?;:SOUR:CURR?").strip()
    assert reply == "+5.000000E+00;+2.000000E-03;+1.000000E-04"
    assert source.source_compliance == 7


# --------------------------------------------------------------- motion


def test_an_axis_moves_with_its_velocity_and_waits_for_its_stop(bench: Bench, stage: ESP300) -> None:
    stage.enable = lambda: [axis.enable() for axis in (stage.x, stage.y)]
    stage.enable()
    assert stage.x.enabled
    assert stage.x.motion_done
    stage.y.write("VA2")
    stage.y.position = 3
    bench.clock.wait(0.5)
    assert not stage.y.motion_done
    assert stage.y.position == pytest.approx(1, abs=0.01)
    assert stage.x.position == 0
    begin, wall = bench.clock.now(), time.monotonic()
    stage.y.wait_for_stop(delay=0.2)
    assert bench.clock.now() - begin == pytest.approx(1.2, abs=0.03)
    assert time.monotonic() - wall < 1
    assert stage.y.position == 3
    stage.y.define_position(1)
    stage.y.position = 0.5
    stage.y.wait_for_stop()
    assert bench.twin.axes["stage_y"].position(bench.clock.now()) == pytest.approx(2.5)
    stage.y.home()
    stage.y.wait_for_stop()
    assert bench.twin.axes["stage_y"].position(bench.clock.now()) == stage.y.position == 0
    assert stage.errors == []
    assert stage.ask("VE?").startswith("ESP300")


def test_an_axis_that_is_switched_off_or_stopped_stands_still(bench: Bench, stage: ESP300) -> None:
    for halt in (stage.x.disable, lambda: stage.x.write("ST"), lambda: stage.write("ST")):
        stage.x.enable()
        stage.x.position = 100
        bench.clock.wait(0.1)
        halt()
        position = stage.x.position
        assert stage.x.motion_done
        bench.clock.wait(1)
        assert stage.x.position == position
        stage.x.home()
        stage.x.wait_for_stop() if stage.x.enabled else stage.clear_errors()
    assert bench.esp300.refused == ["1OR1"]  # the motor was off
    bench.esp300.refused.clear()


def test_motion_errors_carry_the_number_of_the_axis(bench: Bench, stage: ESP300) -> None:
    stage.y.left_limit, stage.y.right_limit = -2, 4
    assert (stage.y.left_limit, stage.y.right_limit) == (-2, 4)
    stage.y.position = 1  # motor off
    stage.y.enable()
    stage.y.position = 5
    stage.y.position = -3
    stage.y.write("VA1000")
    stage.phi.enable()  # there is no third axis
    stage.write("PA1")
    stage.y.write("PA")
    stage.write("XYZ")
    assert [stage.error for _ in range(9)] == [213, 206, 207, 224, 9, 37, 38, 6, 0]
    assert stage.y.position == 0
    assert len(bench.esp300.refused) == 8
    bench.esp300.refused.clear()
    assert stage.y.units == "millimeter"
    stage.y.units = "degree"
    assert stage.y.units == "degree"
