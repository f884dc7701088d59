"""The page of a reproduction: published values beside those found here, and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.page import drawing, render
from analysis.published import Comparison, published_values
from analysis.report_origin import runs_rows
from analysis.result import Estimate
from analysis.typography import estimate_text, typeset

if TYPE_CHECKING:
    from analysis.published_series import PublishedSeries
    from analysis.report_figures import ReportFigure
    from analysis.run_sources import RunSource

_ORIGINS = ("measured series", "simulated bench", "model")


def reproduction_html(
    comparisons: Sequence[Comparison],
    figures: Sequence[ReportFigure],
    series: PublishedSeries,
    warnings: Sequence[str],
    runs: Sequence[RunSource],
    *,
    quick: bool,
) -> str:
    """Page of a reproduction.

    Parameters
    ----------
    comparisons, figures, warnings
        What is shown.
    series
        The measured series, for its fits under other assumptions.
    runs
        Run files of the simulated bench.
    quick
        Whether there was no bench.

    Returns
    -------
    str
        HTML that needs nothing beside it.
    """
    groups = []
    for origin in _ORIGINS:
        rows = [_row(comparison) for comparison in comparisons if comparison.origin == origin]
        if rows:
            groups.append((origin, rows))
    fits = {"as fitted": series.result.efficiency, **series.variants}
    context = {
        "title": "The paper’s figures and numbers, " + ("from the model" if quick else "on a simulated bench"),
        "groups": groups,
        "variants": [_variant(name, one) for name, one in fits.items()],
        "figures": [drawing(figure) for figure in figures],
        "warnings": warnings,
        "runs": runs_rows(runs),
        "quick": quick,
    }
    return render("reproduction.html.j2", context)


def _row(comparison: Comparison) -> tuple[str, ...]:
    label, found = typeset(comparison.published.label), estimate_text(comparison.found)
    return comparison.figure, label, comparison.published_text, found, typeset(comparison.words), comparison.note


def _variant(name: str, efficiency: Estimate) -> tuple[str, ...]:
    compared = Comparison("3d", published_values()["efficiency"], efficiency, "measured series")
    return name, compared.published_text, estimate_text(efficiency), typeset(compared.words)
