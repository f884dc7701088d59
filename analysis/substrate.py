"""Thick transparent substrate seen from below: incoherent entrance face, Faraday rotation in the substrate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.optics import DEFAULT_WAVELENGTH, reflectance
from analysis.stack import ComplexArray, FloatArray, Stack, index_at, require

FUSED_SILICA_VERDET = 2.3
"""Verdet constant of fused silica at 780 nm, rad/(T m)."""


@dataclass(frozen=True)
class SubstrateLight:
    """Where the light goes when it comes through a thick substrate; all per incident power or per angle at the film.

    Attributes
    ----------
    dilution : (...)
        Kerr angle that the detector reads per Kerr angle of the stack alone.
    reflectance : (...)
        Total power that returns, from the entrance face and the stack.
    irradiance : (...)
        Total power that falls on the stack from the substrate.
    """

    dilution: FloatArray
    reflectance: FloatArray
    irradiance: FloatArray


def substrate_light(
    stack: Stack,
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    *,
    thickness: npt.ArrayLike = 0.5e-3,
    entrance_reflectance: npt.ArrayLike | None = None,
) -> SubstrateLight:
    """Powers and dilution of the Kerr angle where the stack is seen from below through its thick substrate.

    Parameters
    ----------
    stack
        The sample; its `substrate` is the medium of the slab, which may absorb a little (k much below n).
    wavelength : (...)
        Vacuum wavelength (m), above 0.
    thickness : (...)
        Thickness of the slab (m), many coherence lengths; it enters through absorption alone.
    entrance_reflectance : (...)
        Power reflectance of the entrance face, 0 to 1, e.g. of an antireflection coating; by default that of the bare
        face in air (3.4 % for fused silica).

    Returns
    -------
    SubstrateLight

    Raises
    ------
    InputError
        Where an argument is out of range.

    Notes
    -----
    The rays add as Stokes vectors. Ray 0 is reflected by the entrance face (reflectance R1) and carries no rotation.
    Ray m = 1, 2, ... is reflected m times by the stack (R) and m - 1 times by the entrance face from inside, crosses
    the slab 2 m times (a = exp(-8 pi k d / lambda) per round trip), and its angle is m times that of one round trip:

        I_0 = R1,   I_m = (1 - R1)^2 (R a)^m R1^(m - 1),   Theta = sum(m I_m) Theta_1 / sum(I_m)

    to first order in the angle. Summed to all orders, with x = R1 R a,

        reflectance = R1 + (1 - R1)^2 R a / (1 - x),   dilution = (1 - R1)^2 R a / (1 - x)^2 / reflectance,
        irradiance = (1 - R1) sqrt(a) / (1 - x).

    All rays are taken to reach the detector. A pinhole, or a focus so tight that the entrance face lies far out of it,
    rejects rays 0, 2, 3, ...: then nothing is diluted.
    """
    require("Thickness of the substrate", thickness, "finite and above 0 m", np.asarray(thickness) > 0, "Give 0.5e-3.")
    index = index_at(stack.substrate, wavelength)
    if entrance_reflectance is None:
        entrance = np.abs((1 - index) / (1 + index)) ** 2
    else:
        entrance = np.asarray(entrance_reflectance, dtype=float)
        require(
            "entrance_reflectance", entrance, "0 to 1", (entrance >= 0) & (entrance < 1), "Give 0.034, not 3.4 (%)."
        )
    round_trip = np.exp(-8 * np.pi * index.imag * np.asarray(thickness) / np.asarray(wavelength, dtype=float))
    once = reflectance(stack, wavelength, side="bottom") * round_trip
    returned = (1 - entrance) ** 2 * once / (1 - entrance * once)
    total = entrance + returned
    return SubstrateLight(
        dilution=np.asarray(returned / (1 - entrance * once) / total),
        reflectance=np.asarray(total),
        irradiance=np.asarray((1 - entrance) * np.sqrt(round_trip) / (1 - entrance * once)),
    )


def faraday_rotation(
    field: npt.ArrayLike, thickness: npt.ArrayLike = 0.5e-3, verdet: npt.ArrayLike = FUSED_SILICA_VERDET
) -> FloatArray:
    """Rotation that a substrate adds to the Kerr rotation seen from below, there and back.

    Parameters
    ----------
    field : (...)
        Out-of-plane field (T) along the fixed +z axis, the mean over the thickness of the substrate. At the axis of a
        loop of radius a in the plane of the film that is the field at the film times a / sqrt(a^2 + thickness^2).
    thickness : (...)
        Thickness of the substrate (m).
    verdet : (...)
        Verdet constant (rad/(T m)), positive for a diamagnet such as silica.

    Returns
    -------
    (...)
        Rotation (rad), -2 verdet field thickness, with the sign of a Kerr rotation from below.

    Notes
    -----
    A positive Verdet constant turns the polarisation right-handed about the field on both ways. The observer below
    faces -z and calls that negative. Whether Kerr and Faraday rotation add or subtract hangs on the true sign of Q;
    where it is known only up to the polarity of the set-up, the blank (substrate without film) decides.
    """
    for name, value in {"field": field, "thickness of the substrate": thickness, "verdet": verdet}.items():
        require(name, value, "finite", True, "Give T, m and rad/(T m).")
    return np.asarray(-2 * np.asarray(verdet, dtype=float) * np.asarray(field) * np.asarray(thickness))


def through_substrate(
    stack: Stack,
    angle: npt.ArrayLike,
    wavelength: npt.ArrayLike = DEFAULT_WAVELENGTH,
    *,
    thickness: npt.ArrayLike = 0.5e-3,
    field: npt.ArrayLike = 0.0,
    verdet: npt.ArrayLike = FUSED_SILICA_VERDET,
    entrance_reflectance: npt.ArrayLike | None = None,
) -> ComplexArray:
    """Kerr angle that a detector below a thick substrate reads.

    Parameters
    ----------
    stack, wavelength, thickness, entrance_reflectance
        As in `substrate_light`.
    angle : (...)
        Complex Kerr angle (rad) of the stack from side="bottom", small against 1.
    field, verdet : (...)
        As in `faraday_rotation`: 0 T leaves the Faraday rotation out; for a calibration run the mean calibration field.

    Returns
    -------
    (...)
        Complex Kerr angle (rad): dilution times the sum of `angle` and the Faraday rotation.

    Examples
    --------
    >>> from analysis import Film, Stack, kerr_angle, through_substrate
    >>> stack = Stack(Film.from_material("Py", 32e-9), substrate="fused-silica")
    >>> read = through_substrate(stack, kerr_angle(stack, 0.78e-3, side="bottom"), field=0.85e-3)
    """
    light = substrate_light(stack, wavelength, thickness=thickness, entrance_reflectance=entrance_reflectance)
    return np.asarray(light.dilution * (np.asarray(angle) + faraday_rotation(field, thickness, verdet)), dtype=complex)
