"""Runs of the paper's measurements on the simulated bench: the shipped recipes with fewer, longer averaged points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquisition.batch import all_finished, run_batch
from acquisition.progress import Report
from analysis.errors import AsotError
from analysis.materials import magnetic_constants, refractive_index
from analysis.published import published_values
from analysis.torque import torque_conductivity

MATERIALS = ("Ni", "Fe", "Co")
"""Films of Table 1."""

_TORQUE_DENSITY = 5e10  # A/m^2 at which the twin states its torque
_LOOPS = {"recipe.parameters.steps": 6, "recipe.parameters.time_constant": "10 s"}


@dataclass(frozen=True)
class Experiment:
    """Recipe, sample and settings of one measurement; its run files go into a folder called like it."""

    recipe: str
    settings: Mapping[str, Any]
    sample: str = ""


def experiments() -> dict[str, Experiment]:
    """All measurements, by the names of their folders."""
    py32, more = "py32-fused-silica", {"recipe.parameters.steps": 16}
    found = {
        "loops-top": Experiment("asot-demo", _LOOPS | more, py32),
        "loops-bottom": Experiment("asot-demo", _LOOPS | more | {"bench.light_side": "bottom"}, py32),
        "current": Experiment(
            "current-sweep",
            {
                "recipe.procedures.0.currents": ["15 mA", "30 mA", "45 mA", "60 mA"],
                "recipe.procedures.0.second_harmonic": "beside",
                "recipe.procedures.0.time_constant": "10 s",
            },
            py32,
        ),
        "angle": Experiment(
            "angle-sweep",
            {
                "recipe.procedures.0.field_angles": [f"{angle} deg" for angle in range(0, 360, 30)],
                "recipe.procedures.0.time_constant": "10 s",
            },
            py32,
        ),
        "series": Experiment("thickness-series", _LOOPS),
        "controls": Experiment("control-samples", _LOOPS),
    }
    for material in MATERIALS:
        film = _film(material)
        found[f"{material}-loops"] = Experiment("asot-demo", _LOOPS | film, py32)
        hall = {"recipe.procedures.1.largest_field": "2.45 T", "recipe.procedures.1.steps": 61}
        found[f"{material}-transport"] = Experiment("transport", film | hall, py32)
    return found


def measure(name: str, experiment: Experiment, out: Path, report: Report) -> Path:
    """Run an experiment on the simulated bench and return the folder of its run files.

    Raises
    ------
    AsotError
        Where a run did not reach its end, or the folder holds runs of an earlier time.
    """
    folder = out / name
    if any(folder.glob("run-*")):
        raise AsotError(f"Folder {folder} must be empty; it holds runs. Choose another folder with --out.")
    results = run_batch(
        experiment.recipe, folder, report, bench="simulated", sample=experiment.sample, settings=experiment.settings
    )
    if not all_finished(results):
        reasons = "; ".join(result.reason for result in results if result.reason)
        raise AsotError(f"Runs of {name} must all finish; they did not: {reasons}. Look at the files in {folder}.")
    return folder


def _film(material: str) -> dict[str, Any]:
    """Settings of 40 nm of a metal between AlOx (Table 1), and of a twin that has the conductivities of the paper."""
    published, constants = published_values(), magnetic_constants(material)
    index = complex(refractive_index(material))
    conductivity, hall, torque = (
        published[f"{material}_{name}"].estimate.value
        for name in ("conductivity", "hall_conductivity", "torque_conductivity")
    )
    induction, stiffness = constants.saturation_induction, constants.exchange_stiffness
    alumina = [{"material": "AlOx", "thickness": "3 nm"}]
    field = _TORQUE_DENSITY / conductivity
    along = 1 / conductivity
    return {
        "sample.name": f"{material.lower()}40",
        "sample.description": f"AlOx(3)/{material}(40)/AlOx(3) on fused silica, constants of the material file",
        "sample.film.material": material,
        "sample.film.n": f"{index.real} +- 0.04",
        "sample.film.k": f"{index.imag} +- 0.06",
        "sample.film.voigt": f"{constants.voigt.real}{constants.voigt.imag:+}j",
        "sample.film.thickness": "40 +- 0.6 nm",
        "sample.film.saturation_induction": f"{induction} +- {0.02 * induction} T",
        "sample.film.exchange_stiffness": f"{stiffness} +- {0.05 * stiffness} J/m",
        "sample.film.effective_field": f"{induction} +- {0.02 * induction} T",
        "sample.film.conductivity": f"{conductivity} +- {0.02 * conductivity} S/m",
        "sample.above": alumina,
        "sample.below": alumina,
        "twin.torque_bottom": torque / float(torque_conductivity(1.0, field)),
        "twin.anomalous_hall_resistivity": (1 - math.sqrt(1 - (2 * hall * along) ** 2)) / (2 * hall),
    }
