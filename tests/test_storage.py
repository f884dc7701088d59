"""Journal, run file and reader: what was acknowledged comes back bit for bit, by any road."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from acquisition import nexus
from acquisition.journal import Journal
from acquisition.journal_file import JournalError, interrupt
from acquisition.nexus import main, write_nexus
from acquisition.provenance import provenance
from acquisition.storage import StorageError, finish_run
from analysis.errors import InputError
from analysis.run_check import check_run
from analysis.run_file import Column, load_run, verify_run

ROOT = Path(__file__).resolve().parents[1]

COLUMNS = [
    Column("field", "T", "External field", "set_point"),
    Column("x", "V", "In-phase signal", "measured"),
    Column("x_std", "V", "Standard uncertainty of the in-phase signal", "measured"),
    Column("time", "s", "Time since the start", "time"),
    Column("overload", "", "Lock-in overload", "status"),
]
POINTS = [
    {"field": 0.05, "x": 1e-6 / 3, "x_std": 1e-9, "time": 0.1 + 0.2, "overload": 0},
    {"field": -0.0, "x": math.nan, "x_std": math.inf, "time": 1.7e9 + 1e-6, "overload": 1},
    {"field": -0.05, "x": 5e-324, "x_std": -1.7976931348623157e308, "time": 2.0, "overload": 0},
]
METADATA: dict[str, Any] = {
    "run_id": "0123abcd",
    "procedure": "field-sweep",
    "parameters": {"largest_field": 0.05, "steps": 3},
    "start_time": "2025-01-02T03:04:05+01:00",
    "seed": 7,
    "plot": {"signal": "x", "axis": "field", "title": "Kerr loop", "errors": "x_std"},
    "beam": {"incident_wavelength": [780e-9, "m"]},
    "detector": {"raw": "x", "type": "photodiode"},
    "instruments": {
        "lock_in": {
            "model": "SR830",
            "vendor": "Stanford Research Systems",
            "identity": "Stanford_Research_Systems,SR830,s/n12345,ver1.07\x00",
            "settings_start": {"time_constant": [0.1, "s"], "reference": ["external", ""]},
            "settings_end": {"time_constant": [0.3, "s"], "reference": ["external", ""]},
        }
    },
}
NOTES = {
    "bench": 'name = "simulated"\r\n# µ and a carriage return\r\n',
    "sample": 'name = "py32"\n[film]\nthickness = "32 nm"\n',
    "recipe": "",
    "twin": "torque_bottom = 0.86e-6\n",
}


def begin(path: Path, **changes: Any) -> Journal:
    return Journal.create(path, {**METADATA, **changes}, NOTES, COLUMNS)


def record(path: Path, points: list[dict[str, Any]] = POINTS, status: str = "finished") -> Path:
    with begin(path) as journal:
        for point in points:
            journal.append(point)
        journal.finish(status, "" if status == "finished" else "Somebody said so.")
    return path


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    """A run file, made without the cost of a child process."""
    path = tmp_path / "run-20250102T030405Z-0123abcd.h5"
    journal = tmp_path / "recorded.journal"
    write_nexus(record(journal), path)
    journal.unlink()
    return path


def bits(values: Any) -> bytes:
    return np.asarray(values, dtype=np.float64).tobytes()


def test_a_run_comes_back_bit_for_bit_with_units_and_description(tmp_path: Path) -> None:
    run_path = finish_run(record(tmp_path / "run-20250102T030405Z-0123abcd.journal"))
    assert run_path == tmp_path / "run-20250102T030405Z-0123abcd.h5"
    run = load_run(run_path)
    assert list(run.data_vars) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        variable = run[column.name]
        assert variable.dims == ("point",)
        assert bits(variable.values) == bits([point[column.name] for point in POINTS])
        assert variable.attrs == {"units": column.unit, "long_name": column.description, "role": column.role}
    assert run.attrs["sample"] == {"name": "py32", "film": {"thickness": "32 nm"}}
    assert {key: run.attrs[key] for key in METADATA} == METADATA
    assert (run.attrs["status"], run.attrs["exit_reason"], run.attrs["schema_version"]) == ("finished", "", 1)
    assert run.attrs["path"] == str(run_path)
    checksum = Path(f"{run_path}.sha256")
    assert checksum.read_bytes() == f"{run.attrs['sha256']}  {run_path.name}\n".encode()
    assert sorted(tmp_path.iterdir()) == [run_path, checksum]


def test_the_file_says_everything_about_itself_in_nexus_terms(run_path: Path) -> None:
    with h5py.File(run_path) as file:
        entry = file[file.attrs["default"]]
        plot = entry[entry.attrs["default"]]
        signal, axis = plot[plot.attrs["signal"]], plot[plot.attrs["axes"][0]]
        assert bits(signal[()]) == bits([point["x"] for point in POINTS])
        assert (signal.attrs["units"], signal.attrs["long_name"]) == ("V", "In-phase signal")
        assert (axis.attrs["units"], axis.attrs["long_name"]) == ("T", "External field")
        assert plot.attrs["field_indices"] == 0
        assert plot["title"].asstr()[()] == "Kerr loop"
        assert plot["x_errors"] == plot["x_std"]
        assert plot["x_std"].attrs["target"] == "/entry/data/x_std"
        assert entry["definition"].asstr()[()] == "NXoptical_spectroscopy"
        assert entry["end_time"].asstr()[()].endswith("+00:00")
        assert entry["instrument/detector_kerr/raw_data/raw"] == signal
        assert entry["instrument/beam_probe/incident_wavelength"].attrs["units"] == "m"
        lock_in = entry["instrument/lock_in"]
        assert lock_in["fabrication/model"].asstr()[()] == "SR830"
        assert lock_in["identifier_reply"].asstr()[()].endswith("ver1.07")
        assert lock_in["settings/time_constant"][()] == 0.1
        assert lock_in["settings_end/time_constant"][()] == 0.3
        assert lock_in["settings_end/time_constant"].attrs["units"] == "s"
        assert entry["provenance/seed"][()] == 7
        for name, text in NOTES.items():
            note = entry[f"notes/{name}"]
            assert note["data"][()].tobytes() == text.encode()
            assert note["type"].asstr()[()] == "application/toml"
        assert entry["notes/metadata/type"].asstr()[()] == "application/json"
        numbers = [plot[column.name] for column in COLUMNS]
        assert all(dataset.chunks == (3,) and dataset.fletcher32 for dataset in numbers)


def test_a_run_that_did_not_finish_says_why_and_has_no_end_time(tmp_path: Path) -> None:
    write_nexus(record(tmp_path / "a.journal", [], status="aborted"), tmp_path / "a.h5")
    run = load_run(tmp_path / "a.h5")
    assert (run.attrs["status"], run.attrs["exit_reason"]) == ("aborted", "Somebody said so.")
    assert "end_time" not in run.attrs
    assert run.sizes == {"point": 0}


def test_a_run_is_stored_from_a_folder_with_the_users_own_analysis_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("analysis.py", "acquisition.py", "h5py.py"):
        (tmp_path / name).write_text("raise RuntimeError('the module of the user')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_run(finish_run(record(Path("run-1.journal")))).sizes == {"point": 3}


def test_kill_loses_no_acknowledged_point_and_the_run_is_stored_as_interrupted(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from acquisition.journal import Journal
from analysis.run_file import Column
columns = [Column(*column) for column in {[tuple(vars(column).values()) for column in COLUMNS]!r}]
journal = Journal.create(Path(sys.argv[1]), {METADATA!r}, {NOTES!r}, columns)
for number in range(100_000):
    journal.append({{"field": number, "x": -number, "x_std": 0.5, "time": number / 3, "overload": 0}})
    print(journal.acknowledged, flush=True)
"""
    path = tmp_path / "killed.journal"
    writer = subprocess.Popen(
        [sys.executable, "-P", "-c", program, str(path)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert writer.stdout is not None
    with writer.stdout as output:
        assert any(int(line) >= 300 for line in output)
        with pytest.raises(JournalError, match="Another program"):
            finish_run(path)
        assert any(int(line) >= 30_000 for line in output)  # the pipe had filled up: let it write again
        writer.kill()
        writer.wait()
        acknowledged = max([30_000, *(int(line) for line in output.read().split("\n")[:-1])])
    run = load_run(finish_run(path))
    assert run.sizes["point"] > acknowledged
    number = np.arange(run.sizes["point"])
    np.testing.assert_array_equal(run["x"], -number)
    np.testing.assert_array_equal(run["time"], number / 3)
    assert run.attrs["status"] == "interrupted"
    assert list(tmp_path.glob("*.journal*")) == []


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def corrupt_metadata(path: Path) -> None:
    change(path, "UPDATE run SET value = '{' WHERE key = 'metadata'")


def remove_a_point(path: Path) -> None:
    change(path, "DELETE FROM points WHERE point = 1")


def occupy_target(path: Path) -> None:
    path.with_suffix(".h5").write_bytes(b"somebody else's")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (corrupt_metadata, "must hold its metadata as JSON"),
        (remove_a_point, "point 1 is missing"),
        (occupy_target, "must not exist yet"),
    ],
)
def test_a_run_that_cannot_be_stored_keeps_its_journal_and_says_how_to_go_on(
    tmp_path: Path, damage: Any, reason: str
) -> None:
    journal = record(tmp_path / "a.journal")
    damage(journal)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StorageError, match=reason) as caught:
        finish_run(journal)
    assert f"The journal {journal} is kept" in str(caught.value)
    assert "asot recover" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in before} == before
    assert list(tmp_path.glob("*.partial")) == []


