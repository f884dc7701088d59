"""Time of a bench: the wall clock, or a virtual one that only the run moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

Epoch = tuple[int, int, int]


class Clock(Protocol):
    """What the bench and the runner need of time."""

    def now(self) -> float:
        """Seconds since the bench was opened."""
        ...

    def wait(self, seconds: float) -> None:
        """Let `seconds` (s, at least 0) pass."""
        ...

    def mark(self, run: int, point: int, repeat: int) -> None:
        """Say which measurement begins: noise of a simulated bench is a function of these counts."""
        ...

    def claim(self) -> None:
        """Make the calling thread the one that runs the bench."""
        ...

    def borrowed(self) -> AbstractContextManager[None]:
        """Make the calling thread the one that runs the bench, for a block."""
        ...


class WallClock:
    """Monotonic wall time, for real instruments and for `--realtime`.

    Attributes
    ----------
    while_waiting
        Called about twice a second by whoever waits, in the waiting thread; None for nothing.
    """

    _SLICE = 0.5  # s

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.while_waiting: Callable[[], None] | None = None

    def now(self) -> float:
        """Seconds since the bench was opened."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, self._SLICE))
            if self.while_waiting is not None:
                self.while_waiting()

    def mark(self, run: int, point: int, repeat: int) -> None:
        """Do nothing: real noise keeps no count."""

    def claim(self) -> None:
        """Do nothing: wall time passes for every thread."""

    def borrowed(self) -> AbstractContextManager[None]:
        """Do nothing, as `claim`."""
        return nullcontext()


class VirtualClock:
    """Time that passes only when its owner, the thread that runs the bench, lets it pass.

    Waits of the owner advance it at once, and so does the nominal latency of each exchange with an
    instrument (`elapse`), so that polling loops end. Other threads read it and move nothing: a window that
    watches a simulated run changes no number of it.

    Parameters
    ----------
    realtime
        Really sleep through each advance, so that a simulated run lasts as long as a real one.
    """

    def __init__(self, realtime: bool = False) -> None:
        self._now = 0.0
        self._sleep = time.sleep if realtime else lambda seconds: None
        self._epoch: Epoch = (0, 0, 0)
        self._owner = threading.get_ident()
        self._advance_listeners: list[Callable[[float, float], None]] = []
        self._mark_listeners: list[Callable[[], None]] = []

    @property
    def epoch(self) -> Epoch:
        """Run, point and repeat that were marked last."""
        return self._epoch

    def now(self) -> float:
        """Seconds of virtual time since the bench was opened."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Advance by `seconds` at once; a thread that does not own the clock really sleeps instead."""
        if threading.get_ident() == self._owner:
            self._advance(seconds)
        elif seconds > 0:
            time.sleep(seconds)

    def elapse(self, seconds: float) -> None:
        """Advance by the latency of an exchange, if the calling thread owns the clock."""
        if threading.get_ident() == self._owner:
            self._advance(seconds)

    def claim(self) -> None:
        """Make the calling thread the owner."""
        self._owner = threading.get_ident()

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Own the clock for a block, while its owner hangs; waits of the owner really sleep meanwhile."""
        owner, self._owner = self._owner, threading.get_ident()
        try:
            yield
        finally:
            self._owner = owner

    def mark(self, run: int, point: int, repeat: int) -> None:
        """Begin the measurement (`run`, `point`, `repeat`): noise restarts from these counts."""
        self._epoch = (run, point, repeat)
        for listener in self._mark_listeners:
            listener()

    def subscribe(self, listener: Callable[[float, float], None]) -> None:
        """Call `listener(start, stop)` (s) after each advance, in the owner's thread."""
        self._advance_listeners.append(listener)

    def subscribe_mark(self, listener: Callable[[], None]) -> None:
        """Call `listener()` after each `mark`."""
        self._mark_listeners.append(listener)

    def _advance(self, seconds: float) -> None:
        if seconds <= 0:
            return
        self._sleep(seconds)
        start, self._now = self._now, self._now + seconds
        for listener in self._advance_listeners:
            listener(start, self._now)
