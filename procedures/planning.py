"""What the field sweeps of a recipe will leave of the torque together, and what a smaller uncertainty would cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.planned_uncertainty import PlannedTorque
from analysis.result import Estimate
from analysis.torque import spin_torque_efficiency
from instruments import Bench
from procedures.expectation import torque_of_sweeps
from procedures.field_sweep import FieldSweep
from procedures.measurement import Measurement


@dataclass(frozen=True)
class TorquePlan:
    """Torque of a recipe's field sweeps.

    Attributes
    ----------
    sweeps
        The sweeps, as the recipe has them.
    torque
        What they will leave, one entry of `torque.sweeps` for each channel of each sweep.
    current_density
        In the sample (A/m^2 peak).
    overhead
        Time (s) of the recipe that does not grow with repeats: preparations, and what is no field sweep.
    """

    sweeps: tuple[FieldSweep, ...]
    torque: PlannedTorque
    current_density: float
    overhead: float

    def expected(self) -> dict[str, Estimate]:
        """Torque and efficiency, at the current of the recipe, with the standard uncertainty that noise will leave."""
        torque, std = self.torque.torque, self.torque.std
        per_torque = float(spin_torque_efficiency(1.0, self.current_density))
        return {
            "torque_bottom": Estimate(torque, std, "J/m^2"),
            "efficiency": Estimate(per_torque * torque, per_torque * std, "1"),
        }

    def measuring_time(self) -> float:
        """Time (s) of all points of the field sweeps."""
        return sum(sweep.time for sweep in self.torque.sweeps)


def torque_plan(procedures: Sequence[Measurement], bench: Bench) -> TorquePlan | None:
    """Join the field sweeps of a recipe; None for a blank, and where they make no pair of calibration and ASOT.

    Parameters
    ----------
    procedures
        Of the recipe, in any order.
    bench
        Its noise figures and times are used; nothing is sent.
    """
    least = 3 * bench.sample.film.coercive_field
    sweeps = tuple(
        procedure for procedure in procedures if isinstance(procedure, FieldSweep) and procedure.highest_field() > least
    )
    planned = [entry for sweep in sweeps for entry in sweep.planned(bench)]
    kinds = {(entry.path, entry.channel) for entry in planned}
    currents = {path: {sweep.current * 1e-3 for sweep in sweeps if sweep.path == path} for path in ("sample", "coil")}
    if not bench.sample.film.magnetic or len(kinds) != 4 or any(len(values) != 1 for values in currents.values()):
        return None
    (current,), (coil_current,) = currents["sample"], currents["coil"]
    total = sum(procedure.duration(bench) for procedure in procedures)
    return TorquePlan(
        sweeps,
        torque_of_sweeps(planned, bench, current, coil_current),
        bench.sample.current_density(current),
        total - sum(entry.time for entry in planned),
    )


@dataclass(frozen=True)
class Requirement:
    """What a recipe needs to reach a standard uncertainty of the torque.

    Attributes
    ----------
    target
        Standard uncertainty (J/m^2).
    factor
        By which the measuring time has to grow with the recipe's own split among its sweeps.
    duration
        Of the whole recipe then (s).
    shares
        Best split of the measuring time among the channels of the sweeps, (path, channel, share).
    repeats
        Repeats of each sweep, channel by channel, that come nearest to the best split and reach the target.
    best_duration
        Of the recipe with them (s).
    """

    target: float
    factor: float
    duration: float
    shares: tuple[tuple[str, str, float], ...]
    repeats: tuple[int, ...]
    best_duration: float

    def as_dict(self) -> dict[str, object]:
        """Return the form that the JSON output uses."""
        shares = [{"path": path, "channel": channel, "share": share} for path, channel, share in self.shares]
        return {**vars(self), "shares": shares, "repeats": list(self.repeats)}


def requirement(plan: TorquePlan, target: float) -> Requirement:
    """Find the time that `plan` needs to reach the standard uncertainty `target` (J/m^2) of the torque at the bottom.

    Notes
    -----
    Noise falls with the square root of the measuring time, whether by repeats, by averaging within a point, or by a
    longer time constant with its longer settling.
    """
    torque = plan.torque
    factor = (torque.std / target) ** 2
    shares = torque.best_shares()
    own = np.array([sweep.time for sweep in torque.sweeps])
    present = np.array([repeats for sweep in plan.sweeps for repeats in _repeats(sweep)])
    # In units of one pass: what the best split asks for, scaled until it reaches the target, at least one pass each.
    passes = present * shares * np.sum(own) / own
    best = torque.repeated(passes / present).std
    whole = np.maximum(1, np.ceil(passes * (best / target) ** 2 - 1e-9))
    return Requirement(
        target,
        factor,
        plan.overhead + factor * plan.measuring_time(),
        tuple((sweep.path, sweep.channel, float(share)) for sweep, share in zip(torque.sweeps, shares, strict=True)),
        tuple(int(count) for count in whole),
        plan.overhead + float(np.sum(own / present * whole)),
    )


def _repeats(sweep: FieldSweep) -> list[int]:
    """Repeats of each channel of a sweep."""
    return [int(sweep.repeats)] * (2 if sweep.channel == "both" else 1)


def relative_target(plan: TorquePlan, fraction: float) -> float:
    """Standard uncertainty (J/m^2) that is `fraction` of the expected torque."""
    return math.fabs(fraction * plan.torque.torque)
