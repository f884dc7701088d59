"""Speed of the lab window: frames and stalls while points stream in, acquisition beside a busy window, start-up.

Usage, with the dependency group `benchmarks`: python benchmarks/window.py [POINTS]

Each part runs in a process of its own. Exit code 1 where a promise does not hold: with a million points frames of 33 ms
(99 %) and no stall of the event loop above 50 ms, acquisition within 5 % while the main thread sleeps, start-up below
twice that of an empty window plus 1 s. On a machine so busy that an empty event loop stalls, all but the rate is judged
by processor time, and the output says so.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_API"] = "pyqt6"

POINTS, PEER_POINTS = 1_000_000, 100_000
RATE = 50_000  # points per second that stream in
HEARTBEAT = 0.005  # s
FRAME, STALL, SLOWER, START = 0.033, 0.050, 0.05, 1.0  # s, s, relative, s beside twice an empty window
ROUNDS = 5


class Watch:
    """Frames, and stalls of the event loop: how much later than due a heartbeat of 5 ms came.

    Both by the clock on the wall and by the time that the processor spent in this thread, which other programs do not
    lengthen, but which leaves out waiting for other threads.
    """

    def __init__(self, widget: Any) -> None:
        from PyQt6.QtCore import Qt, QTimer

        self.frames: list[tuple[float, float]] = []
        self.stalls: list[tuple[float, float]] = []
        self._last = time.perf_counter(), time.thread_time()
        paint = widget.paintEvent

        def timed(event: Any) -> None:
            began = time.perf_counter(), time.thread_time()
            paint(event)
            self.frames.append((time.perf_counter() - began[0], time.thread_time() - began[1]))

        widget.paintEvent = timed
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(1e3 * HEARTBEAT))
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.stalls.append((max(0.0, now[0] - self._last[0] - HEARTBEAT), now[1] - self._last[1]))
        self._last = now

    def result(self) -> dict[str, Any]:
        """Milliseconds on the wall and in the processor: median, 99 % and largest."""
        result: dict[str, Any] = {"late": sum(stall[0] > STALL for stall in self.stalls)}
        for name, pairs in (("frames", self.frames), ("stalls", self.stalls)):
            for kind, column in zip(("wall", "processor"), zip(*pairs, strict=True), strict=True):
                times = sorted(1e3 * value for value in column)
                result[f"{name}, {kind}"] = [statistics.median(times), times[int(0.99 * len(times))], times[-1]]
        return result


def quiet_machine(seconds: float = 5.0) -> dict[str, Any]:
    """Stalls of an event loop that does nothing: what the machine itself causes."""
    from PyQt6.QtCore import QTimer
    from PyQt6.QtWidgets import QApplication, QWidget

    application = QApplication([])
    widget = QWidget()
    widget.show()
    watch = Watch(widget)
    blink = QTimer()
    blink.timeout.connect(widget.update)
    blink.start(100)
    QTimer.singleShot(round(1e3 * seconds), application.quit)
    application.exec()
    return watch.result()


def window_frames(count: int) -> dict[str, Any]:
    """Frames of the lab window while `count` points of a field sweep stream into a run that it shows."""
    from PyQt6.QtCore import QSettings, QTimer
    from PyQt6.QtWidgets import QApplication

    from acquisition.gui.live_run import live_run
    from acquisition.gui.theme import apply_style
    from acquisition.gui.window import Window
    from acquisition.recipe import load_recipe

    application = QApplication([])
    apply_style(application)
    folder = Path(tempfile.mkdtemp())
    window = Window(folder, QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat))
    steps = count // 4  # two polarisations, two branches
    recipe = load_recipe("field-sweep", {"procedures.0.steps": min(steps, 100_000), "procedures.0.repeats": 10})
    one = live_run(recipe.runs[0], recipe, folder, "benchmark")
    one.attributes.update(_attributes(one))
    window.resize(1366, 768)
    window.show()
    window.session.runs.append(one)
    window.session.queue_changed.emit()
    window.session.run_began.emit(one)
    stream = _Stream(one.points, count)
    _wait(application, lambda: window.measure.run is not None and window.measure.plot.isVisible())
    watch = Watch(window.measure.plot)
    end = QTimer()
    end.timeout.connect(
        lambda: application.quit() if stream.done and all(c.complete for c in window.measure.curves) else None
    )
    end.start(200)
    stream.start()
    application.exec()
    result = watch.result() | {"points": len(one.points), "seconds": stream.seconds}
    window.session.closed.connect(lambda: application.exit(0))
    window.close_at_once()
    application.exec()
    return result


def _attributes(one: Any) -> dict[str, Any]:
    """What a run under way on the simulated bench has."""
    import tomllib

    from acquisition.description import describe_run
    from instruments import open_bench

    with open_bench("simulated") as bench:
        described = describe_run(one.planned.procedure, bench)
        sample = tomllib.loads(bench.notes["sample"])
    return {
        **described, "run_id": "benchmark", "procedure": "field-sweep", "batch": "", "sample": sample, "path": "run.h5",
    }  # fmt: skip


class _Stream(threading.Thread):
    """Loops with noise, written into live columns at a steady rate as the bench thread would."""

    def __init__(self, points: Any, count: int) -> None:
        super().__init__(daemon=True)
        self._points, self._count = points, count
        self.done, self.seconds = False, 0.0

    def run(self) -> None:
        """Write them in hundredths of a second."""
        import numpy as np

        generator, began, sent, share = np.random.default_rng(1), time.perf_counter(), 0, RATE // 100
        while sent < self._count:
            place = sent + np.arange(min(share, self._count - sent))
            field = 0.05 * (2 * np.abs((place / 1e5) % 2 - 1) - 1)
            rows = {name: np.zeros(len(place)) for name in self._points.names}
            rows |= {
                "sequence": place % 400_000, "field": field, "field_set": field, "current": np.full(len(place), 0.04),
                "polarization": np.where((place // 200_000) % 2, 0.7853981633974483, 2.356194490192345),
                "kerr_signal": 1e-8 * np.sign(field) + generator.normal(0, 5e-9, len(place)),
            }  # fmt: skip
            self._points.extend(rows)
            sent += len(place)
            time.sleep(max(0.0, began + sent / RATE - time.perf_counter()))
        self.seconds = time.perf_counter() - began
        self.done = True


def peer_frames(count: int) -> dict[str, Any]:
    """The same of pymeasure's ManagedWindow, whose procedure emits `count` points as fast as it takes them."""
    import logging

    from PyQt6.QtCore import QTimer
    from PyQt6.QtWidgets import QApplication

    logging.disable(logging.CRITICAL)
    from pymeasure.display.windows import ManagedWindow
    from pymeasure.experiment import Procedure, Results

    class Sweep(Procedure):  # type: ignore[misc]
        """Loops with noise."""

        DATA_COLUMNS = ["field", "kerr_signal"]  # noqa: RUF012 - pymeasure's own way

        def execute(self) -> None:
            """Emit them."""
            import random

            for place in range(count):
                field = 0.05 * (2 * abs((place / 1e5) % 2 - 1) - 1)
                self.emit("results", {"field": field, "kerr_signal": random.gauss(0, 5e-9)})
                if self.should_stop():
                    break

    application = QApplication([])
    window = ManagedWindow(procedure_class=Sweep, x_axis="field", y_axis="kerr_signal")
    window.resize(1366, 768)
    window.show()
    watch = Watch(window.plot_widget.plot_frame.plot_widget)
    began = time.perf_counter()
    results = Results(Sweep(), str(Path(tempfile.mkdtemp()) / "peer.csv"))
    experiment = window.new_experiment(results)
    window.manager.queue(experiment)
    spent: list[float] = []

    def look() -> None:
        if not spent and not window.manager.is_running():
            spent.append(time.perf_counter() - began)
            QTimer.singleShot(2000, application.quit)

    timer = QTimer()
    timer.timeout.connect(look)
    QTimer.singleShot(1000, lambda: timer.start(200))
    QTimer.singleShot(240_000, application.quit)
    application.exec()
    print(json.dumps(watch.result() | {"points": count, "seconds": spent[0] if spent else 240.0}), flush=True)
    os._exit(0)  # its threads do not all end by themselves


