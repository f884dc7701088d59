"""In-plane direction of a film's magnetisation: a Stoner-Wohlfarth macrospin with a memory."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from analysis.stack import FloatArray, require


class Macrospin:
    """Magnetisation at angle phi to the current, in the energy -B cos(phi - psi) - (Bk/2) cos^2(phi - easy_axis).

    The field B lies at the angle psi to the current. Below the switching field there are two minima, one for either
    sense of the easy axis; the spin stays in its own until the field reaches the switching field against it.

    Parameters
    ----------
    anisotropy_field
        Uniaxial in-plane anisotropy field Bk (T), above 0.
    easy_axis
        Angle of the easy axis to the current (rad). The spin starts along it.
    coercive_field
        Field (T), above 0, at which domains reverse the magnetisation where that is before it turns as a whole;
        None for coherent reversal alone.

    Attributes
    ----------
    angle : float
        phi (rad) in the last field.
    switching_field : float
        |B| (T) at which the magnetisation reverses, in the direction of the last field; at first along the current.

    Notes
    -----
    Switching field of the astroid: Bk / (|cos easy_axis|^(2/3) + |sin easy_axis|^(2/3))^(3/2); E. C. Stoner and
    E. P. Wohlfarth, Phil. Trans. R. Soc. A 240, 599 (1948).
    """

    def __init__(self, anisotropy_field: float, easy_axis: float = 0.0, coercive_field: float | None = None) -> None:
        for name, value in (("anisotropy_field", anisotropy_field), ("coercive_field", coercive_field)):
            if value is not None:
                require(name, value, "finite and above 0 T", value > 0, "Give e.g. 0.3e-3 for 0.3 mT.")
        require("easy_axis", easy_axis, "finite (rad)", True, "Give its angle to the current.")
        self.anisotropy_field = anisotropy_field
        self.easy_axis, self.coercive_field = easy_axis, coercive_field
        self._valley = 1.0  # the minimum on the side of the easy axis as given; -1 for the one on the opposite side
        self._turn_field(0.0)
        self.angle = easy_axis

    def _turn_field(self, direction: float) -> None:
        # Easy axis as seen by a spin in the half on the field's side, mirrored to 0 ... pi/2: what is left are signs.
        seen = self.easy_axis - direction
        axis = math.atan(math.tan(seen))
        self._axis, self._mirror = abs(axis), math.copysign(1.0, axis)
        self._side = 1.0 if math.cos(seen) >= 0 else -1.0
        cosine, sine = math.cos(self._axis) ** (2 / 3), math.sin(self._axis) ** (2 / 3)
        coherent = self.anisotropy_field * (cosine + sine) ** -1.5
        self.switching_field = coherent if self.coercive_field is None else min(coherent, self.coercive_field)
        self._direction = direction

    def follow(self, field: float, direction: float = 0.0) -> float:
        """Relax into the minimum that the present state leads to; return phi (rad).

        Parameters
        ----------
        field
            T, either sign.
        direction
            Angle psi (rad) of a positive field to the current.
        """
        if direction != self._direction:
            self._turn_field(direction)
        if abs(field) >= self.switching_field:
            self._valley = self._side * math.copysign(1.0, field)
        # Turned by pi, the other sense is the first one in the opposite field.
        sense = self._side * self._valley
        phi = direction + self._mirror * self._minimum(sense * field / self.anisotropy_field)
        self.angle = phi if sense > 0 else phi + math.pi
        return self.angle

    def _minimum(self, reduced_field: float) -> float:
        """Angle to the direction psi of the minimum on its side, for a field B/Bk along (+) or against (-) it."""
        axis, h = self._axis, reduced_field
        low, high = (0.0, axis) if h >= 0 else (axis, axis + math.atan(math.tan(axis) ** (1 / 3)))
        phi = math.atan2(math.sin(axis), math.cos(axis) + h)
        for _ in range(100):
            if not low <= phi <= high:
                phi = (low + high) / 2
            slope = h * math.sin(phi) + 0.5 * math.sin(2 * (phi - axis))
            curvature = h * math.cos(phi) + math.cos(2 * (phi - axis))
            low, high = (phi, high) if slope < 0 else (low, phi)
            step = slope / curvature if curvature > 0 else math.inf
            if abs(step) < 1e-15 or high - low < 1e-15:
                break
            phi -= step
        return phi


def magnetization_loop(
    fields: npt.ArrayLike, anisotropy_field: float, easy_axis: float = 0.0, coercive_field: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """Magnetisation along and across the current while the field steps through `fields`, with its history.

    Parameters
    ----------
    fields : (n,)
        In-plane field mu0 Hext along the current (T), in the order in which it was applied. The first one is
        reached from saturation in its own direction.
    anisotropy_field, easy_axis, coercive_field
        As in `Macrospin`.

    Returns
    -------
    m_x, m_y : (n,)
        Unit magnetisation, -1 to 1.
    """
    steps = np.asarray(fields, dtype=float)
    require("fields", steps, "a list of finite fields (T)", steps.ndim == 1, "Give them in the order applied.")
    spin = Macrospin(anisotropy_field, easy_axis, coercive_field)
    if steps.size:
        spin.follow(math.copysign(2 * spin.switching_field, steps[0]))
    angles = np.array([spin.follow(field) for field in steps.tolist()], dtype=float)
    return np.cos(angles), np.sin(angles)
