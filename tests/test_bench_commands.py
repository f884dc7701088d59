"""`asot bench check` and `asot bench show`: every instrument has its turn, and what the files say is told in words."""

from __future__ import annotations

import json
import re
import socket
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from acquisition.bench_report import description
from acquisition.cli import app, main
from instruments import Bench
from instruments.bench import open_what_answers, read_bench
from instruments.bench_check import check_instruments
from instruments.simulation.server import BenchServer, client_file, toml_text

LOCK_IN, SOURCE, STAGE = "GPIB0::8::INSTR", "GPIB0::12::INSTR", "GPIB0::1::INSTR"


def bench_command(*arguments: str) -> int:
    return int(app.main(["bench", *arguments], standalone_mode=False) or 0)


@pytest.mark.parametrize("name", ["simulated", "simulated-daq"])
def test_check_tells_identity_and_a_reading_of_every_role(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_command("check", name) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if "  OK  " in line}
    assert list(lines) == list(read_bench(name, "py32-fused-silica").bench.roles())
    assert "Version 3.04" in lines["stage"] and lines["stage"].endswith("x = 0 m")
    assert "field = " in lines["magnet"] and lines["magnet"].endswith(" T")
    assert "path = open" in lines["relay"] and "X (rms) = " in lines["lock_in"]


def test_check_goes_on_after_instruments_that_fail_and_makes_the_others_safe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {
        f"bench.simulation.visa.{SOURCE}.fault": "wrong_identity",
        f"bench.simulation.visa.{STAGE}.fault": "silent",
        "bench.lock_in.resource": "GPIB0::9::INSTR",
    }
    arguments = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    assert bench_command("check", "simulated", "--json", *arguments) == 1
    found = json.loads(capsys.readouterr().out)
    faults = {entry["role"]: entry["fault"] for entry in found["instruments"] if not entry["ok"]}
    assert list(faults) == ["lock_in", "sample_source", "calibration_source", "stage"]
    assert "GPIB0::9::INSTR" in faults["lock_in"] and faults["lock_in"] == faults["calibration_source"]
    assert "must be a MODEL 6221" in faults["sample_source"] and "Check address and driver" in faults["sample_source"]
    assert "did not answer" in faults["stage"] and "Check that it is switched on" in faults["stage"]
    magnet = next(entry for entry in found["instruments"] if entry["role"] == "magnet")
    assert magnet["reading"]["unit"] == "T" and abs(magnet["reading"]["value"]) < 1e-4
    assert found["unreached"] == list(faults) and found["ok"] is False
    assert {"role": "relay", "reached": ["both contacts open"], "failed": []} in found["safe_state"]


def test_check_leaves_alone_what_a_wrong_instrument_would_be_told() -> None:
    files = read_bench("simulated", "py32-fused-silica", {f"bench.simulation.visa.{LOCK_IN}.fault": "wrong_identity"})
    with open_what_answers(files) as bench:
        assert {"lock_in", "calibration_source"} <= set(bench.faults)
        assert all("must be a SR830" in str(bench.faults[role]) for role in ("lock_in", "calibration_source"))


def test_step_to_the_safe_state_that_fails_is_told_and_ends_with_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise OSError("cable pulled")

    monkeypatch.setattr("instruments.magnet.AnalogMagnet._ramp", broken)
    with pytest.raises(SystemExit) as ended:
        main(["bench", "check"])
    captured = capsys.readouterr()
    assert ended.value.code == 1 and "NOT SAFE: field ramped to zero: OSError: cable pulled" in captured.out
    assert "NOT SAFE: switch off by hand what is named." in captured.out
    assert captured.err.count("asot: error:") == 1 and "NOT SAFE" in captured.err


def test_plate_that_nobody_has_set_yet_is_no_fault() -> None:
    files = read_bench("simulated", "py32-fused-silica", {"bench.analyser_plate": {"driver": "Manual"}})
    with open_what_answers(files) as bench:
        plate = next(entry for entry in check_instruments(bench) if entry.role == "analyser_plate")
    assert (plate.fault, str(plate.reading), plate.addresses) == ("", "angle = not set yet", {})


def test_reading_that_is_no_number_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.sum_detector, "read", lambda: float("nan"))
    detector = next(entry for entry in check_instruments(bench) if entry.role == "sum_detector")
    assert detector.fault.startswith("sum_detector: sum reads nan") and detector.identity


def test_served_bench_is_checked_as_a_real_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = read_bench("simulated", "py32-fused-silica")
    path = tmp_path / "served.toml"
    with BenchServer(files.bench, files.sample) as server:
        path.write_text(client_file(files.document, server), encoding="utf-8")
        assert bench_command("check", str(path)) == 0
        assert server.resources[LOCK_IN] in capsys.readouterr().out
        assert [text for device in server.wire.devices.values() for text in device.refused] == []


