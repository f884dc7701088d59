"""The simulated person: does in the twin what a role without a motor asks for, in the words of that role."""

from __future__ import annotations

import math
import re
from typing import get_args

from instruments.roles import Signal
from instruments.signal_switch import PLACES
from instruments.simulation.twin import Twin

_TURN = re.compile(r"Turn (\w+) to (\S+) degrees")
_MOUNT = re.compile(r"Put the quarter-wave plate (into|out of) the beam")
_SHUTTER = re.compile(r"(Open|Close) the shutter")
_CABLE = re.compile(r"Connect the lock-in's input to (.+)\.")


def obey(request: str, twin: Twin) -> None:
    """Do at once what is asked; a new sample lies there already, since the bench was opened for it."""
    if turn := _TURN.match(request):
        twin.axes[turn[1]].move_to(float(turn[2]), math.inf, twin.clock.now())
    elif mount := _MOUNT.match(request):
        twin.digital_output("quarter_wave_in", mount[1] == "into")
    elif shutter := _SHUTTER.match(request):
        twin.digital_output("shutter_closed", shutter[1] == "Close")
    elif cable := _CABLE.match(request):
        for signal in get_args(Signal):
            twin.digital_output(f"signal_{signal}", PLACES[signal] == cable[1])
