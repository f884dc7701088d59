"""Files of other programs become run files that give the torque of the data in them, or one line that says why not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.testing import assert_allclose, assert_array_equal
from pymeasure.experiment import FloatParameter, Procedure, Results

from acquisition.cli import main
from acquisition.foreign_data import describe_import, import_files
from acquisition.foreign_table import TextFormat, read_csv
from acquisition.labview_text import read_lvm
from acquisition.loop_order import loop_order
from acquisition.runner import Run
from analysis import analyze, load_run
from analysis.errors import InputError
from analysis.result import Estimate
from analysis.run_check import check_run
from analysis.sample import read_sample, series_of_thickness
from analysis.series_file import MEASURED_CURRENT_DENSITY, MEASURED_SERIES, read_series
from analysis.series_fit import fit_thickness_series
from instruments import open_bench
from procedures import FieldSweep

FUZZ = Path(__file__).parents[1] / "benchmarks" / "fuzz_import.py"


def load_fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_import", FUZZ)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


fuzz = load_fuzz()

# ----------------------------------------------------------- round trip

COLUMNS = ("field_set", "field", "kerr_signal", "polarization", "channel")
SCALES = (1e3, 1e3, 1e9, 180 / np.pi, 1.0)
UNITS = ("mT", "mT", "nrad", "deg", "")


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A calibration and an ASOT sweep of the simulated bench, by current path."""
    folder = tmp_path_factory.mktemp("measured")
    found = {}
    with open_bench("simulated") as bench:
        for path, current in (("coil", "400 mA"), ("sample", "40 mA")):
            table = {"path": path, "current": current, "channel": "both", "steps": 4, "time_constant": "0.1 s"}
            result = Run(FieldSweep.from_table(table, "test"), folder, name="field-sweep").execute(bench)
            assert result.path is not None, result.reason
            found[path] = load_run(result.path)
    return found


def torque(paths: Sequence[str | Path]) -> Estimate:
    """Torque of the one sample in run files, and not a word of doubt."""
    analysis = analyze(paths)
    assert analysis.warnings == ()
    return analysis.samples[0].result.torque_bottom


@pytest.fixture(scope="module")
def expected(sweeps: dict[str, Any]) -> Estimate:
    return torque([run.attrs["path"] for run in sweeps.values()])


def table_of(run: Any) -> np.ndarray:
    return np.stack([run[name].to_numpy() * scale for name, scale in zip(COLUMNS, SCALES, strict=True)], axis=-1)


def described(path: Path, run: Any, titles: Sequence[str], polarization: str = "") -> None:
    """Write the description beside a file."""
    lines = [
        'sample = "py32-fused-silica"', 'procedure = "field-sweep"', f'path = "{run.attrs["parameters"]["path"]}"',
        f'current = "{float(run["current"][0])!r} A"', polarization, "[columns]",
        *(f'{name} = "{title}"' for name, title in zip(COLUMNS, titles, strict=False)),
    ]  # fmt: skip
    path.with_suffix(".toml").write_text("\n".join(lines), encoding="utf-8")


def as_german_csv(path: Path, run: Any) -> Path:
    titles = ["Sollfeld [mT]", "Feld [mT]", "Kerr-Signal für µ [nrad]", "Polarisation [deg]", "Kanal"]
    rows = [";".join(repr(value).replace(".", ",") for value in row) + ";" for row in table_of(run).tolist()]
    lines = ["% von Hand exportiert, 20 °C", ";".join(titles) + ";", *rows]
    path = path.with_suffix(".csv")
    path.write_bytes("\r\n".join(lines).encode("latin-1"))
    described(path, run, [title.partition(" [")[0] for title in titles])
    return path


class OldLoop(Procedure):
    """What a lab ran before."""

    current = FloatParameter("Current", units="mA", default=40)
    DATA_COLUMNS = [f"{name} ({unit})" if unit else name for name, unit in zip(COLUMNS, UNITS, strict=True)]  # noqa: RUF012


def as_pymeasure_csv(path: Path, run: Any) -> Path:
    path = path.with_suffix(".csv")
    results = Results(OldLoop(), str(path))
    with path.open("a", encoding="utf-8") as stream:
        for row in table_of(run).tolist():
            stream.write(results.format(dict(zip(OldLoop.DATA_COLUMNS, row, strict=True))) + "\n")
    described(path, run, COLUMNS)
    return path


