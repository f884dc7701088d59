"""Results: numbers with standard uncertainties, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from analysis.errors import AnalysisError, InputError
from analysis.stack import ComplexArray, FloatArray

StdSource = Literal["given", "residual scatter"]


@dataclass(frozen=True)
class Estimate:
    """A number with its standard uncertainty.

    Attributes
    ----------
    value
        Best estimate.
    std
        Standard uncertainty: noise, and the systematics where their inputs were given; None where unknown.
    unit
        Unit; "1" for dimensionless.
    noise_std
        The part of `std` that comes from the data alone.
    dof
        Degrees of freedom behind `std`, which then follows from residual scatter; None where it was given.
    """

    value: float
    std: float | None
    unit: str
    noise_std: float | None = None
    dof: float | None = None

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval.

        Parameters
        ----------
        level
            Probability that it covers the truth, between 0 and 1.

        Returns
        -------
        (low, high)
            From Student's t where residual scatter set the scale, else from the normal distribution.

        Raises
        ------
        InputError
            For a level outside 0 to 1.
        AnalysisError
            Where the uncertainty is not known.
        """
        from scipy.special import ndtri, stdtrit

        if not 0 < level < 1:
            raise InputError(f"level must lie between 0 and 1; received {level!r}. Give e.g. 0.95.")
        quantile = (1 + level) / 2
        factor = float(ndtri(quantile) if self.dof is None else stdtrit(self.dof, quantile))
        half = factor * self._known_std()
        return self.value - half, self.value + half

    def scaled(self, factor: float) -> Estimate:
        """Return this number and its uncertainties times `factor`."""
        stds = (None if std is None else abs(factor) * std for std in (self.std, self.noise_std))
        std, noise_std = stds
        return replace(self, value=factor * self.value, std=std, noise_std=noise_std)

    def p_value(self, expected: float = 0.0) -> float:
        """Probability of a distance from `expected` as large as this one, or larger, by chance alone.

        Two-sided; the squared distance in standard uncertainties is the chi2 of the comparison.
        """
        from scipy.special import ndtr, stdtr

        pull = -abs(self.value - expected) / self._known_std()
        return float(2 * (ndtr(pull) if self.dof is None else stdtr(self.dof, pull)))

    def _known_std(self) -> float:
        if self.std is None:
            raise AnalysisError(f"The uncertainty of {self} must be known for that; it is not. Give std to the fit.")
        return self.std

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {"value": self.value, "std": self.std, "unit": self.unit}

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        if not self.std or not math.isfinite(self.std) or not math.isfinite(self.value):
            return f"{self.value:.4g}{unit}"
        exponent = math.floor(math.log10(max(abs(self.value), self.std)))
        exponent = 0 if -3 <= exponent <= 3 else exponent
        digits = max(0, exponent - math.floor(math.log10(self.std)) + 1)
        value, std = self.value / 10.0**exponent, self.std / 10.0**exponent
        if exponent == 0:
            return f"{value:.{digits}f} ± {std:.{digits}f}{unit}"
        return f"({value:.{digits}f} ± {std:.{digits}f})e{exponent:+03d}{unit}"


@dataclass(frozen=True)
class Systematic:
    """One entry of a systematics budget.

    Attributes
    ----------
    name
        The model input.
    value, std
        Its value and standard uncertainty (SI).
    effects
        Relative change of each result, by name, per standard uncertainty: half the difference of the next two.
    up, down
        Relative change of each result when the input grows, or shrinks, by one standard uncertainty.
    """

    name: str
    value: float
    std: float
    effects: Mapping[str, float]
    up: Mapping[str, float]
    down: Mapping[str, float]


