"""Heartbeat of a run: signs of life to its interlock, which makes the bench safe where they stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acquisition.interlock import END, SILENT
from analysis.child_process import child_environment
from instruments import Bench
from instruments.clock import WallClock
from instruments.errors import DeviceError

_MAKING_SAFE = 120.0  # s that the safe state may take: every step of every instrument may wait for a time-out
_LEAVING = 10.0  # s


class Heartbeat:
    """Sign of life of one run.

    A bench that is simulated in this process dies with it: it has no interlock, and nothing here does anything.

    Parameters
    ----------
    bench
        The open bench.
    journal
        Journal of the run; the interlock writes `<stem>.interlock.txt` beside it when it trips.

    Notes
    -----
    The thread that calls `beat` first is the one that is watched. It gives signs of life by `beat` and while it
    waits on the clock of the bench, so a long point is no silence, but a driver that hangs is. When the interlock asks
    the run to stop, a signal ends most calls that hang in the main thread; elsewhere Python delivers none.
    """

    def __init__(self, bench: Bench, journal: Path) -> None:
        self._bench, self._report = bench, journal.with_suffix(".interlock.txt")
        self._process: subprocess.Popen[str] | None = None
        self._heard: list[str] = []
        self._allowed = bench.file.interlock.silence
        self._thread = 0
        self._measuring = self._woken = False

    def beat(self) -> None:
        """Say that the run is alive; the first call starts the interlock.

        Raises
        ------
        DeviceError
            When the interlock has ended, or has asked the run to stop.
        """
        if self._bench.file.simulation is not None:
            return
        process = self._process or self._start()
        if process.poll() is not None:
            said = f" It said: {' '.join(self._heard)[-300:]}" if self._heard else ""
            raise DeviceError(
                "interlock", f"has ended in mid-run, with code {process.returncode}.{said}",
                "The run was stopped, because nothing would make the bench safe after it. Run again.",
            )  # fmt: skip
        if self._heard:
            raise self._asked_to_stop("")
        self._live(self._bench.file.interlock.silence)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Raise DeviceError where a call inside the block hung until it was interrupted; other interrupts pass."""
        self._measuring = True
        try:
            yield
        except KeyboardInterrupt as interrupt:
            if not self._woken:
                raise
            frame = traceback.extract_tb(interrupt.__traceback__)[-2]  # the last is that of the signal's handler
            raise self._asked_to_stop(f"; {frame.name} ({Path(frame.filename).name}) hung") from None
        finally:
            self._measuring = False

    def _asked_to_stop(self, where: str) -> DeviceError:
        return DeviceError(
            "interlock", f"has asked the run to stop: {self._heard[-1]}{where}.",
            "Find what hung; if it may take so long, raise `silence` in the table [interlock] of the bench file.",
        )  # fmt: skip

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Give the block, which makes the bench safe, more time; after it the interlock leaves the bench alone."""
        if self._process is None:
            yield
            return
        self._live(_MAKING_SAFE)
        yield
        self._put(END)
        self._leave(self._process)
        self._process = None

    def _start(self) -> subprocess.Popen[str]:
        order = {
            "process": os.getpid(),
            "bench": self._bench.file.model_dump_json(),
            "sample": self._bench.sample.model_dump_json(),
            "report": str(self._report.resolve()),
            "silence": self._bench.file.interlock.silence,
            "grace": self._bench.file.interlock.grace,
        }
        # Kept before it has its order: what starts and gets none leaves the bench alone.
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-m", "acquisition.interlock"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=child_environment(),
            # A closed terminal or Ctrl-C there ends the run, not its interlock.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
            | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._thread = threading.get_ident()
        self._listener = threading.Thread(target=self._listen, args=(process,), name="interlock", daemon=True)
        self._listener.start()
        self._put(json.dumps(order))
        if isinstance(self._bench.clock, WallClock):
            self._bench.clock.while_waiting = self._wait
        return process

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._heard.append(line.strip())
            in_main_thread = self._thread == threading.main_thread().ident
            if line.startswith(SILENT) and self._measuring and in_main_thread and not self._woken:
                self._woken = True
                _interrupt_main_thread(self._thread)

    def _wait(self) -> None:
        if threading.get_ident() == self._thread:
            self._live(self._allowed)

    def _live(self, seconds: float) -> None:
        """Say that the next sign of life will come within `seconds`."""
        self._allowed = seconds
        self._put(str(seconds))

    def _put(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        with suppress(OSError):  # an interlock that is gone is noticed by the next beat
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def _leave(self, process: subprocess.Popen[str]) -> None:
        if isinstance(self._bench.clock, WallClock):
            self._bench.clock.while_waiting = None
        assert process.stdin is not None and process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_LEAVING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._listener.join()
        process.stdout.close()


def _interrupt_main_thread(thread: int) -> None:
    """Let a call that blocks the main thread return, as Ctrl-C does."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
