"""Waveforms of the software lock-in: kept with each point where asked for, and demodulated again to what was stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquisition import Run, State
from acquisition.journal import Journal
from acquisition.preflight import preflight
from analysis import demodulate, load_run, load_waveform
from analysis.errors import InputError
from analysis.run_file import Column
from analysis.waveform import Waveform
from instruments import Bench, open_bench
from procedures import FieldSweep

SAMPLES = 9600  # 500 kHz for as long as a filter of 3 ms averages
WITNESS = Path(__file__).parent / "data/schema-1.h5"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with open_bench("simulated-daq", settings={"bench.lock_in.keep_waveforms": True}) as opened:
        yield opened


def sweep(**changes: object) -> FieldSweep:
    return FieldSweep(**{"steps": 3, "polarizations": ["45 deg"], "time_constant": "3 ms", **changes})


def test_stored_waveforms_give_the_stored_x_and_y_again_also_in_a_resumed_run(bench: Bench, tmp_path: Path) -> None:
    def stop(index: int, total: int, row: Any) -> None:
        if index == 0:
            first.skip()
        if index == 3:
            first.abort()

    first = Run(sweep(), tmp_path, name="field-sweep", on_point=stop)
    early = first.execute(bench)
    assert (early.state, early.points) == (State.ABORTED, 4) and early.path is not None
    last = Run(sweep(), tmp_path, name="field-sweep", resume=early.path).execute(bench)
    assert last.state is State.FINISHED and last.path is not None, last.reason
    run = load_run(last.path)
    for point in (0, 2, 3, 4, 5):
        waveform = load_waveform(last.path, point)
        assert waveform.sizes == {"sample": SAMPLES, "channel": 3} and waveform.attrs["units"] == "V"
        assert waveform["channel"].values.tolist() == ["difference", "sum", "reference"]
        chosen, second = demodulate(waveform.T, **waveform.attrs["demodulation"])
        assert (chosen.real, chosen.imag) == (run["x"].values[point], run["y"].values[point])
        assert abs(second) < 1e-4 and abs(waveform.sel(channel="sum").mean() / run["sum"].values[point] - 1) < 1e-2
    assert np.isnan(load_waveform(last.path, 1)).all()  # the one that was skipped
    np.testing.assert_array_equal(load_waveform(last.path, 3), load_waveform(early.path, 3))
    with h5py.File(last.path) as file:
        blocks = file["entry/waveforms/voltage"]
        assert blocks.attrs["units"] == "V" and blocks.chunks == (1, SAMPLES, 3) and blocks.fletcher32
        assert blocks.id.get_storage_size() < 0.6 * blocks.size * 8
    for point in (-1, 6):
        with pytest.raises(InputError, match="must lie in 0 to 5"):
            load_waveform(last.path, point)


def test_room_for_waveforms_is_counted_and_averaged_points_are_refused(bench: Bench) -> None:
    with open_bench("simulated-daq") as plain:
        extra = preflight(sweep(), bench).file_size - preflight(sweep(), plain).file_size
    assert extra == 6 * SAMPLES * 3 * 8
    with pytest.raises(InputError, match="must be single readings"):
        sweep(target_error="4 nrad").check(bench)


def test_run_without_waveforms_says_how_to_keep_them() -> None:
    with pytest.raises(InputError, match="keep_waveforms = true"):
        load_waveform(WITNESS, 0)


def test_lock_in_that_is_set_otherwise_at_a_later_point_is_refused(tmp_path: Path) -> None:
    metadata = {
        "run_id": "0123abcd", "procedure": "none", "parameters": {}, "plot": {"signal": "x", "axis": "x", "title": "x"},
    }  # fmt: skip
    notes = {"bench": "", "sample": 'name = "none"', "recipe": ""}
    with Journal.create(tmp_path / "a.journal", metadata, notes, [Column("x", "V", "x", "measured")]) as journal:
        journal.append({"x": 1.0}, Waveform(np.zeros((2, 3)), {"samples": 2, "demodulation": {"phase": 0.0}}))
        with pytest.raises(InputError, match="must stay as at its first point"):
            journal.append({"x": 2.0}, Waveform(np.zeros((2, 3)), {"samples": 2, "demodulation": {"phase": 1.0}}))
