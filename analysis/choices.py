"""Choices of an analysis as a TOML file, so that a result can be repeated: inputs, fields, exclusions, fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from analysis import configuration
from analysis.averaged_loops import FieldWindow, field_window
from analysis.configuration import Table, quantity
from analysis.errors import InputError
from analysis.sample import SAMPLE_INPUTS, Sample
from analysis.systematics import input_unit
from analysis.torque_fit import DETECTION_INPUTS, PICKUPS, Nuisance, TorqueModel

if TYPE_CHECKING:
    import xarray

    from analysis.configuration import Uncertain

Status = Literal["finished", "interrupted", "aborted", "failed"]

EXCLUDED = 2**20
"""Bit of `lock_in_status` that marks points which the choices leave out; no lock-in sets it."""


def _quantity(unit: str) -> tuple[BeforeValidator, WithJsonSchema]:
    schema = {"type": ["string", "number"], "description": f"number in {unit}, or text with a unit of its kind"}
    return BeforeValidator(lambda value: quantity(value, unit)), WithJsonSchema(schema)


_TESLA, _DENSITY, _CONDUCTIVITY = (_quantity(unit) for unit in ("T", "A/m^2", "S/m"))


class FieldsTable(Table):
    """Magnitudes of the field that fits use; by default all beyond three coercive fields of the sample."""

    above: Annotated[float, *_TESLA, Field(ge=0)] | None = None
    up_to: Annotated[float, *_TESLA, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> FieldsTable:
        if self.above is not None and self.up_to is not None and self.above >= self.up_to:
            raise ValueError("must have above smaller than up_to.")
        return self


class NuisanceTable(Table):
    """Model input that is fitted as well: `std` of its prior, or "free", and bounds of its change."""

    name: str
    std: Annotated[float, WithJsonSchema({"type": ["string", "number"]})]
    lower: Annotated[float, WithJsonSchema({"type": ["string", "number"]}), Field(lt=0)] = -np.inf
    upper: Annotated[float, WithJsonSchema({"type": ["string", "number"]}), Field(gt=0)] = np.inf

    @model_validator(mode="before")
    @classmethod
    def _with_units(cls, table: Any) -> Any:
        if not isinstance(table, Mapping):
            return table
        name = str(table.get("name"))
        unit = DETECTION_INPUTS.get(name, input_unit(name))
        numbers = {
            key: quantity(value, "" if unit == "1" else unit)
            for key, value in table.items()
            if key in ("std", "lower", "upper") and value != "free"
        }
        return {**table, **({"std": np.inf} if table.get("std") == "free" else {}), **numbers}

    def nuisance(self) -> Nuisance:
        """Return what the fits take."""
        return Nuisance(self.name, self.std, self.lower, self.upper)

    @model_validator(mode="after")
    def _in_range(self) -> NuisanceTable:
        self.nuisance()
        return self


class FitTable(Table):
    """How torques are fitted."""

    torque: TorqueModel = "antisymmetric"
    nuisances: tuple[NuisanceTable, ...] = ()


class ExclusionTable(Table):
    """Run that is left out, or points of it (numbers, or ranges such as "10-20"), and why."""

    run: str = Field(min_length=1)
    points: tuple[int | str, ...] = ()
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _ranges(self) -> ExclusionTable:
        for entry in self.points:
            _numbers(entry)
        return self

    def concerns(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a run is the one meant: its id, stem or file name."""
        path = Path(attributes["path"])
        return self.run in (attributes.get("run_id"), path.stem, path.name)


class ChoicesFile(Table):
    """Layout of the files in config/analyses.

    `sample` holds keys of sample files that replace those stored with the runs; `samples` the same by name of sample.
    `blank` names run files or folders, from the folder of the file. `bootstrap` is the number of replicates of each
    sample, drawn from `seed`. `systematics` are the inputs whose uncertainty
    counts, "all" by default.
    """

    name: str = Field(min_length=1)
    description: str = ""
    current_density: Annotated[float, *_DENSITY, Field(gt=0)] | None = None
    reference_conductivity: Annotated[float, *_CONDUCTIVITY] | None = None
    blank: tuple[str, ...] = ()
    bootstrap: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    statuses: tuple[Status, ...] = ("finished", "interrupted", "aborted")
    systematics: Literal["all"] | tuple[str, ...] = "all"
    fields: FieldsTable = FieldsTable()
    sample_fit: FitTable = FitTable()
    series_fit: FitTable = FitTable()
    exclude: tuple[ExclusionTable, ...] = ()
    sample: dict[str, Any] = Field(default_factory=dict)
    samples: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_systematics(self) -> ChoicesFile:
        unknown = [] if self.systematics == "all" else sorted(set(self.systematics) - {*SAMPLE_INPUTS, *PICKUPS})
        if unknown:
            raise ValueError(f"must have systematics among {', '.join((*SAMPLE_INPUTS, *PICKUPS))}; not {unknown[0]}.")
        return self


