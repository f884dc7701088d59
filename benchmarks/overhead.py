"""Overhead of the runner per point against pymeasure, QCoDeS and bluesky, without instruments, in one process.

Usage, with the dependency group `benchmarks`: python benchmarks/overhead.py [POINTS] [FOLDER]
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from bare_bench import NAMES, BareProcedure, bare_bench  # noqa: E402 - after the path of the checkout
from pymeasure.experiment import Procedure, Results, Worker  # noqa: E402

from acquisition import Run  # noqa: E402
from acquisition.journal import Journal  # noqa: E402

SLOW_POINTS = 2000  # of what takes a hundred microseconds and more
ROUNDS = 5


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


def qcodes_seconds(count: int, folder: Path) -> float:
    """Time (s) per point of QCoDeS as it is: rows go to its database every five seconds and at the end."""
    from qcodes.dataset import Measurement, initialise_or_create_database_at, load_or_create_experiment

    initialise_or_create_database_at(folder / "qcodes.db")
    load_or_create_experiment("overhead", "none")
    measurement = Measurement()
    for name in NAMES:
        measurement.register_custom_parameter(name)
    with redirect_stdout(sys.stderr), measurement.run() as saver:
        start = time.perf_counter()
        for index in range(count):
            saver.add_result(*((name, float(index)) for name in NAMES))
        saver.flush_data_to_database()
        return (time.perf_counter() - start) / count


class BlueskyDetector:
    """Eleven numbers, the way bluesky wants them."""

    name, parent = "detector", None

    def __init__(self) -> None:
        self.index = 0

    def read(self) -> dict[str, dict[str, float]]:
        """Return the numbers."""
        self.index += 1
        return {name: {"value": float(self.index), "timestamp": 0.0} for name in NAMES}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return what they are."""
        return {name: {"source": "none", "dtype": "number", "shape": []} for name in NAMES}

    def read_configuration(self) -> dict[str, Any]:
        """Return none."""
        return {}

    describe_configuration = read_configuration


def bluesky_seconds(count: int, folder: Path) -> float:
    """Time (s) per point of bluesky's RunEngine, which stores nothing by itself."""
    from bluesky import RunEngine
    from bluesky import plan_stubs as stubs

    detector = BlueskyDetector()

    def plan() -> Any:
        yield from stubs.open_run()
        for _ in range(count):
            yield from stubs.trigger_and_read([detector])
        yield from stubs.close_run()

    engine = RunEngine({})
    start = time.perf_counter()
    engine(plan())
    return (time.perf_counter() - start) / count


def committed_seconds(count: int, folder: Path) -> float:
    """Time (s) per point of the runner with a commit for each."""
    with patch.object(Journal, "_commit_in_time", Journal.flush):
        return runner_seconds(count, folder)


def fsync_seconds(folder: Path) -> float:
    """Time (s) of one fsync after 4 kB, what a commit cannot do without."""
    with (folder / "fsync").open("wb", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(200):
            file.write(bytes(4096))
            os.fsync(file.fileno())
        return (time.perf_counter() - start) / 200


def main(count: int, base: Path = ROOT) -> int:
    """Measure all in turn, so that what else the machine does falls on all alike; print medians."""
    logging.disable(logging.CRITICAL)
    rounds: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory(dir=base) as name:
        folder = Path(name)
        for _ in range(ROUNDS):
            rounds.append(
                (
                    worker_seconds(count, folder),
                    runner_seconds(count, folder),
                    committed_seconds(SLOW_POINTS, folder),
                    qcodes_seconds(SLOW_POINTS, folder),
                    bluesky_seconds(SLOW_POINTS, folder),
                    fsync_seconds(folder),
                )
            )
    worker, grouped, single, qcodes, bluesky, fsync = (statistics.median(v) * 1e6 for v in zip(*rounds, strict=True))
    ratios = sorted(entry[1] / entry[0] for entry in rounds)
    low, ratio, high = ratios[0], statistics.median(ratios), ratios[-1]
    print(
        f"per point, 11 columns, medians of {ROUNDS} rounds:\n"
        f"  pymeasure Worker with CSV        {worker:7.1f} us\n"
        f"  runner, group commits            {grouped:7.1f} us, {ratio:.2f} times ({low:.2f} to {high:.2f})\n"
        f"  runner, a commit for each point  {single:7.0f} us, of which one fsync of this disk takes {fsync:.0f} us\n"
        f"  QCoDeS, default                  {qcodes:7.0f} us\n"
        f"  bluesky, RunEngine               {bluesky:7.0f} us"
    )
    return int(ratio > 2 or single > min(qcodes, bluesky))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, *map(Path, sys.argv[2:3])))
