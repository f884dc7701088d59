"""Roles that a person plays."""

from __future__ import annotations

import math

import pytest

from instruments import open_bench
from instruments.errors import DeviceError

MANUAL = {
    "bench.polarization_plate": {"driver": "Manual", "zero": "10 deg"},
    "bench.quarter_wave": {"driver": "Manual"},
    "bench.field_angle": {"driver": "Manual"},
}


def test_person_is_asked_once_for_each_change() -> None:
    asked: list[str] = []
    with open_bench(settings=MANUAL, prompt=asked.append) as bench:
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
    with open_bench(settings=MANUAL) as bench:
        with pytest.raises(DeviceError, match=r"operator: is needed.*polarization_plate"):
            bench.polarization_plate.move_to(1.0)
        with pytest.raises(DeviceError, match="polarization_plate: was not set yet"):
            bench.polarization_plate.angle()
        assert "angle" not in bench.describe()["polarization_plate"]["settings"]


def test_bench_is_safe_before_hands_are_asked_for() -> None:
    with open_bench(prompt=lambda request: states.append(request)) as bench:
        assert bench.wire is not None
        twin = bench.wire.twin
        states: list[str] = []
        bench.relay.select("sample")
        bench.sample_source.set_amplitude(0.01)
        bench.prompt = lambda request: states.append(f"{request} {twin.sample_drive.running}")
        bench.ask("Put the blank under the objective.")
        assert states == ["Put the blank under the objective. False"]


def test_request_is_not_made_while_the_bench_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bench(prompt=lambda request: pytest.fail(request)) as bench, monkeypatch.context() as broken:
        broken.setattr(bench.magnet, "_ramp", lambda level: 1 / 0)
        with pytest.raises(DeviceError, match=r"bench: is not safe to touch \(magnet: field ramped to zero"):
            bench.ask("Put the blank under the objective.")
