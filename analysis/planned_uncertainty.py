"""What the noise of field sweeps will leave of the torque, before they are measured, and how to share time among them.

The propagation follows `analysis.sample_fit` step by step: one complex amplitude for each current path, by linear fits
weighted per channel, their ratio, and the torque from it. Nothing is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.averaged_loops import field_response, field_window, within
from analysis.errors import IdentifiabilityError
from analysis.loops import Channel
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.stack import ComplexArray, FloatArray, Side, Stack
from analysis.torque_fit import product_matrices

_SHARED = 5e-3  # relative excess of a contribution at which shares are good enough
_LARGEST_NUMBER_OF_STEPS = 2000


@dataclass(frozen=True)
class PlannedSweep:
    """Field loops of one current path and channel, as they will enter the fit.

    Attributes
    ----------
    path
        "sample" or "coil".
    channel
        Kerr rotation or ellipticity.
    field : (n,)
        Fields (T) of odd and even part.
    std
        Standard deviation (rad) of each of their values: that of a point over sqrt(2 loops).
    time
        That all its points will take (s).
    """

    path: str
    channel: Channel
    field: FloatArray
    std: float
    time: float = math.nan


@dataclass(frozen=True)
class PlannedTorque:
    """Standard uncertainty of the antisymmetric torque that a set of sweeps will leave.

    Attributes
    ----------
    sweeps
        The sweeps. Without any under the calibration field the calibration counts as exact.
    stack
        The sample.
    torque
        Expected torque (J/m^2): only the noise of the calibration grows with it.
    calibration_field
        (T, peak); plays no part without sweeps under it.
    coercive_field
        Fields below three times this (T) are left out.
    side, wavelength
        Where the light comes from, and its vacuum wavelength (m).
    """

    sweeps: tuple[PlannedSweep, ...]
    stack: Stack
    torque: float
    calibration_field: float
    coercive_field: float
    side: Side = "top"
    wavelength: float = DEFAULT_WAVELENGTH

    @property
    def std(self) -> float:
        """Standard uncertainty (J/m^2) of the torque at the bottom, from noise alone.

        Raises
        ------
        IdentifiabilityError
            Where the sweeps do not show the torque: none under current, or a calibration in one channel only.
        """
        return math.sqrt(self._propagated(np.ones(len(self.sweeps)))[0])

    @property
    def response(self) -> complex:
        """Kerr angle (rad) at zero field per torque (J/m^2), opposite at the faces."""
        return self._at_zero["sample"]

    @property
    def relative_response(self) -> complex:
        """The same over the Kerr angle under the calibration field."""
        return self._at_zero["sample"] / self._at_zero["coil"]

    @property
    def angle_covariance(self) -> FloatArray:
        """Covariance (2, 2) of the complex ASOT angle (rad), the noise of the calibration included."""
        information = self._summed(self._carried(np.ones(len(self.sweeps))))
        reference = self._ratio @ np.linalg.inv(information["coil"]) @ self._ratio.T
        return np.asarray(np.linalg.inv(information["sample"]) + reference)

    @property
    def calibration_std(self) -> float:
        """Relative standard uncertainty of the calibration signal's size, with the gain known but for that size."""
        angle = _parts(self._at_zero["coil"])
        information = self._summed(self._carried(np.ones(len(self.sweeps))))["coil"]
        return float(1 / math.sqrt(angle @ information @ angle))

    def best_shares(self) -> FloatArray:
        """Shares (sweeps,) of the measuring time that make the uncertainty least.

        Notes
        -----
        The variance is convex in the times; each share is multiplied again and again by the square root of what
        it contributes to the variance over its size (Silvey, Titterington and Torsney, Communications in Statistics A
        7, 1379 (1978)), until no contribution exceeds its share by more than one per cent.
        """
        times = np.array([sweep.time for sweep in self.sweeps])
        shares = times / np.sum(times)
        for _ in range(_LARGEST_NUMBER_OF_STEPS):
            variance, parts = self._propagated(shares * np.sum(times) / times)
            excess = np.sqrt(parts / variance / shares)
            if np.max(excess) < 1 + _SHARED:
                break
            shares = shares * excess
            shares = shares / np.sum(shares)
        return np.asarray(shares)

    def repeated(self, counts: FloatArray) -> PlannedTorque:
        """Return the same sweeps, each measured `counts` (sweeps,) times, which need not be whole numbers."""
        sweeps = (
            replace(sweep, std=sweep.std / math.sqrt(count), time=sweep.time * count)
            for sweep, count in zip(self.sweeps, counts.tolist(), strict=True)
        )
        return replace(self, sweeps=tuple(sweeps))

    @cached_property
    def _at_zero(self) -> dict[str, complex]:
        """Kerr angle (rad) at zero field of what each path causes: per torque (J/m^2), and under the calibration."""
        zero = np.zeros(1)
        return {path: complex(self._response(path, zero)[0]) for path in ("sample", "coil")}

    @cached_property
    def _ratio(self) -> FloatArray:
        """Matrix (2, 2) of the multiplication by the ratio of ASOT to calibration."""
        return product_matrices(np.array(self.torque * self.relative_response))

    @cached_property
    def _designs(self) -> list[FloatArray]:
        """Information (2, 2) on the complex angle at zero field that each sweep would carry at a noise of 1 rad."""
        designs = []
        for sweep in self.sweeps:
            field = sweep.field[within(sweep.field, field_window(self.coercive_field))]
            shape = self._response(sweep.path, field) / self._at_zero[sweep.path]
            part = (shape.real, -shape.imag) if sweep.channel == "rotation" else (shape.imag, shape.real)
            rows = np.stack(part, axis=-1)
            designs.append(rows.T @ rows)
        return designs

    def _response(self, path: str, field: FloatArray) -> ComplexArray:
        push = (
            {"torque_top": -1.0, "torque_bottom": 1.0}
            if path == "sample"
            else {"calibration_field": self.calibration_field}
        )
        return field_response(self.stack, field, self.side, self.wavelength, **push)

    def _carried(self, counts: FloatArray) -> list[FloatArray]:
        """Information (2, 2) of each sweep, measured `counts` (sweeps,) times."""
        return [
            design * count / sweep.std**2
            for sweep, design, count in zip(self.sweeps, self._designs, counts, strict=True)
        ]

    def _propagated(self, counts: FloatArray) -> tuple[float, FloatArray]:
        """Variance of the torque with each sweep measured `counts` times, and the part (sweeps,) that each causes."""
        carried = self._carried(counts)
        information = self._summed(carried)
        column = _parts(self._at_zero["sample"])
        try:
            if "coil" in information:
                reference = self._ratio @ np.linalg.inv(information["coil"]) @ self._ratio.T
                direction = np.linalg.solve(np.linalg.inv(information["sample"]) + reference, column)
                variance = float(1 / (column @ direction))
                through = {
                    "sample": np.linalg.solve(information["sample"], direction),
                    "coil": np.linalg.solve(information["coil"], self._ratio.T @ direction),
                }
            else:
                variance, through = float(1 / (column @ information["sample"] @ column)), {"sample": column}
        except (np.linalg.LinAlgError, KeyError):
            variance, through = math.inf, {}
        if not math.isfinite(variance):
            raise IdentifiabilityError(
                "Sweeps must show the torque: current through the sample, and rotation and ellipticity under both "
                "currents where there is a calibration; they do not. Add the sweeps that are missing."
            )
        parts = [
            variance**2 * float(through[sweep.path] @ part @ through[sweep.path])
            for sweep, part in zip(self.sweeps, carried, strict=True)
        ]
        return variance, np.array(parts)

    def _summed(self, carried: Sequence[FloatArray]) -> dict[str, FloatArray]:
        """Information (2, 2) on the complex angle of each path."""
        total: dict[str, FloatArray] = {}
        for sweep, part in zip(self.sweeps, carried, strict=True):
            total[sweep.path] = total.get(sweep.path, np.zeros((2, 2))) + part
        return total


def _parts(angle: complex) -> FloatArray:
    return np.array([angle.real, angle.imag])
