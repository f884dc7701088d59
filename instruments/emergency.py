"""Makes currents and field safe from outside a run, whichever instruments answer."""

from __future__ import annotations

from contextlib import ExitStack

from analysis.sample import Sample
from instruments import openers
from instruments.bench_file import BenchFile
from instruments.clock import WallClock
from instruments.roles import SafeStateReport
from instruments.safe_state import try_every_step


def make_currents_and_field_safe(file: BenchFile, sample: Sample) -> list[SafeStateReport]:
    """Open sources, relay and magnets of a real bench one by one, make each safe, and let go of it.

    An instrument that cannot be opened keeps no other from being made safe. The field is ramped from what the Hall
    probe reads.

    Parameters
    ----------
    file
        The bench; whoever ran it must be gone.
    sample
        The sample in it.

    Returns
    -------
    list of SafeStateReport
        One per role, in the order in which they were made safe.
    """
    reports = []
    resources = ExitStack()
    if file.daq_server:  # tasks that the run left open there still hold the card
        from instruments.daq_channel import reset_server

        reports.append(try_every_step("daq_server", [("tasks closed", lambda: reset_server(file.daq_server))]))
    connections = openers.Connections(file, WallClock(), resources)
    role_openers = openers.role_openers(connections, sample)
    for role in ("sample_source", "calibration_source", "relay", "magnet", "perpendicular_magnet"):
        if role not in role_openers:
            continue
        try:
            instrument = role_openers[role]()
            instrument.take_over()
        except Exception as error:  # whatever it is, the next instrument has its turn
            reports.append(SafeStateReport(role, failed=[f"opened: {type(error).__name__}: {error}"]))
        else:
            reports.append(instrument.make_safe())
    reports.append(try_every_step("connections", [("closed", resources.close)]))
    return reports
