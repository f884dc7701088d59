"""How the window calls roles and writes their readings: units of the laboratory, and as many digits at each look."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping

from instruments.live import Quantity

TITLES: Mapping[str, str] = {
    "lock_in": "Lock-in",
    "sum_detector": "Detector sum",
    "difference_detector": "Detector difference",
    "sample_source": "Sample current",
    "calibration_source": "Coil current",
    "relay": "Relay",
    "signal_switch": "Lock-in input",
    "magnet": "Field",
    "perpendicular_magnet": "Normal field",
    "field_angle": "Field angle",
    "stage": "Stage",
    "polarization_plate": "Polarisation plate",
    "analyser_plate": "Analyser plate",
    "quarter_wave": "Quarter-wave plate",
    "shutter": "Shutter",
    "attenuator": "Attenuator",
}
"""Roles in the order in which they are shown, and what they are called."""

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}
_DIGITS = 4
_PLUS = "\N{FIGURE SPACE}"  # as wide as a digit: signs that come and go move nothing
_UM, _MILLI = 1e6, 1e3


def fixed(value: float, decimals: int, unit: str) -> str:
    """Write a number with a sign or room for one, e.g. "−0.25 mT"."""
    text = f"{abs(value):.{decimals}f}"
    minus = value < 0 and float(text) != 0
    return f"{'−' if minus else _PLUS}{text} {unit}".rstrip()


def with_prefix(value: float, unit: str) -> str:
    """Write a number with four digits and an SI prefix, e.g. "12.34 µV"."""
    if not math.isfinite(value):
        return f"{value} {unit}"
    rounded = float(f"{value:.{_DIGITS - 1}e}")
    power = math.floor(math.log10(abs(rounded))) if rounded else 0
    exponent = min(max(3 * (power // 3), min(_PREFIXES)), max(_PREFIXES))
    return fixed(rounded / 10.0**exponent, max(0, _DIGITS - 1 - (power - exponent)), _PREFIXES[exponent] + unit)


def reading_lines(role: str, values: Mapping[str, Quantity], power: float | None = None) -> tuple[str, ...]:
    """One or two lines that say what a role reads.

    Parameters
    ----------
    role
        Role of the bench file.
    values
        Of its live reading, by name; SI.
    power
        Power on the sample (W) that the detector's sum means, where it is known.
    """
    if not values:
        return ("—",)
    number = {name: value for name, (value, _) in values.items() if isinstance(value, float)}
    match role:
        case "lock_in":
            signal = complex(number["x"], number["y"])
            phase = math.degrees(cmath.phase(signal))
            return (
                f"X {with_prefix(signal.real, 'V')}   Y {with_prefix(signal.imag, 'V')}",
                f"R {with_prefix(abs(signal), 'V')}   θ {fixed(phase, 1, '°'):>8}",
            )
        case "sum_detector":
            light = () if power is None else (f"{power * _MILLI:.3f} mW on sample",)
            return (fixed(number["sum"], 4, "V"), *light)
        case "difference_detector":
            return (fixed(number["difference"], 4, "V"),)
        case "sample_source" | "calibration_source":
            return (f"{number['amplitude'] * _MILLI:.3f} mA peak",)
        case "magnet" | "perpendicular_magnet":
            return (fixed(number["field"] * _MILLI, 2, "mT"),)
        case "stage":
            return (f"x {fixed(number['x'] * _UM, 2, 'µm')}", f"y {fixed(number['y'] * _UM, 2, 'µm')}")
        case "shutter":
            return ("open" if number["open"] else "closed",)
        case "attenuator":
            return (f"{100 * number['transmission']:.2f} % through",)
        case "relay" | "signal_switch":
            return tuple(str(value).replace("_", " ") for value, _ in values.values())
        case _:
            angle = fixed(math.degrees(number["angle"]), 3, "°") if "angle" in number else "—"
            if "inserted" not in number:
                return (angle,)
            return angle, "in the beam" if number["inserted"] else "out of the beam"
