"""Live values: a display may ask at any rate from any thread, and changes no number of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from acquisition import run
from instruments import Bench
from instruments.live import LiveReading
from procedures import FieldSweep


@contextmanager
def display(bench: Bench) -> Iterator[list[dict[str, LiveReading]]]:
    """Ask for live values in another thread, as fast as it can."""
    seen: list[dict[str, LiveReading]] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            seen.append(bench.live())
            stop.wait(1e-4)

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        yield seen
    finally:
        stop.set()
        poller.join()


def sweep() -> FieldSweep:
    procedure = FieldSweep()
    procedure.steps, procedure.polarizations, procedure.time_constant = 3, [45.0, 135.0], 0.003
    return procedure


def measure(bench: Bench, folder: Path, seen: list[dict[str, LiveReading]] | None = None) -> list[dict[str, float]]:
    """Rows of a run; with a display beside it, that has asked after each point."""
    rows = []

    def on_point(index: int, total: int, row: dict[str, float]) -> None:
        rows.append({key: value for key, value in row.items() if key not in ("wall_time", "monotonic_time")})
        if seen is not None:
            asked, deadline = len(seen) + 1, time.monotonic() + 30  # one question may have been under way
            while len(seen) <= asked and time.monotonic() < deadline:
                time.sleep(1e-4)
            values = {role: reading.values for role, reading in seen[-1].items()}
            assert values["lock_in"]["x"] == (row["x"], "V") and values["magnet"]["field"] == (row["field"], "T")
            assert values["stage"]["x"] == (row["stage_x"], "m") and values["sum_detector"]["sum"] == (row["sum"], "V")
            assert not any(reading.fault for reading in seen[-1].values())

    assert str(run(sweep(), bench, folder, name="field-sweep", on_point=on_point).state) == "finished"
    return rows


@pytest.mark.parametrize("name", ["simulated", "simulated-daq"])
def test_display_beside_a_run_changes_no_number(
    open_simulated: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("acquisition.runner.finish_run", lambda path: path)
    alone = measure(open_simulated(name), tmp_path)
    bench = open_simulated(name)
    with display(bench) as seen:
        watched = measure(bench, tmp_path, seen)
    assert len(alone) == 12 and watched == alone
    assert len({reading["lock_in"].values["x"] for reading in seen if "x" in reading["lock_in"].values}) >= 12


@pytest.mark.parametrize("name", ["simulated", "simulated-daq"])
def test_every_role_is_read_now_while_no_run_is_on(open_simulated: Callable[..., Bench], name: str) -> None:
    bench = open_simulated(name)
    first = bench.live()
    assert set(first) == set(bench.file.roles()) and not any(reading.fault for reading in first.values())
    bench.magnet.set_field(0.05)
    second = bench.live()
    assert_allclose(second["magnet"].values["field"][0], 0.05, atol=1e-4)
    assert second["relay"].values == {"path": ("open", "")}
    assert all(second[role].moment > first[role].moment for role in first)


def test_role_that_cannot_be_read_keeps_its_values_and_says_why(bench: Bench) -> None:
    assert bench.wire is not None
    before = bench.live()["lock_in"]
    bench.wire.lines["GPIB0::8::INSTR"].fault = "silent"
    after = bench.live()
    assert after["lock_in"].values == before.values and "lock_in (SR830, GPIB0::8::INSTR)" in after["lock_in"].fault
    assert not after["magnet"].fault
    bench.wire.lines["GPIB0::8::INSTR"].fault = None


def test_instruments_are_left_alone_while_somebody_has_them_and_after_the_end(bench: Bench) -> None:
    before = bench.live()
    with bench.occupied(), display(bench) as seen:
        while len(seen) < 3:
            time.sleep(1e-3)
        assert bench.live() == before
    assert seen[-1] == before
    bench.live()
    moment = bench.live()["magnet"].moment
    bench.close()
    after = bench.live()["magnet"].moment
    assert after > moment and bench.live()["magnet"].moment == after  # the safe state read the field, then nobody did