@dataclass(frozen=True)
class Choices:
    """Choices of an analysis.

    Attributes
    ----------
    file
        What the file says, with the keys `analysis.` that were set beside it.
    text
        The file verbatim; "" without one.
    settings
        Keys that were set beside the file, `sample.` and `analysis.`, as given.
    folder
        From which the paths in the file count.
    """

    file: ChoicesFile = field(default_factory=lambda: ChoicesFile(name="default"))
    text: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()

    def sample_changes(self, name: str) -> dict[str, Any]:
        """Keys that replace those of the sample `name`: for all samples, for this one, and set beside the file."""
        own = {key[len("sample.") :]: value for key, value in self.settings.items() if key.startswith("sample.")}
        return {**_flat(self.file.sample), **_flat(self.file.samples.get(name, {})), **own}

    def apply(self, attributes: dict[str, Any]) -> None:
        """Set the keys of the sample in the attributes of a run from `load_run` or `read_attributes`."""
        stored = attributes.get("overrides", {})
        name = str(stored.get("sample.name", attributes["sample"].get("name")))
        changes = {f"sample.{key}": value for key, value in self.sample_changes(name).items()}
        if changes:
            attributes["overrides"] = {**stored, **changes}

    def why_left_out(self, attributes: Mapping[str, Any]) -> str | None:
        """Say why a whole run is left out, None where it is not."""
        for entry in self.file.exclude:
            if not entry.points and entry.concerns(attributes):
                return f"excluded by the analysis file: {entry.reason}"
        return None

    def flag_points(self, run: xarray.Dataset) -> int:
        """Flag the points of `run` that are left out as the lock-in flags bad ones, and return how many they are.

        Raises
        ------
        InputError
            For points that the run does not have, or a run without the column `lock_in_status`.
        """
        count = run.sizes.get("point", 0)
        points = sorted(
            number
            for entry in self.file.exclude
            if entry.points and entry.concerns(run.attrs)
            for part in entry.points
            for number in _numbers(part)
        )
        if not points:
            return 0
        name = Path(run.attrs["path"]).name
        if "lock_in_status" not in run or points[-1] >= count:
            raise InputError(
                f"Excluded points of {name} must lie between 0 and {count - 1} in a run that was read by a lock-in; "
                f"received {points[-1]}. Mend `points` in the analysis file."
            )
        status = run["lock_in_status"].to_numpy().copy()
        status[points] = EXCLUDED
        run["lock_in_status"] = ("point", status, run["lock_in_status"].attrs)
        return len(set(points))

    def window(self, sample: Sample) -> FieldWindow:
        """Magnitudes of the field (T) that fits of `sample` use."""
        low, high = field_window(sample.film.coercive_field)
        above, up_to = self.file.fields.above, self.file.fields.up_to
        return low if above is None else above, high if up_to is None else up_to

    def counted(self, inputs: Mapping[str, Uncertain]) -> dict[str, Uncertain]:
        """Inputs with the uncertainty of those that do not count set to zero."""
        if self.file.systematics == "all":
            return dict(inputs)
        chosen = self.file.systematics
        return {
            name: value if name in chosen else value.model_copy(update={"std": 0.0}) for name, value in inputs.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the form in which results keep them."""
        return {"file": self.text, "settings": dict(self.settings)}


def read_choices(name: str | Path = "", settings: Mapping[str, Any] | None = None) -> Choices:
    """Read an analysis file.

    Parameters
    ----------
    name
        Name of a file in config/analyses, or a path; "" for the choices that are made without one.
    settings
        Keys beside it: "sample.film.thickness" replaces a key of every sample, "analysis.sample_fit.torque" one of
        the file.

    Raises
    ------
    InputError
        For a file or keys that cannot be right.
    """
    settings = dict(settings or {})
    wrong = [key for key in settings if key.partition(".")[0] not in ("sample", "analysis") or "." not in key]
    if wrong:
        raise InputError(
            f"--set of an analysis must begin with sample. or analysis.; received {wrong[0]!r}. Write e.g. "
            '--set sample.film.thickness="30 nm".'
        )
    text, source, folder = "", "--set", Path()
    if name:
        path = configuration.find("analyses", name)
        text, source, folder = configuration.read_text(path), str(path), path.parent
    document = {"name": "default"} if not name else configuration.parse_toml(text, source)
    own = {key.removeprefix("analysis."): value for key, value in settings.items() if key.startswith("analysis.")}
    file = configuration.validate(ChoicesFile, configuration.override(document, own, source), source)
    known = {*Sample.model_fields}
    keys = [*file.sample, *(key for table in file.samples.values() for key in table)]
    keys += [key.removeprefix("sample.") for key in settings if key.startswith("sample.")]
    for key in keys:
        if key.split(".")[0] not in known:
            raise InputError(
                f"{source}: key {key!r} of a sample must begin with one of {', '.join(sorted(known))}. Compare it with "
                "a sample file."
            )
    return Choices(file, text, settings, folder)


def choices_schema() -> dict[str, Any]:
    """JSON schema of analysis files, for editors."""
    schema = ChoicesFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "asot analysis"}


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys; {value, std} is a value."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and "value" not in value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _numbers(entry: int | str) -> range:
    """Numbers of the points that an entry means, the last one of a range with it."""
    first, _, last = str(entry).partition("-")
    try:
        numbers = range(int(first), int(last or first) + 1)
    except ValueError:
        numbers = range(0)
    if not numbers or len(numbers) > 10**7:
        raise ValueError(f'must have points such as 3 or "10-20"; received {entry!r}.')
    return numbers
