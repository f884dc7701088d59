"""Which bench to connect to, with which sample in it."""

from __future__ import annotations

from PyQt6.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QWidget

from acquisition.gui.session import Connection
from instruments.defaults import DEFAULT_BENCH, DEFAULT_SAMPLE


class ConnectDialog(QDialog):
    """Asks for bench and sample: names in the configuration folders, or paths typed in.

    Parameters
    ----------
    last
        What was connected last, to begin with; None for the simulated bench.
    """

    def __init__(self, last: Connection | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Connect to a bench")
        last = last or Connection(DEFAULT_BENCH, DEFAULT_SAMPLE)
        self.bench, self.sample = self._choice("benches", last.bench), self._choice("samples", last.sample)
        self.realtime = QCheckBox("A simulated bench takes as long as a real one")
        self.realtime.setChecked(last.realtime)
        self.realtime.setToolTip("Otherwise its time is virtual, and a run of an hour takes seconds.")
        hint = QLabel(
            "Connecting stops the sources, opens the relay and takes the quarter-wave plate out of the beam. "
            "A bench is held by one program at a time."
        )
        hint.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        connect = buttons.addButton("Connect", QDialogButtonBox.ButtonRole.AcceptRole)
        assert connect is not None
        connect.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow("Bench", self.bench)
        form.addRow("Sample", self.sample)
        form.addRow(self.realtime)
        form.addRow(hint)
        form.addRow(buttons)

    @property
    def connection(self) -> Connection:
        """What was chosen."""
        return Connection(self.bench.currentText(), self.sample.currentText(), realtime=self.realtime.isChecked())

    @staticmethod
    def _choice(folder: str, present: str) -> QComboBox:
        from analysis import configuration

        box = QComboBox()
        box.setEditable(True)
        box.setMinimumContentsLength(28)
        box.addItems(configuration.names(folder))
        box.setCurrentText(present)
        return box
