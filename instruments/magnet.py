"""Electromagnets: a bipolar supply, corrected until the probe at the sample reads the asked field."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.lakeshore import LakeShore425

from instruments.clock import Clock
from instruments.daq import AnalogInput, AnalogOutput
from instruments.errors import DeviceError, LimitError, finite
from instruments.live import Observed
from instruments.roles import Quantity, SafeStateReport
from instruments.safe_state import try_every_step

GAUSSMETER_LINE = {
    "baud_rate": 57600, "parity": 1, "data_bits": 7, "timeout": 500,
    "write_termination": "\n", "read_termination": "\n",
}  # fmt: skip
"""Serial line of a Lake Shore 425 (its manual): parity odd."""

FIELD_CONVERSIONS = 20
"""Conversions of the card behind one reading of a Hall probe."""


@dataclass(frozen=True)
class HallProbe:
    """Hall probe on an analog input: `gain` (V/T) and the `offset` (T) it reads in zero field."""

    input: AnalogInput
    gain: float
    offset: float

    def read(self, samples: int = FIELD_CONVERSIONS) -> float:
        """Field (T), mean of `samples` readings, offset subtracted."""
        return self.input.read(samples) / self.gain - self.offset


@dataclass(frozen=True)
class MagnetLimits:
    """What a magnet may do.

    Attributes
    ----------
    largest_field
        Limit (T), either way.
    ramp_rate
        Slew limit (T/s).
    lag
        Time constant of supply and coil (s).
    tolerance
        Largest difference between field asked and read (T).
    """

    largest_field: float
    ramp_rate: float
    lag: float
    tolerance: float


class _ClosedLoopMagnet(Observed, ABC):
    """Ramps a supply within the slew limit and corrects it until the probe agrees.

    Parameters
    ----------
    clock
        Time of the bench.
    device
        What messages call it.
    tesla_per_unit
        Nominal field per unit of the supply's level (T/V or T/A); the loop corrects what it is off.
    limits
        What it may do.
    role
        Which of the magnets of a bench it is.
    """

    _ramp_step = 0.1  # s
    _corrections = 8
    _overshoot = 0.05  # of the limit, that the probe may read on the way
    _trust = 0.25  # by which the nominal tesla_per_unit may be wrong

    def __init__(self, clock: Clock, device: str, tesla_per_unit: float, limits: MagnetLimits, role: str) -> None:
        self.role, self.device = role, device
        self._clock, self._tesla_per_unit, self._limits = clock, tesla_per_unit, limits
        self.largest_field = limits.largest_field
        self._level = 0.0

    def take_over(self) -> None:
        """Learn at which level the supply stands."""
        self._level = self._present_level()

    def measure(self) -> float:
        """Field (T) at the probe; `DeviceError` where it reads what is no field."""
        field = self._read_probe()
        self._keep(field=(field, "T"))
        return field

    @abstractmethod
    def _read_probe(self) -> float: ...

    @abstractmethod
    def _put(self, level: float) -> None:
        """Set the supply to `level` (V or A)."""

    @abstractmethod
    def _present_level(self) -> float:
        """Level at which the supply stands, as far as it can be told."""

    def check_field(self, field: float) -> None:
        """Raise `LimitError` where `field` (T) is beyond the limit; sends nothing."""
        if not (math.isfinite(field) and abs(field) <= self.largest_field):
            raise LimitError(
                f"{self.role}: field must lie within {self.largest_field:g} T either way; setting it to {field:g} T is "
                "refused. Lower the field, or raise the limit in the bench file if the magnet bears it."
            )

    def set_field(self, field: float) -> None:
        """Ramp to `field` (T), then correct until the probe agrees within the tolerance."""
        self.check_field(field)
        self._ramp(field / self._tesla_per_unit)
        for _ in range(self._corrections):
            self._clock.wait(7 * self._limits.lag)
            error = field - self.measure()
            if abs(error) <= self._limits.tolerance:
                return
            level = self._level + error / self._tesla_per_unit
            if abs(level * self._tesla_per_unit - field) > self._trust * abs(field) + 20 * self._limits.tolerance:
                break  # a dead probe must not drive the supply ever higher
            self._ramp(level)
        raise DeviceError(
            self.device,
            f"the Hall probe reads {self.measure():.5g} T, not {field:.5g} T, and corrections do not help.",
            "Check the supply, the probe's position and the nominal field per volt or ampere in the bench file.",
        )

    def travel_time(self, start: float, stop: float) -> float:
        """Ramp, settling of the supply and one correction (s)."""
        return abs(stop - start) / self._limits.ramp_rate + 14 * self._limits.lag

    def _ramp(self, level: float) -> None:
        step = self._limits.ramp_rate * self._ramp_step / abs(self._tesla_per_unit)
        count = max(1, math.ceil(abs(level - self._level) / step))
        for intermediate in np.linspace(self._level, level, count + 1)[1:]:
            self._put(float(intermediate))
            self._level = float(intermediate)
            if count > 1:
                self._clock.wait(self._ramp_step)
                if abs(intermediate) < abs(level):  # on the way up; nothing may keep the field from going down
                    self._check_overshoot()

    def _check_overshoot(self) -> None:
        field = self.measure()
        if abs(field) > (1 + self._overshoot) * self.largest_field + 20 * self._limits.tolerance:
            raise DeviceError(
                "magnet", f"the Hall probe reads {field:.3g} T on the way, above {self.largest_field:g} T.",
                "Mend the nominal field per volt or ampere in the bench file.",
            )  # fmt: skip

    def _verify_zero(self) -> None:
        self._clock.wait(10 * self._limits.lag)
        field = self.measure()
        if abs(field) > 20 * self._limits.tolerance:
            raise DeviceError(
                self.device, f"the Hall probe still reads {field:.3g} T.", "Switch the supply off by hand."
            )


class AnalogMagnet(_ClosedLoopMagnet):
    """Bipolar supply on an analog output, with a Hall probe on an analog input.

    Parameters
    ----------
    output
        Control voltage of the supply.
    probe
        Hall probe at the sample.
    clock
        Time of the bench.
    device
        What messages call it.
    tesla_per_volt
        Nominal field per control volt (T/V).
    limits
        What it may do.
    role
        "magnet", or "perpendicular_magnet".
    """

    def __init__(
        self,
        output: AnalogOutput,
        probe: HallProbe,
        clock: Clock,
        *,
        device: str,
        tesla_per_volt: float,
        limits: MagnetLimits,
        role: str,
    ) -> None:
        self._output, self._probe = output, probe
        super().__init__(clock, device, tesla_per_volt, limits, role)

    def _read_probe(self) -> float:
        return self._probe.read()

    def _put(self, level: float) -> None:
        self._output.write(level)

    def _present_level(self) -> float:
        field = self.measure()
        return field / self._tesla_per_unit if abs(field) > 10 * self._limits.tolerance else 0.0

    def identity(self) -> str:
        """Return what is known of supply and probe: the card that drives and reads them."""
        return f"bipolar supply and Hall probe on {self._output.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings and the field as read."""
        return {
            "field": (self.measure(), "T"),
            "control_voltage": (self._level, "V"),
            "ramp_rate": (self._limits.ramp_rate, "T/s"),
            "hall_gain": (self._probe.gain, "V/T"),
            "hall_offset": (self._probe.offset, "T"),
        }

    def make_safe(self) -> SafeStateReport:
        """Ramp the control voltage to zero within the slew limit, then write zero in any case."""
        return try_every_step(
            self.role,
            [
                ("field ramped to zero", lambda: self._ramp(0.0)),
                ("control voltage zero", lambda: self._output.write(0.0)),
                ("zero field read", self._verify_zero),
            ],
        )


