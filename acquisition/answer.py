"""An answer to look at: the results of an analysis with the curves to be drawn and the inputs that can be changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.choices import Choices, ChoicesFile
from analysis.model_inputs import ModelInput, model_inputs
from analysis.run_analysis import Analysis, analyze
from analysis.sample import series_of_thickness
from analysis.sample_fit import fitted_loops
from analysis.thickness_series import series_response

if TYPE_CHECKING:
    from analysis.loops import Channel
    from analysis.sample_analysis import SampleAnalysis
    from analysis.sample_fit import FittedLoop
    from analysis.stack import ComplexArray, FloatArray
    from analysis.thickness_series import SeriesAnalysis


@dataclass(frozen=True)
class SampleAnswer:
    """Result of one sample, the curves of its fits by current path and channel, and its model inputs."""

    entry: SampleAnalysis
    fits: Mapping[tuple[str, Channel], FittedLoop]
    inputs: Sequence[ModelInput]


@dataclass(frozen=True)
class SeriesAnswer:
    """Result of a thickness series and what is drawn of it.

    Attributes
    ----------
    series
        The result.
    measured, std, residuals : (films,)
        Complex angles (rad), corrected by the calibration; their standard deviations; what the model leaves of them.
    thickness, model : (n,)
        Curve of the model: thickness (m) and complex angle (rad).
    """

    series: SeriesAnalysis
    measured: ComplexArray
    std: ComplexArray
    residuals: ComplexArray
    thickness: FloatArray
    model: ComplexArray


@dataclass(frozen=True)
class Answer:
    """An analysis with everything that is shown of it."""

    analysis: Analysis
    samples: tuple[SampleAnswer, ...]
    series: SeriesAnswer | None

    def numbers(self) -> str:
        """Write the results as lines of sample, quantity, value, standard uncertainty and unit, separated by tabs."""
        lines = ["sample\tquantity\tvalue\tstd\tunit"]
        results = [(one.entry.sample.name, one.entry.result.as_dict()) for one in self.samples]
        results += [] if self.series is None else [("thickness series", self.series.series.as_dict())]
        results += [(finding.sample, dict(finding.as_dict()["quantities"])) for finding in self.analysis.findings]
        for sample, document in results:
            for name, entry in {**document, **document.get("checks", {})}.items():
                if isinstance(entry, dict) and {"value", "std", "unit"} <= entry.keys():
                    std = "" if entry["std"] is None else f"{entry['std']:.6g}"
                    lines.append(f"{sample}\t{name}\t{entry['value']:.10g}\t{std}\t{entry['unit']}")
        return "\n".join(lines)

    def like(self, other: SampleAnswer) -> SampleAnswer | None:
        """Answer to the same runs as `other`, None where there is none."""
        return next((one for one in self.samples if one.entry.runs == other.entry.runs), None)


def find_answer(
    paths: Sequence[Path], current_density: float | None = None, changes: Mapping[str, Mapping[str, str]] | None = None
) -> Answer:
    """Analyse run files.

    Parameters
    ----------
    paths, current_density
        As of `analysis.run_analysis.analyze`.
    changes
        Keys of the sample file that replace those stored with the runs, by name of the sample, e.g.
        {"py32": {"film.thickness": "30 nm"}}.

    Raises
    ------
    InputError
        As `analyze` does.
    """
    samples = {name: dict(keys) for name, keys in (changes or {}).items()}
    choices = Choices(ChoicesFile(name="window", samples=samples))
    analysis = analyze(paths, current_density=current_density, choices=choices)
    series = None if analysis.series is None else _series(analysis.series)
    return Answer(analysis, tuple(map(_sample, analysis.samples)), series)


def _sample(entry: SampleAnalysis) -> SampleAnswer:
    sample = entry.sample
    fits = fitted_loops(
        entry.data, sample.stack(), sample.film.coercive_field, entry.side, entry.wavelength, entry.window
    )
    return SampleAnswer(entry, fits, model_inputs(sample))


def _series(series: SeriesAnalysis) -> SeriesAnswer:
    thickest = series.entries[-1]
    stacks = [entry.sample.stack() for entry in series.entries]
    measured = series.angles / series.gain
    parts = series.std / np.abs(series.gain)
    fine = np.linspace(series.thickness[0], series.thickness[-1], 120)
    model = series_response(series_of_thickness(thickest.sample, fine), series.result, thickest.wavelength)
    residuals = measured - series_response(stacks, series.result, thickest.wavelength)
    return SeriesAnswer(series, measured, parts, residuals, fine, model)
