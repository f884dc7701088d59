"""Polarisation sweeps through the real drivers: polar and quadratic part, misalignment, and the in-plane field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acquisition import run
from analysis import load_run
from analysis.errors import AnalysisError, InputError
from analysis.finding import Finding
from analysis.polarization_sweep import analyze_polarization_sweep, in_plane_field
from analysis.run_analysis import analyze
from analysis.run_groups import sample_of
from instruments import Bench
from procedures import PolarizationSweep

SWING = 12e-6  # T/A, in-plane field along y of the current in the sample
QUADRATIC = 4e-4  # rad
FIELD, ANISOTROPY = 20e-3, 0.3e-3  # T
WORLD = {
    "twin__quadratic_kerr": f"{QUADRATIC}+1e-4j",
    "twin__transverse_field": f"{SWING} T/A",
    "twin__polarization_misalignment": 0.02,
    "twin__easy_axis": 0.0,
    "bench__sum_detector__gain": 0.96,
}


def sweep(**parameters: object) -> PolarizationSweep:
    table = {"time_constant": "1 s", "steps": 9}
    return PolarizationSweep.from_table(table | parameters, "test")  # type: ignore[return-value]


def measure(procedure: PolarizationSweep, bench: Bench, folder: Path) -> Path:
    result = run(procedure, bench, folder, name="polarization-sweep", number=len(list(folder.glob("*.h5"))))
    assert result.state == "finished" and result.path is not None, result.reason
    return result.path


def found(path: Path) -> Finding:
    dataset = load_run(path)
    return analyze_polarization_sweep(dataset, sample_of(dataset))


def pull(finding: Finding, name: str, truth: float) -> float:
    estimate = finding.quantities[name]
    assert estimate.std is not None
    return (estimate.value - truth) / estimate.std


def test_pair_of_sweeps_gives_the_in_plane_field_of_the_current(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(**WORLD)
    paths = [
        measure(sweep(), bench, tmp_path),
        measure(sweep(path="transverse_coil", current="400 mA"), bench, tmp_path),
    ]
    measured, reference = (found(path) for path in paths)
    quadratic = 2 * QUADRATIC * SWING * 0.04 / (FIELD + ANISOTROPY)
    assert abs(pull(measured, "polar_signal", 0)) > 10
    for name in ("quadratic_signal", "residual_bound"):
        assert abs(pull(measured, name, quadratic)) < 3
    assert measured.quantities["quadratic_signal"].std == pytest.approx(1.4e-9, rel=0.6)
    assert abs(pull(reference, "misalignment", 0.02)) < 3 and reference.quantities["misalignment"].std < 1e-3  # type: ignore[operator]
    assert abs(pull(reference, "polar_signal", 0)) < 3

    result = analyze([tmp_path])
    assert result.samples == () and len(result.findings) == 3
    field = result.findings[-1]
    assert abs(pull(field, "transverse_field_per_ampere", SWING)) < 3
    assert field.quantities["transverse_field_per_ampere"].std == pytest.approx(1.2e-6, rel=0.6)
    assert len(field.runs) == 2

    elsewhere = load_run(paths[1])
    elsewhere["field"] = 1.5 * elsewhere["field"]
    sample = sample_of(elsewhere)
    with pytest.raises(AnalysisError, match=r"must share their field; received 0.* and 0"):
        in_plane_field([load_run(paths[0]), elsewhere], sample)
    assert in_plane_field([elsewhere], sample) is None


def test_coil_sweep_finds_its_signal_even_in_the_field_in_the_planned_time(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(**WORLD)
    procedure = sweep(path="coil", current="400 mA", channel="ellipticity", steps=5, time_constant="0.1 s")
    start = bench.clock.now()
    path = measure(procedure, bench, tmp_path)
    assert float(load_run(path)["time"][-1]) - start == pytest.approx(procedure.duration(bench), rel=0.2)
    finding = found(path)
    expected = procedure.expected(bench)["polar_signal"]
    assert finding.quantities["polar_signal"].value == pytest.approx(expected.value, rel=0.05)
    assert finding.quantities["quadratic_signal"].p_value(0) > 0.003  # few points: Student's t


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"steps": 4}, "'steps' must lie in 5 to 10000"),
        ({"path": "wire"}, "'path' must be one of 'sample', 'coil', 'transverse_coil'"),
        ({"field": "0.5 mT"}, "field of a polarisation sweep must be at least 0.9 mT"),
    ],
)
def test_bad_parameters_get_one_sentence(table: dict[str, object], words: str, bench: Bench) -> None:
    with pytest.raises(InputError, match=words):
        sweep(**table).check(bench)
