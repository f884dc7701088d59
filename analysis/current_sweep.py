"""Current sweep: the torque per current, and how far heat bends the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import LinearFit, fit_linear
from analysis.loops import CHANNELS, Channel
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.saturated_readings import (
    IMPROBABLE,
    FieldParts,
    Rows,
    channels_of,
    chosen,
    field_parts,
    good_readings,
    misfit_probability,
    phase_warnings,
    polarization_warning,
    reading_errors,
    volts_to_angle,
)
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

_MOST_INFLATED = 50.0  # standard error of the slope at zero current by the cubic term


def current_quantities(
    channel: Channel, current: FloatArray, signal: FloatArray, std: FloatArray, noise_dof: int | None = None
) -> dict[str, Estimate]:
    """Straight line and cubic through a signal against current.

    Parameters
    ----------
    channel
        For the names.
    current : (n,)
        (A, peak)
    signal, std : (n,)
        Part of the Kerr signal that the torque makes, and its standard error (rad, peak).
    noise_dof
        Degrees of freedom behind `std`; None where it is known.

    Returns
    -------
    dict
        `slope` of a I (rad/A) with the `chi2` of that line; of a I + b I^3 the `initial_slope` a (rad/A), free of
        heat, and the `cubic_fraction` b Imax^2 / a, by which the efficiency seems to change up to the largest current.

    Raises
    ------
    IdentifiabilityError
        Where the currents are too much alike.
    """
    line = _line(current, signal, std)
    largest = float(np.max(current))
    cubic = fit_linear(
        np.column_stack([current, current * (current / largest) ** 2]), signal, std, ["slope", "cubic"], _MOST_INFLATED
    )
    first, third = cubic.values
    pull = np.array([-third / first, 1.0]) / first  # of b/a by a and b
    fraction_std = float(np.sqrt(pull @ cubic.covariance @ pull))
    found = {
        "slope": Estimate(float(line.values[0]), float(np.sqrt(line.covariance[0, 0])), "rad/A", dof=noise_dof),
        "chi2": Estimate(line.chi2, None, "1", dof=line.dof),
        "initial_slope": Estimate(float(first), float(np.sqrt(cubic.covariance[0, 0])), "rad/A", dof=noise_dof),
        "cubic_fraction": Estimate(float(third / first), fraction_std, "1", dof=noise_dof),
    }
    return {f"{name}_{channel}": estimate for name, estimate in found.items()}


def _line(current: FloatArray, signal: FloatArray, std: FloatArray) -> LinearFit:
    return fit_linear(current[:, np.newaxis], signal, std, ["slope"])


def second_harmonic_quantities(
    channel: Channel,
    current: FloatArray,
    even: FloatArray,
    odd: FloatArray,
    std: FloatArray,
    noise_dof: int | None = None,
) -> dict[str, Estimate]:
    """Coefficient of I^2 (rad/A^2) of the second harmonic in phase with the heat, -cos 2wt for a current sin wt.

    The even part does not turn with the magnetisation; the odd part does. Arguments as in `current_quantities`.
    """
    found = {}
    for name, signal in (("second_harmonic", even), ("second_harmonic_odd", odd)):
        fit = fit_linear(current[:, np.newaxis] ** 2, signal, std, [name])
        std_of = float(np.sqrt(fit.covariance[0, 0]))
        found[f"{name}_{channel}"] = Estimate(float(fit.values[0]), std_of, "rad/A^2", dof=noise_dof)
    return found


def analyze_current_sweep(run: xarray.Dataset, sample: Sample) -> Finding:
    """Analyse a current sweep, see `current_quantities` and `second_harmonic_quantities`.

    Raises
    ------
    AnalysisError
        Where the run does not hold both fields at enough currents.

    Notes
    -----
    Signs are those with which the set-up reports the channels. Through the sample the part odd in the field counts,
    [S(+H) - S(-H)]/2; in the coil the even part, [S(+H) + S(-H)]/2.
    """
    rows = good_readings(run)
    path = run.attrs["parameters"]["path"]
    first = chosen(rows, rows["harmonic"] == 1)
    straight = np.column_stack([np.ones_like(first["current"]), first["current"]])
    errors, noise_dof = reading_errors(first, _loops(first), straight)
    quantities: dict[str, Estimate] = {}
    curves: list[Curve] = []
    warnings = phase_warnings(first, errors, path)
    for channel in channels_of(first):
        here = first["channel"] == CHANNELS.index(channel)
        own = chosen(first, here)
        parts = field_parts(own, own["kerr_signal"], errors[here], "current_set")
        signal = parts.odd if path == "sample" else parts.even
        found = current_quantities(channel, parts.value, signal, parts.std, noise_dof)
        quantities |= found
        warnings += _doubts(channel, found, parts, noise_dof)
        curves += _curves(channel, found, parts.value, signal, parts.std)
        second = _second_harmonic(rows, channel, float(np.mean(errors[here] * np.sqrt(own["readings"]))))
        if second is not None:
            heat = second_harmonic_quantities(
                channel, second.value, second.even, second.odd, second.std, noise_dof
            )  # fmt: skip
            quantities |= heat
            warnings += _heat_doubts(channel, heat, float(np.max(second.value)))
            curves.append(_second_curve(channel, heat, second))
    return Finding("current-sweep", sample.name, (file_name(run),), quantities, tuple(warnings), curves)


def _loops(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Number of channel, polarisation and sign of the field of each row: there Y is a straight line."""
    keys = np.column_stack([rows["channel"], rows["polarization"], rows["field"] > 0])
    return np.asarray(np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _second_harmonic(rows: Rows, channel: Channel, single_error: float) -> FieldParts | None:
    """Second harmonic in phase with the heat, from points of its own or beside the first; None where not read."""
    own = chosen(rows, (rows["channel"] == CHANNELS.index(channel)) & (rows["harmonic"] == 2))
    volts = own["y"]
    if not len(volts):
        own = chosen(rows, (rows["channel"] == CHANNELS.index(channel)) & np.isfinite(rows["second_y"]))
        volts = own["second_y"]
    if not len(volts):
        return None
    return field_parts(
        own, -volts * volts_to_angle(own), single_error / np.sqrt(np.maximum(own["readings"], 1)), "current_set"
    )


def _doubts(channel: Channel, found: dict[str, Estimate], parts: FieldParts, noise_dof: int) -> list[str]:
    warnings = []
    if parts.opposite_polarizations(parts.value):
        warnings.append(polarization_warning(channel))
    cubic, chi2 = found[f"cubic_fraction_{channel}"], found[f"chi2_{channel}"]
    largest = f"{np.max(parts.value) * 1e3:g} mA"
    if cubic.p_value() < IMPROBABLE:
        warnings.append(
            f"{channel}: the signal is not proportional to the current, its cubic term makes {100 * cubic.value:+.1f} "
            f"% at {largest}, as heat does, and the efficiency seems to change by as much. Take "
            f"initial_slope_{channel}, measure at a smaller current, or cool the sample."
        )
    elif chi2.dof and misfit_probability(chi2.value, chi2.dof, noise_dof) < IMPROBABLE:
        warnings.append(
            f"{channel}: the signal is not proportional to the current (chi2 {chi2.value:.3g} for {chi2.dof:g} dof). "
            "Look at the curve: drift, contact or overload."
        )
    return warnings


def _heat_doubts(channel: Channel, heat: dict[str, Estimate], largest: float) -> list[str]:
    return [
        f"{name}: there is heat at the second harmonic, {estimate.value * largest**2 * 1e9:.3g} nrad at "
        f"{largest * 1e3:g} mA. It reaches the first harmonic through an offset of the current or its cube: compare "
        f"with cubic_fraction_{channel}, and null the offset."
        for name, estimate in heat.items()
        if estimate.p_value() < IMPROBABLE
    ]


def _curves(
    channel: Channel, found: dict[str, Estimate], current: FloatArray, signal: FloatArray, std: FloatArray
) -> list[Curve]:
    line = np.linspace(0, float(np.max(current)), 61)
    bent = found[f"initial_slope_{channel}"].value * (
        1 + found[f"cubic_fraction_{channel}"].value * (line / line[-1]) ** 2
    )
    flat = np.full_like(line, found[f"slope_{channel}"].value)
    name = channel.capitalize() if channel == "ellipticity" else "Kerr rotation"
    return [
        Curve(
            name, "Current, peak (mA)", "Signal (nrad)", current * 1e3, signal * 1e9, std * 1e9, line * 1e3,
            flat * line * 1e9,
        ),
        Curve(
            "Per current, line: with cubic term", "Current, peak (mA)", "Signal per current (nrad/mA)", current * 1e3,
            signal / current * 1e6, std / current * 1e6, line * 1e3, bent * 1e6,
        ),
    ]  # fmt: skip


def _second_curve(channel: Channel, heat: dict[str, Estimate], parts: FieldParts) -> Curve:
    line = np.linspace(0, float(np.max(parts.value)), 61)
    fitted = heat[f"second_harmonic_{channel}"].value * line**2
    return Curve(
        f"Second harmonic, {channel}", "Current, peak (mA)", "Signal (nrad)", parts.value * 1e3, parts.even * 1e9,
        parts.std * 1e9, line * 1e3, fitted * 1e9,
    )  # fmt: skip
