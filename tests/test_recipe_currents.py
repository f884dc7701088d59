"""Currents of a recipe: given as current, as current density, or as electric field in the sample."""

from __future__ import annotations

import pytest

from analysis.errors import InputError
from instruments.bench import read_bench
from procedures import FieldSweep

SAMPLE = read_bench("simulated", "py32-fused-silica").sample  # 50 um x 32 nm, 4.4e6 S/m


@pytest.mark.parametrize(
    ("text", "milliampere"),
    [
        ("40 mA", 40),
        ("0.04 A", 40),
        ("2.5e10 A/m^2", 40),
        ("2.5 MA/cm**2", 40),
        ("1e4 V/m", 70.4),
        ("0.1 V/cm", 0.0704),
    ],
)
def test_current_follows_from_density_or_field_by_the_cross_section(text: str, milliampere: float) -> None:
    sweep = FieldSweep.from_table({"current": text}, "recipe", SAMPLE)
    assert sweep.parameters()["current"] == pytest.approx(milliampere, rel=1e-12)
    assert sweep.largest_currents() == {"sample": pytest.approx(milliampere * 1e-3)}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"path": "coil", "current": "5e10 A/m^2"}, r"'current' must be a current on the path \"coil\".*400 mA"),
        ({"current": "5 T"}, r"'current' must be a current, or .*'5 T'"),
        ({"current": "-5e10 A/m^2"}, r"'current' must lie in 0.001 to 1000 mA.*'-5e10 A/m\^2'"),
        ({"current": 40}, "'current' must have a unit"),
        ({"frequency": "5e10 A/m^2"}, "'frequency' must be in Hz"),
    ],
)
def test_what_is_no_current_in_the_sample_is_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        FieldSweep.from_table(table, "recipe", SAMPLE)


def test_without_a_sample_only_a_current_can_be_read() -> None:
    with pytest.raises(InputError, match="no sample is given"):
        FieldSweep.from_table({"current": "1e4 V/m"}, "recipe")
