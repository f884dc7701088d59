"""PyVISA backend whose sessions are Python devices: ResourceManager("<bench>@asot")."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyvisa
from pyvisa import constants, highlevel, rname
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.typing import VISAEventContext, VISARMSession, VISASession
from pyvisa.util import LibraryPath

from analysis.errors import InputError, describe
from instruments.clock import VirtualClock

BACKEND = "asot"
DEFAULT_LATENCY = 1e-3
"""Nominal time (s) of one write or one read, about that of a short GPIB message."""

_SLICE = 0.05  # s between two looks for what a device says unasked


class Device(Protocol):
    """What can stand behind a VISA session: it is given one message at a time and may answer."""

    terminator: str

    def handle(self, message: str) -> str | None:
        """Carry out `message` (without its terminator); return the reply without terminator, or None.

        Raises `ConnectionError` where the line is cut.
        """
        ...

    def speak(self) -> str | None:
        """Return what the device says unasked by now, or None."""
        ...

    def forget_replies(self) -> None:
        """Drop replies that are still under way."""
        ...


@dataclass
class _Session:
    """One open resource: its device, the bytes not read yet and the VISA attributes."""

    resource_name: str
    device: Device
    lock: threading.RLock
    attributes: dict[int, Any]
    output: bytearray = field(default_factory=bytearray)

    @property
    def is_serial(self) -> bool:
        return bool(self.attributes[ResourceAttribute.interface_type] == constants.InterfaceType.asrl)


@dataclass
class _Bench:
    """The devices of one bench by canonical resource name, and what is open to them."""

    devices: dict[str, Device]
    clock: VirtualClock
    latency: float
    locks: dict[str, threading.RLock] = field(init=False)
    sessions: dict[int, _Session] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.locks = {name: threading.RLock() for name in self.devices}

    def elapse(self) -> None:
        """Let the duration of one write or read pass."""
        self.clock.elapse(self.latency)

    def listen(self, session: _Session) -> None:
        """Take what the device says unasked; where nothing is there, wait for it as long as the time-out allows."""
        left = float(session.attributes[ResourceAttribute.timeout_value]) * 1e-3
        while True:
            unasked = session.device.speak()
            if unasked is not None:
                session.output += (unasked + session.device.terminator).encode("latin-1")
            before = self.clock.now()
            if session.output or left <= 0:
                return
            self.clock.elapse(min(_SLICE, left))
            if self.clock.now() == before:  # of another thread: time does not pass for it
                return
            left -= _SLICE


_benches: dict[str, _Bench] = {}


class AsotVisaLibrary(highlevel.VisaLibraryBase):
    """The VISA calls that message-based drivers need, carried out by the devices of one bench.

    PyVISA keeps one library and one resource manager per bench name, so the devices are looked up at each
    call: a name can be closed and opened again. Sessions to the same device share its lock.
    """

    _handles: itertools.count[int]

    @staticmethod
    def get_library_paths() -> tuple[LibraryPath, ...]:
        """No bench is found without its name."""
        return ()

    def _init(self) -> None:
        self._handles = itertools.count(1)

    def _bench(self) -> _Bench:
        name = str(self.library_path)
        if name not in _benches:
            remedy = "Open it by open_resource_manager first."
            raise InputError(describe("Name of a simulated bench", "be that of an open one", name, remedy))
        return _benches[name]

    def _session(self, handle: int) -> _Session:
        sessions = self._bench().sessions
        if handle not in sessions:
            raise pyvisa.VisaIOError(StatusCode.error_invalid_object)
        return sessions[handle]

    def open_default_resource_manager(self) -> tuple[VISARMSession, StatusCode]:
        """Open the manager of a bench that exists."""
        self._bench()
        handle = VISARMSession(next(self._handles))
        return handle, self.handle_return_value(handle, StatusCode.success)

    def list_resources(self, session: VISARMSession, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Canonical names of the devices that match `query`."""
        return rname.filter(self._bench().devices, query)

    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: int = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[VISASession, StatusCode]:
        """Open a session of its own to the device at `resource_name`."""
        try:
            parsed = rname.ResourceName.from_string(resource_name)
        except rname.InvalidResourceName:
            raise pyvisa.VisaIOError(StatusCode.error_invalid_resource_name) from None
        name, bench = str(parsed), self._bench()
        if name not in bench.devices:
            raise pyvisa.VisaIOError(StatusCode.error_resource_not_found)
        attributes: dict[int, Any] = {
            ResourceAttribute.resource_name: name,
            ResourceAttribute.resource_class: parsed.resource_class,
            ResourceAttribute.interface_type: parsed.interface_type_const,
            ResourceAttribute.interface_number: 0,
            ResourceAttribute.timeout_value: 2000,
            ResourceAttribute.termchar: ord("\n"),
            ResourceAttribute.termchar_enabled: False,
            ResourceAttribute.send_end_enabled: True,
        }
        handle = VISASession(next(self._handles))
        bench.sessions[handle] = _Session(name, bench.devices[name], bench.locks[name], attributes)
        return handle, self.handle_return_value(handle, StatusCode.success)

    def close(self, session: VISASession | VISAEventContext | VISARMSession) -> StatusCode:
        """Forget a session; what it had not read is lost."""
        bench = _benches.get(str(self.library_path))
        if bench is not None:
            bench.sessions.pop(session, None)
        status = self.handle_return_value(session, StatusCode.success)
        self._last_status_in_session.pop(session, None)
        return status

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Give the device the lines of `data`; on a bus an unread reply is lost, a serial line keeps it."""
        target = self._session(session)
        self._bench().elapse()
        with target.lock:
            if not target.is_serial:
                target.output.clear()
            for message in data.decode("latin-1").replace("\r", "\n").split("\n"):
                try:
                    reply = target.device.handle(message) if message else None
                except ConnectionError:
                    raise pyvisa.VisaIOError(StatusCode.error_connection_lost) from None
                if reply is not None:
                    target.output += (reply + target.device.terminator).encode("latin-1")
        return len(data), self.handle_return_value(session, StatusCode.success)

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        """Return at most `count` bytes; a device that has nothing to say takes the time-out of the clock's owner."""
        source = self._session(session)
        self._bench().elapse()
        with source.lock:
            self._bench().listen(source)
            if not source.output:
                return b"", self.handle_return_value(session, StatusCode.error_timeout)
            length, status = min(count, len(source.output)), StatusCode.success
            if length < len(source.output):
                status = StatusCode.success_max_count_read
            if source.attributes[ResourceAttribute.termchar_enabled]:
                found = source.output.find(source.attributes[ResourceAttribute.termchar], 0, length)
                if found >= 0:
                    length, status = found + 1, StatusCode.success_termination_character_read
            chunk = bytes(source.output[:length])
            del source.output[:length]
        return chunk, self.handle_return_value(session, status)

    def clear(self, session: VISASession) -> StatusCode:
        """Throw away what the device has said and nobody has read."""
        target = self._session(session)
        with target.lock:
            target.device.forget_replies()
            target.output.clear()
        return self.handle_return_value(session, StatusCode.success)

    def flush(self, session: VISASession, mask: constants.BufferOperation) -> StatusCode:
        """Throw away the unread reply, whichever buffer is meant."""
        return self.clear(session)

    def get_attribute(
        self,
        session: VISASession | VISAEventContext | VISARMSession,
        attribute: constants.ResourceAttribute | constants.EventAttribute,
    ) -> tuple[Any, StatusCode]:
        """Value of a VISA attribute of an open session."""
        attributes = self._session(session).attributes
        if attribute not in attributes:
            raise pyvisa.VisaIOError(StatusCode.error_nonsupported_attribute)
        return attributes[attribute], self.handle_return_value(session, StatusCode.success)

    def set_attribute(
        self, session: VISASession, attribute: constants.ResourceAttribute, attribute_state: Any
    ) -> StatusCode:
        """Store a VISA attribute; only the termination character has an effect."""
        self._session(session).attributes[attribute] = attribute_state
        return self.handle_return_value(session, StatusCode.success)

    def disable_event(
        self, session: VISASession, event_type: constants.EventType, mechanism: constants.EventMechanism
    ) -> StatusCode:
        """Succeed: these devices raise no events. PyVISA calls it when a resource is closed."""
        return self.handle_return_value(session, StatusCode.success)

    def discard_events(
        self, session: VISASession, event_type: constants.EventType, mechanism: constants.EventMechanism
    ) -> StatusCode:
        """Succeed: these devices raise no events. PyVISA calls it when a resource is closed."""
        return self.handle_return_value(session, StatusCode.success)