def test_show_says_limits_wiring_signs_and_origins(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_command("show", "simulated", "--set", "sample.limits.dissipation=5 mW") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for expected in (
        "Keithley 6221, phase marker -> lock-in, reference input",
        "sample current (peak) 60 mA 96 mA at 6e+10 A/m^2, 37.52 mA at 5 mW in 7.1 ohm 37.52 mA",
        "a positive field is along +x hall_gain +45 V/T, tesla_per_volt +20 mT/V",
        "--set sample.limits.dissipation 5 mW",
        "lock_in SR830 GPIB0::8::INSTR",
    ):
        assert expected in lines
    assert any(line.startswith("material fused-silica ") and line.endswith("fused-silica.toml") for line in lines)
    assert not any("torque" in line for line in lines)  # the twin keeps its secrets


def test_show_follows_signs_and_drivers_of_the_files() -> None:
    settings = {
        "bench.magnet.tesla_per_ampere": "-20 mT/A",
        "bench.light_side": "bottom",
        "sample.coil.field_per_ampere": "-2 mT/A",
        "bench.field_angle": {"driver": "Manual", "zero": "90 deg"},
    }
    text = " ".join(" ".join(description(read_bench("simulated-daq", "py32-fused-silica", settings))).split())
    for expected in (
        "tesla_per_ampere -20 mT/A",
        "+I in the coil makes a field along -z",
        "the light comes from the bottom",
        "field angle 0 is along +x zero +90 degrees",
        "voltage across the shunt of 10 ohm -> Dev1/ai4",
        "Hall probe -> Lake Shore 425 at ASRL4::INSTR",
    ):
        assert expected in text
    assert text.count("Dev1/ao3 -> Dev1/ai3") == 1


LAB = (Path(__file__).parents[1] / "config/benches/lab.toml").read_text(encoding="utf-8")


def alternatives() -> dict[str, dict[str, Any]]:
    """Tables that each comment of the lab's bench file offers in place of others, by its title."""
    found = {}
    for block in LAB.split("# --- Alternative: ")[1:]:
        title, *lines = block.splitlines()
        tables = [line.removeprefix("# ") for line in lines if re.match(r"# (\[\w+\]$|\w+ = )", line)]
        found[title] = tomllib.loads("\n".join(tables))
    return found


def test_bench_file_of_the_lab_is_that_of_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    files = read_bench("lab", "py32-fused-silica")
    assert files.bench.simulation is None and "simulation" not in LAB
    assert 0.04 <= files.bench.sample_source.largest_current <= 0.105
    assert 0.4 <= files.bench.calibration_source.largest_current < 0.5
    assert bench_command("show", "lab") == 0
    assert "amplifier of 0.1 A/V" in capsys.readouterr().out


@pytest.mark.parametrize("title", alternatives())
def test_every_alternative_of_the_lab_is_a_bench_of_its_own(title: str, tmp_path: Path) -> None:
    tables = alternatives()[title]
    path = tmp_path / "mine.toml"
    path.write_text(toml_text(tomllib.loads(LAB) | tables), encoding="utf-8")
    text = "\n".join(description(read_bench(path, "py32-fused-silica")))
    assert tables and all(table["driver"] in text for table in tables.values())


def test_lab_without_instruments_says_what_to_do_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Not the addresses of the file itself: where they exist, a test has no business with them.
    resources = sorted(set(re.findall(r'^resource = "([^"]*)"', LAB, re.MULTILINE)))
    with ExitStack() as listeners:
        made = [listeners.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in ["card", *resources]]
        card, *ports = [listener.getsockname()[1] for listener in made]
    text = LAB.replace('name = "lab"', f'name = "dark {card}"\ndaq_server = "127.0.0.1:{card}"')
    for resource, port in zip(resources, ports, strict=True):  # nobody listens there any more
        text = text.replace(f'"{resource}"', f'"TCPIP0::127.0.0.1::{port}::SOCKET"')
    path = tmp_path / "dark.toml"
    path.write_text(text, encoding="utf-8")
    assert bench_command("check", str(path)) == 1
    output = capsys.readouterr().out
    failed = [line for line in output.splitlines() if "  FAILED  " in line]
    assert [line.split()[0] for line in failed] == list(read_bench(path, "py32-fused-silica").bench.roles())
    assert all("Check that" in line for line in failed) and "Traceback" not in output
    assert "Not reached, state unknown: lock_in, sample_source," in output
