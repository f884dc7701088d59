"""The bench panel, manual control and the align tab, through the lab window on the simulated bench."""

from __future__ import annotations

from acquisition.gui.window import Window


def test_the_window_says_that_a_connected_bench_is_simulated(connected: Window) -> None:
    assert connected.kind.isVisible()
