"""Scan of the spot over the sample: edges of the square, and the Oersted field of the current."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter

from analysis.detection import reported
from analysis.errors import InputError
from analysis.least_squares import fit_linear
from analysis.oersted import LEAD_UNCERTAINTY, strip_gradient, strip_profile, strip_response
from analysis.position_scan import INSIDE, scan_edges, scanned_axes
from analysis.result import Estimate
from analysis.square_edges import Axis, reflected_light
from analysis.stack import FloatArray
from instruments import Bench
from instruments.roles import CurrentPath
from procedures.expectation import asot_angle, calibration_angle, detected_power, reading_noise, sum_noise
from procedures.kerr_measurement import KERR_COLUMNS, KerrMeasurement
from procedures.measurement import Averaging, Point, Reading

_BESIDE = 0.05  # of the light on the film, that a substrate reflects: for estimates
_NEAR_EDGE = 0.98  # of the half width, where the Oersted field is about the largest that the spot still meets
_MARGIN = 3.0  # of the lock-in's range over the model's largest signal


class PositionScan(KerrMeasurement):
    """Scan of the spot over the sample along a line or in a map (paper, Fig. S4b).

    The reflected light finds the edges of the square, hence its middle. With a current through the sample the Kerr
    signal, read at a field and at its negative in each position, shows the Oersted field: its zero, its slope, and
    the sign of the whole chain from leads to lock-in. The scan lies round the place where the stage stands.
    """

    axis = ListParameter(
        "Axis", choices=["x", "y", "map"], default="y",
        description="Line along the current (x) or across it (y), or a map in lines along x, there and back",
    )  # fmt: skip
    signal = ListParameter(
        "Signal", choices=["reflectivity", "kerr"], default="reflectivity",
        description="Reflected light alone, without current and fast; or the Kerr signal under the current as well",
    )  # fmt: skip
    span = FloatParameter(
        "Span", units="um", default=80, minimum=0.1, maximum=20_000, description="Length of each line"
    )
    steps = IntegerParameter(
        "Positions per line", default=41, minimum=3, maximum=10_000, description="Equally spaced, in a map both ways"
    )
    offset_x = FloatParameter(
        "Offset x", units="um", default=0, minimum=-10_000, maximum=10_000,
        description="Middle of the scan along the current, from where the stage stands",
    )  # fmt: skip
    offset_y = FloatParameter(
        "Offset y", units="um", default=0, minimum=-10_000, maximum=10_000,
        description="Middle of the scan across the current, from where the stage stands",
    )  # fmt: skip
    field = FloatParameter(
        "Field", units="mT", default=20, minimum=0.1, maximum=2000,
        description="The Kerr signal is read at this field and at its negative, and averaged: ASOT cancels",
    )  # fmt: skip
    polarization = FloatParameter(
        "Polarisation", units="deg", default=45, minimum=-360, maximum=360,
        description="Of the incident light for the Kerr signal; at 45 degrees the quadratic effect vanishes",
    )  # fmt: skip
    dwell = FloatParameter(
        "Dwell", units="s", default=0.1, minimum=0, maximum=60,
        description="Time before the reflected light is read, for the stage to come to rest",
    )  # fmt: skip
    then = ListParameter(
        "Then", choices=["return", "centre"], default="return",
        description="Where the stage goes after the scan: where it stood before, or to the middle of the square",
    )  # fmt: skip

    sets: ClassVar[tuple[str, ...]] = ("x", "y", "field", "polarization")
    _home = (0.0, 0.0)  # m, where the stage stood before

    @property
    def plot(self) -> Mapping[str, str]:
        """What was scanned for against the position."""
        signal = "sum" if self.signal == "reflectivity" else "kerr_signal"
        return {"signal": signal, "axis": f"stage_{scanned_axes(self.axis)[0]}", "title": "Position scan"}

    def title(self) -> str:
        """Say what is measured, e.g. "position scan along y, reflectivity"."""
        where = "map" if self.axis == "map" else f"position scan along {self.axis}"
        return f"{where}, reflectivity" if self.signal == "reflectivity" else f"{where}, {self.current:g} mA"

    def points(self) -> Iterator[Point]:
        """Positions from where the stage stands; under a current each one at both fields, so that a drift cancels."""
        middle_x, middle_y = self.offset_x * 1e-6, self.offset_y * 1e-6
        line = np.linspace(-self.span / 2, self.span / 2, self.steps) * 1e-6
        places_x = middle_x + line if self.axis != "y" else np.array([middle_x])
        places_y = middle_y + line if self.axis != "x" else np.array([middle_y])
        light = {"polarization": math.radians(self.polarization), "channel": self.channel}
        count = 0
        for row, y in enumerate(places_y.tolist()):
            columns = range(len(places_x)) if row % 2 == 0 else reversed(range(len(places_x)))
            for column in columns:
                place = row * len(places_x) + column
                point = Point(x=float(places_x[column]), y=y, sequence=place)
                if self.signal == "reflectivity":
                    yield point
                    continue
                sides = (0, 1) if count % 2 == 0 else (1, 0)
                for side in sides:
                    field = (1 - 2 * side) * self.field * 1e-3
                    yield replace(point, field=field, sequence=2 * place + side, **light)
                count += 1

    def pass_count(self) -> int:
        """Return the number of positions, or twice that under a current."""
        positions = self.steps ** len(scanned_axes(self.axis))
        return int(positions if self.signal == "reflectivity" else 2 * positions)

    def highest_field(self) -> float:
        """Field (T) of the Kerr signal; none for the reflected light alone."""
        return 0.0 if self.signal == "reflectivity" else float(self.field) * 1e-3

    def forgets(self, point: Point) -> bool:
        """Every point: what the stage or the field were before leaves no trace."""
        return True

    def largest_currents(self) -> Mapping[CurrentPath, float]:
        """Return no current for the reflected light alone."""
        return {} if self.signal == "reflectivity" else super().largest_currents()

    def averaging(self) -> Averaging | None:
        """Average the Kerr signal where a target is set; the reflected light is read once."""
        return None if self.signal == "reflectivity" else super().averaging()

    def asked(self, point: Point) -> Reading:
        """Return the stage's own position; the reflected light leaves the plates as they are, and the field at zero."""
        asked = super().asked(self._on_stage(point))
        if self.signal == "reflectivity":
            asked |= {"field_set": 0.0, "polarization": math.nan}
        return asked

    def _on_stage(self, point: Point) -> Point:
        assert point.x is not None and point.y is not None
        return replace(point, x=self._home[0] + point.x, y=self._home[1] + point.y)

    def check(self, bench: Bench) -> None:
        """Hold every position, the field and the current against the limits; the reflected light needs its edges."""
        super().check(bench)
        spot = round(bench.file.laser.spot_diameter * 1e6, 6)
        least = math.ceil(self.span / spot) + 1
        if self.signal == "reflectivity" and self.steps < least:
            raise InputError(
                f"steps of a position scan must be at least {least} over {self.span:g} um, "
                f"so that an edge shows the spot of {spot:g} um; received {self.steps}. Take more, or a shorter span."
            )
        self._home = bench.scan_origin()
        reach = self.span * 5e-7
        for sign in (-1, 1):
            bench.stage.check_move(
                self._home[0] + self.offset_x * 1e-6 + sign * (reach if self.axis != "y" else 0.0),
                self._home[1] + self.offset_y * 1e-6 + sign * (reach if self.axis != "x" else 0.0),
            )

    def prepare(self, bench: Bench) -> None:
        """Remember where the stage stands; then light, and under a current all that a Kerr signal needs."""
        self._home = bench.stage.position()
        if self.signal == "reflectivity":
            self.illuminate(bench)
            self.release(bench)
            return
        super().prepare(bench)
        voltage = self._largest_signal(bench) * math.sqrt(2) * bench.sum_detector.gain * _full_light(bench)
        bench.lock_in.set_sensitivity(_MARGIN * voltage)  # the first position may lie beside the film

    def restore(self, bench: Bench) -> None:
        """Ramp the current up again, where there is one."""
        if self.signal == "kerr":
            super().restore(bench)

    def set(self, point: Point, bench: Bench) -> None:
        """Move the stage, and set the field under a current."""
        super().set(self._on_stage(point), bench)

    def settling_time(self, bench: Bench) -> float:
        """Return the dwell, or the settling time of the lock-in."""
        return float(self.dwell) if self.signal == "reflectivity" else super().settling_time(bench)

    def reading_time(self, bench: Bench) -> float:
        """Return nothing for the reflected light: only the lock-in takes its time."""
        return 0.0 if self.signal == "reflectivity" else super().reading_time(bench)

    def settle(self, bench: Bench) -> None:
        """Let the stage, or the lock-in, come to rest."""
        if self.signal == "kerr":
            super().settle(bench)
        else:
            bench.clock.wait(self.dwell)

    def measure(self, point: Point, bench: Bench) -> Reading:
        """Read the reflected light and where the stage stands; under a current all the rest too."""
        if self.signal == "kerr":
            return super().measure(point, bench)
        x, y = bench.stage.position()
        total = bench.sum_detector.read()
        bench.power_on_sample(total)
        return {
            **dict.fromkeys((column.name for column in KERR_COLUMNS), math.nan),
            **self.asked(point),
            "time": bench.clock.now(),
            "field": bench.magnet.measure(),
            "sum": total,
            "current": 0.0,
            "stage_x": x,
            "stage_y": y,
            "lock_in_status": 0.0,
        }

    @property
    def others_rest_on_it(self) -> bool:
        """Whether others were promised a centre."""
        return bool(self.then == "centre")

    def conclude(self, rows: Mapping[str, FloatArray], bench: Bench) -> None:
        """Return the stage; or move it to the middle of the square, from the side from which the scan came.

        Raises
        ------
        AnalysisError
            Where the scan does not show the edges; the stage stands where it stood before.
        """
        first = next(self.points())
        assert first.x is not None and first.y is not None
        start = (float(rows["stage_x_set"][0]), float(rows["stage_y_set"][0]))
        bench.stage.move_to(start[0] - first.x, start[1] - first.y)
        if self.then == "centre":
            edges = scan_edges(rows, self.axis)
            found = {axis: edges.centre[axis].value for axis in scanned_axes(self.axis)}
            x, y = found.get("x", start[0] - first.x), found.get("y", start[1] - first.y)
            bench.stage.check_move(x, y)
            bench.stage.move_to(start[0] if "x" in found else x, start[1] if "y" in found else y)  # backlash
            bench.stage.move_to(x, y)

    def preparation_time(self, bench: Bench) -> float:
        """Time (s) of `prepare`: none to speak of where no current flows."""
        return super().preparation_time(bench) if self.signal == "kerr" else 0.0

    def expected(self, bench: Bench) -> Mapping[str, Estimate]:
        """Middle where the scan's is, width of the sample file, slope of the strip; their errors from the same fits."""
        points = list(self.points())
        home = bench.scan_origin()
        places: dict[Axis, FloatArray] = {
            "x": home[0] + np.array([point.x for point in points]),
            "y": home[1] + np.array([point.y for point in points]),
        }
        middle: dict[Axis, float] = {"x": home[0] + self.offset_x * 1e-6, "y": home[1] + self.offset_y * 1e-6}
        found = self._expected_edges(bench, {axis: places[axis] for axis in scanned_axes(self.axis)}, middle)
        if self.signal == "kerr":
            found |= self._expected_signal(bench, places, middle)
        return found

    def _expected_edges(
        self, bench: Bench, places: Mapping[Axis, FloatArray], middle: Mapping[Axis, float]
    ) -> dict[str, Estimate]:
        width, spot, light = bench.sample.geometry.width.value, bench.file.laser.spot_diameter, _full_light(bench)
        if not width + spot < self.span * 1e-6 < self.steps * spot:
            return {}
        values = [light, _BESIDE * light, spot, 0.0, 0.0]
        names = ["spot_diameter"]
        for axis in places:
            values += [middle[axis], width]
            names += [f"centre_{axis}", f"width_{axis}"]
        count = len(next(iter(places.values())))
        jacobian = reflected_light(list(places.values()), np.linspace(-1, 1, count), np.array(values))[1]
        noise = np.full(count, sum_noise(bench) / math.sqrt(self.repeats))
        fit = fit_linear(jacobian, np.zeros(count), noise, [*map(str, values)])
        stds = np.sqrt(np.diag(fit.covariance))
        return {
            name: Estimate(values[place], float(stds[place]), "m")
            for name, place in zip(names, (2, *range(5, len(values))), strict=True)
        }

    def _expected_signal(
        self, bench: Bench, places: Mapping[Axis, FloatArray], middle: Mapping[Axis, float]
    ) -> dict[str, Estimate]:
        noise = reading_noise(bench, frequency=self.frequency, **self._filter)
        if self.target_error:
            noise = min(noise, self.target_error * 1e-9)
        found = {"signal": Estimate(self._largest_signal(bench), noise, "rad")}
        width, current = bench.sample.geometry.width.value, self.current * 1e-3
        inside = np.all([np.abs(places[axis] - middle[axis]) < INSIDE * width for axis in places], axis=0)
        std = np.full(int(inside.sum()), noise / math.sqrt(self.repeats))
        response = self._response(bench)
        if self.path == "coil" and len(std):
            value = response * bench.sample.coil.field_per_ampere.value
            found["kerr_per_ampere"] = Estimate(value, float(std[0]) / math.sqrt(len(std)) / current, "rad/A")
        elif self.path == "sample" and self.axis != "x" and len(std) >= 8:
            gradient = strip_gradient(width)
            profile, towards_zero = strip_response(places["y"][inside], middle["y"], width)
            design = np.stack([response * gradient * current * towards_zero, profile], axis=-1)
            fit = fit_linear(design, np.zeros(len(std)), std, ("zero", "slope"))
            zero, slope = (math.sqrt(variance) for variance in np.diag(fit.covariance))
            relative = slope / abs(response * gradient * current)
            found["magnetic_zero"] = Estimate(middle["y"], zero, "m")
            found["oersted_gradient"] = Estimate(gradient, gradient * relative, "T/(m A)")
            total = math.hypot(relative, LEAD_UNCERTAINTY)
            found["kerr_response"] = Estimate(response, abs(response) * total, "rad/T", abs(response) * relative)
        return found

    def _response(self, bench: Bench) -> float:
        """Kerr signal per out-of-plane field (rad/T) in the channel."""
        one_tesla = calibration_angle(bench, 1 / bench.sample.coil.field_per_ampere.value, self.field * 1e-3)
        return reported(one_tesla, self.channel)

    def _largest_signal(self, bench: Bench) -> float:
        """Kerr signal (rad, peak) of the model near the edge, or under the coil's field."""
        current, width = self.current * 1e-3, bench.sample.geometry.width.value
        if self.path == "coil":
            return abs(self._response(bench) * current * bench.sample.coil.field_per_ampere.value)
        edge = strip_gradient(width) * current * float(strip_profile(_NEAR_EDGE * width / 2, width))
        return abs(self._response(bench) * edge) + abs(asot_angle(bench, current, self.field * 1e-3))


def _full_light(bench: Bench) -> float:
    """Detector sum (V) with the spot on the film."""
    return detected_power(bench) * bench.sum_detector.responsivity
