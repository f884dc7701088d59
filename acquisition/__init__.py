"""Runs things: the runner, the journal, storage, recipes; the command line on top."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acquisition.recipe import load_recipe
    from acquisition.runner import Run, RunResult, run
    from acquisition.states import State

# Imported at the first use, so that a command which measures nothing starts without the drivers.
_ON_USE = {
    "Run": "acquisition.runner",
    "RunResult": "acquisition.runner",
    "State": "acquisition.states",
    "load_recipe": "acquisition.recipe",
    "run": "acquisition.runner",
}

__all__ = ["Run", "RunResult", "State", "load_recipe", "run"]


def __getattr__(name: str) -> object:
    if name not in _ON_USE:
        raise AttributeError(f"module 'acquisition' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_USE[name]), name)
