"""Current sweep: proportional torque, heat at the third power and at the second harmonic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray

from acquisition import Run, load_recipe
from analysis import kerr_angle, load_run, tilt_profile
from analysis.current_sweep import analyze_current_sweep
from analysis.errors import InputError
from analysis.finding import Finding
from analysis.result import Estimate
from analysis.run_groups import sample_of
from instruments import Bench, open_bench
from instruments.errors import LimitError
from procedures import CurrentSweep
from procedures.order import there_and_back

TORQUE, HEAT, SECOND, GAIN = 0.7e-6, 200.0, 4e-6 - 8e-6j, 0.96
"""J/m^2 at 5e10 A/m^2, 1/A^2, rad/A^2; the twin's gain, which a sweep without calibration does not know."""


class Story(NamedTuple):
    """A run, what was found and expected, and planned over virtual time."""

    run: xarray.Dataset
    finding: Finding
    expected: dict[str, Estimate]
    duration: float


def measured(bench: Bench, folder: Path, **parameters: object) -> Story:
    procedure = CurrentSweep.from_table(parameters, "test", bench.sample)
    expected, planned = dict(procedure.expected(bench)), procedure.duration(bench)
    start = bench.clock.now()
    result = Run(procedure, folder, name="current-sweep").execute(bench)
    assert result.path is not None and result.state == "finished", result.reason
    duration = planned / (bench.clock.now() - start)
    run = load_run(result.path)
    return Story(run, analyze_current_sweep(run, sample_of(run)), expected, duration)


@pytest.fixture(scope="module")
def heated(tmp_path_factory: pytest.TempPathFactory) -> Story:
    twin = {
        "twin.seed": 3, "twin.torque_bottom": TORQUE, "twin.heating_first_harmonic": HEAT,
        "twin.heating_second_harmonic": SECOND, "twin.gain": GAIN, "twin.spot_offset": "1 um",
    }  # fmt: skip
    with open_bench(settings=twin) as bench:
        return measured(
            bench, tmp_path_factory.mktemp("heated"), channel="both", second_harmonic="own points",
            currents=["10 mA", "25 mA", "40 mA"], time_constant="30 s",
        )  # fmt: skip


def pull(estimate: Estimate, truth: float) -> float:
    assert estimate.std is not None and estimate.std > 0
    return (estimate.value - truth) / estimate.std


def test_torque_of_the_twin_is_the_slope_at_small_current_with_the_signs_of_the_set_up(heated: Story) -> None:
    stack = sample_of(heated.run).stack()
    torque = TORQUE * sample_of(heated.run).current_density(1.0) / 5e10  # per ampere
    tilt = tilt_profile(stack.single_film, field=0.05, torque_top=-torque * 1e-3, torque_bottom=torque * 1e-3)
    angle = complex(kerr_angle(stack, tilt)) * 1e3 * GAIN
    for channel, truth in (("rotation", angle.real), ("ellipticity", -angle.imag)):
        found = heated.finding.quantities[f"initial_slope_{channel}"]
        assert abs(pull(found, truth)) < 3
        assert found.std is not None and found.std < 0.1 * abs(truth)


def test_heat_is_found_at_both_harmonics_and_warned_of(heated: Story) -> None:
    quantities = heated.finding.quantities
    for channel, second in (("rotation", SECOND.real), ("ellipticity", -SECOND.imag)):
        assert abs(pull(quantities[f"cubic_fraction_{channel}"], HEAT * 0.04**2)) < 3
        assert abs(pull(quantities[f"second_harmonic_{channel}"], GAIN * second)) < 3
        assert abs(pull(quantities[f"second_harmonic_odd_{channel}"], 0.0)) < 3
        assert quantities[f"second_harmonic_{channel}"].p_value() < 1e-3
    assert any("ellipticity: the signal is not proportional to the current" in text for text in heated.finding.warnings)
    assert sum("heat at the second harmonic" in text for text in heated.finding.warnings) == 2


def test_uncertainty_and_duration_are_those_expected_beforehand(heated: Story) -> None:
    assert set(heated.expected) - {"signal"} == set(heated.finding.quantities)
    for name in ("slope_rotation", "initial_slope_ellipticity", "second_harmonic_rotation"):
        assert heated.finding.quantities[name].std == pytest.approx(heated.expected[name].std, rel=0.35)
    assert 0.8 < heated.duration < 1.2


def test_every_panel_of_the_figure_has_data_and_a_line(heated: Story) -> None:
    assert len(heated.finding.curves) == 6
    assert len(heated.finding.figure().axes) == 6
    for curve in heated.finding.curves:
        assert curve.fit_y is not None and np.all(np.isfinite(curve.fit_y)) and np.all(np.isfinite(curve.y))


