"""What stands behind the window: one thread that owns the bench, its queue of runs, and what it has to tell."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from acquisition.gui.live_run import LiveRun, live_run
from acquisition.gui.message import Message, Severity, of_error
from acquisition.gui.permanent import keep_for_good
from acquisition.run_queue import Queue
from acquisition.states import State, TransitionError
from analysis.errors import InputError
from instruments.clock import WallClock
from instruments.live import LiveReading

if TYPE_CHECKING:
    from acquisition.recipe import PlannedSample, Recipe
    from acquisition.runner import Run, RunResult
    from instruments import Bench
    from instruments.bench import BenchFiles
    from instruments.bench_check import InstrumentCheck
    from instruments.cut_off import CutOff
    from instruments.roles import SafeStateReport

LIVE_INTERVAL = 0.1
"""Time (s) between two live values."""


class Activity(StrEnum):
    """What the bench is doing."""

    DISCONNECTED = "not connected"
    CONNECTING = "connecting"
    IDLE = "idle"
    BUSY = "busy"
    MEASURING = "measuring"
    CLOSING = "closing"


@dataclass(frozen=True)
class Connection:
    """What to connect to: names or paths of bench and sample, keys set beside them, and real or virtual time."""

    bench: str
    sample: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    realtime: bool = False


@dataclass(frozen=True)
class Request:
    """Something that hands have to do; the bench waits until `answer`."""

    text: str
    _answers: SimpleQueue[bool] = field(default_factory=SimpleQueue)

    def answer(self, done: bool) -> None:
        """Say that it is done, or that it will not be: the run is then aborted."""
        self._answers.put(done)

    def wait(self, seconds: float) -> bool | None:
        """Answer within `seconds`, None where there is none yet."""
        try:
            return self._answers.get(timeout=seconds)
        except Empty:
            return None


class _Stop(BaseException):
    """Ends the bench thread."""


class Session(QObject):
    """The bench as the window sees it: everything returns at once, and answers come as signals in the window's thread.

    Signals
    -------
    activity_changed(Activity)
        What the bench is doing now; `doing` says it in words.
    live_read(dict)
        Role -> `LiveReading`, ten times a second while connected.
    message_posted(Message)
        For the log; errors also want to be seen.
    person_asked(Request)
        Something that hands have to do.
    queue_changed()
        Runs were added, moved, or have changed their state.
    run_began(LiveRun), run_ended(LiveRun)
        In the order in which it happens.
    cut_off_changed(bool)
        Whether currents and field are held at zero.
    closed()
        The bench is closed and its thread has ended.
    """

    activity_changed = pyqtSignal(object)
    live_read = pyqtSignal(dict)
    message_posted = pyqtSignal(object)
    person_asked = pyqtSignal(object)
    queue_changed = pyqtSignal()
    run_began = pyqtSignal(object)
    run_ended = pyqtSignal(object)
    cut_off_changed = pyqtSignal(bool)
    closed = pyqtSignal()
    _call = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bench: Bench | None = None
        """The open bench, for what is written in its files; only jobs of `do` may drive it."""
        self.connection: Connection | None = None
        self.files: BenchFiles | None = None
        self.checks: Mapping[str, InstrumentCheck] = {}
        """What each role was found to be when the bench was opened: identity, driver, addresses."""
        self.activity = Activity.DISCONNECTED
        self.doing = ""
        self.runs: list[LiveRun] = []
        """Runs of the queue in order, those that ended included."""
        self._queue = Queue(on_begin=self._began, on_end=self._ended)
        self._cut_off: CutOff | None = None
        self._faults: Mapping[str, str] = {}
        self._request: Request | None = None
        self._busy_since = time.monotonic()
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._call.connect(lambda call: call())
        self._thread = threading.Thread(target=self._work, name="bench", daemon=True)
        self._thread.start()
        self._timer = QTimer(self)
        self._timer.setInterval(round(1e3 * LIVE_INTERVAL))
        self._timer.timeout.connect(self._tell_live)
        self._timer.start()

    # ----------------------------------------------------------- for the window

    @property
    def connected(self) -> bool:
        """Whether a bench is open."""
        return self.bench is not None

    @property
    def simulated(self) -> bool:
        """Whether the open bench is simulated."""
        return self.bench is not None and self.bench.file.simulation is not None

    @property
    def cut_off(self) -> bool:
        """Whether currents and field are held at zero."""
        return self._cut_off is not None and self._cut_off.active

    @property
    def busy_for(self) -> float:
        """Time (s) for which the bench has been at what it does."""
        return time.monotonic() - self._busy_since

    @property
    def current(self) -> LiveRun | None:
        """The run that is being measured."""
        return next((one for one in self.runs if one.run is self._queue.current), None)

    def connect_bench(self, connection: Connection) -> None:
        """Open a bench, the one before closed first; instruments that do not answer are told as faults."""
        self._require_no_run("connect")
        self._jobs.put(lambda: self._connect(connection))

    def disconnect_bench(self) -> None:
        """Make the bench safe and let go of it."""
        self._require_no_run("disconnect")
        self._jobs.put(self._disconnect)

    def do(
        self,
        what: str,
        job: Callable[[Bench], Any],
        then: Callable[[Any], object] | None = None,
    ) -> None:
        """Let the bench thread do `job`; errors become messages.

        Parameters
        ----------
        what
            Shown while it lasts, e.g. "moving the stage".
        job
            Takes the open bench.
        then
            Called in the window's thread with what `job` returned; not after an error.

        Raises
        ------
        InputError
            Where no bench is open, or a run is on.
        """
        self._require_no_run(what)
        if self.bench is None:
            raise InputError(f"Bench must be connected for {what}; it is not. Connect it first.")
        self._jobs.put(lambda: self._do(what, job, then))

    def enqueue(
        self, recipe: Recipe, folder: Path, resume: Path | None = None, first: int = 0, batch: str = ""
    ) -> list[LiveRun]:
        """Put the runs of a recipe into the queue and begin to measure.

        Parameters
        ----------
        recipe
            The recipe.
        folder
            Where run files go.
        resume
            Run file or journal with which run `first` of the recipe goes on.
        first
            Number of the first run; those before it are left out.
        batch
            Id of the batch that the runs go on with; "" for one of their own.

        Returns
        -------
        list of LiveRun
        """
        self._complete_bench()
        batch = batch or secrets.token_hex(4)
        added = [
            live_run(planned, recipe, folder, batch, resume if planned.number == first else None)
            for planned in recipe.runs
            if planned.number >= first
        ]
        for one in added:
            self.runs.append(one)  # first: the bench thread may take the run at once
            self._queue.add(one.run)
        self._in_order()
        self._jobs.put(self._measure)
        return added

    def move(self, one: LiveRun, before: LiveRun | None) -> None:
        """Put a waiting run before another one that waits; None puts it last."""
        self._queue.move(one.run, None if before is None else before.run)
        self._in_order()

    def remove(self, one: LiveRun) -> None:
        """Take a run that waits out of the queue, or one that ended off the list."""
        if one.state is State.QUEUED:
            self._queue.remove(one.run)
        self._queue.forget(one.run)
        self._in_order()

    def abort(self) -> None:
        """Abort the run that is being measured; the next one begins."""
        if (one := self.current) is not None:
            self._refuse_request()
            with suppress(TransitionError):  # it has just ended
                one.run.abort()
            self.queue_changed.emit()

    def abort_all(self, reason: str = "Aborted by the user.") -> None:
        """Abort the run that is being measured, and all that wait."""
        self._refuse_request()
        self._queue.abort(reason)
        self.queue_changed.emit()

    def pause(self, *, current_off: bool = False) -> None:
        """Pause the run that is being measured before its next point."""
        if (one := self.current) is not None:
            one.run.pause(current_off=current_off)
            self.queue_changed.emit()

    def resume(self) -> None:
        """Go on after a pause."""
        if (one := self.current) is not None:
            one.run.resume()
            self.queue_changed.emit()

    def make_safe(self) -> None:
        """Cut currents and field at once, whatever the bench thread does; every run is aborted.

        Limits are given back when the bench thread is free again and has made everything safe. Between two samples,
        while no bench is open, nothing that waits begins.
        """
        self.abort_all("The safe-state button was pressed.")
        if self.bench is None or self._cut_off is None:
            self.post("warning", "No bench is open just now: what waited was aborted, and nothing will be measured.")
            return
        cut_off, tripped = self._cut_off, threading.Event()
        cut_off.hold()
        self.cut_off_changed.emit(True)

        def trip() -> None:
            try:
                reports = cut_off.trip(lambda report: None)
                self._tell_safe("Currents and field cut off", reports)
            finally:
                tripped.set()

        threading.Thread(target=trip, name="cut off", daemon=True).start()
        self._jobs.put(lambda: self._lift(cut_off, tripped))

    def close(self) -> None:
        """Abort what runs, make the bench safe, end the thread; `closed` follows."""
        self.abort_all("The window was closed.")
        self._jobs.put(self._end)

    def post(self, severity: Severity, text: str, details: str = "") -> None:
        """Tell the user something; from any thread."""
        self.message_posted.emit(Message(severity, text, details))

    # ----------------------------------------------------------- the bench thread

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=LIVE_INTERVAL)
            except Empty:
                self._read_live()
                continue
            try:
                job()
            except _Stop:
                break
            except BaseException as error:  # the thread has to outlive whatever a job raises
                self.message_posted.emit(of_error(error))
        self.closed.emit()

    def _read_live(self) -> None:
        if self.bench is None or (self._cut_off is not None and self._cut_off.active):
            return
        self._busy_since = time.monotonic()
        try:
            self._faults = {role: one.fault for role, one in self.bench.live().items() if one.fault}
        except Exception as error:  # a fault of a driver, which the next look may not have
            self._faults = {"bench": f"{type(error).__name__}: {error}"}

    def _enter(self, activity: Activity, doing: str = "") -> None:
        self.activity, self.doing, self._busy_since = activity, doing, time.monotonic()
        self.activity_changed.emit(activity)

    def _connect(self, connection: Connection) -> None:
        if self.bench is not None:
            self._disconnect()
        from instruments.bench import read_bench

        self._enter(Activity.CONNECTING, f"connecting to {connection.bench}")
        try:
            files = read_bench(connection.bench, connection.sample, connection.settings)
            self._open(files, connection)
        except Exception as error:
            self.message_posted.emit(of_error(error, f"Bench {connection.bench} was not opened"))
            self._enter(Activity.DISCONNECTED)
            return
        assert self.bench is not None
        self._read_live()
        keep_for_good("drivers")
        self._enter(Activity.IDLE)
        for role, fault in self.bench.faults.items():
            self.message_posted.emit(of_error(fault, role))
        if not self.bench.faults:
            self.post("info", f"Connected to {self.bench.file.name} with sample {self.bench.sample.name}.")

    def _open(self, files: BenchFiles, connection: Connection) -> None:
        from instruments.bench import open_what_answers
        from instruments.bench_check import check_instruments
        from instruments.cut_off import CutOff

        bench = open_what_answers(files, realtime=connection.realtime, prompt=self._ask)
        self.files, self.connection, self._cut_off = files, connection, CutOff(bench)
        self.checks = {check.role: check for check in check_instruments(bench)}
        self.bench = bench

    def _disconnect(self) -> None:
        bench, self.bench, self._cut_off, self._faults = self.bench, None, None, {}
        if bench is None:
            return
        self._enter(Activity.CLOSING, "making the bench safe")
        try:
            bench.close()
        except Exception as error:
            self.message_posted.emit(of_error(error))
        else:
            self.post("info", f"Bench {bench.file.name} is safe and closed.")
        self._enter(Activity.DISCONNECTED)

    def _do(self, what: str, job: Callable[[Bench], Any], then: Callable[[Any], object] | None) -> None:
        if self.bench is None:
            return
        self._enter(Activity.BUSY, what)
        try:
            with self.bench.occupied():
                value = job(self.bench)
        except (Exception, KeyboardInterrupt) as error:
            self.message_posted.emit(of_error(error, what.capitalize()))
        else:
            if then is not None:
                self._call.emit(lambda: then(value))
        self._read_live()
        self._enter(Activity.IDLE)

    def _measure(self) -> None:
        if not any(one.state is State.QUEUED for one in self.runs):
            return
        self._enter(Activity.MEASURING)
        try:
            self._queue.execute(self._bench_for)
        except KeyboardInterrupt as interrupt:
            self.post("warning", str(interrupt))
        finally:
            self._enter(Activity.IDLE if self.bench is not None else Activity.DISCONNECTED)

    def _bench_for(self, run: Run) -> Bench:
        """Bench with the sample of `run` in it; a person is asked to change it on a bench that is not simulated."""
        from instruments.bench import read_bench

        sample, bench = self._live(run).planned.sample, self._complete_bench()
        if bench.sample == sample.description:
            return bench
        bench.ask(f"Put sample {sample.description.name} under the microscope, then close the box.")
        assert self.connection is not None
        connection = self._with_sample(self.connection, sample)
        self._disconnect()
        self._enter(Activity.CONNECTING, f"changing to sample {sample.description.name}")
        self._open(read_bench(connection.bench, connection.sample, connection.settings), connection)
        self._enter(Activity.MEASURING)
        return self._complete_bench()

    def _complete_bench(self) -> Bench:
        """The open bench, every instrument of which answers; InputError where it is not so."""
        if self.bench is None:
            raise InputError("Bench must be connected to measure; it is not. Connect it first.")
        if self.bench.faults:
            roles = ", ".join(self.bench.faults)
            raise InputError(f"Every instrument must answer before a run; not so: {roles}. Mend that and reconnect.")
        return self.bench

    @staticmethod
    def _with_sample(connection: Connection, sample: PlannedSample) -> Connection:
        others = {key: value for key, value in connection.settings.items() if not key.startswith("sample.")}
        return Connection(connection.bench, sample.file, {**others, **sample.settings}, connection.realtime)

    def _began(self, run: Run) -> None:
        one = self._live(run)
        self.doing = one.title
        self.run_began.emit(one)
        self.queue_changed.emit()

    def _ended(self, run: Run, result: RunResult) -> None:
        one = self._live(run)
        if result.state is State.FAILED or result.unsafe:
            unsafe = "".join(f" NOT SAFE: {step}." for step in result.unsafe)
            self.post("error", f"{one.title} {result.state}: {result.reason}{unsafe}", str(result.path or ""))
        elif result.state is State.ABORTED:
            self.post("warning", f"{one.title} aborted: {result.reason}", str(result.path or ""))
        else:
            self.post("info", f"{one.title} finished: {result.points} points.", str(result.path or ""))
        self.run_ended.emit(one)
        self.queue_changed.emit()

    def _lift(self, cut_off: CutOff, tripped: threading.Event) -> None:
        tripped.wait()
        if self.bench is None or cut_off is not self._cut_off:  # that bench was closed, and made safe by it
            self.cut_off_changed.emit(self.cut_off)
            return
        self._enter(Activity.BUSY, "making the bench safe")
        reports = self.bench.make_safe()
        if all(report.safe for report in reports):
            cut_off.lift()
        else:
            self._tell_safe("Currents and field stay held at zero until the bench is opened again", reports)
        self.cut_off_changed.emit(self.cut_off)
        self._enter(Activity.IDLE)

    def _end(self) -> None:
        self._disconnect()
        raise _Stop

    def _ask(self, request: str) -> None:
        """Show a request and wait for the answer, giving signs of life meanwhile."""
        self._request = asked = Request(request)
        self.person_asked.emit(asked)
        try:
            while (done := asked.wait(0.2)) is None:
                clock = self.bench.clock if self.bench is not None else None
                if isinstance(clock, WallClock) and clock.while_waiting is not None:
                    clock.while_waiting()
        finally:
            self._request = None
        if not done:
            raise KeyboardInterrupt(f"Stopped by the operator, who was asked: {request}")

    # ----------------------------------------------------------- both

    def _tell_live(self) -> None:
        if (bench := self.bench) is not None:
            faults = self._faults
            latest = {item.role: item.latest._replace(fault=faults.get(item.role, "")) for item in bench.instruments}
            for role, fault in bench.faults.items():
                latest[role] = LiveReading({}, 0.0, str(fault))
            self.live_read.emit(latest)

    def _tell_safe(self, what: str, reports: list[SafeStateReport]) -> None:
        details = "\n".join(
            [f"{report.role}: {step}" for report in reports for step in report.reached]
            + [f"{report.role}: NOT SAFE: {step}" for report in reports for step in report.failed]
        )
        failed = [f"{report.role}: {step}" for report in reports for step in report.failed]
        if failed:
            self.post("error", f"{what}, but NOT SAFE: {'; '.join(failed)}.", details)
        else:
            self.post("info", f"{what}: sources off, relay open, field at zero.", details)

    def _refuse_request(self) -> None:
        if (request := self._request) is not None:
            request.answer(False)

    def _require_no_run(self, what: str) -> None:
        if self.activity is Activity.MEASURING or any(one.state is State.QUEUED for one in self.runs):
            raise InputError(f"No run may be on for {what}; one is, or waits. Wait for its end, or abort it.")

    def _in_order(self) -> None:
        by_run = {id(one.run): one for one in self.runs}
        self.runs = [by_run[id(run)] for run in self._queue.runs]
        self.queue_changed.emit()

    def _live(self, run: Run) -> LiveRun:
        return next(one for one in self.runs if one.run is run)
