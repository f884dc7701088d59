"""Is a run file whole: checksum, units that can be read, mandatory fields, equal lengths, the note of its plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError
from analysis.run_file import REQUIRED_NOTES, load_run, verify_run

if TYPE_CHECKING:
    import xarray

MANDATORY = ("run_id", "procedure", "parameters", "plot", "start_time", "status", "exit_reason", "schema_version")
"""Metadata without which a run file does not explain itself."""

NEXUS_FIELDS = (
    "definition",
    "title",
    "start_time",
    "experiment_type",
    "sample/name",
    "instrument/beam_probe/parameter_reliability",
    "instrument/detector_kerr/detector_channel_type",
    "instrument/software_asot/program",
)
"""Fields of `entry` that the NeXus definition asks for."""


def check_run(path: Path) -> list[str]:
    """Look for faults of a run file.

    Parameters
    ----------
    path
        A `run-*.h5` file.

    Returns
    -------
    list of str
        One line for each fault, naming the file; empty where there is none. NeXus validators miss wrong units and
        some missing fields: here they are looked at.
    """
    import h5py

    try:
        verify_run(path)
        run = load_run(path)
    except InputError as error:
        return [str(error)]
    faults = [f"metadata {key!r} is missing" for key in MANDATORY if key not in run.attrs]
    if run.attrs.get("status") == "finished" and "end_time" not in run.attrs:
        faults.append("metadata 'end_time' of a finished run is missing")
    with h5py.File(path, "r") as file:
        entry = file["entry"]
        faults += [f"field entry/{name} is missing" for name in NEXUS_FIELDS if name not in entry]
        faults += [f"note {name!r} is missing" for name in REQUIRED_NOTES if f"notes/{name}/data" not in entry]
        faults += _data_faults(run, entry["data"])
    return [f"Run file {path}: {fault}. Restore it from a backup, or tell who wrote it." for fault in faults]


def _data_faults(run: xarray.Dataset, data: Any) -> list[str]:
    faults = []
    lengths = {str(name): len(data[name]) for name in run.data_vars}
    if len(set(lengths.values())) > 1:
        faults.append(f"columns must be equally long; received {lengths}")
    for name, column in run.data_vars.items():
        unit = data[name].attrs.get("units")
        if unit != column.attrs["units"]:
            faults.append(f"unit of column {name!r} must be {column.attrs['units']!r}; received {unit!r}")
        elif unit and not is_unit(unit):
            faults.append(f"unit of column {name!r} must be one that can be read; received {unit!r}")
    plot = run.attrs.get("plot", {})
    if data.attrs.get("signal") != plot.get("signal") or plot.get("signal") not in lengths:
        faults.append(f"plot must show a column; received {data.attrs.get('signal')!r}")
    return faults


def is_unit(text: str) -> bool:
    """Whether `text` is a unit that can be read; "" is one, of numbers without unit."""
    from analysis.configuration import units

    try:
        units().parse_units(text)
    except Exception:  # pint raises various types on odd text
        return False
    return True
