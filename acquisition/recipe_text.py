"""Text of recipes: a recipe as TOML, and what stands in it as a person writes it into one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter, Parameter

from acquisition.recipe import MANY_RUNS
from analysis.errors import InputError, describe
from procedures.parameters import FloatListParameter

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_WITH_UNIT = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*")
_RANGE = re.compile(rf"\s*({_NUMBER})\s*(\S*)\s+to\s+({_NUMBER})\s*(\S*)\s+step\s+({_NUMBER})\s*(.*?)\s*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def recipe_text(data: Mapping[str, Any]) -> str:
    """Write a recipe as TOML that `parse_recipe` reads back as `data`: tables as sections, what is in them inline."""
    plain = {key: value for key, value in data.items() if not _has_sections(value)}
    lines = [f"{_key(key)} = {_inline(value)}" for key, value in plain.items()]
    for key, value in data.items():
        if key in plain:
            continue
        for table in [value] if isinstance(value, Mapping) else value:
            lines += ["", f"[{_key(key)}]" if isinstance(value, Mapping) else f"[[{_key(key)}]]"]
            lines += [f"{_key(name)} = {_inline(entry)}" for name, entry in table.items()]
    return "\n".join(lines) + "\n"


def _has_sections(value: object) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _inline(key)


def _inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_inline(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def written(value: object, parameter: Parameter) -> str:
    """Write a value of a recipe into one line: "40 mA", "45, 135 deg", "0.25, 0.5"."""
    if isinstance(value, list):
        texts = [written(item, parameter) for item in value]
        parts = [_WITH_UNIT.fullmatch(text) for text in texts]
        units = {part[2] for part in parts if part}
        if all(parts) and len(units) == 1 and (unit := units.pop()):
            return ", ".join(part[1] for part in parts if part) + f" {unit}"
        return ", ".join(texts)
    return str(value)


def written_default(parameter: Parameter) -> str:
    """Write the default of `parameter` as a recipe has it."""
    unit = getattr(parameter, "units", None)
    default = parameter.default
    if isinstance(default, list):
        return ", ".join(f"{number:g}" for number in default) + (f" {unit}" if unit else "")
    if isinstance(parameter, FloatParameter):
        return f"{default:g} {unit}" if unit else f"{default:g}"
    return str(default)


def read_written(text: str, parameter: Parameter) -> Any:
    """Read one line into what a recipe has for `parameter`; whether that is right, `Measurement.from_table` says.

    A number without a unit is taken in that of the parameter. A list is written with commas, its unit at the end, or
    as "10 to 40 step 10 mA".

    Raises
    ------
    InputError
        Where such a range has no end, or too many values.
    """
    text = text.strip()
    if isinstance(parameter, FloatListParameter):
        return read_values(text, parameter)
    return _value(text, parameter)


def read_values(text: str, parameter: Parameter) -> list[Any]:
    """Read one line into several values of `parameter`; see `read_written`.

    Values that are lists themselves are parted by semicolons where there are several.
    """
    if ";" in text and isinstance(parameter, FloatListParameter):
        return [read_values(part, parameter) for part in text.split(";")]
    if match := _RANGE.fullmatch(text):
        return [_value(item, parameter) for item in _range(match, parameter)]
    items = [item.strip() for item in text.split(",") if item.strip()]
    last = _WITH_UNIT.fullmatch(items[-1]) if items else None
    if last and last[2]:
        items = [f"{item} {last[2]}" if _is_number(item) else item for item in items]
    return [_value(item, parameter) for item in items]


def written_values(values: list[Any], parameter: Parameter) -> str:
    """Write several values of `parameter` into one line that `read_values` reads."""
    if any(isinstance(value, list) for value in values):
        return "; ".join(written(value, parameter) for value in values)
    return written(values, parameter)


def _range(match: re.Match[str], parameter: Parameter) -> list[str]:
    start, stop, step = (float(match[place]) for place in (1, 3, 5))
    units = {match[place] for place in (2, 4, 6)} - {""}
    what = f"Range of {parameter.name}"
    if len(units) > 1 or step == 0 or (stop - start) / step < 0:
        must = "lead from its first to its last value, in one unit"
        raise InputError(describe(what, must, match[0], 'Write e.g. "10 to 40 step 10 mA".'))
    count = int((stop - start) / step + 1e-9) + 1
    if count > MANY_RUNS:
        raise InputError(describe(what, f"hold at most {MANY_RUNS} values", count, "Widen its step."))
    unit = f" {units.pop()}" if units else ""
    return [f"{start + place * step:.10g}{unit}" for place in range(count)]


def _value(text: str, parameter: Parameter) -> Any:
    if isinstance(parameter, ListParameter):
        return next((_plain(choice) for choice in parameter.choices if str(choice) == text), text)
    if isinstance(parameter, IntegerParameter):
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else text
    if not _is_number(text):
        return text
    unit = getattr(parameter, "units", None)
    return f"{text} {unit}" if unit else float(text)


def _plain(choice: object) -> object:
    return choice if isinstance(choice, int) else str(choice)


def _is_number(text: str) -> bool:
    return re.fullmatch(_NUMBER, text) is not None
