"""Benchmarks still run: their figures are for machines that do nothing else, and no test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))

    def load_benchmark(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load_benchmark


def test_overhead_of_the_runner_is_measured_with_every_point_stored(load, tmp_path: Path) -> None:
    overhead = load("overhead")
    assert 0 < overhead.runner_seconds(300, tmp_path) < 1
    assert 0 < overhead.committed_seconds(30, tmp_path) < 1
    assert 0 < overhead.worker_seconds(300, tmp_path) < 1
    assert len(list(tmp_path.glob("run-*.h5"))) == 2


def test_writing_of_a_run_file_is_compared_with_plain_h5py(load, capsys: pytest.CaptureFixture[str]) -> None:
    load("storage").main(1000)
    assert "1000 points x 12 columns: h5py" in capsys.readouterr().out
