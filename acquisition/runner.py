"""The runner: owns the loop of every procedure, journals each point, and leaves the bench safe by any road."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from acquisition.heartbeat import Heartbeat
from acquisition.journal import Journal, JournalError
from acquisition.provenance import provenance
from acquisition.storage import StorageError, finish_run
from analysis.errors import AsotError
from instruments import Bench
from instruments.interrupts import held_interrupts
from instruments.roles import SafeStateReport
from procedures import Measurement, Reading

_OVERHEAD = 2_000_000  # bytes of notes, metadata and file structure


class State(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes
    ----------
    path
        The run file.
    state
        FINISHED, ABORTED or FAILED.
    reason
        Why it ended before its time; "" after success.
    points
        Number of points stored.
    safe_state
        What making each instrument safe reached.
    """

    path: Path
    state: State
    reason: str
    points: int
    safe_state: list[SafeStateReport] = field(default_factory=list)

    @property
    def unsafe(self) -> list[str]:
        """Steps to the safe state that failed, by instrument."""
        return [f"{report.role}: {step}" for report in self.safe_state for step in report.failed]


PointListener = Callable[[int, int, Reading], None]
"""Called with index, number of points and reading, after the point was committed."""


def run(
    procedure: Measurement,
    bench: Bench,
    folder: Path,
    *,
    name: str,
    recipe: str = "",
    number: int = 0,
    on_point: PointListener | None = None,
    stop: threading.Event | None = None,
) -> RunResult:
    """Run a procedure to its end and store it.

    Parameters
    ----------
    procedure
        What to measure.
    bench
        The open bench; its clock is claimed by the calling thread.
    folder
        Where the run file goes; made if need be.
    name
        What recipes call the procedure.
    recipe
        TOML text to be stored with the data.
    number
        Count of this run within its recipe: simulated noise depends on it.
    on_point
        Called after each committed point.
    stop
        Set it from another thread to abort before the next point.

    Returns
    -------
    RunResult
        FAILED with the reason where an instrument, a limit or the disk stopped the run half-way; what was measured
        until then is stored.

    Raises
    ------
    LimitError
        Before anything is sent, where a set-point exceeds a limit.
    StorageError
        Where the run file could not be made; the journal is kept and named.
    KeyboardInterrupt
        After the bench was made safe and the points were stored.
    """
    bench.clock.claim()
    procedure.check(bench)
    total = procedure.point_count()
    _require_space(folder, total, len(procedure.columns))
    identifier = secrets.token_hex(4)
    journal_path = folder / f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{identifier}.journal"
    instruments = _instruments(bench.describe(), "settings_start")
    metadata = {
        "run_id": identifier,
        "procedure": name,
        "parameters": procedure.parameters(),
        "parameter_units": procedure.parameter_units(),
        "plot": dict(procedure.plot),
        "instruments": instruments,
        "detector": {"raw": "x", "type": "balanced photodiodes and lock-in amplifier"},
        "beam": {"incident_wavelength": [bench.file.laser.wavelength, "m"]},
        "bench_name": bench.file.name,
        "sample_name": bench.sample.name,
        "overrides": dict(bench.overrides),
        "number": number,
        "points_planned": total,
        "provenance": provenance(),
    }
    state, reason = State.RUNNING, ""
    interrupted: BaseException | None = None
    journal = Journal.create(journal_path, metadata, {**bench.notes, "recipe": recipe}, procedure.columns)
    told = _Acknowledged(journal, total, on_point)
    heartbeat = Heartbeat(bench, journal_path)
    try:
        try:
            heartbeat.beat()
            procedure.prepare(bench)
            for index, point in enumerate(procedure.points()):
                if stop is not None and stop.is_set():
                    state, reason = State.ABORTED, "Aborted by the user."
                    break
                heartbeat.beat()
                bench.clock.mark(number, index, 0)
                procedure.set(point, bench)
                procedure.settle(bench)
                told.append(procedure.measure(point, bench))
            else:
                told.flush()
                state = State.FINISHED
                _note_end(journal, bench, instruments)
        except (KeyboardInterrupt, SystemExit) as interrupt:
            interrupted = interrupt
            state, reason = State.ABORTED, f"Interrupted ({interrupt or type(interrupt).__name__})."
        except Exception as error:  # whatever a procedure, a driver or the disk raises ends in a safe, stored run
            state, reason = State.FAILED, f"{type(error).__name__}: {error}"
    finally:
        with held_interrupts():
            with heartbeat.ending():
                safe_state = bench.make_safe()
            path = _store(journal, state, reason, safe_state)
    result = RunResult(path, state, reason, journal.acknowledged + 1, safe_state)
    if interrupted is not None:
        safety = f"NOT SAFE: {'; '.join(result.unsafe)}" if result.unsafe else "the bench was made safe"
        raise type(interrupted)(f"{reason} Stored {result.points} of {total} points in {path}; {safety}.")
    return result


