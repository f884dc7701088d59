"""Figures of docs/procedures from the simulated bench: python docs/examples/setup_figures.py [NAME...]."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acquisition.runner import Run
from analysis.findings import ANALYSES
from analysis.run_file import load_run
from analysis.run_groups import sample_of
from instruments import open_bench
from procedures import PROCEDURES

FIGURES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "dark-offsets": ({}, {"twin.sum_offset": "2 mV"}),
    "detector-calibration": ({}, {}),
    "phase-calibration": ({"path": "coil", "current": "400 mA"}, {}),
    "pickup": ({"current": "400 mA", "readings": 20}, {"twin.pick_up": "20 nV"}),
    "noise": ({}, {}),
    "time-trace": ({"readings": 150}, {}),
}
"""Parameters of the procedure, and settings of the bench and its twin."""


def draw(name: str) -> None:
    """Measure `name`, analyse it, and save its figure."""
    parameters, settings = FIGURES[name]
    with open_bench(settings=dict(settings)) as bench, tempfile.TemporaryDirectory() as folder:
        procedure = PROCEDURES[name].from_table(parameters, name, bench.sample)
        result = Run(procedure, Path(folder), name=name).execute(bench)
        assert result.path is not None and result.state == "finished", result.reason
        run = load_run(result.path)
        finding = ANALYSES[name](run, sample_of(run))
    target = Path(__file__).parents[1] / "figures" / "procedures" / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    finding.figure().savefig(target, dpi=110)
    print(target)
    for quantity, estimate in finding.quantities.items():
        print(f"  {quantity}: {estimate}")
    for warning in finding.warnings:
        print(f"  ! {warning}")


if __name__ == "__main__":
    for each in sys.argv[1:] or FIGURES:
        draw(each)
