"""What the analysis of a measurement found: quantities with uncertainties, curves to look at, and doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.result import Estimate
from analysis.stack import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Curve:
    """One panel of a figure: data, and the line fitted to them.

    Attributes
    ----------
    title
        What is shown.
    x_label, y_label
        Axes with their units.
    x, y : (n,)
        Data, in these units.
    errors : (n,), optional
        Standard errors of y.
    fit_x, fit_y : (m,), optional
        The line.
    """

    title: str
    x_label: str
    y_label: str
    x: FloatArray
    y: FloatArray
    errors: FloatArray | None = None
    fit_x: FloatArray | None = None
    fit_y: FloatArray | None = None


@dataclass(frozen=True)
class Finding:
    """Result of a measurement that is not a torque of its own.

    Attributes
    ----------
    procedure
        Name of the procedure.
    sample
        Name of the sample.
    runs
        Names of the run files used.
    quantities
        What was found, by name.
    warnings
        Doubts, one sentence each.
    curves
        Panels of its figure.
    """

    procedure: str
    sample: str
    runs: tuple[str, ...]
    quantities: Mapping[str, Estimate]
    warnings: tuple[str, ...] = ()
    curves: Sequence[Curve] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "procedure": self.procedure,
            "sample": self.sample,
            "runs": list(self.runs),
            "quantities": {name: estimate.as_dict() for name, estimate in self.quantities.items()},
        }

    def figure(self) -> Figure:
        """Draw the curves, one panel each."""
        from analysis.figures import FIT, UP, new_figure

        count = max(1, len(self.curves))
        columns = 2 if count == 4 else min(count, 3)
        rows = -(-count // columns)
        figure = new_figure(3.6 * columns, 2.9 * rows)
        for place, curve in enumerate(self.curves, 1):
            axes = figure.add_subplot(rows, columns, place)
            axes.errorbar(curve.x, curve.y, yerr=curve.errors, fmt="o", ms=3.5, color=UP, mec="none", label="measured")
            if curve.fit_x is not None and curve.fit_y is not None:
                axes.plot(curve.fit_x, curve.fit_y, color=FIT, lw=1.2, label="fit")
                axes.legend(fontsize=7, frameon=False)
            axes.set_xlabel(curve.x_label)
            axes.set_ylabel(curve.y_label)
            axes.set_title(curve.title, loc="left", fontsize=9)
        return figure


def file_name(run: Any) -> str:
    """Name of the file that `run` (from `load_run`) comes from."""
    return Path(run.attrs["path"]).name
