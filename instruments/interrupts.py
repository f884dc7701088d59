"""Signals that end a program: turned into one exception, and held back while the bench is made safe."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP") if hasattr(signal, name))


def raise_interrupts() -> None:
    """Let every signal that ends a program raise KeyboardInterrupt, so that it leaves a run through its clean-up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in _SIGNALS:
        signal.signal(number, interrupt)


class Interrupts:
    """The first signal raises KeyboardInterrupt, unless `hold` came before it; later ones only count."""

    def __init__(self) -> None:
        self._held = False
        self._kept: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal. Raising and holding are one step: no second signal comes between."""
        if self._held:
            self._kept = self._kept or number
        else:
            self._held = True
            raise KeyboardInterrupt(signal.Signals(number).name)

    def hold(self) -> None:
        """Raise no more."""
        self._held = True

    def release(self) -> None:
        """Raise what was held back."""
        if self._kept is not None:
            raise KeyboardInterrupt(signal.Signals(self._kept).name)


@contextmanager
def single_interrupt() -> Iterator[Interrupts]:
    """Let one signal at most interrupt the block; one that came after `hold` raises KeyboardInterrupt at its end.

    Outside the main thread, where Python delivers no signals, nothing is to be done.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    previous = {number: signal.signal(number, interrupts) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    interrupts.release()


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold signals back inside the block; the first that came raises KeyboardInterrupt after it."""
    with single_interrupt() as interrupts:
        interrupts.hold()
        yield
