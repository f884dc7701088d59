"""Recipes over several samples: what they unfold into, the check beforehand, the change of sample, resume."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import pytest

from acquisition import batch
from acquisition.cli import main
from acquisition.progress import Report
from acquisition.recipe import load_recipe, recipe_schema
from analysis import load_run
from analysis.errors import InputError
from analysis.run_groups import measurements, sample_of
from instruments.errors import LimitError
from instruments.manual import Prompt
from instruments.simulation.wire import SimulatedWire

TWO = """
name = "two"
[parameters]
steps = 3
time_constant = "0.1 s"
polarizations = ["45 deg"]
[[samples]]
sample = "py32-fused-silica"
[[samples]]
sample = "py-series-silicon"
set = { name = "py08", "film.thickness" = "8 +- 0.2 nm" }
[[procedures]]
procedure = "field-sweep"
current = "2e10 A/m^2"
"""


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = TWO
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "two.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_sample_gets_all_procedures_with_the_current_of_its_cross_section(tmp_path: Path) -> None:
    path = write(tmp_path, ("current =", 'loop = { channel = ["rotation", "ellipticity"] }\ncurrent ='))
    recipe = load_recipe(path, sample_settings={"geometry.width": "25 um"})
    assert [run.number for run in recipe.runs] == [0, 1, 2, 3]
    assert [run.sample.description.name for run in recipe.runs] == ["py32-fused-silica"] * 2 + ["py08"] * 2
    assert [run.procedure.parameters()["current"] for run in recipe.runs] == pytest.approx([16, 16, 4, 4])
    assert recipe.samples[1].settings == {
        "sample.name": "py08", "sample.film.thickness": "8 +- 0.2 nm", "sample.geometry.width": "25 um",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "two"', 'name = "two"\nsample = "py32-fused-silica"', r"lists \[\[samples\]\] must have no other"),
        ('"film.thickness" =', "film.thickness =", r"'samples.1.set' must give values, not tables as for film"),
        ('"film.thickness"', '"film.thicknes"', r"samples.1: .*'film.thicknes' is unknown"),
        ('"py-series-silicon"', '"py-series-silcon"', "samples.1: .*Did you mean 'py-series-silicon'"),
        ('"py08"', '"py32-fused-silica"', "samples.1: name must tell samples apart"),
        ('"2e10 A/m^2"', '"2e13 A/m^2"', r"'current' must lie in .*Sample py32"),
    ],
)  # fmt: skip
def test_samples_that_cannot_be_right_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_recipe(write(tmp_path, (old, new)))


def test_sample_of_the_command_line_does_not_stand_beside_a_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--sample names 'py32-fused-silica'"):
        load_recipe(write(tmp_path), sample="py32-fused-silica")


def test_shipped_series_hold_density_or_field_whatever_carries_the_current() -> None:
    def currents(name: str) -> list[float]:
        runs = load_recipe(name).runs
        return [run.procedure.parameters()["current"] for run in runs if run.procedure.parameters()["path"] == "sample"]

    assert currents("thickness-series")[::2] == pytest.approx([4, 8, 16, 32, 48])
    film, copper, aluminium = 4.4e6 * 4e-9, 1.5e7 * 3e-9, 0.8e7 * 3e-9  # sheet conductances (S)
    sheets = [film, film, film, film + copper, film + aluminium]
    assert currents("control-samples")[::2] == pytest.approx([1.136e4 * 50e-6 * sheet * 1e3 for sheet in sheets])
    entry = recipe_schema()["$defs"]["SampleTable"]
    assert set(entry["properties"]) == {"sample", "set"} and entry["additionalProperties"] is False


def test_limit_of_the_last_sample_is_met_before_the_first_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedWire, "operator", lambda wire, request: pytest.fail(request))
    path = write(tmp_path, ("8 +- 0.2 nm", '8 nm", "limits.current_density" = "1e10 A/m^2'))
    with pytest.raises(LimitError, match="Current density in py08") as refused:
        batch.run_batch(path, tmp_path / "out", Report(True), settings={})
    assert refused.value.__notes__ == ["This is run 2, on sample py08."]
    assert not (tmp_path / "out").exists()


def test_recipe_goes_on_after_a_stop_at_the_change_of_sample_and_within_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = write(tmp_path), tmp_path / "out"
    asked: list[str] = []
    events: list[dict[str, Any]] = []

    def ask(wire: SimulatedWire, request: str) -> None:
        asked.append(request)
        assert not wire.twin.sample_drive.running
        if len(asked) == 2:
            raise KeyboardInterrupt("no time today")

    def tell(event: dict[str, Any]) -> None:
        events.append(event)
        if len(asked) == 3 and (event.get("run"), event.get("index")) == (1, 2):
            raise KeyboardInterrupt

    def latest() -> str:
        return str(max(out.glob("run-*.h5"), key=lambda file: file.stat().st_mtime_ns))

    monkeypatch.setattr(SimulatedWire, "operator", ask)
    with pytest.raises(KeyboardInterrupt, match="no time today"):
        batch.run_batch(path, out, Report(True), settings={}, events=tell)
    for _ in range(2):
        try:
            batch.run_batch(path, out, Report(True), settings={}, events=tell, resume=latest())
        except KeyboardInterrupt as stopped:
            assert "Stored 3 of 6 points" in str(stopped)
    first, *others = asked
    assert first == "Put sample py32-fused-silica under the microscope, then close the box."
    assert others == ["Put sample py08 under the microscope, then close the box."] * 3
    starts = [(event["run"], event["sample"]) for event in events if event["event"] == "start"]
    assert starts == [(0, "py32-fused-silica"), (1, "py08"), (1, "py08")]
    points = [(event["run"], event["index"]) for event in events if event["event"] == "point"]
    assert points == [(run, index) for run in (0, 1) for index in range(6)]
    with pytest.raises(InputError, match="Nothing is left to do"):
        batch.run_batch(path, out, Report(True), settings={}, resume=latest())
    with pytest.raises(
        InputError, match="run 2 of a recipe, field-sweep on py08, and this one has field-sweep on py09"
    ):
        batch.run_batch(write(tmp_path, ("py08", "py09")), out, Report(True), settings={}, resume=latest())

    finished = [run for file in out.glob("*.h5") if (run := load_run(file)).attrs["status"] == "finished"]
    assert len({run.attrs["batch"] for run in finished}) == 1
    names = []
    for run in finished:
        with h5py.File(run.attrs["path"]) as file:
            names.append(file["entry/sample/name"].asstr()[()])
    assert sorted(names) == ["py08", "py32-fused-silica"]
    groups = measurements(finished)
    thicknesses = {sample_of(runs[0]).name: sample_of(runs[0]).film.thickness.value for runs in groups}
    assert thicknesses == {"py32-fused-silica": 32e-9, "py08": 8e-9}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "words", "code"),
    [
        (Terminal("\n"), ["Press Enter when it is done"], 0),
        (Terminal("q\n"), ["interrupted", "Stopped by the operator, who was asked: Put sample py08"], 1),
        (Terminal(""), ["Stopped by the operator"], 1),
        (io.StringIO("\n"), ["operator: is needed, and nobody is asked", "Put sample py08"], 1),
    ],
)
def test_person_at_a_terminal_is_asked_and_without_one_the_request_is_named(
    stdin: io.StringIO, words: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_batch(*arguments: object, prompt: Prompt, **rest: object) -> list[object]:
        prompt("Put sample py08 under the microscope.")
        return []

    monkeypatch.setattr(batch, "run_batch", run_batch)
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(SystemExit) as ended:
        main(["run", "field-sweep"])
    captured = capsys.readouterr()
    assert ended.value.code == code
    assert all(text in captured.err for text in words) and not captured.out.strip()
