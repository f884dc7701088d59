"""The whole line, from set-up to torque: two secret torques, and files that do not give them away."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from analysis import load_run
from analysis.run_analysis import analyze

ROOT = Path(__file__).parents[1]
SECRET = 1.21e-6
OTHERS = ("twin.torque_bottom=-0.5 uJ/m^2", "twin.seed=7", "twin.gain=1.1", "twin.quarter_wave_zero=90 deg")
SECRET_TEXT = re.compile(r"1\.2(?:1|09+\d*|10+\d*)e-0?6")  # however a float of it is written


def start_demo(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start the demonstration in a folder that holds a user's own analysis.py, without installing anything."""
    folder.mkdir()
    (folder / "analysis.py").write_text("raise SystemExit('the module of the user was imported')\n", encoding="utf-8")
    (folder / "config.py").write_text("raise SystemExit('the module of the user was imported')\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "acquisition", "demo", "--out", "out", *options],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str]]:
    """Folder and standard output of two demonstrations, side by side: one in JSON, one for people."""
    base = tmp_path_factory.mktemp("demo")
    folders = [base / "secret", base / "others"]
    processes = [
        start_demo(folders[0], "--json", "--set", f"twin.torque_bottom={SECRET}"),
        start_demo(folders[1], *(word for option in OTHERS for word in ("--set", option))),
    ]
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return [(folder / "out", output) for folder, (output, _) in zip(folders, said, strict=True)]


@pytest.fixture
def demo_folder(demonstrations: list[tuple[Path, str]]) -> tuple[Path, dict[str, Any]]:
    out, text = demonstrations[0]
    return out, json.loads(text)


def within(quantity: dict[str, Any], value: float) -> bool:
    return bool(abs(quantity["value"] - value) < 3 * quantity["std"])


def test_demo_finds_the_secret_torque_within_its_uncertainty(demo_folder: tuple[Path, dict[str, Any]]) -> None:
    (sample,) = demo_folder[1]["samples"]
    assert within(sample["torque_bottom"], SECRET) and within(sample["torque_top"], -SECRET)
    assert 0 < sample["torque_bottom"]["std"] < 0.1 * SECRET
    assert sample["torque_bottom"]["unit"] == "J/m^2" and sample["current_density"]["value"] == 5e10
    assert sample["dof"] == 1 and sample["chi2"] < 9
    effects = {entry["name"]: entry["effects"]["torque"] for entry in sample["systematics"]}
    assert {"calibration_field_per_ampere", "thickness", "n", "k", "effective_field"} <= set(effects)
    gain = sample["checks"]["gain"]["value"]
    assert abs(gain - 0.96) < 0.01  # the detector's true gain, which the ratio to the calibration cancels


def test_demo_fits_the_measured_series_as_published(demo_folder: tuple[Path, dict[str, Any]]) -> None:
    series = demo_folder[1]["series"]
    assert abs(series["efficiency"]["value"] - 0.055) < 0.001 and abs(series["efficiency"]["std"] - 0.003) < 0.0005
    assert series["polarity"] == -1
    assert abs(series["variants"]["no surface anisotropy"]["value"] - 0.071) < 0.001
    assert abs(series["variants"]["3 nm SiO2 cap"]["value"] - 0.054) < 0.001
    assert series["poorly_described_thicknesses"] == pytest.approx([4e-9, 8e-9])


def test_demo_writes_runs_figure_and_result(demo_folder: tuple[Path, dict[str, Any]]) -> None:
    out, document = demo_folder
    assert json.loads((out / "result.json").read_text(encoding="utf-8")) == document
    assert (out / "asot-demo.png").read_bytes()[:4] == b"\x89PNG" and (out / "asot-demo.pdf").read_bytes()[
        :4
    ] == b"%PDF"
    runs = sorted(out.glob("run-*.h5"))
    assert [path.name for path in runs] == document["samples"][0]["runs"]
    loops = [load_run(path).attrs["parameters"] for path in runs]
    assert [(loop["path"], loop["channel"]) for loop in loops] == [
        ("coil", "rotation"), ("coil", "ellipticity"), ("sample", "rotation"), ("sample", "ellipticity"),
    ]  # fmt: skip


def test_overwritten_secret_changes_nothing(demo_folder: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, document = demo_folder
    for path in out.glob("run-*.h5"):
        copy = tmp_path / path.name
        shutil.copy(path, copy)
        with h5py.File(copy, "r+") as file:
            note = file["entry/notes/twin/data"]
            text = bytes(note[()]).decode()
            wrong = SECRET_TEXT.sub("9.99e-6", text)
            assert wrong != text
            note[()] = np.frombuffer(wrong.ljust(len(text)).encode(), dtype=np.uint8)[: len(text)]
    again = analyze([tmp_path], current_density=5e10).as_dict()
    assert again["samples"] == document["samples"]


def test_secret_stands_in_its_own_note_alone(demo_folder: tuple[Path, dict[str, Any]]) -> None:
    def mentions(value: object) -> bool:
        text = (
            bytes(value).decode("utf-8", "replace") if isinstance(value, np.void | bytes | np.ndarray) else str(value)
        )
        return SECRET_TEXT.search(text) is not None

    found = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if any(mentions(value) for value in item.attrs.values()):
            found.append(name)
        if isinstance(item, h5py.Dataset) and item.dtype.kind not in "fiu" and mentions(item[()]):
            found.append(name)
        if isinstance(item, h5py.Dataset) and item.dtype == np.uint8 and mentions(item[()].tobytes()):
            found.append(name)

    with h5py.File(next(iter(demo_folder[0].glob("run-*.h5")))) as file:
        file.visititems(visit)
    assert found == ["entry/notes/twin/data"]


def test_demo_with_other_secrets_and_another_seed_reports_to_people(demonstrations: list[tuple[Path, str]]) -> None:
    out, text = demonstrations[1]
    assert "4 and 8 nm films are not well described" in text
    assert "0.053 ± 0.003" in text
    document = json.loads((out / "result.json").read_text(encoding="utf-8"))
    (sample,) = document["samples"]
    assert within(sample["torque_bottom"], -0.5e-6) and sample["torque_bottom"]["std"] < 0.05e-6
    assert abs(sample["checks"]["gain"]["value"] - 1.1) < 0.01
