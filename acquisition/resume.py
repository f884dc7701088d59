"""The run that another one goes on with: found by path, stem or id, and compared with what is to be measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.run_columns import columns_of
from acquisition.storage import JOURNAL_SUFFIX, RUN_SUFFIX, finish_run
from analysis.errors import InputError
from analysis.run_file import load_run
from analysis.waveform import Waveform, load_waveform
from instruments import Bench
from procedures import Measurement


@dataclass(frozen=True)
class EarlierRun:
    """A run that another one goes on with.

    Attributes
    ----------
    path
        Its run file, which stays as it is.
    metadata
        Its metadata.
    rows
        Its points, by column.
    """

    path: Path
    metadata: dict[str, Any]
    rows: dict[str, NDArray[np.float64]]

    @property
    def finished(self) -> bool:
        """Whether nothing of it is missing."""
        return bool(self.metadata["status"] == "finished")

    def settings(self, role: str) -> dict[str, Any]:
        """Settings of an instrument where the run left off: at its end where it finished, else at its start."""
        entry = self.metadata.get("instruments", {}).get(role, {})
        start = entry.get("settings_start", {})
        return dict(entry.get("settings_end", start) if self.finished else start)

    @property
    def points(self) -> int:
        """Number of points."""
        return len(next(iter(self.rows.values())))

    def waveforms(self) -> Iterator[tuple[int, Waveform]]:
        """Index and waveform of each point that has one."""
        description = self.metadata.get("waveforms")
        if description is not None:
            for point in np.flatnonzero(self.rows["attempts"]).tolist():
                yield point, Waveform(load_waveform(self.path, point).to_numpy(), description)

    @property
    def origin(self) -> list[dict[str, Any]]:
        """Runs that the points come from, the latest last."""
        here = {
            "run_id": self.metadata["run_id"],
            "file": self.path.name,
            "sha256": self.metadata.get("sha256", ""),
            "status": self.metadata["status"],
            "points": self.points,
        }
        return [*self.metadata.get("resumed_from", []), here]


def find_run(run: str | Path, folder: Path) -> Path:
    """Find a run by path, by stem or by id.

    Parameters
    ----------
    run
        Path of a run file or journal; or the stem or the id of one in `folder`.
    folder
        Where stems and ids are looked for.

    Raises
    ------
    InputError
        Where there is none.
    """
    path = Path(run)
    if path.is_file():
        return path
    for base in (folder, path.parent):
        for pattern in (path.name, f"run-*-{path.name}"):
            for suffix in (RUN_SUFFIX, JOURNAL_SUFFIX):
                found = sorted(base.glob(f"{pattern}{suffix}")) if path.name else []
                if found:
                    return found[0]
    raise InputError(
        f"Run must be a path, a stem or an id in {folder}; received {str(run)!r}, which is none. "
        "`asot runs list FOLDER` shows what is there; --out says where to look."
    )


def earlier_run(path: Path) -> EarlierRun:
    """Read a run that ended early; for what it raises see `read_earlier_run`, and InputError where it finished."""
    earlier = read_earlier_run(path)
    if earlier.finished:
        raise InputError(
            f"Run to be resumed must have ended early; {earlier.path.name} finished. Start a new run instead."
        )
    return earlier


def read_earlier_run(path: Path) -> EarlierRun:
    """Read a run, finished or not; a journal that a dead process left becomes a run file first.

    Raises
    ------
    JournalError
        Where the run is still alive.
    InputError
        Where its file is damaged.
    """
    if path.suffix == JOURNAL_SUFFIX:
        path = finish_run(path)
    dataset = load_run(path)
    return EarlierRun(path, dict(dataset.attrs), {str(name): dataset[name].to_numpy() for name in dataset.data_vars})


def restore_balance(earlier: EarlierRun, bench: Bench) -> None:
    """Trim the analysing plate as `earlier` left it: what balanced the detector then, a bench opened anew forgot."""
    entry = earlier.metadata["instruments"].get("analyser_plate", {})
    settings = entry.get("settings_end", entry.get("settings_start", {}))
    bench.analyser_plate.trim = settings.get("trim", [0.0])[0]


def require_same(earlier: EarlierRun, procedure: Measurement, name: str, bench: Bench) -> None:
    """Raise InputError unless `procedure` on `bench` is what the earlier run measured."""
    metadata = earlier.metadata
    pairs: dict[str, tuple[Any, Any]] = {
        "procedure": (metadata["procedure"], name),
        "bench": (metadata["bench_name"], bench.file.name),
        "sample": (metadata["sample_name"], bench.sample.name),
    }
    now = json.loads(json.dumps(procedure.parameters()))
    for key in {**metadata["parameters"], **now}:
        pairs[f"parameter {key}"] = (metadata["parameters"].get(key), now.get(key))
    names = [column.name for column in columns_of(procedure)]
    pairs["columns"] = (list(earlier.rows), names)
    if earlier.points:
        pairs["lock_in.keep_waveforms"] = ("waveforms" in metadata, bench.recorder is not None)
    differences = [
        f"{key} was {before!r} and is {after!r}" for key, (before, after) in pairs.items() if before != after
    ]
    if differences:
        raise InputError(
            f"Run {earlier.path.name} must be resumed as it was started; {'; '.join(differences)}. "
            "Give the same recipe, bench, sample and --set."
        )


def return_stage(earlier: EarlierRun, bench: Bench) -> None:
    """Move the stage to where `earlier` had it: a new process, or a person, may have moved it."""
    settings = earlier.settings("stage")
    if "x" in settings and "y" in settings:
        bench.stage.move_to(settings["x"][0], settings["y"][0])
