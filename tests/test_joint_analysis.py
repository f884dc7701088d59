"""Joint results of several samples: a thickness series, and control samples against a thick film."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from acquisition import batch
from acquisition.cli import main
from acquisition.progress import Report
from analysis.finding import Finding
from analysis.result import Estimate
from analysis.run_analysis import Analysis, analyze
from analysis.thickness_series import analyze_thickness_series, thickness_series
from instruments.simulation.wire import SimulatedWire

BOTTOM, TOP = 0.86e-6, -0.80e-6  # J/m^2 at 5e10 A/m^2
PER_TORQUE = 3.0385348e15  # 2 e / hbar

SAMPLES = """
name = "several"
[parameters]
largest_field = "50 mT"
steps = 6
channel = "both"
polarizations = ["45 deg"]
{samples}
[[procedures]]
procedure = "field-sweep"
path = "coil"
current = "400 mA"
time_constant = "0.3 s"
[[procedures]]
procedure = "field-sweep"
path = "sample"
current = "{drive}"
time_constant = "{time_constant}"
"""
SERIES = "".join(
    f'[[samples]]\nsample = "py-series-silicon"\nset = {{ name = "py{d:02}", "film.thickness" = "{d} +- 0.2 nm", '
    f'"film.conductivity" = "{sigma} +- 0.1e6 S/m" }}\n'
    for d, sigma in ((8, 3.4e6), (20, 4.2e6), (40, 4.4e6))
)
CONTROLS = """
[[samples]]
sample = "py04-capped"
set = { name = "oxide" }
[[samples]]
sample = "py04-capped"
set = { name = "copper", above = [{ material = "Cu", thickness = "3 nm", conductivity = "1.5e7 S/m" }] }
"""


def measure(folder: Path, samples: str, drive: str, time_constant: str = "30 s", **twin: float) -> Analysis:
    path = folder / "several.toml"
    path.write_text(SAMPLES.format(samples=samples, drive=drive, time_constant=time_constant), encoding="utf-8")
    settings = {f"twin.{key}": value for key, value in twin.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimulatedWire, "operator", lambda wire, request: None)
        batch.run_batch(path, folder / "out", Report(True), settings=settings)
    return analyze([folder / "out"])


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Analysis]:
    folder = tmp_path_factory.mktemp("series")
    return folder / "out", measure(folder, SERIES, "2e10 A/m^2")


def noise_pull(estimate: Estimate | None, truth: float) -> float:
    """Distance from the truth in units of the noise: the twin has no other errors."""
    assert estimate is not None and estimate.noise_std
    return (estimate.value - truth) / estimate.noise_std


def test_series_finds_the_efficiency_of_the_twin(series: tuple[Path, Analysis]) -> None:
    found = series[1].series
    assert found is not None and found.held == "current density" and series[1].warnings == ()
    assert [entry.sample.name for entry in found.entries] == ["py08", "py20", "py40"]
    assert found.result.current_density.value == pytest.approx(2e10, rel=1e-3)
    efficiency = found.result.efficiency
    assert abs(noise_pull(efficiency, PER_TORQUE * BOTTOM / 5e10)) < 3
    assert efficiency.noise_std and efficiency.std
    assert 0.001 < efficiency.noise_std / efficiency.value < 0.01 < efficiency.std / efficiency.value < 0.06
    assert abs(noise_pull(found.result.torque_conductivity, PER_TORQUE * BOTTOM / 5e10 * 4.4e6)) < 3
    assert found.result.p_value > 1e-3 and found.poor == ()


def test_series_is_printed_and_drawn_and_stands_in_the_json(
    series: tuple[Path, Analysis], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["analyze", str(series[0]), "--json", "--current-density", "5e10 A/m^2"])
    document = json.loads(capsys.readouterr().out)["series"]
    assert document["samples"] == ["py08", "py20", "py40"] and document["held"] == "current density"
    assert document["current_density"]["value"] == 5e10
    assert abs(document["torque_bottom"]["value"] - BOTTOM) < 3 * document["torque_bottom"]["std"]
    assert set(document["residuals"]) == {"py08", "py20", "py40"} and document["poorly_described"] == []
    found = series[1].series
    assert found is not None
    Report().series_result(found)
    assert "Thickness series: py08, py20, py40; same current density" in capsys.readouterr().out
    angles, residuals = found.figure().axes
    assert residuals.get_xlabel() == "Film thickness (nm)"
    assert len(angles.get_legend().get_texts()) == 4


def test_film_of_another_thickness_than_stated_is_named(series: tuple[Path, Analysis]) -> None:
    entries = list(series[1].samples)
    thin = entries[0].sample
    film = thin.film.model_copy(update={"thickness": thin.film.thickness.model_copy(update={"value": 6e-9})})
    wrong = replace(entries[0], sample=thin.model_copy(update={"film": film}))
    (group,) = thickness_series([wrong, *entries[1:]])
    found = analyze_thickness_series(group)
    assert found.poor == ("py08",)
    assert any("py08 poorly described" in text and "imbalance" in text for text in found.warnings)


def test_samples_that_differ_in_more_than_thickness_are_no_series(series: tuple[Path, Analysis]) -> None:
    entries = list(series[1].samples)
    changed = replace(entries[0], sample=entries[0].sample.model_copy(update={"above": [], "below": []}))
    assert thickness_series([changed, entries[1]]) == []
    assert thickness_series([entries[1], entries[1]]) == []


@pytest.fixture(scope="module")
def controls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Analysis]:
    folder = tmp_path_factory.mktemp("controls")
    return folder / "out", measure(folder, CONTROLS, "1.136e4 V/m", torque_bottom=BOTTOM, torque_top=TOP)


def quantities(analysis: Analysis) -> Finding:
    (finding,) = [finding for finding in analysis.findings if finding.procedure == "control-samples"]
    return finding


def test_controls_show_the_sum_of_both_torques(controls: tuple[Path, Analysis]) -> None:
    found = quantities(controls[1]).quantities
    density = 1.136e4 * 4.4e6  # in the film, whatever the cap carries beside it
    for name in ("oxide", "copper"):
        total = found[f"total_torque_{name}"]
        assert abs(noise_pull(total, (BOTTOM + TOP) * density / 5e10)) < 3
        assert total.std is not None and total.std < 0.1 * total.value
        conductivity = found[f"total_conductivity_{name}"]
        assert conductivity.value == pytest.approx(PER_TORQUE * total.value / 1.136e4, rel=1e-3)
    assert not any("opposite torques" in text for text in controls[1].warnings)


def test_controls_are_compared_with_the_conductivity_given(controls: tuple[Path, Analysis]) -> None:
    share = quantities(analyze([controls[0]], reference_conductivity=2.3e5)).quantities["share_oxide"]
    expected = 100 * PER_TORQUE * (BOTTOM + TOP) / 5e10 * 4.4e6 / 2.3e5
    assert share.unit == "%" and share.std is not None and abs(share.value - expected) < 3 * share.std < 0.3 * expected


def test_controls_are_compared_with_a_series_of_the_same_material(
    series: tuple[Path, Analysis], controls: tuple[Path, Analysis]
) -> None:
    together = quantities(analyze([series[0], controls[0]]))
    bottom = together.quantities["bottom_conductivity_series"]
    share = together.quantities["share_copper"]
    total = together.quantities["total_conductivity_copper"]
    assert share.value == pytest.approx(100 * total.value / bottom.value)
    (axes,) = together.figure().axes
    assert axes.get_ylabel() == "Total over bottom torque (%)"