WRAPPER_CLASS = AsotVisaLibrary
"""The name under which PyVISA looks for the library in a backend module."""


def register_backend() -> None:
    """Make this module the PyVISA backend `asot`, without a top-level package `pyvisa_asot`."""
    sys.modules[f"pyvisa_{BACKEND}"] = sys.modules[__name__]


def open_resource_manager(
    bench_name: str, devices: Mapping[str, Device], clock: VirtualClock, latency: float = DEFAULT_LATENCY
) -> pyvisa.ResourceManager:
    """Put `devices` on the wire.

    Drivers reach them by the resource names with `visa_library=f"{bench_name}@asot"`.

    Parameters
    ----------
    bench_name
        One per bench that is open in this process; not empty, no "@", and not "unset", which pymeasure
        takes for another backend.
    devices
        VISA resource name, e.g. "GPIB0::8::INSTR", to device.
    clock
        Elapses by `latency` at each write and each read of the thread that owns it.
    latency
        Nominal duration (s) of one write or read, at least 0.

    Raises
    ------
    InputError
        For a name that cannot be used or is in use, and for what is not a VISA resource name.
    """
    if not bench_name or "@" in bench_name or bench_name == "unset":
        remedy = "Choose another bench name."
        raise InputError(describe("Bench name", "be a word without @, other than unset", bench_name, remedy))
    if bench_name in _benches:
        remedy = "Close that bench first (close_resource_manager) or choose another name."
        raise InputError(describe("Bench name", "not be that of an open bench", bench_name, remedy))
    register_backend()
    named = {_canonical(name): device for name, device in devices.items()}
    _benches[bench_name] = _Bench(named, clock, latency)
    return pyvisa.ResourceManager(f"{bench_name}@{BACKEND}")


def _canonical(resource_name: str) -> str:
    try:
        return rname.to_canonical_name(resource_name)
    except rname.InvalidResourceName:
        remedy = "Write it like GPIB0::8::INSTR or ASRL1::INSTR."
        raise InputError(describe("Resource name", "be a VISA address", resource_name, remedy)) from None


def close_resource_manager(bench_name: str) -> None:
    """Close every session to the bench and forget its devices; without effect on a bench that is not open."""
    if bench_name not in _benches:
        return
    try:
        pyvisa.ResourceManager(f"{bench_name}@{BACKEND}").close()
    finally:
        del _benches[bench_name]


def open_sessions(bench_name: str) -> list[str]:
    """Resource names of the sessions that are open to a bench, one entry each; [] for a bench not open."""
    bench = _benches.get(bench_name)
    return [] if bench is None else [session.resource_name for session in bench.sessions.values()]
