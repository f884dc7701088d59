"""The queue: runs one after the other; one that fails does not stop the next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from acquisition.states import State, TransitionError
from analysis.errors import AsotError, InputError

if TYPE_CHECKING:
    from acquisition.runner import Run, RunResult
    from instruments import Bench


class Queue:
    """Runs in order. Window and command line both use it; any thread may add, move, remove and abort.

    Parameters
    ----------
    on_begin, on_end
        Called in the thread that measures, before and after each run.
    """

    def __init__(
        self,
        *,
        on_begin: Callable[[Run], None] | None = None,
        on_end: Callable[[Run, RunResult], None] | None = None,
    ) -> None:
        self._on_begin, self._on_end = on_begin, on_end
        self._runs: list[Run] = []
        self._lock = threading.Lock()
        self._executing = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs in order, those that ended included."""
        return tuple(self._runs)

    @property
    def current(self) -> Run | None:
        """The run that is being measured, if any."""
        return next((run for run in self.runs if run.state in (State.RUNNING, State.PAUSED, State.ABORTING)), None)

    def add(self, run: Run) -> Run:
        """Put a run at the end; also while others are measured."""
        if run.state is not State.QUEUED:
            raise InputError(f"Run added to a queue must be queued; it is {run.state}. Make a new one.")
        with self._lock:
            self._runs.append(run)
        return run

    def move(self, run: Run, before: Run | None) -> None:
        """Put a run that has not begun before another one that has not; None puts it at the end.

        Raises
        ------
        InputError
            Where one of them has begun, or is not in the queue.
        """
        with self._lock:
            for one in (run, *([] if before is None else [before])):
                if one not in self._runs or one.state is not State.QUEUED:
                    raise InputError(f"Run moved in a queue must be queued; it is {one.state}. Move one that waits.")
            if run is before:
                return
            self._runs.remove(run)
            self._runs.insert(len(self._runs) if before is None else self._runs.index(before), run)

    def remove(self, run: Run) -> None:
        """Skip a run that has not begun: it ends ABORTED and measures nothing."""
        run.abort("Removed from the queue.")

    def forget(self, run: Run) -> None:
        """Take a run that has ended off the list; its file stays."""
        with self._lock:
            if run.result is None:
                raise InputError(f"Run taken off a queue must have ended; it is {run.state}. Remove or abort it first.")
            self._runs.remove(run)

    def abort(self, reason: str = "Aborted by the user.") -> None:
        """Abort the run that is being measured and all that follow."""
        for run in reversed(self.runs):
            if run.state in (State.QUEUED, State.RUNNING, State.PAUSED):
                with suppress(TransitionError):  # it has ended between the look and the word
                    run.abort(reason)

    def execute(self, bench_for: Callable[[Run], Bench]) -> list[RunResult]:
        """Measure until no queued run is left.

        Parameters
        ----------
        bench_for
            Gives the open bench for a run. A run for which it raises is aborted with that reason.

        Returns
        -------
        list of RunResult
            Of every run of the queue that has ended, in order.

        Raises
        ------
        KeyboardInterrupt
            After the run was stored and the bench made safe; the runs that follow are aborted.
        """
        with self._lock:
            if self._executing:
                raise InputError("A queue must be executed by one thread; another one is at it. Add runs to it.")
            self._executing = True
        try:
            while (run := self._next()) is not None:
                self._execute(run, bench_for)
                self._abort_what_rests_on(run)
                if run.result is not None and run.result.unsafe:  # no further current on a bench that did not obey
                    self.abort(f"The bench is NOT SAFE after an earlier run: {'; '.join(run.result.unsafe)}.")
        except KeyboardInterrupt:
            self.abort("A run before it was interrupted.")
            raise
        finally:
            self._executing = False
        return [run.result for run in self.runs if run.result is not None]

    def _abort_what_rests_on(self, failed: Run) -> None:
        """Abort the rest of a recipe whose centring or balancing failed: it would measure at the wrong place."""
        result = failed.result
        if result is None or result.state is not State.FAILED or not failed.procedure.others_rest_on_it:
            return
        for run in self.runs:
            if run.state is State.QUEUED and run.batch and run.batch == failed.batch:
                run.abort(f"Run {failed.number + 1} ({failed.name}) of its recipe failed, on which it rests.")

    def _next(self) -> Run | None:
        return next((run for run in self.runs if run.state is State.QUEUED), None)

    def _execute(self, run: Run, bench_for: Callable[[Run], Bench]) -> None:
        try:
            bench = bench_for(run)
        except Exception as error:  # whatever keeps one bench from being opened, the queue goes on
            reason = str(error) if isinstance(error, AsotError) else f"{type(error).__name__}: {error}"
            with suppress(TransitionError):
                run.abort(reason)
        else:
            if self._on_begin is not None:
                self._on_begin(run)
            try:
                run.execute(bench)
            except Exception:
                if run.result is None:  # it was aborted between the look at its state and the start
                    raise
        if self._on_end is not None and run.result is not None:
            self._on_end(run, run.result)
