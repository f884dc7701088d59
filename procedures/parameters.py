"""Parameters that pymeasure lacks: lists of numbers, and the current through the sample."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

from pymeasure.experiment.parameters import FloatParameter, Parameter

from analysis import configuration
from analysis.sample import Sample


class FloatListParameter(Parameter):  # type: ignore[misc]
    """List of numbers, written with commas."""

    def __init__(
        self, name: str, units: str | None = None, minimum: float = -math.inf, maximum: float = math.inf, **rest: Any
    ) -> None:
        self.units, self.minimum, self.maximum = units, minimum, maximum
        super().__init__(name, **rest)

    def convert(self, value: object) -> list[float]:
        """Read a sequence, or text such as "45, 135", into a list of numbers in range."""
        items = value.split(",") if isinstance(value, str) else value
        try:
            numbers = [float(item) for item in items]  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            raise ValueError(f"must be a list of numbers{f' in {self.units}' if self.units else ''}") from None
        if not numbers or not all(self.minimum <= number <= self.maximum for number in numbers):
            raise ValueError(f"must hold numbers from {self.minimum:g} to {self.maximum:g} {self.units or ''}".rstrip())
        return numbers


class CurrentParameter(FloatParameter):  # type: ignore[misc]
    """Amplitude in mA; a recipe may give the current density or the electric field in the sample instead."""


class CurrentListParameter(FloatListParameter):
    """Amplitudes in mA; a recipe may give current densities or electric fields in the sample instead."""


def sample_current(text: str, path: object, sample: Sample | None) -> float:
    """Read a current, or what makes it in a sample.

    Parameters
    ----------
    text
        Current such as "40 mA", current density such as "5e10 A/m^2", or electric field such as "1.1e4 V/m" (peak).
    path
        What the current runs through: "sample", or "coil", where only a current has a meaning.
    sample
        Its film and width; None where it is not known.

    Returns
    -------
    float
        Current (mA): I = j w d, with j = conductivity E.

    Raises
    ------
    ValueError
        For anything else, saying what is taken.
    """
    for unit in ("mA", "A/m^2", "V/m"):
        with suppress(ValueError):
            amount = configuration.quantity(text, unit)
            break
    else:
        raise ValueError(
            "must be a current, or the current density or electric field in the sample. "
            'Write e.g. "40 mA", "5e10 A/m^2" or "1.1e4 V/m".'
        )
    if unit == "mA":
        return amount
    if path != "sample":
        raise ValueError(f'must be a current on the path "{path}": its cross-section is not known. Write "400 mA".')
    if sample is None:
        raise ValueError('must be a current where no sample is given to convert it with. Write e.g. "40 mA".')
    density = amount if unit == "A/m^2" else amount * sample.film.conductivity.value
    return 1e3 * density / sample.current_density(1.0)
