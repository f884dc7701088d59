"""Software lock-in: first and second harmonic of sampled signals by weighted least squares, and their reference."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError, InputError
from analysis.stack import ComplexArray, FloatArray

TAPER = 0.1
"""Part of the record, both ends together, over which the weight falls to zero (Tukey window)."""
_BLOCK = 1024
_LEAST_CYCLES = 4.0
_LOCK = 5.0  # amplitude of the reference over what else is on its channel, in rms


@dataclass(frozen=True)
class Harmonics:
    """What a record holds at its reference and at twice that.

    Attributes
    ----------
    offset : (...)
        Mean (V).
    slope : (...)
        Drift over the whole record (V).
    first, second : (...)
        Complex amplitude X + iY (V rms) at once and twice the reference: sqrt(2) (X sin + Y cos).
    noise : (...)
        Rms (V) of what is none of these.
    """

    offset: FloatArray
    slope: FloatArray
    first: ComplexArray
    second: ComplexArray
    noise: FloatArray


@dataclass(frozen=True)
class Reference:
    """Sine found on a reference channel: frequency (Hz), phase (rad) of its sine at the first sample, V rms."""

    frequency: float
    phase: float
    amplitude: float


def taper_weights(samples: int, taper: float = TAPER) -> FloatArray:
    """Weights (samples,) of squares: a Tukey window, which falls to 0 over `taper`/2 of the record at each end.

    Its edge is a sine squared of a sine squared instead of the plain one, whose jumps of curvature would let a drift
    leak a thousand times more at twenty cycles per edge, for the same variance.
    """
    weights = np.ones(samples)
    edge = _edge(samples, taper)
    if edge:
        plain = np.sin(0.5 * np.pi * (np.arange(edge) + 0.5) / edge) ** 2
        rise = np.sin(0.5 * np.pi * plain) ** 2
        weights[:edge] = rise
        weights[samples - edge :] = rise[::-1]
    return weights


def _edge(samples: int, taper: float) -> int:
    """Samples at each end whose weight is less than 1."""
    return math.ceil(taper * samples / 2)


def fit_harmonics(
    signals: npt.ArrayLike, rate: float, frequency: float, phase: float = 0.0, *, taper: float = TAPER
) -> Harmonics:
    """Fit offset, slope, first and second harmonic to sampled signals.

    Parameters
    ----------
    signals : (..., n)
        Voltages (V), equally spaced.
    rate
        Sampling rate (Hz); the second harmonic must lie below half of it.
    frequency
        Of the reference (Hz); the record must hold at least four cycles.
    phase
        Of the reference's sine at the first sample (rad).
    taper
        Part of the record over which the weight falls; 0 is plain least squares.

    Returns
    -------
    Harmonics
        With the leading axes of `signals`.

    Raises
    ------
    InputError
        For records too short, too coarse or not finite.

    Notes
    -----
    Least squares with Tukey weights: a drift or a mains tone leaks into the result by parts per million, for 4 % more
    variance than the Cramer-Rao bound 2 sigma^2 / n of an amplitude. All sums over samples are matrix products of
    blocks of the record with the harmonics over one block, turned by the phase at which each block begins.
    """
    values = np.atleast_2d(np.asarray(signals, dtype=float))
    leading, count = np.shape(signals)[:-1], values.shape[-1]
    _require(count, rate, frequency)
    values = values.reshape(-1, count)
    blocks = -(-count // _BLOCK)
    step = 2 * math.pi * frequency / rate
    place = np.arange(_BLOCK, dtype=float)
    starts = np.arange(blocks) * float(_BLOCK)
    centre = (count - 1) / 2
    turns = {h: np.exp(1j * h * np.remainder(phase + step * starts, 2 * math.pi)) for h in range(1, 5)}
    waves = {h: np.exp(1j * np.remainder(h * step * place, 2 * math.pi)) for h in range(1, 5)}

    within = np.stack(
        [np.ones(_BLOCK), place, waves[1].real, waves[1].imag, waves[2].real, waves[2].imag], axis=1
    )  # fmt: skip
    edges = _edge_blocks(count, taper)
    sums, square = _block_sums(values, within, edges)
    first, second = ((sums[..., 2 * h] + 1j * sums[..., 2 * h + 1]) @ turns[h] for h in (1, 2))
    total = sums[..., 0].sum(-1)
    drift = (sums[..., 1].sum(-1) + sums[..., 0] @ (starts - centre)) / count
    right = np.stack([total, drift, first.imag, first.real, second.imag, second.real], axis=-1)

    if not np.isfinite(right).all():
        raise InputError("Signals of fit_harmonics must be finite; received NaN or infinity. Check the channel.")

    normal = _normal_matrix(blocks, edges, place, starts, centre, count, turns, waves)
    answer = np.linalg.solve(normal, right[..., np.newaxis])[..., 0]
    left = np.maximum(square - np.einsum("ij,ij->i", answer, right), 0.0)
    noise = np.sqrt(left / normal[0, 0])
    offset, slope, sine, cosine, sine2, cosine2 = np.moveaxis(answer, -1, 0)
    return Harmonics(
        offset.reshape(leading),
        slope.reshape(leading),
        ((sine + 1j * cosine) / math.sqrt(2)).reshape(leading),
        ((sine2 + 1j * cosine2) / math.sqrt(2)).reshape(leading),
        noise.reshape(leading),
    )


@lru_cache(maxsize=8)
def _edge_blocks(count: int, taper: float) -> dict[int, FloatArray]:
    """Weights (block,) of the blocks in which they are not all 1, by number of the block; 0 beyond the record."""
    edge, blocks = _edge(count, taper), -(-count // _BLOCK)
    weights = np.zeros(blocks * _BLOCK)
    weights[:count] = taper_weights(count, taper)
    tapered = {*range(-(-edge // _BLOCK)), *range((count - edge) // _BLOCK, blocks)}
    return {block: weights[block * _BLOCK : (block + 1) * _BLOCK] for block in tapered}


def _block_sums(
    values: FloatArray, within: FloatArray, edges: dict[int, FloatArray]
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Weighted sums over each block with the columns of `within` (signals, blocks, columns), and of squares."""
    count = values.shape[1]
    whole, blocks = count // _BLOCK, -(-count // _BLOCK)
    middle = range(len([b for b in edges if b < blocks / 2]), min((b for b in edges if b >= blocks / 2), default=whole))
    sums = np.zeros((len(values), blocks, within.shape[1]))
    square = np.zeros(len(values))
    if len(middle):
        inner = values[:, middle.start * _BLOCK : middle.stop * _BLOCK]
        sums[:, middle.start : middle.stop] = inner.reshape(len(values), -1, _BLOCK) @ within
        square += np.einsum("ij,ij->i", inner, inner)
    for block, weights in edges.items():
        part = values[:, block * _BLOCK : (block + 1) * _BLOCK]
        weighted = part * weights[: part.shape[1]]
        sums[:, block] = weighted @ within[: part.shape[1]]
        square += np.einsum("ij,ij->i", weighted, part)
    return sums, square


