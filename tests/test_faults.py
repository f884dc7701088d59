"""Faults of instruments in a run: each ends in a safe bench and a message that names the device."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from acquisition import run
from instruments import Bench, open_bench
from instruments.errors import DeviceError
from instruments.simulation.daq_card import CardError
from instruments.simulation.faults import FAULTS, Fault
from procedures import FieldSweep

LOCK_IN, SOURCE, STAGE, PLATES = "GPIB0::8::INSTR", "GPIB0::12::INSTR", "GPIB0::1::INSTR", "GPIB0::2::INSTR"


def sweep() -> FieldSweep:
    procedure = FieldSweep()
    procedure.steps, procedure.polarizations, procedure.time_constant = 5, [45.0], 0.03
    return procedure


def is_safe(bench: Bench) -> bool:
    assert bench.wire is not None
    twin = bench.wire.twin
    return not any(twin._lines[line] for line in ("relay_sample", "relay_coil")) and (
        abs(twin.field(bench.clock.now())) < 2e-4
    )


@pytest.mark.parametrize("fault", ["silent", "late", "garbage", "disconnected", "nan"])
@pytest.mark.parametrize(("resource", "name"), [(LOCK_IN, "lock_in"), (SOURCE, "sample_source"), (STAGE, "stage")])
def test_dead_line_in_a_run_names_role_and_address_and_the_rest_is_made_safe(
    open_simulated: Callable[..., Bench], tmp_path: Path, fault: Fault, resource: str, name: str
) -> None:
    bench = open_simulated()
    assert bench.wire is not None
    line = bench.wire.lines[resource]

    def after_two_points(index: int, total: int, reading: dict[str, float]) -> None:
        if index == 2:
            line.fault = fault

    result = run(sweep(), bench, tmp_path, name="field-sweep", on_point=after_two_points)
    assert str(result.state) == "failed" and name in result.reason
    if fault != "nan":
        assert resource in result.reason
    assert 2 <= result.points <= 5
    assert is_safe(bench)
    line.fault = None
    assert all(report.safe for report in bench.make_safe())


def test_wrong_instrument_is_named_when_the_bench_is_opened() -> None:
    settings = {f"bench.simulation.visa.{SOURCE}.fault": "wrong_identity"}
    with pytest.raises(DeviceError, match=r"sample_source \(GPIB0::12::INSTR\): must be a MODEL 6221; .*ACME"):
        open_bench(settings=settings)


def test_stuck_reading_is_noticed_where_a_set_value_is_read_back(bench: Bench) -> None:
    assert bench.wire is not None
    bench.wire.lines[PLATES].fault = "stuck"
    bench.polarization_plate.angle()
    with pytest.raises(DeviceError, match="polarization_plate: axis was sent to 20 but stands at 0"):
        bench.polarization_plate.move_to(math.radians(20))
    assert all(report.safe for report in bench.make_safe())


def test_late_reply_answers_no_later_question(bench: Bench) -> None:
    assert bench.wire is not None
    line = bench.wire.lines[LOCK_IN]
    line.fault = "late"
    with pytest.raises(DeviceError, match=r"lock_in.*\(GPIB0::8::INSTR\): did not answer"):
        bench.lock_in.read()
    line.fault = None
    assert abs(bench.lock_in.read().x) < 1e-3
    assert bench.lock_in.identity().startswith("Stanford")


def test_stage_that_never_arrives_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.wire is not None
    monkeypatch.setattr(bench.wire.twin.axes["stage_x"], "moving", lambda time: True)
    with pytest.raises(DeviceError, match="stage x: axis still moves after 60 s"):
        bench.stage.move_to(1e-4, 0.0)
    monkeypatch.undo()
    assert all(report.safe for report in bench.make_safe())


@pytest.mark.parametrize("operation", ["read", "write"])
def test_card_that_vanishes_in_a_run_is_named(
    open_simulated: Callable[..., Bench], tmp_path: Path, operation: str
) -> None:
    bench = open_simulated()
    assert bench.wire is not None
    driver = bench.wire.daq_server.driver

    def after_two_points(index: int, total: int, reading: dict[str, float]) -> None:
        if index == 2:
            driver.fault = lambda task, asked: CardError(-201003) if asked == operation else None

    result = run(sweep(), bench, tmp_path, name="field-sweep", on_point=after_two_points)
    driver.fault = None
    assert str(result.state) == "failed" and "Dev1/a" in result.reason and "-201003" in result.reason
    assert not bench.wire.twin.sample_drive.running
    assert bool(result.unsafe) is True  # said so, since the field or its reading was out of reach
    assert all(report.safe for report in bench.make_safe()) and is_safe(bench)


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


def test_every_fault_of_the_bench_file_is_known_to_the_line() -> None:
    from instruments.simulation_file import SimulatedDevice

    for fault in FAULTS:
        assert SimulatedDevice(model="SR830", fault=fault).fault == fault


def test_drivers_shutdown_of_the_source_leaves_the_wave_armed_and_the_role_ends_it(bench: Bench) -> None:
    assert bench.wire is not None
    bench.sample_source.set_frequency(1000.0)
    bench.sample_source.set_amplitude(0.01)
    assert bench.sample_source.make_safe().reached == ["amplitude to its least", "wave aborted", "output off"]
    assert not bench.wire.twin.sample_drive.running
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bench.sample_source.amplitude() == 0.0
