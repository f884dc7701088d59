"""Figures of docs/procedures: runs recipes on the simulated bench, analyses them, draws what was found.

Run from the project folder: python docs/examples/procedure_figures.py [--folder FOLDER] NAME...
"""

import argparse
import tempfile
from pathlib import Path

from acquisition import Run, load_recipe
from analysis import load_run
from analysis.findings import ANALYSES
from analysis.run_analysis import sample_of
from instruments import open_bench

SETTINGS = {
    "current-sweep": {"twin.heating_second_harmonic": "1e-5-4e-6j"},
    "laser-power-sweep": {"twin.laser_heating": -100.0},
}
"""What the twin shows beside the torque, by recipe."""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("names", nargs="+", metavar="NAME", help="recipe of one procedure")
parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parents[1] / "figures" / "procedures")
arguments = parser.parse_args()
arguments.folder.mkdir(parents=True, exist_ok=True)
for name in arguments.names:
    (planned,) = load_recipe(name).runs
    kind, procedure = planned.name, planned.procedure
    with tempfile.TemporaryDirectory() as folder, open_bench(settings=SETTINGS.get(name, {})) as bench:
        result = Run(procedure, Path(folder), name=kind).execute(bench)
        assert result.path is not None, result.reason
        with load_run(result.path) as run:
            finding = ANALYSES[kind](run, sample_of(run))
    for quantity, estimate in finding.quantities.items():
        print(f"{name}: {quantity} = {estimate}")
    finding.figure().savefig(arguments.folder / f"{name}.png", dpi=120, metadata={"Software": None})
