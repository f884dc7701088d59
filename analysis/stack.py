"""Films, layers and stacks: what the sample is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.constants import VACUUM_PERMEABILITY
from analysis.errors import InputError
from analysis.materials import refractive_index

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
Index = complex | str | npt.ArrayLike
Side = Literal["top", "bottom"]


def require(name: str, value: npt.ArrayLike, must: str, allowed: npt.ArrayLike, remedy: str) -> None:
    """Raise `InputError` unless all of `value` is finite and `allowed` holds."""
    if not (np.isfinite(value).all() and (allowed is True or np.all(allowed))):
        raise InputError(f"{name} must be {must}; received {value!r}. {remedy}")


@dataclass(frozen=True)
class Layer:
    """Non-magnetic layer.

    Attributes
    ----------
    index
        Refractive index n + ik with k >= 0, or the name of a material; may carry leading axes.
    thickness
        Thickness (m), at least 0; may carry leading axes.
    """

    index: Index
    thickness: npt.ArrayLike

    def __post_init__(self) -> None:
        require(
            "Thickness of a layer", self.thickness, "a finite length in m, at least 0",
            np.asarray(self.thickness) >= 0, "Give e.g. 2e-9 for 2 nm.",
        )  # fmt: skip
        _check_index("Refractive index of a layer", self.index)


@dataclass(frozen=True)
class Film:
    """Magnetic film, magnetised in its plane.

    Attributes
    ----------
    index
        Refractive index n + ik, or the name of a material.
    voigt
        Voigt parameter Q of eps_xy = -i n^2 Q m_z (dimensionless, complex).
    thickness
        Thickness (m), above 0; this and all numbers may carry leading axes that broadcast.
    saturation_induction
        mu0 Ms (T), above 0.
    exchange_stiffness
        A (J/m), above 0.
    effective_field
        mu0 Meff (T): the bulk value, without the surface anisotropy given here.
    surface_anisotropy
        (bottom, top) surface anisotropy energies K (J/m^2), energy density -K m_z^2 at the face.
    conductivity
        Charge conductivity (S/m), above 0, or None where it is not known.
    name
        What messages call the film.
    """

    index: Index
    voigt: npt.ArrayLike
    thickness: npt.ArrayLike
    saturation_induction: npt.ArrayLike
    exchange_stiffness: npt.ArrayLike
    effective_field: npt.ArrayLike
    surface_anisotropy: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 0.0)
    conductivity: npt.ArrayLike | None = None
    name: str = "film"

    def __post_init__(self) -> None:
        positive = {
            "thickness": ("m", "Give e.g. 32e-9 for 32 nm."),
            "saturation_induction": ("T", "Give mu0 Ms, e.g. 1.09 for permalloy."),
            "exchange_stiffness": ("J/m", "Give e.g. 12.2e-12 for permalloy."),
        }
        for name, (unit, remedy) in positive.items():
            value = getattr(self, name)
            require(f"{name} of {self.name!r}", value, f"finite and above 0 {unit}", np.asarray(value) > 0, remedy)
        require(f"effective_field of {self.name!r}", self.effective_field, "finite (T)", True, "Give mu0 Meff.")
        require(f"voigt of {self.name!r}", self.voigt, "finite", True, "Give Q, e.g. 0.0036-0.011j.")
        require(
            f"surface_anisotropy of {self.name!r}", np.stack(np.broadcast_arrays(*self.surface_anisotropy)),
            "two finite energies (bottom, top) in J/m^2", len(self.surface_anisotropy) == 2,
            "Give e.g. (0.59e-3, 0.59e-3).",
        )  # fmt: skip
        if self.conductivity is not None:
            require(
                f"conductivity of {self.name!r}", self.conductivity, "finite and above 0 S/m",
                np.asarray(self.conductivity) > 0, "Give the four-probe value, or leave it out.",
            )  # fmt: skip
        _check_index(f"Refractive index of {self.name!r}", self.index)

    @property
    def saturation_magnetization(self) -> FloatArray:
        """Ms (A/m)."""
        return np.asarray(self.saturation_induction, dtype=float) / VACUUM_PERMEABILITY


@dataclass(frozen=True)
class Stack:
    """A film with what lies above and below it.

    Attributes
    ----------
    film
        The magnetic film.
    above
        Layers from the film outwards, towards the cap.
    below
        Layers from the film outwards, towards the substrate.
    ambient
        Refractive index, or material, of the half-space above.
    substrate
        Refractive index, or material, of the half-space below.
    name
        What messages call the stack.
    """

    film: Film
    above: Sequence[Layer] = field(default=())
    below: Sequence[Layer] = field(default=())
    ambient: Index = 1.0
    substrate: Index = 1.0
    name: str = "stack"

    def __post_init__(self) -> None:
        _check_index(f"Ambient of {self.name!r}", self.ambient)
        _check_index(f"Substrate of {self.name!r}", self.substrate)


def index_at(index: Index, wavelength: npt.ArrayLike) -> ComplexArray:
    """Complex refractive index (...) of a number or of a named material at `wavelength` (m)."""
    if isinstance(index, str):
        return refractive_index(index, wavelength)
    return np.asarray(index, dtype=complex)


def _check_index(name: str, index: Index) -> None:
    if isinstance(index, str):
        return
    value = np.asarray(index, dtype=complex)
    require(name, index, "n + ik with n > 0 and k >= 0", (value.real > 0) & (value.imag >= 0), "Check the sign of k.")
