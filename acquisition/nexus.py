"""Turn the journal of a run into a NeXus HDF5 file: `python -P -m acquisition.nexus JOURNAL TARGET`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquisition.journal import FINAL_STATUSES, Journal
from acquisition.journal_file import reserved
from acquisition.storage import StorageError, partial_path
from acquisition.waveform_blocks import WaveformBlocks
from analysis.errors import AsotError
from analysis.kerr_channels import kerr_channels
from analysis.run_file import SCHEMA_VERSION, file_sha256, sidecar_path
from analysis.waveform import WAVEFORM_DATASET

DEFINITION = "NXoptical_spectroscopy"
DEFINITION_VERSION = "v2024.02-2011-gaf199a51"
DEFINITION_URL = f"https://github.com/FAIRmat-NFDI/nexus_definitions/blob/af199a51/applications/{DEFINITION}.nxdl.xml"
EXPERIMENT_TYPE = "magneto-optical Kerr effect"

_DETECTOR_TYPES = ("CCD", "photodiode", "photomultiplier", "avalanche-photodiode", "streak camera", "bolometer")
_RESERVED_SUFFIXES = ("end", "errors", "factor", "indices", "mask", "offset", "set", "weights")

FILTERS: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
"""How arrays are stored."""

_OVERHEAD = 2**20  # bytes: what HDF5 needs beside the arrays, with a margin
_ATTEMPTS = 20
_PAUSE = 0.1  # s: on Windows a virus scanner may hold a new file for a moment


@dataclass
class _Item:
    """A group (no value), a field or a hard link of the tree, with its attributes."""

    value: Any = None
    link: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


class Tree:
    """What a run file shall hold, by path; written by `_write` and compared with the file by `_verify`."""

    def __init__(self) -> None:
        self.items: dict[str, _Item] = {}
        self.derived: set[str] = set()

    def group(self, path: str, nexus_class: str, **attributes: Any) -> None:
        """Add a group."""
        self._add(path, _Item(attributes={"NX_class": nexus_class, **attributes}))

    def field(self, path: str, value: Any, **attributes: Any) -> None:
        """Add a field."""
        self._add(path, _Item(value=_storable(value), attributes=attributes))

    def link(self, path: str, target: str) -> None:
        """Let `path` be the field `target` under a second name, marked as NeXus wants shared data."""
        self.items[target].attributes["target"] = f"/{target}"
        self._add(path, _Item(link=target))

    def _add(self, path: str, item: _Item) -> None:
        item.attributes = {name: _storable(value) for name, value in item.attributes.items()}
        self.items[path] = item


def write_nexus(journal: Path, target: Path) -> None:
    """Write the run of `journal` as NeXus HDF5, with its SHA-256 beside it.

    The file is written under a temporary name, forced to the disk, read back and compared with the journal,
    and only then called `target`. An existing `target` is never touched: it is kept when it agrees with the
    journal.

    Raises
    ------
    JournalError
        When the journal cannot be read.
    StorageError
        When the run has not ended, when the file cannot be written or does not read back equal, or when
        another `target` exists.
    """
    with Journal.open(journal) as source:
        tree = describe_run(source)
    with reserved(journal):
        _store(tree, target)


def _store(tree: Tree, target: Path) -> None:
    """Write `target`, or see that an existing one holds the raw data of the tree."""
    if not target.exists():
        write_tree(tree, target)
        return
    for name in [name for name in tree.items if name.rpartition("/")[0] in tree.derived or name in tree.derived]:
        del tree.items[name]  # an older program may have computed it otherwise: the raw data count
    difference = _difference(tree, target)
    if difference is not None:
        raise StorageError(
            f"Run file {target} must not exist yet or agree with its journal; {difference}. Move it away."
        )
    _write_checksum(target)


def write_tree(tree: Tree, target: Path) -> None:
    """Write a tree under a temporary name, compare it with what reads back, and give it its name and checksum.

    Raises
    ------
    StorageError
        When the disk is too full, when the file cannot be written, or when it does not read back equal.
    """
    partial = partial_path(target)
    try:
        _check_space(tree, target.parent)
        _write(tree, partial)
        difference = _difference(tree, partial)
        if difference is not None:
            raise StorageError(f"Run file {partial} must read back as written; {difference}. Check disk and memory.")
        _publish(partial, target)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    _write_checksum(target)


def _write_checksum(target: Path) -> None:
    checksum = f"{file_sha256(target)}  {target.name}\n"
    partial = partial_path(sidecar_path(target))
    partial.write_text(checksum, encoding="utf-8", newline="\n")
    _publish(partial, sidecar_path(target))


def chunks(values: Any) -> tuple[int, ...]:
    """One chunk for each column: read as a whole, it costs least."""
    return tuple(values.shape)


def describe_run(source: Journal) -> Tree:
    """Lay out the file of a journal; equal journals give equal trees."""
    metadata, notes, status = source.metadata, source.notes, source.status
    if status not in FINAL_STATUSES:
        raise StorageError(f"Run of {source.path} must have ended; it is {status}. Finish or abort it first.")
    ended = {"end_time": source.end_time} if status == "finished" else {}
    metadata |= {
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "exit_reason": source.exit_reason,
        "columns": [vars(column) for column in source.columns],
        **ended,
    }
    tree = Tree()
    tree.group("", "NXroot", default="entry", creator="asot")
    tree.group("entry", "NXentry", default="data")
    tree.field("entry/definition", DEFINITION, version=DEFINITION_VERSION, URL=DEFINITION_URL)
    tree.field("entry/title", metadata["plot"]["title"] or metadata["run_id"])
    tree.field("entry/identifier_experiment", metadata["run_id"])
    tree.field("entry/experiment_type", EXPERIMENT_TYPE, custom=True)
    tree.field("entry/experiment_description", metadata["procedure"])
    tree.field("entry/start_time", metadata["start_time"])
    for name, value in ended.items():
        tree.field(f"entry/{name}", value)
    _describe_channels(tree, _describe_data(tree, source, metadata["plot"]), metadata)
    if "waveforms" in metadata:
        _describe_waveforms(tree, source, metadata["waveforms"])
    _describe_instruments(tree, metadata)
    _describe_sample(tree, tomllib.loads(notes["sample"]), metadata.get("overrides", {}))
    if "user" in metadata:
        tree.group("entry/user", "NXuser")
        for name, value in metadata["user"].items():
            tree.field(f"entry/user/{name}", value)
    _describe_provenance(tree, metadata)
    tree.group("entry/notes", "NXcollection")
    for name, text in {**notes, "metadata": json.dumps(metadata)}.items():
        tree.group(f"entry/notes/{name}", "NXnote")
        tree.field(f"entry/notes/{name}/type", _media_type(text))
        tree.field(f"entry/notes/{name}/data", np.frombuffer(text.encode("utf-8"), dtype=np.uint8))
    return tree


def _describe_data(tree: Tree, source: Journal, plot: Mapping[str, Any]) -> Mapping[str, Any]:
    axis, signal = plot["axis"], plot["signal"]
    tree.group("entry/data", "NXdata", signal=signal, axes=[axis], **{f"{axis}_indices": 0})
    tree.field("entry/data/title", plot["title"])
    rows = source.rows()
    for column in source.columns:
        values = rows[column.name]
        tree.field(f"entry/data/{column.name}", values, units=column.unit, long_name=column.description)
    errors = plot.get("errors")
    if errors is not None and errors != f"{signal}_errors":
        tree.link(f"entry/data/{signal}_errors", f"entry/data/{errors}")
    return rows


def _describe_channels(tree: Tree, rows: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Lay out what is computed from the raw columns; a later version may compute it otherwise."""
    for channel in kerr_channels(rows, metadata):
        base = f"entry/{channel.name}"
        tree.derived.add(base)
        tree.group(base, "NXdata", signal="kerr_signal", axes=["field"], field_indices=0)
        tree.field(f"{base}/title", channel.title)
        tree.field(f"{base}/field", channel.field, units="T", long_name="external field")
        tree.field(f"{base}/kerr_signal", channel.signal, units="rad", long_name="Kerr signal (peak)")
        tree.field(f"{base}/kerr_signal_errors", channel.errors, units="rad", long_name="standard error")


