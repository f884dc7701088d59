"""Voltages at the shunts, and at the contacts of the twin's sample: resistance and Hall effect."""

from __future__ import annotations

from analysis.sample import Sample
from instruments.roles import CurrentPath, Signal
from instruments.simulation.twin_file import TwinTable


class Contacts:
    """Where a current makes a voltage that a lock-in can be connected to.

    Parameters
    ----------
    table
        Truth of the simulated world.
    sample
        The true sample.
    """

    def __init__(self, table: TwinTable, sample: Sample) -> None:
        film, geometry = sample.film, sample.geometry
        thickness = film.thickness.value
        self._table = table
        self._effective_field = sample.average_effective_field
        self._resistance = geometry.tap_distance.value / (
            geometry.width.value * thickness * film.conductivity.value
        )  # between the voltage taps, cold
        self._anomalous = table.anomalous_hall_resistivity / thickness if film.magnetic else 0.0
        self._ordinary = table.ordinary_hall_coefficient / thickness

    def voltage(self, signal: Signal, path: CurrentPath, current: float, perpendicular_field: float) -> float:
        """Voltage (V peak) at `signal`, in phase with a `current` (A peak) on `path`.

        Parameters
        ----------
        signal
            Where: a shunt, the voltage taps (V = I R (1 + c I^2)), or the Hall taps (V = I (R_A m_z + R_0 B_z),
            m_z = B_z / effective field up to saturation).
        path
            The way of the current.
        current
            Amplitude (A peak).
        perpendicular_field
            Field along the film's normal (T).
        """
        if path != "sample":
            return current * self._table.coil_shunt if signal == "coil_shunt" else 0.0
        if signal == "sample_shunt":
            return current * self._table.sample_shunt
        if signal == "voltage_taps":
            return current * self._resistance * (1 + self._table.resistance_heating * current**2)
        if signal == "hall_taps":
            m_z = max(-1.0, min(1.0, perpendicular_field / self._effective_field))
            return current * (self._anomalous * m_z + self._ordinary * perpendicular_field)
        return 0.0
