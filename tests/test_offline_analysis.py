"""Folders of run files to results: what is taken, what is left out and why, choices, result files, processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from distributed import LocalCluster

from acquisition import Run, load_recipe
from acquisition.cli import main
from acquisition.journal import Journal
from acquisition.storage import recover
from analysis import load_run
from analysis import run_analysis as run_analysis_module
from analysis.choices import Choices, choices_schema, read_choices
from analysis.errors import InputError
from analysis.executors import Crash
from analysis.result_file import write_results
from analysis.run_analysis import Analysis, analyze
from analysis.run_file import Column
from analysis.run_groups import run_files
from analysis.run_inputs import read_input
from analysis.worker_pool import WorkerPool
from instruments import open_bench

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One measurement: 0 and 1 in the coil, 2 and 3 through the sample, each of rotation and ellipticity."""
    folder = tmp_path_factory.mktemp("runs")
    recipe = load_recipe("asot-demo", {"parameters.steps": 15})
    with open_bench() as bench:
        for planned in recipe.runs:
            run = Run(planned.procedure, folder, name=planned.name, number=planned.number, batch="a")
            assert run.execute(bench).state == "finished"
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path) -> Path:
    return shutil.copytree(measured, tmp_path / "runs")


def numbered(folder: Path, number: int) -> Path:
    """Run file of one place in the recipe."""
    return next(path for path in run_files([folder]) if load_run(path).attrs["number"] == number)


def recovered(path: Path, points: int, **changes: Any) -> Path:
    """What `asot recover` makes of a run whose process died after so many points; the whole run goes."""
    run = load_run(path)
    own = ("path", "sha256", "sample", "status", "exit_reason", "schema_version", "end_time")
    metadata = {key: value for key, value in run.attrs.items() if key not in own} | changes
    with h5py.File(path) as file:
        notes = {
            name: bytes(file[f"entry/notes/{name}/data"][()]).decode()
            for name in file["entry/notes"]
            if name != "metadata"
        }
    columns = [
        Column(str(name), data.attrs["units"], data.attrs["long_name"], data.attrs["role"])
        for name, data in run.data_vars.items()
    ]
    journal = path.with_suffix(".journal")
    for old in (path, path.with_name(path.name + ".sha256")):
        old.unlink(missing_ok=True)
    with Journal.create(journal, metadata, notes, columns) as writer:
        writer.extend({column.name: run[column.name].to_numpy()[:points] for column in columns})
    (found,) = recover(path.parent)
    assert found.good and found.path == path
    return path


def torque(analysis: Analysis) -> Any:
    (entry,) = analysis.samples
    return entry.result.torque_bottom


# ----------------------------------------------------------- which files


def test_folders_below_patterns_and_files_given_twice_are_the_same_runs(folder: Path, tmp_path: Path) -> None:
    below = tmp_path / "campaign" / "monday"
    below.parent.mkdir()
    folder.rename(below)
    files = run_files([tmp_path])
    assert len(files) == 4
    assert run_files([tmp_path / "campaign" / "*" / "run-*.h5", files[0], below]) == files
    assert run_files([str(tmp_path / "**" / "run-*.h5")]) == run_files(files[::-1]) == files
    with pytest.raises(InputError, match=r"nothing-\*\.h5 does not exist"):
        run_files([tmp_path / "nothing-*.h5"])


