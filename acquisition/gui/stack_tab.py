"""Depth profile of the tilt and depth sensitivity of the sample's stack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph
from PyQt6.QtCore import QEvent, Qt, QTimer
from PyQt6.QtGui import QShowEvent
from PyQt6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from acquisition.gui.plot import Entry, Plot
from acquisition.gui.session import Session
from acquisition.gui.theme import SERIES, faint, ink
from analysis.errors import AsotError
from analysis.stack import FloatArray

if TYPE_CHECKING:
    from analysis.depth_profile import DepthProfile
    from analysis.sample import Sample

_BENCH_SAMPLE = "Sample on the bench"
_DEPTH = ("Height above the lower face", "m")
_MILLIONTH, _PER_NANOMETRE = 1e-6, 1e-9
_FLAT = 0.4  # of the largest value, that the y axis spans at least: a constant shows no rounding errors
_DELAY = 30  # ms between a change and the curves, so that a wheel turned fast draws once


class StackTab(QWidget):
    """Depth profile of the tilt and depth sensitivity of the sample's stack.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._samples: dict[str, Sample] = {}
        self._stale = True
        self.profile: DepthProfile | None = None
        """What is shown."""
        self.sample, self.side = QComboBox(), QComboBox()
        self.side.addItems(["top", "bottom"])
        self.field = _number("mT", 0, 2000, 0, 1, "In-plane field, which holds the magnetisation down")
        self.torque = _number("µJ/m²", -100, 100, 0.43, 0.01, "At the lower face; the opposite one acts at the upper")
        self.calibration = _number("mT", -100, 100, 0.85, 0.05, "Out-of-plane field of the coil")
        self.current = _number("mA", 0, 1000, 40, 1, "Peak current through the sample")
        self.wavelength = _number("nm", 300, 1600, 780, 1, "Of the light, in vacuum")
        self.tilt = Plot(_DEPTH, ("Tilt m_z (10⁻⁶)", ""), "Tilt under the torque")
        self.uniform = Plot(_DEPTH, ("Tilt m_z (10⁻⁶)", ""), "Tilt under the calibration field")
        self.kernel = Plot(_DEPTH, ("Sensitivity", "rad/nm"), "Depth sensitivity: Kerr angle per m_z")
        self.numbers, self.fault = QLabel(), QLabel()
        self._build()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_DELAY)
        self._later.timeout.connect(self._draw)
        for box in (self.sample, self.side):
            box.currentIndexChanged.connect(lambda index: self._later.start())
        for number in (self.field, self.torque, self.calibration, self.current, self.wavelength):
            number.valueChanged.connect(lambda value: self._later.start())
        session.activity_changed.connect(lambda activity: self._follow_bench())

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """List samples and draw, the first time that the tab is looked at."""
        super().showEvent(event)
        if not self.sample.count():
            self._list_samples()
        if self._stale:
            self._later.start()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take over the colours of a new theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "_later"):
            self._later.start()

    def _build(self) -> None:
        self.sample.setToolTip("Whose stack is shown")
        self.sample.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.sample.setMinimumContentsLength(12)
        self.side.setToolTip("Side of the film from which the light comes")
        form = QFormLayout()
        for text, widget in (
            ("Sample", self.sample), ("Light from the", self.side), ("Wavelength", self.wavelength),
            ("Field", self.field), ("Torque", self.torque), ("Calibration field", self.calibration),
            ("Current", self.current),
        ):  # fmt: skip
            form.addRow(text, widget)
        self.numbers.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fault.setWordWrap(True)
        panel = QWidget()
        column = QVBoxLayout(panel)
        column.addLayout(form)
        column.addWidget(self.numbers)
        column.addWidget(self.fault)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(panel)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(280)
        plots = QVBoxLayout()
        for plot in (self.tilt, self.uniform, self.kernel):
            plots.addWidget(plot, stretch=1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(scroll)
        layout.addLayout(plots, stretch=1)

    def _list_samples(self) -> None:
        from analysis import configuration

        self.sample.addItem(_BENCH_SAMPLE)
        self.sample.addItems(configuration.names("samples"))
        self._follow_bench()

    def _follow_bench(self) -> None:
        """Take the light and the sample of the bench that was opened."""
        self._stale = True
        bench = self._session.bench
        if bench is not None:
            self.wavelength.setValue(bench.file.laser.wavelength * 1e9)
            self.side.setCurrentText(bench.light_side)
        if self.isVisible():
            self._later.start()

    def _chosen(self) -> Sample:
        """The sample that is chosen; that of the bench, or the usual one while there is none."""
        from analysis.sample import read_sample
        from instruments.defaults import DEFAULT_SAMPLE

        name = self.sample.currentText()
        bench = self._session.bench
        if name == _BENCH_SAMPLE and bench is not None:
            return bench.sample
        if name == _BENCH_SAMPLE:
            name = DEFAULT_SAMPLE
        if name not in self._samples:
            self._samples[name], _ = read_sample(name)
        return self._samples[name]

    def _draw(self) -> None:
        from analysis.depth_profile import depth_profile

        self._stale = False
        try:
            sample = self._chosen()
            self.profile = depth_profile(
                sample,
                field=self.field.value() * 1e-3,
                torque=self.torque.value() * 1e-6,
                calibration_field=self.calibration.value() * 1e-3,
                wavelength=self.wavelength.value() * 1e-9,
                side="top" if self.side.currentText() == "top" else "bottom",
            )
        except AsotError as error:
            self.fault.setText(f"<i>{error}</i>")
            return
        self.fault.setText("")
        self._show(sample, self.profile)

    def _show(self, sample: Sample, profile: DepthProfile) -> None:
        black = ink(self.palette()).name()
        density = profile.kernel_density * _PER_NANOMETRE
        for plot, curves in (
            (self.tilt, [("under the torque", SERIES[0], profile.torque_tilt / _MILLIONTH)]),
            (self.uniform, [("under the calibration field", SERIES[1], profile.calibration_tilt / _MILLIONTH)]),
            (self.kernel, [("rotation", SERIES[0], density.real), ("ellipticity", SERIES[1], density.imag)]),
        ):
            self._curves(plot, profile, curves)
        edge = Entry(black, "┆", "one exchange length from a face")
        self.tilt.set_legend([edge])
        light = "from the right (top)" if profile.side == "top" else "from the left (bottom)"
        self.kernel.set_legend(
            [
                Entry(SERIES[0], "━", "rotation"),
                Entry(SERIES[1], "━", "ellipticity"),
                Entry(black, "☀", f"light {light}"),
                edge,
            ]
        )
        current = self.current.value() * 1e-3
        unsafe = " (above the sample's limit)" if current > sample.largest_current else ""
        rows = [
            ("Thickness", _si(profile.thickness, "m")),
            ("Exchange length", _si(profile.exchange_length, "m")),
            ("Reflectance", f"{100 * profile.reflectance:.1f} %"),
            ("Current density", f"{sample.current_density(current):.3g} A/m²{unsafe}"),
            ("Rotation, torque", _si(profile.torque_angle.real, "rad")),
            ("Ellipticity, torque", _si(profile.torque_angle.imag, "rad")),
            ("Rotation, calibration", _si(profile.calibration_angle.real, "rad")),
            ("Ellipticity, calibration", _si(profile.calibration_angle.imag, "rad")),
            ("Efficiency", _efficiency(self.torque.value() * 1e-6, sample.current_density(current))),
        ]
        cells = "".join(f"<tr><td>{name}&nbsp;&nbsp;</td><td><b>{value}</b></td></tr>" for name, value in rows)
        self.numbers.setText(f"<table>{cells}</table>")

    def _curves(self, plot: Plot, profile: DepthProfile, curves: Sequence[tuple[str, str, FloatArray]]) -> None:
        """Draw curves over the height, and where the exchange length reaches from each face."""
        plot.item.clear()
        largest = max(float(np.max(np.abs(values))) for _, _, values in curves)
        plot.item.getViewBox().setLimits(minYRange=_FLAT * largest or None)
        for name, colour, values in curves:
            plot.item.plot(profile.height, values, pen=pyqtgraph.mkPen(colour, width=2), name=name)
        for place in (profile.exchange_length, profile.thickness - profile.exchange_length):
            if 0 < place < profile.thickness:
                pen = pyqtgraph.mkPen(faint(self.palette()), style=Qt.PenStyle.DashLine)
                plot.item.addItem(pyqtgraph.InfiniteLine(place, angle=90, pen=pen), ignoreBounds=True)


def _number(unit: str, low: float, high: float, value: float, step: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(max(0, math.ceil(-math.log10(step))) + 1)
    box.setSingleStep(step)
    box.setValue(value)
    box.setSuffix(f" {unit}")
    box.setToolTip(tip)
    return box


def _si(value: float, unit: str) -> str:
    return str(pyqtgraph.siFormat(value, precision=4, suffix=unit))


def _efficiency(torque: float, density: float) -> str:
    from analysis.torque import spin_torque_efficiency

    return f"{float(spin_torque_efficiency(torque, density)):.3g}" if density else "no current"
