"""Materials: refractive indices by name, read from config/materials."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError


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
        For an unknown material or a wavelength outside its data; the message names the range.
    """
    wavelengths, indices, source = _table(material)
    wavelength = np.asarray(wavelength, dtype=float)
    low, high = wavelengths[0], wavelengths[-1]
    if not np.all((wavelength >= low * (1 - 1e-9)) & (wavelength <= high * (1 + 1e-9))):
        raise InputError(
            f"Wavelength for {material} must lie in {low * 1e9:g} to {high * 1e9:g} nm, the range of its data "
            f"({source}); received {wavelength * 1e9!r} nm. Give the index as a number, or extend config/materials."
        )
    return np.interp(wavelength, wavelengths, indices)  # type: ignore[no-any-return, unused-ignore]


@cache
def _table(material: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.complex128], str]:
    from analysis import configuration
    from analysis.material_file import MaterialFile

    path = configuration.find("materials", material)
    data = configuration.parse_toml(configuration.read_text(path), path.name)
    optical = configuration.validate(MaterialFile, data, path.name).optical
    return np.array(optical.wavelength), np.array(optical.index), optical.source
