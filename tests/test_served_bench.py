"""A simulated bench on TCP ports: unmodified drivers over PyVISA-py, silent and late instruments, clean end."""

from __future__ import annotations

import socket
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nidaqmx
import pytest
from nidaqmx import GrpcSessionOptions
from numpy.testing import assert_allclose
from pymeasure.instruments import Instrument
from pymeasure.instruments.keithley import Keithley6221
from pymeasure.instruments.newport import ESP300
from pymeasure.instruments.srs import SR830
from pyvisa.constants import StatusCode

from acquisition import State, run
from analysis.errors import InputError
from instruments import Bench, daq_channel, open_bench
from instruments.bench import read_bench
from instruments.clock import VirtualClock
from instruments.daq import AnalogInput
from instruments.errors import DeviceError
from instruments.simulation.faults import FaultyLine
from instruments.simulation.scpi import Device, command
from instruments.simulation.server import BenchServer, client_file, toml_text
from instruments.simulation.visa_backend import AsotVisaLibrary, close_resource_manager, open_resource_manager
from instruments.simulation_file import Fault
from instruments.visa import NamedAdapter, may_be_asked_again
from procedures import FieldSweep

LOCK_IN, SOURCE, STAGE = "GPIB0::8::INSTR", "GPIB0::12::INSTR", "GPIB0::1::INSTR"
FILES = read_bench(
    "simulated",
    "py32-fused-silica",
    {"bench.magnet.lag": "1 ms", "twin.magnet_lag": "1 ms", "bench.analyser_plate.zero": "-22.5 deg"},
)


@pytest.fixture
def server() -> Iterator[BenchServer]:
    with BenchServer(FILES.bench, FILES.sample) as opened:
        yield opened
    assert [text for device in opened.wire.devices.values() for text in device.refused] == []
    assert opened.wire.daq_server.refused == []
    assert opened.wire.daq_server.open_tasks() == []
    ports = [int(address.split("::")[2]) for address in opened.resources.values()]
    for port in (*ports, int(opened.daq_server.rpartition(":")[2])):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def driver(server: BenchServer) -> Iterator[Callable[..., Any]]:
    """Open an unmodified driver as any other program would."""
    opened: list[Instrument] = []

    def make(kind: Callable[..., Instrument], resource: str, **settings: Any) -> Instrument:
        ends = {"read_termination": "\n", "write_termination": "\n"}
        opened.append(kind(server.resources[resource], visa_library="@py", **ends, **settings))
        return opened[-1]

    yield make
    for instrument in opened:
        instrument.adapter.close()


