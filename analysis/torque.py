"""Figures of merit of a surface torque: spin-torque efficiency and torque conductivity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.constants import ELEMENTARY_CHARGE, REDUCED_PLANCK_CONSTANT
from analysis.stack import FloatArray, require

_PER_TORQUE = 2 * ELEMENTARY_CHARGE / REDUCED_PLANCK_CONSTANT  # 2 e / hbar


def spin_torque_efficiency(torque: npt.ArrayLike, current_density: npt.ArrayLike) -> FloatArray:
    """Spin-torque efficiency xi = 2 e tau_B / (hbar j).

    Parameters
    ----------
    torque : (...)
        Torque per area at the bottom face (J/m^2).
    current_density : (...)
        Current density (A/m^2), not 0.

    Returns
    -------
    (...)
        Dimensionless; the spin Hall angle's counterpart (Wang et al. 2019).
    """
    require(
        "current_density", current_density, "finite and not 0 A/m^2", np.asarray(current_density) != 0, "Give I/(w d)."
    )
    return np.asarray(_PER_TORQUE * np.asarray(torque, dtype=float) / np.asarray(current_density, dtype=float))


def torque_conductivity(torque: npt.ArrayLike, electric_field: npt.ArrayLike) -> FloatArray:
    """Torque conductivity sigma = (2 e / hbar) tau_B / E.

    Parameters
    ----------
    torque : (...)
        Torque per area at the bottom face (J/m^2).
    electric_field : (...)
        Electric field along the current (V/m), not 0.

    Returns
    -------
    (...)
        S/m in units of hbar/2e.
    """
    require(
        "electric_field",
        electric_field,
        "finite and not 0 V/m",
        np.asarray(electric_field) != 0,
        "Give j / conductivity.",
    )
    return np.asarray(_PER_TORQUE * np.asarray(torque, dtype=float) / np.asarray(electric_field, dtype=float))
