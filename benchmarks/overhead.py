"""Overhead of the runner per point against pymeasure's Worker writing CSV, without instruments, in one process.

Usage: python benchmarks/overhead.py [POINTS] [FOLDER]
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from bare_bench import NAMES, BareProcedure, bare_bench  # noqa: E402 - after the path of the checkout
from pymeasure.experiment import Procedure, Results, Worker  # noqa: E402

import acquisition.journal  # noqa: E402
from acquisition import Run  # noqa: E402

PLAIN_COMMITS = 2000


class PlainProcedure(Procedure):  # type: ignore[misc]
    """The same eleven numbers, the way pymeasure wants them."""

    DATA_COLUMNS = list(NAMES)  # noqa: RUF012 - pymeasure's own way
    count = 20_000

    def execute(self) -> None:
        """Emit them."""
        for index in range(self.count):
            self.emit("results", dict.fromkeys(NAMES, float(index)))


def worker_seconds(count: int, folder: Path) -> float:
    """Time (s) per point of pymeasure's Worker, until the last row is in the CSV file."""
    procedure = PlainProcedure()
    procedure.count = count
    results = Results(procedure, str(folder / f"plain-{time.monotonic_ns()}.csv"))
    worker = Worker(results)
    start = time.perf_counter()
    worker.start()
    threading.Thread.join(worker)  # its own join would abort it
    return (time.perf_counter() - start) / count


def runner_seconds(count: int, folder: Path) -> float:
    """Time (s) per point of the runner, from the first to the last committed point."""
    procedure = BareProcedure()
    procedure.count = count  # type: ignore[misc]
    stamps: list[float] = []

    def stamp(index: int, total: int, row: Any) -> None:
        if index in (0, count - 1):
            stamps.append(time.perf_counter())

    run = Run(procedure, folder, name="bare", on_point=stamp)
    began = time.perf_counter()
    run.execute(bare_bench())
    return (stamps[-1] - (stamps[0] if len(stamps) > 1 else began)) / (count - 1)


def fsync_seconds(folder: Path) -> float:
    """Time (s) of one fsync after 4 kB, what a commit cannot do without."""
    with (folder / "fsync").open("wb", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(200):
            file.write(bytes(4096))
            os.fsync(file.fileno())
        return (time.perf_counter() - start) / 200


def main(count: int, base: Path = ROOT) -> int:
    """Print medians of three, and the ratio."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=base) as name:
        folder = Path(name)
        pairs = [(worker_seconds(count, folder), runner_seconds(count, folder)) for _ in range(3)]
        worker, grouped = (statistics.median(values) for values in zip(*pairs, strict=True))
        acquisition.journal._COMMIT_INTERVAL = 0.0
        acquisition.journal._BURST = 1e9
        single, fsync = runner_seconds(PLAIN_COMMITS, folder), fsync_seconds(folder)
    print(
        f"per point, 11 columns: pymeasure Worker with CSV {worker * 1e6:.1f} us; runner with group commits "
        f"{grouped * 1e6:.1f} us ({grouped / worker:.2f} times); with a commit for every point {single * 1e6:.0f} us, "
        f"of which one fsync of this disk takes {fsync * 1e6:.0f} us"
    )
    return int(grouped > 2 * worker or single > 290e-6)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, *map(Path, sys.argv[2:3])))
