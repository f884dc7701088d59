"""Speed of the optical model against its peers: ratios measured in one run, on one thread.

Run `uv run --group benchmarks python benchmarks/model.py`. Exit code 1 where a target is missed or an answer differs.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import elli
import numpy as np
import torch
from tmm_fast import coh_tmm

from analysis import Film, Layer, Stack, depth_sensitivity

torch.set_num_threads(1)

WAVELENGTH = 780e-9
CELLS = 80
THICKNESSES = np.linspace(4e-9, 48e-9, 45)
TILT = 1e-3
INDEX, VOIGT = 2.38 + 4.36j, 0.0036 - 0.011j
ABOVE = [(1.62, 2e-9), (1.4537, 3e-9)]  # from the film outwards, (index, m)
BELOW = [(1.62, 2e-9), (1.47, 1e-6)]
SUBSTRATE = 3.7 + 0.0j  # tmm_fast wants a transparent one


class Tabulated(elli.Material):
    """Material whose permittivity tensors (batch, 3, 3) are given; pyElli's batch axis is the wavelength."""

    def __init__(self, tensors: np.ndarray) -> None:
        self.tensors = tensors

    def get_tensor(self, lbda: Any) -> np.ndarray:
        """Return the tensors."""
        return self.tensors


def batch(thicknesses: np.ndarray) -> Stack:
    """All stacks as one."""
    film = Film(
        index=INDEX, voigt=VOIGT, thickness=thicknesses,
        saturation_induction=1.09, exchange_stiffness=12.22e-12, effective_field=1.09,
    )  # fmt: skip
    above, below = ([Layer(index, thickness) for index, thickness in layers] for layers in (ABOVE, BELOW))
    return Stack(film=film, above=above, below=below, substrate=SUBSTRATE)


def pyelli_structure(thickness: float) -> elli.Structure:
    """One stack as a batch whose entry j has cell j tilted."""

    def plain(index: complex) -> elli.IsotropicMaterial:
        return elli.IsotropicMaterial(elli.ConstantRefractiveIndex(n=index))

    cells = []
    for cell in range(CELLS):
        tensors = np.tile(np.eye(3, dtype=complex) * INDEX**2, (CELLS, 1, 1))
        tensors[cell, 0, 1] = -1j * INDEX**2 * VOIGT * TILT
        tensors[cell, 1, 0] = 1j * INDEX**2 * VOIGT * TILT
        cells.append(elli.Layer(Tabulated(tensors), thickness * 1e9 / CELLS))
    layers = [
        *(elli.Layer(plain(index), size * 1e9) for index, size in reversed(ABOVE)),
        *cells,
        *(elli.Layer(plain(index), size * 1e9) for index, size in BELOW),
    ]
    return elli.Structure(elli.AIR, layers, plain(SUBSTRATE))


def pyelli_kernel(structure: elli.Structure) -> np.ndarray:
    """Depth sensitivity (cells,), top to bottom, from pyElli."""
    jones = structure.evaluate(np.full(CELLS, WAVELENGTH * 1e9), 0.0, solver=elli.Solver4x4).jones_matrix_r
    return -jones[:, 1, 0] / jones[:, 0, 0] / TILT  # its p axis turns over on reflection


