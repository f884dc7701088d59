"""The runner: owns the loop of every procedure, journals each point, and leaves the bench safe by any road."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from acquisition.acknowledgements import Acknowledgements, PointListener
from acquisition.averaging import average
from acquisition.description import describe_run, note_end, safe_state_text
from acquisition.heartbeat import Heartbeat
from acquisition.journal import Journal
from acquisition.journal_file import JournalError
from acquisition.pace import Pace, Progress
from acquisition.preflight import file_sizes, make_folder, require_space
from acquisition.resume import EarlierRun, earlier_run, require_same, restore_balance, return_stage
from acquisition.run_columns import columns_of
from acquisition.states import Lifecycle, State
from acquisition.storage import StorageError, finish_run
from analysis.errors import AsotError, InputError
from instruments import Bench
from instruments.errors import LimitError
from instruments.interrupts import single_interrupt
from instruments.roles import SafeStateReport
from procedures import Measurement, Point, Reading, procedure_name

_PREPARATION = -1  # mark of the clock before the first point, so that noise there is that of no point
_SETTLED = 2  # points before the first missing one at which a replay also waits for the lock-in
_RECALLED = 3  # points that a replay goes through at least


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes
    ----------
    path
        The run file; None where a run was refused before its first point, or removed from a queue.
    state
        FINISHED, ABORTED or FAILED.
    reason
        Why it ended before its time; "" after success.
    points
        Number of points stored.
    safe_state
        What making each instrument safe reached.
    """

    path: Path | None
    state: State
    reason: str
    points: int
    safe_state: list[SafeStateReport] = field(default_factory=list)

    @property
    def unsafe(self) -> list[str]:
        """Steps to the safe state that failed, by instrument."""
        return [f"{report.role}: {step}" for report in self.safe_state for step in report.failed]


