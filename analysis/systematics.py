"""Systematics budget: how far each model input moves the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from analysis.errors import InputError
from analysis.result import Systematic
from analysis.stack import Film, Stack, index_at

if TYPE_CHECKING:
    from analysis.configuration import Uncertain


def _index(shift: complex) -> Callable[[Film, float], Film]:
    return lambda film, step: replace(film, index=index_at(film.index, 780e-9) + shift * step)


def _number(name: str) -> Callable[[Film, float], Film]:
    return lambda film, step: replace(film, **cast(Any, {name: np.asarray(getattr(film, name)) + step}))


def _anisotropy(bottom: float, top: float) -> Callable[[Film, float], Film]:
    def change(film: Film, step: float) -> Film:
        K_bottom, K_top = film.surface_anisotropy
        return replace(
            film,
            surface_anisotropy=(
                np.asarray(K_bottom, dtype=float) + bottom * step,
                np.asarray(K_top, dtype=float) + top * step,
            ),
        )

    return change


FILM_INPUTS: Mapping[str, Callable[[Film, float], Film]] = {
    "n": _index(1.0),
    "k": _index(1j),
    "thickness": _number("thickness"),
    "saturation_induction": _number("saturation_induction"),
    "exchange_stiffness": _number("exchange_stiffness"),
    "effective_field": _number("effective_field"),
    "surface_anisotropy": _anisotropy(1.0, 1.0),
    "surface_anisotropy_bottom": _anisotropy(1.0, 0.0),
    "surface_anisotropy_top": _anisotropy(0.0, 1.0),
}
"""Inputs of the film by name: each changes the film by an additive step (SI)."""


def changed(stack: Stack, name: str, step: float) -> Stack:
    """Copy of `stack` with one input changed.

    Parameters
    ----------
    stack
        The stack.
    name
        A key of `FILM_INPUTS`, or "below.0.thickness", "above.1.index", ...: a layer counted from the film.
    step
        What is added (SI).
    """
    if name in FILM_INPUTS:
        return replace(stack, film=FILM_INPUTS[name](stack.single_film, step))
    side, _, rest = name.partition(".")
    number, _, quantity = rest.partition(".")
    layers = list(getattr(stack, side)) if side in ("above", "below") else []
    if not (number.isdigit() and int(number) < len(layers) and quantity in ("thickness", "index")):
        raise InputError(
            f"Model input must be one of {', '.join(FILM_INPUTS)} or a layer such as below.0.thickness or "
            f"below.0.index; received {name!r}. Check its spelling and the stack."
        )
    layer = layers[int(number)]
    if quantity == "thickness":
        layers[int(number)] = replace(layer, thickness=np.asarray(layer.thickness, dtype=float) + step)
    else:
        layers[int(number)] = replace(layer, index=index_at(layer.index, 780e-9) + step)
    return replace(stack, **cast(Any, {side: tuple(layers)}))


def budget(
    inputs: Mapping[str, Uncertain], results: Callable[[str, float], Mapping[str, float]]
) -> tuple[Systematic, ...]:
    """Move each input by its standard uncertainty, up and down, and note how the results follow.

    Parameters
    ----------
    inputs
        Value and standard uncertainty by name; exact inputs (std 0) are left out.
    results
        Function of (name, step) that repeats the analysis with the input changed and returns the results by name.

    Returns
    -------
    tuple of Systematic
        Largest effect first; effects are half the difference between up and down, relative to the result.
    """
    nominal = results("", 0.0)
    entries = []
    for name, input in inputs.items():
        if input.std == 0:
            continue
        up, down = results(name, input.std), results(name, -input.std)
        effects = {key: (up[key] - down[key]) / (2 * nominal[key]) for key in nominal}
        entries.append(Systematic(name, input.value, input.std, effects))
    return tuple(sorted(entries, key=lambda entry: -max(abs(effect) for effect in entry.effects.values())))
