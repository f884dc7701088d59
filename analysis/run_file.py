"""Run files: how a run is described, and the reader that turns one into an xarray.Dataset.

The metadata of a run, kept as one JSON note in the file, holds

==================  ==========================================================================
run_id, procedure   text
parameters          of the procedure, {name: value}
plot                {"signal": column, "axis": column, "title": text}; "errors": column, if any
start_time          ISO 8601 with offset
instruments         {role: {"model", "vendor", "identity", "settings_start", "settings_end"}},
                    settings are {name: [value, unit]}
beam                optional, {name: [value, unit]} with the names of NeXus' NXbeam
light_side          optional, "top" or "bottom": the side of the film from which the light comes
detector            optional, {"raw": column, "type": text}
user                optional, {"name", "affiliation", "email", ...}
provenance          optional, whatever says where the numbers come from
waveforms           optional, description of the samples that were kept: see `analysis.waveform`
==================  ==========================================================================

and whatever else the writer finds worth keeping. The finished file adds `schema_version`, `status`,
`exit_reason`, `columns` and, after success, `end_time`.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.errors import InputError, describe
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

    from analysis.stack import FloatArray

SCHEMA_VERSION = 1
"""Version of the layout of run files and journals; it grows when an older reader would go wrong."""

ROLES = ("set_point", "measured", "monitor", "time", "status")
"""What a column can be: asked for, the quantity of interest, watched beside it, a time, a flag."""

RESERVED_COLUMNS = ("point", "title")
"""Names that the Dataset (its dimension) and the NeXus plot (its title) need for themselves."""

REQUIRED_NOTES = ("bench", "sample", "recipe")
"""Texts without which a run does not explain itself."""

RESERVED_COMPONENTS = ("name", "beam_probe", "detector_kerr", "software_asot")
"""Names among the file's instruments that no role can take."""

Fault = Literal[
    "missing", "empty", "truncated", "corrupt", "foreign", "newer schema", "checksum", "locked", "unreadable"
]
"""What can be wrong with a run file."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KINDS: dict[type, str] = {str: "text", Mapping: "a mapping"}
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class RunFileError(InputError):
    """A run file that cannot be used.

    Attributes
    ----------
    fault
        Kind of the fault.
    """

    def __init__(self, text: str, fault: Fault) -> None:
        super().__init__(text)
        self.fault = fault

    def __reduce__(self) -> tuple[type[RunFileError], tuple[str, Fault]]:
        return type(self), (str(self), self.fault)


@dataclass(frozen=True)
class Column:
    """One quantity of a run, with one number per point.

    Attributes
    ----------
    name
        Identifier: letters, digits and underscores.
    unit
        As NeXus writes it: "T", "rad", "V", "A", "m", "s"; "" for counts, flags and ratios.
    description
        A few words, used as the label of an axis.
    role
        One of `ROLES`.
    """

    name: str
    unit: str
    description: str
    role: str

    def __post_init__(self) -> None:
        check_name("Column name", self.name)
        if self.name in RESERVED_COLUMNS:
            raise InputError(describe("Column name", "not be reserved", self.name, "Choose another name."))
        if self.role not in ROLES:
            remedy = f"Choose one of {', '.join(ROLES)}."
            raise InputError(describe(f"Role of column {self.name}", "be known", self.role, remedy))


def check_name(what: str, name: object) -> None:
    """Raise InputError unless `name` can name a variable, a NeXus field and a file alike."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        remedy = "Use letters, digits and underscores, beginning with a letter."
        raise InputError(describe(what, "be an identifier", name, remedy))


def check_columns(columns: Sequence[Column]) -> None:
    """Raise InputError unless there is a column and no name comes twice."""
    names = [column.name for column in columns]
    if not names or len(set(names)) < len(names):
        remedy = "Give at least one column, each with a name of its own."
        raise InputError(describe("Columns of a run", "have different names", names, remedy))


