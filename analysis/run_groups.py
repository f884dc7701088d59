"""Which run files there are, what sample lies in each, and which runs belong together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from analysis import configuration
from analysis.errors import InputError
from analysis.findings import ANALYSES
from analysis.sample import Sample
from analysis.substrate_background import is_complete, light_side

_NOTE = "note of the sample"


class Described(Protocol):
    """A run from `load_run`, or its attributes alone."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Metadata of the run."""


Run = TypeVar("Run", bound=Described)


def run_files(paths: Iterable[str | Path]) -> list[Path]:
    """Run files among `paths`: files as given, `run-*.h5` of folders and of those in them, matches of patterns.

    Each file once, in order of name and then of path, however `paths` are ordered.
    """
    files: dict[Path, Path] = {}
    for entry in paths:
        found = _matches(Path(entry))
        if found is None:
            raise InputError(
                f"Path must be a run file, a folder of them or a pattern such as runs/**/run-*.h5; {entry} does not "
                "exist. Check its spelling."
            )
        for path in found:
            files.setdefault(path.resolve(), path)
    if not files:
        raise InputError(
            "Folder must hold run files called run-*.h5; there are none. Give the folder of a measurement."
        )
    return sorted(files.values(), key=lambda path: (path.name, path.as_posix()))


def _matches(path: Path) -> list[Path] | None:
    """Files that a path means, None where it means nothing."""
    if path.is_dir():
        return list(path.rglob("run-*.h5"))
    if path.is_file():
        return [path]
    try:
        found = list(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    except (OSError, ValueError, NotImplementedError):  # no pattern that can be
        return None
    if not found:
        return None
    return [file for match in found for file in (match.rglob("run-*.h5") if match.is_dir() else [match])]


def sample_of(run: Described) -> Sample:
    """Sample of a run: its note, with the keys that were set beside the file."""
    description = json.dumps([run.attrs["sample"], _sample_overrides(run)], default=str)
    return _sample(description, f"{Path(run.attrs['path']).name}, note sample")


@lru_cache(maxsize=256)
def _validated(description: str) -> Sample | str:
    """Sample of a description, or what is wrong with it: the runs of a folder often share it."""
    document, overrides = json.loads(description)
    try:
        return configuration.validate(Sample, configuration.override(document, overrides, _NOTE), _NOTE)
    except InputError as error:
        return str(error)


def _sample(description: str, source: str) -> Sample:
    found = _validated(description)
    if isinstance(found, str):
        raise InputError(found.replace(_NOTE, source))
    return found


def sample_name(run: Described) -> str:
    """Name of the sample of a run."""
    return str(_sample_overrides(run).get("name", run.attrs["sample"].get("name")))


def measurements(runs: Iterable[Run]) -> list[list[Run]]:
    """Group runs into measurements of one sample.

    The runs of one recipe that hold calibration and ASOT, each in both channels, stand by themselves, so that a
    repeated measurement gives a second result and not a mixture. What is not complete by itself is pooled with the
    other incomplete recipes of the same sample file.
    """
    groups: list[list[Run]] = []
    pooled: dict[str, list[Run]] = {}
    for members in batches_of_samples(runs):
        if is_complete(members):
            groups.append(members)
        else:
            pooled.setdefault(_sample_key(members[0]), []).extend(members)
    return groups + list(pooled.values())


def batches_of_samples(runs: Iterable[Run]) -> list[list[Run]]:
    """Group runs of one sample, lit from one side, in one recipe."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((_sample_key(run), run.attrs.get("batch", "")), []).append(run)
    return list(groups.values())


def batches_of_procedures(runs: Iterable[Run]) -> list[list[Run]]:
    """Group runs of one procedure on one sample that one recipe measured; a single one is no group."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((_sample_key(run), run.attrs.get("batch", ""), run.attrs["procedure"]), []).append(run)
    return [group for group in groups.values() if len(group) > 1]


def _sample_key(run: Described) -> str:
    return json.dumps([run.attrs["sample"], _sample_overrides(run), light_side(run)], sort_keys=True, default=str)


def _sample_overrides(run: Described) -> dict[str, Any]:
    """Keys of the sample file that were set beside it."""
    overrides = run.attrs.get("overrides", {}).items()
    return {key.removeprefix("sample."): value for key, value in overrides if key.startswith("sample.")}


def units(runs: Sequence[Run]) -> list[list[Run]]:
    """Group runs into units that can be analysed by themselves, in the order of their first runs.

    All runs of one sample in one recipe, where they hold a whole measurement or nothing of one; the others of a sample,
    which `measurements` pools, together.
    """
    groups: list[list[Run]] = []
    pooled: dict[str, list[Run]] = {}
    for members in batches_of_samples(runs):
        sweeps = [run for run in members if run.attrs["procedure"] not in ANALYSES]
        if sweeps and not is_complete(sweeps):
            pooled.setdefault(_sample_key(members[0]), []).extend(members)
        else:
            groups.append(members)
    place = {id(run): number for number, run in enumerate(runs)}
    for group in pooled.values():
        group.sort(key=lambda run: place[id(run)])
    return sorted([*groups, *pooled.values()], key=lambda group: place[id(group[0])])