def _normal_matrix(
    blocks: int, edges: dict[int, FloatArray], place: FloatArray, starts: FloatArray, centre: float, count: int,
    turns: dict[int, ComplexArray], waves: dict[int, ComplexArray],
) -> FloatArray:  # fmt: skip
    """Weighted inner products (6, 6) of 1, time, sine and cosine of both harmonics, from sums of exponentials."""
    columns = [np.ones(len(place)), place, place**2]
    for h in range(1, 5):
        columns += [waves[h].real, waves[h].imag]
    for h in (1, 2):
        columns += [place * waves[h].real, place * waves[h].imag]
    table = np.stack(columns, axis=1)
    sums = np.tile(table.sum(0), (blocks, 1))  # (blocks, 15)
    for block, weights in edges.items():
        sums[block] = weights @ table
    origin = starts - centre
    one = sums[:, 0].sum()
    time = (sums[:, 1] + sums[:, 0] * origin).sum() / count
    square = (sums[:, 2] + 2 * sums[:, 1] * origin + sums[:, 0] * origin**2).sum() / count**2
    tone = {0: complex(one)}
    ramp = {}
    for h in range(1, 5):
        wave = sums[:, 2 * h + 1] + 1j * sums[:, 2 * h + 2]
        tone[h] = complex(wave @ turns[h])
        if h < 3:
            inner = sums[:, 9 + 2 * h] + 1j * sums[:, 10 + 2 * h]
            ramp[h] = complex((inner + wave * origin) @ turns[h]) / count
    matrix = np.empty((6, 6))
    matrix[0, 0], matrix[0, 1], matrix[1, 1] = one, time, square
    for h in (1, 2):
        matrix[0, 2 * h], matrix[0, 2 * h + 1] = tone[h].imag, tone[h].real
        matrix[1, 2 * h], matrix[1, 2 * h + 1] = ramp[h].imag, ramp[h].real
        for k in range(h, 3):
            difference, both = tone[k - h], tone[k + h]
            matrix[2 * h, 2 * k] = (difference.real - both.real) / 2
            matrix[2 * h + 1, 2 * k + 1] = (difference.real + both.real) / 2
            matrix[2 * h, 2 * k + 1] = (both.imag - difference.imag) / 2
            matrix[2 * h + 1, 2 * k] = (both.imag + difference.imag) / 2
    lower = np.tril_indices(6, -1)
    matrix[lower] = matrix.T[lower]
    return matrix


