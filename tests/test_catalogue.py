"""Catalogue of runs: what it says is what is there, whatever happens to files and index."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from acquisition.catalogue import CatalogueEntry, read_catalogue
from acquisition.cli import main
from acquisition.journal import Journal
from acquisition.nexus import write_nexus
from acquisition.run_selection import Selection, moment
from analysis.errors import InputError
from analysis.run_file import Column

ROOT = Path(__file__).resolve().parents[1]


def journal_of(folder: Path, number: int, status: str = "finished", **changes: Any) -> Path:
    """Journal of `number` points, begun on that day of January; left without an end for status ""."""
    path = folder / f"run-202601{number:02}T120000Z-{number:08x}.journal"
    metadata = {
        "run_id": f"{number:08x}", "procedure": "field-sweep", "parameters": {}, "sample_name": "py32",
        "start_time": datetime(2026, 1, number, 12, tzinfo=UTC).isoformat(), "bench_name": "simulated",
        "plot": {"signal": "x", "axis": "x", "title": "Kerr loop"}, **changes,
    }  # fmt: skip
    notes = {"bench": "", "sample": 'name = "py32"\n', "recipe": ""}
    with Journal.create(path, metadata, notes, [Column("x", "V", "signal", "measured")]) as journal:
        for value in range(number):
            journal.append({"x": value})
        if status:
            journal.finish(status)
    return path


def run_of(folder: Path, number: int, status: str = "finished", **changes: Any) -> Path:
    journal = journal_of(folder, number, status, **changes)
    write_nexus(journal, journal.with_suffix(".h5"))
    journal.unlink()
    return journal.with_suffix(".h5")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the run files that are opened."""
    from analysis import run_file

    opened: list[str] = []
    read = run_file.read_metadata

    def noted(path: Path) -> dict[str, Any]:
        opened.append(path.name)
        return read(path)

    monkeypatch.setattr(run_file, "read_metadata", noted)
    return opened


def ids(folder: Path, **options: Any) -> list[int]:
    return [int(run.id, 16) for run in read_catalogue([folder], **options).runs]


def test_new_changed_and_deleted_files_show_at_once_and_only_those_are_opened(tmp_path: Path, reads: list[str]) -> None:
    first, second = run_of(tmp_path, 1), run_of(tmp_path, 2, title="first try")
    assert ids(tmp_path) == [1, 2] and reads == [first.name, second.name]
    reads.clear()
    assert ids(tmp_path) == [1, 2] and reads == []
    first.unlink()
    second.unlink()
    second = run_of(tmp_path, 2, title="second try")
    third = run_of(tmp_path, 3)
    runs = read_catalogue([tmp_path]).runs
    assert [(run.path, run.title) for run in runs] == [(second, "second try"), (third, "Kerr loop")]
    assert reads == [second.name, third.name]
    assert ids(tmp_path, rebuild=True) == [2, 3] and len(reads) == 4


def test_row_says_what_the_run_file_says(tmp_path: Path) -> None:
    path = run_of(
        tmp_path, 4, "aborted", tags=["night", "cold"], comment="Laser drifts", batch="ab", title="ASOT, 40 mA",
        resumed_from=[{"run_id": "00000003", "file": "run-3.h5"}],
    )  # fmt: skip
    expected = CatalogueEntry(
        path, "00000004", datetime(2026, 1, 4, 12, tzinfo=UTC), "aborted", "field-sweep", "py32", 4, "ASOT, 40 mA",
        ("night", "cold"), "Laser drifts", "ab", "simulated", ("00000003",), path.stat().st_size,
    )  # fmt: skip
    assert read_catalogue([tmp_path]).runs == read_catalogue([path]).runs == [expected]


def test_journals_are_listed_until_they_are_run_files(tmp_path: Path) -> None:
    journal_of(tmp_path, 1, "")
    ended = journal_of(tmp_path, 2, "finished")
    (tmp_path / "run-20260103T120000Z-00000003.journal").touch()
    runs = read_catalogue([tmp_path]).runs
    assert [(run.status, run.points, run.awaits_recovery) for run in runs] == [
        ("interrupted", 1, True), ("finished", 2, True), ("unreadable", 0, False),
    ]  # fmt: skip
    assert "never begun" in runs[2].fault
    write_nexus(ended, ended.with_suffix(".h5"))
    assert [run.path.suffix for run in read_catalogue([tmp_path]).runs] == [".journal", ".h5", ".journal"]


