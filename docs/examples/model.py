"""A stack, a tilt profile (Fig. 1c of the paper), a depth kernel and a fit; draws model.png into the folder given."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from analysis import Film, Layer, Stack, depth_sensitivity, fit_thickness_series, kerr_angle, tilt_profile
from analysis.series_file import MEASURED_SERIES, read_series

film = Film.from_material("Py", 32e-9, effective_field=1.09)
stack = Stack(film, [Layer("AlOx", 2e-9), Layer("SiO2", 3e-9)], [Layer("AlOx", 2e-9)], substrate="fused-silica")
tilt = tilt_profile(film, torque_top=-0.86e-6, torque_bottom=0.86e-6)  # m_z of 80 cells, bottom to top
print("ASOT, light from the top:", np.round(1e9 * kerr_angle(stack, tilt), 1), "nrad, rotation + i ellipticity")
kernel = depth_sensitivity(stack) / 0.4e-9  # rad per unit m_z and metre
series = read_series(MEASURED_SERIES)
film = replace(film, surface_anisotropy=(0.59e-3, 0.59e-3))
films = [Stack(replace(film, thickness=d), (), [Layer("SiO2", 1e-6)], substrate="Si") for d in series.thickness]
fit = fit_thickness_series(films, series.angles, current_density=1e11, polarity=-1)
print("Measured series: spin-torque efficiency", fit.efficiency)

figure = Figure(figsize=(11, 3.2), layout="constrained")
left, middle, right = figure.subplots(1, 3)
left.plot(height := np.arange(0.2, 32, 0.4), 1e6 * tilt)
middle.plot(height, 1e-3 * kernel.real, height, 1e-3 * kernel.imag)
right.plot(1e9 * series.thickness, 1e9 * series.angles.real, "o", 1e9 * series.thickness, 1e9 * series.angles.imag, "o")
right.plot(
    1e9 * series.thickness, 1e9 * fit.model_angles.real, "C0", 1e9 * series.thickness, 1e9 * fit.model_angles.imag, "C1"
)
left.set(title="Tilt under ASOT", xlabel="Height in the film (nm)", ylabel="m_z (1e-6)")
middle.set(title="Kernel: rotation, ellipticity", xlabel="Height in the film (nm)", ylabel="K (µrad/nm)")
right.set(title="Series: measured, model", xlabel="Py thickness (nm)", ylabel="Kerr angle (nrad)")
figure.savefig(Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "model.png", dpi=150, metadata={"Software": None})
