"""Where the parts of an analysis run: in this process, or in a pool of others; the result is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from analysis.stack import require

_MANY = 48  # files; fewer are analysed sooner than processes have started
_LARGEST_POOL = 32

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Reading = Callable[[Path], None]
Task = Callable[[Item, Reading], Answer]
"""Function of an item and of what is told of each file before it is read; both, and the answer, can be pickled."""


@dataclass(frozen=True)
class Crash:
    """Answer that did not come, because the process that worked at it died.

    Attributes
    ----------
    reading
        File that it read last; None where it had begun none.
    reason
        How it died.
    """

    reading: Path | None
    reason: str

    def text(self, path: Path) -> str:
        """Say what happened to the analysis of `path`."""
        return f"the process that analysed it died ({self.reason}). Look at it with `asot runs verify {path}`."


class Executor(Protocol):
    """Runs tasks."""

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> list[Answer | Crash]:
        """Answers of `task` to each of `items`, in their order."""


class InProcess:
    """Runs tasks one after the other in this process."""

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> list[Answer | Crash]:
        """Answers of `task` to each of `items`, in their order."""
        return [task(item, lambda path: None) for item in items]


@contextmanager
def executor(files: int, workers: int | None = None, scheduler: str | None = None) -> Iterator[Executor]:
    """Where to analyse this many files.

    Parameters
    ----------
    files
        Their number.
    workers
        Number of processes; 1 for none but this one. By default one for each processor from `_MANY` files on.
    scheduler
        Address of a dask scheduler, or "local".
    """
    if scheduler is not None:
        from analysis.cluster import cluster

        with cluster(scheduler, workers) as answering:
            yield answering
        return
    if workers is None:
        workers = min(os.cpu_count() or 1, _LARGEST_POOL) if files >= _MANY else 1
    require("workers", workers, "a whole number above 0", int(workers) == workers > 0, "Leave it out.")
    if workers == 1:
        yield InProcess()
        return
    from analysis.worker_pool import WorkerPool

    with WorkerPool(workers) as pool:
        yield pool
