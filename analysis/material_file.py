"""Layout of the files in config/materials."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from analysis.configuration import Complex, Table, Unit

Wavelength = Annotated[float, Unit.number("m"), Field(gt=0)]


class OpticalConstants(Table):
    """Refractive index against wavelength; one entry means one wavelength."""

    wavelength: list[Wavelength] = Field(min_length=1)
    index: list[Complex] = Field(min_length=1)
    source: str

    @model_validator(mode="after")
    def _matching(self) -> OpticalConstants:
        if len(self.wavelength) != len(self.index):
            raise ValueError("must list as many indices as wavelengths.")
        if any(later <= earlier for earlier, later in pairwise(self.wavelength)):
            raise ValueError("must list wavelengths in ascending order.")
        if any(index.real <= 0 or index.imag < 0 for index in self.index):
            raise ValueError("must list indices n + ik with n > 0 and k >= 0.")
        return self


class MagneticConstants(Table):
    """Magnetic and magneto-optic constants."""

    voigt: Complex
    voigt_convention: str
    saturation_induction: Annotated[float, Unit.number("T"), Field(gt=0)]
    exchange_stiffness: Annotated[float, Unit.number("J/m"), Field(gt=0)]
    source: str


class MaterialFile(Table):
    """One material."""

    name: str
    optical: OpticalConstants
    magnetic: MagneticConstants | None = None
