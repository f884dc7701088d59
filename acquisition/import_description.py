"""The TOML file beside foreign data: which column is what, in which unit, and how it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from analysis import configuration
from analysis.configuration import Table, Unit

Si = configuration.Unit.number


def _column(value: Any) -> Any:
    return {"title": value} if isinstance(value, str | int) and not isinstance(value, bool) else value


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class ForeignColumn(Table):
    """Where a quantity stands in the file."""

    title: str | Annotated[int, Field(ge=1, description="number of the column from 1")]
    unit: str = Field("", description="of what stands in the file; by default what its header says")
    factor: Annotated[float, Unit.number("")] = Field(1.0, description="by which the numbers are multiplied")


class ImportDescription(Table):
    """What a foreign file does not say itself.

    `polarization` may be a list, one for each segment of the file.
    """

    sample: str = ""
    procedure: str = ""
    title: str = ""
    comment: str = ""
    tags: tuple[str, ...] = ()
    started: datetime | None = None
    path: Literal["", "sample", "coil"] = ""
    channel: Literal["", "rotation", "ellipticity"] = ""
    current: Annotated[float, Si("A")] | None = None
    current_density: Annotated[float, Si("A/m^2")] | None = None
    polarity: Literal[1, -1] = 1
    polarization: Annotated[tuple[Annotated[float, Si("rad")], ...], BeforeValidator(_several)] = ()
    field_step: Annotated[float, Si("T"), Field(gt=0)] | None = None
    wavelength: Annotated[float, Si("m"), Field(gt=0)] | None = None
    light_side: Literal["top", "bottom"] = "top"
    signal: str = ""
    axis: str = ""
    columns: dict[str, Annotated[ForeignColumn, BeforeValidator(_column)]] = Field(default_factory=dict)
    lock_in: dict[str, str | float] = Field(default_factory=dict)
    delimiter: Literal["", ",", ";", "\t", " "] = ""
    decimal: Literal["", ".", ","] = ""
    skip: Annotated[int, Field(ge=0)] = 0


def read_description(path: Path | None, changes: Mapping[str, Any]) -> tuple[ImportDescription, str]:
    """Read a description; without a file only `changes` say anything.

    Parameters
    ----------
    path
        TOML file.
    changes
        Keys that replace those of the file, dots between tables and keys.

    Returns
    -------
    tuple
        The description with the changes, and the text of the file without them.

    Raises
    ------
    InputError
        For a file or keys that cannot be right.
    """
    text = "" if path is None else configuration.read_text(path)
    source = "description" if path is None else str(path)
    document = configuration.override(configuration.parse_toml(text, source), changes, source)
    return configuration.validate(ImportDescription, document, source), text
