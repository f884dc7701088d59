"""Phase of a current path at the lock-in, from the voltage across a series shunt on its input A (docs/hardware.md)."""

import cmath
import sys

from instruments import open_bench

FREQUENCY, AMPLITUDE = 20150.0, {"sample": 1e-3, "coil": 10e-3}  # Hz, A peak

bench_name, path = sys.argv[1], sys.argv[2]
with open_bench(bench_name) as bench:
    source = bench.source(path)
    bench.relay.select(path)
    bench.lock_in.configure(time_constant=0.1, slope=24)
    bench.lock_in.set_reference(source.reference, FREQUENCY, 0.0)
    bench.lock_in.set_sensitivity(0.1)
    source.set_frequency(FREQUENCY)
    source.set_amplitude(AMPLITUDE[path])
    bench.clock.wait(3.0)
    reading = bench.lock_in.read()
    source.set_amplitude(0.0)
voltage = complex(reading.x, reading.y)
if abs(voltage) < 1e-4:
    sys.exit(f"Only {abs(voltage):.2g} V at input A: connect it to the shunt, and check that current flows.")
print(f'{abs(voltage):.4g} V rms at A; phase = "{cmath.phase(voltage):.4f} rad" in [{source.role}]')
