"""Angle sweep: the cosine of a torque, what does not turn, and what turns twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import xarray

from acquisition import Run
from analysis import kerr_angle, load_run, tilt_profile
from analysis.angle_sweep import analyze_angle_sweep, angle_quantities
from analysis.errors import IdentifiabilityError, InputError
from analysis.finding import Finding
from analysis.result import Estimate
from analysis.run_groups import sample_of
from instruments import Bench, open_bench
from instruments.simulation.spot import oersted_field
from procedures import AngleSweep, FieldSweep

TORQUE, ZERO, GAIN, OFFSET = 0.7e-6, math.radians(10), 0.9, 0.5e-6


class Story(NamedTuple):
    """A run, what was found and expected, and planned over virtual time."""

    run: xarray.Dataset
    finding: Finding
    expected: dict[str, Estimate]
    duration: float


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Story:
    settings = {
        "twin.seed": 4, "twin.torque_bottom": TORQUE, "twin.gain": GAIN, "twin.spot_offset": OFFSET,
        "twin.quadratic_kerr": 1e-3 + 1e-3j, "bench.field_angle.zero": ZERO,
    }  # fmt: skip
    angles = [f"{angle} deg" for angle in range(0, 360, 40)]
    sweep = AngleSweep.from_table({"field_angles": angles, "channel": "both", "time_constant": "10 s"}, "test")
    with open_bench(settings=settings) as bench:
        expected, planned = dict(sweep.expected(bench)), sweep.duration(bench)
        start = bench.clock.now()
        result = Run(sweep, tmp_path_factory.mktemp("turned"), name="angle-sweep").execute(bench)
        duration = planned / (bench.clock.now() - start)
    assert result.path is not None and result.state == "finished", result.reason
    run = load_run(result.path)
    return Story(run, analyze_angle_sweep(run, sample_of(run)), expected, duration)


def test_amplitude_phase_and_constant_are_those_of_the_twin(turned: Story) -> None:
    sample = sample_of(turned.run)
    stack = sample.stack()
    torque = TORQUE * sample.current_density(0.04) / 5e10
    torques = tilt_profile(stack.single_film, field=0.05, torque_top=-torque, torque_bottom=torque)
    induction = oersted_field(OFFSET, 320.0, 50e-6, 0.04)
    oersted = tilt_profile(stack.single_film, field=0.05, calibration_field=induction)
    amplitude, constant = (GAIN * complex(kerr_angle(stack, tilt)) for tilt in (torques, oersted))
    for channel, read in (("rotation", lambda angle: angle.real), ("ellipticity", lambda angle: -angle.imag)):
        truth = {
            "amplitude": read(amplitude), "phase": -ZERO, "constant": read(constant), "twofold_cosine": 0.0,
            "twofold_sine": 0.0,
        }  # fmt: skip
        for name, value in truth.items():
            found = turned.finding.quantities[f"{name}_{channel}"]
            assert found.std is not None and abs(found.value - value) < 3 * found.std, name
        amplitude_std = turned.finding.quantities[f"amplitude_{channel}"].std
        assert amplitude_std is not None and amplitude_std < 0.05 * abs(read(amplitude))
        assert amplitude_std == pytest.approx(turned.expected[f"amplitude_{channel}"].std, rel=0.35)
    assert set(turned.expected) - {"signal"} == set(turned.finding.quantities)
    assert turned.finding.warnings == ()
    assert 0.8 < turned.duration < 1.2
    assert len(turned.finding.figure().axes) == 2


def test_polarisation_follows_the_magnetisation(turned: Story) -> None:
    offsets = np.degrees(turned.run["polarization"] - turned.run["field_angle_set"]) % 180
    np.testing.assert_allclose(sorted(set(np.round(offsets.to_numpy(), 6))), [45, 135])
    plates = np.degrees(turned.run["polarization_plate"])
    assert plates.min() >= 0 and plates.max() < 90.1


def test_quadratic_effect_of_a_polarisation_left_behind_is_warned_of(turned: Story) -> None:
    run = turned.run.copy(deep=True)
    wrong = 20e-9 * np.cos(2 * run["field_angle_set"])  # what 2 B cos 2(phi - alpha) makes at a constant alpha
    run["kerr_signal"] = run["kerr_signal"] + wrong
    run["x"] = run["kerr_signal"] * run["sum"] * math.sqrt(2)
    run["y"] = turned.run["y"]
    run.attrs = turned.run.attrs
    warnings = analyze_angle_sweep(run, sample_of(run)).warnings
    assert any("repeats twice per turn" in text for text in warnings)


def test_angles_that_do_not_tell_a_cosine_from_a_constant_are_refused() -> None:
    angles = np.radians(np.linspace(-20, 20, 9))
    with pytest.raises(IdentifiabilityError, match="cosine"):
        angle_quantities("rotation", angles, np.cos(angles), np.full(9, 0.1))


def test_angles_go_there_and_back() -> None:
    angles = [f"{angle} deg" for angle in range(0, 360, 45)]
    points = list(AngleSweep.from_table({"field_angles": angles, "polarizations": ["45 deg"]}, "test").points())
    asked = [round(math.degrees(point.field_angle or 0)) for point in points]
    assert asked == [0, 90, 180, 270, 315, 225, 135, 45]


def test_procedure_after_an_angle_sweep_has_its_field_along_the_current_again(bench: Bench) -> None:
    assert bench.field_angle is not None
    bench.field_angle.move_to(math.radians(45))
    FieldSweep.from_table({"steps": 3, "time_constant": "10 ms"}, "test").prepare(bench)
    assert bench.field_angle.angle() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"field_angles": ["400 deg"]}, "'field_angles' must hold numbers from -360 to 360 deg"),
        ({"path": "coil"}, "'path' must be one of 'sample'"),
    ],
)
def test_bad_parameters_are_told_in_one_sentence(table: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        AngleSweep.from_table(table, "test")


def test_too_few_directions_and_a_field_that_does_not_turn_are_refused(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated()
    few = [f"{angle} deg" for angle in range(0, 361, 90)]
    with pytest.raises(InputError, match="7 different directions at least; received 4"):
        AngleSweep.from_table({"field_angles": few}, "test").check(bench)
    with pytest.raises(InputError, match=r"field must exceed 0\.9 mT"):
        AngleSweep.from_table({"field": "0.8 mT"}, "test").check(bench)
    with pytest.raises(InputError, match="must have a field_angle"):
        AngleSweep().check(open_simulated(bench__field_angle=None))
