"""Inputs, outputs and lines of NI cards: the one place that makes NI tasks, whatever answers them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from analysis.errors import InputError, describe
from instruments.errors import DeviceError, LimitError

if TYPE_CHECKING:
    from nidaqmx import GrpcSessionOptions

Terminal = Literal["differential", "rse", "nrse", "pseudo_differential"]

_TERMINALS = {"differential": "DIFF", "rse": "RSE", "nrse": "NRSE", "pseudo_differential": "PSEUDO_DIFF"}
_REMEDIES = {
    -200077: "Choose a range, rate or terminal configuration that the card offers.",
    -200088: "Open the bench again.",
    -200170: "Check the channel in the bench file against the terminals that NI MAX lists.",
    -200220: "Check the device name in the bench file against the names that NI MAX lists.",
    -200284: "Wait until the samples are there, or lower their number.",
    -200561: "Lower the value, or raise the limit in the bench file.",
    -201003: "Check that the card is plugged in and has power.",
    -50103: "Close the program or task that holds it.",
}
_TIMEOUTS = (-200284, -200560)
_LOOK_UP = "Look the error up in NI MAX."

# A card has one converter for its inputs: reads in two threads at once would fail with "resource reserved".
_CONVERTER = threading.Lock()


class _OpenTask:
    """One NI task, open from construction until `close`; its errors name channel and purpose.

    nidaqmx is imported here and not with the module: it takes half a second.
    """

    def __init__(self, channel: str, name: str, grpc_options: GrpcSessionOptions | None) -> None:
        self.device = f"{channel} ({name})"
        self._grpc_options = grpc_options
        self._task: Any = None
        with self._errors_named("be opened"):
            import nidaqmx

            self._task = nidaqmx.Task(grpc_options=grpc_options)
        try:
            with self._errors_named("be set up"):
                self._set_up()
        except BaseException:
            with suppress(DeviceError):  # what went wrong first is what counts
                self.close()
            raise

    def _set_up(self) -> None:
        raise NotImplementedError

    def identity(self) -> str:
        """Return maker, product type, serial number (hexadecimal, as on its label) and driver version."""
        with self._conversation("be identified"):
            from nidaqmx.system import System

            device = self._task.devices[0]
            remote = System.local() if self._grpc_options is None else System.remote(self._grpc_options)
            version = ".".join(str(number) for number in remote.driver_version)
            return f"National Instruments,{device.product_type},{device.serial_num:X},NI-DAQmx {version}"

    def close(self) -> None:
        """Free the task; outputs keep their last value. A second call does nothing."""
        task, self._task = self._task, None
        if task is not None:
            with self._errors_named("be closed"):
                task.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _conversation(self, purpose: str) -> Iterator[None]:
        if self._task is None:
            raise DeviceError(self.device, f"cannot {purpose}: it was closed.", "Open the bench again.")
        with self._errors_named(purpose):
            yield

    @contextmanager
    def _errors_named(self, purpose: str) -> Iterator[None]:
        from nidaqmx.errors import DaqError, DaqNotFoundError, Error, RpcError

        start = time.monotonic()
        try:
            yield
        except DaqError as error:
            reason = str(error).splitlines()[0]
            waited = f" after {time.monotonic() - start:.1f} s" if error.error_code in _TIMEOUTS else ""
            what = f"cannot {purpose}: NI error {error.error_code}{waited}, {reason}"
            raise DeviceError(self.device, what, _REMEDIES.get(error.error_code, _LOOK_UP)) from error
        except RpcError as error:
            waited = f"{time.monotonic() - start:.1f} s"
            what = f"cannot {purpose}: no valid answer from the NI driver after {waited} ({error})."
            remedy = "Check that its server runs, then open the bench again."
            raise DeviceError(self.device, what, remedy) from error
        except DaqNotFoundError as error:
            what = f"cannot {purpose}: NI-DAQmx is not installed on this computer."
            remedy = "Install NI's driver, or choose a simulated bench."
            raise DeviceError(self.device, what, remedy) from error
        except (Error, ValueError) as error:  # grpc raises ValueError on a channel that was closed
            what = f"cannot {purpose}: {str(error).splitlines()[0]}"
            raise DeviceError(self.device, what, "Check the NI driver, then open the bench again.") from error


class AnalogInput(_OpenTask):
    """A voltage read on demand.

    Parameters
    ----------
    channel
        NI's name, such as "Dev1/ai0".
    name
        What is connected, for messages.
    minimum, maximum
        Voltages (V) that are expected; the card chooses the range that holds them.
    terminal
        Terminal configuration.
    grpc_options
        Of a gRPC server; None for NI's driver on this computer.

    Raises
    ------
    DeviceError
        When driver, card or channel is not there, or does not offer this; so do all methods.
    """

    def __init__(
        self,
        channel: str,
        *,
        name: str,
        minimum: float = -10.0,
        maximum: float = 10.0,
        terminal: Terminal = "differential",
        grpc_options: GrpcSessionOptions | None = None,
    ) -> None:
        self.channel, self.minimum, self.maximum, self.terminal = channel, minimum, maximum, terminal
        super().__init__(channel, name, grpc_options)

    def _set_up(self) -> None:
        from nidaqmx.constants import TerminalConfiguration
        from nidaqmx.stream_readers import AnalogSingleChannelReader

        added = self._task.ai_channels.add_ai_voltage_chan(
            self.channel,
            terminal_config=TerminalConfiguration[_TERMINALS[self.terminal]],
            min_val=self.minimum,
            max_val=self.maximum,
        )
        low, high = added.ai_rng_low, added.ai_rng_high
        margin = 2 * (high - low) / 2**16
        self._valid = low + margin, high - margin
        self._reader = AnalogSingleChannelReader(self._task.in_stream)
        self._reader.verify_array_shape = False

    def read(self, samples: int = 1) -> float:
        """Mean (V) of `samples` (at least 1) conversions, made now.

        Raises
        ------
        DeviceError
            Also when a conversion lies at the end of the input range, because the mean would then be wrong.
        """
        if samples < 1:
            must = "be at least 1"
            raise InputError(describe(f"Samples of {self.device}", must, samples, "Ask for one or more."))
        volts = np.empty(samples)
        with self._conversation("be read"), _CONVERTER:
            self._reader.read_many_sample(volts, samples)
        lowest, highest = float(volts.min()), float(volts.max())
        if not self._valid[0] < lowest <= highest < self._valid[1]:
            what = f"overloads its input range: it read {lowest:.4g} to {highest:.4g} V."
            remedy = "Choose a larger range in the bench file, or reduce the signal."
            raise DeviceError(self.device, what, remedy)
        return float(volts.mean())


class AnalogOutput(_OpenTask):
    """A voltage that is written on demand and held, also after `close`.

    Parameters
    ----------
    channel
        NI's name, such as "Dev1/ao0".
    name
        What is connected, for messages.
    minimum, maximum
        Limits (V).
    grpc_options
        Of a gRPC server; None for NI's driver on this computer.
    """

    def __init__(
        self,
        channel: str,
        *,
        name: str,
        minimum: float = -10.0,
        maximum: float = 10.0,
        grpc_options: GrpcSessionOptions | None = None,
    ) -> None:
        self.channel, self.minimum, self.maximum = channel, minimum, maximum
        super().__init__(channel, name, grpc_options)

    def _set_up(self) -> None:
        from nidaqmx.stream_writers import AnalogSingleChannelWriter

        self._task.ao_channels.add_ao_voltage_chan(self.channel, min_val=self.minimum, max_val=self.maximum)
        self._writer = AnalogSingleChannelWriter(self._task.out_stream, auto_start=True)

    def write(self, volts: float) -> None:
        """Put out `volts` (V).

        Raises
        ------
        LimitError
            When it lies beyond the limits or is not a number; nothing was sent.
        """
        if not self.minimum <= volts <= self.maximum:  # also true of NaN
            raise LimitError(
                f"{self.device}: voltage must lie within {self.minimum:g} and {self.maximum:g} V; "
                f"setting it to {volts:g} V is refused. Choose a smaller value."
            )
        with self._conversation(f"be set to {volts:g} V"):
            self._writer.write_one_sample(volts)


class DigitalOutput(_OpenTask):
    """Lines that are switched together and hold their state, also after `close`.

    Parameters
    ----------
    lines
        NI's names, such as ["Dev1/port0/line0", "Dev1/port0/line1"].
    name
        What is connected, for messages.
    grpc_options
        Of a gRPC server; None for NI's driver on this computer.
    """

    def __init__(self, lines: Sequence[str], *, name: str, grpc_options: GrpcSessionOptions | None = None) -> None:
        self.lines = tuple(lines)
        super().__init__(", ".join(self.lines), name, grpc_options)

    def _set_up(self) -> None:
        from nidaqmx.constants import LineGrouping
        from nidaqmx.stream_readers import DigitalSingleChannelReader
        from nidaqmx.stream_writers import DigitalSingleChannelWriter

        grouping = LineGrouping.CHAN_FOR_ALL_LINES
        self._task.do_channels.add_do_chan(",".join(self.lines), line_grouping=grouping)
        self._writer = DigitalSingleChannelWriter(self._task.out_stream, auto_start=True)
        self._reader = DigitalSingleChannelReader(self._task.in_stream)
        self._writer.verify_array_shape = self._reader.verify_array_shape = False

    def write(self, states: Sequence[bool]) -> None:
        """Set the lines, one state for each, True for high."""
        if len(states) != len(self.lines) or not all(isinstance(state, bool | np.bool_) for state in states):
            must = f"be {len(self.lines)} times True or False"
            raise InputError(describe(f"States of {self.device}", must, states, "Give one for each line."))
        with self._conversation(f"be set to {list(states)}"):
            self._writer.write_one_sample_multi_line(np.array(states, dtype=bool))

    def read(self) -> list[bool]:
        """Read back the states that the lines have."""
        states = np.zeros(len(self.lines), dtype=bool)
        with self._conversation("be read back"):
            self._reader.read_one_sample_multi_line(states)
        return [bool(state) for state in states]
