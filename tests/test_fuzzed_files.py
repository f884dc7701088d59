"""Fifty mutated run and analysis files: the small sample of `benchmarks/fuzz.py`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EDITS = st.lists(st.tuples(st.integers(0, 2**24), st.integers(1, 255)), min_size=1, max_size=64)
FEW = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parents[1] / "benchmarks/fuzz.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(fuzz: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("runs")
    fuzz.measure(folder, "noise", procedures__0__readings=64, procedures__1__readings=16)
    return folder


@settings(FEW, max_examples=30)
@given(place=st.integers(0, 3), edits=EDITS, sealed=st.booleans())
def test_changed_bytes_never_give_a_traceback_nor_pass_verify(
    fuzz: ModuleType, run: Path, place: int, edits: list[tuple[int, int]], sealed: bool
) -> None:
    assert fuzz.run_file_case(run, place, edits, sealed) in (0, 1)


def test_analysis_file_that_is_mutated_is_good_before(fuzz: ModuleType, run: Path, tmp_path: Path) -> None:
    assert fuzz.choices_case(run, tmp_path / "whole.toml", []) == 0


@settings(FEW, max_examples=20)
@given(edits=EDITS.map(lambda edits: edits[:4]))
def test_changed_analysis_files_never_give_a_traceback(
    fuzz: ModuleType, run: Path, tmp_path: Path, edits: list[tuple[int, int]]
) -> None:
    fuzz.choices_case(run, tmp_path / "mutated.toml", edits)


def test_a_single_flipped_bit_anywhere_does_not_pass_verify(fuzz: ModuleType, run: Path) -> None:
    path = next(run.glob("run-*.h5"))
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 40):
        path.write_bytes(fuzz.mutated(whole, [(place, 1)]))
        assert fuzz.command("runs", "verify", str(path)) == 1
    path.write_bytes(whole)
    assert fuzz.command("runs", "verify", str(path)) == 0
