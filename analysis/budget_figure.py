"""Figure of a systematics budget: how far each input moves the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.figure_style import DOWN, ONE_COLUMN, UP, new_figure
from analysis.result import Systematic, TorqueResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.45  # cm
_NEGLIGIBLE = 5e-5  # relative change that is not drawn


def draw_budget(axes: Axes, systematics: Sequence[Systematic], noise: float | None, effect: str = "torque") -> None:
    """Draw the change of a result when each input grows or shrinks by one standard uncertainty.

    Parameters
    ----------
    axes
        Where to.
    systematics
        The budget; the largest effect comes first, and what has none is left out.
    noise
        Relative standard deviation by the noise of the data alone, or None.
    effect
        Which result: a key of `Systematic.effects`.
    """
    shown = [entry for entry in systematics if abs(entry.effects[effect]) > _NEGLIGIBLE]
    entries = sorted(shown, key=lambda entry: -abs(entry.effects[effect]))
    names = [entry.name.replace("_", " ") for entry in entries]
    rows = range(len(entries))
    percent = 100.0
    axes.barh(rows, [percent * entry.up[effect] for entry in entries], 0.36, align="edge", color=DOWN, label="+1 std")
    axes.barh(
        rows, [percent * entry.down[effect] for entry in entries], -0.36, align="edge", color=UP, label="−1 std",
        hatch="////", edgecolor="white", lw=0,
    )  # fmt: skip
    if noise is not None:
        axes.barh(len(entries), 2 * percent * noise, 0.5, left=-percent * noise, color="0.55", label="noise")
        names.append("noise of the data")
    axes.axvline(0, color="black", lw=0.6)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlabel("Change of the bottom torque (%)")
    axes.margins(x=0.08, y=0.02)
    axes.legend(loc="best")


def budget_figure(result: TorqueResult) -> Figure:
    """Draw the budget of a result's bottom torque."""
    noise = result.torque_bottom.noise_std
    relative = None if noise is None or not result.torque_bottom.value else abs(noise / result.torque_bottom.value)
    figure = new_figure(1.45 * ONE_COLUMN, 1.6 + _ROW * (len(result.systematics) + 1))
    draw_budget(figure.add_subplot(), result.systematics, relative)
    return figure
