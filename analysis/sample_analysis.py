"""Result of one sample's field sweeps, and what a comparison of samples takes from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.averaged_loops import FieldWindow, SampleData, sample_data
from analysis.choices import Choices
from analysis.errors import AnalysisError
from analysis.finding import file_name
from analysis.result import Bootstrap, TorqueResult
from analysis.sample import Sample
from analysis.sample_fit import ZeroFieldAngles, fit_loops, zero_field_angles
from analysis.stack import Side
from analysis.substrate_background import light_side, wavelength_of

if TYPE_CHECKING:
    import xarray

    from analysis.configuration import Uncertain


@dataclass(frozen=True)
class SampleAnalysis:
    """Result of one sample.

    Attributes
    ----------
    sample
        The sample as described in its runs.
    runs
        Names of the run files used.
    result
        Torques with uncertainties.
    data
        Averaged loops behind them.
    wavelength, side
        Of the light (m), and where it came from.
    window
        Magnitudes of the field (T) that the fits used.
    incomplete
        Those of `runs` that ended early and were used as far as their points go.
    bootstrap
        Torques of loops drawn anew, where that was asked for.
    """

    sample: Sample
    runs: tuple[str, ...]
    result: TorqueResult
    data: SampleData
    wavelength: float
    side: Side = "top"
    window: FieldWindow = (0.0, math.inf)
    incomplete: tuple[str, ...] = ()
    bootstrap: Bootstrap | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What runs that ended early leave open."""
        if not self.incomplete:
            return ()
        whole = max(len(loop.signs) for loop in self.data.loops.values())
        single = [
            f"{path} {channel}"
            for (path, channel), loop in self.data.loops.items()
            if len({entry.polarization for entry in loop.loops}) < whole
        ]
        quadratic = f" {', '.join(single)} lack a polarisation, so the quadratic effect is in them." if single else ""
        return (f"the result rests on runs that ended early: {', '.join(self.incomplete)}.{quadratic}",)

    @property
    def current_density(self) -> float:
        """Current density (A/m^2, peak) in the film during the ASOT runs."""
        return self.sample.current_density(self.data.current)

    @property
    def electric_field(self) -> float:
        """Electric field (V/m, peak) along the current during the ASOT runs."""
        return self.current_density / self.sample.film.conductivity.value

    @property
    def calibration_field(self) -> float:
        """Out-of-plane field (T, peak) of the calibration runs."""
        assert self.data.coil_current is not None  # sample_data raises without calibration runs
        return self.data.coil_current * self.sample.coil.field_per_ampere.value

    def angles(self, torques: tuple[float, float] = (-1.0, 1.0)) -> ZeroFieldAngles:
        """Kerr angles at zero field, extrapolated as those of `torques` (top, bottom), whose scale does not matter."""
        return zero_field_angles(
            self.data,
            self.sample.stack(),
            self.sample.film.coercive_field,
            self.calibration_field,
            torques=torques,
            side=self.side,
            wavelength=self.wavelength,
            fields=self.window,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        names = {"name": self.sample.name, "runs": list(self.runs), "incomplete_runs": list(self.incomplete)}
        drawn = {} if self.bootstrap is None else {"bootstrap": self.bootstrap.as_dict()}
        return {**names, **self.result.as_dict(), **drawn}


def analyze_sample(
    runs: Sequence[xarray.Dataset],
    sample: Sample,
    constants: Mapping[str, Uncertain] | None = None,
    choices: Choices | None = None,
) -> SampleAnalysis:
    """Find the torque of one sample.

    Parameters
    ----------
    runs
        Its field sweeps, from `load_run`.
    sample
        The sample.
    constants
        "pickup_rotation" and "pickup_ellipticity" (rad): what the calibration holds beside its signal.
    choices
        Fields, fit, systematics and current density; those of `Choices()` by default.

    Raises
    ------
    AnalysisError
        Where the runs do not carry the answer.
    """
    stack, side = sample.stack(), light_side(runs[0])
    wavelength = shared_wavelength(runs)
    constants, choices = constants or {}, choices or Choices()
    window, fit = choices.window(sample), choices.file.sample_fit
    pickup = complex(*(entry.value for entry in constants.values())) if constants else 0.0
    coercive = sample.film.coercive_field
    data = sample_data(runs, stack, coercive, side=side, wavelength=wavelength, pickup=pickup, fields=window)
    result = fit_loops(
        data,
        stack,
        window,
        width=sample.conducting_width,
        current_density=choices.file.current_density,
        torque=fit.torque,
        side=side,
        wavelength=wavelength,
        nuisances=[table.nuisance() for table in fit.nuisances],
        uncertainties=choices.counted({**sample.uncertainties(), **constants}),
    )
    incomplete = tuple(file_name(run) for run in runs if run.attrs.get("status", "finished") != "finished")
    names = tuple(file_name(run) for run in runs)
    return SampleAnalysis(sample, names, result, data, wavelength, side, window, incomplete)


def shared_wavelength(runs: Sequence[xarray.Dataset]) -> float:
    """Wavelength (m) of the light of all `runs`; AnalysisError where they differ."""
    wavelengths = {wavelength_of(run) for run in runs}
    if len(wavelengths) != 1:
        raise AnalysisError(f"Runs must share a wavelength; received {sorted(wavelengths)} m. Analyse them apart.")
    return wavelengths.pop()
