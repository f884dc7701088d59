"""What the analysis of a measurement found: quantities with uncertainties, curves to look at, and doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.result import Estimate
from analysis.stack import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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

    def draw(self, axes: Axes) -> None:
        """Draw data and line."""
        from analysis.figure_style import FIT, UP

        axes.errorbar(self.x, self.y, yerr=self.errors, fmt="o", color=UP, mec="none", label="measured")
        if self.fit_x is not None and self.fit_y is not None:
            axes.plot(self.fit_x, self.fit_y, color=FIT, label="fit")
            axes.legend(ncols=2)
        axes.margins(y=0.22)
        _label(axes, self)


@dataclass(frozen=True)
class Map:
    """One panel of a figure: a quantity over a plane, in colours that every reader tells apart.

    Attributes
    ----------
    title
        What is shown.
    x_label, y_label, value_label
        Axes and colour bar with their units.
    x : (n,)
    y : (m,)
        Ascending positions of the values, in these units.
    values : (m, n)
        NaN where nothing was measured.
    """

    title: str
    x_label: str
    y_label: str
    value_label: str
    x: FloatArray
    y: FloatArray
    values: FloatArray

    def draw(self, axes: Axes) -> None:
        """Draw the colours and their bar."""
        mesh = axes.pcolormesh(self.x, self.y, self.values, cmap="cividis", shading="nearest", rasterized=True)
        axes.figure.colorbar(mesh, ax=axes, label=self.value_label)
        axes.set_aspect("equal")
        _label(axes, self)


def _label(axes: Axes, panel: Curve | Map) -> None:
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.set_title(panel.title)


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
    curves, maps
        Panels of its figure.
    """

    procedure: str
    sample: str
    runs: tuple[str, ...]
    quantities: Mapping[str, Estimate]
    warnings: tuple[str, ...] = ()
    curves: Sequence[Curve] = field(default=(), repr=False)
    maps: Sequence[Map] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "procedure": self.procedure,
            "sample": self.sample,
            "runs": list(self.runs),
            "quantities": {name: estimate.as_dict() for name, estimate in self.quantities.items()},
        }

    def figure(self) -> Figure:
        """Draw curves and maps, one panel each."""
        from analysis.figure_style import ONE_COLUMN, TWO_COLUMNS, new_figure

        panels: tuple[Curve | Map, ...] = (*self.curves, *self.maps)
        count = max(1, len(panels))
        columns = 2 if count == 4 else min(count, 3)
        rows = -(-count // columns)
        figure = new_figure(ONE_COLUMN if columns == 1 else TWO_COLUMNS, 5.4 * rows)
        for place, panel in enumerate(panels, 1):
            panel.draw(figure.add_subplot(rows, columns, place))
        return figure


def file_name(run: Any) -> str:
    """Name of the file that `run` (from `load_run`) comes from."""
    return Path(run.attrs["path"]).name
