"""Control samples: thin films under different caps, in which only the sum of both surface torques shows (Fig. 3e)."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.averaged_loops import field_response
from analysis.finding import Curve, Finding
from analysis.micromagnetics import exchange_length
from analysis.result import Estimate, combined
from analysis.sample_analysis import SampleAnalysis
from analysis.torque import torque_conductivity

_SURFACES: Any = {"name", "description", "limits", "above", "below", "geometry"}
_THICK = 3.0  # exchange lengths above which a film shows the torque of one surface


def control_groups(entries: Sequence[SampleAnalysis]) -> list[list[SampleAnalysis]]:
    """Groups of `entries` with the same film, thinner than its exchange length, between different layers."""
    groups: dict[str, list[SampleAnalysis]] = {}
    for entry in entries:
        film = entry.sample.stack().single_film
        if entry.sample.film.thickness.value < float(exchange_length(film)):
            key = json.dumps(
                [entry.sample.model_dump(exclude=_SURFACES), entry.wavelength], sort_keys=True, default=str
            )
            groups.setdefault(key, []).append(entry)
    return [group for group in groups.values() if len({repr(entry.sample.stack()) for entry in group}) > 1]


def bottom_conductivity(entries: Sequence[SampleAnalysis], material: str) -> tuple[str, Estimate] | None:
    """Name and torque conductivity (S/m) of the thickest film of `material`, where it is thick enough to show one."""
    found = [
        (entry.sample.film.thickness.value, entry.sample.name, entry.result.torque_conductivity)
        for entry in entries
        if entry.sample.film.material == material
        and entry.sample.film.thickness.value > _THICK * float(exchange_length(entry.sample.stack().single_film))
    ]
    if not found:
        return None
    _, name, conductivity = max(found, key=lambda one: one[0])
    return None if conductivity is None else (name, conductivity)


def analyze_control_samples(
    entries: Sequence[SampleAnalysis], reference: tuple[str, Estimate] | None = None
) -> Finding:
    """Find the sum of both surface torques of each sample.

    Parameters
    ----------
    entries
        Results of the single samples, as `control_groups` groups them.
    reference
        Name and bottom-surface torque conductivity (S/m) of a thick film of the same material to compare with.

    Returns
    -------
    Finding
        For each sample NAME: total_torque_NAME (J/m^2) at the current of its runs, total_conductivity_NAME (S/m) =
        (2 e / hbar) total torque / E, and with a reference share_NAME, their ratio in percent.

    Notes
    -----
    Theta_ASOT / Theta_cal = [(tau_T + tau_B) R_sum + (tau_B - tau_T) / 2 R_opposite] / (b_cal R_cal) with the model's
    responses. R_cal / R_sum is real, Ms d without surface anisotropy and 3 % less for 4 nm Py with it: effective field
    and optics cancel. R_opposite is complex and some 0.2 % of R_sum: the imaginary part of the ratio takes it off.
    """
    names = [entry.sample.name for entry in entries]
    quantities: dict[str, Estimate] = {}
    plotted = []
    for entry, name in zip(entries, names, strict=True):
        total = _total_torque(entry)
        assert total.std is not None
        per_field = float(torque_conductivity(1.0, entry.electric_field))
        sigma = entry.sample.film.conductivity
        std = math.hypot(total.std, total.value * sigma.std / sigma.value)
        conductivity = Estimate(per_field * total.value, per_field * std, "S/m")
        quantities[f"total_torque_{name}"] = total
        quantities[f"total_conductivity_{name}"] = conductivity
        plotted.append(conductivity)
    title, label, unit = "Total torque conductivity", "Total torque conductivity (kS/m)", 1e-3
    if reference is not None:
        film, bottom = reference
        assert bottom.std is not None
        quantities[f"bottom_conductivity_{film}"] = bottom
        plotted = [_share(total, bottom) for total in plotted]
        quantities |= {f"share_{name}": share for name, share in zip(names, plotted, strict=True)}
        title, label, unit = f"Total torque over bottom torque, {film}", "Total over bottom torque (%)", 1.0
    numbers = np.arange(1.0, len(names) + 1)
    listed = ", ".join(f"{number:.0f}\N{NO-BREAK SPACE}{name}" for number, name in zip(numbers, names, strict=True))
    values = np.array([estimate.value for estimate in plotted]) * unit
    stds = np.array([estimate.std for estimate in plotted], dtype=float) * unit
    curve = Curve(title, "\n".join(textwrap.wrap(f"Sample: {listed}", 36)), label, numbers, values, stds)
    runs = tuple(run for entry in entries for run in entry.runs)
    return Finding("control-samples", ", ".join(names), runs, quantities, (), (curve,))


def _total_torque(entry: SampleAnalysis) -> Estimate:
    """Sum of both torques (J/m^2)."""
    ratio, covariance = entry.angles(torques=(1.0, 1.0)).ratio()
    stack, film = entry.sample.stack(), entry.sample.film

    def response(**push: float) -> complex:
        return complex(field_response(stack, np.zeros(1), "top", entry.wavelength, **push)[0])

    calibration = response(calibration_field=entry.calibration_field)
    sums = response(torque_top=0.5, torque_bottom=0.5) / calibration
    opposite = response(torque_top=-1.0, torque_bottom=1.0) / calibration
    row = np.linalg.inv(np.array([[sums.real, opposite.real], [sums.imag, opposite.imag]]))[0]
    inputs = (film.saturation_induction, film.thickness, entry.sample.coil.field_per_ampere)
    relative = [one.std / one.value for one in inputs]
    value, std = float(row @ [ratio.real, ratio.imag]), math.sqrt(float(row @ covariance @ row))
    return combined(value, std, relative, "J/m^2")


def _share(total: Estimate, bottom: Estimate) -> Estimate:
    """Ratio in percent; the inputs that both rest on are taken as independent, which is on the safe side."""
    assert total.std is not None and bottom.std is not None
    share = 100 * total.value / bottom.value
    return Estimate(share, 100 * math.hypot(total.std, share / 100 * bottom.std) / abs(bottom.value), "%")