def as_lvm(path: Path, run: Any) -> Path:
    """One segment for each loop, the fields read as X values, decimal commas, a comment in the first row."""
    table = table_of(run)
    lines = [
        "LabVIEW Measurement\t", "Writer_Version\t2", "Reader_Version\t2", "Separator\tTab", "Decimal_Separator\t,",
        "Multi_Headings\tYes", "X_Columns\tOne", "Time_Pref\tRelative", "Date\t2019/05/04", "Time\t12:00:00,5",
        "***End_of_Header***\t", "***Start_Special***\t", "Anything\t1", "***End_Special***\t", "",
    ]  # fmt: skip
    angles = []
    for loop in np.split(table, 4):
        angles.append(f"{float(loop[0, 3])!r} deg")
        lines += [
            "Channels\t3\t\t\t", "Samples\t8\t8\t8\t", "Y_Unit_Label\tmT\tnrad\t\t", "X0\t0\t0\t0\t",
            "***End_of_Header***\t\t\t\t", "X_Value\tSoll\tKerr\tKanal\tComment",
        ]  # fmt: skip
        rows = ["\t".join(repr(loop[i, k]) for k in (1, 0, 2, 4)) for i in range(len(loop))]
        rows = [row.replace("np.float64(", "").replace(")", "").replace(".", ",") for row in rows]
        lines += [f"{rows[0]}\tLaser warm", *rows[1:], ""]
    path = path.with_suffix(".lvm")
    path.write_bytes("\r\n".join(lines).encode())
    described(path, run, [])
    text = path.with_suffix(".toml").read_text(encoding="utf-8").replace("[columns]", "")
    text += f'polarization = {angles}\n[columns]\nfield_set = "Soll"\nfield = {{ title = "X_Value", unit = "mT" }}\n'
    text += 'kerr_signal = "Kerr"\nchannel = "Kanal"\n'
    path.with_suffix(".toml").write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("export", [as_german_csv, as_pymeasure_csv, as_lvm])
def test_sweep_exported_and_imported_again_gives_the_same_torque(
    export: Callable[[Path, Any], Path], sweeps: dict[str, Any], expected: Estimate, tmp_path: Path
) -> None:
    sources = [export(tmp_path / name, run) for name, run in sweeps.items()]
    paths = import_files(sources, tmp_path / "out")
    assert [check_run(path) for path in paths] == [[], []]
    found = torque([tmp_path / "out"])
    assert_allclose(found.value, expected.value, rtol=1e-9)
    assert_allclose(found.std, expected.std, rtol=1e-6)
    origin = load_run(paths[0]).attrs["imported_from"]
    assert origin["file"] == sources[0].name and len(origin["sha256"]) == 64
    with pytest.raises(InputError, match="must not be imported yet"):
        import_files(sources, tmp_path / "out")


def test_thickness_series_is_fitted_as_its_reader_and_the_model_do(tmp_path: Path) -> None:
    description = tmp_path / "series.toml"
    description.write_text(
        """
sample = "py-series-silicon"
procedure = "measured-series"
current_density = "1e11 A/m^2"
polarity = -1
[columns]
thickness = { title = "thickness_nm", unit = "nm" }
kerr_rotation = { title = "rotation_nrad", unit = "nrad" }
kerr_ellipticity = { title = "ellipticity_nrad", unit = "nrad" }
""",
        encoding="utf-8",
    )
    import_files([MEASURED_SERIES], tmp_path, description=description)
    (finding,) = analyze([tmp_path]).findings
    series = read_series(MEASURED_SERIES)
    sample, _ = read_sample("py-series-silicon")
    expected = fit_thickness_series(
        series_of_thickness(sample, series.thickness),
        series.angles,
        current_density=MEASURED_CURRENT_DENSITY,
        polarity=-1,
    )
    assert_allclose(finding.quantities["torque_bottom"].value, expected.torque_bottom.value, rtol=1e-9)
    assert_allclose(finding.quantities["efficiency"].std, expected.efficiency.std, rtol=1e-6)
    assert "4, 8 nm are not well described" in finding.warnings[0]


# ----------------------------------------------------------- dialects and complaints


