"""What happens inside a film: the tilt over its height, and how much of it the light sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.micromagnetics import exchange_length, tilt_profile
from analysis.optics import depth_sensitivity, kerr_angle, reflectance
from analysis.stack import ComplexArray, FloatArray, Side

if TYPE_CHECKING:
    from analysis.sample import Sample


@dataclass(frozen=True)
class DepthProfile:
    """A film in depth.

    Attributes
    ----------
    height : (cells,)
        Of the middles of the cells above the lower face (m).
    torque_tilt, calibration_tilt : (cells,)
        m_z under opposite torques at the faces, and under the calibration field.
    kernel : (cells,)
        Complex Kerr angle (rad) per unit m_z of each cell.
    thickness, exchange_length
        (m)
    reflectance
        Of the stack, 0 to 1.
    torque_angle, calibration_angle
        Complex Kerr angles (rad) of both tilts.
    side
        From which the light comes.
    """

    height: FloatArray
    torque_tilt: FloatArray
    calibration_tilt: FloatArray
    kernel: ComplexArray
    thickness: float
    exchange_length: float
    reflectance: float
    torque_angle: complex
    calibration_angle: complex
    side: Side

    @property
    def kernel_density(self) -> ComplexArray:
        """Kernel per height (cells,) (rad/m): it does not depend on the number of cells."""
        return self.kernel * (len(self.kernel) / self.thickness)


def depth_profile(
    sample: Sample,
    *,
    field: float = 0.0,
    torque: float = 0.0,
    calibration_field: float = 0.0,
    wavelength: float,
    side: Side = "top",
    cells: int = 200,
) -> DepthProfile:
    """Look into the film of a sample.

    Parameters
    ----------
    sample
        The sample, with one film.
    field
        In-plane field (T), either sign.
    torque
        At the lower face (J/m^2) for m_x = 1; the opposite one acts at the upper face.
    calibration_field
        Out-of-plane field (T).
    wavelength, side
        Of the light in vacuum (m), and where it comes from.
    cells
        Points of the curves, at least 1.

    Returns
    -------
    DepthProfile

    Raises
    ------
    UnstableFilmError
        Where the magnetisation does not lie in the plane.
    InputError
        For arguments that are not finite, or a wavelength at which a material is not known.
    """
    stack = sample.stack()
    film = stack.single_film
    thickness = float(np.asarray(film.thickness))
    torque_tilt = tilt_profile(film, cells, field, torque_top=-torque, torque_bottom=torque)
    calibration_tilt = tilt_profile(film, cells, field, calibration_field=calibration_field)
    return DepthProfile(
        height=(np.arange(cells) + 0.5) * thickness / cells,
        torque_tilt=torque_tilt,
        calibration_tilt=calibration_tilt,
        kernel=depth_sensitivity(stack, cells, wavelength, side),
        thickness=thickness,
        exchange_length=float(exchange_length(film, field)),
        reflectance=float(reflectance(stack, wavelength, side)),
        torque_angle=complex(kerr_angle(stack, torque_tilt, wavelength, side)),
        calibration_angle=complex(kerr_angle(stack, calibration_tilt, wavelength, side)),
        side=side,
    )
