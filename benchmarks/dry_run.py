"""Time of a dry run of every shipped recipe, beside that of a process which imports its libraries and does nothing.

Exit code 1 where a recipe takes more than LIMIT longer than that. Usage: python benchmarks/dry_run.py [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 1.0  # s
ROUNDS = 5
BARE = ["-c", "import numpy, pydantic, rich, pymeasure.experiment"]


def seconds(arguments: list[str]) -> float:
    """Time (s) of a whole process of this Python with `arguments`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the first process compiles for the others
    start = time.perf_counter()
    subprocess.run([sys.executable, "-P", *arguments], env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def compared(arguments: list[str], rounds: int) -> tuple[float, float, float]:
    """Medians (s): of the process with `arguments`, of the bare one, and of the difference of two run in turn."""
    pairs = [(seconds(arguments), seconds(BARE)) for _ in range(rounds)]
    whole, bare = zip(*pairs, strict=True)
    return (
        statistics.median(whole),
        statistics.median(bare),
        statistics.median(one - other for one, other in pairs),
    )


def main(rounds: int = ROUNDS) -> int:
    """Print a line for each recipe; return the exit code."""
    recipes = sorted(path.stem for path in (ROOT / "config" / "recipes").glob("*.toml"))
    slow = []
    with tempfile.TemporaryDirectory() as folder:
        for recipe in recipes:
            arguments = ["-m", "acquisition", "run", recipe, "--dry-run", "--out", folder]
            if recipe == recipes[0]:
                seconds(arguments)  # compiled bytecode, warm files
            whole, bare, difference = compared(arguments, rounds)
            print(f"{recipe:<24} whole {whole:.2f} s, bare imports {bare:.2f} s, difference {difference:.2f} s")
            slow += [recipe] if difference > LIMIT else []
    if slow:
        print(f"More than {LIMIT:g} s: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
