"""The paper's numbers again: against values found by other routes, honest about what they can show."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.cli import app
from acquisition.plan import plan_recipe
from acquisition.progress import Report
from acquisition.reproduction_runs import MATERIALS, experiments
from analysis.micromagnetics import tilt_profile
from analysis.optics import kerr_angle
from analysis.published import Comparison, Published, published_values
from analysis.result import Estimate
from analysis.sample import read_sample, series_of_thickness
from analysis.series_file import MEASURED_SERIES, read_series

E_OVER_HBAR = 1.602176634e-19 / 1.054571817e-34


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("reproduction")
    app.main(["reproduce", "--quick", "--out", str(out)], standalone_mode=False)
    return out, json.loads((out / "reproduction.json").read_text(encoding="utf-8"))


def found(document: dict[str, Any], quantity: str, origin: str) -> dict[str, Any]:
    (row,) = [row for row in document["comparisons"] if row["quantity"] == quantity and row["origin"] == origin]
    return dict(row["found"])


def test_measured_series_gives_the_torque_of_a_regression_on_cells_of_04_nm(
    quick: tuple[Path, dict[str, Any]],
) -> None:
    series, (sample, _) = read_series(MEASURED_SERIES), read_sample("py-series-silicon")
    simulated = []
    for stack in series_of_thickness(sample, series.thickness):
        film = stack.single_film
        tilt = tilt_profile(film, cells=round(float(film.thickness) / 0.4e-9), torque_top=-1e-6, torque_bottom=1e-6)
        simulated.append(-kerr_angle(stack, tilt))  # signs as published
    x = np.concatenate([np.real(simulated), np.imag(simulated)])
    y = np.concatenate([series.angles.real, series.angles.imag]) / 2  # from 1e11 to 5e10 A/m^2
    slope = float(x @ y / (x @ x))
    std = float(np.sqrt(np.sum((y - slope * x) ** 2) / (len(x) - 1) / (x @ x)))
    torque = found(quick[1], "torque at the bottom, Py, at 5e10 A/m^2", "measured series")
    assert torque["value"] == pytest.approx(1e-6 * slope, rel=2e-3)
    assert torque["std"] == pytest.approx(1e-6 * std, rel=0.02)
    efficiency = found(quick[1], "spin-torque efficiency, Py", "measured series")
    assert efficiency["value"] == pytest.approx(2 * E_OVER_HBAR * torque["value"] / 5e10)
    conductivity = found(quick[1], "torque conductivity, 32 nm Py", "measured series")
    assert conductivity["value"] == pytest.approx(efficiency["value"] * 4.4e6)


def test_constants_of_the_model_agree_with_the_paper(quick: tuple[Path, dict[str, Any]]) -> None:
    length = found(quick[1], "exchange length, Py", "model")["value"]
    assert length == pytest.approx(np.sqrt(2 * 12.22e-12 * 4e-7 * np.pi / 1.09**2), rel=1e-6)
    model = [row for row in quick[1]["comparisons"] if row["origin"] == "model"]
    assert len(model) == 4
    assert all(abs(row["found"]["value"] / row["published"]["value"] - 1) < 0.03 for row in model)


def test_page_says_that_no_bench_was_opened_and_csv_holds_the_same_numbers(quick: tuple[Path, dict[str, Any]]) -> None:
    out, document = quick
    page = (out / "reproduction.html").read_text(encoding="utf-8")
    assert "no bench was opened" in page and "<script" not in page and page.count("<svg ") == 5
    assert not any(row["origin"] == "simulated bench" for row in document["comparisons"])
    with (out / "reproduction.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["found"]) for row in rows] == [row["found"]["value"] for row in document["comparisons"]]
    assert {path.suffix for path in out.glob("fig-*")} == {".svg", ".pdf", ".png"}


@pytest.mark.parametrize(
    ("published", "bound", "value", "std", "words"),
    [
        (Estimate(1.0, 0.3, "1"), False, 1.5, 0.4, "agrees, +1.0 std"),
        (Estimate(1.0, 0.3, "1"), False, 2.5, 0.4, "differs, +3.0 std"),
        (Estimate(1.0, None, "1"), False, 0.9, 0.1, "agrees, -1.0 std"),
        (Estimate(2.0, None, "1"), False, 2.1, None, "+5.0 %, no uncertainties"),
        (Estimate(4.0, None, "%"), True, -3.0, 0.5, "within the bound"),
        (Estimate(4.0, None, "%"), True, -5.0, 0.5, "2.0 std beyond the bound"),
    ],
)
def test_comparison_counts_standard_deviations(
    published: Estimate, bound: bool, value: float, std: float | None, words: str
) -> None:
    theirs = Published("a quantity", "a page", published, bound)
    assert Comparison("1", theirs, Estimate(value, std, published.unit), "model").words == words


def test_twin_is_given_the_published_conductivities_and_the_bench_bears_its_runs(tmp_path: Path) -> None:
    planned, published = experiments(), published_values()
    for material in MATERIALS:
        settings = planned[f"{material}-loops"].settings
        torque = published[f"{material}_torque_conductivity"].estimate.value
        field = 5e10 / published[f"{material}_conductivity"].estimate.value
        assert 2 * E_OVER_HBAR * settings["twin.torque_bottom"] / field == pytest.approx(torque, rel=1e-6)
        hall, along = settings["twin.anomalous_hall_resistivity"], field / 5e10
        expected = published[f"{material}_hall_conductivity"].estimate.value
        assert hall / (along**2 + hall**2) == pytest.approx(expected, rel=1e-9)
    iron = planned["Fe-transport"]  # the hardest: 2.45 T along the normal
    plan_recipe(iron.recipe, tmp_path, Report(True), sample=iron.sample, settings=iron.settings)