@pytest.mark.parametrize(
    "content",
    [
        b"Field (mT),Kerr (nrad)\n1.5,-2\n3,\n",
        b"\xef\xbb\xbfField (mT),Kerr (nrad)\r\n1.5,-2\r\n3,nan\r\n",
        b"Field (mT);Kerr (nrad)\r1,5;-2\r3;\r",
        "Field (mT)\tKerr (nrad)\n\n1,5\t-2,0\n3\t\n".encode("utf-16"),
        b"# \xb5 comment\nField (mT) ; Kerr [nrad] ;\n 1.5 ; -2D0 ;\n// note\n3;;\n",
        b'"Field (mT)","Kerr (nrad)"\n"1.5","-2"\n"3",""\n',
    ],
)
def test_dialects_of_csv_are_read_alike(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "loop.csv"
    path.write_bytes(content)
    table = read_csv(path)
    assert (table.titles, table.units) == (("Field", "Kerr"), ("mT", "nrad"))
    assert_array_equal(table.values, [[1.5, -2.0], [3.0, np.nan]])


def test_what_cannot_be_found_out_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "bare.txt"
    path.write_text("made by hand\n1,5 2\n3 4\n", encoding="utf-8")
    table = read_csv(path, TextFormat(delimiter=" ", skip=1, decimal=","))
    assert table.titles == ("column 1", "column 2") and table.place(2) == 1
    assert_array_equal(table.values, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a,b\n1,2\n1,x\n", r"loop.csv, line 3, column 'b': must be a number with decimal '\.'; received 'x'"),
        ("# c\na;b\n1,5;2\n1.5;2\n", "line 4, column 'a': must be a number with decimal ','; received '1.5'"),
        ("a,b\n1,2\n\n1,2,3\n", "line 4: there must be 2 cells, for a, b; received 3"),
        ("a,b\n1,1_000\n", "line 2, column 'b'"),
        ("a,b\n", "must hold rows of numbers"),
        ("# only\n", "no line but comments"),
        ("a,b\n1,2\0\n", "must be a text file"),
    ],
)
def test_errors_name_file_line_and_column(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "loop.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=complaint) as caught:
        read_csv(path)
    assert str(path) in str(caught.value)


LVM = "LabVIEW Measurement\nSeparator,Comma\nX_Columns,{}\n***End_of_Header***\n{}"


def test_lvm_without_times_takes_them_from_its_header_and_counts_segments(tmp_path: Path) -> None:
    segment = "Channels,1\nX0,{}\nDelta_X,0.5\n***End_of_Header***\nX_Value,Kerr (nrad),Comment\n,1,good\n,2\n\n"
    path = tmp_path / "a.lvm"
    path.write_text(LVM.format("No", segment.format(0) + segment.format(10)), encoding="utf-8")
    table = read_lvm(path)
    assert (table.titles, table.units) == (("X_Value", "Kerr"), ("", "nrad"))
    assert_array_equal(table.values, [[0, 1], [0.5, 2], [10, 1], [10.5, 2]])
    assert_array_equal(table.segment, [0, 0, 1, 1])


def test_lvm_with_times_for_each_channel_numbers_them(tmp_path: Path) -> None:
    segment = "Channels,2\n***End_of_Header***\nX_Value,Kerr,X_Value,Field,Comment\n0,1,0.1,5\n1,2,,\n"
    path = tmp_path / "a.lvm"
    path.write_text(LVM.format("Multi", segment), encoding="utf-8")
    table = read_lvm(path)
    assert table.titles == ("X_Value", "Kerr", "X_Value 2", "Field")
    assert_array_equal(table.values, [[0, 1, 0.1, 5], [1, 2, np.nan, np.nan]])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (LVM.format("One", "Channels,1\n***End_of_Header***\nX_Value,A\n0,1\n1,b\n"), "line 9, column 'A': .*'b'"),
        (LVM.format("Two", ""), "X_Columns must be one of No, One, Multi; received 'Two'"),
        (LVM.format("One", ""), "must hold a segment"),
        ("LabVIEW Measurement\nSeparator\tTab\n", "must have a line"),
        (
            LVM.format("One", "X_Value,A\n0,1\n\nChannels,1\n***End_of_Header***\nX_Value,B\n0,1\n"),
            "segment 2 must have the columns of the first, X_Value, A; received X_Value, B",
        ),
    ],
)
def test_errors_of_lvm_name_what_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "a.lvm"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_lvm(path)


