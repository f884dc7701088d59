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
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's choice holds
            signal.signal(number, interrupt)


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold signals back inside the block; the first that came raises KeyboardInterrupt after it.

    However often Ctrl-C is pressed, the block runs to its end. Outside the main thread, where Python delivers no
    signals, nothing is to be done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    previous = {number: signal.signal(number, lambda number, frame: received.append(number)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt(signal.Signals(received[0]).name)