def test_storing_again_keeps_a_file_that_agrees_and_refuses_one_that_does_not(tmp_path: Path) -> None:
    journal = record(tmp_path / "a.journal")
    stored = tmp_path / "a.h5"
    write_nexus(journal, stored)
    content, moment = stored.read_bytes(), stored.stat().st_mtime_ns
    Path(f"{stored}.sha256").unlink()
    write_nexus(journal, stored)
    assert (stored.read_bytes(), stored.stat().st_mtime_ns) == (content, moment)
    verify_run(stored)
    change(journal, "UPDATE points SET data = CAST(zeroblob(8) || substr(data, 9) AS BLOB) WHERE point = 2")
    with pytest.raises(StorageError, match="entry/data/field holds something else"):
        write_nexus(journal, stored)
    assert stored.read_bytes() == content


def test_a_file_that_does_not_read_back_equal_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = nexus._write

    def write_on_a_bad_disk(tree: Any, path: Path) -> None:
        write(tree, path)
        with h5py.File(path, "r+") as file:
            file["entry/data/x"][0] = np.nextafter(POINTS[0]["x"], 1)

    monkeypatch.setattr(nexus, "_write", write_on_a_bad_disk)
    journal = record(tmp_path / "a.journal")
    with pytest.raises(StorageError, match="must read back as written; entry/data/x"):
        write_nexus(journal, tmp_path / "a.h5")
    assert list(tmp_path.glob("*.h5*")) == []