def sound_loop(folder: Path, **changes: Any) -> Any:
    """Describe the import of the German loop of the fuzz campaign."""
    data, description = fuzz.SOUND["loop.csv"]
    path = folder / "loop.csv"
    path.write_text(data, encoding="utf-8")
    path.with_suffix(".toml").write_text(description, encoding="utf-8")
    return describe_import(path, folder, None, changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"columns": {"field": "Feld"}}, r"must have the column 'Feld'; it has Field \(mT\), Kerr \(nrad\)"),
        ({"columns.field": {"title": "Field", "unit": "V"}}, "unit of column 'field' must be in T"),
        ({"path": "air"}, "loop.toml: key 'path'"),
        ({"pth": "coil"}, "'pth' is unknown.*Did you mean 'path'"),
        ({"current": "40 mT"}, "must be in A"),
        ({"polarization": ["45 deg", "135 deg"]}, "one for each of the 1 segments"),
        ({"polarization": []}, "missing: polarization"),
        ({"sample": ""}, "must have a sample"),
        ({"field_step": "500 mT"}, "there are none"),
        ({"started": "0001-01-01T00:00:00+14:00"}, "date of this age"),
    ],
)
def test_errors_of_descriptions_say_what_to_mend(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        sound_loop(tmp_path, **changes)


def test_oersted_are_inductions_in_vacuum_and_settings_keep_their_units(tmp_path: Path) -> None:
    run = sound_loop(tmp_path, **{"columns.field": {"title": "Field", "unit": "Oe"}, "field_step": "1 uT"})
    assert run.rows["field"][0] == pytest.approx(50e-4)
    assert run.metadata["instruments"]["lock_in"]["settings_start"] == {"time_constant": [1.0, "s"]}
    assert run.metadata["start_time"].startswith("2019-05-04T") and run.metadata["tags"] == ["old"]


def test_rotation_and_ellipticity_in_one_row_become_two_loops(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    rows = [f"{field},{index},{-index}" for index, field in enumerate([2, 1, -1, -2, -2, -1, 1, 2])]
    path.write_text("Field (mT),theta,epsilon\n" + "\n".join(rows), encoding="utf-8")
    columns = {"kerr_rotation": {"title": 2, "unit": "nrad"}, "kerr_ellipticity": {"title": 3, "unit": "nrad"}}
    run = describe_import(
        path, tmp_path, None,
        {"sample": "py32-fused-silica", "procedure": "field-sweep", "path": "sample", "current": 0.04,
         "polarization": "45 deg", "columns": columns},
    )  # fmt: skip
    assert run.metadata["parameters"]["channel"] == "both"
    assert_array_equal(run.rows["channel"], np.repeat([0, 1], 8))
    assert_allclose(run.rows["kerr_signal"], 1e-9 * np.concatenate([np.arange(8), -np.arange(8)]))


# ----------------------------------------------------------- order of loops


@pytest.mark.parametrize(
    ("fields", "branches", "repeats", "used"),
    [
        ([2, 1, -1, -2, -2, -1, 1, 2], "loop", 1, [0, 1, 2, 3, 4, 5, 6, 7]),
        ([2, 1, -1, -2, -1, 1, 2], "loop", 1, [1, 2, 3, 4, 5, 6]),  # the turn is measured once: +2 has no partner
        ([-2, -1, 1, 2, 2, 1, -1, -2], "loop", 1, [4, 5, 6, 7, 0, 1, 2, 3]),
        ([0, 1, 2, 2, 1, -1, -2, -2, -1, 1, 2], "loop", 1, [3, 4, 5, 6, 7, 8, 9, 10]),  # an initial curve
        ([2, 1, -1, -2, -2, -1, 1, 2] * 2, "loop", 2, [*range(16)]),
        ([2, 1, 0, -1, -2], "down", 1, [0, 1, 2, 3, 4]),
        ([-2, -1, 0, 1, 2], "up", 1, [0, 1, 2, 3, 4]),
    ],
)
def test_branches_are_found_whatever_their_order(
    fields: list[float], branches: str, repeats: int, used: list[int]
) -> None:
    order = loop_order(1e-3 * np.array(fields, dtype=float), np.zeros(len(fields)), "loop.csv")
    assert (order.branches, order.repeats) == (branches, repeats)
    kept = np.flatnonzero(order.repeat < repeats)
    assert kept[np.lexsort((order.sequence[kept], order.repeat[kept]))].tolist() == used


# ----------------------------------------------------------- mutations


@settings(
    max_examples=50, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(fuzz.cases())
def test_mutated_files_are_taken_or_refused(tmp_path: Path, case: tuple[str, bytes, bytes]) -> None:
    assert fuzz.outcome(case, tmp_path) in ("taken", "refused")


def test_sound_files_are_taken(tmp_path: Path) -> None:
    for name, texts in fuzz.SOUND.items():
        assert fuzz.outcome((name, *(text.encode() for text in texts)), tmp_path) == "taken"


def test_command_refuses_bad_input_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "loop.csv"
    path.write_text("a,b\n1,2\n1,x\n", encoding="utf-8")
    for arguments in (
        [str(path)],
        [str(tmp_path)],
        [str(path), "--set", "current=40 mT"],
        [str(path), "--describe", "no"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(["runs", "import", *arguments, "--sample", "py32-fused-silica", "--out", str(tmp_path / "out")])
        lines = capsys.readouterr().err.splitlines()
        assert ended.value.code == 2 and len(lines) == 1 and lines[0].startswith("asot: error: ")
    assert not (tmp_path / "out").exists()
