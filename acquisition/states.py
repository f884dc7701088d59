"""States of a run, and which may follow which."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

from analysis.errors import AsotError


class State(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    ABORTING = "aborting"
    FINISHED = "finished"
    ABORTED = "aborted"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


FOLLOWING: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.ABORTED, State.FAILED}),
    State.RUNNING: frozenset({State.PAUSED, State.ABORTING, State.FINISHED, State.FAILED, State.INTERRUPTED}),
    State.PAUSED: frozenset({State.RUNNING, State.ABORTING, State.FAILED, State.INTERRUPTED}),
    State.ABORTING: frozenset({State.ABORTED, State.FINISHED, State.FAILED, State.INTERRUPTED}),
    State.FINISHED: frozenset(),
    State.ABORTED: frozenset(),
    State.FAILED: frozenset(),
    State.INTERRUPTED: frozenset(),
}
"""States that may follow each state. An abort that is asked for after the last point comes too late: FINISHED.
INTERRUPTED is what `asot recover` finds of a process that died."""

FINAL = frozenset(state for state, following in FOLLOWING.items() if not following)
"""States that a run does not leave."""


class TransitionError(AsotError):
    """A run asked for what its state does not allow; the message names both."""


class Lifecycle:
    """State of one run; any thread may look at it and move it.

    Parameters
    ----------
    name
        What errors call the run.
    listener
        Called with each new state, in the thread that moved it.
    """

    def __init__(self, name: str, listener: Callable[[State], None] | None = None) -> None:
        self._name, self._listener = name, listener
        self._state = State.QUEUED
        self._changed = threading.Condition()

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    def require(self, action: str, *allowed: State) -> None:
        """Raise `TransitionError` unless the run is in one of the states `allowed`."""
        if self._state not in allowed:
            raise TransitionError(
                f"Run {self._name} must be {' or '.join(allowed)} to {action}; it is {self._state}. "
                "Look at its state first."
            )

    def move(self, state: State) -> None:
        """Enter `state`; `TransitionError` where it does not follow the present one."""
        with self._changed:
            if state not in FOLLOWING[self._state]:
                following = ", ".join(sorted(FOLLOWING[self._state])) or "nothing"
                raise TransitionError(
                    f"Run {self._name} must go from {self._state} to {following}; received {state}. "
                    "Look at its state first."
                )
            self._state = state
            self._changed.notify_all()
        if self._listener is not None:
            self._listener(state)

    def cancel(self, note: Callable[[], None]) -> bool:
        """Go from QUEUED to ABORTED, `note` called just before; False where the run has begun already."""
        with self._changed:
            if self._state is not State.QUEUED:
                return False
            note()
            self._state = State.ABORTED
            self._changed.notify_all()
        if self._listener is not None:
            self._listener(State.ABORTED)
        return True

    def wait_while(self, state: State, meanwhile: Callable[[], None]) -> State:
        """Wait (wall time) until the run has left `state`, and call `meanwhile` all along; signals get through."""
        while True:
            with self._changed:
                if self._state is not state:
                    return self._state
                self._changed.wait(0.1)
            meanwhile()
