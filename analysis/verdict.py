"""One sentence on a torque: whether to believe it, and what limits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.micromagnetics import exchange_length
from analysis.result import TorqueResult
from analysis.typography import estimate_text, name_text, quantity_text

if TYPE_CHECKING:
    from analysis.sample_analysis import SampleAnalysis
    from analysis.thickness_series import SeriesAnalysis

_IMPROBABLE = 1e-3  # probability below which a chi2 is told, as in `analysis.run_analysis`
_CERTAIN = 3.0  # standard uncertainties by which a torque must differ from zero


def sample_verdict(entry: SampleAnalysis) -> str:
    """Say what the result of a sample is worth."""
    result = entry.result
    imaginary = result.checks["imaginary_torque"]
    probability = imaginary.p_value()
    length = float(exchange_length(entry.sample.stack().single_film))
    if entry.sample.film.thickness.value < length:
        return (
            f"The film is thinner than its exchange length of {quantity_text(length, 'm', 2)}: it shows the sum of "
            "both torques, and the opposite torques stated here are hardly determined."
        )
    if probability < _IMPROBABLE:
        return (
            "Do not trust the torque: rotation and ellipticity do not agree with opposite torques of equal size "
            f"(probability {probability:.1g})."
        )
    return f"{_size(result)}; rotation and ellipticity agree (probability {probability:.2g}). {_limits(result)}".strip()


def series_verdict(series: SeriesAnalysis) -> str:
    """Say what the joint result of a thickness series is worth."""
    result = series.result
    films = f"{len(series.entries)} films at the same {series.held}"
    if series.warnings:
        return f"{_size(result)}, but one pair of torques does not describe all {films} well: see the warnings."
    return f"{_size(result)}; one pair of torques describes {films} (χ² {result.chi2:.3g} for {result.dof} dof)."


def _size(result: TorqueResult) -> str:
    torque = result.torque_bottom
    if torque.std is None or abs(torque.value) >= _CERTAIN * torque.std:
        density = quantity_text(result.current_density.value, "A/m^2")
        return f"Opposite surface torques, {estimate_text(torque)} at the bottom, at {density}"
    low, high = torque.interval()
    bound = quantity_text(max(abs(low), abs(high)), "J/m^2", 2)
    return f"No torque is seen: with 95 % confidence it is smaller than {bound}"


def _limits(result: TorqueResult) -> str:
    torque = result.torque_bottom
    if torque.std is None or not torque.value or not result.systematics:
        return ""
    largest = max(result.systematics, key=lambda entry: abs(entry.effects["torque"]))
    noise = "" if torque.noise_std is None else f", noise for {100 * abs(torque.noise_std / torque.value):.2g} %"
    return (
        f"Of the uncertainty of {100 * abs(torque.std / torque.value):.2g} %, {name_text(largest.name)} accounts for "
        f"{100 * abs(largest.effects['torque']):.2g} %{noise}."
    )
