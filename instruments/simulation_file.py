"""Layout of `[simulation]` in a bench file: which simulated devices stand where; the twin's table is its own affair."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from analysis.configuration import Table, Unit


class SimulatedDevice(Table):
    """A device on the simulated bus; `axes` of an ESP300 or a line of ELL14 name what each axis or address moves."""

    model: Literal["SR830", "SR860", "Keithley6221", "ESP300", "ELL14", "KepcoBOP", "LakeShore425"]
    axes: dict[int, str] = Field(default_factory=dict)
    fault: Literal["silent", "late", "garbage", "wrong_identity", "disconnected", "nan", "stuck"] | None = None
    fault_begins: Annotated[float, Unit.number("s"), Field(ge=0)] = 0.0  # bench time


class SimulatedCard(Table):
    """A simulated NI card: terminal -> what it drives or reads in the simulated world."""

    terminals: dict[str, str]


class SimulationTable(Table):
    """A simulated bench."""

    visa: dict[str, SimulatedDevice]
    daq: dict[str, SimulatedCard]
    twin: dict[str, Any] = Field(default_factory=dict)
