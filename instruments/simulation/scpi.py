"""Instruments that are spoken to in lines of text: table of commands, record of those refused."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TypeVar

from instruments.simulation_file import Fault

Handler = Callable[..., str | None]
HandlerType = TypeVar("HandlerType", bound=Handler)

NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:E[-+]?\d+)?)"
"""Pattern of a decimal number, one group."""

_patterns: dict[Handler, str] = {}


def command(pattern: str) -> Callable[[HandlerType], HandlerType]:
    """Make a method of a `Device` the handler of the commands that match `pattern` as a whole.

    The method is called with the groups of the pattern. Upper and lower case are the same.
    """

    def register(method: HandlerType) -> HandlerType:
        _patterns[method] = pattern
        return method

    return register


def header(specification: str) -> str:
    """Pattern of an SCPI header such as "OUTPut[:STATe]": words in short or long form, brackets optional."""

    def word(match: re.Match[str]) -> str:
        short, rest = match.groups()
        return f"{short}(?:{rest.upper()})?" if rest else short

    pattern = re.sub(r"([A-Z]+)([a-z]*)", word, specification)
    return pattern.replace("[", "(?:").replace("]", ")?")


class CommandError(Exception):
    """A device does not carry out a command; `code` is the device's own error number."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Device:
    """An instrument that carries out text commands separated by semicolons.

    Attributes
    ----------
    terminator : str
        What ends each reply.
    fault
        What is wrong with it now; most faults are those of its line, and change nothing here.
    refused : list of str
        Every command that was not carried out: not understood, out of range or not allowed now. A test
        asserts that it is empty, so a wrong command is never silent.
    """

    terminator = "\n"
    unknown_command = 0
    """The device's error number of a command that it does not know."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.refused: list[str] = []
        self._table: list[tuple[re.Pattern[str], Handler]] = []
        for name, method in inspect.getmembers(type(self), inspect.isfunction):
            if method in _patterns:
                self.define(_patterns[method], getattr(self, name))

    def define(self, pattern: str, handler: Handler) -> None:
        """Add a command at run time, as `command` does for a method."""
        self._table.append((re.compile(pattern, re.IGNORECASE), handler))

    def handle(self, message: str) -> str | None:
        """Carry out the commands of one line; join their replies by semicolons, None if there is none."""
        replies = []
        for part in self.split(message):
            try:
                reply = self._carry_out(part)
            except CommandError as refusal:
                self.refused.append(part)
                self.report(refusal.code)
            else:
                if reply is not None:
                    replies.append(reply)
        return ";".join(replies) if replies else None

    def speak(self) -> str | None:
        """Lines that the device sends unasked, such as the end of a move; None while it has nothing to say."""
        return None

    def forget_replies(self) -> None:
        """Drop replies that are still under way, as a bus clear does; here none ever are."""

    def split(self, message: str) -> list[str]:
        """Commands of one line."""
        return [part for part in (part.strip() for part in message.split(";")) if part]

    def report(self, code: int) -> None:
        """Note error number `code` where this kind of instrument keeps its errors."""
        raise NotImplementedError

    def _carry_out(self, part: str) -> str | None:
        for pattern, handler in self._table:
            match = pattern.fullmatch(part)
            if match:
                return handler(*match.groups())
        raise CommandError(self.unknown_command)


SCPI_MESSAGES = {
    -104: "Data type error",
    -109: "Missing parameter",
    -113: "Undefined header",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
    0: "No error",
    413: "Not allowed with mode armed",
}
QUEUE_LENGTH = 10


class ScpiDevice(Device):
    """A device with SCPI headers (path rule of SCPI-1999 volume 1, 6.2.4) and an error queue.

    Headers are given to `define` by the function `header`. A command without a leading colon that follows
    another one on the same line starts from that one's node.
    """

    unknown_command = -113

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[int] = []

    def split(self, message: str) -> list[str]:
        """Commands of one line, each with its full path and without the leading colon."""
        commands, path = [], ""
        for part in super().split(message):
            node = part.lstrip(":")
            if node.startswith("*"):
                commands.append(node)
                continue
            commands.append(node if part.startswith(":") else path + node)
            words, colon, _ = re.split(r"[\s?]", commands[-1], maxsplit=1)[0].rpartition(":")
            path = words + colon
        return commands

    def report(self, code: int) -> None:
        """Append to the queue; the last place of a full queue says so."""
        if len(self.errors) < QUEUE_LENGTH:
            self.errors.append(code)
        else:
            self.errors[-1] = -350

    @command(header("SYSTem:ERRor") + r"(?::NEXT)?\?|" + header("STATus:QUEue") + r"(?::NEXT)?\?")
    def _next_error(self) -> str:
        code = self.errors.pop(0) if self.errors else 0
        return f'{code},"{SCPI_MESSAGES[code]}"'

    @command(r"\*CLS|" + header("STATus:QUEue:CLEar"))
    def _clear_errors(self) -> None:
        self.errors.clear()

    @command(r"\*OPC\?")
    def _complete(self) -> str:
        return "1"

    @command(r"\*STB\?")
    def _status_byte(self) -> str:
        return "4" if self.errors else "0"


def parse_number(text: str | None, lowest: float, highest: float) -> float:
    """Read the number in an SCPI argument; errors -109 (missing), -104 (no number), -222 (out of range)."""
    if not text:
        raise CommandError(-109)
    try:
        value = float(text)
    except ValueError:
        raise CommandError(-104) from None
    if not lowest <= value <= highest:
        raise CommandError(-222)
    return value


def parse_word(text: str | None, words: tuple[str, ...]) -> str:
    """Return the short form of that one of `words` (like "FIXed") which `text` is; errors -109, -224."""
    if not text:
        raise CommandError(-109)
    for word in words:
        if re.fullmatch(header(word), text, re.IGNORECASE):
            return re.sub("[a-z]", "", word)
    raise CommandError(-224)


def parse_switch(text: str | None) -> bool:
    """Read ON, OFF, 1 or 0; errors -109, -224."""
    return parse_word(text, ("ON", "1", "OFF", "0")) in ("ON", "1")
