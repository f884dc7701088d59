"""Which control drives which role of the open bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acquisition.gui.control import Control
from acquisition.gui.current_control import MagnetControl, RelayControl, SourceControl
from acquisition.gui.lock_in_control import LockInControl, SignalSwitchControl
from acquisition.gui.motion_control import (
    AttenuatorControl,
    QuarterWaveControl,
    RotatorControl,
    ShutterControl,
    StageControl,
)
from acquisition.gui.session import Activity, Session
from instruments.roles import CurrentPath

if TYPE_CHECKING:
    from instruments import Bench

_NEEDS = {"sample_source": ("relay", "lock_in"), "calibration_source": ("relay", "lock_in")}
"""What else has to answer before a role can be driven by hand."""


def control_of(role: str, session: Session, bench: Bench) -> Control | None:
    """Make the control of `role`; None where there is nothing to drive, or the instrument was not opened."""
    if any(getattr(bench, needed, None) is None for needed in (role, *_NEEDS.get(role, ()))):
        return None
    paths = list(bench.file.relay.lines())
    coils: list[CurrentPath] = [path for path in paths if path != "sample"]
    match role:
        case "sample_source":
            return SourceControl(session, role, ["sample"])
        case "calibration_source":
            return SourceControl(session, role, coils)
        case "relay":
            return RelayControl(session, paths)
        case "magnet" | "perpendicular_magnet":
            return MagnetControl(session, role)
        case "lock_in":
            return LockInControl(session)
        case "signal_switch":
            return SignalSwitchControl(session)
        case "stage":
            return StageControl(session)
        case "quarter_wave":
            return QuarterWaveControl(session)
        case "polarization_plate" | "analyser_plate" | "field_angle":
            return RotatorControl(session, role)
        case "shutter":
            return ShutterControl(session)
        case "attenuator":
            return AttenuatorControl(session)
        case _:
            return None


def why_not(session: Session) -> str:
    """Why nothing may be driven by hand now; "" where it may."""
    if session.bench is None:
        return "No bench is connected."
    if session.cut_off:
        return "Currents and field are held at zero until everything is safe."
    if session.activity is Activity.MEASURING or session.current is not None:
        return "Off while a run is on."
    if session.activity in (Activity.CONNECTING, Activity.CLOSING):
        return f"Off while the bench is {session.activity}."
    return ""
