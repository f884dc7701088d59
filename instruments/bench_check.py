"""Looks at each instrument of a bench by itself: who it is, one live reading, and what to do where it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from analysis.errors import AsotError
from instruments.bench import Bench
from instruments.errors import finite
from instruments.roles import Instrument


class CheckedReading(NamedTuple):
    """What an instrument reads now."""

    quantity: str
    value: float | str
    unit: str

    def __str__(self) -> str:
        """Say it in a few characters, e.g. "field = 2.1e-05 T"."""
        value = f"{self.value:.4g}" if isinstance(self.value, float) else self.value
        return f"{self.quantity} = {value} {self.unit}".rstrip()


@dataclass(frozen=True)
class InstrumentCheck:
    """What was found of one role.

    Attributes
    ----------
    role, driver
        Of the bench file.
    addresses
        Where the bench file says that it is, by key.
    identity
        What it calls itself; "" where it did not say.
    reading
        One live reading; None where there is none.
    fault
        What is wrong and the remedy; "" where all is well.
    """

    role: str
    driver: str
    addresses: dict[str, str | int]
    identity: str = ""
    reading: CheckedReading | None = None
    fault: str = ""


def check_instruments(bench: Bench) -> list[InstrumentCheck]:
    """Ask every instrument who it is and what it reads; one that fails keeps no other from being asked.

    Parameters
    ----------
    bench
        From `open_what_answers`; nothing is moved or driven.

    Returns
    -------
    list of InstrumentCheck
        One for each role of the bench file.
    """
    found = []
    for role, table in bench.file.roles().items():
        about = (role, table.driver, table.addresses())
        identity = ""
        try:
            if role in bench.faults:
                raise bench.faults[role]
            instrument: Instrument = getattr(bench, role)
            identity = " ".join(instrument.identity().split())
            found.append(InstrumentCheck(*about, identity, _READINGS[role](instrument)))
        except Exception as error:  # whatever it is, the next instrument has its turn
            found.append(InstrumentCheck(*about, identity, fault=_in_one_line(error)))
    return found


def _in_one_line(error: Exception) -> str:
    text = str(error)
    if not isinstance(error, AsotError):
        text = f"{type(error).__name__}: {error}. Check driver and address in the bench file."
    return " ".join(text.split())


def _angle(rotator: Instrument) -> CheckedReading:
    angle, unit = rotator.settings().get("angle", ("not set yet", ""))  # nobody knows before a person was asked
    return CheckedReading("angle", angle if isinstance(angle, str) else finite(rotator.role, "angle", angle), unit)


def _number(quantity: str, read: Callable[[Any], float], unit: str) -> Callable[[Any], CheckedReading]:
    return lambda instrument: CheckedReading(quantity, finite(instrument.role, quantity, read(instrument)), unit)


_READINGS: dict[str, Callable[[Any], CheckedReading]] = {
    "lock_in": _number("X (rms)", lambda lock_in: lock_in.look().x, "V"),
    "sample_source": _number("current (peak)", lambda source: source.amplitude(), "A"),
    "calibration_source": _number("current (peak)", lambda source: source.amplitude(), "A"),
    "relay": lambda relay: CheckedReading("path", relay.selected(), ""),
    "magnet": _number("field", lambda magnet: magnet.measure(), "T"),
    "stage": _number("x", lambda stage: stage.position()[0], "m"),
    "polarization_plate": _angle,
    "analyser_plate": _angle,
    "quarter_wave": _angle,
    "field_angle": _angle,
    "signal_switch": lambda switch: CheckedReading("signal", switch.selected(), ""),
    "perpendicular_magnet": _number("field", lambda magnet: magnet.measure(), "T"),
    "shutter": lambda shutter: CheckedReading("shutter", "open" if shutter.is_open() else "closed", ""),
    "attenuator": _number("transmission", lambda attenuator: attenuator.transmission(), ""),
    "difference_detector": _number("difference", lambda detector: detector.read(), "V"),
    "sum_detector": _number("sum", lambda detector: detector.read(), "V"),
}
