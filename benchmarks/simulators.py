"""Cost per call of the simulated instruments through the real drivers: `python benchmarks/simulators.py`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from instruments import Bench, open_bench


def report(name: str, task: Callable[[], object], repeats: int) -> None:
    """Print the median duration of `repeats` calls."""
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        durations.append(time.perf_counter() - start)
    print(f"{name:45s} {sorted(durations)[repeats // 2] * 1e6:10.0f} us")


SR860 = {
    "bench.lock_in.driver": "SR860",
    "bench.simulation.visa.GPIB0::8::INSTR.model": "SR860",
    "bench.calibration_source.largest_current": "0.2 A",
}


def live_beside_a_run(bench: Bench) -> None:
    """Ask for live values as a display does."""
    with bench.occupied():
        bench.live()


def main() -> None:
    """Measure both shipped benches."""
    with open_bench("simulated") as bench:
        report("SR830 X, Y and status", bench.lock_in.look, 500)
        bench.sample_source.set_amplitude(0.01)
        report("Keithley 6221 amplitude", bench.sample_source.amplitude, 500)
        bench.sample_source.set_amplitude(0.0)
        report("ESP300 position", bench.polarization_plate.angle, 500)
        report("sum detector, 20 samples", bench.sum_detector.read, 200)
        report("Hall probe, 20 samples", bench.magnet.measure, 200)
        report("settling wait of 1 s", lambda: bench.clock.wait(1.0), 500)
        report("live values while a run is on", lambda: live_beside_a_run(bench), 500)
    with open_bench("simulated", settings=SR860) as bench:
        report("SR860 X, Y and status", bench.lock_in.look, 500)
    with open_bench("simulated-daq") as bench:
        source = bench.sample_source
        report("Lake Shore 425 field", bench.magnet.measure, 500)
        bench.magnet.set_field(0.01)
        report("Kepco BOP current", lambda: bench.magnet.supply.current, 500)
        report("ELL14 angle", bench.polarization_plate.angle, 500)
        bench.relay.select("sample")
        bench.analyser_plate.move_to(math.radians(22.5))
        bench.lock_in.configure(time_constant=0.01, slope=24)
        bench.lock_in.set_reference(source.reference, 20150.0, source.phase)
        source.set_frequency(20150.0)
        source.set_amplitude(0.04)
        report("current on the shunt (5 ms at 500 kHz)", source.amplitude, 50)
        report("software lock-in (64 ms, 3 x 32 000 samples)", bench.lock_in.read, 20)


if __name__ == "__main__":
    main()
