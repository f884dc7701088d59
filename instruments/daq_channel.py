"""Connection to NI's gRPC server on another computer or in another process; no call waits without end."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import grpc

PATIENCE = 5.0  # s beyond the time that a call itself may wait
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_RESET = "/nidevice_grpc.SessionUtilities/ResetServer"


def open_channel(address: str) -> grpc.Channel:
    """Open a channel to the server at `address` ("host:port"); a call that it leaves unanswered fails."""
    local = address.partition(":")[0] in ("127.0.0.1", "localhost")
    options = [*_OPTIONS, ("grpc.enable_http_proxy", 0)] if local else _OPTIONS
    return remembering(grpc.intercept_channel(grpc.insecure_channel(address, options=options), _Deadline()))


def remembering(channel: grpc.Channel) -> grpc.Channel:
    """Let `channel` make the object of each call once: nidaqmx asks for all 448 of them with every task."""
    channel.unary_unary = lru_cache(maxsize=None)(channel.unary_unary)
    return channel


def reset_server(address: str) -> None:
    """Close every task of a server, also of clients that died with theirs open; outputs keep their last value.

    Raises
    ------
    grpc.RpcError
        Where there is no such server.
    """
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        channel.unary_unary(_RESET)(b"", timeout=PATIENCE)


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Deadline(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        """Give the call a deadline; nidaqmx sets none."""
        own = float(getattr(request, "timeout", 0.0) or getattr(request, "time_to_wait", 0.0))
        limited = _Details(
            details.method, PATIENCE + max(own, 0.0), details.metadata, details.credentials,
            details.wait_for_ready, details.compression,
        )  # fmt: skip
        return continuation(limited, request)