def metadata_json(metadata: Mapping[str, Any], columns: Sequence[Column]) -> str:
    """Metadata as JSON; InputError, naming the key, unless it has what this module's text asks for."""
    _check_metadata(metadata, columns)
    try:
        return json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        remedy = "Keep to text, finite numbers, lists and mappings of Python's own types."
        raise InputError(describe("Metadata of a run", "be JSON", str(error), remedy)) from None


def _check_metadata(metadata: Mapping[str, Any], columns: Sequence[Column]) -> None:
    for key in ("run_id", "procedure", "start_time"):
        _require(key, metadata.get(key), str)
    _require("parameters", metadata.get("parameters"), Mapping)
    try:
        aware = datetime.fromisoformat(metadata["start_time"]).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        must, remedy = "be ISO 8601 with offset", "Write it like 2025-01-02T03:04:05+00:00."
        raise InputError(describe("Metadata start_time", must, metadata["start_time"], remedy))
    names = [column.name for column in columns]
    plot = _require("plot", metadata.get("plot"), Mapping)
    for key in ("signal", "axis"):
        _check_column(f"plot.{key}", plot.get(key), names)
    errors, named_errors = plot.get("errors"), f"{plot['signal']}_errors"
    if errors is not None:
        _check_column("plot.errors", errors, names)
        if errors != named_errors and named_errors in names:
            remedy = f"NeXus takes {named_errors} for the errors of the signal: name that or rename it."
            raise InputError(describe("Metadata plot.errors", "be unambiguous", errors, remedy))
    _require("plot.title", plot.get("title"), str)
    if "raw" in _require("detector", metadata.get("detector", {}), Mapping):
        _check_column("detector.raw", metadata["detector"]["raw"], names)
    _check_quantities("beam", metadata.get("beam", {}))
    for key in ("provenance", "user"):
        for name in _require(key, metadata.get(key, {}), Mapping):
            check_name(f"Name in {key}", name)
    _require("provenance.packages", metadata.get("provenance", {}).get("packages", {}), Mapping)
    for role, instrument in _require("instruments", metadata.get("instruments", {}), Mapping).items():
        check_name("Role of an instrument", role)
        if role in RESERVED_COMPONENTS:
            remedy = "Choose another name."
            raise InputError(describe("Role of an instrument", "not be reserved", role, remedy))
        for settings in ("settings_start", "settings_end"):
            key = f"instruments.{role}.{settings}"
            _check_quantities(key, _require(f"instruments.{role}", instrument, Mapping).get(settings, {}))


def check_notes(notes: Mapping[str, str]) -> None:
    """Raise InputError unless the required notes are there and the sample's is TOML with a `name`."""
    missing = [name for name in REQUIRED_NOTES if name not in notes]
    if missing:
        remedy = "Give the text of the TOML file, verbatim."
        raise InputError(describe("Notes of a run", f"hold {', '.join(missing)}", sorted(notes), remedy))
    for name, text in notes.items():
        check_name("Name of a note", name)
        _require(f"note {name}", text, str)
    if "metadata" in notes:
        remedy = "The writer makes that note itself."
        raise InputError(describe("Notes of a run", "not hold metadata", sorted(notes), remedy))
    try:
        sample = tomllib.loads(notes["sample"])
    except tomllib.TOMLDecodeError as error:
        raise InputError(describe("Note sample", "be TOML", str(error), "Mend the sample file.")) from None
    if not (isinstance(sample.get("name"), str) and sample["name"]):
        remedy = 'Add a line such as name = "py32" at its top.'
        raise InputError(describe("Note sample", "name the sample", sample.get("name"), remedy))