def test_each_bad_file_is_named_with_its_fault_and_costs_nothing_else(folder: Path) -> None:
    alone = analyze([folder])
    good = run_files([folder])
    content = good[0].read_bytes()

    def bad(name: str, data: bytes) -> Path:
        path = folder / f"run-20990101T000000Z-{name}.h5"
        path.write_bytes(data)
        return path

    damaged = bytearray(content)
    start = content.index(b"entry", 96)
    damaged[start - 400 : start + 400] = b"\xff" * 800
    expected = {
        bad("empty000", b"").name: "empty",
        bad("text0000", b"no HDF5 at all").name: "foreign",
        bad("truncate", content[: len(content) // 2]).name: "truncated",
        bad("corrupt0", bytes(damaged)).name: "corrupt",
        bad("copy0000", content).name: "duplicate",
    }
    foreign = bad("foreign0", b"")
    with h5py.File(foreign, "w") as file:
        file["entry/data/x"] = np.arange(3.0)
    changed = bad("changed0", content)
    changed.with_name(changed.name + ".sha256").write_text(f"{'0' * 64}  {changed.name}\n")
    locked = bad("locked00", content)
    expected |= {foreign.name: "foreign", changed.name: "checksum", locked.name: "locked"}
    holder = f"import h5py, sys; f = h5py.File({str(locked)!r}, 'r+'); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        found = analyze([folder])
        process.communicate("")
    assert {entry.path.name: entry.fault for entry in found.inputs if entry.fault} == expected
    for name in expected:
        assert any(text.startswith(f"{name} left out: ") for text in found.warnings)
    assert [entry.as_dict() for entry in found.samples] == [entry.as_dict() for entry in alone.samples]
    assert alone.warnings == () and all(len(entry.sha256) == 64 for entry in alone.inputs)


# ----------------------------------------------------------- runs that ended early


@pytest.mark.parametrize(("points", "used"), [(50, 22), (44, 21)])
def test_recovered_run_is_analysed_as_far_as_its_points_go_and_says_so(folder: Path, points: int, used: int) -> None:
    path = recovered(numbered(folder, 3), points)
    found = analyze([folder])
    (entry,) = found.samples
    assert entry.incomplete == (path.name,) and entry.as_dict()["incomplete_runs"] == [path.name]
    assert any(f"interrupted after {points} of 60 points" in text for text in found.warnings)
    assert any("ended early" in text and path.name in text for text in found.warnings)
    loops = entry.data.loops[("sample", "ellipticity")].loops
    assert sum(len(loop.field) for loop in loops) == used
    assert abs(entry.result.torque_bottom.value - 0.43e-6) < 4 * entry.result.torque_bottom.noise_std


def test_recovered_run_with_one_polarisation_says_that_the_quadratic_effect_is_left(folder: Path) -> None:
    recovered(numbered(folder, 2), 31)
    assert any("sample rotation lack a polarisation" in text for text in analyze([folder]).warnings)


def test_recovered_run_with_too_few_points_leaves_its_sample_out(folder: Path) -> None:
    recovered(numbered(folder, 3), 6)
    found = analyze([folder])
    assert found.samples == () and any("branch or three pairs of fields" in text for text in found.warnings)


def test_points_taken_over_by_a_resumed_run_count_once(folder: Path) -> None:
    whole = numbered(folder, 3)
    alone = torque(analyze([folder])).value
    start = recovered(shutil.copy(whole, whole.with_name("run-20200101T000000Z-start000.h5")), 20, run_id="start")
    origin = [{"run_id": "start", "file": start.name, "sha256": "", "status": "interrupted", "points": 20}]
    short = shutil.copy(whole, whole.with_name("run-20200102T000000Z-short000.h5"))
    recovered(short, 40, run_id="short", resumed_from=origin)
    recovered(whole, 60, resumed_from=origin)
    found = analyze([folder])
    assert torque(found).value == alone
    assert {entry.path: entry.reason for entry in found.inputs if entry.fault == "duplicate"} == {
        start: f"its points are in {whole.name}, which was resumed from it",
        short: f"it shares points with {whole.name}, which is kept: both go on with the same run",
    }


def test_statuses_that_count_are_a_choice(folder: Path) -> None:
    path = recovered(numbered(folder, 3), 50)
    found = analyze([folder], choices=read_choices("", {"analysis.statuses": ["finished"]}))
    assert found.samples == ()
    assert [entry.fault for entry in found.inputs if entry.path == path] == ["status"]


# ----------------------------------------------------------- choices


def test_shipped_example_changes_nothing_and_its_schema_knows_every_key(measured: Path) -> None:
    plain, chosen = analyze([measured]), analyze([measured], choices=read_choices("example"))
    assert [entry.as_dict() for entry in chosen.samples] == [entry.as_dict() for entry in plain.samples]
    assert chosen.choices.text.startswith("# Choices of an analysis")
    assert "series_fit" in choices_schema()["properties"]


def test_choices_reach_the_fit_and_what_is_set_wins_over_the_file(measured: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        """
name = "mine"
current_density = "5e10 A/m^2"
systematics = ["thickness"]
[fields]
above = "20 mT"
[sample_fit]
nuisances = [{ name = "effective_field", std = "20 mT" }]
[sample]
film.thickness = "20 +- 1 nm"
[samples.py32-fused-silica]
coil.field_per_ampere = "4.25 mT/A"
""",
        encoding="utf-8",
    )
    choices = read_choices(path, {"sample.film.thickness": "30 +- 1 nm"})
    plain, found = analyze([measured]), analyze([measured], choices=choices)
    (entry,) = found.samples
    assert entry.sample.film.thickness.value == pytest.approx(30e-9)
    assert entry.result.current_density.value == 5e10 and entry.window == (0.02, np.inf)
    assert [systematic.name for systematic in entry.result.systematics] == ["thickness"]
    assert "effective_field" in entry.result.parameters
    density = 0.04 / (entry.sample.conducting_width * 30e-9)
    assert torque(found).value == pytest.approx(2 * torque(plain).value * 5e10 / density, rel=0.1)
    assert found.as_dict()["choices"] == {
        "file": path.read_text(encoding="utf-8"),
        "settings": {"sample.film.thickness": "30 +- 1 nm"},
    }


def test_free_torques_are_a_choice(measured: Path) -> None:
    (entry,) = analyze([measured], choices=read_choices("", {"analysis.sample_fit.torque": "free"})).samples
    assert "imbalance" in entry.result.checks and "imaginary_torque" not in entry.result.checks


def test_excluded_points_and_runs_are_left_out_with_the_reason(measured: Path) -> None:
    run = load_run(numbered(measured, 2))
    rule = {"run": run.attrs["run_id"], "reason": "a door"}
    some = analyze([measured], choices=read_choices("", {"analysis.exclude": [{**rule, "points": [3, "10-12"]}]}))
    loops = some.samples[0].data.loops[("sample", "rotation")].loops
    assert sum(len(loop.field) for loop in loops) == 2 * 15 - 4
    assert any("4 of 60 points excluded" in text for text in some.warnings)
    whole = analyze([measured], choices=read_choices("", {"analysis.exclude": [rule]}))
    assert whole.samples == () and any("excluded by the analysis file: a door" in text for text in whole.warnings)
    beyond = analyze([measured], choices=read_choices("", {"analysis.exclude": [{**rule, "points": [60]}]}))
    assert any("between 0 and 59" in text for text in beyond.warnings)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("analysis.fields.above=3 kg", "'fields.above' must be in T"),
        ("analysis.torque=free", "key 'torque' is unknown"),
        ('analysis.systematics=["thicknes"]', "among calibration_field_per_ampere, thickness"),
        ("sample.film.thicknes=30 nm", "Did you mean 'thickness'?"),
        ("sample.films.thickness=30 nm", "must begin with one of"),
        ("film.thickness=30 nm", "must begin with sample. or analysis."),
    ],
)
def test_wrong_choices_are_one_line_and_exit_code_2(
    measured: Path, capsys: pytest.CaptureFixture[str], setting: str, text: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["analyze", str(measured), "--set", setting])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and text in error and error.count("\n") == 1


