"""The simulated wire: one PyVISA backend and one NI gRPC server round the same twin and the same clock."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from nidaqmx import GrpcSessionOptions

from analysis import configuration
from analysis.sample import Sample
from analysis.stack import Side
from instruments.clock import VirtualClock
from instruments.simulation.daq_card import Card
from instruments.simulation.daq_server import DaqServer
from instruments.simulation.elliptec import SimulatedElliptecBus
from instruments.simulation.esp300 import SimulatedESP300
from instruments.simulation.faults import FaultyLine
from instruments.simulation.keithley6221 import SimulatedKeithley6221
from instruments.simulation.kepco_bop import SimulatedKepcoBOP
from instruments.simulation.lakeshore425 import SimulatedLakeShore425
from instruments.simulation.scpi import Device
from instruments.simulation.sr830 import SimulatedSR830
from instruments.simulation.sr860 import SimulatedSR860
from instruments.simulation.twin import Twin
from instruments.simulation.twin_file import TwinTable
from instruments.simulation.visa_backend import close_resource_manager, open_resource_manager
from instruments.simulation_file import SimulatedDevice, SimulationTable

_MODELS: dict[str, Callable[[Twin], Device]] = {
    "SR830": SimulatedSR830,
    "SR860": SimulatedSR860,
    "Keithley6221": SimulatedKeithley6221,
    "KepcoBOP": SimulatedKepcoBOP,
    "LakeShore425": SimulatedLakeShore425,
}
_count = itertools.count(1)
_TURN = re.compile(r"Turn (\w+) to (\S+) degrees")
_MOUNT = re.compile(r"Put the quarter-wave plate (into|out of) the beam")


class SimulatedWire:
    """What a real bench finds in the lab: a bus with instruments and an NI card.

    Attributes
    ----------
    visa_library
        Name under which PyVISA finds the simulated bus.
    grpc_options
        For the nidaqmx client, which then talks to the simulated card.
    secrets
        JSON text of the twin's table, for the note that no analysis opens.
    devices
        Simulated devices by resource name.
    lines
        What lies between them and the bus: where faults are injected.
    """

    def __init__(
        self,
        table: SimulationTable,
        sample: Sample,
        clock: VirtualClock,
        *,
        side: Side = "top",
        exchange: AbstractContextManager[object] | None = None,
    ) -> None:
        secrets = configuration.validate(TwinTable, table.twin, "[simulation.twin]")
        self.secrets = secrets.model_dump_json(indent=2)
        self.twin = Twin(secrets, sample, clock, side)
        self._resources = ExitStack()
        try:
            self.devices = {resource: self._device(entry) for resource, entry in table.visa.items()}
            name = f"bench{next(_count)}"
            self.lines = {resource: FaultyLine(device, clock) for resource, device in self.devices.items()}
            for resource, entry in table.visa.items():
                self.lines[resource].fault, self.lines[resource].begins = entry.fault, entry.fault_begins
            open_resource_manager(name, self.lines, clock)
            self.visa_library = f"{name}@asot"
            self._resources.callback(close_resource_manager, name)
            cards = [Card(self.twin, card.terminals, name=device) for device, card in table.daq.items()]
            self.daq_server = DaqServer(cards, exchange=exchange)
            self.daq_server.start()
            self._resources.callback(self.daq_server.stop)
            channel = self.daq_server.channel(clock)
            self._resources.callback(channel.close)
            self.grpc_options = GrpcSessionOptions(channel, "")
        except BaseException:
            self._resources.close()
            raise

    def _device(self, entry: SimulatedDevice) -> Device:
        if entry.model == "ESP300":
            return SimulatedESP300(self.twin, entry.axes)
        if entry.model == "ELL14":
            return SimulatedElliptecBus(self.twin, entry.axes)
        return _MODELS[entry.model](self.twin)

    def operator(self, request: str) -> None:
        """Do at once what a person is asked for; a new sample lies there already, since the bench was opened for it."""
        if turn := _TURN.match(request):
            self.twin.axes[turn[1]].move_to(float(turn[2]), math.inf, self.twin.clock.now())
        if mount := _MOUNT.match(request):
            self.twin.digital_output("quarter_wave_in", mount[1] == "into")

    def close(self) -> None:
        """Stop server and bus; nothing is left running."""
        self._resources.close()
