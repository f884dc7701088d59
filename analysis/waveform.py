"""Waveforms: the samples behind each reading of a software lock-in, where a run keeps them, read block by block."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analysis.errors import InputError
from analysis.run_file import load_run
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

CHANNELS = ("difference", "sum", "reference")
"""What is sampled together."""

WAVEFORM_DATASET = "entry/waveforms/voltage"
"""Where run files keep them: (points, samples, channels), V."""


class Waveform(NamedTuple):
    """Samples behind one reading.

    Attributes
    ----------
    volts : (samples, channels)
        Voltages (V).
    description
        "channels", "samples", and "demodulation": the arguments with which `analysis.software_lock_in.demodulate`
        makes the reading of them. The same for every point of a run.
    """

    volts: FloatArray
    description: dict[str, Any]


def load_waveform(path: str | Path, point: int) -> xarray.DataArray:
    """Read the samples behind one point of a run; the others stay on the disk.

    Parameters
    ----------
    path
        A `run-*.h5` file of a bench whose software lock-in had `keep_waveforms = true`.
    point
        Index of the point, from 0.

    Returns
    -------
    xarray.DataArray
        Dimensions `sample` and `channel`, V; NaN where the point was skipped. Coordinates: `time` (s) from the first
        sample on, and the names of the channels. Attributes: `units` and the `demodulation`, so that
        `demodulate(waveform.T, **waveform.attrs["demodulation"])` gives X + iY as stored, and the second harmonic.

    Raises
    ------
    InputError
        Where the run kept no waveforms or has no such point, and as `load_run` does.
    """
    import h5py
    import xarray

    description = load_run(path).attrs.get("waveforms")
    if description is None:
        raise InputError(
            f"Run file {path} must hold waveforms; it has none. Set lock_in.keep_waveforms = true in the bench file of "
            "a software lock-in before a run."
        )
    with h5py.File(path, "r") as file:
        blocks = file[WAVEFORM_DATASET]
        if not 0 <= point < len(blocks):
            raise InputError(
                f"Point of {path} must lie in 0 to {len(blocks) - 1}; received {point}. Look at the run with load_run."
            )
        volts = np.asarray(blocks[point])
    demodulation = description["demodulation"]
    time = np.arange(len(volts)) / demodulation["rate"]
    return xarray.DataArray(
        volts,
        dims=("sample", "channel"),
        coords={"channel": list(description["channels"]), "time": ("sample", time, {"units": "s"})},
        attrs={"units": "V", "demodulation": demodulation},
    )
