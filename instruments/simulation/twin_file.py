"""Layout of `[simulation.twin]`: the true world behind a simulated bench, which no analysis may read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from analysis.configuration import Complex, Table, Unit


class TwinTable(Table):
    """Truth of the simulated world. Every imperfection can be set to zero."""

    seed: int = Field(1, ge=0)
    # --- what the experiment is after
    torque_bottom: Annotated[float, Unit.number("J/m^2")] = 0.86e-6
    torque_top: Annotated[float, Unit.number("J/m^2")] | None = None
    torque_current_density: Annotated[float, Unit.number("A/m^2"), Field(gt=0)] = 5e10
    # --- the sample where it differs from its file, e.g. {film = {thickness = "31 nm"}}
    sample: dict[str, Any] = Field(default_factory=dict)
    # --- magnetisation in the plane
    anisotropy_field: Annotated[float, Unit.number("T"), Field(gt=0)] = 0.3e-3
    easy_axis: Annotated[float, Unit.number("rad")] = 0.05
    # --- fields of the currents
    oersted_gradient: Annotated[float, Unit.number("T/(m A)")] = 320.0
    spot_offset: Annotated[float, Unit.number("m")] = 0.2e-6
    transverse_field: Annotated[float, Unit.number("T/A")] = 0.0
    quadratic_kerr: Complex = 0j
    # --- light and detector
    laser_power: Annotated[float, Unit.number("W"), Field(gt=0)] = 2e-3
    laser_drift: Annotated[float, Unit.number(""), Field(ge=0, lt=1)] = 0.005
    laser_drift_period: Annotated[float, Unit.number("s"), Field(gt=0)] = 3600.0
    responsivity: Annotated[float, Unit.number("V/W"), Field(gt=0)] = 1000.0
    gain: Annotated[float, Unit.number(""), Field(gt=0)] = 0.96
    polarization_misalignment: Annotated[float, Unit.number("rad")] = 0.005
    quarter_wave_zero: Annotated[float, Unit.number("rad")] = 0.0
    shot_noise: Annotated[float, Unit.number("rad/Hz^0.5"), Field(ge=0)] = 12e-9
    input_noise: Annotated[float, Unit.number("V/Hz^0.5"), Field(ge=0)] = 6e-9
    sum_noise: Annotated[float, Unit.number("V"), Field(ge=0)] = 2e-4
    pick_up: Annotated[float, Unit.number("V")] = 0.0
    # --- phase of each current path against the lock-in's reference
    sample_phase: Annotated[float, Unit.number("rad")] = 0.21
    coil_phase: Annotated[float, Unit.number("rad")] = -0.61
    # --- magnet, Hall probe, amplifier
    magnet_gain: Annotated[float, Unit.number("T/V"), Field(gt=0)] = 0.0206
    magnet_lag: Annotated[float, Unit.number("s"), Field(ge=0)] = 0.05
    hall_gain: Annotated[float, Unit.number("V/T"), Field(gt=0)] = 45.0
    hall_offset: Annotated[float, Unit.number("T")] = 0.15e-3
    hall_noise: Annotated[float, Unit.number("V"), Field(ge=0)] = 1e-4
    magnet_field_per_ampere: Annotated[float, Unit.number("T/A"), Field(gt=0)] = 0.0206
    gaussmeter_offset: Annotated[float, Unit.number("T")] = 0.15e-3
    gaussmeter_noise: Annotated[float, Unit.number("T"), Field(ge=0)] = 2e-6
    amplifier_gain: Annotated[float, Unit.number("A/V"), Field(gt=0)] = 0.1
    backlash: Annotated[float, Unit.number("m"), Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _torques(self) -> TwinTable:
        if self.torque_top is None:
            object.__setattr__(self, "torque_top", -self.torque_bottom)
        return self
