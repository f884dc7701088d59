"""Low-pass filter of a lock-in amplifier: equal RC stages in cascade, exact for signal and white noise."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import comb, factorial, gammainc

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]


@lru_cache(maxsize=256)
def transition(ratio: float, stages: int) -> FloatArray:
    """Matrix that carries the deviations of all stages from their input over a time step.

    Parameters
    ----------
    ratio
        Time step over time constant, at least 0.
    stages
        Number of RC stages, 1 to 4.

    Returns
    -------
    (stages, stages)
        Lower triangular; element (k, j) is (ratio)^(k-j) / (k-j)! exp(-ratio).
    """
    lag = np.subtract.outer(np.arange(stages), np.arange(stages))
    powers = np.where(lag >= 0, ratio ** np.maximum(lag, 0) / factorial(np.maximum(lag, 0)), 0.0)
    return np.asarray(powers * np.exp(-ratio), dtype=np.float64)


@lru_cache(maxsize=256)
def noise_root(ratio: float, stages: int) -> FloatArray:
    """Cholesky factor of the covariance that white noise builds up in the stages during a time step.

    Parameters
    ----------
    ratio
        Time step over time constant, above 0; infinite for the stationary covariance.
    stages
        Number of RC stages, 1 to 4.

    Returns
    -------
    (stages, stages)
        Lower triangular, in units of density / sqrt(2 time_constant).

    Notes
    -----
    Impulse responses h_k(t) = (t/T)^(k-1) exp(-t/T) / ((k-1)! T) give with m = j + k - 1
    Q_jk = density^2 / 2T binom(m-1, j-1) 2^-m P(m, 2 ratio), P the regularised lower incomplete gamma
    function; the last diagonal element at infinite ratio is density^2 times the equivalent noise bandwidth,
    1/4T, 1/8T, 3/32T or 5/64T.
    """
    row, column = np.meshgrid(np.arange(stages), np.arange(stages), indexing="ij")
    order = row + column + 1
    covariance = comb(order - 1, row) * 0.5**order * gammainc(order, 2 * ratio)
    # Scaled to unit diagonal: for short steps the elements span many powers of ten, correlations do not.
    scale = np.sqrt(np.diagonal(covariance))
    root = np.linalg.cholesky(covariance / np.outer(scale, scale))
    return np.asarray(scale[:, np.newaxis] * root, dtype=np.float64)


class LockInFilter:
    """Cascade of equal RC stages with a complex input (X + iY) and white noise in each quadrature.

    Time passes only in `advance`; reading `output`, by any thread and any number of times, changes nothing.

    Parameters
    ----------
    time_constant
        Of each stage (s).
    stages
        1 to 4, i.e. 6 to 24 dB per octave.
    generator
        Source of the random numbers of the noise.
    noise_density
        Of each quadrature (V rms/sqrt(Hz)), at least 0.
    """

    def __init__(self, time_constant: float, stages: int, generator: np.random.Generator, noise_density: float) -> None:
        self._time_constant = time_constant
        # Signal and noise of all stages in one tuple, exchanged as a whole: other threads may be reading.
        zero = np.zeros(stages, dtype=np.complex128)
        self._state: tuple[ComplexArray, ComplexArray] = (zero, zero)
        self.restart_noise(generator, noise_density)

    @property
    def stage_outputs(self) -> ComplexArray:
        """Outputs of all stages (V rms), signal plus noise, shape (stages,)."""
        signal, noise = self._state
        return signal + noise

    @property
    def output(self) -> complex:
        """Output of the last stage (V rms), signal plus noise."""
        return complex(self.stage_outputs[-1])

    def configure(self, time_constant: float, stages: int) -> None:
        """Change time constant (s) and number of stages without a jump of the output.

        Stages that remain keep their state, new ones start from the output before the change.
        """
        signal, noise = self._state
        self._state = (_resized(signal, stages), _resized(noise, stages))
        self._time_constant = time_constant

    def restart_noise(self, generator: np.random.Generator, noise_density: float) -> None:
        """Draw a new, stationary state of the noise from `generator`, which also drives it from now on."""
        self._generator = generator
        self._state = (self._state[0], self._draw(np.inf, noise_density))

    def advance(self, duration: float, signal: complex, noise_density: float) -> None:
        """Let `duration` (s) pass with the constant input `signal` (V rms).

        Durations count in whole nanoseconds: differences of clock readings then are equal where the waits
        were equal, whatever the time, and so are the numbers drawn.
        """
        ratio = round(duration, 9) / self._time_constant
        if not ratio:
            return
        held, noise = self._state
        step = transition(ratio, len(held))
        self._state = (signal + step @ (held - signal), step @ noise + self._draw(ratio, noise_density))

    def _draw(self, ratio: float, noise_density: float) -> ComplexArray:
        stages = len(self._state[0])
        normal = self._generator.standard_normal(2 * stages).view(np.complex128)
        scale = noise_density / math.sqrt(2 * self._time_constant)
        return np.asarray(scale * (noise_root(ratio, stages) @ normal))


def _resized(outputs: ComplexArray, stages: int) -> ComplexArray:
    """State of `stages` stages whose output is that of `outputs`."""
    kept = min(stages, len(outputs)) - 1
    return np.concatenate([outputs[:kept], np.repeat(outputs[-1], stages - kept)])