class Run:
    """One run of a procedure: `execute` measures, all else may be called from any thread meanwhile.

    Parameters
    ----------
    procedure
        What to measure.
    folder
        Where the run file goes; made if need be.
    name
        What recipes call the procedure.
    recipe
        TOML text to be stored with the data.
    number
        Count of this run within its recipe: simulated noise depends on it.
    batch
        Id that the runs of one recipe share; "" for a run of its own.
    tags, comment
        Stored with the data.
    retries
        How often a point is tried again after an instrument failed at it.
    resume
        Run file or journal of a run that ended early: its points are taken over, and the first missing one is next.
    on_begin
        Called with the journal before the first point; it holds the points taken over from an earlier run.
    on_point
        Called after each committed point.
    on_state
        Called with each new state.
    """

    def __init__(
        self,
        procedure: Measurement,
        folder: Path,
        *,
        name: str,
        recipe: str = "",
        number: int = 0,
        batch: str = "",
        tags: tuple[str, ...] = (),
        comment: str = "",
        retries: int = 1,
        resume: Path | None = None,
        on_begin: Callable[[Journal], None] | None = None,
        on_point: PointListener | None = None,
        on_state: Callable[[State], None] | None = None,
    ) -> None:
        if retries < 0:
            raise InputError(f"Retries of a run must be at least 0; received {retries}. Give 0 for none.")
        self.procedure, self.folder, self.name, self.number = procedure, folder, name, number
        self.identifier = secrets.token_hex(4)
        self.batch = batch
        self.result: RunResult | None = None
        self._texts = {"batch": batch, "tags": list(tags), "comment": comment}
        self._recipe, self._retries, self._resume = recipe, retries, resume
        self._on_begin, self._on_point = on_begin, on_point
        self._lifecycle = Lifecycle(f"{name} {self.identifier}", on_state)
        self._pace = Pace(procedure.point_count())
        self._asked = threading.Event()  # looked at between points: somebody wants a pause, an abort, a skip
        self._pause, self._current_off, self._skip, self._reason = False, False, False, ""

    # ----------------------------------------------------------- for any thread

    @property
    def state(self) -> State:
        """Where the run stands."""
        return self._lifecycle.state

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        return self._pace.progress()

    def pause(self, *, current_off: bool = False) -> None:
        """Pause before the next point, the current ramped to zero meanwhile if asked for."""
        self._lifecycle.require("pause", State.RUNNING)
        self._pause, self._current_off = True, current_off
        self._asked.set()

    def resume(self) -> None:
        """Go on after a pause; one that was asked for and not yet reached is taken back."""
        self._lifecycle.require("resume", State.RUNNING, State.PAUSED)
        self._pause = False
        if self.state is State.PAUSED:
            self._lifecycle.move(State.RUNNING)

    def skip(self) -> None:
        """Leave out the next point, or the one that is being tried again; it is stored without measured values."""
        self._lifecycle.require("skip a point", State.RUNNING, State.PAUSED)
        self._skip = True
        self._asked.set()

    def abort(self, reason: str = "Aborted by the user.") -> None:
        """End the run before the next point; a queued run does not begin."""
        self._reason = reason

        def note() -> None:
            self.result = RunResult(None, State.ABORTED, reason, 0)

        if self._lifecycle.cancel(note):
            return
        self._lifecycle.move(State.ABORTING)
        self._asked.set()

    # ----------------------------------------------------------- the thread that measures

    def execute(self, bench: Bench) -> RunResult:
        """Measure every point and store the run; for what it raises see `run`."""
        self._lifecycle.move(State.RUNNING)
        try:
            with bench.occupied():
                return self._execute(bench)
        except KeyboardInterrupt as interrupt:
            self._end(State.ABORTED, str(interrupt))
            raise
        except BaseException as error:
            self._end(State.FAILED, f"{type(error).__name__}: {error}")
            raise

    def _execute(self, bench: Bench) -> RunResult:
        bench.clock.claim()
        earlier = None
        if self._resume is not None:
            earlier = earlier_run(self._resume)
            require_same(earlier, self.procedure, self.name, bench)
            restore_balance(earlier, bench)
            return_stage(earlier, bench)  # first: a scan round this place is held against the travel
            self.number = earlier.metadata["number"]
        self.procedure.check(bench)
        require_space(self.folder, file_sizes(self.procedure, bench))
        make_folder(self.folder)
        journal = self._begin(bench, earlier)
        state, reason = State.FINISHED, ""
        interrupted: BaseException | None = None
        heartbeat = Heartbeat(bench, journal.path)
        with single_interrupt() as interrupts:
            try:
                try:
                    with heartbeat.measuring():
                        heartbeat.beat()
                        self._measure(bench, journal, heartbeat)
                finally:
                    interrupts.hold()
            except (KeyboardInterrupt, SystemExit) as interrupt:
                interrupts.hold()
                interrupted = interrupt
                state, reason = State.ABORTED, f"Interrupted ({interrupt or type(interrupt).__name__})."
            except _AbortedError:
                state, reason = State.ABORTED, self._reason
            except Exception as error:  # whatever a procedure, a driver or the disk raises ends in a safe, stored run
                state, reason = State.FAILED, f"{type(error).__name__}: {error}"
                if self.state is State.ABORTING:  # what fails then, such as a source that was cut off, is no news
                    state, reason = State.ABORTED, f"{self._reason} ({reason})"
            with heartbeat.ending():
                safe_state = bench.make_safe()
            path = _store(journal, state, reason, safe_state)
            points, total = journal.acknowledged + 1, self.progress.total
            self._end(state, reason, path, points, safe_state)
            assert self.result is not None
            if interrupted is not None:
                unsafe = "; ".join(self.result.unsafe)
                safety = f"NOT SAFE: {unsafe}" if unsafe else "the bench was made safe"
                raise type(interrupted)(f"{reason} Stored {points} of {total} points in {path}; {safety}.")
        return self.result

    def _end(
        self, state: State, reason: str, path: Path | None = None, points: int = 0,
        safe_state: list[SafeStateReport] | None = None,
    ) -> None:  # fmt: skip
        if self.result is not None:
            return
        self.result = RunResult(path, state, reason, points, safe_state or [])
        if state is State.ABORTED and self.state in (State.RUNNING, State.PAUSED):
            self._lifecycle.move(State.ABORTING)
        self._lifecycle.move(state)

    def _begin(self, bench: Bench, earlier: EarlierRun | None) -> Journal:
        """Make the journal, with the points of the earlier run in it."""
        path = self.folder / f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{self.identifier}.journal"
        metadata = {
            "run_id": self.identifier,
            "procedure": self.name,
            "number": self.number,
            **self._texts,
            **describe_run(self.procedure, bench),
            "resumed_from": earlier.origin if earlier else [],
        }
        journal = Journal.create(path, metadata, {**bench.notes, "recipe": self._recipe}, columns_of(self.procedure))
        try:
            if earlier is not None and earlier.points:
                journal.extend(earlier.rows, earlier.waveforms())
            if self._on_begin is not None:
                self._on_begin(journal)
        except BaseException:
            journal.close()
            raise
        self._pace = Pace(self.procedure.point_count(), journal.acknowledged + 1)
        return journal

    def _measure(self, bench: Bench, journal: Journal, heartbeat: Heartbeat) -> None:
        first = journal.acknowledged + 1
        history: deque[tuple[int, Point]] = deque()
        told = Acknowledgements(journal, self._on_point)
        prepared = False
        for index, point in self._points(journal):
            if index < first:
                if self.procedure.forgets(point):  # what came before leaves no trace in the sample
                    while len(history) >= _RECALLED:
                        history.popleft()
                history.append((index, point))
                continue
            if not prepared:
                bench.clock.mark(self.number, _PREPARATION, 0)
                self.procedure.prepare(bench)
                self._replay(history, bench)
                self._pace.begin(bench.clock.now())
                prepared = True
            if self._asked.is_set():
                self._safe_point(bench, told, heartbeat)
            heartbeat.beat()
            row = self._measure_point(index, point, bench)
            measured = row["attempts"] > 0
            waveform = bench.recorder.waveform() if bench.recorder is not None and measured else None
            self._pace.advance(index + 1, bench.clock.now())
            told.append(row, waveform, self._pace.total)
        told.flush()
        self.procedure.conclude(journal.rows(), bench)
        if prepared:
            note_end(journal, bench)

    def _points(self, journal: Journal) -> Iterator[tuple[int, Point]]:
        """Numbered points of the plan; then those of the refinement, from what the journal holds of the plan."""
        index = -1
        for index, point in enumerate(self.procedure.plan()):
            yield index, point
        if self.procedure.refinement_count():
            planned = index + 1
            journal.flush()
            extra = self.procedure.refinement({name: values[:planned] for name, values in journal.rows().items()})
            if len(extra) > self.procedure.refinement_count():
                most = self.procedure.refinement_count()
                raise AsotError(
                    f"Refinement must add at most {most} points; it asks for {len(extra)}. Mend the procedure."
                )
            self._pace.total = planned + len(extra)
            yield from enumerate(extra, planned)

    def _replay(self, history: deque[tuple[int, Point]], bench: Bench) -> None:
        """Bring the sample to where it was after the last point taken over: same fields, same order, no reading."""
        for place, (index, point) in enumerate(history):
            bench.clock.mark(self.number, index, 0)
            self.procedure.set(point, bench)
            if place >= len(history) - _SETTLED:
                self.procedure.settle(bench)

    def _measure_point(self, index: int, point: Point, bench: Bench) -> Reading:
        """Measure one point; what an instrument or a driver raises is tried again, a bounded number of times."""
        procedure, averaging = self.procedure, self.procedure.averaging()
        readings = 1
        for attempt in range(self._retries + 1):
            if self._skip:
                break
            try:
                bench.clock.mark(self.number, index, attempt)
                procedure.set(point, bench)
                procedure.settle(bench)
                if averaging is None:
                    reading = procedure.measure(point, bench)
                else:
                    reading, readings = average(procedure, point, bench, averaging)
            except (LimitError, InputError):
                raise  # would come again
            except Exception:
                if attempt == self._retries and not self._skip:
                    raise
            else:
                return self._row(point, reading, attempt + 1, readings)
        self._skip = False
        nothing = dict.fromkeys((column.name for column in columns_of(procedure)), math.nan)
        flags = {column.name: 0.0 for column in procedure.columns if column.role == "status"}
        return self._row(point, {**nothing, **flags, **procedure.asked(point)}, 0, 0)

    @staticmethod
    def _row(point: Point, reading: Reading, attempts: int, readings: int) -> Reading:
        return {
            **reading,
            "sequence": point.sequence,
            "repeat": point.repeat,
            "attempts": attempts,
            "readings": readings,
            "wall_time": time.time(),
            "monotonic_time": time.monotonic(),
        }

    def _safe_point(self, bench: Bench, told: Acknowledgements, heartbeat: Heartbeat) -> None:
        """Do between two points what was asked for meanwhile."""
        self._asked.clear()
        if self._pause and self.state is State.RUNNING:
            told.flush()
            current_off = self._current_off
            start, wall_start = bench.clock.now(), time.monotonic()
            if current_off:
                self.procedure.release(bench)
            self._lifecycle.move(State.PAUSED)
            state = self._lifecycle.wait_while(State.PAUSED, heartbeat.beat)
            if current_off and state is State.RUNNING:
                self.procedure.restore(bench)
            self._pace.leave_out(bench.clock.now() - start, time.monotonic() - wall_start)
        if self.state is State.ABORTING:
            raise _AbortedError


