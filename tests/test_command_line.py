"""The command line: bad input gives one line that says what, where and how to mend it, and exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acquisition.cli import main


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("asot: error:")]
    assert ended.value.code == code, captured.err
    assert len(lines) == 1 and "Traceback" not in captured.err, captured.err
    return lines[0]


@pytest.fixture
def sample_file(tmp_path: Path) -> Path:
    text = (Path(__file__).parents[1] / "config/samples/py32-fused-silica.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('thickness = "32 +- 0.5 nm"', 'thickness = "-32 nm"', ["film", "thickness above 0", "-3.2e-08"]),
        ('thickness = "32 +- 0.5 nm"', 'thicknes = "32 nm"', ["'film.thicknes'", "Did you mean 'thickness'?"]),
        ('thickness = "32 +- 0.5 nm"', 'thickness = "32 mA"', ["'film.thickness'", "must be in m", "'32 mA'"]),
        ('thickness = "32 +- 0.5 nm"', "thickness = nan", ["'film.thickness'", "must be finite", "nan"]),
        ('thickness = "32 +- 0.5 nm"', 'thickness = "32 furlongz"', ["'film.thickness'", "furlongz"]),
        ('thickness = "2 nm"', 'thickness = "-2 nm"', ["'above.0.thickness'", "-2 nm"]),
        ('material = "fused-silica"\nthickness', 'material = "unobtainium"\nthickness', ["unobtainium", "materials"]),
        ("[geometry]", "[geometry", ["TOML", "line"]),
        ("[limits]", "[limit]", ["'limit'", "Did you mean 'limits'?"]),
        ('voigt = "0.0036-0.011j"', 'voigt = "big"', ["'film.voigt'", "complex number", "'big'"]),
    ],
)
def test_wrong_sample_file_is_explained_in_one_line(
    capsys: pytest.CaptureFixture[str], sample_file: Path, old: str, new: str, expected: list[str]
) -> None:
    edit(sample_file, old, new)
    line = complaint(capsys, "demo", "--sample", str(sample_file), "--out", str(sample_file.parent / "out"))
    for part in [str(sample_file), *expected]:
        assert part in line
    assert not (sample_file.parent / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["demo", "--sample", "missing.toml"], ["missing.toml", "is no file"]),
        (["demo", "--sample", "py33"], ["'py33'", "py32-fused-silica"]),
        (["demo", "--bench", "simulatet"], ["Did you mean 'simulated'?"]),
        (["demo", "--set", "twin.torque_botom=1e-6"], ["torque_botom", "Did you mean 'torque_bottom'?"]),
        (["demo", "--set", "twin.torque_bottom=nan"], ["torque_bottom", "finite"]),
        (["demo", "--set", "twin.torque_bottom=1 V"], ["torque_bottom", "J/m^2", "'1 V'"]),
        (["demo", "--set", "sample.film.thickness=-32e-9"], ["thickness above 0"]),
        (["demo", "--set", "twin.seed"], ["key=value", "'twin.seed'"]),
        (["demo", "--set", "sample.film.thickness.nm=3"], ["sample", "film.thickness.nm"]),
        (["demo", "--set", "recipe.parameters.steps=2"], ["'steps'", "must lie in 3 to"]),
        (["demo", "--set", "recipe.parameters.largest_field=50"], ["'largest_field'", "must have a unit", "50 mT"]),
        (["demo", "--set", "recipe.parameters.largest_field=300 mT"], ["magnet", "0.3 T"]),
        (["demo", "--set", "recipe.parameters.polarisations=[45]"], ["'polarisations' is unknown", "polarizations"]),
        (["demo", "--set", "recipe.parameters.time_constant=2 s"], ["SR830", "time constant", "2 s"]),
        (["bench", "check", "--set", "bench.stage.y_axis=1"], ["(top level)", "axis of its own"]),
        (["run", "no-such-recipe"], ["no-such-recipe", "field-sweep"]),
        (["run", "field-sweep", "--set", "recipe.procedures.0.procedure=fieldsweep"], ["'procedure'", "field-sweep"]),
        (["run", "field-sweep", "--set", "recipe.procedures.0.path=coli"], ["'path'", "'sample', 'coil'"]),
        (
            ["run", "field-sweep", "--set", "recipe.parameters.current=20 mA"],
            ["'parameters.current'", "without effect", "'20 mA'", "--set recipe.procedures.0.current=..."],
        ),
        (["analyze", "nowhere"], ["nowhere", "does not exist"]),
        (["analyze", "."], ["run-*.h5"]),
        (["analyze", ".", "--current-density", "5 mA"], ["--current-density", "'5 mA'"]),
        (["bench", "show", "nope"], ["'nope'", "simulated"]),
        (["bench", "safe"], ["simulated", "must be one of real instruments"]),
        (["recover", "nowhere"], ["nowhere"]),
    ],
)
def test_wrong_argument_is_explained_in_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    expected: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    line = complaint(capsys, *arguments)
    for part in expected:
        assert part in line
    assert list(tmp_path.iterdir()) == []


def test_unknown_option_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--nope"])
    assert ended.value.code == 2 and "--nope" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "",
        "demo",
        "run",
        "analyze",
        "recover",
        "bench",
        "bench show",
        "bench check",
        "bench safe",
        "bench serve",
        "runs",
        "runs verify",
        "runs list",
        "runs show",
        "runs export",
        "runs follow",
        "runs import",
        "recipe schema",
        "plan",
    ],
)
def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert command in ("", "bench", "runs") or f"Example: asot {command}" in " ".join(text.split())


def test_dry_run_measures_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "asot-demo", "--dry-run", "--out", str(tmp_path / "out")])
    assert ended.value.code == 0
    text = capsys.readouterr().err
    assert "816 points" in text and "within all limits" in text
    assert not (tmp_path / "out").exists()


def test_events_are_json_lines_and_come_after_the_commit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "field-sweep", "--out", str(tmp_path), "--json", "--set", "recipe.procedures.0.steps=3"])
    assert ended.value.code == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["start", *["point"] * 12, "end"]
    assert [event["index"] for event in events[1:-1]] == list(range(12))
    assert Path(events[-1]["path"]).is_file() and events[-1]["status"] == "finished"
    with pytest.raises(SystemExit) as ended:
        main(["runs", "verify", str(tmp_path)])
    assert ended.value.code == 0
