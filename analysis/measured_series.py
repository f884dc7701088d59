"""Imported thickness series: Kerr angles that another program found, film by film, fitted with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.sample import Sample, series_of_thickness
from analysis.series_fit import fit_thickness_series
from analysis.stack import FloatArray
from analysis.thickness_series import series_response

if TYPE_CHECKING:
    import xarray

MEASURED_SERIES_PROCEDURE = "measured-series"
"""Procedure of runs that hold a thickness series."""

_COLUMNS = ("thickness", "kerr_rotation", "kerr_ellipticity")
_POORLY_DESCRIBED = 0.25  # residual over signal


def analyze_measured_series(run: xarray.Dataset, sample: Sample) -> Finding:
    """Fit one pair of opposite surface torques to a series.

    Parameters
    ----------
    run
        From `load_run`, with the columns thickness (m), kerr_rotation and kerr_ellipticity (rad, peak; the part odd in
        the field), and the parameters current_density (A/m^2) and polarity (1 or -1).
    sample
        The films, but for their thickness.

    Raises
    ------
    AnalysisError
        Where columns or the current density are missing.
    IdentifiabilityError
        Where the series does not determine the torque.
    """
    from analysis.substrate_background import light_side, wavelength_of

    density, polarity = (run.attrs["parameters"].get(name) for name in ("current_density", "polarity"))
    missing = [name for name in _COLUMNS if name not in run] + ([] if density else ["current_density"])
    if missing:
        raise AnalysisError(
            f"A thickness series must have {', '.join(_COLUMNS)} and a current_density; missing: {', '.join(missing)}. "
            "Name them in the description and import it again."
        )
    thickness, rotation, ellipticity = (run[name].to_numpy() for name in _COLUMNS)
    good = np.isfinite(thickness) & np.isfinite(rotation) & np.isfinite(ellipticity)
    thickness, angles = thickness[good], (rotation + 1j * ellipticity)[good]
    if len(thickness) < 2 or np.any(thickness <= 0):
        raise AnalysisError("A thickness series must have two films or more, thicker than 0. Mend the file.")
    side, wavelength = light_side(run), wavelength_of(run)
    result = fit_thickness_series(
        series_of_thickness(sample, thickness), angles, current_density=density, polarity=polarity, side=side,
        wavelength=wavelength,
    )  # fmt: skip
    quantities = {
        "torque_bottom": result.torque_bottom,
        "torque_top": result.torque_top,
        "efficiency": result.efficiency,
        "current_density": result.current_density,
    }
    if result.torque_conductivity is not None:
        quantities["torque_conductivity"] = result.torque_conductivity
    poor = thickness[np.abs(result.residuals) > _POORLY_DESCRIBED * np.abs(angles)]
    doubt = f"Films of {', '.join(f'{1e9 * d:g}' for d in poor)} nm are not well described by the model."
    fine = np.linspace(np.min(thickness), np.max(thickness), 100)
    line = polarity * series_response(series_of_thickness(sample, fine), result, wavelength)
    return Finding(
        MEASURED_SERIES_PROCEDURE, sample.name, (file_name(run),), quantities, (doubt,) if len(poor) else (),
        curves=(_curve("Kerr rotation", thickness, angles.real, fine, line.real),
                _curve("Kerr ellipticity", thickness, angles.imag, fine, line.imag)),
    )  # fmt: skip


def _curve(title: str, thickness: FloatArray, angle: FloatArray, fine: FloatArray, line: FloatArray) -> Curve:
    return Curve(title, "thickness (nm)", "angle (nrad)", 1e9 * thickness, 1e9 * angle, None, 1e9 * fine, 1e9 * line)
