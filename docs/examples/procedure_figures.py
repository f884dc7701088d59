"""Figures of docs/procedures: runs recipes on the simulated bench, analyses them, draws what was found.

Run from the project folder: python docs/examples/procedure_figures.py [--folder FOLDER] NAME...
"""

import argparse
import tempfile
from pathlib import Path

from acquisition import Run, load_recipe
from analysis import load_run
from analysis.finding import Finding
from analysis.findings import ANALYSES
from analysis.run_groups import sample_of
from instruments import open_bench

MAP = {"procedures.2.axis": "map", "procedures.2.steps": 21, "procedures.2.time_constant": "0.1 s"}
FIGURES: dict[str, tuple[str, dict[str, object], list[int], dict[str, object]]] = {
    "angle-sweep": ("angle-sweep", {}, [0], {}),
    "current-sweep": ("current-sweep", {}, [0], {"twin.heating_second_harmonic": "1e-5-4e-6j"}),
    "laser-power-sweep": ("laser-power-sweep", {}, [0], {"twin.laser_heating": -100.0}),
    "position-scan": ("position-scan", {}, [2], {}),
    "position-scan-map": ("position-scan", MAP, [2], {}),
    "polarization-sweep": ("polarization-sweep", {}, [0, 1], {}),
}
"""Recipe, its settings, the runs whose panels are shown, and settings of bench and twin, by the name of the figure."""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("names", nargs="+", choices=sorted(FIGURES))
parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parents[1] / "figures" / "procedures")
arguments = parser.parse_args()
arguments.folder.mkdir(parents=True, exist_ok=True)
for name in arguments.names:
    recipe, settings, shown, around = FIGURES[name]
    found = []
    with tempfile.TemporaryDirectory() as folder, open_bench(settings=around) as bench:
        for planned in load_recipe(recipe, settings).runs:
            result = Run(planned.procedure, Path(folder), name=planned.name, number=planned.number).execute(bench)
            assert result.path is not None and not result.reason, result.reason
            with load_run(result.path) as run:
                found.append(ANALYSES[planned.name](run, sample_of(run)))
    for number, finding in enumerate(found):
        for quantity, estimate in finding.quantities.items():
            print(f"{name}, run {number + 1}: {quantity} = {estimate}")
    curves = [curve for number in shown for curve in found[number].curves]
    maps = [panel for number in shown for panel in found[number].maps]
    figure = Finding(recipe, found[0].sample, (), {}, (), curves, maps).figure()
    figure.savefig(arguments.folder / f"{name}.png", dpi=120, metadata={"Software": None})