def sidecar_path(path: Path) -> Path:
    """Where the SHA-256 of a run file stands, in the format of `sha256sum`."""
    return path.with_name(path.name + ".sha256")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_run(path: str | Path) -> xarray.Dataset:
    """Read a run file.

    Parameters
    ----------
    path
        A `run-*.h5` file. Its note `twin`, the secrets of a simulated bench, is never opened.

    Returns
    -------
    xarray.Dataset
        Dimension `point`; one float64 variable per column with attributes `units`, `long_name` and `role`.
        Attributes: all metadata of the run (`run_id`, `procedure`, `parameters`, `status`, `exit_reason`,
        `schema_version`, ...), `sample` (dict, from the TOML text stored with the run), `path`, and `sha256`
        where a checksum lies beside the file (it is not verified here: see `verify_run`). Where there is an attribute
        `waveforms`, `load_waveform` reads the samples behind one point.

    Raises
    ------
    RunFileError
        An InputError; when the file is missing, damaged, locked, not a run file, or of a newer schema than this program
        knows.
    """
    path = Path(path)
    with _opened(path) as file:
        metadata, sample = _read_description(path, file)
        data = file["entry/data"]
        columns = [Column(**column) for column in metadata.pop("columns")]
        values = {column.name: np.asarray(data[column.name][()]) for column in columns}
        dataset = run_dataset(columns, values, {**metadata, "sample": sample, "path": str(path)})
    checksum = _read_sidecar(path)
    if checksum is not None:
        dataset.attrs["sha256"] = checksum
    return dataset


def read_notes(path: str | Path) -> dict[str, str]:
    """Read the texts that are kept in a run file: bench, sample, recipe, safe state and whatever else, by name.

    That of the metadata is left out, and the note `twin`, the secrets of a simulated bench, is never opened.

    Raises
    ------
    RunFileError
        As `load_run` does.
    """
    with _opened(Path(path)) as file:
        return {name: _read_note(file, name) for name in file["entry/notes"] if name not in ("metadata", "twin")}


def run_dataset(
    columns: Sequence[Column], values: Mapping[str, FloatArray], attributes: Mapping[str, Any]
) -> xarray.Dataset:
    """Columns of a run as `load_run` returns them.

    Parameters
    ----------
    columns
        What they hold.
    values
        Numbers (points,) by name of the column.
    attributes
        Metadata of the run, its sample and its path.

    Returns
    -------
    xarray.Dataset
    """
    import xarray

    variables = {
        column.name: (
            "point",
            values[column.name],
            {"units": column.unit, "long_name": column.description, "role": column.role},
        )
        for column in columns
    }
    return xarray.Dataset(variables, attrs=dict(attributes))


def read_attributes(path: str | Path) -> dict[str, Any]:
    """Attributes that `load_run` gives a run, without its columns.

    Raises
    ------
    RunFileError
        As `load_run`.
    """
    path = Path(path)
    with _opened(path) as file:
        metadata, sample = _read_description(path, file)
        points = [len(file[f"entry/data/{column['name']}"]) for column in metadata.pop("columns")[:1]]
    return {**metadata, "sample": sample, "path": str(path), "points": sum(points)}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a run file; whatever is wrong with it becomes a RunFileError."""
    import h5py

    check_signature(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except RunFileError:
        raise
    except BlockingIOError as error:
        raise RunFileError(
            f"Run file {path} must be free; another program has locked it ({_one_line(error)}). Close that program.",
            "locked",
        ) from None
    except (
        OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError,
        RecursionError,
    ) as error:  # fmt: skip
        text = _one_line(error)
        fault: Fault = "truncated" if "truncated file" in text else "corrupt"
        raise RunFileError(
            f"Run file {path} must be complete; it is damaged or truncated ({text}). "
            "Restore it from a backup, or from its journal with `asot recover`, if that still exists.",
            fault,
        ) from None


def verify_run(path: str | Path) -> None:
    """Compare a run file with the SHA-256 that was written beside it.

    Raises
    ------
    InputError
        When the file or its checksum is missing, or when they do not agree.
    """
    path = Path(path)
    check_signature(path)
    expected = _read_sidecar(path)
    if expected is None:
        raise RunFileError(
            f"Run file {path} must have its checksum beside it; {sidecar_path(path).name} is missing. "
            "Copy it from where the run was recorded.",
            "checksum",
        )
    check_sha256(path, file_sha256(path), expected)


def recorded_sha256(path: str | Path) -> str | None:
    """SHA-256 that stands in the file beside a run file, None where there is none; RunFileError for no SHA-256."""
    return _read_sidecar(Path(path))


def check_sha256(path: Path, found: str, expected: str) -> None:
    """Raise RunFileError unless the SHA-256 of a run file is the one recorded."""
    if found != expected:
        raise RunFileError(
            f"Run file {path} must have the SHA-256 {expected[:12]}... of {sidecar_path(path).name}; "
            f"it has {found[:12]}...: the file was changed after the run. Restore it from a backup.",
            "checksum",
        )


def _require(key: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        remedy = "See analysis.run_file for what describes a run."
        raise InputError(describe(f"Metadata {key}", f"be {_KINDS[kind]}", value, remedy))
    return value


def _check_column(key: str, name: object, names: Sequence[str]) -> None:
    if name not in names:
        remedy = f"Name one of {', '.join(names)}."
        raise InputError(describe(f"Metadata {key}", "be a column", name, remedy))


def _check_quantities(key: str, quantities: Any) -> None:
    """Raise InputError unless `quantities` is {name: [value, unit]}."""
    for name, quantity in _require(key, quantities, Mapping).items():
        check_name(f"Name in {key}", name)
        pair = isinstance(quantity, list | tuple) and len(quantity) == 2
        if not (pair and isinstance(quantity[1], str)):
            remedy = 'Write it like [0.1, "s"], with "" where there is no unit.'
            raise InputError(describe(f"Metadata {key}.{name}", "be [value, unit]", quantity, remedy))


def _read_description(path: Path, file: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata and sample of an open run file."""
    if "entry/notes/metadata/data" not in file:
        raise RunFileError(
            f"Run file {path} must be an asot run; it is an HDF5 file without asot's metadata. Give a run-*.h5 file.",
            "foreign",
        )
    metadata = json.loads(_read_note(file, "metadata"))
    version = metadata["schema_version"]
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise RunFileError(
            f"Run file {path} must have schema version {SCHEMA_VERSION} or older; received {version!r}. "
            "Update asot to the version that wrote it.",
            "newer schema",
        )
    return metadata, copy.deepcopy(_parsed(_read_note(file, "sample")))


