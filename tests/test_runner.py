"""Runs: what is stored, how they end, and that the bench is safe afterwards by every road."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from acquisition import State, run
from acquisition.batch import run_batch
from acquisition.progress import Report
from acquisition.runner import RunResult
from analysis import load_run
from analysis.errors import AsotError, InputError
from instruments import Bench
from instruments.errors import LimitError
from instruments.interrupts import held_interrupts, raise_interrupts
from procedures import FieldSweep, Reading


def short_sweep(**parameters: object) -> FieldSweep:
    table = {"steps": 3, "largest_field": "50 mT", "time_constant": "0.1 s", "polarizations": ["45 deg"]}
    return FieldSweep.from_table(table | parameters, "test")  # type: ignore[return-value]


def measure(bench: Bench, folder: Path, sweep: FieldSweep | None = None, **rest: object) -> RunResult:
    return run(sweep or short_sweep(), bench, folder, name="field-sweep", recipe="", **rest)  # type: ignore[arg-type]


def is_safe(bench: Bench) -> bool:
    assert bench.wire is not None
    twin = bench.wire.twin
    closed = twin._lines["relay_sample"] or twin._lines["relay_coil"]
    return not twin.sample_drive.running and not closed and abs(twin.field(bench.clock.now())) < 2e-4


def test_finished_run_holds_every_point_with_units_identity_and_texts(bench: Bench, tmp_path: Path) -> None:
    told: list[int] = []
    result = measure(bench, tmp_path, on_point=lambda index, total, reading: told.append(index))
    assert (result.state, result.points, told) == (State.FINISHED, 6, list(range(6)))
    dataset = load_run(result.path)
    assert dataset.sizes["point"] == 6
    assert_allclose(dataset["field"], [0.05, 0, -0.05, -0.05, 0, 0.05], atol=6e-5)
    assert dataset["kerr_signal"].attrs["units"] == "rad"
    lock_in = dataset.attrs["instruments"]["lock_in"]
    assert "SR830" in lock_in["identity"] and lock_in["settings_end"]["time_constant"] == [0.1, "s"]
    assert dataset.attrs["sample"]["name"] == "py32-fused-silica"
    assert is_safe(bench)
    assert list(tmp_path.glob("*.journal")) == []


def test_script_of_the_readme_measures_without_a_main_guard(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (script,) = (block for block in blocks if "open_bench" in block)
    assert "__main__" not in script and len([line for line in script.splitlines() if line]) == 5
    (tmp_path / "script.py").write_text(f"{script}print(result.state, result.path)\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    state, path = done.stdout.split()
    assert (done.returncode, done.stderr, state) == (0, "", "finished")
    dataset = load_run(tmp_path / path)
    assert dataset.sizes["point"] == 28 and dataset.attrs["procedure"] == "field-sweep"


def test_settling_follows_the_filter_of_the_lock_in(bench: Bench, tmp_path: Path) -> None:
    times = {}
    for slope in (6, 24):
        result = measure(bench, tmp_path, short_sweep(filter_slope=slope, time_constant="3 s"))
        times[slope] = float(np.min(np.diff(load_run(result.path)["time"])))
    assert_allclose(times[24] - times[6], 3 * (13.06 - 6.91), rtol=0.02)  # to 0.1 %, physics of n RC stages


def test_monitoring_changes_no_number(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    quiet = load_run(measure(open_simulated(), tmp_path / "quiet").path)
    watched_bench = open_simulated()
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            watched_bench.magnet.measure()
            watched_bench.sum_detector.read()
            watched_bench.clock.now()

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        watched = load_run(measure(watched_bench, tmp_path / "watched").path)
    finally:
        stop.set()
        poller.join()
    for name in set(quiet.data_vars) - {"wall_time", "monotonic_time"}:
        assert_array_equal(quiet[name], watched[name], err_msg=str(name))


def test_point_beyond_a_limit_is_refused_before_anything_is_sent(bench: Bench, tmp_path: Path) -> None:
    for sweep, text in (
        (short_sweep(largest_field="300 mT"), "setting it to 0.3 T"),
        (short_sweep(current="62 mA"), "setting it to 0.062 A"),
        (short_sweep(current="70 mA"), "setting the current to 0.07 A makes 17.4 mW"),
        (short_sweep(path="coil", current="600 mA"), "setting it to 0.6 A"),
    ):
        with pytest.raises(LimitError, match=text):
            measure(bench, tmp_path, sweep)
    assert list(tmp_path.iterdir()) == []
    assert is_safe(bench)


def test_current_density_limit_of_the_sample_holds(open_simulated: Callable[..., Bench], tmp_path: Path) -> None:
    bench = open_simulated(sample__limits__current_density="2e10 A/m^2")
    with pytest.raises(LimitError, match="Current density"):
        measure(bench, tmp_path)


def test_raising_procedure_ends_failed_stored_and_safe(bench: Bench, tmp_path: Path) -> None:
    class Broken(FieldSweep):
        def measure(self, point: object, bench: Bench) -> Reading:
            if getattr(self, "count", 0) == 2:
                raise OSError("lock-in on fire")
            self.count = getattr(self, "count", 0) + 1
            return super().measure(point, bench)  # type: ignore[arg-type]

    sweep = Broken.from_table({"steps": 3, "time_constant": "0.1 s"}, "test")
    result = measure(bench, tmp_path, sweep)  # type: ignore[arg-type]
    assert (result.state, result.points) == (State.FAILED, 2)
    assert "lock-in on fire" in result.reason
    dataset = load_run(result.path)
    assert (dataset.attrs["status"], dataset.sizes["point"]) == ("failed", 2)
    assert "end_time" not in dataset.attrs
    assert is_safe(bench)


def test_interrupt_stores_the_points_makes_safe_and_goes_on(bench: Bench, tmp_path: Path) -> None:
    def interrupt(index: int, total: int, reading: Reading) -> None:
        if index == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="Stored 2 of 6 points"):
        measure(bench, tmp_path, on_point=interrupt)
    (path,) = tmp_path.glob("run-*.h5")
    assert load_run(path).attrs["status"] == "aborted"
    assert is_safe(bench)


def test_stop_from_another_thread_aborts_before_the_next_point(bench: Bench, tmp_path: Path) -> None:
    stop = threading.Event()
    result = measure(bench, tmp_path, stop=stop, on_point=lambda index, total, reading: stop.set())
    assert (result.state, result.points) == (State.ABORTED, 1)
    assert is_safe(bench)


def test_safe_state_that_fails_is_reported_and_stored(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(*arguments: object) -> None:
        raise OSError("relay stuck")

    original = bench.relay._contacts.write  # type: ignore[attr-defined]
    monkeypatch.setattr(
        bench.relay._contacts,  # type: ignore[attr-defined]
        "write",
        lambda states: original(states) if any(states) else stuck(),
    )
    result = measure(bench, tmp_path)
    monkeypatch.undo()
    assert result.state is State.FAILED
    assert any("relay stuck" in step for step in result.unsafe)
    assert bench.wire is not None and not bench.wire.twin.sample_drive.running


def test_signals_during_clean_up_wait_until_it_is_done() -> None:
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    done = []
    try:
        raise_interrupts()
        with pytest.raises(KeyboardInterrupt), held_interrupts():
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.01)
            done.append("clean-up")
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    assert done == ["clean-up"]


def test_full_disk_is_noticed_before_the_run(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage)
    with pytest.raises(AsotError, match="MB free"):
        measure(bench, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_or_written_is_refused_before_the_bench_is_touched(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(**where: object) -> None:
        raise PermissionError(errno.EROFS, "Read-only file system")

    opened_at = bench.clock.now()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="must be one that can be written"):
        measure(bench, tmp_path / "file" / "runs")
    monkeypatch.setattr("tempfile.TemporaryFile", read_only)  # permissions do not hold the administrator back
    with pytest.raises(InputError, match=r"must be one that can be written; Read-only file system\. Choose another"):
        measure(bench, tmp_path)
    monkeypatch.setattr("acquisition.batch.open_bench", None)
    with pytest.raises(InputError, match="Read-only file system"):
        run_batch("field-sweep", tmp_path / "new" / "runs", Report(True), settings={})
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and bench.clock.now() == opened_at


def test_process_that_is_ended_by_a_signal_leaves_a_complete_file(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    command = [sys.executable, "-P", "-m", "acquisition", "run", "field-sweep", "--out", str(tmp_path), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    for line in process.stdout:
        if '"point"' in line and '"index": 20' in line:
            process.terminate()
            break
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1, error
    assert "Traceback" not in error and "the bench was made safe" in error
    (path,) = tmp_path.glob("run-*.h5")
    dataset = load_run(path)
    assert dataset.attrs["status"] == "aborted" and dataset.sizes["point"] >= 21


def test_disk_that_fills_during_the_run_keeps_every_acknowledged_point(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acquisition.journal import Journal
    from acquisition.journal_file import JournalError
    from acquisition.storage import StorageError

    append, told = Journal.append, []

    def full(journal: Journal, *point: Any) -> int:
        if journal.acknowledged == 2:
            raise JournalError("disk full")
        return append(journal, *point)

    def no_room(*arguments: object) -> None:
        raise JournalError("disk full")

    monkeypatch.setattr(Journal, "append", full)
    monkeypatch.setattr(Journal, "note", no_room)
    monkeypatch.setattr("acquisition.runner.finish_run", lambda path: (_ for _ in ()).throw(StorageError("no room.")))
    with pytest.raises(StorageError, match=r"no room\. The run itself: failed\. JournalError: disk full"):
        measure(bench, tmp_path, on_point=lambda index, total, reading: told.append(index))
    assert told == [0, 1, 2] and is_safe(bench)
    monkeypatch.undo()
    from acquisition.storage import finish_run

    (journal,) = tmp_path.glob("*.journal")
    dataset = load_run(finish_run(journal))
    assert (dataset.sizes["point"], dataset.attrs["status"]) == (3, "failed")
