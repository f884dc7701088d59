"""Laser-power sweep: the Kerr signal extrapolated to no light, and how much the light changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import fit_linear
from analysis.loops import CHANNELS, Channel
from analysis.optics import reflectance
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.saturated_readings import (
    IMPROBABLE,
    channels_of,
    chosen,
    field_parts,
    good_readings,
    misfit_probability,
    phase_warnings,
    polarization_warning,
    reading_errors,
)
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_MOST_INFLATED = 50.0


def power_quantities(
    channel: Channel, power: FloatArray, signal: FloatArray, std: FloatArray, noise_dof: int | None = None
) -> dict[str, Estimate]:
    """Straight line through a normalised signal against laser power.

    Parameters
    ----------
    channel
        For the names.
    power : (n,)
        Laser power on the sample (W).
    signal, std : (n,)
        Kerr signal, normalised by the detector sum, and its standard error (rad, peak).
    noise_dof
        Degrees of freedom behind `std`; None where it is known.

    Returns
    -------
    dict
        Of s (1 + h P): `zero_power_signal` s (rad), `power_slope` s h (rad/W), `laser_heating` h (1/W), and `chi2`.

    Raises
    ------
    IdentifiabilityError
        Where the powers are too much alike.
    """
    fit = fit_linear(
        np.column_stack([np.ones_like(power), power]), signal, std, ["signal", "power slope"], _MOST_INFLATED
    )
    start, slope = fit.values
    pull = np.array([-slope / start, 1.0]) / start
    found = {
        "zero_power_signal": Estimate(float(start), float(np.sqrt(fit.covariance[0, 0])), "rad", dof=noise_dof),
        "power_slope": Estimate(float(slope), float(np.sqrt(fit.covariance[1, 1])), "rad/W", dof=noise_dof),
        "laser_heating": Estimate(
            float(slope / start), float(np.sqrt(pull @ fit.covariance @ pull)), "1/W", dof=noise_dof
        ),
        "chi2": Estimate(fit.chi2, None, "1", dof=fit.dof),
    }
    return {f"{name}_{channel}": estimate for name, estimate in found.items()}


def analyze_laser_power_sweep(run: xarray.Dataset, sample: Sample) -> Finding:
    """Analyse a laser-power sweep, see `power_quantities`.

    Raises
    ------
    AnalysisError
        Where the run does not hold both fields at enough powers.

    Notes
    -----
    The power on the sample is the detected one over the reflectance of the model. Signs are those with which the
    set-up reports the channels; through the sample the part odd in the field counts, in the coil the even one.
    """
    rows = good_readings(run)
    path = run.attrs["parameters"]["path"]
    responsivity = float(run.attrs["instruments"]["sum_detector"]["settings_start"]["responsivity"][0])
    wavelength = float(run.attrs["beam"]["incident_wavelength"][0])
    per_volt = 1 / (responsivity * float(reflectance(sample.stack(), wavelength, run.attrs["light_side"])))
    keys = np.column_stack([rows["channel"], rows["polarization"], rows["field"] > 0])
    groups = np.asarray(np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1), dtype=np.int64)
    errors, noise_dof = reading_errors(rows, groups, np.column_stack([np.ones_like(rows["sum"]), rows["sum"]]))
    quantities: dict[str, Estimate] = {}
    curves: list[Curve] = []
    warnings = phase_warnings(rows, errors, path)
    for channel in channels_of(rows):
        here = rows["channel"] == CHANNELS.index(channel)
        own = chosen(rows, here)
        parts = field_parts(own, own["kerr_signal"], errors[here], "transmission_set")
        sums = [float(np.mean(own["sum"][own["transmission_set"] == value])) for value in parts.value]
        power = per_volt * np.array(sums)
        signal = parts.odd if path == "sample" else parts.even
        found = power_quantities(channel, power, signal, parts.std, noise_dof)
        quantities |= found
        if parts.opposite_polarizations(np.ones_like(power)):
            warnings.append(polarization_warning(channel))
        warnings += _doubts(channel, found, float(np.max(power)), noise_dof)
        curves.append(_curve(channel, found, power, signal, parts.std))
    return Finding("laser-power-sweep", sample.name, (file_name(run),), quantities, tuple(warnings), curves)


def _doubts(channel: Channel, found: dict[str, Estimate], largest: float, noise_dof: int) -> list[str]:
    slope, heating, chi2 = (found[f"{name}_{channel}"] for name in ("power_slope", "laser_heating", "chi2"))
    warnings = []
    if slope.p_value() < IMPROBABLE:
        warnings.append(
            f"{channel}: the light changes what it measures, by {100 * heating.value * largest:+.1f} % at "
            f"{largest * 1e3:.2g} mW. Take zero_power_signal_{channel}, or measure with less light."
        )
    if chi2.dof and misfit_probability(chi2.value, chi2.dof, noise_dof) < IMPROBABLE:
        warnings.append(
            f"{channel}: the signal is no straight line against the power (chi2 {chi2.value:.3g} for {chi2.dof:g} "
            "dof), so that zero power is a guess. Check dark offset and linearity of the detector."
        )
    return warnings


def _curve(
    channel: Channel, found: dict[str, Estimate], power: FloatArray, signal: FloatArray, std: FloatArray
) -> Curve:
    line = np.array([0.0, float(np.max(power))])
    fitted = found[f"zero_power_signal_{channel}"].value + found[f"power_slope_{channel}"].value * line
    name = "Ellipticity" if channel == "ellipticity" else "Kerr rotation"
    return Curve(
        name, "Laser power on the sample (mW)", "Signal (nrad)", power * 1e3, signal * 1e9, std * 1e9, line * 1e3,
        fitted * 1e9,
    )  # fmt: skip
