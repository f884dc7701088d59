"""Block diagram of the bench in config/benches/lab.toml; draws bench.png into the folder given."""

import sys
from pathlib import Path

from matplotlib.figure import Figure

LIGHT, SIGNAL, CURRENT, FIELD = "#c0392b", "#2c6fbb", "#b7791f", "#4a7c3a"
BLOCKS = {  # centre (x, y) and text; role names as in the bench file
    "laser": (0.8, 7.0, "laser\n780 nm"),
    "attenuator": (2.6, 7.0, "attenuator,\npolariser"),
    "plate": (4.6, 7.0, "half-wave plate\npolarization_plate"),
    "splitter": (6.8, 7.0, "beam splitter\n(non-polarising)"),
    "objective": (6.8, 5.6, "objective 10x"),
    "sample": (6.8, 4.1, "sample on stage\nwith coil and\nHall probe"),
    "quarter": (9.0, 7.0, "quarter-wave plate\nquarter_wave, flips"),
    "analyser": (11.2, 7.0, "half-wave plate\nanalyser_plate"),
    "wollaston": (13.2, 7.0, "Wollaston\nprism"),
    "detector": (13.2, 5.4, "balanced\ndetector"),
    "lock_in": (13.2, 3.4, "lock_in\nSR830"),
    "source": (1.3, 4.1, "sample_source\nKeithley 6221"),
    "relay": (4.2, 4.1, "relay\none contact\nat a time"),
    "amplifier": (1.3, 2.4, "amplifier 0.1 A/V\n(calibration_source)"),
    "shunt": (4.2, 2.4, "series shunt"),
    "supply": (6.8, 1.2, "bipolar supply\n(magnet)"),
    "card": (10.2, 2.4, "NI card\nao0  ai0  ai1\nport0/line0, 1, 2"),
}
WIRES = [  # colour, points, label and where it stands
    (LIGHT, ["laser", "attenuator", "plate", "splitter", "objective", "sample"], "", None),
    (LIGHT, ["splitter", "quarter", "analyser", "wollaston", "detector"], "", None),
    (SIGNAL, ["detector", "lock_in"], "difference to input A", (13.1, 4.3, "right")),
    (SIGNAL, ["detector", (10.6, 5.4), (10.6, 2.4)], "sum to ai1", (11.5, 5.45, "center")),
    (CURRENT, ["source", "relay", "sample"], "line0: 40 mA", (5.35, 4.6, "center")),
    (SIGNAL, ["source", (1.3, 6.2), (14.7, 6.2), (14.7, 3.4), "lock_in"], "", None),
    (CURRENT, ["amplifier", "shunt", "relay"], "", None),
    (CURRENT, [(4.2, 3.8), (6.8, 3.8)], "line1: 400 mA\nto the coil", (5.35, 3.0, "center")),
    (SIGNAL, ["lock_in", (13.2, 0.3), (1.3, 0.3), "amplifier"], "sine output to amplifier", (4.2, 0.35, "center")),
    (SIGNAL, [(9.9, 2.4), (9.9, 1.2), "supply"], "ao0: control voltage", (8.8, 1.25, "center")),
    (FIELD, ["supply", "sample"], "field along +x", (6.9, 2.0, "left")),
    (SIGNAL, [(6.8, 3.9), (9.9, 3.9), (9.9, 2.4)], "Hall probe to ai0", (8.9, 3.95, "center")),
    (SIGNAL, ["card", (12.0, 2.4)], "line0, line1 to the relay,\nline2 to the flip mount", (10.95, 1.65, "left")),
]

figure = Figure(figsize=(13, 6.2), layout="constrained")
axes = figure.subplots()
axes.set(xlim=(-0.2, 15.2), ylim=(-0.1, 7.7), aspect="equal")
axes.axis("off")
for colour, points, label, place in WIRES:
    path = [BLOCKS[point][:2] if isinstance(point, str) else point for point in points]
    axes.plot(*zip(*path, strict=True), color=colour, linewidth=2, zorder=1)
    if place is not None:
        x, y, side = place
        axes.text(x, y, label, color=colour, fontsize=9, ha=side, va="bottom", zorder=3)
axes.text(4.0, 6.22, "phase marker to reference input", color=SIGNAL, fontsize=9, ha="center", va="bottom", zorder=3)
for x, y, text in BLOCKS.values():
    box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "#444444"}
    axes.text(x, y, text, ha="center", va="center", fontsize=9, bbox=box, zorder=2)
figure.savefig(Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "bench.png", dpi=110, metadata={"Software": None})
