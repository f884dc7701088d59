"""What a recipe will leave of the torque, what a target would cost, and which films would be best, for `asot plan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from acquisition.pace import duration
from acquisition.progress import Report
from analysis.configuration import option_quantity
from analysis.errors import InputError, describe
from analysis.planned_series import SeriesDesign, best_thicknesses, candidates
from analysis.stack import FloatArray
from instruments import Bench
from procedures import Measurement
from procedures.planning import Requirement, TorquePlan, relative_target, requirement, torque_plan


@dataclass(frozen=True)
class Questions:
    """What is asked of a plan beyond the recipe itself; see `read_questions`.

    Attributes
    ----------
    target
        Standard uncertainty (J/m^2) of the torque to be reached by noise; None where it is not asked for.
    relative_target
        The same as a fraction of the expected torque.
    thicknesses
        Films (n,) (m) among which the best are sought; None where they are not asked for.
    """

    target: float | None = None
    relative_target: float | None = None
    thicknesses: FloatArray | None = None


NO_QUESTIONS = Questions()


def read_questions(target: str = "", thicknesses: str = "") -> Questions:
    """Read what the command line asks.

    Parameters
    ----------
    target
        Standard uncertainty such as "1e-8 J/m^2", or "1 %" of the torque; "" for none.
    thicknesses
        Range such as "4 nm to 48 nm"; "" for none.

    Raises
    ------
    InputError
        For what cannot be read or is out of range.
    """
    relative = target.rstrip().endswith("%")
    number = None
    if target:
        text, unit = (target.rstrip().removesuffix("%").strip(), "") if relative else (target, "J/m^2")
        number = option_quantity("--target", text, unit)
        if not number > 0:
            raise InputError(describe("--target", "be above 0", target, "Write e.g. '1e-8 J/m^2' or '1 %'."))
    films = None
    if thicknesses:
        lower, separator, upper = thicknesses.partition(" to ")
        if not separator:
            raise InputError(describe("--thicknesses", "be a range", thicknesses, "Write e.g. '4 nm to 48 nm'."))
        low, high = (option_quantity("--thicknesses", part, "m") for part in (lower, upper))
        films = candidates(low, high)
    if number is not None and relative:
        return Questions(relative_target=number / 100, thicknesses=films)
    return Questions(target=number, thicknesses=films)


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
        For a question about a recipe that is no pair of calibration and ASOT, and for films that cannot be driven.
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
    target = questions.target
    if questions.relative_target is not None:
        target = relative_target(plan, questions.relative_target)
    if target is not None:
        answer = requirement(plan, target)
        _tell_requirement(answer, report)
        event["target"] = answer.as_dict()
    if questions.thicknesses is not None:
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


def _design(plan: TorquePlan, bench: Bench, thicknesses: FloatArray) -> SeriesDesign:
    """Best films among `thicknesses` (n,) (m), as far as the source can drive them."""
    per_metre = plan.current_density * bench.sample.geometry.width.value
    grid = thicknesses[thicknesses * per_metre <= bench.file.sample_source.largest_current]
    if not len(grid):
        raise InputError(
            f"--thicknesses must hold films that the sample source can drive at {plan.current_density:.3g} A/m^2; "
            f"received {thicknesses[0] * 1e9:g} nm and more. Take thinner films or a lower current density."
        )
    return best_thicknesses(plan.torque, grid, bench.sample.uncertainties(), plan.measuring_time())


def _tell_design(design: SeriesDesign, report: Report) -> None:
    films = ", ".join(f"{thickness * 1e9:.0f} nm ({100 * share:.0f} %)" for thickness, share in design.films())
    report.step(
        f"Films of this stack that determine a common torque best in the same measuring time: {films} of it; "
        f"{design.std:.2g} J/m^2 with the uncertainties of the sample file, {design.noise_std:.2g} J/m^2 by noise"
    )
