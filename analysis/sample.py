"""Samples: layout of the files in config/samples, and the stack with the uncertainties that they describe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from analysis import configuration
from analysis.configuration import Complex, Table, Uncertain, Unit, complex_number
from analysis.constants import VACUUM_PERMEABILITY
from analysis.materials import refractive_index
from analysis.stack import Film, Index, Layer, Stack

Length = Annotated[float, Unit.number("m"), Field(ge=0)]


def _index(material: str | None, index: complex | None) -> Index:
    if (material is None) == (index is None):
        raise ValueError("must give either material or index.")
    if material is not None:
        refractive_index(material)  # known, and known at the usual wavelength
    return material if material is not None else index  # type: ignore[return-value]


class LayerTable(Table):
    """A non-magnetic layer: a material by name or an index, and a thickness; a metal has a conductivity, too."""

    material: str | None = None
    index: Complex | None = None
    thickness: Length
    conductivity: Annotated[float, Unit.number("S/m"), Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _one_index(self) -> LayerTable:
        _index(self.material, self.index)
        return self

    def layer(self) -> Layer:
        """Return the layer of the model."""
        return Layer(_index(self.material, self.index), self.thickness)


class MediumTable(Table):
    """A half-space: a material by name or an index."""

    material: str | None = None
    index: Complex | None = None

    @model_validator(mode="after")
    def _one_index(self) -> MediumTable:
        _index(self.material, self.index)
        return self

    @property
    def refractive_index(self) -> Index:
        """What `Stack` takes."""
        return _index(self.material, self.index)


_OF_NO_EFFECT = {
    "saturation_induction": "1 T",
    "exchange_stiffness": "10 pJ/m",
    "effective_field": "1 T",
    "coercive_field": "0.1 mT",
}
"""Constants that the model asks for even where a Voigt parameter of 0 hides the magnetisation."""


class FilmTable(Table):
    """The film with standard uncertainties; that of a blank has `voigt = 0` and needs no magnetic constants."""

    material: str
    n: Annotated[Uncertain, Unit.uncertain("")]
    k: Annotated[Uncertain, Unit.uncertain("")]
    voigt: Complex
    thickness: Annotated[Uncertain, Unit.uncertain("m")]
    saturation_induction: Annotated[Uncertain, Unit.uncertain("T")]
    exchange_stiffness: Annotated[Uncertain, Unit.uncertain("J/m")]
    effective_field: Annotated[Uncertain, Unit.uncertain("T")]
    surface_anisotropy_bottom: Annotated[Uncertain, Unit.uncertain("J/m^2")] = Uncertain(value=0.0)
    surface_anisotropy_top: Annotated[Uncertain, Unit.uncertain("J/m^2")] = Uncertain(value=0.0)
    conductivity: Annotated[Uncertain, Unit.uncertain("S/m")]
    coercive_field: Annotated[float, Unit.number("T"), Field(gt=0)]

    @model_validator(mode="before")
    @classmethod
    def _blank(cls, table: Any) -> Any:
        try:
            magnetic = complex_number(table["voigt"]) != 0
        except (KeyError, TypeError, ValueError):
            return table  # which the fields tell better
        return table if magnetic else {**_OF_NO_EFFECT, **table}

    @property
    def magnetic(self) -> bool:
        """Whether the light can see a magnetisation."""
        return self.voigt != 0

    @model_validator(mode="after")
    def _in_range(self) -> FilmTable:
        for key in ("n", "thickness", "saturation_induction", "exchange_stiffness", "conductivity"):
            if getattr(self, key).value <= 0:
                raise ValueError(
                    f"must have {key} above 0; received {getattr(self, key).value:g}. Check its sign and unit."
                )
        if self.thickness.value > 1e-5:
            raise ValueError(
                f"must have a thickness of at most 10 um; received {self.thickness.value:g} m. Write it with its unit."
            )
        if self.k.value < 0:
            raise ValueError(f"must have k of at least 0; received {self.k.value:g}. Absorption is positive here.")
        return self


class GeometryTable(Table):
    """Patterned film: the current runs along x, `width` is across it.

    `length` is the distance of the voltage taps along the current (as the width without it); `resistance` is that of
    the film between them, where it was measured.
    """

    width: Annotated[Uncertain, Unit.uncertain("m")]
    length: Annotated[Uncertain, Unit.uncertain("m")] | None = None
    resistance: Annotated[float, Unit.number("ohm"), Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _in_range(self) -> GeometryTable:
        if self.width.value <= 0:
            raise ValueError("must be above 0. Check the number and its unit.")
        if self.width.value > 0.1:
            raise ValueError(f"must have a width of at most 0.1 m; received {self.width.value:g} m. Write its unit.")
        if not 0 < self.tap_distance.value <= 0.1:
            raise ValueError(
                f"must have a length above 0 and up to 0.1 m; received {self.tap_distance.value:g} m. Write its unit."
            )
        return self

    @property
    def tap_distance(self) -> Uncertain:
        """Distance of the voltage taps along the current (m)."""
        return self.width if self.length is None else self.length


class CoilTable(Table):
    """Loop round the sample that makes the out-of-plane calibration field; optional: a coil for a field along y."""

    field_per_ampere: Annotated[Uncertain, Unit.uncertain("T/A")]
    transverse_field_per_ampere: Annotated[Uncertain, Unit.uncertain("T/A")] | None = None


class SampleLimits(Table):
    """What the sample bears; every set-point is held against it. `dissipation` is the mean power in the film."""

    current_density: Annotated[float, Unit.number("A/m^2"), Field(gt=0)]
    dissipation: Annotated[float, Unit.number("W"), Field(gt=0)] | None = None
    field: Annotated[float, Unit.number("T"), Field(gt=0)]
    perpendicular_field: Annotated[float, Unit.number("T"), Field(gt=0)] | None = None  # None: what the magnet makes
    laser_power: Annotated[float, Unit.number("W"), Field(gt=0)]


SAMPLE_INPUTS = (
    "calibration_field_per_ampere",
    "thickness",
    "saturation_induction",
    "n",
    "k",
    "exchange_stiffness",
    "effective_field",
    "surface_anisotropy_bottom",
    "surface_anisotropy_top",
    "width",
    "conductivity",
)
"""Model inputs that a sample file gives with their uncertainties."""


class Sample(Table):
    """One sample."""

    name: str = Field(min_length=1)
    description: str = ""
    film: FilmTable
    geometry: GeometryTable
    coil: CoilTable
    limits: SampleLimits
    above: list[LayerTable] = Field(default_factory=list)
    below: list[LayerTable] = Field(default_factory=list)
    ambient: MediumTable = MediumTable(material="air")
    substrate: MediumTable

    def stack(self) -> Stack:
        """Return the stack of the model, at the stated values."""
        film = self.film
        return Stack(
            film=Film(
                index=complex(film.n.value, film.k.value),
                voigt=film.voigt,
                thickness=film.thickness.value,
                saturation_induction=film.saturation_induction.value,
                exchange_stiffness=film.exchange_stiffness.value,
                effective_field=film.effective_field.value,
                surface_anisotropy=(film.surface_anisotropy_bottom.value, film.surface_anisotropy_top.value),
                conductivity=film.conductivity.value,
                name=f"{film.material} of {self.name}",
            ),
            above=[layer.layer() for layer in self.above],
            below=[layer.layer() for layer in self.below],
            ambient=self.ambient.refractive_index,
            substrate=self.substrate.refractive_index,
            name=self.name,
        )

    def current_density(self, current: float) -> float:
        """Current density (A/m^2) in the film of a `current` (A) along x: I / (w d) where nothing else conducts."""
        return current / (self.conducting_width * self.film.thickness.value)

    @property
    def conducting_width(self) -> float:
        """Width (m) at which the film alone would conduct as well as it does with its metal layers beside it."""
        beside = sum(layer.conductivity * layer.thickness for layer in (*self.above, *self.below))
        return self.geometry.width.value * (1 + beside / (self.film.conductivity.value * self.film.thickness.value))

    @property
    def average_effective_field(self) -> float:
        """Effective field (T) that FMR or the Hall effect measures on the film: Beff - 2 (K_T + K_B)/(Ms d)."""
        film = self.film
        anisotropy = film.surface_anisotropy_bottom.value + film.surface_anisotropy_top.value
        moment = film.saturation_induction.value / VACUUM_PERMEABILITY * film.thickness.value
        return film.effective_field.value - 2 * anisotropy / moment

    @property
    def resistance(self) -> float:
        """Resistance (ohm) between the voltage taps: measured, or from conductivity and cross-section."""
        if self.geometry.resistance is not None:
            return self.geometry.resistance
        section = self.conducting_width * self.film.thickness.value
        return self.geometry.tap_distance.value / (self.film.conductivity.value * section)

    def dissipation(self, amplitude: float) -> float:
        """Mean power I^2 R / 2 (W) of an alternating current of `amplitude` (A peak)."""
        return amplitude**2 * self.resistance / 2

    @property
    def largest_dissipating_current(self) -> float:
        """Largest amplitude (A peak) that the limit on dissipation allows; infinite where there is none."""
        bearable = self.limits.dissipation
        return math.inf if bearable is None else math.sqrt(bearable / self.dissipation(1.0))

    @property
    def largest_current(self) -> float:
        """Largest amplitude (A peak) that neither current density nor dissipation forbids."""
        return min(self.limits.current_density / self.current_density(1.0), self.largest_dissipating_current)

    def materials(self) -> list[str]:
        """Materials whose files give an index of the stack; the film's own indices stand in the sample file."""
        media: list[LayerTable | MediumTable] = [*self.above, *self.below, self.ambient, self.substrate]
        return sorted({medium.material for medium in media if medium.material is not None})

    def uncertainties(self) -> Mapping[str, Uncertain]:
        """Model inputs by the names that `analysis.systematics` perturbs, with their standard uncertainties."""
        elsewhere = {"calibration_field_per_ampere": self.coil.field_per_ampere, "width": self.geometry.width}
        return {name: elsewhere[name] if name in elsewhere else getattr(self.film, name) for name in SAMPLE_INPUTS}


def read_sample(name: str | Path, changes: Mapping[str, Any] | None = None) -> tuple[Sample, str]:
    """Read a sample file.

    Parameters
    ----------
    name
        Name of a file in config/samples, or a path.
    changes
        Keys that replace those of the file, e.g. {"film.thickness": "30 nm"}.

    Returns
    -------
    tuple
        The sample with the changes, and the text of the file without them.

    Raises
    ------
    InputError
        For a file or keys that cannot be right.
    """
    path = configuration.find("samples", name)
    text = configuration.read_text(path)
    document = configuration.override(configuration.parse_toml(text, str(path)), changes or {}, str(path))
    return configuration.validate(Sample, document, str(path)), text


def series_of_thickness(sample: Sample, thicknesses: np.ndarray[Any, Any]) -> list[Stack]:
    """Stacks that differ from `sample` in film thickness (m) alone."""
    from dataclasses import replace

    stack = sample.stack()
    return [replace(stack, film=replace(stack.single_film, thickness=float(d))) for d in thicknesses]
