"""Mutated CSV, pymeasure, LVM and TOML files never give anything but a run or one line of bad input.

Usage: python benchmarks/fuzz_import.py [CASES]

Each case takes one of four sound pairs of a data file and its description, changes one to three places in one of the
two and describes the import as the command does, without storing it. Prints how many were taken and refused; exit code
1 where anything else happened, with the case.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from acquisition.foreign_data import describe_import  # noqa: E402 - after the path of the checkout
from analysis.errors import AsotError, InputError  # noqa: E402
from analysis.run_file import check_columns, check_notes, metadata_json  # noqa: E402

_FIELDS = (50.0, 30.0, 10.0, -10.0, -30.0, -50.0, -50.0, -30.0, -10.0, 10.0, 30.0, 50.0)
_ROWS = [(field, 100.0 * field / abs(field) + index) for index, field in enumerate(_FIELDS)]
_SWEEP = """
sample = "py32-fused-silica"
procedure = "field-sweep"
path = "sample"
channel = "rotation"
current = "40 mA"
polarization = "45 deg"
field_step = "1 mT"
tags = ["old"]
started = 2019-05-04T12:00:00
[columns]
field = "{field}"
kerr_signal = {{ title = "{signal}", unit = "nrad", factor = 1 }}
[lock_in]
time_constant = "1 s"
"""
_HEADER = "LabVIEW Measurement\t\nSeparator\tTab\nDecimal_Separator\t,\nMulti_Headings\tYes\nX_Columns\tOne\n"
_SEGMENT = "\nChannels\t1\nSamples\t12\nY_Unit_Label\tVolts\nX0\t0\nDelta_X\t1\n***End_of_Header***\n"


def _table(line: str, decimal: str = ".") -> str:
    return "".join(line.format(*(f"{value:.3f}".replace(".", decimal) for value in row)) for row in _ROWS)


SOUND: dict[str, tuple[str, str]] = {
    "loop.csv": (
        "# by hand\nField (mT);Kerr [nrad]\n" + _table("{};{}\r\n", ","),
        _SWEEP.format(field="Field", signal="Kerr"),
    ),
    "old.csv": (
        "#Procedure: <lab.loop.Loop>\n#Parameters:\n#\tCurrent: 40 mA\n#Data:\n"
        "Field (mT),Kerr (nrad)\n" + _table("{},{}\n"),
        _SWEEP.format(field="Field (mT)", signal="Kerr (nrad)"),
    ),
    "loop.lvm": (
        _HEADER + "***End_of_Header***\n" + _SEGMENT + "X_Value\tKerr\tComment\n" + _table("{}\t{}\n", ","),
        _SWEEP.format(field="X_Value", signal="Kerr").replace('"X_Value"', '{ title = "X_Value", unit = "mT" }'),
    ),
    "series.csv": (
        "thickness_nm,rotation_nrad,ellipticity_nrad\n4,1.7,-113\n8,32.3,-55\n12,85.6,-112\n",
        'sample = "py-series-silicon"\nprocedure = "measured-series"\ncurrent_density = "1e11 A/m^2"\n'
        "polarity = -1\n[columns]\n"
        'thickness = { title = "thickness_nm", unit = "nm" }\nkerr_rotation = { title = 2, unit = "nrad" }\n'
        'kerr_ellipticity = { title = 3, unit = "nrad" }\n',
    ),
}  # fmt: skip
"""Name of a data file, its text, and its description."""

_PIECES = [
    *(bytes([mark]) for mark in b",;\t\n\r\"'#=[]{}._(015 \0\xff\xe9"), b"***End_of_Header***",
    b"***Start_Special***\n",
    b"Channels\t2\n", b"\xef\xbb\xbf", b"\xc2\xb5", b"nan", b"inf", b"1e400", b"-1e308", b"1,000.5", b"mT", b"Oe", b"V",
    b"true", b"9999-12-31",
]  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, bytes, bytes]:
    """Name, bytes of the data file, bytes of the description; one of them changed."""
    name = draw(st.sampled_from(sorted(SOUND)))
    data, description = (text.encode() for text in SOUND[name])
    changed = bytearray(data if (of_data := draw(st.booleans())) else description)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(changed)))
        length = draw(st.sampled_from([0, 0, 0, 1, 1, 1, 2, 8, 40, 10_000]))
        piece = draw(st.sampled_from(_PIECES) | st.binary(max_size=4))
        changed[start : start + length] = piece
    return name, *((bytes(changed), description) if of_data else (data, bytes(changed)))


def outcome(case: tuple[str, bytes, bytes], folder: Path) -> str:
    """Import a case, without storing it: "taken", or "refused" with one line."""
    name, data, description = case
    source = folder / name
    source.write_bytes(data)
    source.with_suffix(".toml").write_bytes(description)
    try:
        run = describe_import(source, folder / "out", None, {})
        check_columns(run.columns)
        check_notes(run.notes)
        json.loads(metadata_json(run.metadata, run.columns))
        assert {len(values) for values in run.rows.values()} != set()
        assert set(run.rows) == {column.name for column in run.columns}
    except InputError as error:
        assert str(error).strip()
        return "refused"
    return "taken"


def main(count: int) -> int:
    """Run `count` cases and print how they ended."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:

        @settings(
            max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(cases())
        def campaign(case: tuple[str, bytes, bytes]) -> None:
            try:
                counts[outcome(case, Path(folder))] += 1
            except Exception as error:
                kind = "wrong error" if isinstance(error, AsotError) else "traceback"
                counts[kind] += 1
                print(f"{kind}: {error!r} for {case!r}", flush=True)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            campaign()
    print(f"{sum(counts.values())} cases: " + ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())))
    return int(set(counts) > {"taken", "refused"} or not counts["taken"])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
