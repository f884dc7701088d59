"""Results: numbers with standard uncertainties, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.stack import ComplexArray, FloatArray


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
    """

    value: float
    std: float | None
    unit: str
    noise_std: float | None = None

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
        Relative change of each result, by name, when the input grows by one standard uncertainty.
    """

    name: str
    value: float
    std: float
    effects: Mapping[str, float]


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
        From the noise of the data.
    chi2, dof
        Of the fit; where the residual scatter set the scale of the uncertainties, chi2 is dof by construction and
        `checks["residual_scatter"]` says how large it was.
    residuals : (data,)
        Complex angles, data less model (rad).
    model_angles : (data,)
        Complex angles of the best fit (rad), with the polarity of the data.
    systematics
        Budget; empty where no input uncertainties were given.
    polarity
        (s_theta, s_eps) of the data.
    checks
        Numbers that a careful reader looks at: consistency tests and by-products.
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
    systematics: tuple[Systematic, ...] = ()
    polarity: tuple[int, int] = (1, 1)
    checks: Mapping[str, Estimate] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        document: dict[str, Any] = {
            name: estimate.as_dict()
            for name in ("torque_top", "torque_bottom", "efficiency", "torque_conductivity", "current_density")
            if (estimate := getattr(self, name)) is not None
        }
        theta, epsilon = self.polarity
        document["polarity"] = theta if theta == epsilon else [theta, epsilon]
        document["chi2"], document["dof"] = self.chi2, self.dof
        document["checks"] = {name: check.as_dict() for name, check in self.checks.items()}
        document["systematics"] = [
            {"name": entry.name, "value": entry.value, "std": entry.std, "effects": dict(entry.effects)}
            for entry in self.systematics
        ]
        return document


def combined(value: float, noise_std: float | None, effects: list[float], unit: str) -> Estimate:
    """Estimate whose `std` joins the noise with relative systematic `effects` in quadrature."""
    if noise_std is None:
        return Estimate(value, None, unit)
    total = math.hypot(noise_std, *(value * effect for effect in effects))
    return Estimate(value, total, unit, noise_std)
