"""Layout of `[simulation.twin]`: the true world behind a simulated bench, which no analysis may read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from analysis.configuration import Complex, Table, Unit

Density = Annotated[float, Unit.number("V/Hz^0.5"), Field(ge=0)]


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
    # --- heating: Kerr angle (rad) at 2f per square of the current through the sample, and excess at 1f per square
    heating_second_harmonic: Complex = 0j  # rad/A^2
    heating_first_harmonic: Annotated[float, Unit.number("1/A^2")] = 0.0
    # --- contacts of the sample
    resistance_heating: Annotated[float, Unit.number("1/A^2")] = 0.0  # relative rise at 1f per square of the current
    anomalous_hall_resistivity: Annotated[float, Unit.number("ohm m")] = 2e-9  # at m_z = 1
    ordinary_hall_coefficient: Annotated[float, Unit.number("ohm m/T")] = 1e-10
    laser_heating: Annotated[float, Unit.number("1/W")] = 0.0  # relative change of every Kerr angle per laser power
    # --- substrate: Verdet constant (light from below passes twice), reflectance beside the film
    verdet_constant: Annotated[float, Unit.number("rad/(T m)")] = 0.0
    substrate_thickness: Annotated[float, Unit.number("m"), Field(ge=0)] = 0.5e-3
    substrate_reflectance: Annotated[float, Field(ge=0, le=1)] = 0.035
    # --- light and detector
    laser_power: Annotated[float, Unit.number("W"), Field(ge=0)] = 2e-3
    laser_drift: Annotated[float, Unit.number(""), Field(ge=0, lt=1)] = 0.005
    laser_drift_period: Annotated[float, Unit.number("s"), Field(gt=0)] = 3600.0
    spot_diameter: Annotated[float, Unit.number("m"), Field(ge=0)] = 4e-6  # 1/e^2; 0: a square without edges
    responsivity: Annotated[float, Unit.number("V/W"), Field(gt=0)] = 1000.0
    gain: Annotated[float, Unit.number(""), Field(gt=0)] = 0.96
    difference_gain: Annotated[float, Unit.number(""), Field(gt=0)] = 1.0  # of the difference over the sum, at DC
    difference_cubic: Annotated[float, Unit.number("")] = 0.0  # it reads balance (1 + cubic balance^2) at DC
    polarization_misalignment: Annotated[float, Unit.number("rad")] = 0.005
    quarter_wave_zero: Annotated[float, Unit.number("rad")] = 0.0  # 90 deg: the slow axis where the fast one should be
    # --- noise and pick-up
    shot_noise: Annotated[float, Unit.number("rad/Hz^0.5"), Field(ge=0)] = 12e-9  # at 1 mW
    input_noise: Density = 6e-9
    johnson_noise: Density = 0.0
    flicker_corner: Annotated[float, Unit.number("Hz"), Field(ge=0)] = 0.0  # where 1/f noise equals the white one
    detector_bandwidth: Annotated[float, Unit.number("Hz"), Field(gt=0)] = 500e3
    mains: Annotated[float, Unit.number("V"), Field(ge=0)] = 0.0  # 50 Hz on the difference, peak
    sum_offset: Annotated[float, Unit.number("V")] = 0.0  # of the sum output in the dark
    sum_noise: Annotated[float, Unit.number("V"), Field(ge=0)] = 2e-4
    pick_up: Annotated[float, Unit.number("V")] = 0.0  # rms, in phase with the reference, with light or without
    # --- reference and phase of each current path against it
    sample_phase: Annotated[float, Unit.number("rad")] = 0.21
    coil_phase: Annotated[float, Unit.number("rad")] = -0.61
    reference_lost_after: Annotated[float, Unit.number("s"), Field(ge=0)] = 0.0  # 0: never
    # --- magnets, Hall probe, amplifiers, stage
    magnet_gain: Annotated[float, Unit.number("T/V"), Field(gt=0)] = 0.0206
    magnet_field_per_ampere: Annotated[float, Unit.number("T/A"), Field(gt=0)] = 0.0206
    magnet_lag: Annotated[float, Unit.number("s"), Field(ge=0)] = 0.05
    hall_gain: Annotated[float, Unit.number("V/T"), Field(gt=0)] = 45.0
    hall_offset: Annotated[float, Unit.number("T")] = 0.15e-3
    perpendicular_magnet_gain: Annotated[float, Unit.number("T/V"), Field(gt=0)] = 0.26
    perpendicular_hall_gain: Annotated[float, Unit.number("V/T"), Field(gt=0)] = 3.5
    perpendicular_hall_offset: Annotated[float, Unit.number("T")] = 0.5e-3
    hall_noise: Annotated[float, Unit.number("V"), Field(ge=0)] = 1e-4  # of each Hall probe
    gaussmeter_offset: Annotated[float, Unit.number("T")] = 0.15e-3
    gaussmeter_noise: Annotated[float, Unit.number("T"), Field(ge=0)] = 2e-6
    amplifier_gain: Annotated[float, Unit.number("A/V"), Field(gt=0)] = 0.1
    sample_amplifier_gain: Annotated[float, Unit.number("A/V"), Field(gt=0)] = 0.02
    sample_shunt: Annotated[float, Unit.number("ohm"), Field(gt=0)] = 10.0
    coil_shunt: Annotated[float, Unit.number("ohm"), Field(gt=0)] = 1.0
    backlash: Annotated[float, Unit.number("m"), Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _torques(self) -> TwinTable:
        if self.torque_top is None:
            object.__setattr__(self, "torque_top", -self.torque_bottom)
        return self
