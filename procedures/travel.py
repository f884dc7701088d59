"""How long the bench is under way from one point to the next."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from instruments import Bench
from procedures.measurement import Point


def travel_time(start: Point, stop: Point, bench: Bench) -> float:
    """Time (s) that stage, plates and field are expected to take from `start` to `stop`, one after the other."""
    time = 0.0
    if None not in (start.x, start.y, stop.x, stop.y):
        time += bench.stage.travel_time((start.x, start.y), (stop.x, stop.y))  # type: ignore[arg-type]
    if start.polarization is not None and stop.polarization is not None:
        for plate in (bench.polarization_plate, bench.analyser_plate):
            time += plate.travel_time(start.polarization / 2, stop.polarization / 2)
        if stop.channel == "ellipticity":
            time += bench.quarter_wave.travel_time(start.polarization, stop.polarization)
    if start.field is not None and stop.field is not None:
        time += bench.magnet.travel_time(start.field, stop.field)
    return time


def total_travel_time(points: Iterable[Point], bench: Bench) -> float:
    """Time (s) under way through all of `points`."""
    return sum(travel_time(start, stop, bench) for start, stop in pairwise(points))
