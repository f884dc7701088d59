"""Kill a run at random moments, N times: acknowledged points lost, runs recovered, runs resumed.

Usage: python benchmarks/kills.py [N] [SEED]
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from acquisition.storage import recover  # noqa: E402 - after the path of the checkout
from analysis.run_check import check_run  # noqa: E402
from analysis.run_file import load_run  # noqa: E402

STEPS = 15
SETTINGS = [
    f"recipe.procedures.0.steps={STEPS}",
    "recipe.procedures.0.time_constant=0.1 s",
    "twin.laser_drift=0",
]
POINTS = 4 * STEPS
AT_ONCE = 2  # runs side by side
OWN = {"wall_time", "monotonic_time", "time"}


@dataclass
class Count:
    """What a campaign found."""

    kills: int = 0
    during_points: int = 0
    lost: int = 0
    unreadable: int = 0
    resumed: int = 0
    different: int = 0
    acknowledged: int = 0


def command(folder: Path, *more: str) -> list[str]:
    """Command line of one run, JSON events on standard output."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return [
        sys.executable,
        "-P",
        "-m",
        "acquisition",
        "run",
        "field-sweep",
        "--json",
        "--out",
        str(folder),
        *settings,
        *more,
    ]


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start a run."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(folder, *more), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def kill_once(folder: Path, moment: float, first_point: int) -> Count:
    """Kill one run `moment` seconds after point `first_point` was acknowledged; recover it and go on with it."""
    count = Count()
    told = -1
    armed = False
    with start(folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "point":
                told = event["index"]
                if told >= first_point and not armed:
                    armed = True
                    threading.Timer(moment, process.kill).start()
    count.kills += 1
    count.during_points += told < POINTS - 1
    count.acknowledged += told + 1
    for _ in range(60):  # the process that makes the file outlives a killed run, and is left to finish
        list(recover(folder))
        if not list(folder.glob("*.journal")):
            break
        time.sleep(0.5)
    files = list(folder.glob("run-*.h5"))
    if told >= 0 and len(files) != 1:
        count.unreadable += 1
        return count
    for path in files:
        run = load_run(path)
        count.lost += max(0, told + 1 - run.sizes["point"])
        count.unreadable += bool(check_run(path))
        if run.attrs["status"] == "finished":
            continue
        resumed = start(folder, "--resume", path.stem)
        resumed.communicate()
        count.resumed += resumed.returncode == 0
    return count


def differing(folder: Path, reference: Path) -> int:
    """Finished runs that differ from an uninterrupted one, bit for bit but for their time stamps."""
    different = 0
    expected = load_run(next(reference.glob("run-*.h5")))
    for path in folder.glob("run-*.h5"):
        run = load_run(path)
        if run.attrs["status"] == "finished":
            same = all(
                run[name].values.tobytes() == expected[name].values.tobytes() for name in set(run.data_vars) - OWN
            )
            different += not same
    return different


def campaign(kills: int, seed: int, report: bool = True) -> Count:
    """Kill `kills` runs at moments drawn from `seed`."""
    generator = random.Random(seed)
    # The last points leave time for kills while the file is being made.
    moments = [(generator.uniform(0, 0.5), generator.randrange(POINTS)) for _ in range(kills)]
    total = Count()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(AT_ONCE) as pool:
        base = Path(name)
        reference = pool.submit(lambda: start(base / "reference").communicate())
        folders = [base / f"kill{number}" for number in range(kills)]
        for number, count in enumerate(pool.map(kill_once, folders, *zip(*moments, strict=True))):
            for key, value in vars(count).items():
                setattr(total, key, getattr(total, key) + value)
            if report and sys.stderr.isatty():
                print(f"\r{number + 1} of {kills}", end="", file=sys.stderr, flush=True)
        reference.result()
        total.different = sum(differing(folder, base / "reference") for folder in folders)
    return total


if __name__ == "__main__":
    began = time.monotonic()
    found = campaign(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(
        f"{found.kills} kills ({found.during_points} between points, the others while the file was made or later), "
        f"{found.acknowledged} points acknowledged: {found.lost} lost, {found.unreadable} runs not recovered, "
        f"{found.resumed} resumed, {found.different} of the finished ones differ from an uninterrupted run; "
        f"{time.monotonic() - began:.0f} s"
    )
    sys.exit(bool(found.lost or found.unreadable or found.different))
