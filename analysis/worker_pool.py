"""Pool of processes for the parts of an analysis; one that dies takes nothing with it but the item it was at."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from analysis.child_process import child_environment
from analysis.executors import Answer, Crash, Item, Task
from analysis.worker import receive, send

_LEAVING = 10.0  # s


class WorkerPool:
    """Processes `python -P -m analysis.worker`, each with a thread that hands it one item after the other.

    A context manager: on leaving it the processes end.

    Parameters
    ----------
    count
        Number of processes.

    Notes
    -----
    The next item goes out when an answer came in, so that what a dead process was at is known. A process that died is
    replaced.
    """

    def __init__(self, count: int) -> None:
        self._workers = [_Worker() for _ in range(count)]

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.end()

    @property
    def processes(self) -> list[int]:
        """Ids of the processes."""
        return [worker.process.pid for worker in self._workers]

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> list[Answer | Crash]:
        """Answers of `task` to each of `items`, in their order; an exception of a task is raised here."""
        waiting: queue.SimpleQueue[tuple[int, Item]] = queue.SimpleQueue()
        for entry in enumerate(items):
            waiting.put(entry)
        answers: list[Any] = [None] * len(items)
        errors: list[Exception] = []

        def work(worker: _Worker) -> None:
            fresh = True
            while not errors:
                try:
                    number, item = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    answers[number] = worker.ask(task if fresh else None, item)
                    fresh = isinstance(answers[number], Crash)  # the one in its place does not know the task
                except Exception as error:
                    errors.append(error)

        threads = [
            threading.Thread(target=work, args=(worker,), name="analysis", daemon=True)
            for worker in self._workers[: len(items)]
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C: the threads end with their processes
            errors.append(InterruptedError())
            for worker in self._workers:
                worker.process.kill()
            raise
        if errors:
            raise errors[0]
        return answers


class _Worker:
    """One process."""

    def __init__(self) -> None:
        self.process = _start()

    def ask(self, task: Any, item: Any) -> Any:
        """Answer of the process to one item; a Crash where it died, after which another is in its place."""
        reading: Path | None = None
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        try:
            if task is not None:
                send(stdin, "task", task)  # type: ignore[arg-type]
            send(stdin, "item", item)  # type: ignore[arg-type]
            while True:
                kind, content = receive(stdout)  # type: ignore[arg-type]
                if kind != "reading":
                    break
                reading = content
        except (EOFError, OSError):
            self.end()
            code = self.process.returncode
            self.process = _start()
            return Crash(reading, f"signal {-code}" if code < 0 else f"exit code {code}")
        if kind == "error":
            raise content
        return content

    def end(self) -> None:
        """End the process: it leaves when its standard input closes."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(OSError):  # nobody may read it any more
            self.process.stdin.close()
        try:
            self.process.wait(_LEAVING)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "analysis.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
        start_new_session=True,  # Ctrl-C in a terminal is for the program, which ends them
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
