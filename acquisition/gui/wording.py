"""Numbers and names as the window writes them."""

from __future__ import annotations

import re

from analysis.result import Estimate

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"e([+-])0*(\d+)")
_EXPONENT = re.compile(r"\^(-?\d+)")


def estimate_text(estimate: Estimate) -> str:
    """Write a number with its uncertainty and unit, e.g. "(4.33 ± 0.15)×10⁻⁷ J/m²"."""
    return typeset(str(estimate))


def number_text(value: float, unit: str = "") -> str:
    """Write a number in four digits with its unit."""
    return typeset(f"{value:.4g} {unit}".rstrip())


def typeset(text: str) -> str:
    """Raise the exponents of numbers and units."""

    def power(match: re.Match[str]) -> str:
        sign = "-" if match[1] == "-" else ""
        return f"×10{f'{sign}{match[2]}'.translate(_RAISED)}"

    return _EXPONENT.sub(lambda match: match[1].translate(_RAISED), _POWER.sub(power, text))


def name_text(name: str) -> str:
    """Write the name of a result or of a model input as words."""
    words = name.replace("_", " ").replace(".", " ")
    for side in ("top", "bottom"):
        if words.endswith(f" {side}"):
            words = f"{words.removesuffix(f' {side}')}, {side}"
    return words


def duration_text(seconds: float) -> str:
    """Write a time as hours, minutes and seconds."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
