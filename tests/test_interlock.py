"""The interlock: a bench that outlives its run is made safe when the run dies or hangs, and left alone otherwise."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pymeasure.adapters import VISAAdapter

from acquisition import Run, State, run
from acquisition.cli import app
from acquisition.interlock import END, watch
from acquisition.run_queue import Queue
from acquisition.runner import RunResult
from analysis.sample import Sample
from instruments import Bench, open_bench
from instruments.bench import BenchFiles, read_bench
from instruments.bench_file import BenchFile
from instruments.clock import WallClock
from instruments.emergency import make_currents_and_field_safe
from instruments.errors import DeviceError
from instruments.openers import Connections
from instruments.simulation.server import BenchServer, client_file
from instruments.visa import NamedAdapter
from procedures import FieldSweep

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
PATIENCE = 60.0  # s, far more than anything takes
QUICK = {"time_constant": "10 ms", "largest_field": "50 mT", "polarizations": ["0 deg"], "steps": 3}
SERVED = {  # what moves in real time is fast, and the plates stand where they are needed
    "bench.magnet.lag": "1 ms",
    "twin.magnet_lag": "1 ms",
    "bench.magnet.ramp_rate": "1 T/s",
    "bench.sample_source.ramp_rate": "1 A/s",
    "bench.analyser_plate.zero": "-22.5 deg",
}
HANGING = """
import sys, threading  # in a thread, as from a window: there no signal ends a call that hangs
from pathlib import Path
from acquisition import run
from instruments import open_bench
from procedures import FieldSweep

class Hanging(FieldSweep):
    def measure(self, point, bench):
        print("measuring", flush=True)
        threading.Event().wait()

settings = {"bench.interlock.silence": "1.5 s", "bench.interlock.grace": "0.5 s"}
def measure():
    with open_bench(sys.argv[1], settings=settings) as bench:
        sweep = Hanging.from_table({"time_constant": "10 ms", "polarizations": ["0 deg"]}, "test")
        run(sweep, bench, Path(sys.argv[2]), name="field-sweep")
