"""What a run file says about itself, in words, and its points as CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray


def summary(run: xarray.Dataset) -> list[str]:
    """Lines that describe a run, from `load_run`."""
    about = run.attrs
    keys = ("run_id", "procedure", "start_time", "end_time", "status", "exit_reason", "sample_name", "bench_name")
    lines = [f"{key:<16} {about[key]}" for key in (*keys, "tags", "comment", "sha256") if about.get(key)]
    for origin in about.get("resumed_from", []):
        lines.append(f"{'resumed_from':<16} {origin['file']}: {origin['points']} points, {origin['status']}")
    units = about.get("parameter_units", {})
    lines += ["parameters"]
    lines += [f"  {name:<20} {value} {units.get(name, '')}".rstrip() for name, value in about["parameters"].items()]
    lines += ["instruments"]
    lines += [f"  {role:<20} {entry.get('identity', '')}" for role, entry in about.get("instruments", {}).items()]
    lines += [f"columns, {run.sizes['point']} points"]
    for name, column in run.data_vars.items():
        low, high = (float(column.min()), float(column.max())) if column.size else (float("nan"), float("nan"))
        unit = column.attrs["units"]
        lines.append(f"  {name!s:<20} {low:12.5g} .. {high:<12.5g} {unit:<5} {column.attrs['long_name']}")
    return lines


def csv_text(run: xarray.Dataset) -> str:
    """Points of a run as CSV: `name (unit)` as header, numbers that read back to the same bits."""
    stream = io.StringIO()
    about = {key: value for key, value in run.attrs.items() if key not in ("provenance", "instruments", "sample")}
    for key, value in about.items():
        stream.write(f"# {key}: {json.dumps(value)}\n")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        f"{name} ({column.attrs['units']})" if column.attrs["units"] else str(name)
        for name, column in run.data_vars.items()
    )
    writer.writerows(
        zip(*(map(repr, column.to_numpy().tolist()) for column in run.data_vars.values()), strict=True)
    )  # fmt: skip
    return stream.getvalue()
