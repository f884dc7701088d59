"""Laser spot on the patterned square: how much of it lies on the film, and the Oersted field where it lies."""

from __future__ import annotations

import math
from functools import lru_cache

from analysis.oersted import strip_profile

_INSIDE = 0.499  # of the width: the field of a thin strip diverges at its very edge


@lru_cache(maxsize=64)
def covered_fraction(x: float, y: float, width: float, diameter: float) -> float:
    """Part of a Gaussian spot at (x, y) (m) that lies on a centred square.

    Parameters
    ----------
    x, y
        Centre of the spot from the centre of the square (m).
    width
        Of the square (m).
    diameter
        Of the spot at 1/e^2 of its intensity (m); 0 takes an endless square.

    Notes
    -----
    The square convolved with the spot: in each direction half the difference of two error functions.
    """
    if diameter == 0:
        return 1.0
    scale = 2 * math.sqrt(2) / diameter

    def along(place: float) -> float:
        return 0.5 * (math.erf(scale * (width / 2 - place)) + math.erf(scale * (width / 2 + place)))

    return along(x) * along(y)


def oersted_field(y: float, gradient: float, width: float, current: float) -> float:
    """Out-of-plane field (T) of a `current` (A) along a thin strip, at `y` (m) from its middle.

    Parameters
    ----------
    y
        Place across the strip (m).
    gradient
        Slope in the middle (T/(m A)); 2 mu0 / (pi width^2) for an infinite strip.
    width
        Of the strip (m).
    current
        Current (A).

    Notes
    -----
    b_z = gradient I (w/4) ln[(w/2 + y)/(w/2 - y)], with the gradient of an infinite strip its exact field.
    """
    place = max(-_INSIDE * width, min(_INSIDE * width, y))
    return gradient * current * float(strip_profile(place, width))
