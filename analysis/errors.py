"""Errors that a user of asot can meet; their text says what, what it must be, what came, and the remedy."""

from __future__ import annotations


class AsotError(Exception):
    """Any error that asot raises on purpose."""


class InputError(AsotError, ValueError):
    """Input that cannot be right: a file, a key, a unit, a number. The command line exits with code 2."""


class UnstableFilmError(InputError):
    """A film whose magnetisation does not lie in the plane, so that the linear tilt model does not apply."""


class IdentifiabilityError(AsotError, ValueError):
    """Data that cannot tell some of the fitted parameters apart; the message names the combination."""


class AnalysisError(AsotError):
    """Data that are well formed but do not carry the answer asked for."""


def describe(name: str, must: str, received: object, remedy: str) -> str:
    """Compose an error text: `name` must `must`; received `received`. `remedy`."""
    return f"{name} must {must}; received {received!r}. {remedy}"
