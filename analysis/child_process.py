"""Child processes that find these packages wherever they are started."""

from __future__ import annotations

import os
from pathlib import Path


def child_environment() -> dict[str, str]:
    """Environment in which the child finds these packages: a checkout need not be installed."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    root = Path(__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(root), *([inherited] if inherited else [])])
    return environment
