"""The simulated bench through the lab's own drivers: roles, limits, relay, safe state."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from analysis.errors import InputError
from instruments import Bench, open_bench
from instruments.bench import without_secrets
from instruments.errors import DeviceError, LimitError
from instruments.safe_state import try_every_step
from instruments.simulation.optical_path import balanced_response
from procedures import FieldSweep


def test_magnet_reaches_the_asked_field_at_the_sample(bench: Bench) -> None:
    assert bench.wire is not None
    for field in (0.05, -0.03, 0.0):
        bench.magnet.set_field(field)
        assert_allclose(bench.magnet.measure(), field, atol=6e-5)
        assert_allclose(bench.wire.twin.field(bench.clock.now()), field, atol=6e-5)


def test_magnet_that_does_not_answer_to_its_voltage_is_an_error(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(twin__magnet_gain="0.01 mT/V")
    with pytest.raises(
        DeviceError, match=r"magnet \(Dev1/ao0, Dev1/ai0\): the Hall probe reads .* corrections do not help"
    ):
        bench.magnet.set_field(0.05)


@pytest.mark.parametrize("field", [0.21, -0.5, math.nan])
def test_magnet_refuses_what_its_limit_forbids_before_anything_is_sent(bench: Bench, field: float) -> None:
    with pytest.raises(LimitError, match="setting it to"):
        bench.magnet.set_field(field)
    assert abs(bench.magnet.measure()) < 2e-5


def test_current_reaches_the_sample_only_through_the_closed_relay(bench: Bench) -> None:
    assert bench.wire is not None
    drive = bench.wire.twin.sample_drive
    bench.relay.select("sample")
    bench.sample_source.set_frequency(20150.0)
    bench.sample_source.set_amplitude(0.04)
    assert (drive.amplitude, drive.running, drive.marker) == (pytest.approx(0.04), True, True)
    with pytest.raises(LimitError, match=r"sample_source is at 0\.04 A"):
        bench.relay.select("coil")
    bench.sample_source.set_amplitude(0.0)
    assert not drive.running
    bench.relay.select("coil")
    assert bench.relay.selected() == "coil"


def test_six_two_two_one_is_never_asked_for_what_it_would_clip(bench: Bench) -> None:
    with pytest.raises(LimitError, match=r"setting it to 0\.2 A"):
        bench.sample_source.set_amplitude(0.2)
    with pytest.raises(LimitError, match=r"0\.105 A"):
        open_bench(settings={"bench.sample_source.largest_current": "400 mA"})


def test_calibration_source_makes_four_hundred_milliampere_peak(bench: Bench) -> None:
    assert bench.wire is not None
    bench.calibration_source.set_amplitude(0.4)
    twin = bench.wire.twin
    assert_allclose(twin.coil_drive.amplitude * twin.table.amplifier_gain, 0.4, atol=3e-4)
    assert_allclose(bench.calibration_source.amplitude(), 0.4, atol=3e-4)


def test_rotators_and_stage_stand_where_they_were_sent(bench: Bench) -> None:
    bench.polarization_plate.move_to(math.radians(67.5))
    assert_allclose(bench.polarization_plate.angle(), math.radians(67.5), atol=2e-6)
    bench.stage.move_to(12e-6, -7e-6)
    assert_allclose(bench.stage.position(), (12e-6, -7e-6), atol=1e-9)
    with pytest.raises(LimitError, match="stage x"):
        bench.stage.move_to(0.1, 0.0)


def test_unlocked_reference_and_silent_instruments_are_named(open_simulated: Callable[..., Bench]) -> None:
    with pytest.raises(DeviceError, match=r"lock_in \(SR830, GPIB0::9::INSTR\): cannot be opened"):
        open_bench(settings={"bench.lock_in.resource": "GPIB0::9::INSTR"})


def test_leaving_the_bench_makes_everything_safe(bench: Bench) -> None:
    assert bench.wire is not None
    twin = bench.wire.twin
    bench.relay.select("sample")
    bench.sample_source.set_amplitude(0.04)
    bench.magnet.set_field(0.05)
    reports = bench.make_safe()
    assert not [step for report in reports for step in report.failed]
    assert not twin.sample_drive.running
    assert abs(twin.field(bench.clock.now())) < 2e-4
    assert not any(twin._lines[line] for line in ("relay_sample", "relay_coil"))


def test_a_step_that_fails_keeps_no_other_from_being_tried(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.wire is not None
    bench.relay.select("sample")
    bench.sample_source.set_amplitude(0.04)
    bench.magnet.set_field(0.05)

    def broken(*arguments: object) -> None:
        raise OSError("cable pulled")

    monkeypatch.setattr(bench.sample_source.driver, "waveform_abort", broken)  # type: ignore[attr-defined]
    monkeypatch.setattr(bench.magnet, "_ramp", broken)
    failed = [step for report in bench.make_safe() for step in report.failed]
    assert len(failed) == 2 and all("cable pulled" in step for step in failed)
    assert not bench.wire.twin.sample_drive.running  # by "output off", tried after the abort failed
    assert abs(bench.wire.twin.field(bench.clock.now())) < 2e-4  # by the zero written after the ramp failed


def test_interrupts_inside_a_step_do_not_end_the_clean_up() -> None:
    done = []

    def interrupted() -> None:
        raise KeyboardInterrupt

    report = try_every_step("source", [("first", interrupted), ("second", lambda: done.append(1))])
    assert done == [1] and report.reached == ["second"] and len(report.failed) == 1


@pytest.mark.parametrize("alpha", [0.0, 45.0, 135.0, 77.0])
def test_balanced_detector_reads_twice_rotation_and_minus_twice_ellipticity(alpha: float) -> None:
    angle = math.radians(alpha)
    plate = angle / 2 + math.radians(22.5)
    balance, rotation = balanced_response(angle, plate, None)
    assert_allclose([balance, rotation], [0, 2], atol=1e-14)
    assert_allclose(balanced_response(angle, plate, angle)[1], 2j, atol=1e-14)  # Re(2i Theta) = -2 ellipticity
    assert_allclose(balanced_response(angle, plate, angle + math.pi / 2)[1], -2j, atol=1e-14)
    delta = 1e-6
    assert_allclose(balanced_response(angle, plate + delta, None)[0], -4 * delta, rtol=1e-6)


def test_quarter_wave_plate_left_at_45_degrees_changes_the_sign_at_135() -> None:
    fixed = math.radians(45)
    responses = [
        balanced_response(math.radians(alpha), math.radians(alpha / 2 + 22.5), fixed)[1] for alpha in (45, 135, 0, 90)
    ]
    assert_allclose(responses[:2], [2j, -2j], atol=1e-14)
    assert_allclose([response.imag for response in responses[2:]], 0, atol=1e-14)


def test_bench_text_is_kept_verbatim_but_for_the_twin() -> None:
    text = "[a]\nx = 1\n[simulation.twin]\ntorque_bottom = 3\n[simulation.twin.sample]\ny = 2\n[b]\nz = 3\n"
    assert without_secrets(text) == "[a]\nx = 1\n[b]\nz = 3\n"
    assert "torque_bottom" not in open_bench_note()


def open_bench_note() -> str:
    with open_bench() as bench:
        assert "torque_bottom" in bench.notes["twin"]
        return bench.notes["bench"]


def test_settings_of_an_unknown_group_are_refused() -> None:
    with pytest.raises(InputError, match="must begin with"):
        open_bench(settings={"twinn.seed": 2})


def test_bench_that_cannot_be_made_safe_says_so_when_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise OSError("cable pulled")

    with (
        pytest.raises(DeviceError, match=r"NOT SAFE .*sample_source: wave aborted.*cable pulled"),
        open_bench() as bench,
    ):
        monkeypatch.setattr(bench.sample_source.driver, "waveform_abort", broken)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="mine") as error, open_bench() as bench:
        monkeypatch.setattr(bench.sample_source.driver, "waveform_abort", broken)  # type: ignore[attr-defined]
        raise ValueError("mine")
    assert any("NOT SAFE" in note for note in error.value.__notes__)


def test_sample_source_never_exceeds_the_current_density_of_the_sample(open_simulated: Callable[..., Bench]) -> None:
    bench = open_simulated(sample__limits__current_density="2e10 A/m^2")
    with pytest.raises(LimitError, match=r"0 to 0\.032 A peak"):
        bench.sample_source.set_amplitude(0.04)


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        (
            "simulated",
            {"current": 0.009},
            "sample_source: amplitude must be at least 1e-05 A peak.*setting it to 9e-06 A",
        ),
        ("simulated", {"path": "coil", "current": 0.8}, r"calibration_source: amplitude must be at least 0\.000849 A"),
        ("simulated-daq", {"current": 0.006}, r"sample_source: amplitude must be at least 6\.1e-06 A peak"),
        ("simulated", {"frequency": 101e3}, "sample_source: frequency must be at most 100000 Hz; setting it to 101000"),
        ("simulated", {"path": "coil", "frequency": 103e3}, "calibration_source: frequency must be at most 102000 Hz"),
        ("simulated-daq", {"frequency": 126e3}, "sample_source: frequency must be at most 125000 Hz"),
    ],
)
def test_current_and_frequency_that_a_source_cannot_make_are_refused_before_a_run(
    open_simulated: Callable[..., Bench], name: str, parameters: dict[str, object], says: str
) -> None:
    bench = open_simulated(name)
    sweep = FieldSweep()
    for key, value in parameters.items():
        setattr(sweep, key, value)
    with pytest.raises(LimitError, match=says):
        sweep.check(bench)


def test_source_refuses_less_than_its_least_current_before_anything_is_sent(bench: Bench) -> None:
    assert bench.wire is not None
    for path in ("sample", "coil"):
        source = bench.source(path)
        with pytest.raises(LimitError, match="its least; setting it to"):
            source.set_amplitude(0.9 * source.least_current)
    assert not bench.wire.twin.sample_drive.running


def test_laser_power_counts_what_falls_on_the_sample(open_simulated: Callable[..., Bench]) -> None:
    for side in ("top", "bottom"):
        bench = open_simulated(bench__light_side=side, twin__laser_power="3 mW")
        assert_allclose(bench.check_laser_power(), 3e-3, rtol=0.01)
    with pytest.raises(LimitError, match="Laser power must be at most 4 mW; the sum signal says 6 mW"):
        open_simulated(twin__laser_power="6 mW").check_laser_power()


def test_twin_inside_another_table_is_refused(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "config/benches/simulated.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("[simulation.twin]", "[simulation]\n[simulation.other]"), encoding="utf-8")
    with pytest.raises(InputError, match=r"'simulation\.other' is unknown"):
        open_bench(path)
    inline = "[simulation]\ntwin = { torque_bottom = 1e-6 }\n[simulation.visa."
    head = text.partition("[simulation.twin]")[0]
    path.write_text(head.replace("[simulation.visa.", inline, 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"\[simulation\.twin\] of its own"):
        open_bench(path)
