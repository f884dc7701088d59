"""Serves simulated NI cards over NI's own gRPC protocol, to the unmodified nidaqmx client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import grpc
import numpy as np
from nidaqmx._stubs import nidaqmx_pb2 as messages

from instruments.clock import VirtualClock
from instruments.daq_channel import remembering
from instruments.simulation.daq_card import MEANINGS, Card, CardError
from instruments.simulation.daq_tasks import Channel, Driver, Task

LATENCY = 0.5e-3  # s, nominal duration of one exchange with a card

_SERVICE = messages.DESCRIPTOR.services_by_name["NiDAQmx"]
_SESSIONS = "nidevice_grpc.SessionUtilities"
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),  # the 4 MB default ends at half a million samples
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.so_reuseport", 0),
]
_FINITE, _CONTINUOUS = messages.ACQUISITION_TYPE_FINITE_SAMPS, messages.ACQUISITION_TYPE_CONT_SAMPS
_KINDS = {
    "ai": messages.CHANNEL_INT32_CHANNEL_TYPE_AI,
    "ao": messages.CHANNEL_INT32_CHANNEL_TYPE_AO,
    "do": messages.CHANNEL_INT32_CHANNEL_TYPE_DO,
}
_VOLTAGE = messages.CHANNEL_INT32_AI_MEASUREMENT_TYPE_VOLTAGE
_NEW_ONLY, _ATTACH_ONLY = 1, 2  # how a client may begin a session
_UNNAMED_ATTRIBUTES = {0x31E8: "READ_ATTRIBUTE_DEFAULT_SAMPLES"}  # the client asks for it, its stubs lack it


class _RefusedError(Exception):
    """A call or attribute that is not simulated."""


class DaqServer:
    """A gRPC server on 127.0.0.1 that answers for simulated cards.

    Use it as a context manager, or call `start` and `stop`.

    Parameters
    ----------
    cards
        The cards that it offers.
    port
        TCP port; 0 takes a free one.
    exchange
        Held during each call; by default one lock of this server.

    Attributes
    ----------
    driver
        Holds the tasks; its `fault` injects errors.
    refused
        Calls and attributes that a client asked for and that are not simulated.
    """

    def __init__(
        self, cards: Sequence[Card], *, port: int = 0, exchange: AbstractContextManager[object] | None = None
    ) -> None:
        self.driver = Driver(cards, exchange)
        self.refused: list[str] = []
        self._calls = _Calls(self.driver)
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="simulated-daq")
        self._threads: list[threading.Thread] = []
        self._server = grpc.server(self._workers, options=_OPTIONS)
        handlers = {method.name: self._handler(method) for method in _SERVICE.methods}
        service = grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers)
        reset = grpc.unary_unary_rpc_method_handler(self._reset)
        sessions = grpc.method_handlers_generic_handler(_SESSIONS, {"ResetServer": reset})
        self._server.add_generic_rpc_handlers((service, sessions))
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    def start(self) -> None:
        """Begin to answer."""
        others = threading.enumerate()
        self._server.start()
        new = [thread for thread in threading.enumerate() if thread not in others]
        self._threads = [thread for thread in new if thread.name.endswith("(_serve)")]

    def stop(self) -> None:
        """Cancel what is under way and end the server's threads."""
        self._server.stop(grace=None).wait()
        self._workers.shutdown()
        for thread in self._threads:
            thread.join(timeout=5)

    def __enter__(self) -> DaqServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def open_tasks(self) -> list[str]:
        """Names of the tasks that no client has closed."""
        return list(self.driver.tasks)

    def channel(self, clock: VirtualClock, latency: float = LATENCY) -> grpc.Channel:
        """Open a gRPC channel of which each call takes `latency` (s) of `clock`, in the thread that calls."""
        channel = grpc.insecure_channel(self.address, options=_OPTIONS)
        return remembering(grpc.intercept_channel(channel, _Latency(clock, latency)))

    def _reset(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        with self.driver.lock:
            for name in list(self.driver.tasks):
                self.driver.clear(name)
        return b"\x08\x01"  # ResetServerResponse, is_server_reset true

    def _handler(self, method: Any) -> Any:
        """Answer one method of NI's service; a CardError goes out in the metadata `ni-error`."""
        call = getattr(self._calls, method.name, None)
        if call is None and "attribute" in method.input_type.fields_by_name and method.name.startswith("Get"):
            call = self._attribute_call(method)
        request_type = getattr(messages, method.input_type.name)
        response_type = getattr(messages, method.output_type.name)

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                if call is None:
                    raise _RefusedError(method.name)
                with self.driver.lock:
                    return response_type(**(call(request) or {}))
            except _RefusedError as refusal:
                self.refused.append(str(refusal))
                context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{refusal} is not simulated.")
            except CardError as error:
                metadata = [("ni-error", str(error.code))]
                for count in ("read", "written"):
                    if f"samps_per_chan_{count}" in method.output_type.fields_by_name:
                        metadata.append((f"ni-samps-per-chan-{count}", "0"))
                context.set_trailing_metadata(metadata)
                context.abort(grpc.StatusCode.UNKNOWN, str(error))

        return grpc.unary_unary_rpc_method_handler(
            answer, request_type.FromString, lambda response: response.SerializeToString()
        )

    def _attribute_call(self, method: Any) -> Callable[[Any], dict[str, Any]]:
        names = method.input_type.fields_by_name["attribute"].enum_type.values_by_number
        field = "value_raw" if "value_raw" in method.output_type.fields_by_name else "value"

        def call(request: Any) -> dict[str, Any]:
            number = request.attribute_raw
            name = names[number].name if number in names else _UNNAMED_ATTRIBUTES.get(number, "")
            if name not in _ATTRIBUTES:
                raise _RefusedError(f"{method.name} {name or hex(number)}")
            return {field: _ATTRIBUTES[name](self.driver, request)}

        return call


class _Latency(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    def __init__(self, clock: VirtualClock, latency: float) -> None:
        self._clock, self._latency = clock, latency

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        """Let the exchange take its time, then make it."""
        self._clock.elapse(self._latency)
        return continuation(details, request)


class _Calls:
    """The calls that are simulated, under NI's names: a request in, the fields of the response out."""

    # ruff: noqa: N802

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def CreateTask(self, request: Any) -> dict[str, Any]:
        name, behaviour = request.session_name, request.initialization_behavior
        attach = name in self._driver.tasks and behaviour != _NEW_ONLY
        if behaviour == _ATTACH_ONLY and not attach:
            raise CardError(-200088, f"Task name: {name}")
        task = name if attach else self._driver.create(name).name
        return {"task": {"name": task}, "new_session_initialized": not attach}

    def ClearTask(self, request: Any) -> None:
        self._driver.clear(request.task.name)

    def StartTask(self, request: Any) -> None:
        self._driver.start(request.task.name)

    def StopTask(self, request: Any) -> None:
        self._driver.stop(request.task.name)

    def IsTaskDone(self, request: Any) -> dict[str, Any]:
        return {"is_task_done": self._driver.task(request.task.name).done}

    def WaitUntilTaskDone(self, request: Any) -> None:
        self._driver.wait(request.task.name)

    def CreateAIVoltageChan(self, request: Any) -> None:
        limits, name = (request.min_val, request.max_val), request.name_to_assign_to_channel
        terminal = request.terminal_config_raw
        self._driver.add_input(request.task.name, request.physical_channel, name, terminal, limits)

    def CreateAOVoltageChan(self, request: Any) -> None:
        limits, name = (request.min_val, request.max_val), request.name_to_assign_to_channel
        self._driver.add_output(request.task.name, request.physical_channel, name, limits)

    def CreateDOChan(self, request: Any) -> None:
        grouped = request.line_grouping_raw == messages.LINE_GROUPING_CHAN_FOR_ALL_LINES
        self._driver.add_lines(request.task.name, request.lines, request.name_to_assign_to_lines, grouped)

    def CfgSampClkTiming(self, request: Any) -> None:
        finite = request.sample_mode_raw == _FINITE
        self._driver.set_clock(request.task.name, request.rate, finite, request.samps_per_chan)

    def ReadAnalogScalarF64(self, request: Any) -> dict[str, Any]:
        return {"value": self._driver.read_analog(request.task.name, 1)[0, 0]}

    def ReadAnalogF64(self, request: Any) -> dict[str, Any]:
        status = 0
        try:
            samples = self._driver.read_analog(request.task.name, request.num_samps_per_chan)
        except CardError as error:
            if error.samples is None:
                raise
            samples, status = error.samples, error.code  # a time-out arrives together with what was read
        return {"read_array": samples.ravel(), "samps_per_chan_read": samples.shape[1], "status": status}

    def WriteAnalogScalarF64(self, request: Any) -> None:
        self._driver.write_analog(request.task.name, np.array([[request.value]]), request.auto_start)

    def WriteAnalogF64(self, request: Any) -> dict[str, Any]:
        count = request.num_samps_per_chan
        values = np.array(request.write_array).reshape(-1, count)
        self._driver.write_analog(request.task.name, values, request.auto_start)
        return {"samps_per_chan_written": count}

    def ReadDigitalLines(self, request: Any) -> dict[str, Any]:
        levels = self._driver.read_lines(request.task.name)
        per_channel = len(self._driver.task(request.task.name).channels[0].terminals)
        return {"read_array": bytes(levels), "samps_per_chan_read": 1, "num_bytes_per_samp": per_channel}

    def ReadDigitalU32(self, request: Any) -> dict[str, Any]:
        levels = iter(self._driver.read_lines(request.task.name))
        channels = self._driver.task(request.task.name).channels
        words = [sum(next(levels) << bit for bit in _bits(channel)) for channel in channels]
        return {"read_array": words, "samps_per_chan_read": 1}

    def WriteDigitalLines(self, request: Any) -> dict[str, Any]:
        return self._write_lines(request, [bool(state) for state in request.write_array])

    def WriteDigitalU32(self, request: Any) -> dict[str, Any]:
        return self._write_lines(request, self._states(request, request.write_array))

    def WriteDigitalScalarU32(self, request: Any) -> None:
        states = self._states(request, [request.value])
        self._driver.write_lines(request.task.name, states, request.auto_start)

    def _states(self, request: Any, words: Sequence[int]) -> list[bool]:
        channels = self._driver.task(request.task.name).channels
        pairs = zip(channels, words, strict=False)  # a wrong number of words makes a wrong number of lines
        return [bool(word >> bit & 1) for channel, word in pairs for bit in _bits(channel)]

    def _write_lines(self, request: Any, states: list[bool]) -> dict[str, Any]:
        if request.num_samps_per_chan != 1:
            raise _RefusedError("digital writes of several samples")
        self._driver.write_lines(request.task.name, states, request.auto_start)
        return {"samps_per_chan_written": 1}

    def GetErrorString(self, request: Any) -> dict[str, Any]:
        return {"error_string": MEANINGS.get(request.error_code, "")}


def _bits(channel: Channel) -> list[int]:
    """Bit of each line in an integer that is written to the port: its number."""
    return [int(line.rpartition("line")[2]) for line in channel.terminals]


Attribute = Callable[[Driver, Any], object]


def _of_task(value: Callable[[Task], object]) -> Attribute:
    return lambda driver, request: value(driver.task(request.task.name))


def _of_channel(value: Callable[[Channel], object]) -> Attribute:
    def find(driver: Driver, request: Any) -> object:
        first = request.channel.partition(",")[0].partition(":")[0]  # a list names channels of one kind
        for channel in driver.task(request.task.name).channels:
            if first in ("", channel.name):
                return value(channel)
        raise CardError(-200170, f"Channel: {request.channel}")

    return find


def _of_device(value: Callable[[Card], object]) -> Attribute:
    return lambda driver, request: value(driver.card(request.device_name))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _names(task: Task) -> str:
    return _listed(channel.name for channel in task.channels)


def _rate(task: Task) -> float:
    if task.rate is None:
        raise CardError(-200077, f"Property: SampClk.Rate\nTask name: {task.name}")
    return task.rate


def _default_samples(task: Task) -> int:
    return task.samples if task.finite and task.rate else task.acquired - task.position


_ATTRIBUTES: dict[str, Attribute] = {
    "SYSTEM_ATTRIBUTE_NIDAQ_MAJOR_VERSION": lambda driver, request: driver.version[0],
    "SYSTEM_ATTRIBUTE_NIDAQ_MINOR_VERSION": lambda driver, request: driver.version[1],
    "SYSTEM_ATTRIBUTE_NIDAQ_UPDATE_VERSION": lambda driver, request: driver.version[2],
    "SYSTEM_ATTRIBUTE_DEV_NAMES": lambda driver, request: _listed(driver.names),
    "SYSTEM_ATTRIBUTE_TASKS": lambda driver, request: _listed(driver.tasks),
    "DEVICE_ATTRIBUTE_PRODUCT_TYPE": _of_device(lambda card: card.model.product_type),
    "DEVICE_ATTRIBUTE_SERIAL_NUM": _of_device(lambda card: 0),
    "DEVICE_ATTRIBUTE_IS_SIMULATED": _of_device(lambda card: True),
    "TASK_ATTRIBUTE_NAME": _of_task(lambda task: task.name),
    "TASK_ATTRIBUTE_CHANNELS": _of_task(_names),
    "TASK_ATTRIBUTE_DEVICES": _of_task(lambda task: _listed(channel.card.name for channel in task.channels)),
    "CHANNEL_ATTRIBUTE_CHAN_TYPE": _of_channel(lambda channel: _KINDS[channel.kind]),
    "CHANNEL_ATTRIBUTE_AI_MEAS_TYPE": _of_channel(lambda channel: _VOLTAGE),
    "CHANNEL_ATTRIBUTE_AI_RNG_HIGH": _of_channel(lambda channel: channel.span),
    "CHANNEL_ATTRIBUTE_AI_RNG_LOW": _of_channel(lambda channel: -channel.span),
    "READ_ATTRIBUTE_CHANNELS_TO_READ": _of_task(_names),
    "READ_ATTRIBUTE_NUM_CHANS": _of_task(lambda task: len(task.channels)),
    "READ_ATTRIBUTE_DEFAULT_SAMPLES": _of_task(_default_samples),
    "READ_ATTRIBUTE_AVAIL_SAMP_PER_CHAN": _of_task(lambda task: task.acquired - task.position),
    "READ_ATTRIBUTE_DIGITAL_LINES_BYTES_PER_CHAN": _of_task(lambda task: len(task.channels[0].terminals)),
    "WRITE_ATTRIBUTE_NUM_CHANS": _of_task(lambda task: len(task.channels)),
    "WRITE_ATTRIBUTE_DIGITAL_LINES_BYTES_PER_CHAN": _of_task(lambda task: len(task.channels[0].terminals)),
    "TIMING_ATTRIBUTE_SAMP_CLK_RATE": _of_task(_rate),
    "TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_MODE": _of_task(lambda task: _FINITE if task.finite else _CONTINUOUS),
    "TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_PER_CHAN": _of_task(lambda task: task.samples),
}