def acquisition_rate(sleeping: bool) -> dict[str, Any]:
    """Points per second of a run on the simulated bench in the session's thread, over 10 s."""
    from PyQt6.QtCore import QSettings, QTimer
    from PyQt6.QtWidgets import QApplication

    from acquisition.gui.session import Activity, Connection
    from acquisition.gui.window import Window
    from acquisition.recipe import load_recipe

    application = QApplication([])
    folder = Path(tempfile.mkdtemp())
    window = Window(folder, QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat))
    window.show()
    window.connect_bench(Connection("simulated", "py32-fused-silica"))
    _wait(application, lambda: window.session.activity is Activity.IDLE)
    recipe = load_recipe("field-sweep", {"procedures.0.steps": 20_000})
    one = window.session.enqueue(recipe, folder / "runs")[0]
    _wait(application, lambda: len(one.points) > 100)
    rates = []
    for _ in range(ROUNDS):
        start, began = len(one.points), time.perf_counter()
        if sleeping:
            time.sleep(10 / ROUNDS)
        else:
            QTimer.singleShot(round(1e4 / ROUNDS), lambda: application.exit(0))  # `quit` would ask the window
            application.exec()
        rates.append((len(one.points) - start) / (time.perf_counter() - began))
    window.session.closed.connect(lambda: application.exit(0))
    window.close_at_once()
    application.exec()
    return {"rate": statistics.median(rates)}


