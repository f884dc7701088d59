"""Systematics budget: model inputs by name, and how far each moves the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.result import Systematic
from analysis.stack import Stack
from analysis.stack_batch import stack_numbers, with_numbers

if TYPE_CHECKING:
    from analysis.configuration import Uncertain

FILM_INPUTS: Mapping[str, tuple[str, Mapping[str, complex]]] = {
    "n": ("1", {"index": 1.0}),
    "k": ("1", {"index": 1j}),
    "voigt_real": ("1", {"voigt": 1.0}),
    "voigt_imaginary": ("1", {"voigt": 1j}),
    "thickness": ("m", {"thickness": 1.0}),
    "thickness_scale": ("1", {"thickness": 1.0}),
    "saturation_induction": ("T", {"saturation_induction": 1.0}),
    "exchange_stiffness": ("J/m", {"exchange_stiffness": 1.0}),
    "effective_field": ("T", {"effective_field": 1.0}),
    "surface_anisotropy": ("J/m^2", {"anisotropy_bottom": 1.0, "anisotropy_top": 1.0}),
    "surface_anisotropy_bottom": ("J/m^2", {"anisotropy_bottom": 1.0}),
    "surface_anisotropy_top": ("J/m^2", {"anisotropy_top": 1.0}),
}
"""Inputs of the film by name: unit, and how fast each number of the film follows (thickness_scale: times its value)."""

_LAYER_INPUTS = {"thickness": "m", "index": "1"}


def input_unit(name: str) -> str:
    """Return the unit of a model input."""
    return FILM_INPUTS[name][0] if name in FILM_INPUTS else _LAYER_INPUTS.get(name.rpartition(".")[2], "1")


def budget_unit(name: str) -> str:
    """Return the unit of an entry of a systematics budget: a model input, or what stands beside the stack."""
    beside = {"calibration_field_per_ampere": "T/A", "width": "m", "conductivity": "S/m"}
    if name.startswith("thickness of "):
        return "m"
    if name.startswith("pickup"):
        return "rad"
    return beside.get(name) or input_unit(name)


def input_slopes(stack: Stack, name: str) -> dict[str, npt.NDArray[Any]]:
    """Derivatives of the numbers of a stack (see `analysis.stack_batch.stack_numbers`) with respect to one input.

    Parameters
    ----------
    stack
        The stack.
    name
        A key of `FILM_INPUTS`, or "below.0.thickness", "above.1.index" (its real part), ...: a layer counted from
        the film.

    Raises
    ------
    InputError
        For a name that the stack does not have.
    """
    if name == "thickness_scale":
        return {"thickness": np.asarray(stack.single_film.thickness, dtype=float)}
    if name in FILM_INPUTS:
        return {number: np.asarray(slope) for number, slope in FILM_INPUTS[name][1].items()}
    side, _, rest = name.partition(".")
    position, _, quantity = rest.partition(".")
    layers = getattr(stack, side) if side in ("above", "below") else ()
    if not (position.isdigit() and int(position) < len(layers) and quantity in _LAYER_INPUTS):
        raise InputError(
            f"Model input must be one of {', '.join(FILM_INPUTS)} or a layer such as below.0.thickness or "
            f"below.0.index; received {name!r}. Check its spelling and the stack."
        )
    return {name: np.asarray(1.0)}


def changed(stack: Stack, name: str, step: float, wavelength: float = DEFAULT_WAVELENGTH) -> Stack:
    """Copy of `stack` with one input changed.

    Parameters
    ----------
    stack, name
        As in `input_slopes`.
    step
        What is added (SI; to thickness_scale: relative).
    wavelength
        (m), at which a material whose index changes is looked up.
    """
    numbers = stack_numbers(stack, wavelength)
    slopes = input_slopes(stack, name)
    return with_numbers(stack, {number: numbers[number] + step * slope for number, slope in slopes.items()})


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
        Largest effect first.
    """
    nominal = results("", 0.0)
    entries = []
    for name, input in inputs.items():
        if input.std == 0:
            continue
        up, down = (
            {key: (value - nominal[key]) / nominal[key] for key, value in results(name, step).items()}
            for step in (input.std, -input.std)
        )
        effects = {key: (up[key] - down[key]) / 2 for key in nominal}
        entries.append(Systematic(name, input.value, input.std, effects, up, down))
    return tuple(sorted(entries, key=lambda entry: -max(abs(effect) for effect in entry.effects.values())))
