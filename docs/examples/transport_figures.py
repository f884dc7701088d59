"""Figures of docs/procedures/transport.md and substrate.md, from the simulated bench.

Run from the project folder: python docs/examples/transport_figures.py [NAME...]
"""

import sys
import tempfile
from pathlib import Path

from acquisition import Run, load_recipe
from analysis.finding import Finding
from analysis.run_analysis import analyze
from instruments import open_bench

FOLDER = Path(__file__).resolve().parents[1] / "figures" / "procedures"
SETTINGS = {
    "transport": {"twin.resistance_heating": 8.0},
    "substrate": {
        "bench.light_side": "bottom",
        "twin.verdet_constant": 2.3,
        "twin.pick_up": "50 nV",
        "bench.sum_detector.gain": 0.96,
    },
}
"""Keys of bench and twin, by the name of recipe and figure."""

FOLDER.mkdir(parents=True, exist_ok=True)
for name in sys.argv[1:] or SETTINGS:
    recipe = load_recipe(name)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_bench(sample=recipe.samples[0].file, settings=SETTINGS[name]) as bench,
    ):
        for planned in recipe.runs:
            one = Run(planned.procedure, Path(folder), name=planned.name, number=planned.number, batch=name)
            result = one.execute(bench)
            assert result.state == "finished", result.reason
        analysis = analyze([folder])
    for warning in analysis.warnings:
        print(f"{name}: {warning}")
    for finding in analysis.findings:
        for quantity, estimate in finding.quantities.items():
            print(f"{finding.procedure}: {quantity} = {estimate}")
    curves = [curve for finding in analysis.findings for curve in finding.curves]
    figure = Finding(name, "", (), {}, (), curves).figure()
    figure.savefig(FOLDER / f"{name}.png", dpi=120, metadata={"Software": None})
