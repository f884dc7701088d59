"""Recipes, dry runs, locks, recovery, followers, and the commands that look at runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from acquisition.cli import main
from acquisition.follow import follow
from acquisition.journal import Journal
from acquisition.recipe import load_recipe, recipe_schema
from acquisition.storage import recover
from analysis import load_run
from analysis.errors import InputError
from analysis.run_check import check_run
from analysis.run_file import Column
from instruments.bench_lock import BenchInUseError, BenchLock

ROOT = Path(__file__).parents[1]
QUICK = ["--set", "recipe.procedures.0.steps=3", "--set", "recipe.procedures.0.time_constant=0.1 s"]


def asot(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    assert ended.value.code == code, captured.err
    return captured.out, captured.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("runs")
    with pytest.raises(SystemExit) as ended:
        main(["run", "field-sweep", "--out", str(path), *QUICK])
    assert ended.value.code == 0
    return path


# ----------------------------------------------------------- recipes


def write_recipe(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_loops_unfold_into_every_combination_first_key_slowest(tmp_path: Path) -> None:
    path = write_recipe(
        tmp_path / "loops.toml",
        """
name = "loops"
tags = ["a", "b"]
comment = "Sunday"
sample = "py32-fused-silica"
[[procedures]]
procedure = "field-sweep"
steps = 3
loop = { current = ["10 mA", "20 mA"], channel = ["rotation", "ellipticity"] }
""",
    )
    recipe = load_recipe(path)
    values = [(run.procedure.current, run.procedure.channel) for run in recipe.runs]
    assert values == [(10, "rotation"), (10, "ellipticity"), (20, "rotation"), (20, "ellipticity")]
    assert (recipe.samples[0].file, recipe.tags, recipe.comment) == ("py32-fused-silica", ("a", "b"), "Sunday")
    path.write_text(path.read_text().replace('["10 mA", "20 mA"]', '"10 mA"'))
    with pytest.raises(InputError, match="'current' must be a list of values"):
        load_recipe(path)


def test_schema_names_every_parameter_of_every_procedure_and_shipped_recipes_keep_it() -> None:
    schema = json.loads(json.dumps(recipe_schema()))
    variants = {entry["title"]: entry for entry in schema["properties"]["procedures"]["items"]["oneOf"]}
    sweep = variants["field-sweep"]
    assert sweep["properties"]["path"]["enum"] == ["sample", "coil"]
    assert sweep["properties"]["current"] | {"default": "40 mA", "type": "string"} == sweep["properties"]["current"]
    import tomllib

    for path in (ROOT / "config/recipes").glob("*.toml"):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        assert set(data) <= set(schema["properties"])
        for table in data["procedures"]:
            assert set(table) <= set(variants[table["procedure"]]["properties"])


def test_plan_says_points_duration_size_and_largest_values(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, _ = asot(capsys, "plan", "asot-demo", "--json", "--out", str(tmp_path / "out"))
    events = [json.loads(line) for line in out.splitlines()]
    entries = [event for event in events if event["event"] == "plan"]
    assert [entry["points"] for entry in entries] == [204] * 4
    assert_allclose([entry["largest_current"] for entry in entries], [0.4, 0.4, 0.04, 0.04])
    assert_allclose(entries[2]["largest_current_density"], 2.5e10)
    assert entries[0]["largest_field"] == 0.05 and entries[0]["duration"] > 204 * 13
    assert list(tmp_path.iterdir()) == []


def test_very_many_points_are_questioned_and_not_started(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["run", "field-sweep", "--out", str(tmp_path / "out"), "--set", "recipe.procedures.0.steps=30000"]
    _, error = asot(capsys, *arguments, code=2)
    assert "120,000 points" in error and "--yes" in error
    assert not (tmp_path / "out").exists()
    _, error = asot(capsys, *arguments, "--dry-run")
    assert "confirmed" in error


def test_dry_run_refuses_a_disk_without_twice_the_room(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 7_000_000  # the field sweep needs a little over 4 MB

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage)
    _, error = asot(capsys, "plan", "field-sweep", "--out", str(tmp_path), code=1)
    assert "MB free" in error


def test_resume_on_the_command_line_goes_on_with_the_rest_of_the_recipe(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recipe = write_recipe(
        tmp_path / "two.toml",
        """
