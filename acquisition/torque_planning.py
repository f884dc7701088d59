"""What a recipe will leave of the torque, what a target would cost, and which films would be best, for `asot plan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from acquisition.progress import Report, duration
from analysis.configuration import option_quantity
from analysis.errors import InputError, describe
from analysis.planned_series import SeriesDesign, best_thicknesses, candidates
from instruments import Bench
from procedures import Measurement
from procedures.planning import Requirement, TorquePlan, requirement, torque_plan


@dataclass(frozen=True)
class Questions:
    """What is asked of a plan beyond the recipe itself.

    Attributes
    ----------
    target
        Standard uncertainty of the torque to be reached by noise, such as "1e-8 J/m^2" or "1 %"; "" for none.
    thicknesses
        Range of films among which the best are sought, such as "4 nm to 48 nm"; "" for none.
    """

    target: str = ""
    thicknesses: str = ""


NO_QUESTIONS = Questions()


def tell_torque(
    procedures: Sequence[Measurement],
    bench: Bench,
    report: Report,
    events: Callable[[dict[str, Any]], None] | None,
    questions: Questions,
) -> None:
    """Say what the field sweeps of one sample will leave of its torque, and answer `questions`; sends nothing.

    Raises
    ------
    InputError
        For a question about a recipe that is no pair of calibration and ASOT, and for what cannot be read.
    """
    plan = torque_plan(procedures, bench)
    if plan is None:
        if questions != NO_QUESTIONS:
            raise InputError(
                "Recipe must hold field sweeps under both currents, rotation and ellipticity, to plan a torque; it "
                "does not. Plan e.g. asot-demo."
            )
        return
    event: dict[str, Any] = {"event": "torque", "sample": bench.sample.name}
    expected = plan.expected()
    event["expected"] = {name: estimate.as_dict() for name, estimate in expected.items()}
    report.step(f"Together, {bench.sample.name}, by noise alone and at {plan.current_density:.3g} A/m^2:")
    for name, estimate in expected.items():
        report.step(f"  expected {name.replace('_', ' ')}: {estimate}")
    if questions.target:
        answer = requirement(plan, _target(plan, questions.target))
        _tell_requirement(answer, report)
        event["target"] = answer.as_dict()
    if questions.thicknesses:
        design = _design(plan, bench, questions.thicknesses)
        _tell_design(design, report)
        event["thicknesses"] = {
            "films": [{"thickness": thickness, "share": share} for thickness, share in design.films()],
            "std": design.std,
            "noise_std": design.noise_std,
            "measuring_time": plan.measuring_time(),
        }
    if events is not None:
        events(event)


def _target(plan: TorquePlan, text: str) -> float:
    """Standard uncertainty (J/m^2) that --target asks for."""
    if text.rstrip().endswith("%"):
        percent = option_quantity("--target", text.rstrip().removesuffix("%").strip(), "")
        target = abs(plan.torque.torque) * percent / 100
    else:
        target = option_quantity("--target", text, "J/m^2")
    if not 0 < target < float("inf"):
        raise InputError(describe("--target", "be above 0", text, "Write e.g. '1e-8 J/m^2' or '1 %'."))
    return target


def _tell_requirement(answer: Requirement, report: Report) -> None:
    report.step(
        f"For a standard uncertainty of {answer.target:.3g} J/m^2: {answer.factor:.3g} times the measuring time with "
        f"this recipe's split, {duration(answer.duration)} in all"
    )
    split = ", ".join(f"{path} {channel} {100 * share:.1f} %" for path, channel, share in answer.shares)
    report.step(f"  best split of the measuring time: {split}")
    repeats = ", ".join(
        f"{path} {channel} {count}" for (path, channel, _), count in zip(answer.shares, answer.repeats, strict=True)
    )
    report.step(f"  repeats that reach it with whole passes: {repeats}; {duration(answer.best_duration)} in all")


def _design(plan: TorquePlan, bench: Bench, text: str) -> SeriesDesign:
    """Best films in the range that --thicknesses gives, as far as the sources can drive them."""
    lower, separator, upper = text.partition(" to ")
    if not separator:
        raise InputError(describe("--thicknesses", "be a range", text, "Write e.g. '4 nm to 48 nm'."))
    low, high = (option_quantity("--thicknesses", part, "m") for part in (lower, upper))
    grid = candidates(low, high)
    per_metre = plan.current_density * bench.sample.geometry.width.value
    grid = grid[grid * per_metre <= bench.file.sample_source.largest_current]
    if not len(grid):
        raise InputError(
            f"--thicknesses must hold films that the sample source can drive at {plan.current_density:.3g} A/m^2; "
            f"received {text!r}. Take thinner films or a lower current density."
        )
    return best_thicknesses(plan.torque, grid, bench.sample.uncertainties(), plan.measuring_time())


def _tell_design(design: SeriesDesign, report: Report) -> None:
    films = ", ".join(f"{thickness * 1e9:.0f} nm ({100 * share:.0f} %)" for thickness, share in design.films())
    report.step(
        f"Films of this stack that determine a common torque best in the same measuring time: {films} of it; "
        f"{design.std:.2g} J/m^2 with the uncertainties of the sample file, {design.noise_std:.2g} J/m^2 by noise"
    )
