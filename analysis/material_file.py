"""Layout of the files in config/materials."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from analysis.configuration import Complex, Table, Unit

Wavelength = Annotated[float, Unit.number("m"), Field(gt=0)]
Real = Annotated[float, Unit.number(""), Field(gt=0)]
Extinction = Annotated[float, Unit.number(""), Field(ge=0)]

VoigtConvention = Literal[
    "eps_xy = -i n^2 Q m_z, exp(-i w t)",
    "eps_xy = +i n^2 Q m_z, exp(-i w t)",
    "eps_xy = -i n^2 Q m_z, exp(+i w t)",
    "eps_xy = +i n^2 Q m_z, exp(+i w t)",
]


class OpticalTable(Table):
    """Refractive index n + ik against wavelength; a single row means a single wavelength."""

    source: str = Field(min_length=1)
    wavelength_n_k: list[tuple[Wavelength, Real, Extinction]] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> OpticalTable:
        for (earlier, *_), (later, *_) in pairwise(self.wavelength_n_k):
            if later <= earlier:
                raise ValueError(f"must list wavelengths in ascending order; {later:g} m follows {earlier:g} m.")
        return self


class MagneticTable(Table):
    """Magnetic and magneto-optic constants; Q holds at one wavelength."""

    source: str = Field(min_length=1)
    voigt: Complex
    voigt_convention: VoigtConvention
    wavelength: Wavelength
    saturation_induction: Annotated[float, Unit.number("T"), Field(gt=0)]
    exchange_stiffness: Annotated[float, Unit.number("J/m"), Field(gt=0)]

    @property
    def voigt_here(self) -> complex:
        """Q of eps_xy = -i n^2 Q m_z with the time factor exp(-i w t), the convention of all of `analysis`.

        The other time factor conjugates every optical constant, so that eps_xy changes sign once more.
        """
        conjugated = self.voigt_convention.endswith("exp(+i w t)")
        reversed_sign = self.voigt_convention.startswith("eps_xy = +i") != conjugated
        voigt = self.voigt.conjugate() if conjugated else self.voigt
        return -voigt if reversed_sign else voigt


class MaterialFile(Table):
    """One material."""

    name: str = Field(min_length=1)
    optical: OpticalTable
    magnetic: MagneticTable | None = None