name = "two"
[parameters]
steps = 3
time_constant = "0.1 s"
polarizations = ["45 deg"]
[[procedures]]
procedure = "field-sweep"
loop = { current = ["10 mA", "20 mA", "30 mA"] }
""",
    )
    out = tmp_path / "out"
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import os
from acquisition import batch
def dying(event):
    if event["event"] == "point" and (event["run"], event["index"]) == (1, 3):
        os._exit(9)
from acquisition.progress import Report
from pathlib import Path
batch.run_batch({str(recipe)!r}, Path({str(out)!r}), Report(True), settings={{}}, events=dying)
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    (journal,) = out.glob("*.journal")
    text, _ = asot(capsys, "run", str(recipe), "--out", str(out), "--resume", journal.stem[-8:], "--json")
    events = [json.loads(line) for line in text.splitlines()]
    assert [(e["run"], e["index"]) for e in events if e["event"] == "point"] == [
        (1, 4), (1, 5), *((2, index) for index in range(6)),
    ]  # fmt: skip
    runs = [load_run(path) for path in out.glob("*.h5")]
    finished = {run.attrs["number"]: run for run in runs if run.attrs["status"] == "finished"}
    assert sorted(finished) == [0, 1, 2] and len(runs) == 4
    assert len({run.attrs["batch"] for run in runs}) == 1
    _, error = asot(capsys, "run", str(recipe), "--out", str(out), "--resume", journal.stem[-8:], code=2)
    assert "Nothing is left to do" in error


# ----------------------------------------------------------- locks, followers, recovery


def test_second_program_on_a_bench_is_refused_by_name_and_a_dead_one_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = f"test-{os.getpid()}"
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
sys.argv[0] = "night-run"
from instruments.bench_lock import BenchLock
with BenchLock({bench!r}):
    print("held", flush=True)
    sys.stdin.read()
"""
    holder = subprocess.Popen(
        [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdin is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BenchInUseError, match=rf"'{bench}'.*night-run \(process {holder.pid} on "):
            BenchLock(bench).__enter__()
    finally:
        holder.kill()
        holder.communicate()
    with BenchLock(bench) as lock:
        path = lock._path
    path.unlink()


def journal_with(path: Path, points: int) -> Journal:
    notes = {"bench": "", "sample": 'name = "py32"\n', "recipe": ""}
    metadata = {
        "run_id": path.stem[-8:], "procedure": "field-sweep", "parameters": {},
        "plot": {"signal": "x", "axis": "x", "title": "x"},
    }  # fmt: skip
    journal = Journal.create(path, metadata, notes, [Column("x", "V", "signal", "measured")])
    for index in range(points):
        journal.append({"x": index})
    journal.flush()
    return journal


def test_recover_finishes_what_a_crash_left_and_touches_nothing_else(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    for path in folder.glob("run-*"):
        shutil.copy(path, tmp_path)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    (tmp_path / "run-20250101T000000Z-00000000.journal").touch()
    ended = journal_with(tmp_path / "run-20250101T000000Z-00000001.journal", 5)
    ended._connection.close()  # the process is gone, nothing was finished
    alive = tmp_path / "run-20250101T000000Z-00000002.journal"
    program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
from test_run_commands import journal_with
from pathlib import Path
journal = journal_with(Path({str(alive)!r}), 3)
print("ready", flush=True)
sys.stdin.read()
journal.close()
"""
    writer = subprocess.Popen(
        [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "ready\n"
        out, _ = asot(capsys, "recover", str(tmp_path))
    finally:
        writer.communicate("")
    lines = out.splitlines()
    assert "never begun" in lines[0] and "5 points of a run whose process died" in lines[1] and "alive" in lines[2]
    assert load_run(tmp_path / "run-20250101T000000Z-00000001.h5").attrs["status"] == "interrupted"
    assert all((path.read_bytes(), path.stat().st_mtime_ns) == facts for path, facts in before.items())
    alive.unlink()
    assert list(recover(tmp_path)) == []


def test_follower_sees_each_point_once_and_the_end(tmp_path: Path) -> None:
    path = tmp_path / "run-20250101T000000Z-00000003.journal"
    with journal_with(path, 2) as journal:
        events = follow(path, interval=0.01)
        assert [next(events)["x"] for _ in range(2)] == [0, 1]
        journal.append({"x": 2})
        journal.flush()
        assert next(events) == {"event": "point", "index": 2, "x": 2.0}
        journal.append({"x": 3})
        journal.finish("finished")
    from acquisition.storage import finish_run

    target = finish_run(path)
    assert list(events) == [
        {"event": "point", "index": 3, "x": 3.0},
        {"event": "end", "path": str(target), "status": "finished", "reason": ""},
    ]


def test_follower_says_so_when_the_program_died(tmp_path: Path) -> None:
    path = tmp_path / "run-20250101T000000Z-00000004.journal"
    journal_with(path, 2)._connection.close()
    events = list(follow(path, interval=0.001))
    assert [event["event"] for event in events] == ["point", "point", "end"]
    assert events[-1]["status"] == "interrupted" and "asot recover" in events[-1]["reason"]


# ----------------------------------------------------------- run files


def test_file_holds_channels_with_errors_beside_the_raw_data_and_both_clocks(folder: Path) -> None:
    (path,) = folder.glob("*.h5")
    run = load_run(path)
    with h5py.File(path) as file:
        names = ["kerr_rotation_45deg", "kerr_rotation_135deg", "kerr_rotation_average"]
        first, second, mean = (file[f"entry/{name}"] for name in names)
        assert [group.attrs["signal"] for group in (first, second, mean)] == ["kerr_signal"] * 3
        assert_array_equal(first["kerr_signal"], run["kerr_signal"][:6])
        assert_allclose(mean["kerr_signal"], (first["kerr_signal"][()] + second["kerr_signal"][()]) / 2)
        errors = first["kerr_signal_errors"][()]
        assert first["kerr_signal"].attrs["units"] == first["kerr_signal_errors"].attrs["units"] == "rad"
        # 0.1 s and 24 dB/octave pass 0.78 Hz; 17 nrad/sqrt(Hz) peak of shot noise at 1 mW
        assert np.all(errors > 5e-9) and np.all(errors < 60e-9)
        assert_allclose(mean["kerr_signal_errors"], errors / np.sqrt(2))
    assert np.all(np.diff(run["monotonic_time"]) > 0) and abs(float(run["wall_time"][0]) - path.stat().st_mtime) < 600


def test_pynxtools_finds_nothing_wrong(folder: Path) -> None:
    pynx = shutil.which("pynx", path=str(Path(sys.executable).parent))
    assert pynx is not None, "pynxtools belongs to the dependency group dev"
    (path,) = folder.glob("*.h5")
    done = subprocess.run([pynx, "validate", str(path)], capture_output=True, text=True)  # its exit code says nothing
    text = done.stdout + done.stderr
    assert "is valid according to" in text and "WARNING" not in text, text


def test_nexus_viewers_find_the_default_plot(folder: Path) -> None:
    from nexusformat.nexus import nxload

    (path,) = folder.glob("*.h5")
    with nxload(str(path), "r") as root:
        plot = root.get_default()
        assert (plot.nxsignal.nxname, plot.nxaxes[0].nxname) == ("kerr_signal", "field")


def damage_unit(file: Any) -> None:
    file["entry/data/x"].attrs["units"] = "furlongz"


def damage_definition(file: Any) -> None:
    del file["entry/definition"]


@pytest.mark.parametrize(("damage", "fault"), [(damage_unit, "unit of column 'x'"), (damage_definition, "definition")])
def test_verify_finds_wrong_units_and_missing_fields_even_where_the_checksum_agrees(
    folder: Path, tmp_path: Path, damage: Any, fault: str
) -> None:
    (source,) = folder.glob("*.h5")
    path = Path(shutil.copy(source, tmp_path))
    with h5py.File(path, "r+") as file:
        damage(file)
    from analysis.run_file import file_sha256, sidecar_path

    sidecar_path(path).write_text(f"{'0' * 64}  {path.name}\n")
    assert "SHA-256" in check_run(path)[0]
    sidecar_path(path).write_text(f"{file_sha256(path)}  {path.name}\n")
    (line,) = check_run(path)
    assert fault in line and str(path) in line
    assert check_run(source) == []


def test_show_list_and_export_find_a_run_by_its_id(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    (path,) = folder.glob("*.h5")
    run = load_run(path)
    out, _ = asot(capsys, "runs", "show", run.attrs["run_id"], "--out", str(folder))
    assert "field-sweep" in out and "SR830" in out and "12 points" in out
    out, _ = asot(capsys, "runs", "list", str(folder), "--json")
    assert json.loads(out)["id"] == run.attrs["run_id"]
    target = tmp_path / "loop.csv"
    asot(capsys, "runs", "export", path.stem, "--out", str(folder), "--csv", str(target))
    lines = [line for line in target.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    place = lines[0].split(",").index("kerr_signal (rad)")
    assert [float(line.split(",")[place]) for line in lines[1:]] == run["kerr_signal"].values.tolist()
    _, error = asot(capsys, "runs", "export", path.stem, "--out", str(folder), "--csv", str(target), code=2)
    assert "must be new" in error
