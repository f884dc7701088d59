"""The part of a report that says where its numbers come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.run_sources import RunSource
from analysis.typography import name_text


def choices_rows(choices: Mapping[str, str]) -> list[tuple[str, str]]:
    """Rows of what an analysis was told beside the files."""
    return [(name_text(name), value) for name, value in choices.items()]


def runs_rows(runs: Sequence[RunSource]) -> list[dict[str, Any]]:
    """Rows of the run files."""
    return [
        {
            "run_id": run.run_id,
            "procedure": run.procedure,
            "title": run.title,
            "sample": run.sample,
            "bench": run.bench,
            "points": run.points,
            "time": f"{_time(run.start)} to {_time(run.end)[11:] or 'unknown'}",
            "status": run.status,
            "file": run.file,
            "sha256": run.sha256,
        }
        for run in runs
    ]


def shared_facts(runs: Sequence[RunSource]) -> list[dict[str, Any]]:
    """Overrides, instruments and program versions; runs that agree in one of them share its table."""
    kinds: tuple[tuple[str, Callable[[RunSource], Mapping[str, str]]], ...] = (
        ("Keys set beside the files", lambda run: run.overrides),
        ("Instruments", lambda run: run.instruments),
        ("Program", lambda run: run.program),
    )
    facts = []
    for title, pick in kinds:
        groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for run in runs:
            groups.setdefault(tuple(sorted(pick(run).items())), []).append(run.run_id)
        for rows, members in groups.items():
            if not rows:
                continue
            note = "All runs" if len(members) == len(runs) else f"Runs {', '.join(members)}"
            facts.append({"title": title, "note": note, "rows": [(name_text(name), text) for name, text in rows]})
    return facts


def _time(text: str) -> str:
    """Time of a run file without fractions and offset, which are UTC's."""
    return text[:19].replace("T", " ")
