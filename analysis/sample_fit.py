"""From the runs of one sample to its surface torque: signs, parity, complex ratio to the calibration, budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.averaged_loops import FieldWindow, SampleData, field_response, field_window, sample_data
from analysis.errors import InputError
from analysis.loop_model import LoopModel
from analysis.loop_responses import LoopResponses
from analysis.loops import CHANNELS, Channel
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.result import TorqueResult
from analysis.stack import FloatArray, Side, Stack
from analysis.systematics import budget, changed
from analysis.torque_fit import (
    PICKUPS,
    Nuisance,
    TorqueModel,
    product_matrices,
    torque_result,
)

if TYPE_CHECKING:
    import xarray

    from analysis.configuration import Uncertain


def fit_sample(
    runs: Sequence[xarray.Dataset],
    stack: Stack,
    *,
    calibration_runs: Sequence[xarray.Dataset] | None = None,
    calibration_angle: complex | None = None,
    calibration_field: float | None = None,
    width: float | None = None,
    coercive_field: float = 0.3e-3,
    current_density: float | None = None,
    torque: TorqueModel = "antisymmetric",
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
    nuisances: Sequence[Nuisance] = (),
    uncertainties: Mapping[str, Uncertain] | None = None,
    fields: FieldWindow | None = None,
) -> TorqueResult:
    """Find the surface torque of one sample from its field loops.

    Parameters
    ----------
    runs
        From `load_run`: field sweeps with the current through the sample, Kerr rotation and ellipticity; runs with
        the current in the coil may stand among them.
    stack
        The sample.
    calibration_runs
        Field sweeps under the calibration field, rotation and ellipticity; those among `runs` by default.
    calibration_angle
        Complex Kerr angle (rad, peak) at zero field under `calibration_field`, instead of calibration runs; the runs
        must then report with polarity +1.
    calibration_field
        Out-of-plane field (T, peak) of the calibration; by default the coil current read times
        `uncertainties["calibration_field_per_ampere"]`.
    width
        Width of the film across the current (m); by default `uncertainties["width"]`.
    coercive_field
        Fields below three times this (T) are left out.
    current_density
        Current density (A/m^2) to which torques are reported, scaled linearly; that of the runs by default.
    torque
        "antisymmetric" (torque_top = -torque_bottom, with Im(torque) = 0 as a test), or "free" for both from the
        complex ratio (no test left).
    side, wavelength
        Where the light comes from, and its vacuum wavelength (m).
    nuisances
        Model inputs to be fitted as well, within their priors: Im(torque) = 0 is what the data say about them.
    uncertainties
        Model inputs with standard uncertainties, as `Sample.uncertainties` gives them, for the systematics budget;
        nuisances among them are left out. "pickup_rotation" and "pickup_ellipticity" (rad, as the set-up reports
        them) are the calibration signals with the beam blocked, which are taken off.
    fields
        Magnitudes of the field (T) that are used instead, above the first and up to the second.

    Returns
    -------
    TorqueResult
        With the budget entry "torque_at_fixed_current" beside those of the series: the torque that belongs to the
        current of the runs, whatever its density.

    Raises
    ------
    AnalysisError
        Where runs are missing, or the calibration does not show the sign of a channel.
    IdentifiabilityError
        Where the data cannot tell torques and nuisances without prior apart.

    Notes
    -----
    Loops are fitted with the model's own field dependence, one complex amplitude each; their ratio, extrapolated to
    zero field, enters the same fit as a series of one film. The scatter of the loops sets the scale of the noise.
    """
    inputs = dict(uncertainties or {})
    everything = [*runs, *(calibration_runs or ())]
    pickup = complex(*(inputs[name].value if name in inputs else 0.0 for name in PICKUPS))
    window = field_window(coercive_field, fields)
    data = sample_data(everything, stack, coercive_field, calibration_angle, side, wavelength, pickup, fields)
    return fit_loops(
        data, stack, window, calibration_angle=calibration_angle, calibration_field=calibration_field, width=width,
        current_density=current_density, torque=torque, side=side, wavelength=wavelength, nuisances=nuisances,
        uncertainties=inputs,
    )  # fmt: skip


def fit_loops(
    data: SampleData,
    stack: Stack,
    window: FieldWindow,
    *,
    calibration_angle: complex | None = None,
    calibration_field: float | None = None,
    width: float | None = None,
    current_density: float | None = None,
    torque: TorqueModel = "antisymmetric",
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
    nuisances: Sequence[Nuisance] = (),
    uncertainties: Mapping[str, Uncertain] | None = None,
) -> TorqueResult:
    """Find the surface torque of one sample from its averaged loops.

    Parameters
    ----------
    data
        From `sample_data`, with the pick-up taken off.
    stack
        The sample.
    window
        Magnitudes of the field (T) that are used.
    calibration_angle, calibration_field, width, current_density, torque, side, wavelength, nuisances, uncertainties
        As for `fit_sample`, which says what is returned and raised.
    """
    inputs = dict(uncertainties or {})
    if calibration_field is None:
        if data.coil_current is None or "calibration_field_per_ampere" not in inputs:
            raise InputError(
                "calibration_field must be given in T where runs and sample file do not tell it; received None. "
                "Give it, or calibration runs and uncertainties['calibration_field_per_ampere']."
            )
        calibration_field = data.coil_current * inputs["calibration_field_per_ampere"].value
    if width is None:
        if "width" not in inputs:
            raise InputError("width must be given in m where uncertainties do not tell it; received None. Give it.")
        width = inputs["width"].value

    model = LoopModel(
        data,
        LoopResponses(data, window, stack, side, wavelength),
        calibration_angle,
        calibration_field,
        torque,
        tuple(nuisances),
        side,
        wavelength,
    )
    fit = replace(model.fit(stack), scatter_dof=model.scatter_dof(stack))
    thickness = float(np.asarray(stack.single_film.thickness))
    conductivity = None if stack.single_film.conductivity is None else float(np.asarray(stack.single_film.conductivity))
    run_density = data.current / (width * thickness)
    fitted = {nuisance.name for nuisance in nuisances}
    fitted |= {"calibration_field_per_ampere"} if "calibration_field" in fitted else set()

    def results(name: str, step: float) -> dict[str, float]:
        moved, film, scale, sigma = model, stack, 1.0, conductivity
        if name == "calibration_field_per_ampere":
            moved = replace(model, calibration_field=model.calibration_field * (1 + step / inputs[name].value))
        elif name in PICKUPS:
            moved = replace(model, pickup=step * (1, 1j)[PICKUPS.index(name)])
        elif name == "width":
            scale = 1 + step / inputs[name].value
        elif name == "conductivity":
            sigma = None if conductivity is None else conductivity + step
        elif name:
            film = films[(name, step)]
        known = moved is model and film is stack
        bottom = float((fit if known else moved.fit(film)).faces()[0][1])
        # What the fit calls the torque belongs to the film as it is; the density I / (w d) moves with w and d.
        scale *= float(np.asarray(film.single_film.thickness)) / thickness
        answer = {"torque": scale * bottom, "efficiency": scale * bottom, "torque_at_fixed_current": bottom}
        return answer | ({} if sigma is None else {"torque_conductivity": scale * bottom * sigma})

    inputs = {name: input for name, input in inputs.items() if name not in fitted}
    films = {
        (name, step): changed(stack, name, step, wavelength)
        for name, input in inputs.items()
        if input.std and name not in (*PICKUPS, "calibration_field_per_ampere", "width", "conductivity")
        for step in (input.std, -input.std)
    }
    model.responses.prepare(list(films.values()))
    return torque_result(
        fit,
        current_density=run_density,
        reported_density=run_density if current_density is None else current_density,
        conductivity=conductivity,
        systematics=budget(inputs, results) if inputs else (),
        polarity=(1, 1),
        checks=model.checks(stack),
    )


@dataclass(frozen=True)
class ZeroFieldAngles:
    """Complex Kerr angles of a sample at zero field, for m_x = +1, with the signs of the model.

    Attributes
    ----------
    asot, calibration
        Angles (rad, peak) under the current and under the calibration field.
    asot_covariance, calibration_covariance : (2, 2)
        Of their real and imaginary parts, from the scatter of the loops.
    asot_dof, calibration_dof
        Degrees of freedom of that scatter, both channels together.
    """

    asot: complex
    asot_covariance: FloatArray
    calibration: complex
    calibration_covariance: FloatArray
    asot_dof: int
    calibration_dof: int

    def ratio(self) -> tuple[complex, FloatArray]:
        """Ratio asot / calibration, in which the complex gain cancels, with its covariance (2, 2)."""
        return complex_ratio(self.asot, self.asot_covariance, self.calibration, self.calibration_covariance)


def complex_ratio(
    above: complex, above_covariance: FloatArray, below: complex, below_covariance: FloatArray
) -> tuple[complex, FloatArray]:
    """Ratio of two independent complex numbers, with covariances (2, 2) of real and imaginary parts."""
    ratio = above / below
    turn, scale = product_matrices(np.array(ratio)), product_matrices(np.array(1 / below))
    return ratio, scale @ (above_covariance + turn @ below_covariance @ turn.T) @ scale.T


def zero_field_angles(
    data: SampleData,
    stack: Stack,
    coercive_field: float,
    calibration_field: float,
    *,
    torques: tuple[float, float] = (-1.0, 1.0),
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
    fields: FieldWindow | None = None,
) -> ZeroFieldAngles:
    """Extrapolate the loops of a sample to zero field with the model's own field dependence.

    Parameters
    ----------
    data
        Averaged loops.
    stack, coercive_field, side, wavelength, fields
        As for `fit_sample`.
    calibration_field
        Out-of-plane field (T, peak) of the calibration.
    torques
        Torques (top, bottom) whose field dependence the ASOT loops have; their scale does not matter.
    """
    responses = LoopResponses(data, field_window(coercive_field, fields), stack, side, wavelength)
    model = LoopModel(data, responses, None, calibration_field, "antisymmetric", (), side, wavelength)
    angle, noise, dof = model.asot(stack, *torques)
    calibration_dof = model.amplitude(stack, "coil", "even", calibration_field=calibration_field).dof
    return ZeroFieldAngles(angle, noise, *model.calibration(stack), dof, calibration_dof)


@dataclass(frozen=True)
class FittedLoop:
    """Fitted loop of one path and channel outside switching.

    Attributes
    ----------
    field, odd, even : (n,)
        Field (T), ascending, and the two fitted parts (rad, peak).
    """

    field: FloatArray
    odd: FloatArray
    even: FloatArray


def fitted_loops(
    data: SampleData,
    stack: Stack,
    coercive_field: float,
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
    fields: FieldWindow | None = None,
) -> dict[tuple[str, Channel], FittedLoop]:
    """Curves of the fits, to be drawn over the loops that `data` holds.

    The odd part is the response to antisymmetric torques, the even part that to an out-of-plane field: the Oersted
    field of the sample current, or the calibration field.
    """
    window = field_window(coercive_field, fields)
    model = LoopModel(
        data, LoopResponses(data, window, stack, side, wavelength), None, 1.0, "antisymmetric", (), side, wavelength
    )
    curves = {}
    for path in dict.fromkeys(path for path, _ in data.loops):
        odd = model.amplitude(stack, path, "odd", torque_top=-1.0, torque_bottom=1.0).value
        even = model.amplitude(stack, path, "even", calibration_field=1.0).value
        for channel in CHANNELS:
            largest = float(np.max(np.abs(data.loops[(path, channel)].field)))
            branch = np.linspace(window[0], min(largest, window[1]), 100)
            field = np.concatenate([-branch[::-1], branch])
            torque = (
                odd
                * field_response(stack, field, side, wavelength, torque_top=-1.0, torque_bottom=1.0)
                * np.sign(field)
            )
            push = even * field_response(stack, field, side, wavelength, calibration_field=1.0)
            curves[(path, channel)] = FittedLoop(
                field, *((part.real if channel == "rotation" else part.imag) for part in (torque, push))
            )
    return curves
