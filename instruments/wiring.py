"""Wiring of a bench and its chain of signs, in words, as they follow from the bench file."""

from __future__ import annotations

import math
from typing import NamedTuple

from analysis.sample import Sample
from instruments.bench_file import BenchFile
from instruments.driver_tables import (
    AmplifiedSineTable,
    AnalogMagnetTable,
    AnalogSineTable,
    ElliptecQuarterWaveTable,
    Esp300QuarterWaveTable,
    Keithley6221Table,
    SoftwareLockInTable,
)


class Cable(NamedTuple):
    """What feeds what."""

    source: str
    target: str


class SignStep(NamedTuple):
    """One place where a sign can turn: what it is, and what the files say of it."""

    step: str
    setting: str


def cables(file: BenchFile) -> list[Cable]:
    """What feeds what on the bench; optics and mains apart."""
    lock_in, magnet = file.lock_in, file.magnet
    difference, reference = "lock-in, signal input A", "lock-in, reference input"
    if isinstance(lock_in, SoftwareLockInTable):
        difference, reference = lock_in.difference, lock_in.reference
    found = [
        Cable("detector, difference", difference),
        Cable("detector, sum", file.sum_detector.input.channel),
    ]
    if isinstance(lock_in, SoftwareLockInTable) and lock_in.sum != file.sum_detector.input.channel:
        found.append(Cable("detector, sum", lock_in.sum))
    if file.difference_detector is not None and file.difference_detector.input.channel != difference:
        found.append(Cable("detector, difference", file.difference_detector.input.channel))
    paths = (("sample", file.sample_source, file.relay.sample), ("coil", file.calibration_source, file.relay.coil))
    for load, source, contact in paths:
        found += _current_path(source, f"{load}, through the relay's contact on {contact}", reference)
    if isinstance(magnet, AnalogMagnetTable):
        found.append(Cable(magnet.output, "magnet supply, control voltage"))
        found.append(Cable("Hall probe", magnet.hall.channel))
    else:
        found.append(Cable(f"Kepco BOP at {magnet.resource}", "magnet"))
        found.append(Cable("Hall probe", f"Lake Shore 425 at {magnet.gaussmeter}"))
    if isinstance(file.quarter_wave, Esp300QuarterWaveTable | ElliptecQuarterWaveTable):
        found.append(Cable(file.quarter_wave.flip, "flip mount of the quarter-wave plate"))
    return list(dict.fromkeys(found))  # both sources may share a reference


def _current_path(
    source: Keithley6221Table | AnalogSineTable | AmplifiedSineTable, load: str, reference: str
) -> list[Cable]:
    if isinstance(source, Keithley6221Table):
        return [Cable("Keithley 6221, output", load), Cable("Keithley 6221, phase marker", reference)]
    amplifier = f"amplifier of {source.gain:g} A/V"
    if isinstance(source, AmplifiedSineTable):
        return [Cable("lock-in, sine output", amplifier), Cable(amplifier, load)]
    found = [Cable(source.output, amplifier), Cable(source.reference, reference)]
    if source.shunt is None:
        return [*found, Cable(amplifier, load)]
    shunt = f"shunt of {source.shunt.resistance:g} ohm"
    found += [Cable(amplifier, shunt), Cable(shunt, load), Cable(f"voltage across the {shunt}", source.shunt.channel)]
    if source.shunt.reference != reference:
        found.append(Cable(source.reference, source.shunt.reference))
    return found


def sign_chain(file: BenchFile, sample: Sample) -> list[SignStep]:
    """The chain of signs from the leads to the result, with what bench and sample file set; see docs/signs.md."""
    magnet = file.magnet
    if isinstance(magnet, AnalogMagnetTable):
        field = f"hall_gain {magnet.hall_gain:+g} V/T, tesla_per_volt {1e3 * magnet.tesla_per_volt:+g} mT/V"
    else:
        field = f"tesla_per_ampere {1e3 * magnet.tesla_per_ampere:+g} mT/A, the gaussmeter as its probe stands"
    per_ampere = 1e3 * sample.coil.field_per_ampere.value
    steps = [
        SignStep("+I through the sample is along +x", f"phase {_degrees(file.sample_source.phase)}"),
        SignStep("a positive field is along +x", field),
        SignStep(
            f"+I in the coil makes a field along {'+z' if per_ampere >= 0 else '-z'}",
            f"phase {_degrees(file.calibration_source.phase)}, field_per_ampere {per_ampere:+g} mT/A",
        ),
        SignStep(
            "both half-wave plates have their axes along x at 0",
            f"zero {_degrees(file.polarization_plate.zero)} and {_degrees(file.analyser_plate.zero)}",
        ),
        SignStep(
            "the quarter-wave plate has its fast axis along x at 0, so that it reads -2 epsilon",
            f"zero {_degrees(file.quarter_wave.zero)}",
        ),
        SignStep("stage +y puts the spot on the +y side", f"y_axis {file.stage.y_axis}; there is no key for its sense"),
        SignStep(f"the light comes from the {file.light_side} of the film", f"light_side {file.light_side}"),
        SignStep("signs that are left in theta and epsilon", "found from the calibration, or given as polarity"),
    ]
    if file.field_angle is not None:
        steps.insert(2, SignStep("field angle 0 is along +x", f"zero {_degrees(file.field_angle.zero)}"))
    return steps


def _degrees(angle: float) -> str:
    return f"{math.degrees(angle):+.4g} degrees"