def _describe_waveforms(tree: Tree, source: Journal, description: dict[str, Any]) -> None:
    """Lay out the samples behind each point, and with what they are demodulated."""
    group, _, name = WAVEFORM_DATASET.rpartition("/")
    blocks = WaveformBlocks(source.path, source.acknowledged + 1, description)
    tree.group(group, "NXdata", signal=name, axes=[".", ".", "channel"], channel_indices=2)
    tree.field(f"{group}/title", "Samples behind each point")
    tree.field(WAVEFORM_DATASET, blocks, units="V", long_name="voltage by point, sample and channel")
    tree.field(f"{group}/channel", list(description["channels"]))
    units = {"rate": "Hz", "frequency": "Hz", "phase": "rad", "skew": "s", "harmonic": "", "internal": ""}
    for key, value in description["demodulation"].items():
        tree.field(f"{group}/{key}", value, units=units[key])


def _describe_instruments(tree: Tree, metadata: Mapping[str, Any]) -> None:
    base = "entry/instrument"
    tree.group(base, "NXinstrument")
    tree.group(f"{base}/beam_probe", "NXbeam")
    tree.field(f"{base}/beam_probe/parameter_reliability", "nominal")
    _describe_quantities(tree, f"{base}/beam_probe", metadata.get("beam", {}))
    detector = metadata.get("detector", {})
    tree.group(f"{base}/detector_kerr", "NXdetector")
    tree.field(f"{base}/detector_kerr/detector_channel_type", "single-channel")
    if "type" in detector:
        custom = {} if detector["type"] in _DETECTOR_TYPES else {"custom": True}
        tree.field(f"{base}/detector_kerr/detector_type", detector["type"], **custom)
    if "raw" in detector:
        tree.group(f"{base}/detector_kerr/raw_data", "NXdata", signal="raw")
        tree.link(f"{base}/detector_kerr/raw_data/raw", f"entry/data/{detector['raw']}")
    tree.group(f"{base}/software_asot", "NXprogram")
    version = metadata.get("provenance", {}).get("packages", {}).get("asot", "not installed")
    tree.field(f"{base}/software_asot/program", "asot", version=version)
    for role, instrument in metadata.get("instruments", {}).items():
        path = f"{base}/{role}"
        tree.group(path, "NXcomponent")
        tree.field(f"{path}/name", role)
        tree.group(f"{path}/fabrication", "NXfabrication")
        for key in ("vendor", "model"):
            if instrument.get(key):
                tree.field(f"{path}/fabrication/{key}", instrument[key])
        if instrument.get("identity"):
            tree.field(f"{path}/identifier_reply", instrument["identity"])
        for key, name in (("settings_start", "settings"), ("settings_end", "settings_end")):
            if key in instrument:
                tree.group(f"{path}/{name}", "NXparameters")
                _describe_quantities(tree, f"{path}/{name}", instrument[key])