def test_a_full_disk_keeps_every_acknowledged_point_and_takes_no_point_after_the_gap(tmp_path: Path) -> None:
    with begin(tmp_path / "a.journal") as journal:
        journal._connection.execute("PRAGMA max_page_count = 20")  # SQLite reports a full disk beyond it
        with pytest.raises(JournalError, match="Free disk space"):
            for number in range(10_000):
                journal.append(POINTS[0])
                if number % 10 == 0:
                    journal.flush()
        with pytest.raises(JournalError, match="closed to points"):
            journal.append(POINTS[0])
        journal.finish("failed", "The disk was full.")
        with Journal.open(tmp_path / "a.journal") as stored:
            assert stored.status == "failed"
            assert stored.acknowledged == journal.acknowledged > 20
            assert set(stored.rows()["time"]) == {POINTS[0]["time"]}


def test_the_child_process_fails_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.journal"), str(tmp_path / "a.h5")]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "none.journal must exist" in output.err


def test_a_running_journal_is_readable_by_others_but_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    with begin(path) as journal:
        journal.append(POINTS[0])
        with Journal.open(path) as follower:
            assert (follower.status, follower.acknowledged) == ("running", 0)
            assert follower.columns == tuple(COLUMNS)
            assert follower.rows()["field"].tolist() == [0.05]
            with pytest.raises(JournalError, match="opened for reading"):
                follower.append(POINTS[1])
            with pytest.raises(JournalError, match="write"):
                follower.note("comment", "text")
        with pytest.raises(StorageError, match="it is running"):
            write_nexus(path, tmp_path / "a.h5")
        with pytest.raises(JournalError, match="Another program"):
            interrupt(path, "Impatience.")
    assert list(tmp_path.glob("*.h5*")) == []