# ----------------------------------------------------------- results, processes


def test_result_files_are_equal_bit_for_bit_whatever_the_order_and_number_of_processes(
    folder: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    recovered(numbered(shutil.copytree(folder, tmp_path / "early"), 1), 50)
    paths = [folder, *run_files([tmp_path / "early"])]
    one = write_results(analyze(paths, workers=1), tmp_path / "one", {"python": "3"})
    two = write_results(analyze(paths[::-1], workers=2), tmp_path / "two", {"python": "3"})
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    with h5py.File(one[0]) as file:
        assert [name.decode() for name in file["inputs/verdict"][()]].count("used") == 4
        loop = file["samples/0/loops/sample_rotation"]
        assert loop["fit_odd"].shape == loop["fit_field"].shape and len(loop["odd"]) == len(loop["field"])
        stored = file["samples/0/result/torque_bottom"]
        assert (stored[()], stored.attrs["units"]) == (torque(analyze([folder])).value, "J/m^2")
    numbers = one[2].read_text().splitlines()
    assert numbers[0] == "kind,name,quantity,value,std,unit,runs" and len(numbers) > 10


def test_results_never_replace_a_run(folder: Path) -> None:
    path = run_files([folder])[0].rename(folder / "result.h5")
    content = path.read_bytes()
    with pytest.raises(InputError, match="must be a result of asot"):
        write_results(analyze([folder]), folder)
    assert path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="needs a named pipe, at which a reader waits")
