"""Laser-power sweep: heat of the light, extrapolated to none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acquisition import Run, run
from analysis import kerr_angle, load_run, tilt_profile
from analysis.errors import InputError
from analysis.laser_power_sweep import analyze_laser_power_sweep
from analysis.run_groups import sample_of
from instruments import Bench
from instruments.errors import LimitError
from procedures import LaserPowerSweep

TORQUE, HEATING, GAIN = -0.6e-6, -150.0, 0.9  # J/m^2 at 5e10 A/m^2, 1/W


def test_signal_without_light_and_heat_of_the_light_are_those_of_the_twin(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(
        twin__seed=5, twin__torque_bottom=TORQUE, twin__laser_heating=HEATING, twin__gain=GAIN, twin__spot_offset="2 um"
    )
    table = {"transmissions": [1.0, 0.3, 0.5, 0.75], "channel": "ellipticity", "time_constant": "30 s"}
    sweep = LaserPowerSweep.from_table(table, "test")
    expected, planned = sweep.expected(bench), sweep.duration(bench)
    start = bench.clock.now()
    result = Run(sweep, tmp_path, name="laser-power-sweep").execute(bench)
    assert result.path is not None and result.state == "finished", result.reason
    assert planned == pytest.approx(bench.clock.now() - start, rel=0.2)
    assert bench.need("attenuator").transmission() == pytest.approx(1, abs=1e-6)

    run = load_run(result.path)
    finding = analyze_laser_power_sweep(run, sample_of(run))
    stack = sample_of(run).stack()
    torque = TORQUE * sample_of(run).current_density(0.04) / 5e10
    tilt = tilt_profile(stack.single_film, field=0.05, torque_top=-torque, torque_bottom=torque)
    signal = -complex(kerr_angle(stack, tilt)).imag * GAIN
    truth = {"zero_power_signal": signal, "power_slope": signal * HEATING, "laser_heating": HEATING}
    assert set(expected) - {"signal"} == set(finding.quantities)
    for name, value in truth.items():
        found = finding.quantities[f"{name}_ellipticity"]
        assert found.std is not None and abs(found.value - value) < 3 * found.std
        assert found.std < 0.15 * abs(value)
    zero = finding.quantities["zero_power_signal_ellipticity"].std
    assert zero == pytest.approx(expected["zero_power_signal_ellipticity"].std, rel=0.4)
    assert len(finding.warnings) == 1 and "the light changes what it measures" in finding.warnings[0]
    assert len(finding.figure().axes) == 1


def test_strongest_light_of_the_sweep_is_held_against_the_limit_of_the_sample(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(sample__limits__laser_power="1.5 mW")  # of 2 mW
    bench.need("attenuator").set_transmission(0.1)
    with pytest.raises(LimitError, match=r"Laser power must be at most 1\.5 mW"):
        LaserPowerSweep().prepare(bench)
    LaserPowerSweep.from_table({"transmissions": [0.2, 0.4, 0.6], "time_constant": "10 ms"}, "test").prepare(bench)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([0.0, 0.5, 1.0], r"'transmissions' must hold numbers from 0\.001 to 1\."),
        ("half", r"'transmissions' must be a list of numbers\."),
    ],
)
def test_bad_transmissions_are_told_in_one_sentence(value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        LaserPowerSweep.from_table({"transmissions": value}, "test")


def test_bench_without_attenuator_and_powers_too_much_alike_are_refused(
    open_simulated: Callable[..., Bench],
) -> None:
    alike = LaserPowerSweep.from_table({"transmissions": [0.6, 0.8, 1.0]}, "test")
    with pytest.raises(InputError, match="transmissions must hold three different values at least"):
        alike.check(open_simulated())
    with pytest.raises(InputError, match="must have a attenuator"):
        LaserPowerSweep().check(open_simulated(bench__attenuator=None))


def test_strongest_light_is_refused_before_it_falls_on_the_sample(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(sample__limits__laser_power="1.5 mW")
    attenuator = bench.need("attenuator")
    attenuator.set_transmission(0.2)
    sweep = LaserPowerSweep(transmissions=[0.3, 0.6, 1.0])
    result = run(sweep, bench, tmp_path, name="laser-power-sweep")
    assert str(result.state) == "failed" and "transmission 1 would make 2" in result.reason
    assert attenuator.transmission() == pytest.approx(0.3, abs=0.01)


def test_bench_has_its_light_back_afterwards(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    bench = open_simulated()
    bench.need("attenuator").set_transmission(0.8)
    sweep = LaserPowerSweep(transmissions=[0.2, 0.4, 0.5], time_constant="0.01 s", polarizations=["45 deg"])
    assert str(run(sweep, bench, tmp_path, name="laser-power-sweep").state) == "finished"
    assert bench.need("attenuator").transmission() == pytest.approx(0.8, abs=0.01)
