"""The checks that watch every test: what a test leaves behind, or sends wrongly, is told and fails it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

CARELESS = """
import threading
from contextlib import suppress

import pyvisa
from instruments import open_bench
from instruments.daq import AnalogInput

SENT = {
    "GPIB0::8::INSTR": "WHAT 1", "GPIB0::12::INSTR": "SOUR:WAVE:AMPL 3", "GPIB0::1::INSTR": "1XX",
    "GPIB0::6::INSTR": "CURR 99", "ASRL4::INSTR": "RANGE 17", "ASRL5::INSTR": "0zz",
    "GPIB0::9::INSTR": "WHAT 2",
}

def wrong_commands(bench):
    for resource, command in SENT.items():
        if resource in bench.wire.lines:
            bench.wire.lines[resource].handle(command)

def test_commands():
    with open_bench("simulated") as bench:
        wrong_commands(bench)

def test_commands_of_others():
    settings = {"bench.simulation.visa.GPIB0::9::INSTR.model": "SR860"}
    with open_bench("simulated-daq", settings=settings) as bench:
        wrong_commands(bench)

def test_card():
    with open_bench() as bench:
        with suppress(Exception):
            bench.sum_detector._input._task.ai_channels.all.ai_lowpass_cutoff_freq

def test_session():
    with open_bench() as bench:
        manager = pyvisa.ResourceManager(bench.wire.visa_library)
        test_session.kept = manager.open_resource("GPIB0::8::INSTR")

def test_task():
    with open_bench() as bench:
        test_task.kept = AnalogInput("Dev1/ai9", name="kept", terminal="rse", grpc_options=bench.wire.grpc_options)

def test_thread():
    threading.Thread(target=threading.Event().wait, name="forgotten").start()

def test_clean():
    with open_bench() as bench:
        bench.sum_detector.read()
"""


def test_what_a_test_leaves_behind_or_sends_wrongly_fails_it_and_is_told(
    pytester: pytest.Pytester, clean_wires: tuple[list[Any], ...]
) -> None:
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(CARELESS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "ignore")
    for found in clean_wires:  # what the test that watches the careless ones has found as well
        found.clear()
    for thread in threading.enumerate():
        if thread.name == "forgotten":
            thread._target.__self__.set()  # type: ignore[attr-defined]
    result.assert_outcomes(passed=7, errors=6)
    told = "\n".join(line for line in result.outlines if line.startswith(("E  ", "ERROR")))
    for text in (
        "GPIB0::8::INSTR: WHAT 1", "GPIB0::12::INSTR: SOUR:WAVE:AMPL 3", "GPIB0::1::INSTR: 1XX",
        "GPIB0::6::INSTR: CURR 99", "ASRL4::INSTR: RANGE 17", "ASRL5::INSTR: 0zz", "GPIB0::9::INSTR: WHAT 2",
        "AI_LOWPASS_CUTOFF_FREQ", "session to GPIB0::8::INSTR", "task _unnamedTask", "forgotten",
    ):  # fmt: skip
        assert text in told, text
