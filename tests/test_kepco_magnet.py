"""Kepco BOP and Lake Shore 425 as the magnet: closed loop, slew limit, safe state."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.lakeshore import LakeShore425

from instruments import Bench, open_bench
from instruments.errors import DeviceError, LimitError
from instruments.simulation.kepco_bop import SimulatedKepcoBOP

SUPPLY, GAUSSMETER = "GPIB0::6::INSTR", "ASRL4::INSTR"
MAGNET = {
    "driver": "KepcoMagnet", "resource": SUPPLY, "gaussmeter": GAUSSMETER, "tesla_per_ampere": "20 mT/A",
    "voltage_limit": "30 V", "gaussmeter_offset": "0.15 mT", "largest_field": "200 mT", "ramp_rate": "0.2 T/s",
    "lag": "50 ms", "tolerance": "0.05 mT",
}  # fmt: skip


@pytest.fixture
def bench(open_simulated: Callable[..., Bench]) -> Bench:
    return open_simulated(**settings())


def settings(**twin: object) -> dict[str, Any]:
    return {
        "bench.magnet": MAGNET,
        f"bench.simulation.visa.{SUPPLY}.model": "KepcoBOP",
        f"bench.simulation.visa.{GAUSSMETER}.model": "LakeShore425",
        **{f"twin.{key}": value for key, value in twin.items()},
    }


def supply(bench: Bench) -> SimulatedKepcoBOP:
    assert bench.wire is not None
    device = bench.wire.devices[SUPPLY]
    assert isinstance(device, SimulatedKepcoBOP)
    return device


def test_closed_loop_brings_the_field_at_the_sample_to_what_was_asked(bench: Bench) -> None:
    assert bench.wire is not None
    for field in (0.05, -0.12, 0.0):
        bench.magnet.set_field(field)
        assert_allclose(bench.wire.twin.field(bench.clock.now()), field, atol=6e-5)
        assert_allclose(bench.magnet.measure(), field, atol=6e-5)


def test_current_never_steps_by_more_than_the_slew_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.wire is not None
    steps: list[tuple[float, float]] = []
    twin = bench.wire.twin
    original = twin.magnet_current
    monkeypatch.setattr(twin, "magnet_current", lambda a: (steps.append((bench.clock.now(), a)), original(a)))
    bench.magnet.set_field(0.15)
    bench.make_safe()
    amperes = np.array([0.0] + [a for _, a in steps[:-1]])  # the last one is the output going off, at zero
    assert len(amperes) > 14 and np.abs(np.diff(amperes)).max() <= 0.2 * 0.1 / 0.02 * 1.001
    assert np.diff([t for t, _ in steps[:-1]]).min() > 0


@pytest.mark.parametrize("field", [0.25, -0.201, math.nan])
def test_fields_beyond_the_limit_are_refused_before_anything_is_sent(bench: Bench, field: float) -> None:
    with pytest.raises(LimitError, match="setting it to"):
        bench.magnet.set_field(field)
    assert supply(bench)._current == 0.0


def test_limit_beyond_what_the_driver_would_clip_is_refused(open_simulated: Callable[..., Bench]) -> None:
    with pytest.raises(LimitError, match=r"largest_field must be at most 0\.24 T"):
        open_bench(settings=settings() | {"bench.magnet.largest_field": "1 T", "sample.limits.field": "2 T"})


def test_safe_state_ends_at_zero_field_with_the_output_off(bench: Bench) -> None:
    assert bench.wire is not None
    bench.magnet.set_field(0.1)
    report = bench.magnet.make_safe()
    assert report.safe and report.reached[-2:] == ["zero field read", "output off"]
    assert abs(bench.wire.twin.field(bench.clock.now())) < 1e-4 and not supply(bench)._output_on
    bench.magnet.set_field(0.05)  # and the magnet can be used again
    assert_allclose(bench.magnet.measure(), 0.05, atol=6e-5)


def test_supply_that_does_not_tell_its_current_is_ramped_from_the_gaussmeters_reading(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.magnet.set_field(0.1)
    bench.magnet._level = 0.0  # type: ignore[attr-defined]  # as in a program that did not make this field
    asked: list[float] = []
    put = type(bench.magnet)._put  # type: ignore[attr-defined]
    monkeypatch.setattr(type(bench.magnet), "_put", lambda self, level: (asked.append(level), put(self, level)))
    monkeypatch.setattr(supply(bench), "_table", [e for e in supply(bench)._table if "MEAS" not in e[0].pattern])
    report = bench.magnet.make_safe()
    supply(bench).refused.clear()
    assert asked[0] == pytest.approx(0.1 / 0.02 * 0.8, rel=0.05) and asked[-1] == 0.0
    assert report.safe


def test_magnet_that_is_on_already_is_taken_over_at_its_field(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(**settings())
    bench.magnet.set_field(0.1)
    again = type(bench.magnet)(
        bench.magnet.supply, bench.magnet.gaussmeter, bench.clock, tesla_per_ampere=0.02, voltage_limit=30.0,  # type: ignore
        offset=0.15e-3, limits=bench.magnet._limits, role="magnet",  # type: ignore[attr-defined]
    )  # fmt: skip
    again.take_over()
    assert again._level * 0.02 == pytest.approx(0.1, rel=0.05)
    assert bench.magnet.measure() == pytest.approx(0.1, abs=1e-4)


def test_coil_that_needs_more_voltage_than_allowed_is_an_error_and_ends_safe(
    open_simulated: Callable[..., Bench],
) -> None:
    bench = open_simulated(**settings() | {"bench.magnet.voltage_limit": "2 V"})
    with pytest.raises(
        DeviceError, match=r"magnet \(KepcoBOP3612, GPIB0::6::INSTR\): the Hall probe reads 0\.02.* not 0\.1 T"
    ):
        bench.magnet.set_field(0.1)
    assert all(report.safe for report in bench.make_safe())


def test_gaussmeter_out_of_range_is_an_error_and_the_supply_goes_to_zero(bench: Bench) -> None:
    assert bench.wire is not None
    bench.magnet.set_field(0.1)
    bench.magnet.gaussmeter.range = 35  # type: ignore[attr-defined]
    with pytest.raises(DeviceError, match=r"magnet \(LakeShore425, ASRL4::INSTR\): reads 'OL'"):
        bench.magnet.measure()
    report = bench.magnet.make_safe()
    assert abs(bench.wire.twin.field(bench.clock.now())) < 1e-4 and "output off" in report.reached


def test_unmodified_drivers_read_back_what_they_set(bench: Bench) -> None:
    kepco, meter = bench.magnet.supply, bench.magnet.gaussmeter  # type: ignore[attr-defined]
    assert (type(kepco), type(meter)) == (KepcoBOP3612, LakeShore425)
    assert (kepco.operating_mode, kepco.voltage_setpoint, kepco.confidence_test) == ("CURR", 30.0, 0)
    kepco.current_setpoint = 1.25
    bench.clock.wait(2.0)
    assert (kepco.current_setpoint, kepco.output_enabled) == (1.25, True)
    assert_allclose([kepco.current, kepco.voltage], [1.25, 2.5], rtol=1e-4)
    for unit, scale in (("G", 1e4), ("T", 1.0), ("A/m", 1e7 / (4 * math.pi))):
        meter.unit = unit
        assert_allclose(meter.field, (1.25 * 0.0206 + 0.15e-3) * scale, rtol=1e-3)
    assert meter.range == 3500 and meter.mode == (1.0, 0.0, 1.0)
    meter.auto_range()
    assert meter.field and meter.range == 350
    meter.unit = "T"  # as the role left it
