"""Where numbers come from: program versions, state of the source tree, machine, command line."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "asot",
    "h5py",
    "nidaqmx",
    "numpy",
    "pint",
    "pydantic",
    "pymeasure",
    "pyvisa",
    "pyvisa-py",
    "scipy",
    "xarray",
)
"""Distributions whose version can change what is measured, stored or computed."""

_SECRET = re.compile(r"\btwin\.[\w.]+=.*", re.DOTALL)  # what a simulated bench hides has a note of its own


def program() -> dict[str, Any]:
    """Say which program computes: `python`, `packages` and `git` of `provenance`, not where and when."""
    return {
        "python": platform.python_version(),
        "packages": _versions(),
        "git": _git_state(Path(__file__).resolve().parents[1]),
    }


def provenance() -> dict[str, Any]:
    """Describe the program that runs.

    Returns
    -------
    dict
        JSON-able: `python`, `packages` (name: version, installed ones only), `git` ({"commit", "dirty"}, or
        None when the program does not run from a checkout), `platform`, `host`, `command` (list of text,
        without the `twin.` settings: secrets of a simulated bench stand in their own note).
        It never raises: what cannot be found out is left out or None.
    """
    return {
        **program(),
        "platform": platform.platform(),
        "host": platform.node(),
        "command": [_SECRET.sub("twin...", argument) for argument in sys.argv],
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _git_state(root: Path) -> dict[str, Any] | None:
    """Commit and dirty flag of the checkout at `root`; None unless `root` itself is one."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    answers = []
    for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain"]):
        try:
            done = subprocess.run(
                [git, "-C", str(root), *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                env=environment,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        answers.append(done.stdout.strip() if done.returncode == 0 else None)
    commit, changes = answers
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}
