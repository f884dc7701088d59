"""VISA connections whose errors name the instrument, and on which a late reply never answers the next question."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyvisa
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import InterfaceType, StatusCode

from instruments.errors import DeviceError

_OPENING = 5000  # ms that a host may take to accept a connection
_REMEDY = "Check that it is switched on, connected and not driven by another program."


class NamedAdapter(VISAAdapter):  # type: ignore[misc]  # pymeasure has no types
    """pymeasure's adapter for one instrument of the bench; every failure is a `DeviceError`.

    Parameters
    ----------
    resource
        VISA address. On a raw socket (`TCPIP0::HOST::PORT::SOCKET`) messages end with a line feed.
    visa_library
        Which PyVISA library opens it; "" takes the default.
    roles
        Roles that the instrument plays, for messages.
    **settings
        Attributes of the PyVISA resource, such as `timeout` (ms).

    Notes
    -----
    A reply that comes after its time-out would answer the next question. So after any failure the connection is
    begun anew before more is sent: a socket is opened again, a bus device is cleared, and on a serial line what
    still arrives within one time-out is thrown away.
    """

    connection: Any

    def __init__(self, resource: str, visa_library: str, roles: Sequence[str], **settings: Any) -> None:
        self.device = f"{', '.join(roles)} ({resource})" if roles else resource
        self._message = ""
        self._doubtful = False
        self._settings = dict(settings)
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
        with self._errors_named():
            super()._write(command, **kwargs)

    def _write_bytes(self, content: bytes, **kwargs: Any) -> None:
        self._begin(repr(content[:40]))
        with self._errors_named():
            super()._write_bytes(content, **kwargs)

    def _read(self, **kwargs: Any) -> str:
        with self._errors_named():
            reply = str(super()._read(**kwargs))
            if not reply.strip().isprintable():
                raise ValueError(f"received {reply[:40]!r}")
        return reply

    def _read_bytes(self, count: int, break_on_termchar: bool = False, **kwargs: Any) -> bytes:
        with self._errors_named():
            return bytes(super()._read_bytes(count, break_on_termchar, **kwargs))

    def _begin(self, message: str) -> None:
        if self._doubtful:
            with self._errors_named():
                self._renew()
            self._doubtful = False
        self._message = message

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
        sessions = getattr(self.connection.visalib, "sessions", {})
        interface = getattr(sessions.get(self.connection.session), "interface", None)
        if isinstance(interface, socket.socket):
            interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        except DeviceError:
            raise
        except pyvisa.VisaIOError as error:
            self._doubtful = True
            what = f"failed at {self._message!r} ({error.description or error})."
            if error.error_code == StatusCode.error_timeout:
                what = f"did not answer {self._message!r} within {time.monotonic() - start:.1f} s."
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