@pytest.fixture
def client(server: BenchServer, tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "served.toml"
    path.write_text(client_file(FILES.document, server), encoding="utf-8")
    with open_bench(path) as bench:
        yield bench
        server.lateness.clear()


def test_unmodified_drivers_reach_the_served_devices(server: BenchServer, driver: Callable[..., Any]) -> None:
    lock_in, source = driver(SR830, LOCK_IN), driver(Keithley6221, SOURCE)
    with pytest.warns(FutureWarning, match="SCPI"):
        stage = driver(ESP300, STAGE)
    lock_in.sine_voltage = 0.5
    lock_in.time_constant = 0.01
    assert (lock_in.id[:24], lock_in.sine_voltage, lock_in.time_constant) == ("Stanford_Research_System", 0.5, 0.01)
    assert len(lock_in.xy) == 2
    source.waveform_frequency, source.waveform_amplitude = 20150, 0.04
    source.waveform_arm()
    source.waveform_start()
    drive = server.wire.twin.sample_drive
    assert (source.waveform_frequency, drive.amplitude, drive.running) == (20150, 0.04, True)
    stage.x.enable()
    stage.x.position = 0.1
    stage.x.wait_for_stop()
    assert (stage.x.position, stage.error) == (0.1, 0)


def test_time_of_a_served_bench_is_real(server: BenchServer, driver: Callable[..., Any]) -> None:
    with pytest.warns(FutureWarning, match="SCPI"):
        stage = driver(ESP300, STAGE)
    stage.x.enable()
    stage.x.position = 100  # at 10 mm/s
    assert not int(float(stage.x.ask("MD?")))
    with server.exchange as clock:
        before = clock.now()
    threading.Event().wait(0.2)
    with server.exchange as clock:
        assert clock.now() - before >= 0.2
    assert stage.x.position > 0.2 * 10 * 0.9


def test_unmodified_nidaqmx_reaches_the_served_card(server: BenchServer) -> None:
    channel = daq_channel.open_channel(server.daq_server)
    output, hall = (nidaqmx.Task(grpc_options=GrpcSessionOptions(channel, "")) for _ in range(2))
    output.ao_channels.add_ao_voltage_chan("Dev1/ao0")
    hall.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    output.write(2.0, auto_start=True)
    threading.Event().wait(0.05)
    assert_allclose(hall.read(), 0.04 * 45, rtol=0.05)
    output.close()
    hall.close()
    channel.close()


def test_run_on_a_served_bench_stores_what_a_real_one_would(client: Bench, tmp_path: Path) -> None:
    result = run(sweep(), client, tmp_path, name="field-sweep")
    assert (result.state, result.points, result.unsafe) == (State.FINISHED, 6, [])


def sweep() -> FieldSweep:
    table = {"time_constant": "10 ms", "largest_field": "20 mT", "polarizations": ["0 deg"], "steps": 3}
    return FieldSweep.from_table(table, "test")  # type: ignore[return-value]


def test_instrument_that_falls_silent_ends_the_run_failed_named_and_the_rest_safe(
    server: BenchServer, client: Bench, tmp_path: Path
) -> None:
    def silence(index: int, total: int, reading: object) -> None:
        server.lateness[LOCK_IN] = float("inf")
        client.lock_in.driver.adapter.connection.timeout = 300  # type: ignore[attr-defined]

    result = run(sweep(), client, tmp_path, name="field-sweep", on_point=silence)
    assert result.state is State.FAILED and 1 <= result.points < 6
    assert f"DeviceError: lock_in (SR830, {server.resources[LOCK_IN]}): did not answer " in result.reason
    assert "Check that it is switched on" in result.reason
    twin = server.wire.twin
    assert not twin.sample_drive.running and not any(twin._lines[line] for line in ("relay_sample", "relay_coil"))
    with server.exchange as clock:
        assert abs(twin.field(clock.now())) < 1e-3


def test_late_reply_over_a_socket_answers_no_later_question(server: BenchServer) -> None:
    adapter = NamedAdapter(server.resources[SOURCE], "@py", ["sample_source"], timeout=100)
    try:
        server.lateness[SOURCE] = 0.3
        adapter.write("SOUR:WAVE:FREQ?")
        with pytest.raises(
            DeviceError, match=r"sample_source \(TCPIP0.*did not answer 'SOUR:WAVE:FREQ\?' within 0\.\d s"
        ):
            adapter.read()
        server.lateness.clear()
        threading.Event().wait(0.4)  # the late reply is sent now
        adapter.connection.timeout = 2000
        adapter.write("*IDN?")
        assert adapter.read().startswith("KEITHLEY")
    finally:
        adapter.close()


class Talker(Device):
    """Answers what it is asked, and writes down what it heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def handle(self, message: str) -> str | None:
        self.heard.append(message)
        return super().handle(message)

    @command(r"(?:SAY|LIAS|SET 1;SAY) *(\w+|\x07)\?")
    def _say(self, word: str) -> str:
        return word

    def split(self, message: str) -> list[str]:
        return [message]


class Conversation(NamedTuple):
    adapter: NamedAdapter
    talker: Talker
    line: FaultyLine
    lose: Callable[[int], None]

    def ask(self, question: str) -> str:
        self.adapter.write(question)
        return str(self.adapter.read())


@pytest.fixture(params=["GPIB0::5::INSTR", "ASRL5::INSTR"])
def talk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Conversation]:
    """Talk over a line which can `lose` the next so many answers: they arrive after their time-out."""
    clock, talker = VirtualClock(), Talker()
    line = FaultyLine(talker, clock)
    open_resource_manager("talk", {request.param: line}, clock)
    read, losses = AsotVisaLibrary.read, [0]

    def late(library: AsotVisaLibrary, session: Any, count: int) -> tuple[bytes, StatusCode]:
        if losses[0]:
            losses[0] -= 1
            return b"", library.handle_return_value(session, StatusCode.error_timeout)
        return read(library, session, count)

    monkeypatch.setattr(AsotVisaLibrary, "read", late)
    ends = {"read_termination": "\n", "write_termination": "\n"}
    adapter = NamedAdapter(request.param, "talk@asot", ["lock_in"], now=clock.now, **ends)
    yield Conversation(adapter, talker, line, lambda count: losses.__setitem__(0, count))
    adapter.close()
    close_resource_manager("talk")


def test_late_reply_on_a_bus_or_serial_line_answers_no_later_question(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear, cleared = AsotVisaLibrary.clear, []
    monkeypatch.setattr(AsotVisaLibrary, "clear", lambda *call: cleared.append(call) or clear(*call))
    talk.adapter.write("SET 1;SAY old?")
    talk.lose(1)
    with pytest.raises(DeviceError, match="did not answer 'SET 1;SAY old"):
        talk.adapter.read()
    assert talk.ask("SAY new?") == "new" and len(cleared) == 1
    with pytest.raises(DeviceError, match=r"received '\\x07'"):
        talk.ask("SAY \x07?")
    assert talk.ask("SAY more?") == "more"


def test_question_is_asked_once_more_after_a_lost_answer_and_a_setting_never(talk: Conversation) -> None:
    talk.lose(1)
    assert talk.ask("SAY hello?") == "hello" and talk.talker.heard == ["SAY hello?"] * 2
    talk.talker.heard.clear()
    talk.lose(9)
    with pytest.raises(DeviceError, match=r"lock_in .* did not answer 'SAY hello\?' within .* s, asked twice\. Check"):
        talk.ask("SAY hello?")
    assert talk.talker.heard == ["SAY hello?"] * 2
    for once in ("SET 1;SAY hello?", "LIAS 3?"):  # the latter clears what it reads
        talk.talker.heard.clear()
        talk.lose(2)  # the first perhaps while the line is cleared
        with pytest.raises(DeviceError, match="did not answer"):
            talk.ask(once)
        assert talk.talker.heard == [once]
    talk.lose(0)
    assert talk.ask("SAY new?") == "new"


def test_nothing_is_asked_again_over_a_line_that_was_cut(talk: Conversation) -> None:
    talk.line.fault = "disconnected"
    with pytest.raises(DeviceError, match=r"lock_in .* failed at 'SAY a\?' \(.*connection.* lost"):
        talk.ask("SAY a?")
    talk.line.fault = None
    assert talk.talker.heard == [] and talk.ask("SAY b?") == "b"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("SNAP?1,2", True), ("OUTP?", True), (":SOUR:WAVE:AMPL?", True), ("1TP", True), ("3TP?", True), ("0gp", True),
        ("Ain", True), ("SLVL1.0", False), ("FREQ 5;FREQ?", False), ("1PA20", False), ("0ma00001000", False),
        ("0gs", False), ("LIAS?", False), ("*ESR?", False), ("TE?", False), (":SYST:ERR?", False), ("", False),
        ("system:error:next?", False), ("STAT:MEAS?", False),
    ],
)  # fmt: skip
def test_only_questions_that_change_nothing_are_asked_again(message: str, expected: bool) -> None:
    assert may_be_asked_again(message) is expected


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("disconnected", r"sample_source \(TCPIP0::127.0.0.1::\d+::SOCKET\): hung up at '\*IDN\?'\. Check"),
        ("silent", r"did not answer '\*IDN\?' within 0\.\d s, asked twice"),
        ("late", r"did not answer '\*IDN\?' within 0\.\d s, asked twice"),
        ("garbage", r"failed at '\*IDN\?' \(received '\\x03"),
    ],
)
def test_faults_of_the_bench_file_hold_on_a_served_bench(server: BenchServer, fault: Fault, says: str) -> None:
    server.wire.lines[SOURCE].fault = fault
    patience = {"silent": 100, "late": 100, "disconnected": 1000}.get(fault, 5000)
    adapter = NamedAdapter(server.resources[SOURCE], "@py", ["sample_source"], timeout=patience)
    try:
        with pytest.raises(DeviceError, match=says):
            adapter.write("*IDN?")
            adapter.read()
        server.wire.lines[SOURCE].fault = None
        adapter._settings["timeout"] = 5000  # of the connection that is begun anew
        adapter.write("SOUR:WAVE:FREQ?")
        assert float(adapter.read()) == 1000.0
    finally:
        adapter.close()


def test_socket_sends_at_once_and_a_refused_connection_names_the_instrument() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        resource = f"TCPIP0::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
        adapter = NamedAdapter(resource, "@py", ["lock_in"])
        interface = adapter.connection.visalib.sessions[adapter.connection.session].interface
        assert interface.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        adapter.close()
    with pytest.raises(DeviceError, match=r"lock_in \(TCPIP0::127\.0\.0\.1"):
        NamedAdapter(resource, "@py", ["lock_in"]).write("*IDN?")


def test_card_that_does_not_answer_is_named_and_waits_for_no_one(
    server: BenchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daq_channel, "PATIENCE", 0.2)
    channel = daq_channel.open_channel(server.daq_server)
    hall = AnalogInput("Dev1/ai0", name="Hall probe", grpc_options=GrpcSessionOptions(channel, ""))
    try:
        monkeypatch.setattr(daq_channel, "PATIENCE", -9.5)  # a read may itself wait for 10 s
        with server.exchange, pytest.raises(DeviceError, match=r"Dev1/ai0 \(Hall probe\): cannot be read.*DEADLINE"):
            hall.read()
    finally:
        monkeypatch.undo()
        hall.close()
        channel.close()


def test_bench_file_for_clients_is_read_back_as_it_was_served(server: BenchServer) -> None:
    document = tomllib.loads(client_file(FILES.document, server))
    assert "simulation" not in document and document["daq_server"] == server.daq_server
    assert document["lock_in"] == {"driver": "SR830", "resource": server.resources[LOCK_IN]}
    assert document["magnet"] == FILES.document["magnet"]
    table = {"a b": 'x"\\\n', "n": [1, 2.5e-9, True], "t": {"u": {"v": "µ"}, "w": False}}
    assert tomllib.loads(toml_text(table)) == table


def test_served_card_bench_lights_the_side_of_its_file_and_tells_the_end_of_a_move(tmp_path: Path) -> None:
    files = read_bench("simulated-daq", "py32-fused-silica", {"bench.light_side": "bottom"})
    path = tmp_path / "served.toml"
    with BenchServer(files.bench, files.sample) as server:
        path.write_text(client_file(files.document, server), encoding="utf-8")
        with open_bench(path) as bench:
            bench.polarization_plate.move_to(0.3)  # an ELL14 answers when it has arrived, unasked
            assert_allclose(bench.polarization_plate.angle(), 0.3, atol=1e-4)
            assert_allclose(bench.check_laser_power(), 2e-3, rtol=0.02)
        assert [text for device in server.wire.devices.values() for text in device.refused] == []


def test_bench_of_real_instruments_is_not_served(server: BenchServer) -> None:
    document = tomllib.loads(client_file(FILES.document, server))
    with pytest.raises(InputError, match="must be a simulated one"):
        BenchServer(FILES.bench.model_validate(document), FILES.sample)
