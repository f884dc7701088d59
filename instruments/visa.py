"""VISA connections whose errors name the instrument, and on which a late reply never answers the next question."""

from __future__ import annotations

import math
import re
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyvisa
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import InterfaceType, StatusCode

from instruments.errors import DeviceError

TIMEOUT = 2000
"""Time (ms) that an instrument has for an answer."""
_OPENING = 5000  # ms that a host may take to accept a connection
_ATTEMPTS = 2  # at a question that may be asked again
_QUESTION = re.compile(r"[^;]*\?[^;]*|\d+TP|[0-9A-F](?:in|gp)")  # the latter two of ESP300 and ELL14
_FORGETTING = re.compile(r"(?:LIA[SE]|ERR[SE]|TE|TB|\*ESR|\*TST|:?STAT|:?SYST).*", re.IGNORECASE)
_REMEDY = "Check that it is switched on, connected and not driven by another program."


class NamedAdapter(VISAAdapter):  # type: ignore[misc]  # pymeasure has no types
    """pymeasure's adapter for one instrument of the bench; every failure is a `DeviceError`.

    Parameters
    ----------
    resource
        VISA address. On a raw socket (`TCPIP0::HOST::PORT::SOCKET`) messages end with a line feed.
    visa_library
        Which PyVISA library opens it; "" takes the default.
    roles, model
        Roles that the instrument plays, and what it should be, for messages.
    now
        Time (s) by which waiting for an answer is told.
    **settings
        Attributes of the PyVISA resource, such as `timeout` (ms).

    Attributes
    ----------
    device
        Roles, model and address, as messages name it.

    Notes
    -----
    A question whose answer does not come, or cannot be read, is asked once more, where asking changes nothing
    (`may_be_asked_again`). A setting or a trigger is never sent twice, nor anything over a line that was cut: behind
    it may be an instrument that has lost its settings.

    A reply that comes after its time-out would answer the next question. So after any failure the connection is
    begun anew before more is sent: a socket is opened again, a bus device is cleared, and on a serial line what
    still arrives within one time-out is thrown away.
    """

    connection: Any

    def __init__(
        self,
        resource: str,
        visa_library: str,
        roles: Sequence[str],
        *,
        model: str = "",
        now: Callable[[], float] = time.monotonic,
        **settings: Any,
    ) -> None:
        address = f"{model}, {resource}" if model else resource
        self.device = f"{', '.join(roles)} ({address})" if roles else address
        self._now = now
        self._message, self._begun, self._asked = "", 0.0, 0
        self._doubtful = False
        self._settings = {"timeout": TIMEOUT} | settings
        if resource.upper().endswith("::SOCKET"):
            ends = {"read_termination": "\n", "write_termination": "\n", "open_timeout": _OPENING}
            self._settings = ends | self._settings
        try:
            super().__init__(resource, visa_library, **self._settings)
        except Exception as error:  # PyVISA-py raises bare Exception where a host does not answer
            remedy = "Check that it is switched on and that the address in the bench file is right."
            raise DeviceError(self.device, f"cannot be opened ({error}).", remedy) from error
        self._send_at_once()

    def _write(self, command: str, **kwargs: Any) -> None:
        self._begin(command)
        self._send(command, **kwargs)

    def _send(self, command: str, **kwargs: Any) -> None:
        with self._errors_named():
            self._clear_up()
            super()._write(command, **kwargs)
        self._asked += 1

    def _write_bytes(self, content: bytes, **kwargs: Any) -> None:
        self._begin(repr(content[:40]))
        with self._errors_named():
            self._clear_up()
            super()._write_bytes(content, **kwargs)

    def _read(self, **kwargs: Any) -> str:
        while True:
            try:
                return self._read_once(**kwargs)
            except DeviceError as error:
                if not 0 < self._asked < _ATTEMPTS or _is_cut(error) or not may_be_asked_again(self._message):
                    raise
            self._send(self._message)

    def _read_once(self, **kwargs: Any) -> str:
        with self._errors_named():
            reply = str(super()._read(**kwargs))
            if not reply.strip().isprintable() or any(map(_is_no_number, reply.split(","))):
                raise ValueError(f"received {reply[:40]!r}")
        return reply

    def _read_bytes(self, count: int, break_on_termchar: bool = False, **kwargs: Any) -> bytes:
        with self._errors_named():
            return bytes(super()._read_bytes(count, break_on_termchar, **kwargs))

    def flush_read_buffer(self) -> None:
        """Throw away what was received and not read."""
        with self._errors_named():
            super().flush_read_buffer()

    def _begin(self, message: str) -> None:
        self._message, self._begun, self._asked = message, self._now(), 0

    def _clear_up(self) -> None:
        if self._doubtful:
            self._renew()
            self._doubtful = False

    def _renew(self) -> None:
        if self.resource_name.upper().endswith("::SOCKET"):
            self.connection.close()
            self.connection = self.manager.open_resource(self.resource_name, **self._settings)
            self._send_at_once()
            return
        self.connection.clear()
        if self.connection.interface_type == InterfaceType.asrl:
            with suppress(pyvisa.VisaIOError):
                while self.connection.read_bytes(1):
                    pass

    def _send_at_once(self) -> None:
        """Switch Nagle's algorithm off: with it a command followed by a question takes 40 ms.

        PyVISA-py has no working attribute for it; NI-VISA does it by itself.
        """
        interface = self._socket()
        if interface is not None:
            interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _socket(self) -> socket.socket | None:
        """Socket of PyVISA-py; None for another interface, and where NI-VISA keeps it to itself."""
        sessions = getattr(self.connection.visalib, "sessions", {})
        interface = getattr(sessions.get(self.connection.session), "interface", None)
        return interface if isinstance(interface, socket.socket) else None

    def _hung_up(self) -> bool:
        """Whether the other side has closed the socket, which PyVISA-py takes for a time-out."""
        interface = self._socket()
        if interface is None or not select.select([interface], [], [], 0)[0]:
            return False
        try:
            return not interface.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except DeviceError:
            raise
        except pyvisa.VisaIOError as error:
            self._doubtful = True
            what = f"failed at {self._message!r} ({error.description or error})."
            if error.error_code == StatusCode.error_timeout and self._hung_up():
                raise DeviceError(self.device, f"hung up at {self._message!r}.", _REMEDY) from None
            if error.error_code == StatusCode.error_timeout:
                waited = f"{self._now() - self._begun:.1f} s" + (", asked twice" if self._asked == _ATTEMPTS else "")
                what = f"did not answer {self._message!r} within {waited}."
            raise DeviceError(self.device, what, _REMEDY) from error
        except (pyvisa.Error, OSError, ValueError) as error:
            self._doubtful = True
            raise DeviceError(self.device, f"failed at {self._message!r} ({error}).", _REMEDY) from error
        except Exception as error:  # PyVISA-py, as above
            self._doubtful = True
            raise DeviceError(self.device, f"cannot be opened again ({error}).", _REMEDY) from error
        except BaseException:  # Ctrl-C while a reply was on its way: the safe state that follows must not get it
            self._doubtful = True
            raise


def may_be_asked_again(message: str) -> bool:
    """Whether `message` is a single question that changes nothing: no setting, no status that it clears."""
    return bool(_QUESTION.fullmatch(message)) and not _FORGETTING.fullmatch(message)


def is_timeout(error: DeviceError) -> bool:
    """Whether `error` says that no answer came in time."""
    cause = error.__cause__
    return isinstance(cause, pyvisa.VisaIOError) and cause.error_code == StatusCode.error_timeout


def _is_no_number(text: str) -> bool:
    """Whether an instrument says that it has no number: NAN, or 9.91E37 (SCPI-1999 volume 1, 7.2.1.5)."""
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isnan(number) or number == 9.91e37


def _is_cut(error: DeviceError) -> bool:
    return not is_timeout(error) and not isinstance(error.__cause__, ValueError)
