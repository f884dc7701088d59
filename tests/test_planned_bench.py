"""A plan needs no instruments: a planned bench answers as the open one does, and nothing of the wire is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acquisition.cli import main
from acquisition.plan import expect
from acquisition.recipe import load_recipe
from analysis.configuration import names
from analysis.errors import InputError
from instruments import Bench, bench_lock
from instruments.errors import DeviceError, LimitError
from instruments.planned_bench import planned_bench

PLAN = """
import sys
from pathlib import Path
from acquisition.plan import plan_recipe
from acquisition.progress import Report

folder, *recipes = sys.argv[1:]
for recipe in recipes:
    plan_recipe(recipe, Path(folder), Report(True), settings={})
wire = ("nidaqmx", "grpc", "instruments.simulation", "h5py", "xarray")
print([name for name in wire if name in sys.modules])
"""


def test_dry_run_of_every_shipped_recipe_imports_nothing_of_the_wire(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", PLAN, str(tmp_path / "runs"), *names("recipes")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", [["plan"], ["run", "--dry-run"]])
def test_real_bench_is_planned_without_instruments_and_without_its_lock(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(bench_lock, "lock_path", lambda bench: tmp_path / "lock")
    with pytest.raises(SystemExit) as ended:
        main([*command, "field-sweep", "--bench", "lab", "--json", "--out", str(tmp_path / "runs")])
    out, error = capsys.readouterr()
    assert ended.value.code == 0, error
    assert json.loads(out.splitlines()[0])["largest_current"] == 0.04
    assert "Planned on the bench 'lab' with sample 'py32-fused-silica'; no instrument was asked" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["simulated", "simulated-daq"])
def test_planned_bench_foretells_what_the_open_one_does(open_simulated: Callable[..., Bench], name: str) -> None:
    bench, planned = open_simulated(name), planned_bench(name)
    runs = load_recipe("asot-pair").runs
    assert {run.name for run in runs} >= {"field-sweep", "resistance", "pickup", "dark-offsets", "position-scan"}
    for run in runs[:11]:
        assert expect(run, planned) == expect(run, bench)
    refusals: list[Callable[[Any], object]] = [
        lambda one: one.check_current("sample", 1.0),
        lambda one: one.check_current("coil", 1.0),
        lambda one: one.check_current("coil", 1e-9),
        lambda one: one.check_frequency("sample", 1e7),
        lambda one: one.check_field(1.0),
        lambda one: one.stage.check_move(1.0, 0.0),
        lambda one: one.lock_in.check_filter(time_constant=1e6, slope=24),
    ]
    for refuse in refusals:
        with pytest.raises(LimitError) as expected:
            refuse(bench)
        with pytest.raises(LimitError) as received:
            refuse(planned)
        assert str(received.value) == str(expected.value)


@pytest.mark.parametrize("name", ["simulated", "simulated-daq", "lab"])
def test_what_would_have_to_be_sent_or_read_is_refused_on_a_planned_bench(name: str) -> None:
    with planned_bench(name) as planned:
        for talk in (
            lambda: planned.magnet.set_field(0.01),
            lambda: planned.sample_source.set_amplitude(0.01),
            lambda: planned.lock_in.read(),
            lambda: planned.stage.move_to(0.0, 0.0),
            lambda: planned.quarter_wave.insert(True),
            lambda: planned.relay.select("coil"),
            lambda: planned.sum_detector.read(),
        ):
            with pytest.raises(DeviceError, match=r"is not connected: its bench is a plan\. Open the bench with"):
                talk()


# ----------------------------------------------------------- what is asked wrongly


def test_target_that_cannot_be_read_is_refused_before_anything_is_planned(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "asot-demo", "--bench", "lab", "--target", "1 kg", "--out", str(tmp_path)])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("asot: error: --target must be in J/m^2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[procedures]\nprocedure = "noise"', r"Received one table, \[procedures\]\. Write \[\[procedures\]\] above"),
        ('[[procedures]]\nprocedure = "feild-sweep"', r"Received 'feild-sweep'\. Did you mean 'field-sweep'\?"),
        ('[[procedures]]\nprocedure = "noise"\nspaceing = "2 s"', r"'spaceing' is unknown\. Did you mean 'spacing'\?"),
        ('procedures = ["noise"]', r"'procedures\.0' must be a table\. Received 'noise'\."),
    ],
)
def test_slip_in_a_recipe_is_told_with_what_was_meant(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "slip.toml"
    path.write_text(f'name = "slip"\n{text}\n', encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_recipe(path)
