"""What the analysis finds in a run that ended, read and fitted in a thread of its own."""

from __future__ import annotations

import threading
from contextlib import suppress

from PyQt6.QtCore import QObject, pyqtSignal

from acquisition.gui.live_run import LiveRun
from acquisition.states import State
from analysis import load_run
from analysis.errors import AsotError
from analysis.findings import ANALYSES
from analysis.run_groups import sample_of


class RunFindings(QObject):
    """Analyses finished runs.

    Signals
    -------
    found(LiveRun, Finding)
        What a run says.
    missed(LiveRun, str)
        Why a run says nothing.
    """

    found = pyqtSignal(object, object)
    missed = pyqtSignal(object, str)

    def read(self, one: LiveRun) -> None:
        """Analyse the file of a run that ended; the answer comes as a signal."""
        result = one.run.result
        if result is None or result.state is not State.FINISHED or result.path is None:
            self.missed.emit(one, "" if result is None else f"{result.state}: {result.reason}")
            return
        path = result.path

        def work() -> None:
            with suppress(RuntimeError):  # the window went meanwhile, and this object with it
                try:
                    run = load_run(path)
                    finding = ANALYSES[one.planned.name](run, sample_of(run))
                except AsotError as error:
                    self.missed.emit(one, str(error))
                else:
                    self.found.emit(one, finding)

        threading.Thread(target=work, name="finding", daemon=True).start()
