"""Materials: refractive indices and magnetic constants by name, read from config/materials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError

if TYPE_CHECKING:
    from analysis.material_file import MaterialFile


@dataclass(frozen=True)
class MagneticConstants:
    """Magnetic and magneto-optic constants of a material.

    Attributes
    ----------
    voigt
        Voigt parameter Q of eps_xy = -i n^2 Q m_z, time factor exp(-i w t).
    wavelength
        Vacuum wavelength (m) at which `voigt` holds.
    saturation_induction
        mu0 Ms (T).
    exchange_stiffness
        A (J/m).
    source
        Where the numbers come from.
    """

    voigt: complex
    wavelength: float
    saturation_induction: float
    exchange_stiffness: float
    source: str


def refractive_index(material: str, wavelength: npt.ArrayLike = 780e-9) -> npt.NDArray[np.complex128]:
    """Refractive index n + ik of a named material.

    Parameters
    ----------
    material
        Name of a file in config/materials, e.g. "SiO2".
    wavelength : (...)
        Vacuum wavelength (m), inside the range of the material's data.

    Returns
    -------
    (...)
        Complex index, linear between tabulated wavelengths.

    Raises
    ------
    InputError
        For an unknown material or a wavelength outside its data; the message names the range, and the other
        tables of the same material.
    """
    wavelengths, indices, source = _optical(material)
    wavelength = np.asarray(wavelength, dtype=float)
    low, high = wavelengths[0], wavelengths[-1]
    if not np.all((wavelength >= low * (1 - 1e-9)) & (wavelength <= high * (1 + 1e-9))):
        received = np.array2string(wavelength * 1e9, precision=6, threshold=6)
        raise InputError(
            f"Wavelength for {material} must be {_range(material)}, the range of its data ({source}); "
            f"received {received} nm. {_other_tables(material)}Give the index as a number, or add a file to "
            "config/materials."
        )
    return np.interp(wavelength, wavelengths, indices)  # type: ignore[no-any-return, unused-ignore]


def magnetic_constants(material: str) -> MagneticConstants:
    """Magnetic constants of a named material.

    Parameters
    ----------
    material
        Name of a file in config/materials that has a table [magnetic], e.g. "Py".

    Raises
    ------
    InputError
        For an unknown material, or one without magnetic constants; the message lists those that have them.
    """
    table = _file(material).magnetic
    if table is None:
        from analysis import configuration

        magnetic = [name for name in configuration.names("materials") if _file(name).magnetic]
        raise InputError(
            f"Magnetic material must be one of {', '.join(magnetic)}; received {material!r}. "
            f"Or add a table [magnetic] to {material}.toml in config/materials."
        )
    return MagneticConstants(
        voigt=table.voigt_here,
        wavelength=table.wavelength,
        saturation_induction=table.saturation_induction,
        exchange_stiffness=table.exchange_stiffness,
        source=table.source,
    )


def _range(material: str) -> str:
    wavelengths, _, _ = _optical(material)
    low, high = wavelengths[0] * 1e9, wavelengths[-1] * 1e9
    return f"{low:g} nm" if low == high else f"{low:g} to {high:g} nm"


def _other_tables(material: str) -> str:
    """Sentence on the tables of the same material by other authors, e.g. Pt-Tselin2024 beside Pt."""
    from analysis import configuration

    names = [name for name in configuration.names("materials") if name.startswith(f"{material}-")]
    return f"Tables: {', '.join(f'{name} ({_range(name)})' for name in names)}. " if names else ""


@cache
def _optical(material: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.complex128], str]:
    optical = _file(material).optical
    wavelength, n, k = np.array(optical.wavelength_n_k).T
    return wavelength, n + 1j * k, optical.source


@cache
def _file(material: str) -> MaterialFile:
    from analysis import configuration
    from analysis.material_file import MaterialFile

    path = configuration.find("materials", material)
    data = configuration.parse_toml(configuration.read_text(path), path.name)
    return configuration.validate(MaterialFile, data, path.name)
