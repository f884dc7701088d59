"""Work that would keep the window waiting, on a thread of its own; what comes of it arrives in the window's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

from PyQt6.QtCore import QObject, pyqtSignal

Found = TypeVar("Found")


class Background(QObject):
    """One thread that does one job after the other.

    An error of a job is raised in the window's thread, where it becomes a message, unless `failed` takes it.

    Parameters
    ----------
    name
        Of the thread.

    Signals
    -------
    busy_changed(bool)
        Whether there is work.
    """

    busy_changed = pyqtSignal(bool)
    _done = pyqtSignal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waiting = 0
        self._latest = 0
        self._closed = False
        self._done.connect(self._deliver)
        threading.Thread(target=self._work, name=name, daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether there is work."""
        return self._waiting > 0

    def do(
        self,
        job: Callable[[], Found],
        then: Callable[[Found], object],
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Do `job`, then hand what it returned to `then` in the window's thread."""
        self._put(job, then, failed, lambda: True)

    def replace(
        self,
        job: Callable[[], Found],
        then: Callable[[Found], object],
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Do `job` as `do` does, and nothing more of what `replace` was asked for before."""
        self._latest += 1
        number = self._latest
        self._put(job, then, failed, lambda: number == self._latest)

    def close(self) -> None:
        """End the thread after the job that it is at; nothing is delivered any more."""
        self._closed = True
        self._jobs.put(None)

    def _put(
        self,
        job: Callable[[], Found],
        then: Callable[[Found], object],
        failed: Callable[[Exception], object] | None,
        wanted: Callable[[], bool],
    ) -> None:
        def deliver(outcome: Callable[[], object]) -> None:
            with suppress(RuntimeError):  # the window is gone
                if not self._closed:
                    self._done.emit((outcome, wanted))

        def attempt() -> None:
            if not wanted():
                deliver(lambda: None)
                return
            try:
                found = job()
            except Exception as error:
                fault = error
                deliver(lambda: _fail(fault, failed))
            else:
                deliver(lambda: then(found))

        self._waiting += 1
        if self._waiting == 1:
            self.busy_changed.emit(True)
        self._jobs.put(attempt)

    def _work(self) -> None:
        while not self._closed and (job := self._jobs.get()) is not None:
            job()

    def _deliver(self, result: tuple[Callable[[], object], Callable[[], bool]]) -> None:
        outcome, wanted = result
        self._waiting -= 1
        if not self._waiting:
            self.busy_changed.emit(False)
        if wanted() and not self._closed:
            outcome()


def _fail(error: Exception, failed: Callable[[Exception], object] | None) -> None:
    if failed is None:
        raise error
    failed(error)