def test_worker_that_dies_names_its_file_and_the_others_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = folder / "run-00000000T000000Z-deadbeef.h5"
    os.mkfifo(pipe)
    with WorkerPool(1) as pool:

        def kill() -> None:
            with pipe.open("wb"):  # opens when the worker has opened it for reading
                os.kill(pool.processes[0], signal.SIGKILL)

        @contextmanager
        def this_pool(*arguments: object):
            yield pool

        monkeypatch.setattr(run_analysis_module, "executor", this_pool)
        killer = threading.Thread(target=kill)
        killer.start()
        found = analyze([folder])
        killer.join()
        assert found.inputs[0].fault == "crash" and "signal 9" in found.warnings[0] and pipe.name in found.warnings[0]
        assert len(found.samples) == 1 and found.warnings[1:] == ()

        killer = threading.Thread(target=kill)
        killer.start()
        task = partial(read_input, choices=Choices())
        crash, other = pool.map(task, [pipe, found.inputs[1].path])
        killer.join()
        assert crash == Crash(pipe, "signal 9") and other == found.inputs[1]


def test_exception_of_a_task_is_raised_where_it_was_given(tmp_path: Path) -> None:
    with WorkerPool(2) as pool, pytest.raises(AttributeError):
        pool.map(partial(read_input, choices=Choices()), [tmp_path, 3])  # type: ignore[list-item]


def test_script_without_a_main_guard_uses_processes_beside_a_file_called_analysis(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("raise SystemExit('the wrong analysis')\n")
    script = tmp_path / "scripts" / "script.py"
    script.parent.mkdir()
    script.write_text(
        f"from analysis import analyze\n(entry,) = analyze([{str(folder)!r}], workers=2).samples\n"
        "print(entry.result.torque_bottom.value)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{torque(analyze([folder])).value}\n", done.stderr


def test_bootstrap_agrees_with_the_scatter_and_is_the_same_wherever_it_runs(measured: Path) -> None:
    one = analyze([measured], bootstrap=200).samples[0]
    assert one.bootstrap is not None and one.bootstrap.torques.shape == (200, 2)
    found = one.as_dict()["bootstrap"]["torque_bottom"]
    noise = one.result.torque_bottom.noise_std
    assert found["std"] == pytest.approx(noise, rel=0.35)
    assert found["value"] == pytest.approx(one.result.torque_bottom.value, abs=0.5 * noise)
    two = analyze([measured], bootstrap=200, workers=2).samples[0]
    assert two.bootstrap is not None and np.array_equal(two.bootstrap.torques, one.bootstrap.torques)


def test_dask_gives_what_one_process_gives_bit_for_bit(measured: Path, tmp_path: Path) -> None:
    one = write_results(analyze([measured], bootstrap=60), tmp_path / "one")
    with LocalCluster(
        n_workers=1, processes=False, dashboard_address=None, protocol="tcp://", host="127.0.0.1"
    ) as cluster:
        address = cluster.scheduler_address
        dask = write_results(analyze([measured], bootstrap=60, scheduler=address), tmp_path / "dask")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in dask]
    with pytest.raises(InputError, match="must be an address"):
        analyze([measured], scheduler="nowhere")


def test_example_of_the_documentation_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs/analysis.md").read_text(encoding="utf-8")
    monkeypatch.chdir(folder.parent)
    exec(text.split("```python")[1].split("```")[0], {})
    printed = capsys.readouterr().out
    assert printed.startswith("py32-fused-silica (") and printed.endswith("field-sweep rad\n")
