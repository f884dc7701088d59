"""Measured thickness series as CSV: thickness_nm, rotation and ellipticity in nrad or urad, comments with #."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import InputError
from analysis.stack import ComplexArray, FloatArray

MEASURED_SERIES = Path(__file__).parent / "data" / "py_thickness_asot.csv"
"""Published Py series; its source stands in the file."""

CALIBRATION_SERIES = Path(__file__).parent / "data" / "py_thickness_calibration.csv"
"""Published calibration series of the same kind of films; what is known of its scale stands in the file."""

MEASURED_CURRENT_DENSITY = 1e11
"""Current density (A/m^2) to which the published series is scaled."""

_UNITS = {"nrad": 1e-9, "urad": 1e-6}


@dataclass(frozen=True)
class ThicknessSeries:
    """A measured series.

    Attributes
    ----------
    thickness : (films,)
        (m)
    angles : (films,)
        Complex Kerr angles (rad), rotation + i ellipticity.
    """

    thickness: FloatArray
    angles: ComplexArray


def read_series(path: str | Path) -> ThicknessSeries:
    """Read a series.

    Raises
    ------
    InputError
        Naming file, line and column of what cannot be right.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Series {path} must be a readable CSV file; {error}. Check the path.") from None
    rows = [
        (number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(rows) < 2:
        raise InputError(
            f"Series {path} must have a header and at least one film; received {len(rows)} lines. Add them."
        )
    header = next(csv.reader([rows[0][1]]))
    unit = header[1].removeprefix("rotation_") if len(header) == 3 else ""
    if unit not in _UNITS or header != ["thickness_nm", f"rotation_{unit}", f"ellipticity_{unit}"]:
        raise InputError(
            f"{path}, line {rows[0][0]}: the header must be thickness_nm,rotation_U,ellipticity_U with U one of "
            f"{', '.join(_UNITS)}; received {','.join(header)!r}. Rename the columns."
        )
    table = np.array([_numbers(path, number, line, header) for number, line in rows[1:]])
    if np.any(table[:, 0] <= 0):
        raise InputError(f"{path}: thickness_nm must be above 0; received {np.min(table[:, 0]):g}. Mend that film.")
    return ThicknessSeries(table[:, 0] * 1e-9, (table[:, 1] + 1j * table[:, 2]) * _UNITS[unit])


def _numbers(path: Path, line_number: int, line: str, header: list[str]) -> list[float]:
    cells = next(csv.reader([line]))
    if len(cells) != len(header):
        raise InputError(
            f"{path}, line {line_number}: there must be {len(header)} values; received {len(cells)}. Mend it."
        )
    numbers = []
    for name, cell in zip(header, cells, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = float("nan")
        if not np.isfinite(number):
            raise InputError(
                f"{path}, line {line_number}, column {name}: must be a finite number; received {cell!r}. Mend it."
            )
        numbers.append(number)
    return numbers
