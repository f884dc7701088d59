"""Commands that look at runs, recipes and analysis files: `asot runs ...`, `asot recipe ...`, `asot choices ...`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from analysis.errors import InputError

run_argument = click.argument("run")
paths_argument = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
folder_option = click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, help="Where stems and ids are found."
)


@click.group()
def runs() -> None:
    """Look at run files."""


@click.group("recipe")
def recipe_commands() -> None:
    """Look at recipes."""


@recipe_commands.command()
def schema() -> None:
    """Print the JSON schema of recipes, with which an editor completes and checks them.

    Example: asot recipe schema > recipe.schema.json
    """
    from acquisition.recipe import recipe_schema

    click.echo(json.dumps(recipe_schema(), indent=2))


@click.group("choices")
def choices_commands() -> None:
    """Look at analysis files."""


@choices_commands.command("schema")
def schema_of_choices() -> None:
    """Print the JSON schema of analysis files, with which an editor completes and checks them.

    Example: asot choices schema > analysis.schema.json
    """
    from analysis.choices import choices_schema

    click.echo(json.dumps(choices_schema(), indent=2))


@runs.command()
@paths_argument
def verify(paths: tuple[Path, ...]) -> int:
    """Check run files, or folders of them: checksum, units, mandatory fields, equal lengths.

    Example: asot runs verify asot-demo
    """
    from analysis.run_check import check_run
    from analysis.run_groups import run_files

    bad = 0
    for path in run_files(paths):
        faults = check_run(path)
        bad += bool(faults)
        for fault in faults:
            click.echo(f"asot: error: {fault}", err=True)
        if not faults:
            click.echo(f"{path}: good")
    return 1 if bad else 0


@runs.command("list")
@paths_argument
@json_option
def list_runs(paths: tuple[Path, ...], as_json: bool) -> None:
    """List run files, or folders of them.

    Example: asot runs list asot-demo
    """
    from analysis.run_file import load_run
    from analysis.run_groups import run_files

    for path in run_files(paths):
        try:
            run = load_run(path)
        except InputError as error:
            click.echo(f"asot: error: {error}", err=True)
            continue
        facts = {key: run.attrs.get(key, "") for key in ("run_id", "start_time", "procedure", "sample_name", "status")}
        facts |= {"points": run.sizes["point"], "title": run.attrs["plot"]["title"], "path": str(path)}
        click.echo(json.dumps(facts) if as_json else "  ".join(str(value) for value in facts.values()))


@runs.command()
@run_argument
@folder_option
@json_option
def show(run: str, out: Path, as_json: bool) -> None:
    """Print what a run file says about itself: a path, or a stem or id in the folder --out.

    Example: asot runs show 0123abcd --out asot-demo
    """
    from acquisition.export import summary
    from acquisition.resume import find_run
    from analysis.run_file import load_run

    data = load_run(find_run(run, out))
    if as_json:
        click.echo(json.dumps({**data.attrs, "points": data.sizes["point"]}))
    else:
        click.echo("\n".join(summary(data)))


@runs.command()
@run_argument
@folder_option
@click.option("--csv", "target", type=click.Path(path_type=Path), help="File to write; standard output by default.")
def export(run: str, out: Path, target: Path | None) -> None:
    """Write the points of a run as CSV, metadata in lines that begin with #.

    Example: asot runs export 0123abcd --out asot-demo --csv loop.csv
    """
    from acquisition.export import csv_text
    from acquisition.resume import find_run
    from analysis.run_file import load_run

    text = csv_text(load_run(find_run(run, out)))
    if target is None:
        click.echo(text, nl=False)
        return
    try:
        target.open("x", encoding="utf-8", newline="").close()
        target.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(
            f"CSV file must be new and in a folder that can be written; {target}: {error.strerror}. Choose another."
        ) from None


@runs.command()
@run_argument
@folder_option
@json_option
def follow(run: str, out: Path, as_json: bool) -> int:
    """Print the points of a run of another program as they are committed, until it ends.

    Example: asot runs follow 0123abcd --out runs --json
    """
    from acquisition.follow import follow as follow_run
    from acquisition.resume import find_run

    status = ""
    for event in follow_run(find_run(run, out)):
        status = event.get("status", "")
        if as_json:
            click.echo(json.dumps(event))
        elif event["event"] == "point":
            click.echo("  ".join(f"{key}={value:.6g}" for key, value in event.items() if key != "event"))
        else:
            click.echo(f"{event['status']}: {event['path']} {event['reason']}".rstrip())
    return 0 if status == "finished" else 1


@runs.command("import")
@click.argument("csv", type=click.Path(path_type=Path))
@click.option("--sample", required=True, help="Sample: a name in config/samples, or a path.")
@click.option("--procedure", default="", help="Whose analysis fits the columns, e.g. hall-loop.")
@click.option("--signal", help="Column to be plotted; the last one by default.")
@click.option("--axis", help="Column to plot it against; the first one by default.")
@folder_option
def import_run(csv: Path, sample: str, procedure: str, signal: str | None, axis: str | None, out: Path) -> None:
    """Make a run file of a CSV file that pymeasure wrote.

    Example: asot runs import old.csv --sample py32-fused-silica --out runs
    """
    from acquisition.csv_import import import_csv

    click.echo(str(import_csv(csv, out, sample=sample, procedure=procedure, signal=signal, axis=axis)))
