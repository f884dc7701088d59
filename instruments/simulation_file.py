"""Layout of `[simulation]` in a bench file: which simulated devices stand where; the twin's table is its own affair."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from analysis.configuration import Table, Unit

Fault = Literal[
    "silent", "late", "garbage", "wrong_identity", "disconnected", "nan", "stuck", "overload", "slow"
]  # fmt: skip
"""What can be wrong with a device on the bus or its line; `FaultyLine` says what each does."""
CardFault = Literal["gone", "silent", "stuck", "overload"]
"""What can be wrong with a card; `Card` says what each does."""
_OWN_FAULTS = {"overload": ("SR830", "SR860"), "slow": ("ESP300", "ELL14")}


class SimulatedDevice(Table):
    """A device on the simulated bus; `axes` of an ESP300 or a line of ELL14 name what each axis or address moves."""

    model: Literal["SR830", "SR860", "Keithley6221", "ESP300", "ELL14", "KepcoBOP", "LakeShore425"]
    axes: dict[int, str] = Field(default_factory=dict)
    fault: Fault | None = None
    fault_begins: Annotated[float, Unit.number("s"), Field(ge=0)] = 0.0  # bench time

    @model_validator(mode="after")
    def _can_have_it(self) -> SimulatedDevice:
        models = _OWN_FAULTS.get(self.fault or "", (self.model,))
        if self.model not in models:
            raise ValueError(f"must have another fault: {self.fault!r} is one of {' and '.join(models)} alone.")
        return self


class SimulatedCard(Table):
    """A simulated NI card: terminal -> what it drives or reads in the simulated world."""

    terminals: dict[str, str]
    fault: CardFault | None = None
    fault_begins: Annotated[float, Unit.number("s"), Field(ge=0)] = 0.0  # bench time


class SimulationTable(Table):
    """A simulated bench."""

    visa: dict[str, SimulatedDevice]
    daq: dict[str, SimulatedCard]
    twin: dict[str, Any] = Field(default_factory=dict)
