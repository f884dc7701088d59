"""Many stacks as one: stacks that differ in numbers alone become a single stack with a leading axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.stack import Film, Layer, Stack, index_at

FILM_NUMBERS = (
    "index",
    "voigt",
    "thickness",
    "saturation_induction",
    "exchange_stiffness",
    "effective_field",
    "anisotropy_bottom",
    "anisotropy_top",
)
"""Numbers of a film, by the names that `stack_numbers` uses."""

Numbers = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Batch:
    """Stacks of one structure.

    Attributes
    ----------
    positions : (films,)
        Where they stand in the list.
    stack
        One stack whose numbers carry the axis (films,) where they differ.
    """

    positions: npt.NDArray[np.intp]
    stack: Stack


def batches(stacks: Sequence[Stack], wavelength: float) -> list[Batch]:
    """Join the stacks that have the same numbers of layers.

    Parameters
    ----------
    stacks
        Each a single film, with numbers that carry no leading axes.
    wavelength
        (m), at which named materials that differ from stack to stack are looked up.

    Raises
    ------
    InputError
        For a stack with several magnetic films or with leading axes.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for position, stack in enumerate(stacks):
        groups.setdefault((len(stack.above), len(stack.below)), []).append(position)
    return [
        Batch(np.array(positions), _join([stacks[position] for position in positions], wavelength))
        for positions in groups.values()
    ]


def stack_numbers(stack: Stack, wavelength: float) -> Numbers:
    """All numbers of a stack by name: those of `FILM_NUMBERS`, ambient, substrate, above.0.index, ..."""
    return {
        name: index_at(value, wavelength) if name.rpartition(".")[2] in _INDICES else np.asarray(value)
        for name, value in _entries(zip(_PARTS, _parts(stack), strict=True))
    }


def with_numbers(stack: Stack, numbers: Mapping[str, Any]) -> Stack:
    """Copy of a stack with some of its numbers replaced."""
    film = {name: value for name, value in numbers.items() if name in FILM_NUMBERS}
    if film:
        bottom, top = stack.single_film.surface_anisotropy
        anisotropy = (film.pop("anisotropy_bottom", bottom), film.pop("anisotropy_top", top))
        film["surface_anisotropy"] = anisotropy
    return replace(
        stack,
        film=replace(stack.single_film, **film) if film else stack.single_film,
        above=_with_layers(stack.above, "above", numbers),
        below=_with_layers(stack.below, "below", numbers),
        ambient=numbers.get("ambient", stack.ambient),
        substrate=numbers.get("substrate", stack.substrate),
    )


_INDICES = ("index", "ambient", "substrate")
_PARTS = (*FILM_NUMBERS[:-2], "surface_anisotropy", "above", "below", "ambient", "substrate")
_GET_PARTS = attrgetter(*(f"film.{name}" for name in _PARTS[:7]), *_PARTS[7:])


def _entries(parts: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Numbers by name of the parts of a stack."""
    entries: list[tuple[str, Any]] = []
    for name, part in parts:
        if name == "surface_anisotropy":
            entries += zip(FILM_NUMBERS[-2:], part, strict=True)
        elif name in ("above", "below"):
            for number, layer in enumerate(part):
                entries += [(f"{name}.{number}.index", layer.index), (f"{name}.{number}.thickness", layer.thickness)]
        else:
            entries.append((name, part))
    return entries


def _parts(stack: Stack) -> tuple[Any, ...]:
    if not isinstance(stack.film, Film):
        raise InputError(
            f"Stack {stack.name!r} must have a single magnetic film to be fitted; received {stack.film!r}. "
            "Fit the film that carries the torque."
        )
    parts: tuple[Any, ...] = _GET_PARTS(stack)
    return parts


def _with_layers(layers: Sequence[Layer], side: str, numbers: Mapping[str, Any]) -> tuple[Layer, ...]:
    changed = []
    for number, layer in enumerate(layers):
        own = {
            key: numbers[f"{side}.{number}.{key}"]
            for key in ("index", "thickness")
            if f"{side}.{number}.{key}" in numbers
        }
        changed.append(replace(layer, **own) if own else layer)
    return tuple(changed)


def _join(stacks: Sequence[Stack], wavelength: float) -> Stack:
    # Stacks made from one another share the parts that do not differ: identity spares most comparisons.
    columns: dict[str, Sequence[Any]] = {}
    common: list[tuple[str, Any]] = []
    for name, parts in zip(_PARTS, zip(*map(_parts, stacks), strict=True), strict=True):
        if len(set(map(id, parts))) == 1:
            common += _entries([(name, parts[0])])
        elif name in ("surface_anisotropy", "above", "below"):
            for row in zip(*(_entries([(name, part)]) for part in parts), strict=True):
                columns[row[0][0]] = [value for _, value in row]
        else:
            columns[name] = parts
    numbers: dict[str, npt.NDArray[Any]] = {}
    for name, column in columns.items():
        is_index = name.rpartition(".")[2] in _INDICES
        numbers[name] = _column([index_at(value, wavelength) for value in column] if is_index else column)
    arrays = [name for name, number in numbers.items() if number.ndim > 1]
    arrays += [name for name, value in common if np.ndim(value)]
    if arrays:
        raise InputError(
            f"{arrays[0]} of {stacks[0].name!r} must be one number in a fit; received an array. "
            "Give one stack per film."
        )
    return with_numbers(stacks[0], numbers) if numbers else stacks[0]


def _column(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Values as an array: (films,), or with more axes where they are no numbers."""
    try:
        return np.array(values)
    except ValueError:  # arrays of different lengths
        return np.empty((len(values), 0))
