"""Thorlabs ELL14 on a simulated serial line: the protocol, and what a role promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from numpy.testing import assert_allclose

from instruments import Bench, open_bench
from instruments.elliptec import ElliptecRotator
from instruments.errors import DeviceError
from instruments.simulation.elliptec import PULSES, SimulatedElliptecBus

LINE = "ASRL5::INSTR"


def mount(address: int, **more: Any) -> dict[str, Any]:
    return {"driver": "ELL14", "resource": LINE, "address": address, **more}


SETTINGS = {
    "bench.polarization_plate": mount(0),
    "bench.analyser_plate": mount(10, zero="-20 deg"),
    "bench.quarter_wave": mount(2, flip="Dev1/port0/line2"),
    "bench.field_angle": mount(3),
    f"bench.simulation.visa.{LINE}": {
        "model": "ELL14", "axes": {0: "polarization_plate", 10: "analyser_plate", 2: "quarter_wave", 3: "field_angle"},
    },
}  # fmt: skip


@pytest.fixture
def bench(open_simulated: Callable[..., Bench]) -> Bench:
    return open_simulated(**SETTINGS)


def line(bench: Bench) -> SimulatedElliptecBus:
    assert bench.wire is not None
    device = bench.wire.devices[LINE]
    assert isinstance(device, SimulatedElliptecBus)
    return device


def rotator(bench: Bench) -> ElliptecRotator:
    assert isinstance(bench.polarization_plate, ElliptecRotator)
    return bench.polarization_plate


@pytest.mark.parametrize("degrees", [67.5, 22.5, -30.0, 359.9, 725.0])
def test_mounts_stand_where_they_were_sent(bench: Bench, degrees: float) -> None:
    assert bench.wire is not None
    for plate, name in ((bench.polarization_plate, "polarization_plate"), (bench.analyser_plate, "analyser_plate")):
        plate.move_to(math.radians(degrees))
        assert_allclose(plate.angle(), math.radians(degrees), atol=math.tau / PULSES)
        zero = 0.0 if name == "polarization_plate" else -20.0
        stands = bench.wire.twin.axes[name].position(bench.clock.now())
        assert_allclose(stands, (degrees + zero) % 360, atol=360 / PULSES)


def test_move_takes_the_time_of_the_motor_and_is_waited_for(bench: Bench) -> None:
    bench.polarization_plate.move_to(0.0)
    start = bench.clock.now()
    bench.polarization_plate.move_to(math.radians(180))
    assert 0.5 <= bench.clock.now() - start < 0.7


def test_relative_moves_go_both_ways(bench: Bench) -> None:
    plate = rotator(bench)
    plate.move_to(math.radians(30))
    plate.move_by(math.radians(15))
    assert_allclose(plate.angle(), math.radians(45), atol=1e-4)
    plate.move_by(math.radians(-40))
    assert_allclose(plate.angle(), math.radians(5), atol=1e-4)


def test_protocol_is_that_of_the_manual(bench: Bench) -> None:
    device = line(bench)
    assert device.handle("0in") == "0IN0E11400000202317010168" + "00023000"
    assert device.handle("0gs") == "0GS00" and device.handle("0gp") == "0PO00000000"
    assert device.handle("0ma00008C00") is None and device.handle("0gs") == "0GS09"  # busy until it is there
    assert device.handle("0ma00000000") == "0GS09" and device.speak() is None
    bench.clock.wait(0.3)
    assert device.speak() == "0PO00008C00" and device.speak() is None
    assert device.handle("Ags") == "AGS00" and device.handle("7gs") is None
    assert device.handle("0ma00023000") == "0GS0C" and device.handle("0xy") == "0GS03"
    assert device.refused == ["0ma00023000", "0xy"]
    device.refused.clear()
    assert rotator(bench).pulses_per_revolution == PULSES


def test_mount_that_never_arrives_is_named_and_the_bench_ends_safe(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.polarization_plate.move_to(0.0)
    monkeypatch.setattr(line(bench), "speak", lambda: None)
    with pytest.raises(DeviceError, match=r"polarization_plate \(ELL14 0, ASRL5::INSTR\): has not ended the move 'ma"):
        bench.polarization_plate.move_to(1.0)
    assert all(report.safe for report in bench.make_safe())


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("0GS02", r"\(ELL14 0, ASRL5::INSTR\): reports status 2, mechanical time-out"),
        ("0GS0D", r"\(ELL14 0, ASRL5::INSTR\): reports status 13, over-current"),
        ("1PO00000000", r"answers '1PO00000000', which is no PO reply"),
        ("garbage", r"answers 'garbage'"),
    ],
)
def test_errors_of_a_module_are_named_and_the_bench_ends_safe(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, reply: str, message: str
) -> None:
    device = line(bench)
    with monkeypatch.context() as broken:
        broken.setattr(device, "handle", lambda text: reply)
        with pytest.raises(DeviceError, match=message):
            bench.polarization_plate.angle()
    assert all(report.safe for report in bench.make_safe())


def test_late_reply_of_an_interrupted_move_is_not_taken_for_the_next_answer(bench: Bench) -> None:
    plate = rotator(bench)
    plate.move_to(0.0)
    plate.bus.write("0ma00008C00")  # as if Ctrl-C had come before its end
    bench.clock.wait(1.0)
    plate.move_to(math.radians(10))
    assert_allclose(plate.angle(), math.radians(10), atol=1e-4)


def test_address_without_module_is_named() -> None:
    with pytest.raises(DeviceError, match=r"polarization_plate.* \(ElliptecBus, ASRL5::INSTR\): did not answer '7in'"):
        open_bench(settings=SETTINGS | {"bench.polarization_plate": mount(7)})


def test_field_turns_against_the_current(bench: Bench) -> None:
    assert bench.wire is not None and bench.field_angle is not None
    bench.magnet.set_field(0.1)
    bench.field_angle.move_to(math.radians(60))
    bench.clock.wait(0.1)
    assert_allclose(bench.wire.twin._macrospin.angle, math.radians(60), atol=5e-3)
    assert bench.field_angle in bench.instruments
