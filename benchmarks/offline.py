"""Thousands of run files loaded, reduced and fitted, beside one process that only reads them with bare h5py.

Run from the project folder: python benchmarks/offline.py [RUNS] [FOLDER]

The four runs of recipe asot-demo, of 2000 points each, are measured once on the simulated bench, or taken from FOLDER;
all others are copies of these files with noise of their own, four to a measurement. Among them are one corrupt, one
truncated, one foreign, one empty and one locked file; a worker is killed while it works.
Exit code 1 where analysing them is slower than 0.6 times reading, or a bad file is not named.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import h5py  # noqa: E402 - after the path of the checkout
import numpy as np  # noqa: E402

from acquisition import Run, load_recipe, nexus  # noqa: E402
from analysis import load_run, run_analysis  # noqa: E402
from analysis.executors import executor  # noqa: E402
from analysis.run_file import file_sha256, sidecar_path  # noqa: E402
from analysis.run_groups import run_files  # noqa: E402
from instruments import open_bench  # noqa: E402

LEAST = 0.6
STEPS = 500  # per branch: 2000 points at two polarisations


def measure(folder: Path, steps: int) -> None:
    """Measure the four runs of a sample on the simulated bench."""
    recipe = load_recipe("asot-demo", {"parameters.steps": steps})
    with open_bench() as bench:
        for planned in recipe.runs:
            run = Run(planned.procedure, folder, name=planned.name, number=planned.number, batch="0")
            assert run.execute(bench).state == "finished"


def write_copies(base: Path, folder: Path, numbers: range) -> None:
    """Write copies of the measurement in `base`, each with an id and with noise as large as that of the measurement."""
    sources = [(path, load_run(path)) for path in run_files([base])]
    for number in numbers:
        path, run = sources[number % len(sources)]
        run_id, batch = f"{number:08x}", str(number // len(sources))
        copy = folder / f"run-20260101T000000Z-{run_id}.h5"
        shutil.copyfile(path, copy)
        signal, x = run["kerr_signal"].to_numpy(), run["x"].to_numpy()
        noise = np.random.default_rng(number).normal(size=len(x)) * np.std(np.diff(signal)) / np.sqrt(2)
        with h5py.File(copy, "r+") as file:
            file["entry/data/kerr_signal"][...] = signal + noise
            file["entry/data/x"][...] = x + noise * np.sum(x * signal) / np.sum(signal**2)
            note = file["entry/notes/metadata"]
            text = json.dumps(json.loads(bytes(note["data"][()])) | {"run_id": run_id, "batch": batch})
            del note["data"]
            note.create_dataset("data", data=np.frombuffer(text.encode(), np.uint8), chunks=True, **nexus.FILTERS)
        sidecar_path(copy).write_text(f"{file_sha256(copy)}  {copy.name}\n", encoding="utf-8")


def make_runs(base: Path, folder: Path, count: int) -> None:
    """Write `count` runs in two processes."""
    half = count // 2 // 4 * 4
    parts = [
        subprocess.Popen([sys.executable, __file__, "--write", str(base), str(folder), str(start), str(stop)])
        for start, stop in ((0, half), (half, count))
    ]
    assert [part.wait() for part in parts] == [0, 0]


@contextmanager
def bad_files(folder: Path) -> Iterator[dict[str, str]]:
    """One file of every fault among those of `folder`; yields the fault by name."""
    content = run_files([folder])[0].read_bytes()
    damaged = bytearray(content)
    start = content.index(b"entry", 96)
    damaged[start - 400 : start + 400] = b"\xff" * 800
    contents = {
        "corrupt": bytes(damaged),
        "truncated": content[: len(content) // 2],
        "foreign": b"",
        "empty": b"",
        "locked": content,
    }
    paths = {fault: folder / f"run-20260101T000000Z-{fault}.h5" for fault in contents}
    for fault, path in paths.items():
        path.write_bytes(contents[fault])
    with h5py.File(paths["foreign"], "w") as file:
        file["somebody/else"] = np.arange(10.0)
    with h5py.File(paths["locked"], "r+"):
        yield {path.name: fault for fault, path in paths.items()}


def bare_seconds(paths: list[Path]) -> float:
    """Time to read all columns of the runs with h5py in this process."""
    start = time.perf_counter()
    for path in paths:
        with h5py.File(path, "r") as file:
            data = file["entry/data"]
            for name in data:
                data[name][()]
    return time.perf_counter() - start


def analysis_seconds(folder: Path, kill_after: float | None = None) -> tuple[float, run_analysis.Analysis]:
    """Time of `analyze` with the default pool, which may lose a process on the way."""
    killers = []

    @contextmanager
    def watched(*arguments: Any) -> Iterator[Any]:
        with executor(*arguments) as run:
            if kill_after is not None:
                killers.append(threading.Timer(kill_after, lambda: os.kill(run.processes[0], SIGTERM)))
                killers[0].start()
            yield run

    run_analysis.executor = watched  # type: ignore[assignment]
    start = time.perf_counter()
    try:
        found = run_analysis.analyze([folder])
    finally:
        run_analysis.executor = executor
        for killer in killers:
            killer.cancel()
    return time.perf_counter() - start, found


def main(count: int, base: Path | None) -> int:
    """Make the runs, time reading and analysing them in turn, and print rates, ratio and what was reported."""
    with tempfile.TemporaryDirectory(dir=ROOT) as name:
        folder, measured = Path(name) / "runs", base or Path(name) / "base"
        folder.mkdir()
        if base is None:
            measured.mkdir()
            measure(measured, STEPS)
        start = time.perf_counter()
        make_runs(measured, folder, count)
        print(f"{count} runs written in {time.perf_counter() - start:.0f} s", flush=True)
        paths = run_files([folder])
        with bad_files(folder) as faults:
            bare_seconds(paths)  # into the cache of the system
            bare = [bare_seconds(paths)]
            seconds, found = analysis_seconds(folder)
            bare.append(bare_seconds(paths))
            _, wounded = analysis_seconds(folder, kill_after=0.4 * seconds)
        rates, rate = len(paths) / np.array(bare), len(paths) / seconds
        ratio = float(rate / np.mean(rates))
        reported = {entry.path.name: entry.fault for entry in found.inputs if entry.fault}
        lost = [entry.path.name for entry in wounded.inputs if entry.fault == "crash"]
        print(
            f"bare h5py, one process: {rates[0]:.1f} runs/s before, {rates[1]:.1f} after"
            f"\nanalyze, default pool: {rate:.1f} runs/s ({seconds:.0f} s)"
            f"\nratio {ratio:.2f}, to be at least {LEAST}; {len(found.samples)} samples"
            f"\nbad files reported: {reported}"
            f"\nafter a worker was killed: {len(wounded.samples)} samples, lost {lost}"
        )
        good = reported == faults and len(found.samples) == count // 4
        good &= len(lost) == 1 and len(wounded.samples) == len(found.samples) - 1
    print("kept" if good and ratio >= LEAST else "NOT kept")
    return int(not good or ratio < LEAST)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_copies(Path(sys.argv[2]), Path(sys.argv[3]), range(int(sys.argv[4]), int(sys.argv[5])))
        sys.exit(0)
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000, Path(sys.argv[2]) if len(sys.argv) > 2 else None))
