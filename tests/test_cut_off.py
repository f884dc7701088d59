"""Cutting currents and field off while the thread that drives the bench hangs in a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acquisition import Run, State
from instruments import Bench
from instruments.cut_off import CutOff
from instruments.errors import LimitError
from instruments.roles import LockInReading, SafeStateReport
from procedures import FieldSweep


@contextmanager
def run_that_hangs(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Run, threading.Event]]:
    """A run in a thread of its own that hangs at its first reading, with 40 mA and 50 mT on, until the event is set."""
    hangs, go_on = threading.Event(), threading.Event()
    read = bench.lock_in.read

    def hanging() -> LockInReading:
        hangs.set()
        assert go_on.wait(60)
        return read()

    monkeypatch.setattr(bench.lock_in, "read", hanging)
    run = Run(FieldSweep(steps=3, polarizations=["45 deg"]), folder, name="field-sweep")
    thread = threading.Thread(target=run.execute, args=(bench,))
    thread.start()
    try:
        assert hangs.wait(60)
        yield run, go_on
    finally:
        go_on.set()
        thread.join()


def is_off(bench: Bench) -> bool:
    assert bench.wire is not None
    twin = bench.wire.twin
    lines = (twin._lines["relay_sample"], twin._lines["relay_coil"])
    return not twin.sample_drive.running and not any(lines) and abs(twin.field(bench.clock.now())) < 2e-4


def test_currents_and_field_are_cut_while_a_run_hangs_and_come_back_only_after_lift(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off, told = CutOff(bench), list[SafeStateReport]()
    with run_that_hangs(bench, tmp_path, monkeypatch) as (run, go_on):
        assert not is_off(bench)
        run.abort("Cut off.")
        reports = cut_off.trip(told.append)
        assert is_off(bench) and all(report.safe for report in reports)
        assert {report.role for report in told} == {report.role for report in reports}
        for driven in (lambda: bench.sample_source.set_amplitude(1e-3), lambda: bench.magnet.set_field(1e-3)):
            with pytest.raises(LimitError):
                driven()
        go_on.set()
    assert run.state is State.ABORTED and is_off(bench)
    cut_off.lift()
    bench.clock.claim()
    bench.magnet.set_field(1e-3)
    bench.sample_source.set_amplitude(1e-3)
    assert not is_off(bench)


def test_an_instrument_that_hangs_itself_is_reported_and_keeps_no_other_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def hanging() -> SafeStateReport:
        go_on.wait(60)
        return SafeStateReport("calibration_source")

    bench.relay.select("sample")
    bench.sample_source.set_amplitude(1e-3)
    bench.magnet.set_field(10e-3)
    monkeypatch.setattr(bench.calibration_source, "make_safe", hanging)
    reports = CutOff(bench).trip(lambda report: None, patience=2.0)
    go_on.set()
    assert [report.role for report in reports if not report.safe] == ["calibration_source"]
    assert "switch it off by hand" in reports[1].failed[0] and is_off(bench)
