"""Jones calculus of the detection: from a Kerr angle to the balanced detector's ratio."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.complex128]


def retarder(fast_axis: float, retardance: float) -> Matrix:
    """Jones matrix (2, 2) of a wave plate with its fast axis at `fast_axis` (rad); the slow axis lags (exp(-i w t))."""
    c, s = math.cos(fast_axis), math.sin(fast_axis)
    turn = np.array([[c, s], [-s, c]], dtype=complex)
    matrix: Matrix = turn.T @ np.diag([1.0, np.exp(1j * retardance)]) @ turn
    return matrix


@lru_cache(maxsize=64)
def balanced_response(polarization: float, analyser_plate: float, quarter_wave: float | None) -> tuple[float, complex]:
    """Response of (I_A - I_B)/(I_A + I_B) behind a Wollaston prism to the light from the sample.

    Parameters
    ----------
    polarization
        Incident polarisation alpha (rad).
    analyser_plate
        Axis of the analysing half-wave plate (rad); balance at alpha/2 + 22.5 degrees.
    quarter_wave
        Fast axis of the quarter-wave plate (rad), None where it is out of the beam.

    Returns
    -------
    balance
        The ratio without any Kerr angle.
    response
        Complex c: a small Kerr angle Theta adds Re(c Theta) to the ratio. 2 reads the rotation,
        2i reads -2 ellipticity.
    """
    incident = np.array([math.cos(polarization), math.sin(polarization)], dtype=complex)
    rotated = np.array([-math.sin(polarization), math.cos(polarization)], dtype=complex)
    train = retarder(analyser_plate, math.pi)
    if quarter_wave is not None:
        train = train @ retarder(quarter_wave, math.pi / 2)
    unperturbed, perturbation = train @ incident, train @ rotated
    split = np.array([1.0, -1.0])
    balance = float(np.real(np.vdot(unperturbed, split * unperturbed)))
    response = complex(2 * np.vdot(unperturbed, split * perturbation))
    return balance, response