@dataclass(frozen=True)
class Bootstrap:
    """Torques of a sample from loops that were drawn anew.

    Attributes
    ----------
    torques : (replicates, 2)
        Top and bottom (J/m^2) at the reported current density.
    seed
        Of the generators.
    """

    torques: FloatArray
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses: mean, standard deviation and 95 % interval of both torques."""
        document: dict[str, Any] = {"replicates": len(self.torques), "seed": self.seed}
        for name, values in zip(("torque_top", "torque_bottom"), self.torques.T, strict=True):
            low, high = np.quantile(values, [0.025, 0.975])
            document[name] = {
                "value": float(np.mean(values)), "std": float(np.std(values, ddof=1)), "low": float(low),
                "high": float(high), "unit": "J/m^2",
            }  # fmt: skip
        return document


@dataclass(frozen=True)
class TorqueResult:
    """Surface torques of a sample or of a series.

    Attributes
    ----------
    torque_top, torque_bottom
        Torques (J/m^2) at `current_density`.
    efficiency
        Spin-torque efficiency of the bottom torque.
    torque_conductivity
        (S/m, in units of hbar/2e); of a series: of its thickest film; None without a conductivity.
    current_density
        (A/m^2) to which the torques belong.
    parameters
        Names of what was fitted, in the order of `covariance`.
    covariance : (parameters, parameters)
        From the noise of the data, and the priors of nuisances.
    chi2, dof
        Of the fit, priors counted as data. Where the scatter of a series set the scale chi2 is dof by construction;
        that of a sample compares real and imaginary part of its torque.
    residuals : (data,)
        Complex angles, data less model (rad).
    model_angles : (data,)
        Complex angles of the best fit (rad), with the polarity of the data.
    std_source
        "given": the uncertainties rest on the standard deviations given; "residual scatter": there were none, the
        scatter about the model set the scale, and intervals are Student's t.
    systematics
        Budget; empty where no input uncertainties were given.
    polarity
        (s_theta, s_eps) of the data.
    checks
        Numbers that a careful reader looks at: consistency tests, nuisances, by-products.
    at_bounds
        Nuisances that ended on a bound; their uncertainties ignore it.
    calibration_residuals : (data,), optional
        Complex calibration angles, data less model (rad), where they were fitted jointly.
    """

    torque_top: Estimate
    torque_bottom: Estimate
    efficiency: Estimate
    torque_conductivity: Estimate | None
    current_density: Estimate
    parameters: tuple[str, ...]
    covariance: FloatArray
    chi2: float
    dof: int
    residuals: ComplexArray
    model_angles: ComplexArray
    std_source: StdSource
    systematics: tuple[Systematic, ...] = ()
    polarity: tuple[int, int] = (1, 1)
    checks: Mapping[str, Estimate] = field(default_factory=dict)
    at_bounds: tuple[str, ...] = ()
    calibration_residuals: ComplexArray | None = None

    @property
    def p_value(self) -> float:
        """Probability of a chi2 as large as this one, or larger, if model and standard deviations are right.

        Raises
        ------
        AnalysisError
            Where the residual scatter set the scale, so that chi2 tests nothing.
        """
        from scipy.special import gammaincc

        if self.std_source != "given" or self.dof < 1:
            raise AnalysisError(
                f"A test of the fit must have standard deviations given and dof above 0; received "
                f"{self.std_source}, {self.dof}. Give std to the fit, or more data."
            )
        return float(gammaincc(self.dof / 2, self.chi2 / 2))

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        document: dict[str, Any] = {
            name: estimate.as_dict()
            for name in ("torque_top", "torque_bottom", "efficiency", "torque_conductivity", "current_density")
            if (estimate := getattr(self, name)) is not None
        }
        theta, epsilon = self.polarity
        document["polarity"] = theta if theta == epsilon else [theta, epsilon]
        document["chi2"], document["dof"], document["std_source"] = self.chi2, self.dof, self.std_source
        document["checks"] = {name: check.as_dict() for name, check in self.checks.items()}
        document["systematics"] = [
            {"name": entry.name, "value": entry.value, "std": entry.std, "effects": dict(entry.effects)}
            for entry in self.systematics
        ]
        return document


def combined(
    value: float, noise_std: float | None, effects: list[float], unit: str, dof: float | None = None
) -> Estimate:
    """Estimate whose `std` joins the noise with relative systematic `effects` in quadrature.

    `dof` belong to the noise; those of the total follow from the Welch-Satterthwaite formula with exact effects.
    """
    if noise_std is None:
        return Estimate(value, None, unit)
    total = math.hypot(noise_std, *(value * effect for effect in effects))
    if dof is not None and noise_std > 0:
        dof *= (total / noise_std) ** 4
    return Estimate(value, total, unit, noise_std, dof)
