"""Trying every step to a safe state, whatever failed before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from instruments.roles import SafeStateReport


def try_every_step(role: str, steps: Sequence[tuple[str, Callable[[], object]]]) -> SafeStateReport:
    """Carry out all `steps` (name, action) in order; an exception in one never keeps the next from being tried.

    Returns
    -------
    SafeStateReport
        Which steps succeeded and which did not, with the reason.
    """
    report = SafeStateReport(role)
    for name, action in steps:
        try:
            action()
        except BaseException as error:
            report.failed.append(f"{name}: {type(error).__name__}: {error}")
        else:
            report.reached.append(name)
    return report
