"""Runs killed at random moments: the small sample of `benchmarks/kills.py`, and a file-size limit that is reached."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from acquisition.storage import recover
from analysis import load_run

ROOT = Path(__file__).parents[1]


def test_six_kills_lose_no_acknowledged_point_and_every_run_goes_on() -> None:
    spec = importlib.util.spec_from_file_location("kills", ROOT / "benchmarks/kills.py")
    assert spec is not None and spec.loader is not None
    kills = importlib.util.module_from_spec(spec)
    sys.modules["kills"] = kills
    spec.loader.exec_module(kills)
    count = kills.campaign(6, seed=3, report=False)
    assert (count.kills, count.lost, count.unreadable, count.different) == (6, 0, 0, 0)
    assert count.resumed >= 1 and count.acknowledged > 6  # how many depends on the speed of the machine


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_fills_ends_the_run_safe_and_every_acknowledged_point_is_recovered(tmp_path: Path) -> None:
    program = f"""
import resource, signal, sys
sys.path.insert(0, {str(ROOT)!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from acquisition import batch
from acquisition.progress import Report
from pathlib import Path
import json
def event(facts):
    if facts["event"] == "point":
        print(facts["index"], flush=True)
    if facts["event"] == "point" and facts["index"] == 5:
        size = next(Path({str(tmp_path)!r}).glob("*-wal")).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 3000, size + 3000))
    if facts["event"] == "end":
        print(json.dumps(facts), flush=True)
settings = {{"recipe.procedures.0.steps": 20, "recipe.procedures.0.time_constant": "0.1 s"}}
batch.run_batch("field-sweep", Path({str(tmp_path)!r}), Report(True), settings=settings, events=event)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, env=environment)
    *points, end = done.stdout.splitlines()
    facts = json.loads(end)
    assert facts["status"] == "failed" and "free space" in facts["reason"], done.stderr
    told = int(points[-1])
    assert 5 <= told <= 7
    list(recover(tmp_path))
    (path,) = tmp_path.glob("*.h5")
    assert load_run(path).sizes["point"] == told + 1