threading.Thread(target=measure).start()
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Bench file of a simulated bench that a process of its own serves."""
    path = tmp_path_factory.mktemp("served") / "served.toml"
    command = [sys.executable, "-P", "-m", "acquisition", "bench", "serve", "simulated", "--out", str(path)]
    command += [part for key, value in SERVED.items() for part in ("--set", f"{key}={value}")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
    assert process.stdout is not None
    try:
        said = next((line for line in process.stdout if line.startswith("Serving")), "")
        assert said, "the server did not start"
        yield path
        process.terminate()
        rest, _ = process.communicate(timeout=PATIENCE)
        assert (process.returncode, rest) == (0, "Stopped.\n")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def interlocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[str]]]:
    """Interlocks that runs in this process started; none may be left."""
    started = []
    original = subprocess.Popen

    class Recorded(original):  # type: ignore[misc,valid-type]
        def __init__(self, arguments: Any, **rest: Any) -> None:
            super().__init__(arguments, **rest)
            if "acquisition.interlock" in arguments:
                started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    yield started
    assert all(process.poll() is not None for process in started)


def measure(bench: Bench, folder: Path, sweep: FieldSweep | None = None, **rest: Any) -> RunResult:
    quick = FieldSweep.from_table(QUICK, "test")
    return run(sweep or quick, bench, folder, name="field-sweep", **rest)  # type: ignore[arg-type]


def state(path: Path) -> tuple[bool, list[bool], float]:
    """Whether the sample source is on, the levels of both relay lines and the field (T), asked over the wire."""
    file = read_bench(path, "py32-fused-silica").bench
    with ExitStack() as resources:
        connections = Connections(file, WallClock(), resources)
        keithley = connections.adapter(file.sample_source.resource)
        keithley.write("OUTP?")
        on = keithley.read().strip() == "1"
        hall = connections.analog_input(file.magnet.hall, "Hall probe").read(20)
        lines = connections.digital_output([file.relay.sample, file.relay.coil], "relay").read()
    return on, lines, hall / file.magnet.hall_gain - file.magnet.hall_offset


def assert_safe(path: Path) -> None:
    on, lines, field = state(path)
    assert (on, lines) == (False, [False, False])
    assert abs(field) < 1e-3


def report_in(folder: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    text = ""
    while not ("are safe." in text or "NOT SAFE" in text):
        assert time.monotonic() < deadline, f"no report of the interlock: {text}"
        time.sleep(0.05)
        text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.interlock.txt"))
    return text


def test_run_that_is_killed_leaves_its_bench_safe_and_another_bench_alone(served: Path, tmp_path: Path) -> None:
    files = read_bench("simulated", "py32-fused-silica", SERVED)
    command = [sys.executable, "-P", "-m", "acquisition", "run", "field-sweep", "--bench", str(served), "--json"]
    settings = ["steps=41", "time_constant=10 ms", "largest_field=50 mT"]
    command += [
        "--out",
        str(tmp_path),
        *(part for text in settings for part in ("--set", f"recipe.procedures.0.{text}")),
    ]
    with BenchServer(files.bench, files.sample) as other, open_client(files, other, tmp_path) as neighbour:
        neighbour.relay.select("sample")
        neighbour.sample_source.set_amplitude(0.01)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        assert process.stdout is not None and process.stderr is not None
        points = (line for line in process.stdout if json.loads(line)["event"] == "point")
        assert [json.loads(next(points, "{}")).get("index") for _ in range(2)] == [0, 1], process.stderr.read()
        on, lines, field = state(served)
        assert (on, lines) == (True, [True, False]) and abs(field) > 0.02
        process.kill()
        process.communicate(timeout=PATIENCE)
        text = report_in(tmp_path)
        assert other.wire.twin.sample_drive.running and neighbour.sample_source.amplitude() == pytest.approx(0.01)
    assert "ended in mid-run" in text and "magnet: field ramped to zero: reached" in text
    assert text.endswith("Currents and field are safe.\n")
    assert_safe(served)


def test_run_that_hangs_is_ended_by_its_id_and_its_bench_made_safe(served: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", HANGING, str(served), str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
    assert process.stdout is not None
    assert process.stdout.readline() == "measuring\n"
    assert state(served)[0]
    process.communicate(timeout=PATIENCE)
    assert process.returncode == (-signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    assert "gave no sign of life" in report_in(tmp_path)
    assert_safe(served)


def test_run_that_ends_regularly_is_left_alone(
    served: Path, tmp_path: Path, interlocks: list[subprocess.Popen[str]]
) -> None:
    with open_bench(served) as bench:
        result = measure(bench, tmp_path)
        assert (result.state, result.points, result.unsafe) == (State.FINISHED, 6, [])
        assert [process.returncode for process in interlocks] == [0]
        assert list(tmp_path.glob("*.interlock.txt")) == []


class Hanging(FieldSweep):
    """A driver that never returns."""

    def measure(self, point: Any, bench: Bench) -> Any:
        threading.Event().wait()


def test_dead_interlock_and_call_that_hangs_end_failed_and_safe_and_the_queue_goes_on(
    served: Path, tmp_path: Path, interlocks: list[subprocess.Popen[str]]
) -> None:
    def kill(index: int, total: int, reading: object) -> None:
        interlocks[0].kill()
        interlocks[0].wait()

    def ended(run: Run, result: RunResult) -> None:
        assert result.unsafe == []
        assert_safe(served)

    with open_bench(served, settings={"bench.interlock.silence": "1.5 s", "bench.interlock.grace": "60 s"}) as bench:
        queue = Queue(on_end=ended)
        for kind, listener in ((FieldSweep, kill), (Hanging, None), (FieldSweep, None)):
            sweep: Any = kind.from_table(QUICK, "test")
            queue.add(Run(sweep, tmp_path, name="field-sweep", on_point=listener))
        dead, hung, last = queue.execute(lambda run: bench)
    assert dead.state is State.FAILED and "interlock: has ended in mid-run" in dead.reason and dead.points == 1
    assert hung.state is State.FAILED and hung.points == 0
    assert "has asked the run to stop: no sign of life for 1.5 s; wait (threading.py) hung" in hung.reason
    assert (last.state, last.points, last.reason) == (State.FINISHED, 6, "")
    assert list(tmp_path.glob("*.interlock.txt")) == []


def test_run_that_was_asked_to_stop_ends_failed_and_makes_its_bench_safe_itself(
    served: Path, tmp_path: Path, interlocks: list[subprocess.Popen[str]]
) -> None:
    class Slow(FieldSweep):
        def measure(self, point: Any, bench: Bench) -> Any:
            time.sleep(1.0)
            return super().measure(point, bench)

    settings = {"bench.interlock.silence": "0.5 s", "bench.interlock.grace": "60 s"}
    with open_bench(served, settings=settings) as bench, ThreadPoolExecutor() as window:
        slow: Any = Slow.from_table(QUICK, "test")
        result = window.submit(measure, bench, tmp_path, slow).result()
    assert result.state is State.FAILED and "has asked the run to stop: no sign of life for 0.5 s." in result.reason
    assert result.unsafe == [] and [process.returncode for process in interlocks] == [0]
    assert list(tmp_path.glob("*.interlock.txt")) == []


def test_bench_simulated_in_the_process_of_the_run_has_no_interlock(
    bench: Bench, tmp_path: Path, interlocks: list[subprocess.Popen[str]]
) -> None:
    assert measure(bench, tmp_path).state is State.FINISHED
    assert interlocks == []


def open_client(files: BenchFiles, server: BenchServer, folder: Path) -> Bench:
    path = folder / "client.toml"
    path.write_text(client_file(files.document, server), encoding="utf-8")
    return open_bench(path)


def test_dead_instrument_keeps_the_interlock_from_no_other(tmp_path: Path) -> None:
    files = read_bench("simulated", "py32-fused-silica", SERVED)
    with BenchServer(files.bench, files.sample) as server:
        bench = open_client(files, server, tmp_path)
        bench.relay.select("sample")
        bench.sample_source.set_amplitude(0.04)
        bench.magnet.set_field(0.05)
        server.lateness["GPIB0::12::INSTR"] = float("inf")
        reports = {report.role: report for report in make_currents_and_field_safe(bench.file, bench.sample)}
        server.lateness.clear()
        assert [role for role, report in reports.items() if not report.safe] == ["sample_source"]
        assert "sample_source (Keithley6221, TCPIP0::127.0.0.1::" in reports["sample_source"].failed[0]
        assert_safe_but_for_the_source(server)
        with pytest.raises(DeviceError, match="-200088"):  # the tasks that the bench held were closed for it
            bench.close()
        assert server.wire.daq_server.open_tasks() == []


def assert_safe_but_for_the_source(server: BenchServer) -> None:
    twin = server.wire.twin
    assert not any(twin._lines[line] for line in ("relay_sample", "relay_coil"))
    with server.exchange as clock:
        assert abs(twin.field(clock.now())) < 1e-3


def test_reply_to_a_question_that_was_interrupted_answers_no_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    files = read_bench("simulated", "py32-fused-silica", SERVED)
    with BenchServer(files.bench, files.sample) as server:
        source = NamedAdapter(server.resources["GPIB0::12::INSTR"], "@py", ["sample_source"])
        source.write("*IDN?")
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(VISAAdapter, "_read", interrupt)
            source.read()
        source.write("OUTP?")
        assert source.read().strip() == "0"
        source.close()


def test_command_makes_safe_what_a_script_left(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = read_bench(served, "py32-fused-silica").bench
    with ExitStack() as resources:
        keithley = Connections(file, WallClock(), resources).adapter(file.sample_source.resource)
        for text in ("SOUR:WAVE:ARM", "SOUR:WAVE:INIT"):
            keithley.write(text)
    assert state(served)[0]
    assert app.main(["bench", "safe", str(served)], standalone_mode=False) == 0
    assert "sample_source        output off" in capsys.readouterr().out
    assert_safe(served)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["5.0", END], None),
        (["5.0", None], "The process of the run ended in mid-run."),
        (["0.01"], "The run gave no sign of life for 0.02 s, and was ended."),
    ],
)
def test_watch_trips_at_every_end_but_the_regular_one(lines: list[str | None], reason: str | None) -> None:
    heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    for line in lines:
        heard.put(line)
    assert watch(heard, silence=5.0, grace=0.01) == reason


def test_order_carries_bench_and_sample_unchanged(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated()
    assert BenchFile.model_validate_json(bench.file.model_dump_json()) == bench.file
    assert Sample.model_validate_json(bench.sample.model_dump_json()) == bench.sample
