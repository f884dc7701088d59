"""What a blank shows: Faraday rotation of the substrate, pick-up, and that nothing in it looks like a torque."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.averaged_loops import SampleData, field_response
from analysis.configuration import Uncertain
from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import fit_linear
from analysis.loops import CHANNELS, Channel, Loop, kerr_loops, measured_channels
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.result import Estimate, combined
from analysis.sample import Sample
from analysis.stack import FloatArray, Side

if TYPE_CHECKING:
    import xarray

_CERTAIN = 3.0  # standard errors from zero at which the null is none
_DIFFERENT = 5.0  # standard errors between polarisations
_COVERED = 1.96  # standard deviations that hold 95 %


@dataclass(frozen=True)
class SubstrateBackground:
    """Signals of a substrate with a non-magnetic metal, patterned like the samples.

    Attributes
    ----------
    sample
        The blank.
    runs
        Names of its run files.
    side, wavelength
        Where the light came from, and its wavelength (m).
    currents
        Peak current (A) by path.
    sum
        Detector sum (V).
    even
        Part even in the field (rad, peak, as the set-up reports it) by path and channel.
    null
        Part under the sample current that is odd in the field, for m_x = +1 (rad, peak), by channel.
    warnings
        Doubts.
    curves
        Panels of its figure.
    """

    sample: Sample
    runs: tuple[str, ...]
    side: Side
    wavelength: float
    currents: Mapping[str, float]
    sum: float
    even: Mapping[tuple[str, Channel], Estimate]
    null: Mapping[Channel, Estimate]
    warnings: tuple[str, ...]
    curves: tuple[Curve, ...]

    def finding(self) -> Finding:
        """Faraday rotation (rad/T), pick-up of each path (rad) and null (rad) with their bound at 95 %."""
        rotation, ellipticity = (self.even[("coil", channel)] for channel in CHANNELS)
        coil = self.sample.coil.field_per_ampere
        field = self.currents["coil"] * coil.value
        value = (rotation.value - ellipticity.value) / field
        noise = math.hypot(_std(rotation), _std(ellipticity)) / field
        bound = max(abs(null.value) + _COVERED * _std(null) for null in self.null.values())
        quantities = {
            "faraday_rotation": combined(value, noise, [coil.std / coil.value], "rad/T"),
            "pick_up_coil": ellipticity,
            "pick_up_sample": self.even[("sample", "ellipticity")],
            **{f"null_{channel}": null for channel, null in self.null.items()},
            "null_bound": Estimate(bound, None, "rad"),
        }
        return Finding("substrate", self.sample.name, self.runs, quantities, self.warnings, self.curves)

    def finding_for(self, sample: Sample, data: SampleData, density: float) -> Finding:
        """Add to `finding` the torque in `sample` that the null would be mistaken for.

        Parameters
        ----------
        sample
            Magnetic sample that the blank stands for.
        data
            Its averaged loops: currents, and the signs of the set-up.
        density
            Current density (A/m^2) to which torques are reported.

        Returns
        -------
        Finding
            With "null_torque" (J/m^2), both channels fitted with opposite torques, and its bound at 95 %.
        """
        stack = sample.stack()
        zero = np.zeros(1)
        response = field_response(stack, zero, self.side, self.wavelength, torque_top=-1.0, torque_bottom=1.0)[0]
        signs = [data.loops[("coil", channel)].mean_sign or 1.0 for channel in CHANNELS]
        nulls = [self.null[channel] for channel in CHANNELS]
        fit = fit_linear(
            np.array([[response.real], [response.imag]]),
            np.array([sign * null.value for sign, null in zip(signs, nulls, strict=True)]),
            np.array([_std(null) for null in nulls]),
            ("null torque",),
        )
        scale = density / sample.current_density(self.currents["sample"])
        torque = Estimate(float(fit.values[0]), math.sqrt(float(fit.covariance[0, 0])), "J/m^2").scaled(scale)
        bound = Estimate(abs(torque.value) + _COVERED * _std(torque), None, "J/m^2")
        found = self.finding()
        return replace(
            found,
            sample=f"{self.sample.name} (for {sample.name})",
            quantities={**found.quantities, "null_torque": torque, "null_torque_bound": bound},
        )

    def pickups(self, runs: Sequence[xarray.Dataset]) -> dict[str, Uncertain]:
        """Constant background in the calibration of a sample, for the `uncertainties` of `fit_sample`.

        Parameters
        ----------
        runs
            Field sweeps of the sample: their coil current and detector sum count.

        Raises
        ------
        AnalysisError
            Where the light came from the other side, or has another wavelength.

        Notes
        -----
        Both parts go with the current. Faraday rotation is an angle, whatever light there is; pick-up is a voltage, so
        that its angle goes with 1/sum.
        """
        for name, own, theirs in (
            ("side of the light", self.side, {light_side(run) for run in runs}),
            ("wavelength", self.wavelength, {wavelength_of(run) for run in runs}),
        ):
            if theirs != {own}:
                raise AnalysisError(
                    f"{name.capitalize()} must be that of the blank, {own!r}; received {sorted(theirs)!r}. Measure the "
                    "blank like the sample."
                )
        coil = [run for run in runs if run.attrs["parameters"]["path"] == "coil"]
        if not coil:
            return {}
        current = float(np.mean([run["current"].mean() for run in coil])) / self.currents["coil"]
        light = self.sum / float(np.mean([run["sum"].mean() for run in coil]))
        rotation, ellipticity = (self.even[("coil", channel)] for channel in CHANNELS)
        electric = current * light * ellipticity.value
        return {
            "pickup_rotation": Uncertain(
                value=current * (rotation.value - ellipticity.value) + electric,
                std=current * math.hypot(_std(rotation), (1 - light) * _std(ellipticity)),
            ),
            "pickup_ellipticity": Uncertain(value=electric, std=current * light * _std(ellipticity)),
        }


def analyze_blank(runs: Sequence[xarray.Dataset], sample: Sample) -> SubstrateBackground:
    """Find the background that a blank shows under both currents.

    Parameters
    ----------
    runs
        Field sweeps of the blank from `load_run`: current through sample and coil, rotation and ellipticity.
    sample
        The blank.

    Raises
    ------
    AnalysisError
        Where runs are missing, or do not belong together.

    Notes
    -----
    A blank has no magnetisation: what is even in the field is a constant. Under the coil's field the substrate turns
    the polarisation, without ellipticity, and pick-up is the same voltage in both channels; so ellipticity is the
    pick-up, and rotation less ellipticity the Faraday rotation. What is odd in the field under the sample current would
    be taken for a torque.
    """
    sides, wavelengths = {light_side(run) for run in runs}, {wavelength_of(run) for run in runs}
    if len(sides) != 1 or len(wavelengths) != 1:
        raise AnalysisError(
            f"Runs of blank {sample.name!r} must share the side of the light and its wavelength; received "
            f"{sorted(sides)} and {sorted(wavelengths)}. Analyse them apart."
        )
    loops: dict[tuple[str, Channel], list[Loop]] = {}
    currents: dict[str, list[float]] = {}
    for run in runs:
        path = str(run.attrs["parameters"].get("path"))
        currents.setdefault(path, []).append(float(run["current"].mean()))
        for loop in kerr_loops(run):
            loops.setdefault((path, loop.channel), []).append(loop)
    missing = [f"{path} {name}" for path in ("coil", "sample") for name in CHANNELS if (path, name) not in loops]
    if missing:
        raise AnalysisError(
            f"Blank {sample.name!r} must have field sweeps of rotation and ellipticity under both currents; missing: "
            f"{', '.join(missing)}. Measure or add them."
        )
    uneven = [path for path, values in currents.items() if max(values) > 1.01 * min(values)]
    if uneven:
        raise AnalysisError(
            f"Runs of blank {sample.name!r} must have one current through the {uneven[0]}; received "
            f"{min(currents[uneven[0]]):.4g} to {max(currents[uneven[0]]):.4g} A. Analyse each by itself."
        )
    even = {key: _mean([(loop.polarization, loop.even) for loop in entries]) for key, entries in loops.items()}
    null = {channel: _mean([_signed(loop) for loop in loops[("sample", channel)]])[0] for channel in CHANNELS}
    warnings = [
        f"The {channel} under the current through the {path} differs by {difference * 1e9:.3g} nrad between "
        "polarisations: a plate is misplaced, so that the background cannot be taken off. Check the plates."
        for (path, channel), (_, difference, certain) in even.items()
        if certain
    ] + [
        f"The blank has {entry.value * 1e9:.3g} +- {_std(entry) * 1e9:.2g} nrad of {channel} that is odd in the field, "
        "which would be taken for a torque. Check the pick-up between magnet and lock-in."
        for channel, entry in null.items()
        if abs(entry.value) > _CERTAIN * _std(entry)
    ]
    return SubstrateBackground(
        sample=sample,
        runs=tuple(file_name(run) for run in runs),
        side=sides.pop(),
        wavelength=wavelengths.pop(),
        currents={path: float(np.mean(values)) for path, values in currents.items()},
        sum=float(np.mean([run["sum"].mean() for run in runs if run.attrs["parameters"]["path"] == "coil"])),
        even={key: entry[0] for key, entry in even.items()},
        null=null,
        warnings=tuple(warnings),
        curves=tuple(_curve(path, channel, loops, even) for path in ("coil", "sample") for channel in CHANNELS),
    )


def light_side(run: Any) -> Side:
    """Side of the film from which the light of a run came; the top where it does not say."""
    side: Side = run.attrs.get("light_side", "top")
    return side


def wavelength_of(run: xarray.Dataset) -> float:
    """Wavelength (m) of the light of a run; the usual one where it does not say."""
    return float(run.attrs.get("beam", {}).get("incident_wavelength", [DEFAULT_WAVELENGTH])[0])


def is_complete(runs: Sequence[Any]) -> bool:
    """Whether calibration and ASOT are there, each in both channels."""
    kinds = {(run.attrs["parameters"].get("path"), name) for run in runs for name in measured_channels(run)}
    return {(path, channel) for path in ("sample", "coil") for channel in CHANNELS} <= kinds


def _std(estimate: Estimate) -> float:
    assert estimate.std is not None
    return estimate.std


def _signed(loop: Loop) -> tuple[float, FloatArray]:
    """Polarisation, and the odd part turned to m_x = +1."""
    window = np.abs(loop.field) > 1e-3 * np.max(np.abs(loop.field))
    return loop.polarization, loop.odd[window] * np.sign(loop.field[window])


def _mean(parts: Sequence[tuple[float, FloatArray]]) -> tuple[Estimate, float, bool]:
    """Mean over the polarisations, with their largest difference (rad) and whether it is one."""
    by_angle: dict[float, list[FloatArray]] = {}
    for angle, values in parts:
        by_angle.setdefault(angle, []).append(values)
    groups = [np.concatenate(entries) for entries in by_angle.values()]
    means = np.array([np.mean(group) for group in groups])
    dof = sum(len(group) - 1 for group in groups)
    if dof < 2:
        raise AnalysisError("Loops of a blank must have some points each; received too few. Measure more fields.")
    scatter = math.sqrt(sum(float(np.sum((group - np.mean(group)) ** 2)) for group in groups) / dof)
    errors = np.array([scatter / math.sqrt(len(group)) for group in groups])
    std = float(np.linalg.norm(errors)) / len(groups)
    difference = float(np.ptp(means))
    certain = difference > _DIFFERENT * math.sqrt(2) * float(np.max(errors))
    return Estimate(float(np.mean(means)), std, "rad", dof=float(dof)), difference, certain


def _curve(
    path: str,
    channel: Channel,
    loops: Mapping[tuple[str, Channel], Sequence[Loop]],
    even: Mapping[tuple[str, Channel], tuple[Estimate, float, bool]],
) -> Curve:
    entries = loops[(path, channel)]
    field = np.concatenate([np.concatenate([loop.field_down, loop.field_up]) for loop in entries])
    signal = np.concatenate([np.concatenate([loop.down, loop.up]) for loop in entries])
    ends = np.array([np.min(field), np.max(field)])
    what = "calibration field" if path == "coil" else "sample current"
    return Curve(
        f"{channel}, {what}", "field (mT)", "signal (nrad peak)", field * 1e3, signal * 1e9,
        fit_x=ends * 1e3, fit_y=np.full(2, even[(path, channel)][0].value * 1e9),
    )  # fmt: skip