def _wait(application: Any, condition: Callable[[], bool]) -> None:
    while not condition():
        application.processEvents()
        time.sleep(0.002)


_FIRST_PAINT = """
from PyQt6.QtCore import QEvent, QObject, QTimer
from PyQt6.QtWidgets import QApplication
class FirstPaint(QObject):
    def eventFilter(self, thing, event):
        if event.type() == QEvent.Type.Paint:
            import os, time
            QTimer.singleShot(0, lambda: (print(time.time(), flush=True), os._exit(0)))
        return False
first = FirstPaint()
show = QApplication.exec
def exec(*arguments):
    QApplication.instance().installEventFilter(first)
    return show()
QApplication.exec = exec
"""
_EMPTY = (
    _FIRST_PAINT
    + """
import pyqtgraph
from PyQt6.QtWidgets import QMainWindow
application = QApplication([])
window = QMainWindow()
window.setCentralWidget(pyqtgraph.PlotWidget())
window.show()
application.exec()
"""
)
_WINDOW = (
    _FIRST_PAINT
    + """
import sys
sys.argv = ["asot", "gui", "--out", sys.argv[1]]
from acquisition.cli import main
main()
"""
)


def start_up(code: str) -> tuple[float, float]:
    """Time (s) from the start of a process to its first painted window: on the wall, and in the processor."""
    spent = os.times()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": folder}
        began = time.time()
        done = subprocess.run(
            [sys.executable, "-c", code, folder], env=environment, capture_output=True, text=True, check=False
        )
    if not done.stdout:
        raise SystemExit(f"The window did not open: {done.stderr}")
    now = os.times()
    processor = now.children_user + now.children_system - spent.children_user - spent.children_system
    return float(done.stdout.split()[0]) - began, processor


def _apart(part: str, *arguments: str) -> dict[str, Any]:
    """Run one part in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", part, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{part} failed: {done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _tell(name: str, result: dict[str, Any]) -> None:
    for what, (median, high, largest) in ((what, times) for what, times in result.items() if ", " in what):
        print(f"{name:<42}{what:<18} median {median:6.1f} ms, 99 % {high:6.1f} ms, largest {largest:6.1f} ms")


def main() -> int:
    """Measure everything and say what does not hold."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else POINTS
    broken = []
    quiet = _apart("quiet")
    _tell("Event loop that does nothing", quiet)
    window = _apart("window", str(count))
    _tell(f"Lab window, {window['points']:,} points", window)
    print(f"{'':<42}{window['points'] / window['seconds']:,.0f} points per second; {window['late']} stalls above 50 ms")
    peer = _apart("peer", str(PEER_POINTS))
    _tell(f"pymeasure's ManagedWindow, {peer['points']:,} points", peer)
    print(f"{'':<42}{peer['points'] / peer['seconds']:,.0f} points per second; {peer['late']} stalls above 50 ms")
    clock = "wall"
    if quiet["stalls, wall"][1] > 5:
        clock = "processor"
        print("Other programs keep the processors busy: all but the rate is judged by the time in the processor.")
    if window[f"frames, {clock}"][1] > 1e3 * FRAME:
        broken.append("frames")
    if window[f"stalls, {clock}"][2] > 1e3 * STALL:
        broken.append("stalls")

    pairs = [(_apart("free")["rate"], _apart("sleeping")["rate"]) for _ in range(3)]
    ratio = statistics.median(sleeping / free for free, sleeping in pairs)
    free = statistics.median(free for free, _ in pairs)
    print(f"Acquisition: {free:.0f} points per second; with the main thread asleep for 10 s {ratio:.3f} times that")
    if ratio < 1 - SLOWER:
        broken.append("acquisition")

    starts = [(start_up(_EMPTY), start_up(_WINDOW)) for _ in range(ROUNDS)]
    for place, kind in enumerate(("wall", "processor")):
        empty, full = (statistics.median(pair[which][place] for pair in starts) for which in (0, 1))
        print(f"Start-up, {kind}: {full:.2f} s; an empty window {empty:.2f} s; allowed {2 * empty + START:.2f} s")
        if kind == clock and full > 2 * empty + START:
            broken.append("start-up")
    print(f"Does not hold: {', '.join(broken)}" if broken else "All hold.")
    return bool(broken)


_PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "quiet": quiet_machine,
    "window": lambda count: window_frames(int(count)),
    "peer": lambda count: peer_frames(int(count)),
    "free": lambda: acquisition_rate(False),
    "sleeping": lambda: acquisition_rate(True),
}

if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--part":
        print(json.dumps(_PARTS[sys.argv[2]](*sys.argv[3:])))
    else:
        raise SystemExit(main())