class KepcoMagnet(_ClosedLoopMagnet):
    """Kepco BOP in current mode, with a Lake Shore 425 gaussmeter at the sample.

    Parameters
    ----------
    supply
        pymeasure's driver of the supply.
    gaussmeter
        pymeasure's driver of the gaussmeter.
    clock
        Time of the bench.
    tesla_per_ampere
        Nominal field per ampere (T/A).
    voltage_limit
        Compliance (V) of the current mode.
    offset
        What the gaussmeter reads in zero field (T).
    limits
        What it may do.
    role
        "magnet", or "perpendicular_magnet".

    Notes
    -----
    The driver clips a current beyond the supply's range silently, so the field limit must lie within it, and the
    current set is read back. An output that an earlier program left on is taken over at its present current and
    ramped from there: switching an inductive load off at full current is what the ramp is for.
    """

    largest_current = 12.0  # A, of the model that pymeasure knows

    def __init__(
        self,
        supply: KepcoBOP3612,
        gaussmeter: LakeShore425,
        clock: Clock,
        *,
        tesla_per_ampere: float,
        voltage_limit: float,
        offset: float,
        limits: MagnetLimits,
        role: str,
    ) -> None:
        if limits.largest_field > abs(tesla_per_ampere) * self.largest_current:
            raise LimitError(
                f"{role}: largest_field must be at most {abs(tesla_per_ampere) * self.largest_current:g} T, what "
                f"{self.largest_current:g} A make; received {limits.largest_field:g} T. Lower it in the bench file."
            )
        self.supply, self.gaussmeter, self._offset, self._voltage_limit = supply, gaussmeter, offset, voltage_limit
        super().__init__(clock, supply.adapter.device, tesla_per_ampere, limits, role)

    def take_over(self) -> None:
        """Set the gaussmeter up; then take the supply over at its present current, or switch it on at zero."""
        self.gaussmeter.unit = "T"
        self.gaussmeter.dc_mode()
        self.gaussmeter.range = 10e3 * 1.05 * self.largest_field  # gauss; the driver takes the next larger range
        super().take_over()
        if not self.supply.output_enabled:
            self.supply.operating_mode = "CURR"
            self.supply.current_setpoint = 0
            self.supply.voltage_setpoint = self._voltage_limit
            self.supply.output_enabled = True

    def _read_probe(self) -> float:
        value = self.gaussmeter.field
        if not (isinstance(value, float | int) and math.isfinite(value)):
            raise DeviceError(
                self.gaussmeter.adapter.device, f"reads {value!r}, which is no field.",
                "Plug the probe in, or choose a larger range.",
            )  # fmt: skip
        return float(value) - self._offset

    def _put(self, level: float) -> None:
        if abs(level) > self.largest_current:
            raise LimitError(
                f"{self.role}: current must lie within {self.largest_current:g} A either way; setting it to "
                f"{level:g} A is refused. Lower the field, or check `tesla_per_ampere` in the bench file."
            )
        self.supply.current_setpoint = level
        received = finite(self.supply.adapter.device, "current", self.supply.current_setpoint)
        if abs(received - level) > 1e-3 * self.largest_current:
            raise DeviceError(
                self.supply.adapter.device, f"current was set to {level:g} A but reads back {received:g} A.",
                "Check that the supply is in current mode and no one else drives it.",
            )  # fmt: skip

    def _present_level(self) -> float:
        if not self.supply.output_enabled:
            return 0.0
        return finite(self.supply.adapter.device, "current", self.supply.current)

    def identity(self) -> str:
        """Return the answers of supply and gaussmeter to *IDN?."""
        return f"{self.supply.id} with {str(self.gaussmeter.ask('*IDN?')).strip()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings, current and field as read."""
        return {
            "field": (self.measure(), "T"),
            "current": (float(self.supply.current), "A"),
            "voltage": (float(self.supply.voltage), "V"),
            "ramp_rate": (self._limits.ramp_rate, "T/s"),
            "gaussmeter_range": (float(self.gaussmeter.range) * 1e-4, "T"),
            "gaussmeter_offset": (self._offset, "T"),
        }

    def make_safe(self) -> SafeStateReport:
        """Ramp to zero from the present current (from the field where the supply does not say), then switch off."""

        def find_level() -> None:
            try:
                self._level = self._present_level()
            except Exception:  # what the supply does not tell, the gaussmeter does
                self._level = self.measure() / self._tesla_per_unit

        steps: list[tuple[str, Callable[[], object]]] = [
            ("present current found", find_level),
            ("field ramped to zero", lambda: self._ramp(0.0)),
            ("current zero", lambda: setattr(self.supply, "current_setpoint", 0)),
            ("zero field read", self._verify_zero),
            ("output off", lambda: setattr(self.supply, "output_enabled", False)),
        ]
        return try_every_step(self.role, steps)

    def set_field(self, field: float) -> None:
        """Switch the output on where a safe state left it off, then ramp and correct."""
        if not self.supply.output_enabled:
            self.supply.current_setpoint = 0
            self._level = 0.0
            self.supply.output_enabled = True
        super().set_field(field)
