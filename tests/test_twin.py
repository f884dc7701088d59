"""Imperfections of the twin: each against an exact value or limit, and none where its key is zero."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import kerr_angle
from analysis.micromagnetics import tilt_profile
from analysis.optics import reflectance
from instruments import Bench
from instruments.simulation.spot import covered_fraction, oersted_field
from instruments.simulation.twin import Twin

F = 20150.0
CLEAN = {
    "laser_drift": 0, "spot_offset": 0, "oersted_gradient": 0, "transverse_field": 0, "quadratic_kerr": 0,
    "polarization_misalignment": 0, "sample_phase": 0, "coil_phase": 0, "gain": 1, "spot_diameter": 0,
}  # fmt: skip


@pytest.fixture
def make(open_simulated: Callable[..., Bench]) -> Callable[..., Bench]:
    def with_twin(side: str = "top", **twin: Any) -> Bench:
        settings = {f"twin.{key}": value for key, value in (CLEAN | twin).items()}
        bench = open_simulated(**settings, **{"bench.light_side": side})
        bench.analyser_plate.move_to(math.radians(22.5))
        bench.magnet.set_field(0.05)
        return bench

    return with_twin


def drive(bench: Bench, path: str, amplitude: float) -> Twin:
    assert bench.wire is not None
    twin = bench.wire.twin
    name = "sample_drive" if path == "sample" else "coil_drive"
    setattr(twin, name, type(twin.sample_drive)(amplitude, F, True, True))
    twin._lines |= {"relay_sample": path == "sample", "relay_coil": path == "coil", "quarter_wave_in": False}
    return twin


def angle(twin: Twin, harmonic: int = 1) -> complex:
    """Kerr rotation (rad, peak) behind the lock-in's voltage, with its phase."""
    return twin.lock_in_signal(harmonic, F) * math.sqrt(2) / (2 * twin.sum_voltage(twin.clock.now()))


@pytest.mark.parametrize("side", ["top", "bottom"])
def test_calibration_signal_is_the_exact_angle_of_the_stack_from_either_side(
    make: Callable[..., Bench], side: Any
) -> None:
    twin = drive(make(side), "coil", 4.0)
    stack = twin.sample.stack()
    induction = 0.4 * twin.sample.coil.field_per_ampere.value
    field = twin.field(twin.clock.now())
    tilt = tilt_profile(stack.film, cells=160, field=field, torque_top=0, torque_bottom=0, calibration_field=induction)
    exact = complex(kerr_angle(stack, tilt, side=side))
    assert_allclose(angle(twin), exact.real, rtol=2e-4)
    assert_allclose(twin.sum_voltage(0.0), 2.0 * reflectance(stack, side=side), rtol=1e-12)


def test_light_side_is_recorded_with_the_instruments(make: Callable[..., Bench]) -> None:
    bench = make("bottom")
    assert bench.light_side == "bottom"
    assert bench.describe()["sum_detector"]["settings"]["light_side"] == ["bottom", ""]


def test_substrate_rotates_light_from_below_alone(make: Callable[..., Bench]) -> None:
    differences = []
    for side in ("top", "bottom"):
        values = [angle(drive(make(side, verdet_constant=v), "coil", 4.0)) for v in (0.0, 2.3)]
        differences.append(values[1] - values[0])
        twin_field = 0.4 * 2.125e-3
    assert differences[0] == 0
    assert_allclose(differences[1].real / (2 * 2.3 * 0.5e-3), twin_field, rtol=0.05)  # about 0.85 mT


def test_heat_appears_at_the_second_harmonic_a_quarter_cycle_behind_and_as_the_square(
    make: Callable[..., Bench],
) -> None:
    bench = make(heating_second_harmonic="1e-3", sample_phase=0.3)
    values = [angle(drive(bench, "sample", current), 2) for current in (0.02, 0.04)]
    assert_allclose(values[1], 1e-3 * 0.04**2 * cmath.exp(1j * (0.6 - math.pi / 2)), rtol=1e-12)
    assert_allclose(values[1] / values[0], 4, rtol=1e-12)
    assert angle(drive(make(), "sample", 0.04), 2) == 0


def test_heat_at_the_first_harmonic_grows_with_the_cube(make: Callable[..., Bench]) -> None:
    plain, heated = make(), make(heating_first_harmonic="50 1/A^2")
    extra = [
        angle(drive(heated, "sample", current)) - angle(drive(plain, "sample", current)) for current in (0.02, 0.04)
    ]
    assert_allclose(extra[1] / extra[0], 8, rtol=1e-3)


