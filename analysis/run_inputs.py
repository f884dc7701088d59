"""Inputs of an analysis: every run file with its checksum, what became of it, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from analysis.choices import Choices
from analysis.errors import InputError
from analysis.run_file import RunFileError, check_sha256, check_signature, file_sha256, read_attributes, recorded_sha256
from analysis.run_groups import sample_name, sample_of

Verdict = Literal["used", "incomplete", "left out"]

_KEPT = (
    "batch", "exit_reason", "light_side", "number", "overrides", "parameters", "path", "points", "points_planned",
    "procedure", "resumed_from", "run_id", "sample", "status",
)  # fmt: skip
"""Attributes on which grouping and selection rest."""


@dataclass(frozen=True)
class RunInput:
    """One run file of an analysis.

    Attributes
    ----------
    path
        Where it was found.
    attrs
        What of its metadata grouping needs; empty where it could not be read.
    sha256
        Of its bytes, "" where they could not be read.
    verdict
        Used; used although the run ended early; left out.
    fault
        Kind of what is wrong with a file that is left out, as in `analysis.run_file.Fault`, or "duplicate", "status",
        "excluded", "sample", "crash", "contents".
    reason
        The same in words; for an incomplete run how it ended.
    """

    path: Path
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sha256: str = ""
    verdict: Verdict = "used"
    fault: str = ""
    reason: str = ""

    def left_out(self, fault: str, reason: str) -> RunInput:
        """Return this input as one that is left out."""
        return replace(self, verdict="left out", fault=fault, reason=reason)

    def as_dict(self) -> dict[str, Any]:
        """Return the form in which results keep it: without the folder, which may move."""
        return {
            "name": self.path.name,
            "run_id": str(self.attrs.get("run_id", "")),
            "sha256": self.sha256,
            "procedure": str(self.attrs.get("procedure", "")),
            "sample": sample_name(self) if self.attrs else "",
            "status": str(self.attrs.get("status", "")),
            "points": self.attrs.get("points"),
            "verdict": self.verdict,
            "fault": self.fault,
            "reason": self.reason,
        }


def read_input(path: Path, reading: Callable[[Path], None], choices: Choices) -> RunInput:
    """Read what a run file says of itself, compare its checksum, and say whether it can be analysed.

    `reading` is told of the file before it is read.
    """
    reading(path)
    sha256 = ""
    try:
        check_signature(path)
        sha256 = file_sha256(path)
        recorded = recorded_sha256(path)
        if recorded is not None:  # what the checksum tells HDF5 need not be asked, which changed bytes can crash
            check_sha256(path, sha256, recorded)
        attributes = read_attributes(path)
        _check(attributes, path)
    except RunFileError as error:
        return RunInput(path, sha256=sha256).left_out(error.fault, str(error))
    except OSError as error:
        return RunInput(path).left_out("unreadable", f"{path} must be readable; {error}. Check its rights.")
    choices.apply(attributes)
    entry = RunInput(path, {key: attributes[key] for key in _KEPT if key in attributes}, sha256)
    return _judged(entry, choices)


def _judged(entry: RunInput, choices: Choices) -> RunInput:
    excluded = choices.why_left_out(entry.attrs)
    if excluded is not None:
        return entry.left_out("excluded", excluded)
    status, reason = entry.attrs["status"], entry.attrs["exit_reason"]
    if status not in choices.file.statuses:
        return entry.left_out("status", f"its status is {status}: {reason or 'no reason is stored'}")
    try:
        sample_of(entry)
    except InputError as error:
        return entry.left_out("sample", str(error))
    if status == "finished":
        return entry
    planned = entry.attrs.get("points_planned")
    points = f"{entry.attrs['points']}{f' of {planned}' if planned else ''} points"
    return replace(entry, verdict="incomplete", reason=f"{status} after {points} ({reason or 'no reason is stored'})")


def without_duplicates(inputs: Sequence[RunInput]) -> list[RunInput]:
    """Leave out all copies of a run but one: the first that is whole, else the first that can be used."""
    copies: dict[str, list[RunInput]] = {}
    for entry in inputs:
        if entry.verdict != "left out":
            copies.setdefault(str(entry.attrs["run_id"]), []).append(entry)
    result = []
    for entry in inputs:
        if entry.verdict != "left out":
            kept = min(copies[str(entry.attrs["run_id"])], key=lambda copy: copy.verdict != "used")
            if kept is not entry:
                entry = entry.left_out("duplicate", f"it is the same run as {kept.path}")
        result.append(entry)
    return result


def each_point_once(inputs: Sequence[RunInput]) -> list[RunInput]:
    """Leave out runs whose points are in another one: of runs that share some by being resumed the longest stays.

    Of equally long ones a run that was resumed gives way to its successor, and the first by name stays.
    """

    def rank(entry: RunInput) -> tuple[int, int, str]:
        return -entry.attrs["points"], -len(_earlier(entry)), entry.path.name

    kept: list[RunInput] = []
    result = {entry.path: entry for entry in inputs}
    for entry in sorted((entry for entry in inputs if entry.verdict != "left out"), key=rank):
        other = next((longer for longer in kept if _ids(longer) & _ids(entry)), None)
        if other is None:
            kept.append(entry)
        elif entry.attrs["run_id"] in _earlier(other):
            reason = f"its points are in {other.path.name}, which was resumed from it"
            result[entry.path] = entry.left_out("duplicate", reason)
        else:
            reason = f"it shares points with {other.path.name}, which is kept: both go on with the same run"
            if other.attrs["run_id"] in _earlier(entry):
                reason = f"it was resumed from {other.path.name}, which has more points"
            result[entry.path] = entry.left_out("duplicate", reason)
    return list(result.values())


def _earlier(entry: RunInput) -> set[str]:
    """Ids of the runs whose points a run took over."""
    return {str(origin["run_id"]) for origin in entry.attrs.get("resumed_from", ())}


def _ids(entry: RunInput) -> set[str]:
    """Ids of the runs whose points are in a run."""
    return {str(entry.attrs["run_id"]), *_earlier(entry)}


def warning(entry: RunInput) -> str | None:
    """What is told of an input, None for one that is used as it is."""
    if entry.verdict == "left out":
        return f"{entry.path.name} left out: {entry.reason}"
    if entry.verdict == "incomplete":
        return f"{entry.path.name} did not finish: {entry.reason}; it is analysed as far as its points go."
    return None


def _check(attributes: Mapping[str, Any], path: Path) -> None:
    """Raise RunFileError unless the metadata have the form on which everything else rests."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "run_id": str, "procedure": str, "status": str, "exit_reason": str, "parameters": dict, "sample": dict,
    }  # fmt: skip
    optional: dict[str, type | tuple[type, ...]] = {"overrides": dict, "batch": str, "light_side": str, "number": int}
    wrong = [key for key, kind in kinds.items() if not isinstance(attributes.get(key), kind)]
    wrong += [key for key, kind in optional.items() if key in attributes and not isinstance(attributes[key], kind)]
    origins = attributes.get("resumed_from", [])
    if not isinstance(origins, list) or not all(isinstance(run, dict) and "run_id" in run for run in origins):
        wrong.append("resumed_from")
    if wrong:
        raise RunFileError(
            f"Run file {path} must have the metadata {', '.join(wrong)}; they are missing or of another kind. Restore "
            "it from a backup, or tell who wrote it.",
            "foreign",
        )
