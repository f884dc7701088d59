"""Writing a run file from memory against plain h5py with the same datasets, chunks and filters.

Usage: python benchmarks/storage.py [POINTS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from acquisition import nexus  # noqa: E402 - after the path of the checkout
from acquisition.journal import Journal  # noqa: E402
from analysis.run_file import Column  # noqa: E402

COLUMNS = 12


def plain(path: Path, rows: dict[str, np.ndarray]) -> None:
    """Write the columns with h5py."""
    with h5py.File(path, "w") as file:
        for name, values in rows.items():
            file.create_dataset(name, data=values, chunks=nexus.chunks(values), **nexus.FILTERS)


def main(points: int) -> int:
    """Print medians of three, and the ratio."""
    generator = np.random.default_rng(1)
    rows = {f"column_{index}": generator.standard_normal(points) for index in range(COLUMNS)}
    columns = [Column(name, "V", name, "measured") for name in rows]
    metadata = {
        "run_id": "0123abcd", "procedure": "none", "parameters": {},
        "plot": {"signal": "column_1", "axis": "column_0", "title": "none"},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=ROOT) as name:
        folder = Path(name)
        with Journal.create(
            folder / "run.journal", metadata, {"bench": "", "recipe": "", "sample": 'name = "none"\n'}, columns
        ) as journal:
            journal.extend(rows)
            journal.finish("finished")
        start = time.perf_counter()
        with Journal.open(folder / "run.journal") as source:
            tree = nexus.describe_run(source)
        reading = time.perf_counter() - start
        ours, theirs = [], []
        for number in range(3):
            start = time.perf_counter()
            plain(folder / f"plain{number}.h5", rows)
            theirs.append(time.perf_counter() - start)
            start = time.perf_counter()
            nexus.write_tree(tree, folder / f"run{number}.h5")
            ours.append(time.perf_counter() - start)
    own, other = statistics.median(ours), statistics.median(theirs)
    print(
        f"{points} points x {COLUMNS} columns: h5py {other:.2f} s; run file, verified, with checksum {own:.2f} s "
        f"({own / other:.2f} times); reading the journal before that {reading:.2f} s"
    )
    return int(own > 3 * other)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
