"""The standard measurement of one sample: its recipe, and what drifted between beginning and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acquisition import Run, load_recipe
from analysis import load_run
from analysis.asot_pair import analyze_asot_pair
from analysis.finding import Finding
from analysis.result import Estimate
from analysis.run_analysis import analyze
from analysis.run_groups import sample_of
from instruments import Bench, open_bench

RISE = 0.05  # of the detector's gain between the ASOT runs and the second calibration
FEW: dict[str, Any] = {
    "procedures.9.steps": 6, "procedures.10.steps": 6, "procedures.13.steps": 6, "procedures.10.repeats": 1,
    "procedures.10.time_constant": "10 s",
}  # fmt: skip


def measure(bench: Bench, folder: Path, numbers: tuple[int, ...]) -> None:
    recipe = load_recipe("asot-pair", FEW)
    for planned in (run for run in recipe.runs if run.number in numbers):
        run = Run(planned.procedure, folder, name=planned.name, number=planned.number, batch="pair")
        assert run.execute(bench).state == "finished"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    with open_bench() as bench:
        measure(bench, folder, (9, 10, 13))
    return folder


def drifts(folder: Path) -> Finding:
    (finding,) = [finding for finding in analyze([folder]).findings if finding.procedure == "asot-pair"]
    return finding


def test_steady_set_up_shows_no_drift_and_the_torque_of_the_twin(pair: Path) -> None:
    results = analyze([pair], current_density=5e10)
    (entry,) = results.samples
    torque = entry.result.torque_bottom
    assert len(entry.runs) == 3 and torque.noise_std
    assert abs(torque.value - 0.86e-6) < 3 * torque.noise_std < 0.09e-6
    (finding,) = results.findings
    drift = finding.quantities["calibration_drift"]
    assert set(finding.quantities) == {"calibration_drift"} and drift.std
    assert abs(drift.value) < 3 * drift.std < 0.015
    assert results.warnings == finding.warnings == ()


def test_gain_that_rose_before_the_second_calibration_is_told(
    open_simulated: Callable[..., Bench], pair: Path, tmp_path: Path
) -> None:
    for path in pair.iterdir():
        if path.suffix != ".h5" or load_run(path).attrs["number"] != 13:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    measure(open_simulated(twin__gain=0.96 * (1 + RISE)), tmp_path, (13,))
    finding = drifts(tmp_path)
    drift = finding.quantities["calibration_drift"]
    assert drift.std and abs(drift.value - RISE) < 3 * drift.std
    (warning,) = finding.warnings
    assert "second calibration differs from the first by +" in warning and "mean" in warning
    (axes,) = finding.figure().axes
    assert axes.get_ylabel() == "Signal from the mean (%)"


@pytest.mark.parametrize(
    ("name", "values", "drift", "expected", "words"),
    [
        ("centre_y", (10e-6, 11.5e-6), "centre_drift_y", 1.5e-6, "Centre y drifted by +1.50 um"),
        ("centre_x", (10e-6, 9.5e-6), "centre_drift_x", -0.5e-6, None),
        ("resistance", (7.0, 7.21), "resistance_drift", 0.03, r"Resistance drifted by +3.0 %"),
        ("resistance", (7.0, 7.03), "resistance_drift", 0.03 / 7, None),
    ],
)
def test_what_is_measured_before_and_after_is_compared(
    pair: Path, name: str, values: tuple[float, float], drift: str, expected: float, words: str | None
) -> None:
    runs = [load_run(path) for path in sorted(pair.glob("*.h5"))]
    first, _, last = sorted(runs, key=lambda run: run.attrs["number"])
    findings = [
        Finding("other", "py", (Path(run.attrs["path"]).name,), {name: Estimate(value, 1e-3 * value, "m")})
        for run, value in ((last, values[1]), (first, values[0]))
    ]
    pair_finding = analyze_asot_pair(runs, findings, sample_of(first))
    assert pair_finding is not None
    assert pair_finding.quantities[drift].value == pytest.approx(expected)
    assert [words in text for text in pair_finding.warnings] == [True] if words else pair_finding.warnings == ()
    alone = analyze_asot_pair(runs, findings[:1], sample_of(first))
    assert alone is not None and drift not in alone.quantities
    elsewhere = [replace(finding, runs=("run-of-another-day.h5",)) for finding in findings]
    alone = analyze_asot_pair(runs, elsewhere, sample_of(first))
    assert alone is not None and drift not in alone.quantities


def test_recipe_takes_about_an_hour(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated()
    assert 45 < sum(run.procedure.duration(bench) for run in load_recipe("asot-pair").runs) / 60 < 75