def find_reference(samples: npt.ArrayLike, rate: float, frequency: float) -> Reference:
    """Find frequency and phase of the sine on a reference channel.

    Parameters
    ----------
    samples : (n,)
        Voltages (V) of a sine or a square wave.
    rate
        Sampling rate (Hz).
    frequency
        Expected frequency (Hz), right to within a twentieth.

    Returns
    -------
    Reference

    Raises
    ------
    AnalysisError
        Where no such sine stands out of what else is on the channel.

    Notes
    -----
    The frequency that turns the phases of both halves of a record into one; begun on a short record and refined on
    four times longer ones, so that the phase never runs away by half a turn.
    """
    values = np.asarray(samples, dtype=float)
    _require(values.size, rate, frequency)
    expected, length = frequency, math.ceil(2 * _LEAST_CYCLES * rate / frequency)
    while True:
        length = min(length, values.size)
        part = values[:length]
        for _ in range(2 if length < 4 * _BLOCK else 1):
            frequency += _correction(part, rate, frequency)
            if not 0.95 * expected <= frequency <= 1.05 * expected:
                raise _no_reference(expected, rate)
        if length == values.size:
            break
        length *= 4
    found = fit_harmonics(values, rate, frequency)
    amplitude = abs(complex(found.first))
    if not amplitude > 1.0 / _LOCK * float(found.noise):
        raise _no_reference(expected, rate)
    return Reference(frequency, float(np.angle(found.first)), amplitude)


def _no_reference(frequency: float, rate: float) -> AnalysisError:
    return AnalysisError(
        f"Reference channel must carry a sine or square wave near {frequency:g} Hz; none stands out at {rate:g} "
        "samples per second. Check the cable of the reference, and that the source runs."
    )


def _correction(samples: FloatArray, rate: float, frequency: float) -> float:
    """Frequency (Hz) by which the phase runs between the middles of both halves."""
    half = samples.size // 2
    least = math.ceil(_LEAST_CYCLES * rate / frequency)
    if half < least:
        return 0.0
    step = 2 * math.pi * frequency * half / rate
    early = complex(fit_harmonics(samples[:half], rate, frequency).first)
    late = complex(fit_harmonics(samples[half : 2 * half], rate, frequency, math.remainder(step, math.tau)).first)
    if early == 0 or late == 0:
        return 0.0
    return float(np.angle(late / early)) * rate / (2 * math.pi * half)


def demodulate(
    record: npt.ArrayLike,
    *,
    rate: float,
    frequency: float,
    phase: float = 0.0,
    skew: float = 0.0,
    harmonic: int = 1,
    internal: bool = False,
) -> tuple[complex, complex]:
    """X + iY of one record of difference, sum and reference.

    Parameters
    ----------
    record : (3, n)
        Voltages (V) of the three channels.
    rate, frequency
        Of sampling, and expected of the reference (Hz).
    phase
        Of the current against the reference (rad).
    skew
        Time (s) by which the difference is sampled after the reference.
    harmonic
        1 or 2: which one is X + iY.
    internal
        Whether the phase counts from the first sample at `frequency`, whatever the reference channel holds.

    Returns
    -------
    chosen, second
        X + iY (V rms) at the chosen and at the second harmonic, turned to the phase of the current.

    Raises
    ------
    AnalysisError
        Where there is no reference.
    """
    volts = np.asarray(record, dtype=float)
    reference = Reference(frequency, 0.0, 0.0) if internal else find_reference(volts[2], rate, frequency)
    found = fit_harmonics(
        volts[0], rate, reference.frequency, reference.phase + 2 * math.pi * reference.frequency * skew
    )
    second = complex(found.second) * cmath.exp(-2j * phase)
    return second if harmonic == 2 else complex(found.first) * cmath.exp(-1j * phase), second


def channel_delay(first: npt.ArrayLike, second: npt.ArrayLike, rate: float, frequency: float) -> float:
    """Time (s) by which the channel `second` is sampled after `first`, both carrying the same sine.

    Parameters
    ----------
    first, second : (n,)
        Voltages (V).
    rate, frequency
        Of sampling and of the sine (Hz).

    Returns
    -------
    float
        Unambiguous within half a cycle.
    """
    reference = find_reference(first, rate, frequency)
    found = fit_harmonics(second, rate, reference.frequency, reference.phase)
    return float(np.angle(found.first)) / (2 * math.pi * reference.frequency)


def _require(count: int, rate: float, frequency: float) -> None:
    if not (0 < frequency < rate / 4):
        raise InputError(
            f"Frequency of the reference must lie above 0 and below a quarter of the sampling rate {rate:g} Hz, so "
            f"that its second harmonic can be told; received {frequency:g} Hz. Sample faster."
        )
    if count * frequency < _LEAST_CYCLES * rate * (1 - 1e-9):
        raise InputError(
            f"Record must hold at least {_LEAST_CYCLES:g} cycles of {frequency:g} Hz; received {count} samples at "
            f"{rate:g} Hz. Sample for longer."
        )
