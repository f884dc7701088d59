"""Tilt of an in-plane magnetised film under surface torques and out-of-plane fields."""

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
    """Tilt m_z(z) = uniform + top exp(-(d - z)/l) + bottom exp(-z/l): the exact solution, no grid.

    Attributes
    ----------
    uniform, top, bottom : (...)
        Amplitudes (rad, dimensionless m_z).
    length : (...)
        Exchange length l (m).
    thickness : (...)
        Film thickness d (m).
    """

    uniform: FloatArray
    top: FloatArray
    bottom: FloatArray
    length: FloatArray
    thickness: FloatArray

    def at(self, height: npt.ArrayLike) -> FloatArray:
        """Tilt at `height` (..., heights) (m above the film's bottom face), broadcast over leading axes."""
        uniform, top, bottom, length, thickness = (
            np.asarray(value)[..., np.newaxis]
            for value in (self.uniform, self.top, self.bottom, self.length, self.thickness)
        )
        z = np.asarray(height, dtype=float)
        tilt: FloatArray = uniform + top * np.exp(-(thickness - z) / length) + bottom * np.exp(-z / length)
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
    -2 A m' = tau_B m_x + 2 K_B m at z = 0: two exponentials and a constant, whose amplitudes follow from a
    2 x 2 system. Only exponentials of non-positive arguments appear, so no thickness overflows.
    """
    for name, value in (("torque_top", torque_top), ("torque_bottom", torque_bottom),
                        ("calibration_field", calibration_field), ("m_x", m_x)):  # fmt: skip
        require(f"{name} of {film.name!r}", value, "finite", True, "Check the value and its unit.")
    length = exchange_length(film, field)
    thickness = np.asarray(film.thickness, dtype=float)
    bottom_anisotropy, top_anisotropy = (np.asarray(K, dtype=float) for K in film.surface_anisotropy)

    uniform = np.asarray(calibration_field, dtype=float) / stiffness_field(film, field)
    wall = 2 * np.asarray(film.exchange_stiffness, dtype=float) / length
    decay = np.exp(-thickness / length)
    _require_stable(film, wall, decay, bottom_anisotropy, top_anisotropy)

    push_top = np.asarray(torque_top, dtype=float) * np.asarray(m_x, dtype=float) + 2 * top_anisotropy * uniform
    push_bottom = (
        np.asarray(torque_bottom, dtype=float) * np.asarray(m_x, dtype=float) + 2 * bottom_anisotropy * uniform
    )
    own_top, cross_top = wall - 2 * top_anisotropy, (wall + 2 * top_anisotropy) * decay
    own_bottom, cross_bottom = wall - 2 * bottom_anisotropy, (wall + 2 * bottom_anisotropy) * decay
    determinant = own_top * own_bottom - cross_top * cross_bottom
    top = (own_bottom * push_top + cross_top * push_bottom) / determinant
    bottom = (own_top * push_bottom + cross_bottom * push_top) / determinant
    return TiltModes(*np.broadcast_arrays(uniform, top, bottom, length, thickness))


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


def tilt_profile_on_grid(
    film: Film,
    cells: int = 80,
    field: float = 0.0,
    torque_top: float = 0.0,
    torque_bottom: float = 0.0,
    calibration_field: float = 0.0,
    m_x: float = 1.0,
) -> FloatArray:
    """Tilt (cells,) by a tridiagonal solve on cells, torques and anisotropy in the outermost ones.

    The independent route against which the closed form is checked; scalars only.
    """
    from scipy.linalg import solveh_banded

    step = float(np.asarray(film.thickness)) / cells
    Ms = float(film.saturation_magnetization)
    coupling = 2 * float(np.asarray(film.exchange_stiffness)) / step
    K_bottom, K_top = (float(np.asarray(K)) for K in film.surface_anisotropy)

    diagonal = np.full(cells, Ms * float(stiffness_field(film, field)) * step)
    diagonal[:-1] += coupling
    diagonal[1:] += coupling
    diagonal[0] -= 2 * K_bottom
    diagonal[-1] -= 2 * K_top
    push = np.full(cells, Ms * calibration_field * step)
    push[0] += torque_bottom * m_x
    push[-1] += torque_top * m_x
    banded = np.zeros((2, cells))
    banded[0, 1:] = -coupling
    banded[1] = diagonal
    try:
        return np.asarray(solveh_banded(banded, push), dtype=float)
    except np.linalg.LinAlgError:
        raise UnstableFilmError(_unstable(film)) from None


def _require_stable(
    film: Film, wall: FloatArray, decay: FloatArray, bottom_anisotropy: FloatArray, top_anisotropy: FloatArray
) -> None:
    """Raise unless the energy of the two face tilts, given the exchange between them, is positive definite."""
    gap = 1 - decay**2
    own = wall * (1 + decay**2)
    top, bottom = own - 2 * top_anisotropy * gap, own - 2 * bottom_anisotropy * gap
    if np.any(top <= 0) or np.any(bottom <= 0) or np.any(top * bottom <= (2 * wall * decay) ** 2):
        raise UnstableFilmError(_unstable(film))


def _unstable(film: Film) -> str:
    return (
        f"The in-plane state of {film.name!r} must be stable; received surface anisotropy (bottom, top) "
        f"{film.surface_anisotropy!r} J/m^2 at thickness {film.thickness!r} m, which turns it out of the plane. "
        "Check the surface anisotropy and the thickness."
    )
