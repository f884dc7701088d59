"""The bench as its files describe it, for a plan: every role answers from tables and constants; nothing is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from instruments import openers
from instruments.bench import Bench, read_bench
from instruments.clock import VirtualClock
from instruments.connections import Connections
from instruments.defaults import DEFAULT_BENCH, DEFAULT_SAMPLE
from instruments.driver_tables import AnalogInputTable
from instruments.errors import DeviceError
from instruments.roles import SafeStateReport


class NotConnected:
    """Stands where a driver or a task of the card would be: it knows its name alone, whatever else is asked raises."""

    def __init__(self, device: str) -> None:
        object.__setattr__(self, "device", device)

    @property
    def adapter(self) -> NotConnected:
        """Itself: a driver's connection is no more there than the driver."""
        return self

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def __getattr__(self, name: str) -> NoReturn:
        raise DeviceError(self.device, "is not connected: its bench is a plan.", "Open the bench with open_bench.")

    def __setattr__(self, name: str, value: object) -> None:
        self.__getattr__(name)


class _NoConnections(Connections):
    """Gives every role something that is not connected."""

    def driver(
        self, kind: type[Any], resource: str, *, question: str, answer: str, line: Mapping[str, Any] | None = None
    ) -> Any:
        return NotConnected(f"{kind.__name__}, {resource}")

    def analog_input(self, table: AnalogInputTable, name: str) -> Any:
        return NotConnected(f"{table.channel} ({name})")

    def analog_output(self, channel: str, name: str) -> Any:
        return NotConnected(f"{channel} ({name})")

    def digital_output(self, lines: list[str], name: str) -> Any:
        return NotConnected(f"{', '.join(lines)} ({name})")

    def clocked_input(self, channels: Sequence[str], *about: Any, **rest: Any) -> Any:
        return NotConnected(", ".join(channels))

    def clocked_sine(self, channels: Sequence[str], *about: Any, **rest: Any) -> Any:
        return NotConnected(", ".join(channels))


class PlannedBench(Bench):
    """A bench whose instruments are described, not connected; see `planned_bench`."""

    def _connect(self, realtime: bool) -> None:
        self.clock = VirtualClock()
        connections = _NoConnections(self.file, self.clock, self._resources)
        for role, opener in openers.role_openers(connections, self.sample).items():
            setattr(self, role, opener())

    def scan_origin(self) -> tuple[float, float]:
        """Middle (m) of the stage's travel: where the stage will stand, nobody knows."""
        middle = sum(self.file.stage.travel) / 2
        return middle, middle

    def make_safe(self) -> list[SafeStateReport]:
        """Nothing was opened."""
        return []


def planned_bench(
    bench: str | Path = DEFAULT_BENCH,
    sample: str | Path = DEFAULT_SAMPLE,
    *,
    settings: Mapping[str, Any] | None = None,
) -> PlannedBench:
    """Describe a bench, real or simulated, to plan on it; works at a desk and while another program runs the bench.

    Limits, times and noise figures are those of the open bench; velocities are usual ones where only the instrument
    knows. What has to be sent or read is refused with `DeviceError`.

    Parameters
    ----------
    bench, sample, settings
        As for `open_bench`.

    Raises
    ------
    InputError, LimitError
        For files or settings that cannot be right.
    """
    files = read_bench(bench, sample, settings)
    return PlannedBench(files.bench, files.sample, notes=files.notes, overrides=files.overrides)
