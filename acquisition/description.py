"""Metadata of a run: what was measured, with what, by which program."""

from __future__ import annotations

import os
from typing import Any

from acquisition.journal import Journal
from acquisition.provenance import provenance
from acquisition.run_columns import columns_of
from instruments import Bench
from instruments.roles import SafeStateReport
from procedures import Measurement


def describe_run(procedure: Measurement, bench: Bench) -> dict[str, Any]:
    """Metadata that procedure, bench and program give; layout of `analysis.run_file`."""
    plot = dict(procedure.plot)
    names = [column.name for column in columns_of(procedure)]
    if f"{plot['signal']}_errors" in names:
        plot["errors"] = f"{plot['signal']}_errors"
    return {
        "title": procedure.title(),
        "parameters": procedure.parameters(),
        "parameter_units": procedure.parameter_units(),
        "plot": plot,
        "instruments": instruments(bench, "settings_start"),
        "detector": {"raw": "x", "type": "balanced photodiodes and lock-in amplifier"} if "x" in names else {},
        "beam": {"incident_wavelength": [bench.file.laser.wavelength, "m"]},
        "light_side": bench.light_side,
        "bench_name": bench.file.name,
        "sample_name": bench.sample.name,
        "overrides": dict(bench.overrides),
        "points_planned": procedure.point_count(),
        "process": os.getpid(),
        "provenance": provenance(),
    }


def instruments(bench: Bench, settings: str) -> dict[str, dict[str, Any]]:
    """Identity and settings by role; *IDN? answers are maker, model, serial number, firmware."""
    result = {}
    for role, entry in bench.describe().items():
        parts = [part.strip() for part in entry["identity"].split(",")]
        vendor, model = (parts[0], parts[1]) if len(parts) >= 2 else ("", parts[0])
        result[role] = {"vendor": vendor, "model": model, "identity": entry["identity"], settings: entry["settings"]}
    return result


def note_end(journal: Journal, bench: Bench) -> None:
    """Store the settings of all instruments at the end beside those at the start."""
    entries = journal.metadata["instruments"]
    for role, entry in instruments(bench, "settings_end").items():
        entries[role] |= entry
    journal.update_metadata({"instruments": entries})


def safe_state_text(reports: list[SafeStateReport]) -> str:
    """One line for each step to the safe state."""
    lines = []
    for report in reports:
        lines += [f"{report.role}: {step}: reached" for step in report.reached]
        lines += [f"{report.role}: {step}: FAILED" for step in report.failed]
    return "\n".join(lines) + "\n"