def test_run_under_way_is_running(tmp_path: Path) -> None:
    path = tmp_path / "run-20260101T120000Z-00000001.journal"
    program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from acquisition.journal import Journal
from analysis.run_file import Column
from pathlib import Path
plot = {{"signal": "x", "axis": "x", "title": ""}}
metadata = {{"run_id": "00000001", "procedure": "noise", "parameters": {{}}, "plot": plot}}
notes = {{"bench": "", "sample": 'name = "py32"', "recipe": ""}}
with Journal.create(Path({str(path)!r}), metadata, notes, [Column("x", "V", "signal", "measured")]) as journal:
    journal.append({{"x": 1.0}})
    journal.flush()
    print("ready", flush=True)
    sys.stdin.read()
"""
    writer = subprocess.Popen([sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline().strip() == b"ready"
        (run,) = read_catalogue([tmp_path]).runs
        assert (run.status, run.points, run.awaits_recovery) == ("running", 1, False)
    finally:
        writer.communicate(b"")
    (run,) = read_catalogue([tmp_path]).runs
    assert (run.status, run.awaits_recovery) == ("interrupted", True)


def test_file_that_is_no_run_is_listed_with_its_fault_and_hides_no_other(tmp_path: Path) -> None:
    run_of(tmp_path, 1)
    bad = tmp_path / "run-20260102T120000Z-00000002.h5"
    bad.write_bytes(b"\x89HDF\r\n\x1a\n" + b"nothing" * 10)
    good, unreadable = read_catalogue([tmp_path]).runs
    assert (good.status, unreadable.status, unreadable.id) == ("finished", "unreadable", "00000002")
    assert "damaged or truncated" in unreadable.fault and bad.name in unreadable.fault
    assert unreadable.started == datetime(2026, 1, 2, 12, tzinfo=UTC)


def damaged(index: Path) -> None:
    content = bytearray(index.read_bytes())
    content[100:200] = b"\xff" * 100
    index.write_bytes(content)


def of_text(index: Path) -> None:
    index.write_text("no index at all" * 100, encoding="utf-8")


def cut(index: Path) -> None:
    index.write_bytes(index.read_bytes()[:5000])


def of_other_numbers(index: Path) -> None:
    import sqlite3

    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE runs SET facts = '{]'")
    connection.close()


@pytest.mark.parametrize("damage", [damaged, of_text, cut, of_other_numbers])
def test_damaged_index_changes_nothing_but_the_time(
    run_index: Path, tmp_path: Path, damage: Any, reads: list[str]
) -> None:
    run_of(tmp_path, 1), run_of(tmp_path, 2)
    before = read_catalogue([tmp_path])
    assert before.notes == []
    damage(run_index)
    after = read_catalogue([tmp_path])
    assert after.runs == before.runs
    assert after.notes == [] if damage is of_other_numbers else "made anew" in after.notes[0]
    reads.clear()
    assert read_catalogue([tmp_path]) == before and reads == []


def test_without_a_place_for_the_index_every_file_is_read(tmp_path: Path, run_index: Path) -> None:
    run_of(tmp_path, 1)
    run_index.parent.write_text("a file where the folder would be", encoding="utf-8")
    found = read_catalogue([tmp_path])
    assert [run.id for run in found.runs] == ["00000001"] and "without an index" in found.notes[0]
    run_index.parent.unlink()
    run_index.mkdir(parents=True)
    found = read_catalogue([tmp_path])
    assert [run.id for run in found.runs] == ["00000001"] and "without an index" in found.notes[0]


def test_threads_share_an_index_from_the_first_look_on(tmp_path: Path) -> None:
    for number in range(1, 6):
        run_of(tmp_path, number)
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(ids(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[1, 2, 3, 4, 5]] * 4


def test_what_was_read_before_a_break_is_not_read_again(tmp_path: Path, reads: list[str]) -> None:
    for number in range(1, 5):
        run_of(tmp_path, number)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_catalogue([tmp_path], progress=stop)
    assert ids(tmp_path) == [1, 2, 3, 4] and len(reads) == 4


def test_folder_that_does_not_exist_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        read_catalogue([tmp_path / "nowhere"])


# ----------------------------------------------------------- selection


def entries() -> list[CatalogueEntry]:
    table = [
        ("py32", "field-sweep", "finished", 10, ("night",), "Laser drifts"),
        ("py04", "noise", "aborted", 30, ("night", "cold"), ""),
        ("Py32-b", "field-sweep", "finished", 20, (), "laser good"),
    ]
    return [
        CatalogueEntry(
            Path(f"run-{day}.h5"), str(day), datetime(2026, 1, day, 12).astimezone(), status, procedure, sample, points,
            "", tags, comment, "", "", (), 0,
        )
        for day, (sample, procedure, status, points, tags, comment) in enumerate(table, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "123"),
        ({"sample": "PY32"}, "1"),
        ({"sample": "py32*"}, "13"),
        ({"procedure": "noise"}, "2"),
        ({"status": "finished"}, "13"),
        ({"tags": ("night",)}, "12"),
        ({"tags": ("night", "cold")}, "2"),
        ({"text": "LASER"}, "13"),
        ({"since": moment("--since", "2026-01-02")}, "23"),
        ({"until": moment("--until", "2026-01-02")}, "12"),
        ({"until": moment("--until", "2026-01-02T11:59")}, "1"),
        ({"sort": "points"}, "132"),
        ({"sort": "sample"}, "213"),
        ({"sort": "procedure"}, "132"),
        ({"sort": "status", "reverse": True}, "312"),
        ({"limit": 2}, "23"),
        ({"sort": "points", "limit": 1}, "2"),
        ({"limit": 0}, ""),
    ],
)
def test_selection_keeps_what_is_asked_for_in_order(wanted: dict[str, Any], expected: str) -> None:
    assert "".join(run.id for run in Selection(**wanted).of(reversed(entries()))) == expected


# ----------------------------------------------------------- command


def asot(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    assert ended.value.code == code, captured.err
    return captured.out, captured.err


def test_command_prints_a_table_json_and_csv(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run_of(tmp_path, 1, title='Ångström, "quoted"', tags=["a", "b"])
    run_of(tmp_path, 2, sample_name="py04")
    journal_of(tmp_path, 3, "")
    folder = str(tmp_path)
    out, error = asot(capsys, "runs", "list", folder)
    header, *rows = out.splitlines()
    assert header.split() == ["id", "started", "status", "points", "procedure", "sample", "title", "path"]
    assert [row.split()[0] for row in rows] == ["00000001", "00000002", "00000003"]
    assert [row.index("field-sweep") for row in rows] == [header.index("procedure")] * 3
    assert "interrupted*" in rows[2] and "asot recover" in error and "3 of 3 runs" in error
    out, _ = asot(capsys, "runs", "list", folder, "--sample", "py04", "--json")
    (line,) = out.splitlines()
    assert json.loads(line)["started"].startswith("2026-01-02") and json.loads(line)["points"] == 2
    target = tmp_path / "list.csv"
    out, _ = asot(capsys, "runs", "list", folder, "--csv", str(target), "--limit", "3")
    with target.open(encoding="utf-8", newline="") as stream:
        first, *_ = csv.DictReader(stream)
    assert out == "" and (first["title"], first["tags"]) == ('Ångström, "quoted"', "a;b")
    _, error = asot(capsys, "runs", "list", folder, "--csv", str(target), code=2)
    assert "must be new" in error
    _, error = asot(capsys, "runs", "list", folder, "--since", "yesterday", code=2)
    assert "--since must be a date; received 'yesterday'" in error


def test_listing_with_the_index_loads_nothing_heavy(tmp_path: Path, run_index: Path) -> None:
    run_of(tmp_path, 1)
    assert len(read_catalogue([tmp_path]).runs) == 1
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from acquisition import catalogue
catalogue.index_path = lambda: Path({str(run_index)!r})
from acquisition.cli import main
try:
    main(["runs", "list", {str(tmp_path)!r}])
finally:
    print(sorted({{"h5py", "xarray", "scipy", "pymeasure", "pydantic", "pint", "rich"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, encoding="utf-8")
    assert done.stdout.splitlines()[1].startswith("00000001") and done.stdout.splitlines()[-1] == "[]", done.stderr
