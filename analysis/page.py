"""Self-contained HTML pages: templates and styles of this package, drawings as SVG inside, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import AsotError
from analysis.figure_style import publication_style, svg_text

if TYPE_CHECKING:
    from markupsafe import Markup

    from analysis.report_figures import ReportFigure

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Drawing:
    """A figure as a page holds it: its id, the SVG, and the text below."""

    name: str
    svg: Markup
    caption: str


def drawing(figure: ReportFigure) -> Drawing:
    """Draw a figure for a page, with its alternative text."""
    from markupsafe import Markup, escape

    with publication_style():
        text = svg_text(figure.draw())
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Identifiers of all drawings on a page share one name space: each gets the name of its figure in front.
    text = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{figure.name}-", text)
    label = escape(figure.alt)
    head, tail = text.split(">", 1)
    head = re.sub(r' (?:width|height)="[\d.]+pt"', "", head)
    return Drawing(figure.name, Markup(f'{head} role="img" aria-label="{label}">{tail}'), figure.caption)


def render(template: str, context: Mapping[str, Any]) -> str:
    """Fill a template of this package; all texts are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template).render(context)


def write_page(path: Path, text: str) -> None:
    """Write a page; its folder is made if need be.

    Raises
    ------
    AsotError
        Where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise AsotError(f"Page {path} must be written; {error}. Choose a place that can be written.") from None
