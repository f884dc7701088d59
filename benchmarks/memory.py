"""Memory of a long run compressed in virtual time: what grows beside the live columns.

Usage: python benchmarks/memory.py [HOURS]
"""

from __future__ import annotations

import gc
import math
import mmap
import sys
import tempfile
import tracemalloc
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from acquisition import Run  # noqa: E402 - after the path of the checkout
from acquisition.live import LiveColumns  # noqa: E402
from acquisition.run_columns import columns_of  # noqa: E402
from instruments import open_bench  # noqa: E402
from procedures import FieldSweep  # noqa: E402

WARM = 200  # points until caches of units, ramps and filters are full


def resident() -> float:
    """Memory (bytes) of this process as the system counts it, libraries in C included; NaN where it does not tell."""
    status = Path("/proc/self/statm")
    return float(status.read_text().split()[1]) * mmap.PAGESIZE if status.exists() else math.nan


def main(hours: float) -> int:
    """Measure a field sweep of `hours` with one point every few seconds."""
    with tempfile.TemporaryDirectory() as name, open_bench() as bench:
        table = {"time_constant": "1 s", "steps": 51, "polarizations": ["45 deg", "135 deg"]}
        sweep = FieldSweep.from_table(table, "benchmark")
        passes = max(1, round(hours * 3600 / sweep.duration(bench)))
        sweep = FieldSweep.from_table({**table, "repeats": passes}, "benchmark")
        live = LiveColumns([column.name for column in columns_of(sweep)])
        memory: list[int] = []
        whole: list[float] = []

        def look(index: int, total: int, row: dict[str, float]) -> None:
            live.append(row)
            if index in (WARM, total - 1):
                gc.collect()
                memory.append(tracemalloc.get_traced_memory()[0])
                whole.append(resident())

        tracemalloc.start()
        run = Run(sweep, Path(name), name="field-sweep", on_point=look)
        result = run.execute(bench)
        duration = bench.clock.now()
    columns = 8 * len(live.names) * (len(live) - WARM)
    grown = memory[1] - memory[0]
    print(
        f"{duration / 3600:.1f} h in virtual time, {result.points} points: memory grew by {grown / 1e6:.3f} MB, "
        f"its live columns by {columns / 1e6:.3f} MB: {100 * (grown / columns - 1):+.1f} %; the whole process, with "
        f"tracing and libraries, by {(whole[1] - whole[0]) / 1e6:.1f} MB"
    )
    return int(grown > 1.05 * columns)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 24.0))
