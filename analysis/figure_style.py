"""The style of all figures: widths and colours of a publication, and files that the same figure makes the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import AsotError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ONE_COLUMN, TWO_COLUMNS = 8.6, 17.8
"""Widths (cm) of a figure in a journal of two columns."""

DOWN, UP, FIT, OTHER = "#0072B2", "#D55E00", "#333333", "#009E73"
"""Colours of Okabe and Ito, told apart by every reader: first and second data, line, third data."""

_STYLE = Path(__file__).parent / "styles" / "publication.mplstyle"
_INCH = 2.54  # cm


@contextmanager
def publication_style() -> Iterator[None]:
    """Draw and save figures in the style of a publication within this context."""
    from matplotlib import style

    with style.context(_STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` (cm) that needs no display."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / _INCH, height / _INCH), layout="constrained")


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as SVG, PDF and PNG; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        Drawn within `publication_style`, as this must be called.
    stem
        Path of the files without their ending; its folder is made if need be.

    Returns
    -------
    list of Path

    Raises
    ------
    AsotError
        Where they cannot be written.
    """
    paths = [Path(f"{stem}.{kind}") for kind in ("svg", "pdf", "png")]
    metadata: list[dict[str, None]] = [{"Date": None}, {"CreationDate": None}, {"Software": None}]
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        for path, entries in zip(paths, metadata, strict=True):
            figure.savefig(path, metadata=entries)
    except OSError as error:
        raise AsotError(f"Figure {stem.name} must be written; {error}. Choose a folder that can be written.") from None
    return paths


def svg_text(figure: Figure) -> str:
    """Figure as SVG on no background, drawn within `publication_style`; the same figure gives the same text."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    return stream.getvalue()
