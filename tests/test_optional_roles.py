"""Roles that a bench may do without, through the drivers that the lab uses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis.errors import InputError
from instruments import Bench, open_bench
from instruments.bench import read_bench
from instruments.defaults import DEFAULT_BENCH, DEFAULT_SAMPLE
from instruments.errors import DeviceError, LimitError
from instruments.roles import CurrentPath, Signal
from instruments.simulation.twin import Twin
from instruments.simulation.wire import SimulatedWire

F = 20150.0
QUIET = {"twin__shot_noise": 0, "twin__input_noise": 0, "twin__laser_drift": 0, "twin__sum_noise": 0}
BARE = {f"bench.{role}": None for role in ("signal_switch", "perpendicular_magnet", "shutter", "attenuator")}


def twin(bench: Bench) -> Twin:
    assert bench.wire is not None
    return bench.wire.twin


def drive(bench: Bench, path: CurrentPath, amplitude: float) -> None:
    source = bench.source(path)
    bench.relay.select(path)
    bench.lock_in.set_reference(source.reference, F, source.phase)
    source.set_frequency(F)
    source.set_amplitude(amplitude)


def test_closed_shutter_leaves_dark_and_pick_up_alone(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(twin__pick_up="1 uV", **QUIET)
    bench.analyser_plate.move_to(math.radians(22.5))
    bench.magnet.set_field(0.05)
    drive(bench, "sample", 0.04)
    bright = twin(bench).lock_in_signal(1, F)
    shutter = bench.need("shutter")
    assert shutter.is_open() and abs(bright - 1e-6) > 1e-8
    shutter.close()
    assert not shutter.is_open()
    assert_allclose(bench.sum_detector.read(), 0, atol=5e-4)
    assert twin(bench).lock_in_signal(1, F) == 1e-6
    with pytest.raises(DeviceError, match="Open the shutter"):
        bench.check_laser_power()
    assert [report.reached for report in bench.make_safe() if report.role == "shutter"] == [["left as it is"]]
    assert not shutter.is_open()
    shutter.open()
    assert bench.sum_detector.read() > 0.5


def test_person_opens_and_closes_the_shutter_and_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(SimulatedWire, "operator", lambda wire, request: asked.append(request))
    with open_bench(settings={"bench.shutter": {"driver": "Manual"}}) as bench:
        shutter = bench.need("shutter")
        with pytest.raises(DeviceError, match="shutter: was not set yet"):
            shutter.is_open()
        for action in (shutter.close, shutter.close, shutter.open):
            action()
        assert asked == ["Close the shutter.", "Open the shutter."] and shutter.is_open()
        assert bench.describe()["shutter"]["settings"] == {"open": [1.0, ""]}


@pytest.mark.parametrize("name", ["simulated", "simulated-daq"])
def test_attenuator_passes_the_fraction_that_it_was_asked_for(name: str) -> None:
    quiet = {"twin.laser_drift": 0, "twin.sum_noise": 0}
    with open_bench(name, settings=quiet) as bench:
        attenuator = bench.need("attenuator")
        full = bench.sum_detector.read()
        for fraction in (0.5, 0.1, 0.0, 1.0):
            attenuator.set_transmission(fraction)
            assert_allclose(attenuator.transmission(), fraction, atol=1e-3)
            assert_allclose(bench.sum_detector.read(), fraction * full, atol=2e-3 * full)
        with pytest.raises(LimitError, match=r"setting it to 1\.2 is refused"):
            attenuator.set_transmission(1.2)
        assert "transmission" in attenuator.settings()


def test_perpendicular_magnet_makes_its_own_field_and_is_made_safe(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated()
    magnet = bench.need("perpendicular_magnet")
    bench.magnet.set_field(0.05)
    for field in (2.5, -1.0):
        magnet.set_field(field)
        assert_allclose(magnet.measure(), field, atol=6e-4)
        assert_allclose(twin(bench).perpendicular_field(bench.clock.now()), field, atol=6e-4)
    assert_allclose(twin(bench).field(bench.clock.now()), 0.05, atol=6e-5)
    with pytest.raises(LimitError, match=r"perpendicular_magnet: field must lie within 2\.5 T .* setting it to 2\.6 T"):
        magnet.set_field(2.6)
    with pytest.raises(LimitError, match=r"perpendicular_magnet: .* setting it to nan T"):
        bench.check_perpendicular_field(math.nan)
    bench.check_perpendicular_field(2.5)
    assert all(report.safe for report in bench.make_safe())
    assert_allclose(twin(bench).perpendicular_field(bench.clock.now()), 0, atol=2e-3)


def test_sample_may_limit_the_perpendicular_field(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(sample__limits__perpendicular_field="0.5 T")
    with pytest.raises(LimitError, match=r"perpendicular_magnet: field must lie within 0\.5 T"):
        bench.check_perpendicular_field(0.6)


def test_lock_in_reads_the_shunts_with_the_phase_of_each_path(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(**QUIET)
    switch = bench.need("signal_switch")
    bench.lock_in.configure(time_constant=0.01, slope=24)
    bench.lock_in.set_sensitivity(1.0)
    paths: tuple[tuple[CurrentPath, Signal, float], ...] = (
        ("sample", "sample_shunt", 0.04), ("coil", "coil_shunt", 0.4)
    )  # fmt: skip
    for path, signal, current in paths:
        drive(bench, path, current)
        switch.select(signal)
        assert switch.selected() == signal
        bench.clock.wait(1.0)
        bench.lock_in.clear_status()  # of the unlock until the reference came
        reading = bench.lock_in.read()
        volts = current * switch.resistance(signal) / math.sqrt(2)
        assert_allclose([reading.x, reading.y], [volts, 0], rtol=1e-3, atol=1e-3 * volts)
        bench.source(path).set_amplitude(0.0)
    with pytest.raises(InputError, match=r"resistance of 'hall_taps' must stand in the bench file"):
        switch.resistance("hall_taps")
    assert all(report.safe for report in bench.make_safe())
    assert switch.selected() == "detector"


def test_contacts_of_the_sample_give_resistance_and_hall_effect(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(
        sample__geometry__length="100 um", twin__resistance_heating="50 1/A^2",
        twin__anomalous_hall_resistivity="3 nohm m", twin__ordinary_hall_coefficient="0.2 nohm m/T", **QUIET,
    )  # fmt: skip
    switch, magnet = bench.need("signal_switch"), bench.need("perpendicular_magnet")
    bench.lock_in.configure(time_constant=0.01, slope=24)
    drive(bench, "sample", 0.04)

    def volts(sensitivity: float) -> float:
        bench.lock_in.set_sensitivity(sensitivity)
        bench.clock.wait(1.0)
        bench.lock_in.clear_status()  # of the unlock until the reference came
        return math.sqrt(2) * bench.lock_in.read().x

    switch.select("voltage_taps")
    assert_allclose(volts(1.0), 0.04 * 2 / (32e-9 * 4.4e6) * (1 + 50 * 0.04**2), rtol=1e-3)
    switch.select("hall_taps")
    for field in (0.5, -2.0):
        magnet.set_field(field)
        hall = (3e-9 * max(-1, min(1, field / 1.09)) + 0.2e-9 * field) / 32e-9
        assert_allclose(volts(10e-3), 0.04 * hall, rtol=2e-3)


def test_software_lock_in_and_card_share_the_switch() -> None:
    with open_bench("simulated-daq", settings={"twin.sum_noise": 0}) as bench:
        bench.lock_in.configure(time_constant=0.01, slope=24)
        drive(bench, "sample", 0.04)
        bench.need("signal_switch").select("voltage_taps")
        bench.lock_in.set_sensitivity(1.0)
        assert_allclose(math.sqrt(2) * bench.lock_in.read().x, 0.04 / (32e-9 * 4.4e6), rtol=2e-3)


def test_person_plugs_the_cable_and_an_unwired_signal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(SimulatedWire, "operator", lambda wire, request: asked.append(request))
    by_hand = {"bench.signal_switch": {"driver": "Manual", "sample_shunt": "5 ohm"}}
    with open_bench(settings=by_hand) as bench:
        switch = bench.need("signal_switch")
        with pytest.raises(DeviceError, match="signal_switch: was not set yet"):
            switch.selected()
        for _ in range(2):
            switch.select("hall_taps")
        assert asked == ["Connect the lock-in's input to the Hall taps of the sample."]
        assert (switch.selected(), switch.resistance("sample_shunt")) == ("hall_taps", 5.0)
    wired = {"bench.signal_switch.lines": {"detector": "Dev1/port0/line4"}}
    with open_bench(settings=wired) as bench, pytest.raises(LimitError, match="setting it to 'hall_taps' is refused"):
        bench.need("signal_switch").select("hall_taps")


def test_transverse_coil_swings_the_magnetisation_like_any_field_along_y(open_simulated: Callable[..., Bench]) -> None:
    only_quadratic = {
        "twin__quadratic_kerr": "1e-3", "twin__torque_bottom": 0, "twin__oersted_gradient": 0, "twin__easy_axis": 0,
        "twin__transverse_field": "0.5 mT/A", "twin__sample_phase": 0, "twin__coil_phase": 0,
        "twin__polarization_misalignment": 0,
    }  # fmt: skip
    bench = open_simulated(sample__coil__transverse_field_per_ampere="0.5 mT/A", **only_quadratic, **QUIET)
    world, voltages = twin(bench), []
    bench.analyser_plate.move_to(math.radians(22.5))
    paths: tuple[CurrentPath, ...] = ("transverse_coil", "sample")
    for field in (0.05, -0.05):
        bench.magnet.set_field(field)
        for path in paths:
            drive(bench, path, 0.04)
            voltages.append(world.lock_in_signal(1, F) / world.sum_voltage(0.0))
            bench.source(path).set_amplitude(0.0)
    swing = 0.04 * 0.5e-3 / (0.05 + world.table.anisotropy_field)
    expected = 2 * 1e-3 * swing * world.table.gain * math.sqrt(2)
    assert_allclose(voltages, [expected, expected, -expected, -expected], rtol=5e-3)


def test_relay_without_a_transverse_contact_refuses_that_path() -> None:
    message = "relay: path must be one of sample, coil; received 'transverse_coil'"
    with open_bench(settings={"bench.relay.transverse_coil": None}) as bench, pytest.raises(InputError, match=message):
        bench.relay.select("transverse_coil")


def test_dark_offset_of_the_sum_is_subtracted(open_simulated: Callable[..., Bench]) -> None:
    offset = open_simulated(twin__sum_offset="50 mV", bench__sum_detector__offset="50 mV", **QUIET)
    plain = open_simulated(**QUIET)
    for bench in (offset, plain):
        bench.clock.mark(0, 0, 0)
    assert_allclose(offset.sum_detector.read(), plain.sum_detector.read(), atol=5e-4)
    offset.need("shutter").close()
    assert_allclose(offset.sum_detector.read(), 0, atol=5e-4)
    assert offset.describe()["sum_detector"]["settings"]["offset"] == [0.05, "V"]


def test_figures_for_planning_have_defaults_and_units() -> None:
    settings = {"bench.noise": {"input_noise": "10 nV/Hz^0.5"}}
    noise = read_bench(DEFAULT_BENCH, DEFAULT_SAMPLE, settings).bench.noise
    assert (noise.shot_noise, noise.input_noise, noise.flicker_corner, noise.laser_power) == (12e-9, 1e-8, 0.0, 2e-3)


def test_scan_in_x_and_y_sees_the_edges_of_the_square(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(twin__substrate_reflectance=0, twin__spot_offset="2 um", **QUIET)
    places, edges = (-40, -25, -10, 0, 10, 25, 40), [0, 0.5, 1, 1, 1, 0.5, 0]
    along = [scanned(bench, x * 1e-6, -2e-6) for x in places]
    across = [scanned(bench, 0.0, y * 1e-6 - 2e-6) for y in places]
    assert_allclose(np.array(along) / along[3], edges, atol=2e-3)
    assert_allclose(np.array(across) / across[3], edges, atol=2e-3)


def scanned(bench: Bench, x: float, y: float) -> float:
    bench.stage.move_to(x, y)
    return bench.sum_detector.read()


def test_role_that_a_bench_does_not_have_is_named_with_the_remedy() -> None:
    with open_bench(settings=BARE) as bench:
        for key in BARE:
            role = key.removeprefix("bench.")
            with pytest.raises(InputError, match=rf"'simulated' must have a {role}.*Add a table \[{role}\]"):
                bench.need(role)  # type: ignore[call-overload]


def test_simulated_person_works_the_shutter_and_plugs_the_cable() -> None:
    by_hand = {
        "bench.shutter": {"driver": "Manual"},
        "bench.signal_switch": {"driver": "Manual", "sample_shunt": "10 ohm"},
    }
    with open_bench(settings=by_hand) as bench:
        bench.need("shutter").close()
        assert abs(bench.sum_detector.read()) < 0.01
        bench.need("shutter").open()
        assert bench.sum_detector.read() > 0.5
        bench.need("signal_switch").select("sample_shunt")
        bench.relay.select("sample")
        bench.lock_in.configure(time_constant=0.01, slope=24)
        bench.lock_in.set_reference("external", 20150.0, bench.sample_source.phase)
        bench.lock_in.set_sensitivity(0.5)
        bench.sample_source.set_frequency(20150.0)
        bench.sample_source.set_amplitude(0.01)
        bench.clock.wait(1.0)
        bench.lock_in.clear_status()  # of the unlock until the reference came
        assert_allclose(math.sqrt(2) * bench.lock_in.read().x, 0.01 * 10, rtol=1e-2)