def test_oersted_field_is_that_of_a_strip(make: Callable[..., Bench]) -> None:
    width, current = 50e-6, 0.04
    gradient = 2 * 4e-7 * math.pi / (math.pi * width**2)
    places = (np.arange(4000) + 0.5) / 4000 * width - width / 2  # Biot-Savart of thin wires side by side
    for y in (0.0, 1e-6, -10e-6, 20e-6):
        wires = 2e-7 * current / 4000 * np.sum((places - y) / ((places - y) ** 2 + 1e-20) * -1.0)
        assert_allclose(oersted_field(y, gradient, width, current), wires, rtol=1e-3, atol=1e-9)
    slope = oersted_field(1e-9, gradient, width, current) / 1e-9
    assert_allclose(slope, 12.8, rtol=1e-3)  # T/m at 40 mA
    assert math.isfinite(oersted_field(1.0, gradient, width, current))


def test_spot_off_centre_adds_the_oersted_signal_with_its_sign(make: Callable[..., Bench]) -> None:
    base, up, down = (
        angle(drive(make(oersted_gradient=320, spot_offset=y), "sample", 0.04)) for y in (0.0, 1e-6, -1e-6)
    )
    assert_allclose(up - base, base - down, rtol=1e-2)
    assert abs(up - base) > 0.1 * abs(base)


def test_spot_is_cut_by_the_edges_of_the_square(make: Callable[..., Bench]) -> None:
    width, diameter = 50e-6, 4e-6
    assert_allclose(covered_fraction(0, 0, width, diameter), 1.0, atol=1e-12)
    assert_allclose(covered_fraction(25e-6, 0, width, diameter), 0.5, rtol=1e-9)
    assert_allclose(covered_fraction(25e-6, 25e-6, width, diameter), 0.25, rtol=1e-9)
    radius = diameter / 2  # knife edge at the 1/e^2 radius: 2.275 %
    assert_allclose(covered_fraction(25e-6 + radius, 0, width, diameter), 0.02275, rtol=1e-3)
    bench = make(spot_diameter=diameter, substrate_reflectance=0)
    full = bench.sum_detector.read()
    bench.stage.move_to(25e-6, 0.0)
    assert_allclose(bench.sum_detector.read(), full / 2, rtol=1e-2)


def test_quarter_wave_plate_on_its_slow_axis_reads_the_opposite_sign(make: Callable[..., Bench]) -> None:
    signs = []
    for zero in (0.0, math.pi / 2):
        twin = drive(make(quarter_wave_zero=zero), "coil", 4.0)
        twin._lines["quarter_wave_in"] = True
        signs.append(angle(twin))
    assert_allclose(signs[0], -signs[1], rtol=1e-9)


def test_pick_up_needs_a_current_and_no_light(make: Callable[..., Bench]) -> None:
    bench = make(pick_up="1 uV", laser_power=0)
    assert bench.wire is not None
    assert bench.wire.twin.lock_in_signal(1, F) == 0
    assert_allclose(drive(bench, "coil", 4.0).lock_in_signal(1, F), 1e-6)
    assert bench.wire.twin.lock_in_noise_density() == pytest.approx(6e-9)


def test_noise_of_the_input_adds_in_squares_and_rises_towards_low_frequencies(make: Callable[..., Bench]) -> None:
    white = drive(make(shot_noise=0, input_noise="3 nV/Hz^0.5", johnson_noise="4 nV/Hz^0.5"), "sample", 0.04)
    assert_allclose(white.lock_in_noise_density(), 5e-9, rtol=1e-12)
    coloured = drive(make(shot_noise=0, input_noise="3 nV/Hz^0.5", flicker_corner=3 * F), "sample", 0.04)
    assert_allclose(coloured.lock_in_noise_density(), 6e-9, rtol=1e-12)


def test_reference_is_lost_when_its_time_has_come(make: Callable[..., Bench]) -> None:
    bench = make(reference_lost_after=100)
    twin = drive(bench, "sample", 0.04)
    assert twin.external_reference() == F
    bench.clock.wait(100.0)
    assert twin.external_reference() is None
    assert not twin.analog_input("reference", np.arange(5) * 1e-5).any()


def test_backlash_makes_the_carriage_lag_behind_the_motor(make: Callable[..., Bench]) -> None:
    bench = make(backlash="2 um")
    assert bench.wire is not None
    stage = bench.wire.twin.axes["stage_x"]
    bench.stage.move_to(50e-6, 0.0)
    up = stage.carriage(bench.clock.now())
    bench.stage.move_to(60e-6, 0.0)
    bench.stage.move_to(50e-6, 0.0)
    down = stage.carriage(bench.clock.now())
    assert_allclose(down - up, 2e-3, rtol=1e-6)  # mm


def test_supply_lags_by_its_time_constant(make: Callable[..., Bench]) -> None:
    bench = make(magnet_lag="0.1 s")
    assert bench.wire is not None
    twin = bench.wire.twin
    start = bench.clock.now()
    before = twin.field(start)
    twin.analog_output("magnet", 0.0)
    assert_allclose(twin.field(start + 0.1), before / math.e, rtol=1e-9)
    assert_allclose(twin._magnet.fields(start + np.array([0.0, 100.0])), [before, 0.0], atol=1e-12)
