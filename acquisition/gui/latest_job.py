"""Work that takes too long for the window's thread, of which only the latest request counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal


class LatestJob(QObject):
    """Does one job at a time in a thread of its own; a request made meanwhile replaces any other that waits.

    Parameters
    ----------
    name
        Of the thread.

    Signals
    -------
    done(object)
        What the latest request returned; nothing comes of requests that were superseded.
    failed(BaseException)
        What the latest request raised.
    """

    done = pyqtSignal(object)
    failed = pyqtSignal(object)
    _ended = pyqtSignal(int, object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._count = 0
        self._waiting: Callable[[], Any] | None = None
        self._busy = False
        self._ended.connect(self._take)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._busy

    @property
    def outdated(self) -> bool:
        """Whether another request waits; the job that is done may ask for it, and raise whatever it likes."""
        return self._waiting is not None

    def submit(self, job: Callable[[], Any]) -> None:
        """Do `job`; returns at once."""
        self._count += 1
        self._waiting = job
        if not self._busy:
            self._start()

    def _start(self) -> None:
        job, self._waiting, self._busy = self._waiting, None, True
        assert job is not None
        threading.Thread(target=self._work, args=(self._count, job), name=self._name, daemon=True).start()

    def _work(self, count: int, job: Callable[[], Any]) -> None:
        value, error = None, None
        try:
            value = job()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the window is gone meanwhile
            self._ended.emit(count, value, error)

    def _take(self, count: int, value: object, error: BaseException | None) -> None:
        self._busy = False
        if self._waiting is not None:
            self._start()
        if count != self._count:
            return
        if error is None:
            self.done.emit(value)
        else:
            self.failed.emit(error)