class WallTime:
    """Time that passes between points, and at each commit on a disk of this speed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, journal: Journal, commit: float) -> None:
        self.now, self.commits, self._commit = 100.0, 0, commit
        monkeypatch.setattr("acquisition.journal.time", SimpleNamespace(monotonic=lambda: self.now))
        journal._connection.set_trace_callback(self._trace)
        self._journal = journal

    def _trace(self, statement: str) -> None:
        if statement == "COMMIT":
            self.commits, self.now = self.commits + 1, self.now + self._commit

    def append(self, count: int, spacing: float) -> list[int]:
        """Points that were left for a later commit, after each of `count` points that take `spacing` seconds each."""
        late = []
        for _ in range(count):
            self.now += spacing
            index = self._journal.append(POINTS[0])
            late.append(index - self._journal.acknowledged)
        return late


@pytest.mark.parametrize("commit", [0.0, 0.001, 0.1])
def test_points_are_acknowledged_one_by_one_when_slow_and_in_groups_when_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: float
) -> None:
    with begin(tmp_path / "a.journal") as journal:
        wall = WallTime(monkeypatch, journal, commit)
        assert set(wall.append(100, spacing=0.0101)) == {0}
        wall.now += 10
        assert set(wall.append(20, spacing=0.0)) == {0}  # a short burst
        wall.append(100, spacing=0.0)
        start, before = wall.now, wall.commits
        late = wall.append(20_000, spacing=100e-6)
        assert max(late[1000:]) == pytest.approx(max(0.05, 9 * commit) / 100e-6, rel=0.02)
        assert commit * (wall.commits - before) <= 0.1 * (wall.now - start)
        assert set(wall.append(50, spacing=0.0101)[10:]) == {0}
        journal.flush()
        assert journal.acknowledged == 20_269


def test_metadata_and_notes_change_until_the_run_is_finished(tmp_path: Path) -> None:
    with begin(tmp_path / "a.journal") as journal:
        journal.note("comment", "first")
        journal.note("comment", "second")
        journal.update_metadata({"seed": 8})
        assert (journal.notes["comment"], journal.metadata["seed"]) == ("second", 8)
        journal.finish("finished")
        with pytest.raises(JournalError, match="it is finished"):
            journal.append(POINTS[0])
    write_nexus(tmp_path / "a.journal", tmp_path / "a.h5")
    assert load_run(tmp_path / "a.h5").attrs["seed"] == 8


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"x": None}, "x is None"),
        ({"x": 1j}, "x is 1j"),
        ({"x": np.complex128(1j)}, "x is"),
        ({"y": 1.0}, "y unknown"),
    ],
)
def test_a_point_with_wrong_columns_is_refused_by_name(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    with begin(tmp_path / "a.journal") as journal:
        with pytest.raises(InputError, match=complaint):
            journal.append({**POINTS[0], **change})
        with pytest.raises(InputError, match="overload missing"):
            journal.append({name: value for name, value in POINTS[0].items() if name != "overload"})
        assert journal.append(POINTS[0]) == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"plot": {"signal": "kerr", "axis": "field", "title": ""}}, "plot.signal must be a column"),
        ({"start_time": "2025-01-02T03:04:05"}, "must be ISO 8601 with offset"),
        ({"instruments": {"lock_in": {"settings_start": {"gain": 3.0}}}}, "settings_start.gain must be"),
        ({"parameters": {"steps": np.int64(3)}}, "not JSON serializable"),
        ({"parameters": {"largest_field": math.nan}}, "must be JSON"),
        ({"run_id": None}, "run_id must be text"),
    ],
)
def test_a_description_that_could_not_be_stored_is_refused_before_the_sweep(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        begin(tmp_path / "a.journal", **change)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_or_foreign_journal_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "a.journal")
    with pytest.raises(JournalError, match="must be a new file"):
        begin(path)
    foreign = tmp_path / "b.journal"
    foreign.write_bytes(b"no database at all" * 100)
    with pytest.raises(JournalError, match="not a database"):
        Journal.open(foreign)
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="received 99"):
        Journal.open(path)


def test_a_flipped_byte_fails_verification(run_path: Path) -> None:
    verify_run(run_path)
    content = bytearray(run_path.read_bytes())
    content[len(content) // 2] ^= 1
    run_path.write_bytes(content)
    with pytest.raises(InputError, match="was changed after the run"):
        verify_run(run_path)
    Path(f"{run_path}.sha256").unlink()
    with pytest.raises(InputError, match="is missing"):
        verify_run(run_path)


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_secrets_of_the_twin_play_no_part_in_reading(run_path: Path, overwrite: bool) -> None:
    honest = load_run(run_path)
    with h5py.File(run_path, "r+") as file:
        del file["entry/notes/twin/data"]
        if overwrite:
            file["entry/notes/twin/data"] = np.frombuffer(b"torque_bottom = 99", dtype=np.uint8)
    assert load_run(run_path).identical(honest)


def truncated(run: Path) -> None:
    run.write_bytes(run.read_bytes()[:-2000])


def beheaded(run: Path) -> None:
    run.write_bytes(run.read_bytes()[:20])


def of_text(run: Path) -> None:
    run.write_text("field,x\n0,1\n", encoding="utf-8")


def foreign(run: Path) -> None:
    with h5py.File(run, "w") as file:
        file["data"] = [1, 2, 3]


def missing(run: Path) -> None:
    run.unlink()


def with_damaged_data(run: Path) -> None:
    with h5py.File(run) as file:
        start = file["entry/data/x"].id.get_chunk_info(0).byte_offset
    content = bytearray(run.read_bytes())
    content[start + 2] ^= 255
    run.write_bytes(content)


def without_a_column(run: Path) -> None:
    with h5py.File(run, "r+") as file:
        del file["entry/data/x"]


def of_the_future(run: Path) -> None:
    with h5py.File(run, "r+") as file:
        metadata = json.loads(file["entry/notes/metadata/data"][()].tobytes())
        metadata["schema_version"] = 2
        del file["entry/notes/metadata/data"]
        file["entry/notes/metadata/data"] = np.frombuffer(json.dumps(metadata).encode(), dtype=np.uint8)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (missing, "must exist"),
        (of_text, "must be HDF5"),
        (foreign, "without asot's metadata"),
        (beheaded, "damaged or truncated"),
        (truncated, "damaged or truncated"),
        (with_damaged_data, "damaged or truncated"),
        (without_a_column, "damaged or truncated"),
        (of_the_future, "Update asot"),
    ],
)
def test_a_file_that_cannot_be_read_gives_one_line_that_names_it(run_path: Path, damage: Any, complaint: str) -> None:
    damage(run_path)
    with pytest.raises(InputError, match=complaint) as caught:
        load_run(run_path)
    assert str(run_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_run_file_and_journal_of_schema_1_can_still_be_read(tmp_path: Path) -> None:
    witness = Path(__file__).parent / "data/schema-1.h5"
    run = load_run(witness)
    assert check_run(witness) == []
    assert (run.attrs["schema_version"], run.attrs["status"], run.attrs["run_id"]) == (1, "finished", "431cb6fd")
    assert run["field_set"].values.tolist() == [0.05, 0.0, -0.05, -0.05, 0.0, 0.05]
    assert run["kerr_signal"].values[1] == 4.44877450317682e-08 and run["kerr_signal"].attrs["units"] == "rad"
    assert run.attrs["instruments"]["lock_in"]["settings_end"]["time_constant"] == [0.1, "s"]
    journal = Path(shutil.copy(witness.with_suffix(".journal"), tmp_path / "run-20261122T185621Z-431cb6fd.journal"))
    recovered = load_run(finish_run(journal))
    for attribute in ("path", "sha256"):
        del recovered.attrs[attribute], run.attrs[attribute]
    assert recovered.identical(run)


def test_a_journal_given_as_run_file_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="asot recover"):
        load_run(record(tmp_path / "a.journal"))


def test_provenance_names_versions_and_command_without_git_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    arguments = ["asot", "--set", "twin.torque_bottom=1.21e-6", "--set=recipe.steps=3"]
    monkeypatch.setattr(sys, "argv", arguments)
    facts = provenance()
    assert facts["git"] is None
    assert facts["packages"]["h5py"] == h5py.__version__
    assert facts["command"] == ["asot", "--set", "twin...", "--set=recipe.steps=3"]
    json.dumps(facts)


def test_importing_the_reader_loads_neither_h5py_nor_xarray() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import analysis.run_file; "
        "print(sorted({'h5py', 'xarray', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
