"""Time of the software lock-in per million samples: `python benchmarks/software_lock_in.py`."""

from __future__ import annotations

import time

import numpy as np

from analysis.software_lock_in import find_reference, fit_harmonics

SAMPLES, RATE, FREQUENCY = 1_000_000, 1e6, 20150.0


def main() -> None:
    """Print the best of ten for one channel, and for the search of the reference."""
    signal = np.sin(2 * np.pi * FREQUENCY / RATE * np.arange(SAMPLES))
    signal += np.random.default_rng(1).normal(size=SAMPLES)
    for name, task in (
        ("fit_harmonics", lambda: fit_harmonics(signal, RATE, FREQUENCY)),
        ("find_reference", lambda: find_reference(signal, RATE, FREQUENCY)),
    ):
        best = min(_duration(task) for _ in range(10))
        print(f"{name}: {best * 1e3:.1f} ms per 1e6 samples")


def _duration(task: object) -> float:
    start = time.perf_counter()
    task()  # type: ignore[operator]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