def _describe_quantities(tree: Tree, base: str, quantities: Mapping[str, Any]) -> None:
    for name, (value, unit) in quantities.items():
        stem, _, suffix = name.rpartition("_")
        if suffix in _RESERVED_SUFFIXES and stem not in quantities:
            name += "_value"  # NeXus would take hall_offset for the offset of a field `hall`
        tree.field(f"{base}/{name}", value, units=unit)


def _describe_sample(tree: Tree, sample: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    tree.group("entry/sample", "NXsample")
    tree.field("entry/sample/name", overrides.get("sample.name", sample["name"]))
    description = overrides.get("sample.description", sample.get("description"))
    if isinstance(description, str):
        tree.field("entry/sample/description", description)


def _describe_provenance(tree: Tree, metadata: Mapping[str, Any]) -> None:
    tree.group("entry/provenance", "NXcollection")
    facts = dict(metadata.get("provenance", {}))
    for key in ("procedure", "parameters", "seed", "status", "exit_reason", "schema_version"):
        if key in metadata:
            facts[key] = metadata[key]
    for name, value in facts.items():
        tree.field(f"entry/provenance/{name}", value)


def _media_type(text: str) -> str:
    """Say what a note is, by whether it parses."""
    try:
        json.loads(text)
    except ValueError:
        pass
    else:
        return "application/json"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return "text/plain"
    return "application/toml"


def _storable(value: Any) -> Any:
    """Give `value` a form that HDF5 keeps: text, a number, an array; JSON text for anything else."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    number = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63)
    names = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    if number or names or isinstance(value, np.ndarray | WaveformBlocks):
        return value
    return json.dumps(value)


def _check_space(tree: Tree, folder: Path) -> None:
    """Refuse a disk that is too full beforehand: HDF5 crashes on it."""
    arrays = [item.value for item in tree.items.values() if isinstance(item.value, np.ndarray | WaveformBlocks)]
    needed = sum(array.nbytes for array in arrays) + _OVERHEAD
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"Folder {folder} must have {needed / 1e6:.1f} MB free; it has {free / 1e6:.1f} MB. Free disk space."
        )


def _write(tree: Tree, path: Path) -> None:
    """Write a tree and force it to the disk."""
    with h5py.File(path, "w") as file:
        file.attrs["HDF5_Version"] = h5py.version.hdf5_version
        file.attrs["h5py_version"] = h5py.version.version
        file.attrs["file_time"] = datetime.now(UTC).isoformat()
        for name, item in tree.items.items():
            if item.link is not None:
                file[name] = file[item.link]
                continue
            if item.value is None:
                written = file.require_group(name or "/")
            elif isinstance(item.value, np.ndarray) and item.value.size:
                written = file.create_dataset(name, data=item.value, chunks=chunks(item.value), **FILTERS)
            elif isinstance(item.value, WaveformBlocks):
                written = item.value.write(file, name, **FILTERS)
            else:
                written = file.create_dataset(name, data=item.value)
            written.attrs.update(item.attributes)
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _difference(tree: Tree, path: Path) -> str | None:
    """Read a file back and say where it first differs from the tree; None where it does not."""
    try:
        with h5py.File(path, "r") as file:
            return next(_differences(tree, file), None)
    except (OSError, RuntimeError, KeyError) as error:
        return f"it cannot be read ({' '.join(str(error).split())})"


def _differences(tree: Tree, file: Any) -> Iterator[str]:
    for name, item in tree.items.items():
        if (name or "/") not in file:
            yield f"{name} is missing"
            continue
        found = file[name or "/"]
        if item.link is not None and found != file[item.link]:
            yield f"{name} is not {item.link}"
        if isinstance(item.value, WaveformBlocks):
            same = item.value.equal(found)
        else:
            same = item.value is None or _equal(_read(found), item.value)
        if not same:
            yield f"{name} holds something else"
        for key, value in item.attributes.items():
            if key not in found.attrs or not _equal(found.attrs[key], value):
                yield f"attribute {key} of {name} is something else"


def _read(dataset: Any) -> Any:
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    return dataset.asstr()[()] if is_text else dataset[()]


def _equal(found: Any, expected: Any) -> bool:
    """Bit for bit, so that NaN equals NaN and -0.0 does not equal 0.0."""
    if isinstance(expected, np.ndarray | float):
        left, right = np.asarray(found), np.asarray(expected)
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    return np.array_equal(found, expected)


def _publish(partial: Path, target: Path) -> None:
    """Give a complete file its name, atomically."""
    for attempt in range(_ATTEMPTS):
        try:
            partial.replace(target)
            break
        except PermissionError as error:
            if attempt == _ATTEMPTS - 1:
                raise StorageError(
                    f"Run file {target} cannot be given its name; {error.strerror}. "
                    "Close the program that has it open and check that the folder may be written to."
                ) from None
            time.sleep(_PAUSE)
    # The new name must be on the disk before the journal goes. Windows opens no folder: nothing to do there.
    with suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def main(arguments: list[str]) -> int:
    """Run `write_nexus` on the two paths given; 0 on success, else 1 and one line on stderr."""
    try:
        if len(arguments) != 2:
            raise AsotError("Usage: python -P -m acquisition.nexus JOURNAL TARGET")
        write_nexus(Path(arguments[0]), Path(arguments[1]))
    except AsotError as error:
        text = str(error)
    except Exception as error:  # anything that HDF5, the disk or the journal can do to us
        text = f"{type(error).__name__}: {error}"
    else:
        return 0
    print(" ".join(text.split()), file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    # No interpreter shutdown: after a full disk HDF5 crashes there.
    os._exit(main(sys.argv[1:]))
