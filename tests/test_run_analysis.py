"""From run files to results: what belongs together, what is left out, what is warned of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from acquisition import load_recipe, run
from analysis.errors import InputError
from analysis.run_analysis import analyze
from instruments import Bench

SECRETS = (0.86e-6, -0.5e-6)


def measure(bench: Bench, folder: Path, batch: str, **parameters: object) -> None:
    from acquisition.runner import Run

    settings = {"parameters.steps": 11, **{key.replace("__", "."): value for key, value in parameters.items()}}
    recipe = load_recipe("asot-demo", settings)
    for planned in recipe.runs:
        one = Run(planned.procedure, folder, name=planned.name, number=planned.number, batch=batch)
        result = one.execute(bench)
        assert result.state == "finished", result.reason


@pytest.fixture(scope="module")
def two_measurements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from instruments import open_bench

    folder = tmp_path_factory.mktemp("runs")
    for batch, secret in zip("ab", SECRETS, strict=True):
        with open_bench(settings={"twin.torque_bottom": secret}) as bench:
            measure(bench, folder, batch)
    return folder


def test_repeated_measurements_of_a_sample_are_not_mixed(two_measurements: Path) -> None:
    results = analyze([two_measurements], current_density=5e10)
    assert results.warnings == ()
    found = [entry.result.torque_bottom for entry in results.samples]
    assert len(found) == 2
    for torque, secret in zip(found, SECRETS, strict=True):
        assert abs(torque.value - secret) < 3 * torque.std


def test_imaginary_torque_belongs_to_the_reported_current_density(two_measurements: Path) -> None:
    at = {density: analyze([two_measurements], current_density=density).samples[0].result for density in (1e10, 5e10)}
    for name in ("imaginary_torque",):
        low, high = (at[density].checks[name] for density in (1e10, 5e10))
        assert high.value == pytest.approx(5 * low.value) and high.std == pytest.approx(5 * low.std)
    with pytest.raises(InputError, match="above 0"):
        analyze([two_measurements], current_density=0.0)


def test_file_changed_after_the_run_is_left_out_by_name(two_measurements: Path, tmp_path: Path) -> None:
    for path in two_measurements.iterdir():
        shutil.copy(path, tmp_path)
    changed = sorted(tmp_path.glob("run-*.h5"))[2]
    with h5py.File(changed, "r+") as file:
        file["entry/data/kerr_signal"][...] *= 2
    results = analyze([tmp_path])
    assert len(results.samples) == 1  # the measurement that is still whole
    assert any(changed.name in text and "was changed" in text for text in results.warnings)


def test_runs_with_different_currents_are_refused_not_averaged(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    measure(open_simulated(), tmp_path, "a", procedures__3__current="20 mA")
    results = analyze([tmp_path])
    assert results.samples == ()
    assert any("must have the same current" in text for text in results.warnings)


def test_wrong_detection_phase_is_warned_of(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    measure(open_simulated(bench__calibration_source__phase="0 rad"), tmp_path, "a")
    warnings = analyze([tmp_path]).warnings
    assert sum("degrees off the detection phase" in text and "calibration_source" in text for text in warnings) == 2


def test_torques_that_are_not_opposite_are_warned_of(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    measure(open_simulated(twin__torque_top=0.86e-6), tmp_path, "a")
    results = analyze([tmp_path])
    assert len(results.samples) == 1
    assert any("do not agree with opposite torques" in text for text in results.warnings)


def test_run_of_its_own_is_no_measurement(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    bench = open_simulated()
    (planned,) = load_recipe("field-sweep", {"procedures.0.steps": 5}).runs
    run(planned.procedure, bench, tmp_path, name=planned.name)
    results = analyze([tmp_path])
    assert results.samples == () and any("missing: sample ellipticity" in text for text in results.warnings)
