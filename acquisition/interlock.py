"""The interlock: a second process that makes the bench safe when a run dies or hangs. Started by `Heartbeat`.

What it reads on its standard input: one line of JSON (its order), then a line for each sign of life, the seconds
within which the next one will come, and "end" when the run has made the bench safe itself.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instruments.roles import SafeStateReport

END = "end"
SILENT = "no sign of life"
"""How the line begins by which the interlock asks a run to stop."""

_ATTEMPTS = 3
_PAUSE = 2.0  # s: a port or a card may be freed a moment after the process that held it is gone
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

Lines = queue.SimpleQueue[str | None]
"""What was read; None is the end of the input."""


def main() -> int:
    """Watch one run; return 0 after a regular end, 1 after a trip."""
    for name in _SIGNALS:  # what ends the run must not end its interlock
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    lines: Lines = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    first = lines.get()
    if first is None:
        return 0
    order: dict[str, Any] = json.loads(first)
    # Drivers take a second to import: done now, so that a trip need not wait and a fault of them shows at once.
    threading.Thread(target=_import_drivers, daemon=True).start()
    reason = watch(lines, order["silence"], order["grace"])
    if reason is None:
        return 0
    _write(order, reason, "The bench is being made safe.")
    _end_process(lines, order["process"], order["grace"])
    _write(order, reason, _make_safe(order))
    return 1


def watch(lines: Lines, silence: float, grace: float) -> str | None:
    """Wait for the end of a run.

    Parameters
    ----------
    lines
        Signs of life.
    silence
        Longest time (s) until the first one.
    grace
        Time (s) that the run has to make itself heard once it was asked to stop.

    Returns
    -------
    str or None
        Why the bench is to be made safe; None when the run has done so.
    """
    allowed = silence
    while True:
        try:
            line = lines.get(timeout=allowed)
        except queue.Empty:
            _say(f"{SILENT} for {allowed:g} s")
            try:
                line = lines.get(timeout=grace)
            except queue.Empty:
                return f"The run gave no sign of life for {allowed + grace:g} s, and was ended."
        if line is None:
            lines.put(None)
            return "The process of the run ended in mid-run."
        if line == END:
            return None
        allowed = float(line)


def _read(lines: Lines) -> None:
    with suppress(OSError):
        for line in sys.stdin:
            lines.put(line.strip())
    lines.put(None)


def _import_drivers() -> None:
    try:
        import nidaqmx  # noqa: F401

        import instruments.daq_channel
        import instruments.emergency  # noqa: F401
    except BaseException as error:
        _say(f"{type(error).__name__}: {error}")
        os._exit(3)


def _end_process(lines: Lines, process: int, grace: float) -> None:
    """End the run and wait until it is gone, and with it what it held.

    Its id is used only while it is certain to be the run's: while the run holds the other end of the pipe, or is
    still the parent of this process.
    """
    deadline = time.monotonic() + grace
    if not _closed(lines, 0.0):
        with suppress(OSError):
            os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        _closed(lines, grace)
    while os.name == "posix" and os.getppid() == process:
        if time.monotonic() > deadline:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
            return
        time.sleep(0.02)


def _closed(lines: Lines, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if lines.get(timeout=max(0.0, deadline - time.monotonic())) is None:
                lines.put(None)
                return True
        except queue.Empty:
            return False


def _make_safe(order: dict[str, Any]) -> str:
    from analysis.sample import Sample
    from instruments.bench_file import BenchFile
    from instruments.emergency import make_currents_and_field_safe

    file, sample = BenchFile.model_validate_json(order["bench"]), Sample.model_validate_json(order["sample"])
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE)
        reports = make_currents_and_field_safe(file, sample)
        if all(report.safe for report in reports):
            break
    return _text(reports)


def _text(reports: list[SafeStateReport]) -> str:
    lines = [f"{report.role}: {step}: reached" for report in reports for step in report.reached]
    failed = [f"{report.role}: {step}: FAILED" for report in reports for step in report.failed]
    end = "NOT SAFE: switch off by hand what failed." if failed else "Currents and field are safe."
    return "\n".join([*lines, *failed, end])


def _write(order: dict[str, Any], reason: str, text: str) -> None:
    content = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {reason}\n{text}\n"
    _say(content)
    with suppress(OSError):  # a full disk keeps no bench from being made safe
        Path(order["report"]).write_text(content, encoding="utf-8")


def _say(text: str) -> None:
    """Tell the run, if it still listens."""
    with suppress(OSError):
        os.write(1, f"{text.rstrip()}\n".encode())


if __name__ == "__main__":
    code = main()
    os._exit(code)  # an import that is under way needs no waiting for