def test_wrong_phase_and_opposite_polarisations_are_warned_of(heated: Story) -> None:
    turned = heated.run.copy(deep=True)
    turn = 1j ** (1 / 3) * (turned["x"] + 1j * turned["y"])
    turned["kerr_signal"] = turned["kerr_signal"] / turned["x"] * turn.real
    turned["x"], turned["y"] = turn.real, turn.imag
    assert any("+30 degrees off the detection phase" in text for text in warnings_of(turned, heated.run))
    fixed = heated.run.copy(deep=True)  # a quarter-wave plate that does not follow
    sign = xarray.where(fixed["polarization"] > 1.5, -1.0, 1.0)
    fixed["kerr_signal"], fixed["x"] = sign * fixed["kerr_signal"], sign * fixed["x"]
    assert any("polarisations report opposite signs" in text for text in warnings_of(fixed, heated.run))


def warnings_of(run: xarray.Dataset, origin: xarray.Dataset) -> tuple[str, ...]:
    run.attrs = origin.attrs
    return analyze_current_sweep(run, sample_of(run)).warnings


def test_without_heat_the_line_is_straight_and_nothing_is_warned_of(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    story = measured(
        open_simulated(twin__seed=2), tmp_path, channel="ellipticity", currents=["10 mA", "2.5e10 A/m^2", "25 mA"],
        time_constant="10 s",
    )  # fmt: skip
    assert story.finding.warnings == ()
    assert abs(pull(story.finding.quantities["cubic_fraction_ellipticity"], 0.0)) < 3
    chi2 = story.finding.quantities["chi2_ellipticity"]
    assert chi2.dof == 2 and chi2.value < 14
    np.testing.assert_allclose(np.unique(story.run["current_set"]), [0.01, 0.025, 0.04])


def test_in_the_coil_the_even_part_is_the_calibration_signal(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(twin__gain=GAIN)
    story = measured(
        bench, tmp_path, path="coil", currents=["100 mA", "200 mA", "400 mA"], polarizations=["45 deg"]
    )  # fmt: skip
    film = sample_of(story.run).stack().single_film
    tilt = tilt_profile(film, field=0.05, calibration_field=2.125e-3)
    truth = complex(kerr_angle(sample_of(story.run).stack(), tilt)).real * GAIN
    found = story.finding.quantities["slope_rotation"]
    assert abs(pull(found, truth)) < 3 and found.std is not None and found.std < 0.02 * truth


def test_software_lock_in_gives_the_second_harmonic_beside_the_first(tmp_path: Path) -> None:
    with open_bench("simulated-daq", settings={"twin.heating_second_harmonic": 2e-3 + 0j}) as bench:
        story = measured(
            bench, tmp_path, currents=["20 mA", "30 mA", "40 mA"], polarizations=["45 deg"], time_constant="10 ms"
        )
    assert set(np.unique(story.run["harmonic"])) == {1.0}
    found = story.finding.quantities["second_harmonic_rotation"]
    assert abs(pull(found, 0.96 * 2e-3)) < 3 and found.std is not None and found.std < 0.1 * found.value


def test_currents_go_up_and_down_with_the_field_reversed_once_at_each() -> None:
    sweep = CurrentSweep.from_table({"currents": ["30 mA", "10 mA", "40 mA", "20 mA"]}, "test")
    points = list(sweep.points())
    assert [round(1e3 * (point.current or 0)) for point in points[:8:2]] == [10, 30, 40, 20]
    assert [np.sign(point.field or 0) for point in points[:8]] == [1, -1, -1, 1, 1, -1, -1, 1]
    assert sorted(point.sequence for point in points) == list(range(16))
    assert there_and_back(range(5)) == [0, 2, 4, 3, 1]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"currents": [10, 20, 40]}, "'currents' must have a unit"),
        ({"currents": ["10 mA", "-20 mA"]}, "'currents' must hold numbers from 0.001 to 1000 mA"),
        ({"current": "40 mA"}, "key 'current' is unknown"),
        ({"second_harmonic": "yes"}, "'second_harmonic' must be one of 'beside', 'own points'"),
    ],
)
def test_bad_parameters_are_told_in_one_sentence(table: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        CurrentSweep.from_table(table, "test")


def test_currents_and_fields_that_cannot_answer_are_refused_before_anything_is_sent(bench: Bench) -> None:
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"currents": ["20 mA", "40 mA", "20 mA"]}, InputError, "currents must hold three different .* 20, 40, 20 mA"),
        ({"currents": ["30 mA", "35 mA", "40 mA"]}, InputError, "currents must hold .*largest twice the smallest"),
        ({"field": "0.8 mT"}, InputError, "field must exceed 0.9 mT, 3 coercive fields .* received 0.8 mT"),
        ({"currents": ["10 mA", "20 mA", "100 mA"]}, LimitError, "Current density .* must be at most"),
        ({"field": "0.3 T"}, LimitError, r"field must lie within 0\.2 T"),
    ]
    for table, error, words in cases:
        with pytest.raises(error, match=words):
            CurrentSweep.from_table(table, "test", bench.sample).check(bench)
    assert bench.sample_source.amplitude() == 0


def test_recipe_measures_both_harmonics() -> None:
    (planned,) = load_recipe("current-sweep").runs
    name, procedure = planned.name, planned.procedure
    assert name == "current-sweep" and {point.harmonic for point in procedure.points()} == {1, 2}
