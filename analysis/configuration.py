"""Configuration files: where they are found, how TOML with units becomes validated models, and what errors say."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from analysis.errors import InputError

if TYPE_CHECKING:
    from pint import UnitRegistry

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_UNCERTAIN = re.compile(rf"^\s*({_NUMBER})\s*(?:±|\+/?-)\s*({_NUMBER})\s*(.*)$")
_MISSING = object()
_KINDS = {"list_type": "must be a list.", "dict_type": "must be a table.", "model_type": "must be a table."}
"""What pydantic's types of fault mean in TOML, where its own words are of Python."""


class Table(BaseModel):
    """A table of a configuration file: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Uncertain(Table):
    """A number with its standard uncertainty, both in the SI unit of the key."""

    value: float
    std: float = 0.0


def folders() -> list[Path]:
    """Folders searched for configuration, first match wins: ./config, the user's folder, the shipped files."""
    from platformdirs import user_config_path

    package = Path(__file__).parent
    shipped = package / "config" if (package / "config").is_dir() else package.parent / "config"
    return [Path("config").resolve(), user_config_path("asot", appauthor=False), shipped]


def find(kind: str, name: str | Path) -> Path:
    """Find a configuration file.

    Parameters
    ----------
    kind
        Folder of that kind of file: "benches", "samples", "recipes" or "materials".
    name
        A path to a TOML file, or the bare name of one in the folders searched.

    Raises
    ------
    InputError
        Where there is none; the message lists the names that exist.
    """
    path = Path(name)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise InputError(
            f"Configuration file must exist; received {str(name)!r}, which is no file. "
            f"Check the path, or give one of the names in config/{kind}: {', '.join(names(kind))}."
        )
    for folder in folders():
        candidate = folder / kind / f"{name}.toml"
        if candidate.is_file():
            return candidate
    raise InputError(
        f"Name in config/{kind} must be one of {', '.join(names(kind))}; received {str(name)!r}."
        f"{suggestion(str(name), names(kind))} Or give the path of a .toml file."
    )


def names(kind: str) -> list[str]:
    """Names of all configuration files of a kind, in any of the folders searched."""
    return sorted({path.stem for folder in folders() for path in (folder / kind).glob("*.toml")})


def read_text(path: Path) -> str:
    """Text of a configuration file; `InputError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} must be a readable UTF-8 text file; {error}. Check the path and its rights."
        ) from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML; `InputError` names `source`, line and column where it is malformed."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source} must be valid TOML; {error}. Mend that line.") from None


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], data: Mapping[str, Any], source: str) -> Model:
    """Validate `data` as `model`; all faults become one `InputError` with file, key, value and remedy."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError("; ".join(_describe(fault, model, source) for fault in error.errors())) from None


