"""Published values, and how far a result lies from them."""

from __future__ import annotations

import csv
import io
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from analysis.result import Estimate
from analysis.typography import estimate_text

Origin = Literal["model", "simulated bench", "measured series"]

_FILE = Path(__file__).parent / "data" / "published.toml"
_HEADER = (
    "figure", "quantity", "unit", "published", "published_std", "bound", "found", "found_std", "pull", "origin",
    "source", "note",
)  # fmt: skip
_AGREES = 2.0  # standard deviations up to which two values are said to agree


@dataclass(frozen=True)
class Published:
    """A value of the paper.

    Attributes
    ----------
    label, source
        What it is, and where in the paper it stands.
    estimate
        The value; its `std` is None where the paper states none.
    bound
        Whether it is the largest magnitude rather than a value.
    """

    label: str
    source: str
    estimate: Estimate
    bound: bool = False


@cache
def published_values() -> dict[str, Published]:
    """Values of the paper by name."""
    document = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {
        name: Published(
            entry["label"],
            entry["source"],
            Estimate(entry["value"], entry.get("std"), entry["unit"]),
            entry.get("bound", False),
        )
        for name, entry in document.items()
    }


@dataclass(frozen=True)
class Comparison:
    """A result beside the published value.

    Attributes
    ----------
    figure
        Figure or table of the paper.
    published
        What the paper says.
    found
        What was found here.
    origin
        Where that comes from: only a measured series can confirm or contradict the paper; the others test the chain.
    note
        What else to know.
    """

    figure: str
    published: Published
    found: Estimate
    origin: Origin
    note: str = ""

    @property
    def pull(self) -> float | None:
        """Distance in standard deviations of both together; None without any. Of a bound: how far beyond it."""
        variances = [std**2 for std in (self.published.estimate.std, self.found.std) if std]
        if not variances:
            return None
        expected = self.published.estimate.value
        if self.published.bound:
            return max(0.0, abs(self.found.value) - expected) / math.sqrt(sum(variances))
        return (self.found.value - expected) / math.sqrt(sum(variances))

    @property
    def words(self) -> str:
        """Say whether both agree."""
        if self.pull is None:
            ratio = self.found.value / self.published.estimate.value
            return f"{100 * (ratio - 1):+.1f} %, no uncertainties"
        if self.published.bound:
            return "within the bound" if self.pull == 0 else f"{self.pull:.1f} std beyond the bound"
        return f"{'agrees' if abs(self.pull) <= _AGREES else 'differs'}, {self.pull:+.1f} std"

    @property
    def published_text(self) -> str:
        """Published value as text."""
        text = estimate_text(self.published.estimate)
        return f"at most {text}" if self.published.bound else text

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "figure": self.figure,
            "quantity": self.published.label,
            "published": {**self.published.estimate.as_dict(), "bound": self.published.bound},
            "source": self.published.source,
            "found": self.found.as_dict(),
            "origin": self.origin,
            "pull": self.pull,
            "words": self.words,
            "note": self.note,
        }


def comparison_csv(comparisons: Sequence[Comparison]) -> str:
    """Comparisons as CSV; empty cells where there is no uncertainty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in comparisons:
        theirs, ours = row.published.estimate, row.found
        values = [theirs.value, theirs.std, row.published.bound, ours.value, ours.std, row.pull]
        cells = ["" if value is None else value for value in values]
        texts = (row.origin, row.published.source, row.note)
        writer.writerow([row.figure, row.published.label, ours.unit, *cells, *texts])
    return stream.getvalue()
