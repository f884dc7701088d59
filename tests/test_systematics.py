"""Systematics budget: the known figures for 32 nm permalloy on silica, and how inputs are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import Film, Layer, Stack, fit_thickness_series
from analysis.configuration import Uncertain
from analysis.errors import InputError
from analysis.micromagnetics import tilt_modes
from analysis.optics import tilt_response
from analysis.systematics import budget, changed

FILM = Film(2.38 + 4.36j, 0.0036 - 0.011j, 32e-9, 1.09, 12.22e-12, 1.09)
SILICA = Stack(FILM, above=[Layer(1.62, 2e-9), Layer(1.4537, 3e-9)], below=[Layer(1.62, 2e-9)], substrate=1.4537)
WIDTH, TORQUE, FIELD, DENSITY = 50e-6, 0.86e-6, 0.85e-3, 5e10


def one_film(**uncertainties: Uncertain):
    """Budget of one sample whose torque comes from the ratio to the calibration."""
    angle = tilt_response(SILICA, tilt_modes(FILM, torque_top=-TORQUE, torque_bottom=TORQUE))
    calibration = tilt_response(SILICA, tilt_modes(FILM, calibration_field=FIELD))
    result = fit_thickness_series(
        [SILICA],
        [complex(angle)],
        current_density=DENSITY,
        calibration_angles=[complex(calibration)],
        calibration_field=FIELD,
        uncertainties=uncertainties,
    )
    assert_allclose(result.torque_bottom.value, TORQUE, rtol=1e-10)
    return {entry.name: entry for entry in result.systematics}


@pytest.mark.parametrize(
    ("name", "value", "percent"),
    [
        ("calibration_field_per_ampere", 2.125e-3, 10.0),
        ("saturation_induction", 1.09, 7.6),
        ("k", 4.36, -7.0),
        ("n", 2.38, -5.0),
        ("exchange_stiffness", 12.22e-12, 2.3),
        ("effective_field", 1.09, -2.2),
    ],
)
def test_ten_percent_of_an_input_moves_the_torque_by_the_known_amount(name: str, value: float, percent: float):
    entry = one_film(**{name: Uncertain(value=value, std=0.1 * value)})[name]
    assert_allclose(100 * entry.up["torque"], percent, atol=0.25)
    assert_allclose(entry.effects["torque"], (entry.up["torque"] - entry.down["torque"]) / 2, rtol=1e-12)


def test_surface_anisotropy_takes_sixteen_percent_off():
    entry = one_film(surface_anisotropy=Uncertain(value=0.0, std=0.59e-3))["surface_anisotropy"]
    assert_allclose(100 * entry.up["torque"], -16, atol=0.5)


def test_thickness_nearly_cancels_in_the_efficiency():
    entry = one_film(thickness=Uncertain(value=32e-9, std=3.2e-9))["thickness"]
    at_fixed_current = (1 + entry.up["efficiency"]) / 1.1 - 1  # xi goes as torque times thickness
    assert_allclose(100 * at_fixed_current, -8.7, atol=0.1)
    assert abs(entry.up["efficiency"]) < 0.006
    same = one_film(thickness_scale=Uncertain(value=1.0, std=0.1))["thickness_scale"]
    assert_allclose(same.up["efficiency"], entry.up["efficiency"], rtol=1e-9)


def test_budget_is_sorted_by_effect_and_leaves_exact_inputs_out():
    inputs = {
        "small": Uncertain(value=1.0, std=0.1),
        "large": Uncertain(value=2.0, std=0.4),
        "exact": Uncertain(value=3.0),
    }

    def results(name: str, step: float) -> dict[str, float]:
        return {"answer": 10.0 + step + (step**2 if name == "large" else 0.0)}

    large, small = budget(inputs, results)
    assert (large.name, small.name) == ("large", "small")
    assert_allclose([large.up["answer"], large.down["answer"]], [0.056, -0.024])
    assert_allclose([large.effects["answer"], small.effects["answer"]], [0.04, 0.01])


def test_layer_inputs_change_that_layer_alone():
    thicker = changed(SILICA, "above.1.thickness", 1e-9)
    assert_allclose(thicker.above[1].thickness, 4e-9)
    assert tuple(thicker.above[:1]) == tuple(SILICA.above[:1])
    assert thicker.film is SILICA.film
    denser = changed(replace(SILICA, below=[Layer("SiO2", 1e-6)]), "below.0.index", 0.01)
    assert_allclose(denser.below[0].index, 1.48)


def test_film_inputs_change_every_film_of_a_batch():
    batch = replace(SILICA, film=replace(FILM, thickness=np.array([4e-9, 8e-9])))
    assert_allclose(changed(batch, "thickness", 1e-9).film.thickness, [5e-9, 9e-9])
    assert_allclose(changed(batch, "thickness_scale", 0.1).film.thickness, [4.4e-9, 8.8e-9])
    assert changed(batch, "surface_anisotropy_top", 1e-4).film.surface_anisotropy == (0.0, 1e-4)


@pytest.mark.parametrize("name", ["colour", "above", "above.2.index", "below.0.colour", "below.x.index"])
def test_unknown_inputs_are_refused(name: str):
    with pytest.raises(InputError, match="Model input must be one of n, k, "):
        changed(SILICA, name, 0.1)