def override(data: Mapping[str, Any], assignments: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Copy `data` with dotted keys set, e.g. {"film.thickness": "30 nm"}; digits choose an element of a list.

    Raises
    ------
    InputError
        Where a key leads through something that is no table, or past the end of a list.
    """
    import copy

    result: dict[str, Any] = copy.deepcopy(dict(data))
    for key, value in assignments.items():
        *parents, last = key.split(".")
        node: Any = result
        for parent in parents:
            node = _step(node, parent, key, source, default={})
        if isinstance(node, list):
            _step(node, last, key, source, default=_MISSING)
            node[int(last)] = value
        elif isinstance(node, dict):
            node[last] = copy.deepcopy(value)
        else:
            raise _no_table(key, source)
    return result


def _step(node: Any, part: str, key: str, source: str, default: Any) -> Any:
    if isinstance(node, dict):
        return node.setdefault(part, default)
    if isinstance(node, list) and part.isdigit() and int(part) < len(node):
        return node[int(part)]
    raise _no_table(key, source)


def _no_table(key: str, source: str) -> InputError:
    return InputError(f"--set {key}: the key must lead to a value of {source}; it does not. Compare it with that file.")


def parse_assignments(items: Iterable[str]) -> dict[str, Any]:
    """Read `key=value` items of the command line; values are TOML where they parse, else plain strings."""
    result: dict[str, Any] = {}
    for item in items:
        key, separator, text = item.partition("=")
        if not separator or not key.strip():
            raise InputError(f"--set must be key=value; received {item!r}. Write e.g. --set twin.seed=2.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        result[key.strip()] = value
    return result


@cache
def units() -> UnitRegistry[Any]:
    """Return the one unit registry; made at the first use, since it takes a while without pint's cache of it."""
    from pint import UnitRegistry
    from platformdirs import user_cache_path

    try:
        return UnitRegistry(cache_folder=user_cache_path("asot", appauthor=False) / "units")
    except Exception:  # the folder cannot be written, or holds a file that was cut short: pickle raises various types
        return UnitRegistry()


def quantity(value: object, unit: str) -> float:
    """Read a number in `unit` (SI), or a string such as "40 mA", into a finite float in `unit`.

    Raises
    ------
    ValueError
        With what was expected and an example, for pydantic to report with its key.
    """
    example = f"Write a number in {unit or '1'}, or a string with a unit."
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be a quantity in {unit or '1'}. {example}")
    number = _with_unit(value, unit, example) if isinstance(value, str) else float(value)
    if not math.isfinite(number):
        raise ValueError(f"must be finite. {example}")
    return number


def option_quantity(option: str, text: str, unit: str) -> float:
    """Read the value of a command-line option; `InputError` names the option."""
    try:
        return quantity(float(text) if _is_number(text) else text, unit)
    except ValueError as error:
        raise InputError(f"{option} {error} Received {text!r}.") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _with_unit(text: str, unit: str, example: str) -> float:
    import pint

    try:
        parsed = units().parse_expression(text)
        if not isinstance(parsed, units().Quantity):
            return float(parsed)
        return float(parsed.m_as(unit))
    except pint.DimensionalityError as error:
        raise ValueError(f"must be in {unit or '1'} or a unit of its kind, not {error.units1}. {example}") from None
    except Exception:  # pint's tokenizer raises various types on odd text
        raise ValueError(f"must be a quantity in {unit or '1'}. {example}") from None


def uncertain(value: object, unit: str) -> Uncertain:
    """Read "32 +- 0.6 nm", "32 nm", a number, or {value, std} into an `Uncertain` in `unit`."""
    if isinstance(value, Uncertain):
        return value
    if isinstance(value, Mapping):
        if set(value) - {"value", "std"} or "value" not in value:
            raise ValueError("must have the keys value and std.")
        number, std = quantity(value["value"], unit), quantity(value.get("std", 0.0), unit)
    elif isinstance(value, str) and (match := _UNCERTAIN.match(value)):
        number, std = (quantity(f"{part} {match[3]}" if match[3] else float(part), unit) for part in match.group(1, 2))
    else:
        number, std = quantity(value, unit), 0.0
    if std < 0:
        raise ValueError("must have a standard uncertainty of at least 0.")
    return Uncertain(value=number, std=std)


class Unit:
    """Annotation factories for model fields that hold quantities."""

    @staticmethod
    def number(unit: str) -> BeforeValidator:
        """A float in `unit`."""
        return BeforeValidator(lambda value: quantity(value, unit))

    @staticmethod
    def uncertain(unit: str) -> BeforeValidator:
        """An `Uncertain` in `unit`."""
        return BeforeValidator(lambda value: uncertain(value, unit))


def complex_number(value: Any) -> complex:
    """Read "0.0036-0.011j", "2.38 + 4.36i", [re, im] or a number into a finite complex number."""
    try:
        if isinstance(value, str):
            number = complex(value.replace(" ", "").replace("i", "j"))
        elif isinstance(value, list | tuple):
            real, imaginary = value
            number = complex(real, imaginary)
        else:
            number = complex(value)
    except (TypeError, ValueError):
        raise ValueError('must be a complex number. Write e.g. "2.38+4.36j" or [2.38, 4.36].') from None
    if not (math.isfinite(number.real) and math.isfinite(number.imag)):
        raise ValueError("must be finite.")
    return number


Complex = Annotated[complex, BeforeValidator(complex_number)]


def _describe(fault: Any, model: type[BaseModel], source: str) -> str:
    key = _key(model, fault["loc"]) or "(top level)"
    if fault["type"] == "extra_forbidden":
        allowed = _keys_beside(model, fault["loc"])
        return (
            f"{source}: key {key!r} is unknown, received value {fault['input']!r}."
            f"{suggestion(str(fault['loc'][-1]), allowed)} Allowed here: {', '.join(allowed)}."
        )
    if fault["type"] == "missing":
        return f"{source}: key {key!r} is missing. Add it."
    if fault["type"] == "union_tag_invalid":
        known, tag = re.findall(r"\w+", fault["ctx"]["expected_tags"]), fault["ctx"]["tag"]
        return (
            f"{source}: key {key + '.driver'!r} must be one of {', '.join(known)}. Received {tag!r}."
            f"{suggestion(str(tag), known)}"
        )
    if fault["type"] == "list_type" and isinstance(fault["input"], Mapping):
        return f"{source}: {key!r} must be a list of tables. Received one table, [{key}]. Write [[{key}]] above each."
    text = _KINDS.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return f"{source}: key {key!r} {text[0].lower() + text[1:]} Received {fault['input']!r}."


def _key(model: type[BaseModel], location: tuple[Any, ...]) -> str:
    """Dotted key of `location`, without the driver names that pydantic puts into it."""
    parts, current = [], model
    for part, following in zip(location, [*location, None][1:], strict=True):
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = _table_of(current.model_fields[part].annotation, following)
        elif current is not None and "driver" in current.model_fields and part in _drivers(current):
            continue
        parts.append(str(part))
    return ".".join(parts)


def _keys_beside(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Keys that are allowed in the table in which `location` stands."""
    current: Any = model
    for part, following in pairwise(location):
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = _table_of(current.model_fields[part].annotation, following)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(current.model_fields)
    return []


def _table_of(annotation: Any, tag: object = None) -> Any:
    """Table in an annotation; of a union that of which `tag` is the driver, else the first."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [table for argument in getattr(annotation, "__args__", ()) if (table := _table_of(argument)) is not None]
    tagged = [table for table in found if "driver" in table.model_fields and tag in _drivers(table)]
    return next(iter(tagged or found), None)


def _drivers(table: type[BaseModel]) -> tuple[object, ...]:
    return getattr(table.model_fields["driver"].annotation, "__args__", ())


def suggestion(name: str, known: Iterable[str]) -> str:
    """Name among `known` that `name` may stand for, as a question that begins with a space; "" where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
