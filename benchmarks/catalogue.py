"""Listing ten thousand run files: the first look, then with the index, then after a hundred new files.

Usage: python benchmarks/catalogue.py [FILES]

The files are copies of one simulated run, each with an id, start, sample and title of its own (a quarter of a megabyte
each). Times of listing are those of a whole process `asot runs list`, start-up included, the best of three. Exit code 1
where listing with the index takes 2 s or more.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from acquisition.catalogue import read_catalogue  # noqa: E402 - after the path of the checkout
from acquisition.nexus import FILTERS  # noqa: E402
from acquisition.runner import Run  # noqa: E402
from acquisition.storage import child_environment  # noqa: E402
from instruments import open_bench  # noqa: E402
from procedures import FieldSweep  # noqa: E402

ALLOWED = 2.0  # s
NEW = 100
SAMPLES = ("py04", "py08", "py16", "py32")


def record(folder: Path) -> Path:
    """Measure a small loop on the simulated bench."""
    with open_bench("simulated") as bench:
        procedure = FieldSweep.from_table({"steps": 3, "time_constant": "0.1 s"}, "benchmark")
        result = Run(procedure, folder, name="field-sweep").execute(bench)
    assert result.path is not None, result.reason
    return result.path


def copy(first: Path, folder: Path, numbers: range) -> None:
    """Copy a run file once for each number, with metadata of its own."""
    for number in numbers:
        started = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        target = folder / f"run-{started:%Y%m%dT%H%M%SZ}-{number:08x}.h5"
        shutil.copyfile(first, target)
        with h5py.File(target, "r+") as file:
            note = file["entry/notes/metadata"]
            changes = {
                "run_id": f"{number:08x}",
                "start_time": started.isoformat(),
                "sample_name": SAMPLES[number % len(SAMPLES)],
                "title": f"loop {number}",
            }
            text = json.dumps(json.loads(note["data"][()].tobytes()) | changes)
            del note["data"]
            data = np.frombuffer(text.encode(), dtype=np.uint8)
            note.create_dataset("data", data=data, chunks=data.shape, **FILTERS)


def listing(folder: Path, cache: Path, *options: str) -> tuple[float, int]:
    """Wall time (s) of `asot runs list`, and the number of lines that it printed."""
    environment = {**child_environment(), "XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache)}
    command = [sys.executable, "-P", "-m", "acquisition", "runs", "list", str(folder), *options]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, check=True)
    return time.perf_counter() - start, len(done.stdout.splitlines())


def main(files: int) -> int:
    """Print the times."""
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "runs", Path(name) / "cache"
        first = record(Path(name) / "first")
        folder.mkdir()
        start = time.perf_counter()
        copy(first, folder, range(files))
        print(f"{files} files made in {time.perf_counter() - start:.0f} s", flush=True)
        seconds, lines = listing(folder, cache)
        assert lines == files + 1, lines
        print(f"first look, every file read: {seconds:.1f} s, {1e3 * seconds / files:.2f} ms a file", flush=True)
        best = min(listing(folder, cache)[0] for _ in range(3))
        print(f"with the index: {best:.2f} s")
        selected = min(
            listing(folder, cache, "--sample", "py04", "--sort", "points", "--limit", "20")[0] for _ in range(3)
        )
        print(f"with the index, 20 runs of one sample: {selected:.2f} s")
        index = next(cache.rglob("*.sqlite"))
        read_catalogue([folder], index=index)
        start = time.perf_counter()
        read_catalogue([folder], index=index)
        print(f"with the index, in a program that runs: {time.perf_counter() - start:.2f} s")
        copy(first, folder, range(files, files + NEW))
        seconds, lines = listing(folder, cache)
        assert lines == files + NEW + 1, lines
        print(f"after {NEW} new files: {seconds:.2f} s; size of the index {index.stat().st_size / 1e6:.1f} MB")
    return int(best >= ALLOWED)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
