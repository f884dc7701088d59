"""Roles that a person plays."""

from __future__ import annotations

import math

import pytest

from instruments import open_bench
from instruments.errors import DeviceError
from instruments.manual import ManualRotator, nobody
from instruments.simulation.wire import SimulatedWire
from procedures import FieldSweep, Point

MANUAL = {
    "bench.polarization_plate": {"driver": "Manual", "zero": "10 deg"},
    "bench.quarter_wave": {"driver": "Manual"},
    "bench.field_angle": {"driver": "Manual"},
}


def test_person_is_asked_once_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(SimulatedWire, "operator", lambda wire, request: asked.append(request))
    with open_bench(settings=MANUAL) as bench:
        for _ in range(2):
            bench.polarization_plate.move_to(math.radians(22.5))
            bench.quarter_wave.insert(True)
            bench.quarter_wave.move_to(math.radians(45))
            assert bench.field_angle is not None
            bench.field_angle.move_to(math.radians(90))
        assert asked == [
            "Turn polarization_plate to 32.50 degrees on its scale.",
            "Put the quarter-wave plate into the beam.",
            "Turn quarter_wave to 45.00 degrees on its scale.",
            "Turn field_angle to 90.00 degrees on its scale.",
        ]
        assert bench.polarization_plate.angle() == math.radians(22.5)
        assert bench.quarter_wave.settings()["inserted"] == (1.0, "")


def test_without_a_person_a_request_is_an_error_and_no_angle_is_made_up() -> None:
    plate = ManualRotator("polarization_plate", nobody, 0.0)
    with pytest.raises(DeviceError, match=r"operator: is needed.*polarization_plate"):
        plate.move_to(1.0)
    with pytest.raises(DeviceError, match="polarization_plate: was not set yet"):
        plate.angle()
    assert "angle" not in plate.settings()


def test_simulated_person_turns_what_the_twin_has_and_a_point_by_hand_equals_one_by_motor() -> None:
    by_hand = {f"bench.{plate}": {"driver": "Manual"} for plate in ("polarization_plate", "quarter_wave")}
    quiet = {f"twin.{key}": 0 for key in ("laser_drift", "shot_noise", "input_noise", "sum_noise")}
    sweep = FieldSweep.from_table({"steps": 3, "channel": "ellipticity", "time_constant": "0.1 s"}, "sweep")
    point = Point(field=0.05, polarization=math.radians(135))
    signals = []
    for settings in (quiet, quiet | by_hand):
        with open_bench(settings=settings, prompt=pytest.fail) as bench:
            sweep.prepare(bench)
            sweep.set(point, bench)
            sweep.settle(bench)
            signals.append(sweep.measure(point, bench)["kerr_signal"])
    assert signals[1] == pytest.approx(signals[0], rel=1e-3)


def test_bench_is_safe_before_hands_are_asked_for() -> None:
    with open_bench() as bench:
        assert bench.wire is not None
        twin = bench.wire.twin
        states: list[str] = []
        bench.relay.select("sample")
        bench.sample_source.set_amplitude(0.01)
        bench.prompt = lambda request: states.append(f"{request} {twin.sample_drive.running}")
        bench.ask("Put the blank under the objective.")
        assert states == ["Put the blank under the objective. False"]


def test_request_is_not_made_while_the_bench_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bench() as bench, monkeypatch.context() as broken:
        bench.prompt = pytest.fail
        broken.setattr(bench.magnet, "_ramp", lambda level: 1 / 0)
        with pytest.raises(DeviceError, match=r"bench: is not safe to touch \(magnet: field ramped to zero"):
            bench.ask("Put the blank under the objective.")