@lru_cache(maxsize=64)
def _parsed(sample: str) -> dict[str, Any]:
    """Sample note as a table; the runs of a folder often share it."""
    return tomllib.loads(sample)


def _read_note(file: Any, name: str) -> str:
    return bytes(file[f"entry/notes/{name}/data"][()]).decode("utf-8")


def check_signature(path: Path) -> None:
    """Raise RunFileError unless `path` is a readable file that begins like HDF5."""
    try:
        with path.open("rb") as file:
            signature = file.read(len(_HDF5_SIGNATURE))
    except FileNotFoundError:
        raise RunFileError(
            f"Run file {path} must exist; there is none. Check the name and folder.", "missing"
        ) from None
    except (OSError, ValueError) as error:
        raise RunFileError(
            f"Run file {path} must be readable; {getattr(error, 'strerror', None) or error}. Give a run-*.h5 file that "
            "you may read.",
            "unreadable",
        ) from None
    if signature == _HDF5_SIGNATURE:
        return
    if not signature:
        remedy = "Restore it from a backup, or from its journal with `asot recover`, if that still exists."
        raise RunFileError(f"Run file {path} must be HDF5; it is empty. {remedy}", "empty")
    if path.suffix == ".journal":
        remedy = f"It is the journal of a run: `asot recover {path.parent}` makes the run file."
    else:
        remedy = "Give a run-*.h5 file."
    raise RunFileError(f"Run file {path} must be HDF5; it begins with {signature!r}. {remedy}", "foreign")


def _read_sidecar(path: Path) -> str | None:
    """Checksum beside `path`, or None where there is no such file."""
    sidecar = sidecar_path(path)
    try:
        words = sidecar.read_text(encoding="utf-8").split(maxsplit=1)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        text = f"Checksum {sidecar} must be readable; {_one_line(error)}. Restore it."
        raise RunFileError(text, "checksum") from None
    if not words or not re.fullmatch(r"[0-9a-f]{64}", words[0]):
        remedy = "Restore it from where the run was recorded."
        raise RunFileError(describe(f"Checksum {sidecar}", "begin with a SHA-256", words[:1], remedy), "checksum")
    return words[0]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
