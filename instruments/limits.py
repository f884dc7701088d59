"""Limits that hold on a bench with a sample in it: what each file says, and what counts."""

from __future__ import annotations

from typing import NamedTuple

from analysis.sample import Sample
from instruments.bench_file import BenchFile


class Limit(NamedTuple):
    """One limit in words: of the bench file, of the sample file ("" where it has none), and the one that holds."""

    what: str
    bench: str
    sample: str
    holds: str


def limits(file: BenchFile, sample: Sample) -> list[Limit]:
    """Every limit that set-points are held against."""
    bears, current = sample.limits, file.sample_source.largest_current
    coil, field = file.calibration_source.largest_current, file.magnet.largest_field
    density = bears.current_density / sample.current_density(1.0)
    reasons = [f"{_milli(density)}A at {bears.current_density:.3g} A/m^2"]
    if bears.dissipation is None:
        reasons.append("no limit on dissipation")
    else:
        largest = _milli(sample.largest_dissipating_current)
        reasons.append(f"{largest}A at {_milli(bears.dissipation)}W in {sample.resistance:.3g} ohm")
    low, high = (f"{1e3 * end:g}" for end in file.stage.travel)
    travel = f"{low} to {high} mm"
    ramps = {
        "ramp of the sample current": f"{_milli(file.sample_source.ramp_rate)}A/s",
        "ramp of the coil current": f"{_milli(file.calibration_source.ramp_rate)}A/s",
        "ramp of the field": f"{_milli(file.magnet.ramp_rate)}T/s",
    }
    return [
        Limit(
            "sample current (peak)", f"{_milli(current)}A", ", ".join(reasons),
            f"{_milli(min(current, sample.largest_current))}A",
        ),
        Limit("coil current (peak)", f"{_milli(coil)}A", "", f"{_milli(coil)}A"),
        Limit("field", f"{_milli(field)}T", f"{_milli(bears.field)}T", f"{_milli(min(field, bears.field))}T"),
        *(Limit(what, rate, "", rate) for what, rate in ramps.items()),
        Limit("light on the sample", "", f"{_milli(bears.laser_power)}W", f"{_milli(bears.laser_power)}W"),
        Limit("travel of the stage", travel, "", travel),
    ]  # fmt: skip


def _milli(value: float) -> str:
    return f"{1e3 * value:.4g} m"
