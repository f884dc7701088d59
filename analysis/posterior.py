"""Posterior of a fit by Markov chain Monte Carlo, where a covariance does not tell enough (extra: asot[posterior])."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError, InputError
from analysis.stack import FloatArray
from analysis.torque_problem import TorqueProblem


@dataclass(frozen=True)
class Posterior:
    """Samples of a posterior.

    Attributes
    ----------
    names
        Torques (J/m^2) and nuisances (SI, change from the value in the stacks).
    samples : (samples, parameters)
        Draws, correlated over about `autocorrelation` of them.
    autocorrelation
        Largest integrated autocorrelation time of a parameter, in steps of a walker.
    acceptance
        Mean fraction of accepted steps; 0.2 to 0.5 is healthy.
    """

    names: tuple[str, ...]
    samples: FloatArray
    autocorrelation: float
    acceptance: float

    @property
    def mean(self) -> FloatArray:
        """Posterior mean (parameters,)."""
        return np.asarray(self.samples.mean(axis=0))

    @property
    def covariance(self) -> FloatArray:
        """Posterior covariance (parameters, parameters)."""
        return np.atleast_2d(np.cov(self.samples, rowvar=False))


def sample_posterior(
    problem: TorqueProblem, *, steps: int = 2000, walkers: int | None = None, seed: int = 0
) -> Posterior:
    """Sample the posterior of torques and nuisances: the likelihood and priors that `problem.fit()` maximises.

    Parameters
    ----------
    problem
        From `analysis.series_fit.thickness_series_problem`, which takes the arguments of `fit_thickness_series`.
    steps
        Steps of each walker; the first quarter is discarded.
    walkers
        Number of walkers, at least twice that of the parameters; four times, and at least 16, by default.
    seed
        The same seed gives the same samples.

    Returns
    -------
    Posterior

    Raises
    ------
    AnalysisError
        Without emcee.
    InputError
        For too few steps or walkers.
    """
    try:
        import emcee
    except ImportError:
        raise AnalysisError(
            "Sampling a posterior must have emcee installed; it is not. Install asot[posterior], e.g. `uv sync --extra "
            "posterior`."
        ) from None
    fit = problem.fit()
    count = len(fit.values)
    walkers = max(4 * count, 16) if walkers is None else walkers
    if steps < 100 or walkers < 2 * count:
        raise InputError(
            f"steps must be at least 100 and walkers at least {2 * count}, twice the parameters; received {steps} and "
            f"{walkers}. Give more, or leave them out."
        )
    random = np.random.default_rng(seed)
    scale = np.sqrt(np.diag(fit.covariance))

    def log_probability(scaled: FloatArray) -> FloatArray:
        return problem.log_probability(fit.values + scaled * scale)

    start = 0.3 * random.normal(size=(walkers, count))
    for walker in start:  # inside bounds and domain
        while not np.isfinite(log_probability(walker)):
            walker *= 0.5
    sampler = emcee.EnsembleSampler(walkers, count, log_probability, vectorize=True)
    state = emcee.State(start, random_state=np.random.RandomState(seed).get_state())
    sampler.run_mcmc(state, steps)
    samples = fit.values + sampler.get_chain(discard=steps // 4, flat=True) * scale
    return Posterior(
        problem.parameters,
        samples,
        float(np.max(sampler.get_autocorr_time(tol=0))),
        float(np.mean(sampler.acceptance_fraction)),
    )
