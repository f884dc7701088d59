"""Four-probe resistance and Hall loop on the simulated bench: the analyses find what the twin has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from acquisition.foreign_data import import_files
from acquisition.runner import Run
from analysis.errors import AnalysisError, InputError
from analysis.finding import Finding
from analysis.hall_loop import fit_hall_loop
from analysis.resistance import conductivity
from analysis.run_analysis import Analysis, analyze
from analysis.sample import read_sample
from analysis.stack import FloatArray
from instruments import Bench
from instruments.errors import LimitError
from procedures import HallLoop, Measurement, Resistance

CURRENTS = ["5 mA", "10 mA", "15 mA", "20 mA", "30 mA", "40 mA"]
QUICK = {"time_constant": "0.1 s"}


def measured(procedure: Measurement, name: str, bench: Bench, folder: Path) -> Analysis:
    result = Run(procedure, folder, name=name).execute(bench)
    assert result.state == "finished", result.reason
    return analyze([folder])


def pull(finding: Finding, name: str, truth: float) -> float:
    found = finding.quantities[name]
    assert found.std is not None
    return abs(found.value - truth) / found.std


def test_resistance_conductivity_and_heating_are_those_of_the_twin(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(
        twin__resistance_heating=20,
        twin__sample={"film": {"conductivity": "4.1e6 S/m"}, "geometry": {"length": "60 um"}},
        sample__geometry__length="60 +- 0.5 um",
    )  # fmt: skip
    procedure = Resistance.from_table({"currents": CURRENTS, **QUICK}, "test")
    start = bench.clock.now()
    planned, expected = procedure.duration(bench), procedure.expected(bench)
    analysis = measured(procedure, "resistance", bench, tmp_path)
    assert planned == pytest.approx(bench.clock.now() - start, rel=0.2)
    finding = analysis.findings[0]
    assert pull(finding, "resistance", 60e-6 / (50e-6 * 32e-9 * 4.1e6)) < 3
    assert pull(finding, "heating_coefficient", 20.0) < 3
    sigma = finding.quantities["conductivity"]
    assert sigma.value == pytest.approx(4.1e6, rel=1e-3)
    assert sigma.noise_std is not None and sigma.std is not None and sigma.noise_std < 1e-3 * sigma.value
    relative = np.linalg.norm([0.5 / 60, 0.3 / 50, 0.5 / 32])
    assert sigma.std == pytest.approx(relative * sigma.value, rel=0.01)
    for name in ("resistance", "heating_coefficient"):
        planned_std, std = expected[name].std, finding.quantities[name].std
        assert planned_std is not None and std is not None and 0.2 < std / planned_std < 3
    assert analysis.warnings == ()


def test_conductivity_that_the_sample_file_does_not_have_is_told_with_the_line_to_write(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(twin__sample={"film": {"conductivity": "3.5e6 S/m"}}, twin__resistance_heating=60)
    procedure = Resistance.from_table({"currents": ["10 mA", "20 mA", "30 mA", "40 mA"], **QUICK}, "test")
    stated, heated = measured(procedure, "resistance", bench, tmp_path).warnings
    assert 'conductivity = "3.5e+06 +- 5.5e+04 S/m"' in stated
    assert "10% above" in heated


def test_metal_beside_the_film_is_taken_off_its_conductivity() -> None:
    layers = {"above": [{"material": "Cu", "thickness": "5 nm", "conductivity": "3e7 S/m"}]}
    sample, _ = read_sample("py32-fused-silica", layers)
    assert conductivity(sample, sample.resistance) == pytest.approx(4.4e6)
    with pytest.raises(AnalysisError, match="metal layers alone"):
        conductivity(sample, 7.0)


def test_bad_parameters_of_transport_are_named(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated()
    with pytest.raises(InputError, match="at least three different"):
        Resistance.from_table({"currents": ["10 mA", "40 mA", "10 mA"]}, "test").check(bench)
    with pytest.raises(InputError, match=r"at least a period of the current, 0\.0588 s at 17 Hz"):
        HallLoop.from_table({"time_constant": "30 ms"}, "test").check(bench)
    with pytest.raises(LimitError, match=r"within 2\.5 T"):
        HallLoop.from_table({"largest_field": "3 T"}, "test").check(bench)
    bare = open_simulated(**{"bench.perpendicular_magnet": None})
    with pytest.raises(InputError, match="must have a perpendicular_magnet"):
        HallLoop().check(bare)


def test_hall_loop_finds_the_anomalous_and_the_ordinary_effect_with_their_signs(
    open_simulated: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = open_simulated(
        twin__anomalous_hall_resistivity=-3e-9, twin__ordinary_hall_coefficient=-2e-10,
        twin__sample={"film": {"effective_field": "1.05 T"}},
    )  # fmt: skip
    procedure = HallLoop.from_table({"steps": 15, "largest_field": "1.7 T", **QUICK}, "test")
    start = bench.clock.now()
    planned = procedure.duration(bench)
    analysis = measured(procedure, "hall-loop", bench, tmp_path)
    assert planned == pytest.approx(bench.clock.now() - start, rel=0.2)
    finding = analysis.findings[0]
    for name, truth in {
        "anomalous_hall_resistance": -3e-9 / 32e-9, "ordinary_hall_slope": -2e-10 / 32e-9, "effective_field": 1.05,
        "offset_resistance": 0.0, "anomalous_hall_resistivity": -3e-9,
        "anomalous_hall_conductivity": -3e-9 / (1 / 4.4e6**2 + 9e-18),
    }.items():  # fmt: skip
        assert pull(finding, name, truth) < 3, name
    found = finding.quantities["effective_field"]
    assert found.std is not None and found.std < 1e-3
    assert finding.quantities["anomalous_hall_conductivity"].std == pytest.approx(4.4e6**2 * 3e-9 * 0.048, rel=0.05)
    assert analysis.warnings == ()  # the file's own uncertainty, 20 mT, covers the difference


def test_loop_that_does_not_saturate_is_refused() -> None:
    field = np.linspace(-1, 1, 41)
    with pytest.raises(AnalysisError, match="larger field"):
        fit_hall_loop(field, 0.06 * np.clip(field / 0.95, -1, 1) + 1e-3 * field)


def hall_data(seed: int) -> tuple[FloatArray, FloatArray]:
    field = np.linspace(-1.8, 1.8, 61)
    noise = np.random.default_rng(seed).normal(size=61)
    return field, 0.05 * np.clip(field / 0.9, -1, 1) + 0.002 * field + 0.01 + 1e-5 * noise


def test_uncertainties_of_a_hall_loop_are_the_scatter_of_repeated_ones() -> None:
    fits = [fit_hall_loop(*hall_data(seed)).quantities for seed in range(40)]
    for name in fits[0]:
        stds = [fit[name].std for fit in fits]
        scatter = np.std([fit[name].value for fit in fits], ddof=1)
        assert_allclose(scatter, np.sqrt(np.mean(np.square(stds))), rtol=0.35, err_msg=name)


def test_imported_hall_data_are_analysed_by_the_same_function(tmp_path: Path) -> None:
    field, resistance = hall_data(3)
    lines = [
        "Field (mT),Hall resistance (ohm)",
        *(f"{1e3 * b:.6f},{r:.9f}" for b, r in zip(field, resistance, strict=True)),
    ]
    source = tmp_path / "hall.csv"
    source.write_text("\n".join(lines), encoding="utf-8")
    import_files([source], tmp_path, changes={"sample": "py32-fused-silica", "procedure": "hall-loop"})
    analysis = analyze([tmp_path])
    (finding,) = analysis.findings
    assert pull(finding, "anomalous_hall_resistance", 0.05) < 3
    assert pull(finding, "effective_field", 0.9) < 3
    assert pull(finding, "offset_resistance", 0.01) < 3
    assert ['effective_field = "0.9' in text for text in analysis.warnings] == [True]
