"""A blank on the simulated bench: its background, its null, and what taking it off does to a torque from below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acquisition import load_recipe
from acquisition.runner import Run
from analysis.configuration import validate
from analysis.errors import AnalysisError, InputError
from analysis.result import Estimate
from analysis.run_analysis import Analysis, analyze
from analysis.run_file import load_run
from analysis.run_groups import run_files, sample_of
from analysis.sample import FilmTable, read_sample
from analysis.substrate_background import analyze_blank
from instruments import open_bench

BELOW = {
    "bench.light_side": "bottom",
    "bench.sum_detector.gain": 0.96,  # the twin's: Faraday rotation is an absolute angle
    "twin.verdet_constant": 2.3,
    "twin.substrate_thickness": "0.5 mm",
}
STEPS = 6


def measure(folder: Path, recipe: str, sample: str, **twin: Any) -> Path:
    settings = BELOW | {f"twin.{key}": value for key, value in twin.items()}
    with open_bench(sample=sample, settings=settings) as bench:
        for planned in load_recipe(recipe, {"parameters.steps": STEPS}, sample=sample).runs:
            one = Run(planned.procedure, folder, name=planned.name, number=planned.number, batch=recipe)
            result = one.execute(bench)
            assert result.state == "finished", result.reason
    return folder


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measure(tmp_path_factory.mktemp("blank"), "substrate", "blank-al", seed=11, pick_up="20 nV")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measure(tmp_path_factory.mktemp("sample"), "asot-demo", "py32-fused-silica", seed=12, pick_up="20 nV")


def pull(found: Estimate, truth: float) -> float:
    assert found.std is not None
    return abs(found.value - truth) / found.std


def torque(analysis: Analysis) -> Estimate:
    return analysis.samples[0].result.torque_bottom


def test_blank_is_recognised_and_shows_faraday_rotation_and_pick_up_but_no_torque(blank: Path) -> None:
    analysis = analyze([blank])
    assert analysis.samples == () and analysis.warnings == ()
    (finding,) = analysis.findings
    found = finding.quantities
    assert (finding.procedure, finding.sample) == ("substrate", "blank-al")
    faraday = found["faraday_rotation"]
    assert faraday.noise_std is not None and abs(faraday.value - 2 * 2.3 * 0.5e-3) < 3 * faraday.noise_std
    assert faraday.noise_std < 0.01 * faraday.value and faraday.std == pytest.approx(0.0188 * faraday.value, rel=0.1)
    assert found["pick_up_coil"].value > 5 * (found["pick_up_coil"].std or 0)
    for channel in ("rotation", "ellipticity"):
        null = found[f"null_{channel}"]
        assert pull(null, 0.0) < 3 and null.std is not None and null.std < 5e-9
    assert found["null_bound"].value < 15e-9


def test_torque_from_below_is_biased_by_the_substrate_and_right_with_the_blank(sample: Path, blank: Path) -> None:
    plain, corrected = analyze([sample], current_density=5e10), analyze([sample], current_density=5e10, blank=[blank])
    assert plain.samples[0].side == "bottom"
    assert pull(torque(plain), 0.86e-6) > 5
    assert pull(torque(corrected), 0.86e-6) < 3 and (torque(corrected).std or 1) < 0.08e-6
    inputs = {entry.name for entry in corrected.samples[0].result.systematics}
    assert {"pickup_rotation", "pickup_ellipticity"} <= inputs
    (finding,) = corrected.findings
    null, bound = finding.quantities["null_torque"], finding.quantities["null_torque_bound"]
    assert "py32-fused-silica" in finding.sample
    assert pull(null, 0.0) < 3 and bound.value < 0.2e-6
    assert corrected.warnings == ()


def test_blank_that_does_not_fit_is_refused(sample: Path, blank: Path) -> None:
    with pytest.raises(InputError, match="must be one measurement of a sample with voigt = 0"):
        analyze([sample], blank=[sample])
    runs = [load_run(path) for path in run_files([blank])]
    background = analyze_blank(runs, sample_of(runs[0]))
    with pytest.raises(AnalysisError, match="Side of the light must be that of the blank, 'bottom'"):
        background.pickups([run.assign_attrs(light_side="top") for run in runs])
    with pytest.raises(AnalysisError, match="missing: sample ellipticity"):
        analyze_blank(runs[:3], sample_of(runs[0]))


def test_film_without_voigt_parameter_needs_no_magnetic_constants() -> None:
    described, _ = read_sample("blank-al")
    assert not described.film.magnetic
    table = {
        "material": "Py", "n": 2.0, "k": 4.0, "voigt": 0.01, "thickness": "5 nm", "conductivity": "4e6 S/m",
    }  # fmt: skip
    with pytest.raises(InputError, match="saturation_induction"):
        validate(FilmTable, table, "test")
