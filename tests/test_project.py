"""Promises of the project as a whole: names, light imports, versions, what may not be in it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_names_that_others_rely_on_exist_with_their_signatures() -> None:
    from acquisition import run
    from analysis import (
        Film,
        Layer,
        Stack,
        depth_sensitivity,
        exchange_length,
        fit_sample,
        fit_thickness_series,
        kerr_angle,
        load_run,
        spin_torque_efficiency,
        tilt_profile,
        torque_conductivity,
    )  # fmt: skip
    from instruments import open_bench
    from procedures import FieldSweep

    film = Film(index=2.38+4.36j, voigt=0.0036-0.011j, thickness=32e-9, saturation_induction=1.09,
                exchange_stiffness=12.22e-12, effective_field=1.09, surface_anisotropy=(0.0, 0.0),
                conductivity=4.4e6)  # fmt: skip
    stack = Stack(film=film, above=[Layer(1.62, 2e-9), Layer(1.4537, 3e-9)], below=[Layer(1.62, 2e-9)],
                  ambient=1.0, substrate=1.4537)  # fmt: skip
    kerr_angle(stack, 1e-6, wavelength=780e-9, side="top")
    depth_sensitivity(stack, cells=80, wavelength=780e-9, side="top")
    exchange_length(film, field=0.0)
    tilt_profile(film, cells=80, field=0.0, torque_top=-0.86e-6, torque_bottom=0.86e-6, calibration_field=0.0, m_x=1.0)
    assert abs(spin_torque_efficiency(0.86e-6, 5e10) - 0.0523) < 1e-4
    assert abs(torque_conductivity(0.86e-6, 5e10 / 4.4e6) - 2.3e5) < 1e3
    series = list(inspect.signature(fit_thickness_series).parameters)
    assert series[:12] == [
        "stacks", "angles", "std", "current_density", "torque", "calibration_angles", "calibration_std",
        "calibration_field", "polarity", "field", "side", "wavelength",
    ]  # fmt: skip
    assert {"channels", "nuisances"} <= set(series)
    sample = list(inspect.signature(fit_sample).parameters)
    assert sample[:2] == ["runs", "stack"]
    assert {"calibration_runs", "calibration_angle", "calibration_field"} <= set(sample)
    assert all(callable(name) for name in (run, open_bench, FieldSweep, load_run))


def test_importing_the_model_brings_in_nothing_heavy() -> None:
    code = "import sys, analysis; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    heavy = {"scipy", "xarray", "pydantic", "pint", "h5py", "matplotlib", "numba", "pyvisa", "instruments", "PyQt6"}
    assert heavy.isdisjoint(done.stdout.split())


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_both_lists_of_tested_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert project["tool"]["uv"]["constraint-dependencies"] == [line for line in lines if not line.startswith("#")]


def test_readme_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    demo, tests = text.index("python -m uv run asot demo"), text.index("python -m uv run pytest")
    assert demo < tests < 2000


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
