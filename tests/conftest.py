"""Fixtures: a simulated bench whose wire must stay clean, and a check that nothing is left running."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from instruments import Bench, open_bench


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    for thread in left:
        thread.join(2)
    assert not [thread.name for thread in left if thread.is_alive() and not thread.daemon]


@pytest.fixture
def open_simulated() -> Iterator[Callable[..., Bench]]:
    """Open simulated benches; at the end no simulator may have met a command that it does not know."""
    opened: list[Bench] = []

    def make(name: str = "simulated", **settings: Any) -> Bench:
        bench = open_bench(name, settings={key.replace("__", "."): value for key, value in settings.items()})
        opened.append(bench)
        return bench

    yield make
    refused = []
    for bench in opened:
        bench.close()
        assert bench.wire is not None
        refused += [f"{name}: {text}" for name, device in bench.wire.devices.items() for text in device.refused]
        refused += bench.wire.daq_server.refused
        assert bench.wire.daq_server.open_tasks() == []
    assert refused == []


@pytest.fixture
def bench(open_simulated: Callable[..., Bench]) -> Bench:
    return open_simulated()
