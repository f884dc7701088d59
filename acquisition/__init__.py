"""Runs things: the runner, the journal, storage, recipes; the command line on top."""

from acquisition.recipe import load_recipe
from acquisition.runner import RunResult, State, run

__all__ = ["RunResult", "State", "load_recipe", "run"]
