"""Tilt of an in-plane magnetised film under surface torques and out-of-plane fields, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.errors import UnstableFilmError
from analysis.stack import Film, FloatArray, require


def stiffness_field(film: Film, field: npt.ArrayLike = 0.0) -> FloatArray:
    """Field that holds the magnetisation in the plane, |field| + effective_field (T).

    Parameters
    ----------
    film
        Uses `effective_field`.
    field : (...)
        In-plane external field mu0 Hext (T), either sign.

    Raises
    ------
    UnstableFilmError
        Where it is not above zero.
    """
    require("Field", field, "finite (T)", True, "Check the field list.")
    total: FloatArray = np.abs(np.asarray(field, dtype=float)) + np.asarray(film.effective_field, dtype=float)
    if np.any(total <= 0):
        raise UnstableFilmError(
            f"effective_field of {film.name!r} must exceed -|field| for the magnetisation to lie in the plane; "
            f"received {film.effective_field!r} T. Check the effective field, or measure at a larger field."
        )
    return total


def exchange_length(film: Film, field: npt.ArrayLike = 0.0) -> FloatArray:
    """Length over which exchange smooths an out-of-plane tilt.

    Parameters
    ----------
    film
        Uses `exchange_stiffness` (J/m), `saturation_induction` and `effective_field` (T).
    field : (...)
        In-plane external field mu0 Hext (T), either sign.

    Returns
    -------
    (...)
        Exchange length (m).

    Raises
    ------
    UnstableFilmError
        Where the magnetisation does not lie in the plane.

    Notes
    -----
    l = sqrt(2 A / (Ms (|B| + Beff))), as in Eq. (1) of Wang et al., Nature Nanotechnology (2019).
    """
    stiffness = film.saturation_magnetization * stiffness_field(film, field)
    return np.sqrt(2 * np.asarray(film.exchange_stiffness, dtype=float) / stiffness)


@dataclass(frozen=True)
class TiltModes:
    """Exact tilt between the faces of a film, no grid: what a field asks for and what the faces ask for.

    With x = z - d/2, m_z(z) = uniform [1 - C(z)] + symmetric C(z) + antisymmetric S(z), where
    C = cosh(x/l)/cosh(d/2l) and S = sinh(x/l)/sinh(d/2l).

    Attributes
    ----------
    uniform : (...)
        Tilt of a film without faces, b_cal / (|field| + effective_field) (dimensionless m_z).
    symmetric, antisymmetric : (...)
        Half the sum and half the difference (top - bottom) of m_z at the two faces.
    length : (...)
        Exchange length l (m).
    thickness : (...)
        Film thickness d (m).
    """

    uniform: FloatArray
    symmetric: FloatArray
    antisymmetric: FloatArray
    length: FloatArray
    thickness: FloatArray

    def at(self, height: npt.ArrayLike) -> FloatArray:
        """Tilt at `height` (..., heights) (m above the film's bottom face, 0 to d), broadcast over leading axes."""
        uniform, symmetric, antisymmetric, length, thickness = (
            np.asarray(value)[..., np.newaxis]
            for value in (self.uniform, self.symmetric, self.antisymmetric, self.length, self.thickness)
        )
        z = np.asarray(height, dtype=float)
        below, above = z / length, (thickness - z) / length
        # cosh and sinh of large arguments overflow, their differences for small ones cancel; neither happens here.
        full = 1 + np.exp(-thickness / length)
        even = (np.exp(-above) + np.exp(-below)) / full
        interior = np.expm1(-above) * np.expm1(-below) / full
        lever = below - above
        odd = np.sign(lever) * np.exp(-np.minimum(above, below)) * np.expm1(-np.abs(lever))
        tilt: FloatArray = uniform * interior + symmetric * even + antisymmetric * odd / np.expm1(-thickness / length)
        return tilt


def tilt_modes(
    film: Film,
    field: npt.ArrayLike = 0.0,
    torque_top: npt.ArrayLike = 0.0,
    torque_bottom: npt.ArrayLike = 0.0,
    calibration_field: npt.ArrayLike = 0.0,
    m_x: npt.ArrayLike = 1.0,
) -> TiltModes:
    """Solve the linearised tilt in closed form.

    Parameters
    ----------
    film
        The film; all its numbers broadcast with the other arguments.
    field : (...)
        In-plane external field (T), either sign.
    torque_top, torque_bottom : (...)
        Surface torques (J/m^2) for m_x = 1.
    calibration_field : (...)
        Out-of-plane field b_cal (T).
    m_x : (...)
        Projection of the unit magnetisation on the current, -1 to 1.

    Returns
    -------
    TiltModes

    Raises
    ------
    UnstableFilmError
        Where the in-plane state is not stable; the linear solution would change sign silently there.

    Notes
    -----
    2 A m'' = Ms (|B| + Beff) m - Ms b_cal with 2 A m' = tau_T m_x + 2 K_T m at z = d and
    -2 A m' = tau_B m_x + 2 K_B m at z = 0. Half the sum and half the difference of these two conditions are two
    linear equations for half the sum and half the difference of m at the faces. Their matrix is that of the energy
    of the face tilts; the in-plane state is stable where it is positive definite.
    """
    for name, value in (("torque_top", torque_top), ("torque_bottom", torque_bottom),
                        ("calibration_field", calibration_field), ("m_x", m_x)):  # fmt: skip
        require(f"{name} of {film.name!r}", value, "finite", True, "Check the value and its unit.")
    length = exchange_length(film, field)
    thickness = np.asarray(film.thickness, dtype=float)
    K_bottom, K_top = (np.asarray(K, dtype=float) for K in film.surface_anisotropy)
    top, bottom = (
        np.asarray(torque, dtype=float) * np.asarray(m_x, dtype=float) for torque in (torque_top, torque_bottom)
    )
    uniform = np.asarray(calibration_field, dtype=float) / stiffness_field(film, field)

    wall, turn = 2 * np.asarray(film.exchange_stiffness, dtype=float) / length, np.tanh(thickness / (2 * length))
    sum_stiffness = wall * turn - (K_top + K_bottom)
    difference_stiffness = wall / turn - (K_top + K_bottom)
    mixing = K_top - K_bottom
    determinant = sum_stiffness * difference_stiffness - mixing**2
    if np.any(sum_stiffness <= 0) or np.any(determinant <= 0):
        raise UnstableFilmError(
            f"The in-plane state of {film.name!r} must be stable; received surface anisotropy (bottom, top) "
            f"{film.surface_anisotropy!r} J/m^2 at thickness {film.thickness!r} m, which turns it out of the plane. "
            "Check the surface anisotropy and the thickness."
        )
    sum_push = (top + bottom) / 2 + wall * turn * uniform
    difference_push = (top - bottom) / 2
    symmetric = (difference_stiffness * sum_push + mixing * difference_push) / determinant
    antisymmetric = (sum_stiffness * difference_push + mixing * sum_push) / determinant
    return TiltModes(*np.broadcast_arrays(uniform, symmetric, antisymmetric, length, thickness))


def tilt_profile(
    film: Film,
    cells: int = 80,
    field: npt.ArrayLike = 0.0,
    torque_top: npt.ArrayLike = 0.0,
    torque_bottom: npt.ArrayLike = 0.0,
    calibration_field: npt.ArrayLike = 0.0,
    m_x: npt.ArrayLike = 1.0,
) -> FloatArray:
    """Out-of-plane tilt m_z at the centres of `cells` equal cells, bottom to top.

    Parameters
    ----------
    film, field, torque_top, torque_bottom, calibration_field, m_x
        As in `tilt_modes`.
    cells
        Number of cells, at least 1.

    Returns
    -------
    (..., cells)
        m_z (dimensionless).

    Raises
    ------
    UnstableFilmError
        Where the in-plane state is not stable.
    """
    require("cells", cells, "a whole number of at least 1", int(cells) == cells >= 1, "80 is usual.")
    modes = tilt_modes(film, field, torque_top, torque_bottom, calibration_field, m_x)
    fractions = (np.arange(cells) + 0.5) / cells
    return modes.at(np.asarray(film.thickness, dtype=float)[..., np.newaxis] * fractions)
