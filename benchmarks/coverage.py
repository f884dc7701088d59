"""Do uncertainties mean what they say? Pulls of the torque over hundreds of seeded synthetic series.

Run from the project folder: python benchmarks/coverage.py [--seeds 500]

Each data set is a thickness series made by the model with noise. With five parameters the true nuisances are drawn
from their priors. Standard deviations given: pulls must follow N(0, 1). Not given: Student's t with the degrees of
freedom that the fit states. Exit code 1 where a distribution does not hold.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from analysis import Film, Layer, Nuisance, Stack, fit_thickness_series
from analysis.micromagnetics import tilt_modes
from analysis.optics import tilt_response
from analysis.systematics import changed

TORQUE = 0.86e-6
NOISE = 4e-9
FILM = Film(2.38 + 4.36j, 0.0036 - 0.011j, 32e-9, 1.09, 12.22e-12, 1.09, (0.59e-3, 0.59e-3))
STACK = Stack(FILM, below=[Layer(1.47, 1e-6)], substrate=3.7 + 0.008j)
NUISANCES = (
    Nuisance("below.0.thickness", 4e-9),
    Nuisance("k", 0.06),
    Nuisance("effective_field", 0.02),
    Nuisance("surface_anisotropy", 0.05e-3),
)
LEAST_PROBABILITY = 1e-3


@dataclass(frozen=True)
class Campaign:
    """One kind of data set.

    Attributes
    ----------
    name
        For the report.
    nuisances
        Fitted beside the torque.
    known
        Whether the standard deviations are given to the fit.
    thickness : (films,)
        (m)
    """

    name: str
    nuisances: Sequence[Nuisance]
    known: bool
    thickness: npt.NDArray[np.float64]


CAMPAIGNS = (
    Campaign("1 parameter, std given", (), True, np.linspace(6e-9, 48e-9, 7)),
    Campaign("5 parameters, std given", NUISANCES, True, np.linspace(6e-9, 48e-9, 7)),
    Campaign("1 parameter, residual scatter", (), False, np.array([8e-9, 16e-9, 32e-9])),
    Campaign("5 parameters, residual scatter", NUISANCES, False, np.linspace(6e-9, 48e-9, 7)),
)


def pull(campaign: Campaign, seed: int) -> tuple[float, float]:
    """(torque found - true) / standard uncertainty, and degrees of freedom (infinity where std is given)."""
    random = np.random.default_rng([seed, len(campaign.nuisances), campaign.known])
    stacks = [replace(STACK, film=replace(FILM, thickness=float(d))) for d in campaign.thickness]
    true = stacks
    for nuisance in campaign.nuisances:
        shift = nuisance.std * random.normal()
        true = [changed(stack, nuisance.name, shift) for stack in true]
    angles = np.array(
        [tilt_response(stack, tilt_modes(stack.film, torque_top=-TORQUE, torque_bottom=TORQUE))[()] for stack in true]
    )
    angles = angles + NOISE * (random.normal(size=len(angles)) + 1j * random.normal(size=len(angles)))
    found = fit_thickness_series(
        stacks,
        angles,
        current_density=5e10,
        std=NOISE if campaign.known else None,
        nuisances=campaign.nuisances,
    ).torque_bottom
    assert found.std is not None
    return (found.value - TORQUE) / found.std, math.inf if found.dof is None else found.dof


@dataclass(frozen=True)
class Verdict:
    """How the pulls of a campaign are distributed.

    Attributes
    ----------
    mean, width
        Of the pulls, turned into normal ones through their distribution function.
    covered
        Fractions inside the 68.3 % and 95.4 % intervals.
    probability
        Kolmogorov-Smirnov probability of the distribution claimed.
    """

    mean: float
    width: float
    covered: tuple[float, float]
    probability: float

    def holds(self, seeds: int) -> bool:
        """Whether mean, width and distribution are those claimed, within four standard errors and 0.1 %."""
        return (
            abs(self.mean) < 4 / math.sqrt(seeds)
            and abs(self.width - 1) < 4 / math.sqrt(2 * seeds)
            and self.probability > LEAST_PROBABILITY
        )


def verdict(campaign: Campaign, seeds: int) -> Verdict:
    """Run a campaign over `seeds` data sets."""
    from scipy.special import ndtri, stdtr
    from scipy.stats import kstest

    pulls, dof = np.array([pull(campaign, seed) for seed in range(seeds)]).T
    uniform = stdtr(np.minimum(dof, 1e9), pulls)
    normal = ndtri(uniform)
    return Verdict(
        float(np.mean(normal)),
        float(np.std(normal)),
        (float(np.mean(np.abs(normal) < 1)), float(np.mean(np.abs(normal) < 2))),
        float(kstest(uniform, "uniform").pvalue),
    )


def main() -> int:
    """Run all campaigns and print their figures."""
    parser = argparse.ArgumentParser(description="Coverage of standard uncertainties.")
    parser.add_argument("--seeds", type=int, default=500, help="data sets per campaign (default 500)")
    seeds = parser.parse_args().seeds
    print(f"{seeds} data sets per campaign; expected: mean 0 +- {1 / math.sqrt(seeds):.3f},", end=" ")
    print(f"width 1 +- {1 / math.sqrt(2 * seeds):.3f}, 68.3 % within 1, 95.4 % within 2")
    good = 0
    for campaign in CAMPAIGNS:
        found = verdict(campaign, seeds)
        good += found.holds(seeds)
        print(f"{campaign.name:32s} mean {found.mean:+.3f}  width {found.width:.3f}", end="  ")
        print(f"within 1: {found.covered[0]:.1%}  within 2: {found.covered[1]:.1%}", end="  ")
        print(f"KS p = {found.probability:.3f}  {'holds' if found.holds(seeds) else 'FAILS'}")
    print(f"{good} of {len(CAMPAIGNS)} hold")
    return 0 if good == len(CAMPAIGNS) else 1


if __name__ == "__main__":
    sys.exit(main())
