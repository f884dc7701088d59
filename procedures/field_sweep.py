"""Kerr loop against the external field at several laser polarisations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter

from analysis.errors import InputError
from analysis.loops import CHANNELS, Channel
from analysis.planned_uncertainty import PlannedSweep
from analysis.result import Estimate
from analysis.stack import FloatArray
from instruments import Bench
from procedures.expectation import asot_angle, calibration_angle, torque_of_sweeps
from procedures.kerr_measurement import KerrMeasurement
from procedures.measurement import Point
from procedures.order import Branches, Order, branch_fields, ordered, refined_fields
from procedures.parameters import FloatListParameter


class FieldSweep(KerrMeasurement):
    """Kerr loop against the external field at several laser polarisations (paper, Fig. 2c to f).

    The current runs through the sample (ASOT) or round it (calibration field); the light is read for Kerr
    rotation, or for ellipticity with the quarter-wave plate following the polarisation, or for both in turn. Every
    loop begins in saturation at the largest field.
    """

    channel = ListParameter(
        "Channel", choices=[*CHANNELS, "both"], default="rotation",
        description="Kerr rotation; ellipticity, with the quarter-wave plate in the beam; or one after the other",
    )  # fmt: skip
    largest_field = FloatParameter(
        "Largest field",
        units="mT",
        default=50,
        minimum=0.1,
        maximum=2000,
        description="The loop runs from this to its negative",
    )
    steps = IntegerParameter(
        "Points per branch",
        default=51,
        minimum=3,
        maximum=100_000,
        description="Number of equally spaced fields on each branch of the loop",
    )
    dense_steps = IntegerParameter(
        "Dense points", default=0, minimum=0, maximum=100_000,
        description="Further fields on each branch, equally spaced round zero: where the film switches",
    )  # fmt: skip
    dense_within = FloatParameter(
        "Dense within", units="mT", default=2, minimum=0.01, maximum=2000,
        description="The dense points lie between this and its negative",
        group_by="dense_steps", group_condition=lambda steps: steps > 0,
    )  # fmt: skip
    branches = ListParameter(
        "Branches", choices=[*Branches], default="loop",
        description="The full loop, or the way down or up alone, which takes half the time where nothing switches",
    )  # fmt: skip
    polarizations = FloatListParameter(
        "Polarisations", units="deg", default=[45, 135], minimum=-360, maximum=360,
        description="Incident polarisations, to be averaged; 45 and 135 cancel the quadratic effect",
    )  # fmt: skip
    order = ListParameter(
        "Order", choices=[*Order], default="loops",
        description="One loop after the other; all polarisations at each field, there and back; or +H and -H in turn",
    )  # fmt: skip
    refine = IntegerParameter(
        "Refinement", default=0, minimum=0, maximum=1000,
        description="Fields added in a second pass where the signal changes most",
    )  # fmt: skip
    refine_within = FloatParameter(
        "Refinement within", units="mT", default=10, minimum=0, maximum=2000,
        description="Fields are added between this and its negative only",
        group_by="refine", group_condition=lambda fields: fields > 0,
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("field", "polarization", "channel")
    plot: ClassVar[Mapping[str, str]] = {"signal": "kerr_signal", "axis": "field", "title": "Kerr loop"}

    def title(self) -> str:
        """Say what is measured, e.g. "ASOT, Kerr rotation, 40 mA"."""
        what = "ASOT" if self.path == "sample" else "calibration field"
        channel = {"rotation": "Kerr rotation", "both": "Kerr rotation and ellipticity"}.get(self.channel, self.channel)
        return f"{what}, {channel}, {self.current:g} mA"

    def points(self) -> Iterator[Point]:
        """One loop for each channel and polarisation, in the chosen order."""
        return self._loops(self._fields(), repeat=0)

    def planned(self, bench: Bench) -> tuple[PlannedSweep, ...]:
        """Say what each channel will give to the fit of the torque; sends nothing."""
        fields = self._fields()
        folded = fields[: len(fields) // 2] if self.branches == "loop" else fields[fields > 0]
        channels = tuple(dict.fromkeys(channel for channel, _ in self._settings()))
        std = self.point_noise(bench) / math.sqrt(2 * len(self.polarizations) * self.repeats)
        time = self.measuring_time(bench) / len(channels)
        return tuple(PlannedSweep(self.path, channel, folded, std, time) for channel in channels)

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Largest Kerr signal, and the torque or calibration field that this sweep gives with a known gain.

        `procedures.planning.planned_torque` joins the sweeps of a measurement. A blank shows nothing but its null.
        """
        if not bench.sample.film.magnetic:
            noise, channels = self.point_noise(bench), {channel for channel, _ in self._settings()}
            null = Estimate(0.0, noise / math.sqrt(self.point_count() / len(channels)), "rad")
            nulls = {f"null_{channel}": null for channel in channels} if self.path == "sample" else {}
            return {"signal": Estimate(0.0, noise, "rad"), **nulls}
        if self.highest_field() <= 3 * bench.sample.film.coercive_field:  # a look at the switching alone
            return {"signal": Estimate(0.0, self.point_noise(bench), "rad")}
        sweeps, current = self.planned(bench), self.current * 1e-3
        angle = (asot_angle if self.path == "sample" else calibration_angle)(bench, current, 0.0)
        parts = {"rotation": abs(angle.real), "ellipticity": abs(angle.imag)}
        signal = Estimate(max(parts[sweep.channel] for sweep in sweeps), self.point_noise(bench), "rad")
        plan = torque_of_sweeps(sweeps, bench, current, current)
        if self.path == "sample":
            return {"signal": signal, "torque_bottom": Estimate(plan.torque, plan.std, "J/m^2")}
        field = plan.calibration_field
        return {"signal": signal, "calibration_field": Estimate(field, plan.calibration_std * field, "T")}

    def _fields(self) -> FloatArray:
        dense = self.dense_within * 1e-3 if self.dense_steps else 0.0
        return branch_fields(Branches(self.branches), self.highest_field(), self.steps, self.dense_steps, dense)

    def _settings(self) -> list[tuple[Channel, float]]:
        """Channel and polarisation (rad) of every loop."""
        channels = CHANNELS if self.channel == "both" else (self.channel,)
        return [(channel, math.radians(angle)) for channel in channels for angle in self.polarizations]

    def _loops(self, fields: FloatArray, repeat: int) -> Iterator[Point]:
        settings = self._settings()
        for loop, step in ordered(Order(self.order), len(settings), len(fields)):
            channel, angle = settings[loop]
            yield Point(
                field=float(fields[step]),
                polarization=angle,
                channel=channel,
                sequence=loop * len(fields) + step,
                repeat=repeat,
            )

    def highest_field(self) -> float:
        """Field (T) from which the loops run to its negative."""
        return float(self.largest_field) * 1e-3

    def pass_count(self) -> int:
        """Return the number of points of all loops."""
        return len(self._fields()) * len(self._settings())

    def forgets(self, point: Point) -> bool:
        """Whether the sample is saturated: at the largest field."""
        return point.field is not None and abs(point.field) >= self.highest_field()

    def refinement(self, rows: Mapping[str, FloatArray]) -> Sequence[Point]:
        """A second loop for each polarisation, over the fields between which the signal changes most."""
        order = np.lexsort((rows["sequence"], rows["repeat"]))
        loop = rows["sequence"] // len(self._fields()) + rows["repeat"] * len(self._settings())
        extra = refined_fields(
            rows["field_set"][order], rows["kerr_signal"][order], loop[order], self.refine, self.refine_within * 1e-3
        )
        if not len(extra):
            return ()
        down = np.concatenate([[self.highest_field()], extra[::-1], [-self.highest_field()]])
        return tuple(self._loops(np.concatenate([down, -down]), repeat=self.repeats))

    def refinement_count(self) -> int:
        """Both branches, with saturation at their ends."""
        return 2 * (self.refine + 2) * len(self._settings()) if self.refine else 0

    def check(self, bench: Bench) -> None:
        """Hold every set-point against the limits, and what is asked for against itself."""
        if self.branches != "loop" and self.order == "interleaved":
            raise InputError(
                "order of a field sweep must be 'loops' or 'snake' where it has one branch; received 'interleaved', "
                "which pairs two branches. Take branches = 'loop', or another order."
            )
        super().check(bench)
