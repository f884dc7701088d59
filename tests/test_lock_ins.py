"""SR830 and SR860 behind the role: the simulated wire through pymeasure's unmodified drivers."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

import pytest
from numpy.testing import assert_allclose
from pymeasure.instruments.srs import SR860

from analysis.errors import InputError
from instruments import Bench, open_bench
from instruments.errors import DeviceError, LimitError
from instruments.roles import UNLOCKED

ADDRESS = "GPIB0::8::INSTR"
QUIET = {"twin.shot_noise": 0, "twin.input_noise": 0, "twin.laser_drift": 0}


@pytest.fixture(params=["SR830", "SR860"])
def bench(request: pytest.FixtureRequest, open_simulated: Callable[..., Bench]) -> Bench:
    return open_with(request.param, open_simulated)


@pytest.fixture
def sr860(open_simulated: Callable[..., Bench]) -> Bench:
    return open_with("SR860", open_simulated)


def open_with(model: str, open_simulated: Callable[..., Bench], **more: object) -> Bench:
    gain = "0.2 A/V" if model == "SR860" else "0.1 A/V"  # its sine output ends at 2 V rms
    settings = {"bench.calibration_source.gain": gain, "twin.amplifier_gain": gain, **QUIET, **more}
    return open_simulated(
        **{"bench.lock_in.driver": model, f"bench.simulation.visa.{ADDRESS}.model": model, **settings}
    )


def drive_coil(bench: Bench, amplitude: float = 0.4) -> None:
    bench.relay.select("coil")
    bench.analyser_plate.move_to(math.radians(22.5))
    bench.lock_in.configure(time_constant=0.03, slope=24)
    bench.lock_in.set_reference("internal", 20150.0, bench.calibration_source.phase)
    bench.calibration_source.set_amplitude(amplitude)
    bench.lock_in.set_sensitivity(50e-6)
    bench.clock.wait(1.0)
    bench.lock_in.clear_status()


def test_both_models_read_the_same_voltage_in_phase_with_the_current(bench: Bench) -> None:
    drive_coil(bench)
    reading = bench.lock_in.read()
    assert bench.wire is not None
    signal = bench.wire.twin.lock_in_signal(1, 20150.0) * cmath.exp(-1j * bench.calibration_source.phase)
    assert_allclose([reading.x, reading.y], [signal.real, signal.imag], atol=4e-9)
    assert abs(reading.x) > 1e-6 and reading.status == 0


def test_sine_output_and_amplifier_reach_the_current_with_either_model(bench: Bench) -> None:
    bench.calibration_source.set_amplitude(0.2)
    assert bench.wire is not None
    twin = bench.wire.twin
    assert_allclose(twin.coil_drive.amplitude * twin.table.amplifier_gain, 0.2, atol=3e-4)
    bench.calibration_source.set_amplitude(0.0)
    assert bench.calibration_source.amplitude() == 0.0


def test_second_harmonic_is_detected_at_twice_the_phase_of_the_current(bench: Bench) -> None:
    drive_coil(bench)
    bench.lock_in.set_harmonic(2)
    bench.clock.wait(bench.lock_in.settling_time(1e-6, time_constant=0.03, slope=24))
    reading = bench.lock_in.read()
    assert_allclose([reading.x, reading.y], 0.0, atol=2e-9)  # the twin's coil makes no second harmonic
    assert bench.lock_in.settings()["harmonic"][0] == 2
    turned = bench.lock_in.settings()["phase"][0]
    assert_allclose(turned, math.remainder(2 * bench.calibration_source.phase, math.tau), atol=1e-4)


def test_harmonics_that_the_drivers_reject_and_those_beyond_the_frequency_range_are_refused(bench: Bench) -> None:
    bench.lock_in.set_reference("internal", 1000.0, 0.0)
    for harmonic in (0, 99 if bench.lock_in.model == "SR860" else 19999, 600):  # type: ignore[attr-defined]
        with pytest.raises(LimitError, match=f"setting it to {harmonic} is refused"):
            bench.lock_in.set_harmonic(harmonic)


def test_reference_impedance_that_the_driver_cannot_set_is_set(sr860: Bench) -> None:
    driver = sr860.lock_in.driver  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        driver.reference_externalinput = "1MEG"
    driver.write("REFZ 0")
    sr860.lock_in.set_reference("external", 20150.0, 0.0)
    assert driver.reference_externalinput == "1MEG"


def test_lost_reference_is_flagged_in_the_same_way(bench: Bench) -> None:
    bench.lock_in.set_reference("external", 20150.0, 0.0)  # no source runs
    bench.clock.wait(0.1)
    assert bench.lock_in.look().status & UNLOCKED
    with pytest.raises(DeviceError, match=r"lock_in \(SR8.0, .*\): reference is not locked"):
        bench.lock_in.read()


def test_overload_of_the_output_is_flagged_and_forgotten(bench: Bench) -> None:
    drive_coil(bench)
    bench.lock_in.set_sensitivity(1e-6)
    bench.clock.wait(0.1)
    with pytest.raises(DeviceError, match=r"lock_in \(SR8.0, .*\): (filter|output) is overloaded"):
        bench.lock_in.read()
    bench.lock_in.set_sensitivity(1e-3)
    bench.lock_in.clear_status()
    assert bench.lock_in.look().status == 0


def test_ranges_and_time_constants_that_would_be_rounded_are_refused(bench: Bench) -> None:
    with pytest.raises(LimitError, match="rounded up silently"):
        bench.lock_in.configure(time_constant=0.05, slope=24)
    with pytest.raises(LimitError, match="sensitivity must lie above 0"):
        bench.lock_in.set_sensitivity(2.0)


def test_reading_that_is_no_number_is_an_error_that_names_the_lock_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.lock_in, "_snapshot", lambda: (math.nan, 0.0))
    with pytest.raises(DeviceError, match=r"lock_in \(SR8.0, GPIB0::8::INSTR\): X or Y reads nan"):
        bench.lock_in.read()


def test_unmodified_driver_of_the_sr860_reads_back_what_it_sets(sr860: Bench) -> None:
    driver = sr860.lock_in.driver  # type: ignore[attr-defined]
    assert type(driver) is SR860
    driver.sensitivity, driver.time_constant, driver.filter_slope = 1e-6, 0.3, 2
    driver.frequency, driver.phase, driver.sine_voltage, driver.harmonic = 20150.0, 33.3, 1.25, 3
    driver.input_range, driver.reference_source = "30M", "INT"
    assert (driver.sensitivity, driver.time_constant, driver.filter_slope) == (1e-6, 0.3, 2)
    assert (driver.frequency, driver.phase, driver.sine_voltage, driver.harmonic) == (20150.0, 33.3, 1.25, 3)
    assert (driver.input_range, driver.detectedfrequency) == ("30M", 60450.0)
    assert_allclose(driver.get_noise_bandwidth, 3 / 32 / 0.3)
    assert len(driver.snap_all()) == 4 and driver.snap("X", "Y", "FInt")[2] == 20150.0


def test_simulated_sr860_refuses_what_the_instrument_refuses(sr860: Bench) -> None:
    assert sr860.wire is not None
    device = sr860.wire.devices[ADDRESS]
    for line in ("SLVL 2.5", "HARM 100", "FREQ 600e3", "SCAL 28", "OFLT -1", "BLAH 1", "SNAP? X, Q"):
        device.handle(line)
    assert len(device.refused) == 7
    assert device.handle("*ESR?") == str(16 | 32)
    device.refused.clear()


def test_wrong_instrument_at_an_address_is_named(open_simulated: Callable[..., Bench]) -> None:
    with pytest.raises(DeviceError, match=r"lock_in \(SR860, GPIB0::8::INSTR\): must be a SR86; it answers .*SR830"):
        open_bench(settings={"bench.lock_in.driver": "SR860"})


def test_unknown_driver_lists_those_of_the_role() -> None:
    with pytest.raises(InputError, match=r"'lock_in.driver' must be one of SR830, SR860.* Received 'SR861'.*Did you"):
        open_bench(settings={"bench.lock_in.driver": "SR861"})
    with pytest.raises(InputError, match=r"key 'lock_in.resourse' is unknown.*Allowed here: driver, resource"):
        open_bench(settings={"bench.lock_in.resourse": "x"})
