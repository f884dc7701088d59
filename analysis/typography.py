"""Numbers, units and names as a reader of a page wants them: 3.2 × 10⁻⁸ m, 32 nm, µ, Ω, true minus signs."""

from __future__ import annotations

import math
import re

from analysis.result import Estimate

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_POWER_OF_TEN = re.compile(r"e([+-]?)0*(\d+)")
_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}
_PREFIXED = ("m", "T", "rad", "A", "V", "s", "W", "ohm", "Hz", "S/m", "J/m^2", "J/m", "T/A", "V/m")


def typeset(text: str) -> str:
    """Text of a number such as "(8.66 ± 0.31)e-07 J/m^2" with its powers, minus signs and units set properly."""
    text = _POWER_OF_TEN.sub(lambda found: " × 10" + f"{found[1].strip('+')}{found[2]}".translate(_SUPERSCRIPT), text)
    text = re.sub(r"\^(-?\d+)(?![.\d])", lambda found: found[1].translate(_SUPERSCRIPT), text)
    text = re.sub(r"(?<![\w⁻])-(?=[\d.])", "−", text)
    return re.sub(r"\bohm\b", "Ω", text)


def estimate_text(estimate: Estimate) -> str:
    """Estimate with its uncertainty and unit, with a prefix where the unit takes one."""
    factor, unit = _prefix(max(abs(estimate.value), 10 * (estimate.std or 0.0)), estimate.unit)
    scaled = estimate.scaled(factor)
    return typeset(str(Estimate(scaled.value, scaled.std, unit)))


def quantity_text(value: float, unit: str, digits: int = 4) -> str:
    """Number with `digits` significant digits and its unit, with a prefix where the unit takes one."""
    factor, prefixed = _prefix(value, unit)
    return typeset(f"{value * factor:.{digits}g} {'' if prefixed == '1' else prefixed}".strip())


def value_and_std(value: float, std: float, unit: str) -> tuple[str, str]:
    """Value and its standard uncertainty, both with the prefix that suits the larger."""
    factor, prefixed = _prefix(max(abs(value), std), unit)
    unit = "" if prefixed == "1" else f" {prefixed}"
    return typeset(f"{value * factor:.4g}{unit}"), typeset(f"{_two_digits(std * factor)}{unit}")


def _two_digits(number: float) -> str:
    text = f"{number:.2g}"
    return f"{float(text):.0f}" if 100 <= number < 1e4 else text


def formula(material: str) -> str:
    """Name of a material with its numbers as subscripts."""
    return re.sub(r"(?<=[A-Za-z])\d+", lambda found: found[0].translate(_SUBSCRIPT), material).replace("-", " ")


def name_text(name: str) -> str:
    """Name of a quantity in words."""
    return name.replace("_", " ")


def _prefix(value: float, unit: str) -> tuple[float, str]:
    """Factor, and unit with the prefix, in which `value` lies between 1 and 1000."""
    if unit not in _PREFIXED or not value or not math.isfinite(value):
        return 1.0, unit
    exponent = 3 * math.floor(math.log10(abs(value)) / 3 + 1e-9)
    exponent = min(max(exponent, -12), 6)
    return 10.0**-exponent, _PREFIXES[exponent] + unit
