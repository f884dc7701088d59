"""Serves a simulated bench on TCP ports of this computer: it lives in real time and outlives its clients."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any

from analysis.errors import InputError
from analysis.sample import Sample
from instruments.bench_file import BenchFile
from instruments.clock import VirtualClock
from instruments.simulation.faults import FaultyLine
from instruments.simulation.scpi import Device
from instruments.simulation.wire import SimulatedWire

HOST = "127.0.0.1"
_LOOK = 0.02  # s between two looks for what a device says unasked


class ServedClock(VirtualClock):
    """Clock that catches up with wall time at each exchange; entered, it keeps other exchanges out.

    Between two exchanges nothing can change what the instruments do, so they need no ticks.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._opened = time.monotonic()

    def elapse(self, seconds: float) -> None:
        """Do nothing: on the wire an exchange takes the time that it takes."""

    def __enter__(self) -> ServedClock:
        self._lock.acquire()
        try:
            self._advance(time.monotonic() - self._opened - self.now())
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class BenchServer:
    """A simulated bench on 127.0.0.1: a raw socket for each VISA instrument, NI's gRPC protocol for the cards.

    Use it as a context manager.

    Parameters
    ----------
    file
        A bench file with a table `simulation`.
    sample
        The sample in it.

    Attributes
    ----------
    resources
        VISA address in the bench file to address on this computer.
    daq_server
        Address of the cards, "host:port".
    wire
        The simulated devices.
    exchange
        Clock of the bench; enter it to look at the devices while nobody talks to them.
    lateness
        Seconds by which the answers of an instrument (VISA address in the bench file) come late; infinity is never.

    Raises
    ------
    InputError
        For a bench file of real instruments.
    """

    def __init__(self, file: BenchFile, sample: Sample) -> None:
        if file.simulation is None:
            raise InputError(
                f"Bench to be served must be a simulated one; {file.name!r} has no table [simulation]. "
                "Choose another, or drive its instruments directly."
            )
        self.lateness: dict[str, float] = {}
        self.exchange = ServedClock()
        self._stack = ExitStack()
        try:
            self.wire = SimulatedWire(
                file.simulation, sample, self.exchange, side=file.light_side, exchange=self.exchange
            )
            self._stack.callback(self.wire.close)
            self.daq_server = self.wire.daq_server.address
            started: Future[dict[str, str]] = Future()
            thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="simulated-sockets")
            thread.start()
            self._stack.callback(thread.join)
            self.resources = started.result()
            self._stack.callback(self._loop.call_soon_threadsafe, self._stopping.set)
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """End every connection and every thread."""
        self._stack.close()

    def __enter__(self) -> BenchServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _serve(self, started: Future[dict[str, str]]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._conversations: set[asyncio.Task[None]] = set()
        servers, resources = [], {}
        try:
            for resource in self.wire.devices:
                server = await asyncio.start_server(self._listener(resource), HOST, 0)
                servers.append(server)
                resources[resource] = f"TCPIP0::{HOST}::{server.sockets[0].getsockname()[1]}::SOCKET"
        except BaseException as error:
            for server in servers:
                server.close()
            started.set_exception(error)
            return
        started.set_result(resources)
        await self._stopping.wait()
        for server in servers:
            server.close()
        for conversation in list(self._conversations):
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _listener(self, resource: str) -> Any:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._converse(resource, reader, writer))
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)

        return connected

    async def _converse(self, resource: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, unasked = self.wire.lines[resource], None
        if type(self.wire.devices[resource]).speak is not Device.speak:
            unasked = asyncio.create_task(self._speak(line, writer))
        line.forget_replies()  # of the connection before
        try:
            while received := await reader.readline():
                message = received.decode("latin-1").strip("\r\n")
                with self.exchange:
                    reply = line.handle(message) if message else None
                if reply is None:
                    continue
                if delay := self.lateness.get(resource, 0.0):
                    await (asyncio.Event().wait() if delay == float("inf") else asyncio.sleep(delay))
                writer.write((reply + line.terminator).encode("latin-1"))
                await writer.drain()
        except (OSError, ValueError):  # the client is gone or never ends its line, or the line is cut
            pass
        finally:
            if unasked is not None:
                unasked.cancel()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _speak(self, line: FaultyLine, writer: asyncio.StreamWriter) -> None:
        """Send what the device says unasked, such as the end of a move."""
        with suppress(OSError):
            while True:
                await asyncio.sleep(_LOOK)
                with self.exchange:
                    said = line.speak()
                if said is not None:
                    writer.write((said + line.terminator).encode("latin-1"))
                    await writer.drain()


def client_file(document: Mapping[str, Any], server: BenchServer) -> str:
    """TOML text of the bench file with which a client reaches a served bench.

    Parameters
    ----------
    document
        The bench file that is served, as parsed.
    server
        The server.
    """

    def moved(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: moved(item) for key, item in value.items()}
        return server.resources.get(value, value) if isinstance(value, str) else value

    table = {key: value for key, value in moved(document).items() if key != "simulation"}
    name = f"{table['name']} at {server.daq_server}"  # the lock on a bench goes by its name
    return toml_text(table | {"name": name, "visa_library": "@py", "daq_server": server.daq_server})


def toml_text(document: Mapping[str, Any], path: str = "") -> str:
    """Write tables of numbers, texts, switches and lists of those as TOML; they are read back as they are."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in document.items() if not isinstance(value, Mapping)]
    for key, value in document.items():
        if isinstance(value, Mapping):
            name = f"{path}{_key(key)}"
            lines += ["", f"[{name}]", toml_text(value, f"{name}.").rstrip("\n")]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else repr(value)
