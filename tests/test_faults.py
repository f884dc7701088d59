"""Faults of instruments in a run: each ends in a safe bench and a message that names the device and a remedy."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from acquisition import run
from acquisition.runner import RunResult
from analysis.errors import InputError
from instruments import Bench, open_bench
from instruments.errors import DeviceError, finite
from instruments.freshness import Freshness
from instruments.simulation_file import CardFault
from procedures import FieldSweep

LOCK_IN, SOURCE, STAGE, PLATES = "GPIB0::8::INSTR", "GPIB0::12::INSTR", "GPIB0::1::INSTR", "GPIB0::2::INSTR"
SUPPLY, GAUSSMETER, MOUNTS = "GPIB0::6::INSTR", "ASRL4::INSTR", "ASRL5::INSTR"


@pytest.fixture(autouse=True)
def runs_stay_in_their_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "acquisition.runner.finish_run", lambda path: path
    )  # how run files are made is tested elsewhere


def sweep(**parameters: Any) -> FieldSweep:
    procedure = FieldSweep()
    procedure.steps, procedure.polarizations, procedure.time_constant = 3, [45.0, 135.0], 0.003
    for name, value in parameters.items():
        setattr(procedure, name, value)
    return procedure


def measure(bench: Bench, folder: Path, fault: Callable[[], object], procedure: FieldSweep | None = None) -> RunResult:
    """Run a sweep; `fault` strikes after two points."""

    def after_two_points(index: int, total: int, reading: dict[str, float]) -> None:
        if index == 1:
            fault()

    return run(procedure or sweep(), bench, folder, name="field-sweep", retries=0, on_point=after_two_points)


def assert_no_current(bench: Bench) -> None:
    assert bench.wire is not None
    assert bench.wire.twin.sample_current() is None and bench.wire.twin.coil_current() is None


def assert_safe(bench: Bench) -> None:
    assert_no_current(bench)
    assert bench.wire is not None
    assert abs(bench.wire.twin.field(bench.clock.now())) < 2e-4


class Case(NamedTuple):
    resource: str
    fault: str
    says: str
    bench: str = "simulated"
    parameters: Mapping[str, Any] = MappingProxyType({})
    unsafe: str = ""


SILENT = r"did not answer '{}' within {} s, asked twice\. Check "
CASES = [
    Case(LOCK_IN, "silent", r"lock_in \(SR830, GPIB0::8::INSTR\): did not answer 'LIAS\?' within 2\.0 s\. Check "),
    Case(SOURCE, "silent", r"sample_source \(Keithley6221, GPIB0::12::INSTR\): " + SILENT.format(r".*AMPL.*\?", "4.0")),
    Case(STAGE, "silent", r"stage, attenuator \(ESP300, GPIB0::1::INSTR\): " + SILENT.format("1TP.*", "4.0")),
    Case(LOCK_IN, "late", r"lock_in \(SR830, GPIB0::8::INSTR\): did not answer 'LIAS\?' within 2\.0 s\. Check "),
    Case(STAGE, "late", r"stage, attenuator \(ESP300, GPIB0::1::INSTR\): " + SILENT.format("1TP.*", "4.0")),
    Case(LOCK_IN, "garbage", r"lock_in \(SR830, GPIB0::8::INSTR\): failed at 'LIAS\?' \(received '\\x03.* Check "),
    Case(SOURCE, "garbage", r"sample_source \(Keithley6221, GPIB0::12::INSTR\): failed at '.*\?' \(received .* Check "),
    Case(LOCK_IN, "disconnected", r"lock_in \(SR830, GPIB0::8::INSTR\): failed at 'LIAS\?' .* lost.* Check ",
         unsafe="lock_in, calibration_source"),
    Case(SOURCE, "disconnected", r"sample_source \(Keithley6221, GPIB0::12::INSTR\): failed at '.*\?' .* Check ",
         unsafe="sample_source"),
    Case(LOCK_IN, "nan", r"lock_in \(SR830, GPIB0::8::INSTR\): failed at 'LIAS\?' \(received 'NAN.* Check "),
    Case(SOURCE, "nan", r"sample_source \(Keithley6221, GPIB0::12::INSTR\): failed at '.*\?' \(received 'NAN.* Check "),
    Case(STAGE, "nan", r"stage, attenuator \(ESP300, GPIB0::1::INSTR\): failed at '1TP.*' \(received 'NAN.* Check "),
    Case(LOCK_IN, "stuck", r"lock_in \(SR830, GPIB0::8::INSTR\): gives the same X and Y, .* for the 1\dth time\. Look",
         parameters={"steps": 9, "polarizations": [45.0]}),
    Case(PLATES, "stuck", r"polarization_plate \(ESP300 axis 1, GPIB0::2::INSTR\): axis .* (Check|Home) "),
    Case(LOCK_IN, "overload", r"lock_in \(SR830, GPIB0::8::INSTR\): input is overloaded\. Reduce"),
    Case(PLATES, "slow", r"polarization_plate \(ESP300 axis 1, GPIB0::2::INSTR\): axis still moves after 60 s\. Che"),
    Case(SUPPLY, "silent", r"magnet \(KepcoBOP3612, GPIB0::6::INSTR\): " + SILENT.format(".*", "4.0"), "simulated-daq",
         unsafe="magnet"),
    Case(SUPPLY, "nan", r"magnet \(KepcoBOP3612, GPIB0::6::INSTR\): failed at '.*\?' \(received 'NAN.* Check ",
         "simulated-daq", unsafe="magnet"),
    Case(GAUSSMETER, "nan", r"magnet \(LakeShore425, ASRL4::INSTR\): failed at 'RDGFIELD\?' \(received 'NAN.* Check ",
         "simulated-daq", unsafe="magnet"),
    Case(GAUSSMETER, "stuck", r"magnet \(KepcoBOP3612, GPIB0::6::INSTR\): the Hall probe reads .* not .* Check ",
         "simulated-daq", unsafe="magnet"),
    Case(MOUNTS, "silent", r"polarization_plate \(ELL14 0, ASRL5::INSTR\): " + SILENT.format("0gp", "1.5"),
         "simulated-daq", unsafe="polarization_plate, analyser_plate, quarter_wave, attenuator"),
    Case(MOUNTS, "slow", r"polarization_plate \(ELL14 0, ASRL5::INSTR\): has not ended the move 'ma.*' after 20 s\. Ch",
         "simulated-daq", {"polarizations": [0.0, 90.0]}, "polarization_plate"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.resource}-{case.fault}")
def test_faulty_instrument_ends_the_run_named_and_the_rest_safe(
    open_simulated: Callable[..., Bench], tmp_path: Path, case: Case
) -> None:
    bench = open_simulated(case.bench)
    assert bench.wire is not None
    line = bench.wire.lines[case.resource]
    result = measure(bench, tmp_path, lambda: setattr(line, "fault", case.fault), sweep(**case.parameters))
    assert str(result.state) == "failed" and 2 <= result.points <= 11
    assert re.search("DeviceError: " + case.says, result.reason), result.reason
    assert {step.partition(":")[0] for step in result.unsafe} <= set(case.unsafe.split(", "))
    assert_no_current(bench) if "magnet" in case.unsafe else assert_safe(bench)
    line.fault = None
    bench.clock.wait(300)  # until a slow motor has arrived
    assert all(report.safe for report in bench.make_safe())
    assert_safe(bench)


@pytest.mark.parametrize(
    ("name", "fault", "says", "leaves_unsafe"),
    [
        (
            "simulated",
            "gone",
            r"Dev1/\w+ \(.*\): cannot be .*NI error -201003, .* Check that the card is plugged",
            True,
        ),
        (
            "simulated",
            "silent",
            r"Dev1/ai0 \(magnet Hall probe\): cannot be read: NI error -200284 after \d\.\d s, .* Wait",
            True,
        ),
        ("simulated", "stuck", r"magnet \(Dev1/ao0, Dev1/ai0\): the Hall probe reads .* Check the supply", True),
        ("simulated", "overload", r"Dev1/ai\d \(.*\): overloads its input range: .* Choose a larger range", True),
        ("simulated-daq", "gone", r"(Dev1/|lock_in).*NI error -201003, .* Check that the card is plugged", True),
        ("simulated-daq", "overload", r"lock_in \(Dev1/ai2, .*\): input is overloaded\. Reduce the signal", False),
    ],
)
def test_faulty_card_ends_the_run_named_and_the_rest_safe(
    open_simulated: Callable[..., Bench], tmp_path: Path, name: str, fault: CardFault, says: str, leaves_unsafe: bool
) -> None:
    bench = open_simulated(name)
    assert bench.wire is not None
    card = bench.wire.cards["Dev1"]
    result = measure(bench, tmp_path, lambda: setattr(card, "fault", fault))
    assert str(result.state) == "failed" and 2 <= result.points <= 4
    assert re.search("DeviceError: " + says, result.reason), result.reason
    assert bool(result.unsafe) is leaves_unsafe  # said so, where the field or its reading was out of reach
    if fault != "gone":  # zero was written, unread
        assert_no_current(bench)
        assert abs(bench.wire.twin.field(bench.clock.now())) < 2e-3
    elif name == "simulated":  # the relay was out of reach, the source was not
        assert_no_current(bench)
    else:  # the sources were, the magnet was not
        assert abs(bench.wire.twin.field(bench.clock.now())) < 2e-4
    card.fault = None
    assert all(report.safe for report in bench.make_safe())
    assert_safe(bench)


@pytest.mark.parametrize(
    ("name", "device"), [("simulated", "SR830, GPIB0::8::INSTR"), ("simulated-daq", "Dev1/ai2, Dev1/ai1, Dev1/ai3")]
)
def test_lost_reference_ends_the_run_and_gives_no_number(
    open_simulated: Callable[..., Bench], tmp_path: Path, name: str, device: str
) -> None:
    bench = open_simulated(name)
    assert bench.wire is not None
    table = bench.wire.twin.table
    result = measure(bench, tmp_path, lambda: object.__setattr__(table, "reference_lost_after", bench.clock.now()))
    assert (str(result.state), result.points, result.unsafe) == ("failed", 2, [])
    assert f"lock_in ({device}" in result.reason and "reference is not locked. Check the cable" in result.reason
    assert_safe(bench)


@pytest.mark.parametrize(
    ("where", "fault", "says"),
    [
        (f"visa.{LOCK_IN}", "garbage", "lock_in (SR830, GPIB0::8::INSTR): failed at"),
        ("daq.Dev1", "silent", "NI error -200284"),
    ],
)
def test_fault_of_the_bench_file_begins_at_its_time(
    open_simulated: Callable[..., Bench], tmp_path: Path, where: str, fault: str, says: str
) -> None:
    key = f"bench.simulation.{where}.fault"
    bench = open_simulated(**{key: fault, f"{key}_begins": "12 s"})
    assert bench.clock.now() < 12 and bench.describe()
    result = measure(bench, tmp_path, lambda: None, sweep(steps=50))
    assert str(result.state) == "failed" and says in result.reason and 12 <= bench.clock.now() < 30
    assert_no_current(bench)
    assert bench.wire is not None
    bench.wire.lines[LOCK_IN].fault = bench.wire.cards["Dev1"].fault = None


def test_fault_that_an_instrument_cannot_have_is_refused() -> None:
    with pytest.raises(InputError, match="'slow' is one of ESP300 and ELL14 alone"):
        open_bench(settings={f"bench.simulation.visa.{SOURCE}.fault": "slow"})


def test_wrong_instrument_is_named_when_the_bench_is_opened() -> None:
    settings = {f"bench.simulation.visa.{SOURCE}.fault": "wrong_identity"}
    with pytest.raises(
        DeviceError, match=r"sample_source \(Keithley6221, GPIB0::12::INSTR\): must be a MODEL 6221; .*ACME.* Check add"
    ):
        open_bench(settings=settings)


def test_late_reply_answers_no_later_question(bench: Bench) -> None:
    assert bench.wire is not None
    line = bench.wire.lines[LOCK_IN]
    line.fault = "late"
    with pytest.raises(DeviceError, match=r"did not answer 'SNAP\?.*' within 4\.0 s, asked twice"):
        bench.lock_in.read()
    line.fault = None
    assert bench.lock_in.identity().startswith("Stanford")
    assert abs(bench.lock_in.read().x) < 1e-3


def test_stage_that_never_arrives_is_named(bench: Bench) -> None:
    assert bench.wire is not None
    bench.wire.lines[STAGE].fault = "slow"
    with pytest.raises(DeviceError, match=r"stage x \(ESP300 axis 1, GPIB0::1::INSTR\): axis still moves after 60 s"):
        bench.stage.move_to(1e-3, 0.0)
    assert all(report.safe for report in bench.make_safe())


def test_ten_equal_readings_in_a_row_are_stale_and_those_of_one_moment_are_one() -> None:
    fresh = Freshness("device", "voltage")
    for count in range(6):
        fresh.check((0.5,), time=0.1 * (count % 3), spacing=0.05)  # in time order nothing is new
    for count in range(6):
        fresh.check((0.5,), time=1.0 + count)
    fresh.check((0.5000001,), time=20.0)
    for count in range(8):
        fresh.check((0.5,), time=30.0 + count)
    fresh.check((0.5,), time=40.0)
    with pytest.raises(DeviceError, match="device: gives the same voltage, to the last digit, for the 10th time"):
        fresh.check((0.5,), time=41.0)


def test_overload_of_an_input_is_an_error_and_not_a_number(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(**{"twin.responsivity": "10 kV/W"})
    with pytest.raises(DeviceError, match=r"Dev1/ai1 \(detector sum\): overloads its input range"):
        bench.sum_detector.read()


def test_position_that_the_driver_rounds_to_six_digits_is_noticed(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(**{"bench.polarization_plate.resolution": "1e-6 rad"})
    with pytest.raises(DeviceError, match=r"axis was sent to 123\.457 but stands at 123\.457"):
        bench.polarization_plate.move_to(math.radians(123.456789))
    bench.polarization_plate.move_to(math.radians(123.456))


def test_motors_are_switched_off_though_the_controller_answers_nothing(bench: Bench) -> None:
    assert bench.wire is not None
    bench.polarization_plate.move_to(math.radians(10))
    bench.wire.lines[PLATES].fault = "silent"  # pymeasure's shutdown() asks first, and would give up
    assert bench.polarization_plate.make_safe().safe
    bench.wire.lines[PLATES].fault = None
    device = bench.wire.devices[PLATES]
    assert device.handle("1MO?") == "0"


def test_drivers_shutdown_of_the_source_leaves_the_wave_armed_and_the_role_ends_it(bench: Bench) -> None:
    assert bench.wire is not None
    bench.sample_source.set_frequency(1000.0)
    bench.sample_source.set_amplitude(0.01)
    assert bench.sample_source.make_safe().reached == ["amplitude to its least", "wave aborted", "output off"]
    assert not bench.wire.twin.sample_drive.running
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bench.sample_source.amplitude() == 0.0


@pytest.mark.parametrize("answer", ["HELLO", "", "nan", float("inf"), None])
def test_answer_that_is_no_number_is_told_with_its_device(answer: Any) -> None:
    with pytest.raises(DeviceError, match=r"stage \(ESP300, GPIB0::1::INSTR\): position reads .*, which is no number"):
        finite("stage (ESP300, GPIB0::1::INSTR)", "position", answer)
    assert finite("stage", "position", "1.5E-3") == 1.5e-3
