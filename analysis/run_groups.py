"""Which run files there are, what sample lies in each, and which runs belong together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import configuration
from analysis.errors import InputError
from analysis.sample import Sample
from analysis.substrate_background import is_complete, light_side

if TYPE_CHECKING:
    import xarray


def run_files(paths: Iterable[str | Path]) -> list[Path]:
    """Run files among `paths`: files as given, and `run-*.h5` of folders, in order of name."""
    files: list[Path] = []
    for entry in paths:
        path = Path(entry)
        if path.is_dir():
            files += sorted(path.glob("run-*.h5"))
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"Path must be a run file or a folder of them; {path} does not exist. Check its spelling.")
    if not files:
        raise InputError(
            "Folder must hold run files called run-*.h5; there are none. Give the folder of a measurement."
        )
    return files


def sample_of(run: xarray.Dataset) -> Sample:
    """Sample of a run: its note, with the keys that were set beside the file."""
    name = Path(run.attrs["path"]).name
    document = configuration.override(run.attrs["sample"], _sample_overrides(run), name)
    return configuration.validate(Sample, document, f"{name}, note sample")


def sample_name(run: xarray.Dataset) -> str:
    """Name of the sample of a run."""
    return str(_sample_overrides(run).get("name", run.attrs["sample"].get("name")))


def measurements(runs: Iterable[xarray.Dataset]) -> list[list[xarray.Dataset]]:
    """Group runs into measurements of one sample.

    The runs of one recipe that hold calibration and ASOT, each in both channels, stand by themselves, so that a
    repeated measurement gives a second result and not a mixture. What is not complete by itself is pooled with the
    other incomplete recipes of the same sample file.
    """
    groups: list[list[xarray.Dataset]] = []
    pooled: dict[str, list[xarray.Dataset]] = {}
    for members in batches_of_samples(runs):
        if is_complete(members):
            groups.append(members)
        else:
            pooled.setdefault(_sample_key(members[0]), []).extend(members)
    return groups + list(pooled.values())


def batches_of_samples(runs: Iterable[xarray.Dataset]) -> list[list[xarray.Dataset]]:
    """Group runs of one sample, lit from one side, in one recipe."""
    groups: dict[tuple[str, str], list[xarray.Dataset]] = {}
    for run in runs:
        groups.setdefault((_sample_key(run), run.attrs.get("batch", "")), []).append(run)
    return list(groups.values())


def batches_of_procedures(runs: Iterable[xarray.Dataset]) -> list[list[xarray.Dataset]]:
    """Group runs of one procedure on one sample that one recipe measured; a single one is no group."""
    groups: dict[tuple[str, str, str], list[xarray.Dataset]] = {}
    for run in runs:
        groups.setdefault((_sample_key(run), run.attrs.get("batch", ""), run.attrs["procedure"]), []).append(run)
    return [group for group in groups.values() if len(group) > 1]


def _sample_key(run: xarray.Dataset) -> str:
    return json.dumps([run.attrs["sample"], _sample_overrides(run), light_side(run)], sort_keys=True, default=str)


def _sample_overrides(run: xarray.Dataset) -> dict[str, Any]:
    """Keys of the sample file that were set beside it."""
    overrides = run.attrs.get("overrides", {}).items()
    return {key.removeprefix("sample."): value for key, value in overrides if key.startswith("sample.")}
