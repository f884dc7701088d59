"""What `asot analyze` writes beside its numbers: a page and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from analysis.run_analysis import Analysis


def write_output(
    analysis: Analysis, paths: Sequence[Path], page: Path | None, figures: Path | None, choices: Mapping[str, str]
) -> None:
    """Write the report to `page` and all figures to the folder `figures`, where they are asked for.

    Raises
    ------
    AsotError
        Where they cannot be written.
    """
    if page is not None:
        from analysis.report import write_report
        from analysis.run_sources import run_sources

        write_report(page, analysis, run_sources(paths), choices)
        click.echo(f"Wrote {page}", err=True)
    if figures is not None:
        from analysis.report_figures import write_figures

        written = write_figures(analysis, figures)
        click.echo(f"Wrote {len(written)} files to {figures}", err=True)
