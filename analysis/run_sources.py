"""Where numbers come from: what each run file behind an analysis says about itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import InputError
from analysis.run_file import load_run
from analysis.run_groups import run_files, sample_name


@dataclass(frozen=True)
class RunSource:
    """A run file, as it describes itself.

    Attributes
    ----------
    file, run_id, procedure, title, sample, bench, status
        Texts; `title` says what was measured.
    start, end
        Times as the file gives them, ISO 8601; "" where the run has no end.
    points
        Number of points.
    sha256
        Checksum of the file, from beside it; "" where there is none.
    overrides
        Keys of bench, sample and recipe that were set beside their files.
    instruments
        Identity of each instrument, by role.
    program
        Python, git state and packages, by name.
    """

    file: str
    run_id: str
    procedure: str
    title: str
    sample: str
    bench: str
    status: str
    start: str
    end: str
    points: int
    sha256: str
    overrides: Mapping[str, str]
    instruments: Mapping[str, str]
    program: Mapping[str, str]


def run_sources(paths: Iterable[str | Path]) -> list[RunSource]:
    """Describe the run files among `paths` in order; files that cannot be read are left out (the analysis names them).

    Raises
    ------
    InputError
        As `run_files`.
    """
    sources = []
    for path in run_files(paths):
        try:
            sources.append(_source(path))
        except InputError:
            continue
    return sources


def _source(path: Path) -> RunSource:
    run = load_run(path)
    about: Mapping[str, Any] = run.attrs
    return RunSource(
        file=path.name,
        run_id=about["run_id"],
        procedure=about["procedure"],
        title=_title(about),
        sample=sample_name(run),
        bench=about.get("bench_name", ""),
        status=about["status"],
        start=about["start_time"],
        end=about.get("end_time", ""),
        points=run.sizes["point"],
        sha256=about.get("sha256", ""),
        overrides={key: _text(value) for key, value in about.get("overrides", {}).items()},
        instruments={role: entry.get("identity", "") for role, entry in about.get("instruments", {}).items()},
        program=_program(about.get("provenance", {})),
    )


def _title(about: Mapping[str, Any]) -> str:
    """What was measured: title of the plot, current path, channel and current."""
    parameters, units = about["parameters"], about.get("parameter_units", {})
    words = [about.get("plot", {}).get("title", ""), parameters.get("path", ""), parameters.get("channel", "")]
    if "current" in parameters:
        words.append(f"{parameters['current']:g} {units.get('current', '')}".strip())
    return ", ".join(str(word) for word in words if word)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _program(provenance: Mapping[str, Any]) -> dict[str, str]:
    git = provenance.get("git") or {}
    state = {True: ", with changes", False: "", None: ", state unknown"}[git.get("dirty")] if git else ""
    program = {"python": provenance.get("python", ""), "git": f"{git.get('commit', '')}{state}"}
    program |= {"platform": provenance.get("platform", ""), "host": provenance.get("host", "")}
    return {name: str(text) for name, text in (program | dict(provenance.get("packages", {}))).items() if text}
