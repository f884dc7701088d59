"""Command that makes the paper's figures and numbers: `asot reproduce`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default="asot-reproduction", show_default=True,
    help="Folder for what is written.",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Use the model and the measured series alone; seconds instead of minutes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output; progress goes to standard error.")
def reproduce(out: Path, quick: bool, as_json: bool) -> None:
    """Make the paper's figures and measured numbers again, beside the published ones.

    Example: asot reproduce --quick --out /tmp/paper
    """
    from acquisition.progress import Report
    from acquisition.reproduce import reproduce as reproduce_paper

    document = reproduce_paper(out, Report(as_json), quick=quick)
    if as_json:
        click.echo(json.dumps(document))
