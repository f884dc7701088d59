"""A small sample of the coverage campaign in benchmarks/coverage.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("benchmark_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    searched = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = searched
    return module


@pytest.mark.parametrize("number", range(4))
def test_pulls_of_the_torque_follow_the_distribution_stated(coverage: ModuleType, number: int):
    found = coverage.verdict(coverage.CAMPAIGNS[number], 40)
    assert found.holds(40), found


def test_campaign_notices_uncertainties_that_are_too_small(coverage: ModuleType, monkeypatch: pytest.MonkeyPatch):
    honest = coverage.pull
    monkeypatch.setattr(coverage, "pull", lambda *given: (2 * honest(*given)[0], honest(*given)[1]))
    assert not coverage.verdict(coverage.CAMPAIGNS[0], 40).holds(40)
