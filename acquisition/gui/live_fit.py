"""The fit of the run that is shown, in a thread of its own while points come."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from acquisition.gui.decimation import decimated
from acquisition.gui.loop_panel import LoopLine, loop_lines
from acquisition.gui.permanent import keep_for_good
from acquisition.gui.run_source import RunSource
from analysis.errors import AsotError
from analysis.finding import Curve
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

    from analysis.interim import Interim

_REST = 4.0  # times as long as a fit took, before the next: plots and instruments have the processor meanwhile
_SHORTEST = 1.0  # s between two fits


@dataclass(frozen=True)
class Answer:
    """What the fit of a run found.

    Attributes
    ----------
    run
        The run.
    points
        How many points it had.
    found
        What its points show; None where they do not yet.
    reason
        Why there is nothing, "" otherwise.
    lines
        Its loops, to be drawn.
    curves
        Panels of its analysis, to be drawn.
    plane
        x, y and values over them, where a map was asked for.
    """

    run: RunSource
    points: int
    found: Interim | None
    reason: str = ""
    lines: Sequence[LoopLine] = ()
    curves: Sequence[Curve] = ()
    plane: tuple[FloatArray, FloatArray, FloatArray] | None = None


class LiveFit(QObject):
    """Fits one run at a time, the newest question only; errors are part of the answer.

    Signals
    -------
    answered(Answer)
        In the window's thread.
    """

    answered = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._busy = threading.Lock()
        self._next = 0.0
        self._asked: tuple[object, ...] = ()
        self._datasets: dict[RunSource, tuple[int, xarray.Dataset]] = {}

    def ask(self, run: RunSource, others: Sequence[RunSource], plane: str = "") -> None:
        """Begin a fit, unless one is at work, the last was a moment ago, or nothing is new.

        Parameters
        ----------
        run
            The run.
        others
            Runs that may help it to an answer, the best first.
        plane
            Column that is also wanted as a map; "" for none.
        """
        question = (run, len(run), run.attributes.get("status"), plane, *others)
        if question == self._asked or time.monotonic() < self._next or not self._busy.acquire(blocking=False):
            return
        self._asked = question
        threading.Thread(target=self._work, args=(run, list(others), plane), name="live fit", daemon=True).start()

    def _work(self, run: RunSource, others: list[RunSource], plane: str) -> None:
        began = time.monotonic()
        try:
            answer = self._answer(run, others, plane)
        finally:
            self._next = time.monotonic() + max(_SHORTEST, _REST * (time.monotonic() - began))
            self._busy.release()
        with suppress(RuntimeError):  # the window was closed meanwhile
            self.answered.emit(answer)

    def _answer(self, run: RunSource, others: list[RunSource], plane: str) -> Answer:
        from analysis.interim import interim
        from analysis.position_scan import scan_map

        points, reason, path = len(run), "", str(run.parameters.get("path", ""))
        found, values = None, None
        with np.errstate(all="ignore"):
            try:
                dataset = run.dataset()
                values = scan_map(dataset, plane) if plane else None
                found = interim(dataset, [self._dataset(other) for other in others])
            except AsotError as error:
                reason = str(error)
            except Exception as error:  # a fit of too few points may fail in any way; the run goes on
                reason = f"No fit: {type(error).__name__}: {error}"
            lines = loop_lines(found, path) if found is not None else []
            curves = [_thinned(curve) for curve in found.curves] if found is not None else []
        keep_for_good("analysis")
        return Answer(run, points, found, reason, lines, curves, values)

    def _dataset(self, run: RunSource) -> xarray.Dataset:
        """Dataset of another run, kept while it does not grow."""
        count, dataset = self._datasets.get(run, (-1, None))
        if dataset is None or count != len(run):
            dataset = run.dataset()
            self._datasets[run] = len(run), dataset
        return dataset


def _thinned(curve: Curve) -> Curve:
    """Curve in a bounded number of points."""
    x, y, numbers = decimated(np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float))
    errors = None if curve.errors is None else np.asarray(curve.errors)[numbers]
    if curve.fit_x is None or curve.fit_y is None:
        return replace(curve, x=x, y=y, errors=errors)
    fit_x, fit_y, _ = decimated(np.asarray(curve.fit_x, dtype=float), np.asarray(curve.fit_y, dtype=float))
    return replace(curve, x=x, y=y, errors=errors, fit_x=fit_x, fit_y=fit_y)
