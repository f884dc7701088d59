"""Base of the procedures that read a lock-in while an AC current flows, through the sample or round it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypedDict

from pymeasure.experiment.parameters import FloatParameter, ListParameter

from instruments import Bench
from instruments.errors import DeviceError
from instruments.roles import UNLOCKED, CurrentPath
from procedures.measurement import Measurement

REFERENCE_WAIT = 1.0
"""Time (s) until the lock-in has found its reference."""

PREPARATION = REFERENCE_WAIT + 0.4
"""Time (s) of a start: both currents to zero and the relay beside the wait for the reference."""
_EXCHANGES = 0.025  # s that the exchanges with all instruments take at a point, about a millisecond each


class _Filter(TypedDict):
    time_constant: float
    slope: int


class LockInMeasurement(Measurement):
    """A procedure that reads the lock-in, settled, under an AC current on one path."""

    frequency = FloatParameter(
        "Frequency", units="Hz", default=20150, minimum=1, maximum=500e3, description="Frequency of the current"
    )
    time_constant = FloatParameter(
        "Time constant",
        units="s",
        default=1,
        minimum=1e-5,
        maximum=3e4,
        description="Lock-in time constant per filter stage",
    )
    filter_slope = ListParameter(
        "Filter slope", choices=[6, 12, 18, 24], default=24, description="Lock-in filter slope in dB per octave"
    )
    remainder = FloatParameter(
        "Unsettled remainder", default=1e-3, minimum=1e-6, maximum=0.5,
        description="Part of a step that may still be missing when a point is read",
    )  # fmt: skip
    longest_average = FloatParameter(
        "Longest average", units="s", default=60, minimum=0, maximum=1e6,
        description="Time after which a point is done even if the target is not reached",
        group_by="target_error", group_condition=lambda error: error > 0,
    )  # fmt: skip

    @property
    @abstractmethod
    def source(self) -> CurrentPath:
        """Path that carries the current."""

    def check(self, bench: Bench) -> None:
        """Hold every set-point and the filter against the limits."""
        super().check(bench)
        bench.lock_in.check_filter(**self._filter)
        bench.check_frequency(self.source, self.frequency)

    def release(self, bench: Bench) -> None:
        """Bring both currents to zero."""
        for source in (bench.sample_source, bench.calibration_source):
            source.set_amplitude(0.0)

    def restore(self, bench: Bench) -> None:
        """Ramp the current up again, and wait until the lock-in has followed."""
        self._start_current(bench)
        bench.clock.wait(self.settling_time(bench))

    def detection_phase(self, bench: Bench) -> float:
        """Phase (rad) at which the lock-in detects: that of the current."""
        return bench.source(self.source).phase

    def _start_current(self, bench: Bench) -> None:
        source = bench.source(self.source)
        bench.lock_in.set_reference(source.reference, self.frequency, self.detection_phase(bench))
        source.set_frequency(self.frequency)
        source.set_amplitude(self.largest_currents()[self.source])
        bench.clock.wait(REFERENCE_WAIT)
        bench.lock_in.clear_status()  # of the unlock until the reference came
        if bench.lock_in.look().status & UNLOCKED:
            raise DeviceError(
                bench.lock_in.device, "reference is not locked.",
                "Check the cable from the phase marker to the reference input.",
            )  # fmt: skip

    @property
    def _filter(self) -> _Filter:
        return {"time_constant": self.time_constant, "slope": self.filter_slope}

    def settling_time(self, bench: Bench) -> float:
        """Return the settling time of the lock-in's filter (s)."""
        return bench.lock_in.settling_time(self.remainder, **self._filter)

    def reading_time(self, bench: Bench) -> float:
        """Return the time (s) that a reading of the lock-in takes, and the exchanges with all instruments."""
        return bench.lock_in.reading_time(**self._filter) + _EXCHANGES

    def settle(self, bench: Bench) -> None:
        """Wait for the filter; an overload counts only in the second half, where it could still be felt."""
        half = self.settling_time(bench) / 2
        bench.clock.wait(half)
        bench.lock_in.clear_status()
        bench.clock.wait(half)
