"""In-plane direction of the film's magnetisation: a Stoner-Wohlfarth macrospin with a memory."""

from __future__ import annotations

import math


class Macrospin:
    """Magnetisation at angle phi to the current, in the energy -B cos(phi - psi) - (Bk/2) cos^2(phi - easy_axis).

    Parameters
    ----------
    anisotropy_field
        Uniaxial in-plane anisotropy field Bk (T), above 0; close to the coercive field for an easy axis near x.
    easy_axis
        Angle of the easy axis to the current (rad).
    """

    def __init__(self, anisotropy_field: float, easy_axis: float) -> None:
        self.anisotropy_field = anisotropy_field
        self.easy_axis = easy_axis
        self.angle = easy_axis

    def follow(self, field: float, direction: float = 0.0) -> float:
        """Relax into the minimum that the present state leads to in `field` (T) at psi = `direction`; return phi."""
        phi, easy, anisotropy = self.angle, self.easy_axis, self.anisotropy_field
        scale = abs(field) + anisotropy
        for _ in range(200):
            slope = field * math.sin(phi - direction) + anisotropy / 2 * math.sin(2 * (phi - easy))
            curvature = field * math.cos(phi - direction) + anisotropy * math.cos(2 * (phi - easy))
            # Downhill always: Newton inside a valley, a bounded slide where the energy curves the wrong way.
            step = -slope / curvature if curvature > 0.05 * scale else -math.copysign(0.1, slope)
            step = max(-0.3, min(0.3, step))
            phi += step
            if abs(step) < 1e-12:
                break
        self.angle = phi
        return phi