class _Acknowledged:
    """Appends readings to the journal, and tells the listener of each only after its commit."""

    def __init__(self, journal: Journal, total: int, on_point: PointListener | None) -> None:
        self._journal, self._total, self._on_point = journal, total, on_point
        self._pending: deque[tuple[int, Reading]] = deque()

    def append(self, reading: Reading) -> None:
        self._pending.append((self._journal.append(reading), reading))
        self._tell()

    def flush(self) -> None:
        self._journal.flush()
        self._tell()

    def _tell(self) -> None:
        while self._pending and self._pending[0][0] <= self._journal.acknowledged:
            index, reading = self._pending.popleft()
            if self._on_point is not None:
                self._on_point(index, self._total, reading)


def _store(journal: Journal, state: State, reason: str, safe_state: list[SafeStateReport]) -> Path:
    """Close the journal and make the run file; a step that a full disk forbids keeps no other from being tried."""
    steps: list[Callable[[], None]] = [
        lambda: journal.note("safe_state", _safe_state_text(safe_state)),
        lambda: journal.finish(str(state), reason),
        journal.close,
    ]
    for step in steps:
        with suppress(JournalError):  # what is wrong with the journal, finish_run says
            step()
    try:
        return finish_run(journal.path)
    except AsotError as error:
        raise StorageError(f"{error} The run itself: {state}. {reason}".strip()) from None


def _note_end(journal: Journal, bench: Bench, instruments: dict[str, dict[str, Any]]) -> None:
    for role, entry in _instruments(bench.describe(), "settings_end").items():
        instruments[role] |= entry
    journal.update_metadata({"instruments": instruments})


def _instruments(description: dict[str, dict[str, Any]], settings: str) -> dict[str, dict[str, Any]]:
    """Layout of `analysis.run_file`: *IDN? answers are maker, model, serial number, firmware."""
    result = {}
    for role, entry in description.items():
        parts = [part.strip() for part in entry["identity"].split(",")]
        vendor, model = (parts[0], parts[1]) if len(parts) >= 2 else ("", parts[0])
        result[role] = {"vendor": vendor, "model": model, "identity": entry["identity"], settings: entry["settings"]}
    return result


def _safe_state_text(reports: list[SafeStateReport]) -> str:
    lines = []
    for report in reports:
        lines += [f"{report.role}: {step}: reached" for step in report.reached]
        lines += [f"{report.role}: {step}: FAILED" for step in report.failed]
    return "\n".join(lines) + "\n"


def _require_space(folder: Path, points: int, columns: int) -> None:
    """Refuse a run for which the disk has less than twice the room: journal and file exist side by side."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise AsotError(
            f"Folder {folder} must be one that can be written; {error}. Choose another with --out."
        ) from None
    need = 2 * (points * columns * 8 * 2 + _OVERHEAD)
    if free < need:
        raise AsotError(
            f"Folder {folder} must have {need / 1e6:.0f} MB free for {points} points; it has {free / 1e6:.0f} MB. "
            "Free space, or choose another folder with --out."
        )