def tmm_fast_batch(thicknesses: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Refractive indices and thicknesses of one batch: every stack, both circular modes, every cell tilted in turn."""
    plain = np.array(
        [1.0, *(index for index, _ in reversed(ABOVE)), *[INDEX] * CELLS, *(index for index, _ in BELOW), SUBSTRATE]
    )
    sizes = np.array(
        [np.inf, *(size for _, size in reversed(ABOVE)), *[0.0] * CELLS, *(size for _, size in BELOW), np.inf]
    )
    first = 1 + len(ABOVE)
    indices = np.tile(plain, (thicknesses.size, 2, CELLS, 1))
    lengths = np.tile(sizes, (thicknesses.size, 2, CELLS, 1))
    lengths[..., first : first + CELLS] = (thicknesses / CELLS)[:, None, None, None]
    for cell in range(CELLS):
        indices[:, 0, cell, first + cell] = INDEX * np.sqrt(1 + VOIGT * TILT)
        indices[:, 1, cell, first + cell] = INDEX * np.sqrt(1 - VOIGT * TILT)
    return torch.from_numpy(indices.reshape(-1, plain.size, 1)), torch.from_numpy(lengths.reshape(-1, plain.size))


def tmm_fast_kernels(indices: torch.Tensor, lengths: torch.Tensor) -> np.ndarray:
    """Depth sensitivity (stacks, cells), top to bottom, from tmm_fast."""
    result = coh_tmm(
        "s",
        indices,
        lengths,
        torch.zeros(1, dtype=torch.float64),
        torch.full((1,), WAVELENGTH, dtype=torch.float64),
    )
    plus, minus = np.moveaxis(np.asarray(result["r"]).reshape(-1, 2, CELLS), 1, 0)
    return 1j * (plus - minus) / (plus + minus) / TILT


def seconds(call: Callable[[], object], repeats: int, rounds: int = 1) -> float:
    """Shortest of `repeats` times of `rounds` calls, per call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(rounds):
            call()
        times.append((time.perf_counter() - start) / rounds)
    return min(times)


def import_ratio() -> float:
    """Time of `import analysis` over that of `import numpy`, median of fresh interpreters side by side."""
    command = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
    ratios = []
    for _ in range(7):
        times = [
            float(subprocess.run([sys.executable, "-c", command.format(name)], capture_output=True, check=True).stdout)
            for name in ("analysis", "numpy")
        ]
        ratios.append(times[0] / times[1])
    return statistics.median(ratios)


def main() -> int:
    """Print the table; return 1 where a target is missed."""
    warnings.simplefilter("ignore")  # the peers' own
    stacks, structures, tensors = (
        batch(THICKNESSES), [pyelli_structure(thickness) for thickness in THICKNESSES], tmm_fast_batch(THICKNESSES)
    )  # fmt: skip
    ours = depth_sensitivity(stacks, CELLS, WAVELENGTH)
    peers = {
        "pyElli": np.array([pyelli_kernel(structure) for structure in structures[::11]])[:, ::-1] / ours[::11],
        "tmm_fast": tmm_fast_kernels(*tensors)[:, ::-1] / ours,
    }
    errors = {name: np.abs(ratio - 1).max() for name, ratio in peers.items()}
    calls: dict[str, tuple[Callable[[], object], int, int]] = {
        "asot": (lambda: depth_sensitivity(stacks, CELLS, WAVELENGTH), 40, 20),
        "pyElli": (lambda: pyelli_kernel(structures[28]), 3, 1),
        "pyElli 45": (lambda: [pyelli_kernel(structure) for structure in structures], 1, 1),
        "tmm_fast": (lambda: tmm_fast_kernels(*tensors), 2, 1),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(5):  # side by side, so that whatever else the machine does meets all of them
        for name, (call, repeats, rounds) in calls.items():
            times[name].append(seconds(call, repeats, rounds))
    best = {name: min(values) for name, values in times.items()}
    stack = best["asot"] / THICKNESSES.size
    rows = [
        ("kernel of one stack, pyElli batched", best["pyElli"] / stack, 3000.0),
        ("kernel of one stack, tmm_fast, batch of 45", best["tmm_fast"] / best["asot"], 1000.0),
        ("45 thicknesses with kernels, pyElli", best["pyElli 45"] / best["asot"], 5000.0),
    ]
    print(f"asot: {stack * 1e6:.2f} us per stack and kernel of {CELLS} cells, in a batch of {THICKNESSES.size}")
    print(f"largest relative difference: {', '.join(f'{name} {error:.1e}' for name, error in errors.items())}")
    for name, ratio, target in rows:
        print(f"{name}: {ratio:.0f} times slower (target {target:.0f}){'' if ratio >= target else '  MISSED'}")
    loading = import_ratio()
    print(f"import analysis / import numpy: {loading:.2f} (at most 1.5){'' if loading <= 1.5 else '  MISSED'}")
    right = max(errors.values()) < 1e-5
    return 0 if right and loading <= 1.5 and all(ratio >= target for _, ratio, target in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