class _AbortedError(Exception):
    """Leaves the loop for a run that is to be aborted."""


def run(
    procedure: Measurement,
    bench: Bench,
    folder: str | Path = "runs",
    *,
    name: str = "",
    recipe: str = "",
    number: int = 0,
    retries: int = 1,
    resume: Path | None = None,
    on_point: PointListener | None = None,
    stop: threading.Event | None = None,
) -> RunResult:
    """Run a procedure to its end and store it.

    Parameters
    ----------
    procedure, folder, recipe, number, retries, resume, on_point
        See `Run`.
    name
        What the run file calls the procedure; by default what recipes call it.
    bench
        The open bench; its clock is claimed by the calling thread.
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
    InputError
        Where `resume` is not a run of the same procedure, parameters, bench and sample, or finished; where `folder`
        cannot be written to.
    StorageError
        Where the run file could not be made; the journal is kept and named.
    KeyboardInterrupt
        After the bench was made safe and the points were stored.
    """

    def listener(index: int, total: int, reading: Reading) -> None:
        if on_point is not None:
            on_point(index, total, reading)
        if stop is not None and stop.is_set() and one.state is State.RUNNING:
            one.abort()

    one = Run(
        procedure, Path(folder), name=name or procedure_name(procedure), recipe=recipe, number=number, retries=retries,
        resume=resume, on_point=listener,
    )  # fmt: skip
    if stop is not None and stop.is_set():
        one.abort()
        assert one.result is not None
        return one.result
    return one.execute(bench)


def _store(journal: Journal, state: State, reason: str, safe_state: list[SafeStateReport]) -> Path:
    """Close the journal and make the run file; a step that a full disk forbids keeps no other from being tried."""
    steps: list[Callable[[], None]] = [
        lambda: journal.note("safe_state", safe_state_text(safe_state)),
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
