"""Bootstrap of a sample's torque: loops drawn anew from their own residuals, fitted again."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.averaged_loops import AveragedLoop, field_response, within
from analysis.loop_model import LoopModel
from analysis.loop_responses import LoopResponses
from analysis.loops import CHANNELS, Channel, Parity
from analysis.result import Bootstrap
from analysis.sample_analysis import SampleAnalysis
from analysis.stack import FloatArray
from analysis.torque_fit import TorqueModel

_CHUNK = 50  # replicates of one task
_PARTS: tuple[tuple[str, Parity], ...] = (("sample", "odd"), ("coil", "even"))  # on which the torque rests


@dataclass(frozen=True)
class Replicates:
    """Some replicates of one sample."""

    entry: SampleAnalysis
    numbers: range
    seed: int


def bootstrap_tasks(entries: Sequence[SampleAnalysis], count: int, seed: int) -> list[Replicates]:
    """Parts of the bootstrap of samples, sample after sample."""
    starts = range(0, count, _CHUNK)
    return [Replicates(entry, range(start, min(count, start + _CHUNK)), seed) for entry in entries for start in starts]


def replicate_torques(task: Replicates, reading: Callable[[Path], None]) -> FloatArray:
    """Torques (replicates, 2) (J/m^2, top and bottom, at the reported current density) of loops drawn anew.

    Notes
    -----
    Nonparametric, over residuals: each channel's residuals about the fit, widened by sqrt(n / (n - 1)), are drawn with
    replacement and added to the fit. That holds for noise that is independent from field to field; a slow drift is
    underestimated, as it is by the fit. Every replicate has a generator of its own, seeded with the seed, the names of
    the runs and its number, so that the result depends on nothing else.
    """
    entry = task.entry
    stack, data = entry.sample.stack(), entry.data
    model = _model(entry, data.loops)
    scale = entry.result.current_density.value / entry.current_density
    fitted: dict[tuple[str, Channel], tuple[Parity, Any, FloatArray, FloatArray]] = {}
    for path, parity in _PARTS:
        push = {"torque_top": -1.0, "torque_bottom": 1.0} if path == "sample" else {"calibration_field": 1.0}
        amplitude = model.amplitude(stack, path, parity, **push).value
        for channel in CHANNELS:
            loop = data.loops[(path, channel)]
            used = within(loop.field, entry.window)
            angle = amplitude * field_response(stack, loop.field[used], entry.side, entry.wavelength, **push)
            curve = angle.real if channel == "rotation" else angle.imag
            if parity == "odd":
                curve = curve * np.sign(loop.field[used])
            residuals = (loop.odd if parity == "odd" else loop.even)[used] - curve
            count = len(residuals)
            fitted[(path, channel)] = parity, used, curve, residuals * np.sqrt(count / max(1, count - 1))
    names = zlib.crc32(" ".join(entry.runs).encode())
    torques = np.empty((len(task.numbers), 2))
    for row, number in enumerate(task.numbers):
        generator = np.random.default_rng([task.seed, names, number])
        loops = dict(data.loops)
        for key, (parity, used, curve, residuals) in fitted.items():
            part = (loops[key].odd if parity == "odd" else loops[key].even).copy()
            part[used] = curve + generator.choice(residuals, len(residuals))
            loops[key] = replace(loops[key], odd=part) if parity == "odd" else replace(loops[key], even=part)
        torques[row] = scale * _model(entry, loops).fit(stack).faces()[0]
    return torques


def with_bootstrap(entry: SampleAnalysis, torques: FloatArray, seed: int) -> SampleAnalysis:
    """Add the bootstrap (replicates, 2) to the result of a sample."""
    return replace(entry, bootstrap=Bootstrap(torques, seed))


def _model(entry: SampleAnalysis, loops: dict[tuple[str, Channel], AveragedLoop] | Any) -> LoopModel:
    data = replace(entry.data, loops=loops)
    responses = LoopResponses(data, entry.window, entry.sample.stack(), entry.side, entry.wavelength)
    kind: TorqueModel = "free" if "sum of the torques" in entry.result.parameters else "antisymmetric"
    return LoopModel(data, responses, None, entry.calibration_field, kind, (), entry.side, entry.wavelength)
