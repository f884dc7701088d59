"""Figures of docs/procedures for recipes whose runs are analysed together, from the simulated bench.

Run from the project folder: python docs/examples/joint_figures.py [--folder FOLDER] NAME...
"""

import argparse
import tempfile
from pathlib import Path

from acquisition import Run, load_recipe
from analysis.run_analysis import analyze
from instruments import open_bench

FEW = {"parameters.steps": 7}
SETTINGS = {
    "asot-pair": ({f"procedures.{number}.steps": 11 for number in range(3)} | {"procedures.1.repeats": 1}, {}),
    "thickness-series": (FEW, {}),
    "control-samples": (FEW, {"twin.torque_top": -0.84e-6}),
}
"""Settings of the recipe, few points to be quick, and of the twin."""
REFERENCE = 2.3e5  # S/m, bottom-surface torque conductivity of 32 nm Py in the paper

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("names", nargs="+", choices=list(SETTINGS), metavar="NAME", help=", ".join(SETTINGS))
parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parents[1] / "figures" / "procedures")
arguments = parser.parse_args()
arguments.folder.mkdir(parents=True, exist_ok=True)
for name in arguments.names:
    recipe_settings, twin = SETTINGS[name]
    recipe = load_recipe(name, recipe_settings)
    with tempfile.TemporaryDirectory() as folder:
        for sample in recipe.samples:
            settings = {**twin, **sample.settings, "twin.seed": 1 + sample.place}
            with open_bench(sample=sample.file, settings=settings) as bench:
                for planned in (run for run in recipe.runs if run.sample is sample):
                    run = Run(planned.procedure, Path(folder), name=planned.name, number=planned.number, batch=name)
                    assert run.execute(bench).path is not None
        results = analyze([folder], reference_conductivity=REFERENCE)
    joint = results.findings[-1] if results.series is None else results.series
    print(f"{name}:", *(f"{warning}" for warning in results.warnings), sep="\n  ")
    joint.figure().savefig(arguments.folder / f"{name}.png", dpi=120, metadata={"Software": None})
