"""What `asot bench check` and `asot bench show` say, as lines of text, a table or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis import configuration
from instruments.bench import BenchFiles
from instruments.bench_check import InstrumentCheck
from instruments.limits import limits
from instruments.roles import SafeStateReport
from instruments.wiring import cables, sign_chain


class BenchCheck:
    """What a check found, and what was left behind.

    Parameters
    ----------
    files
        Bench and sample.
    instruments
        What was found of each role.
    safe_state
        What making those that were opened safe reached.
    """

    def __init__(
        self, files: BenchFiles, instruments: Sequence[InstrumentCheck], safe_state: Sequence[SafeStateReport]
    ) -> None:
        self._files, self._instruments, self._safe_state = files, instruments, safe_state
        known = {report.role for report in safe_state}
        self._unreached = [entry.role for entry in instruments if entry.role not in known]

    @property
    def good(self) -> bool:
        """Whether every instrument answers and is safe."""
        return not any(entry.fault for entry in self._instruments) and all(report.safe for report in self._safe_state)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "bench": str(self._files.paths["bench"]),
            "sample": str(self._files.paths["sample"]),
            "instruments": [
                asdict(entry)
                | {"reading": entry.reading and entry.reading._asdict(), "ok": not entry.fault}
                for entry in self._instruments
            ],
            "safe_state": [asdict(report) for report in self._safe_state],
            "unreached": self._unreached,
            "ok": self.good,
        }  # fmt: skip

    def print(self, console: Console) -> None:
        """Print a table on a terminal, else a line for each instrument; then what state the bench was left in."""
        if console.is_terminal:
            console.print(self._table())
        else:
            for entry in self._instruments:
                verdict = "FAILED" if entry.fault else "OK"
                parts = (f"{entry.role:<20}", f"{verdict:<6}", entry.driver, _where(entry), _found(entry))
                _say(console, "  ".join(part for part in parts if part))
        for line in self._left():
            _say(console, line)

    def _table(self) -> Table:
        table = Table(title=str(self._files.paths["bench"]), title_justify="left", box=None, pad_edge=False)
        for column in ("role", "driver", "identity", "address", "reading", ""):
            table.add_column(column, overflow="fold")
        for entry in self._instruments:
            verdict = Text(entry.fault, style="red") if entry.fault else Text("OK", style="green")
            reading = str(entry.reading or "")
            table.add_row(entry.role, entry.driver, Text(entry.identity), Text(_where(entry)), Text(reading), verdict)
        return table

    def _left(self) -> Iterator[str]:
        yield ""
        for report in self._safe_state:
            steps = [*report.reached, *(f"NOT SAFE: {step}" for step in report.failed)]
            yield f"{report.role:<20}  {'; '.join(steps)}"
        if not all(report.safe for report in self._safe_state):
            yield "NOT SAFE: switch off by hand what is named."
        elif self._safe_state:
            yield "Every instrument that was opened is safe."
        if self._unreached:
            yield f"Not reached, state unknown: {', '.join(self._unreached)}."


def description(files: BenchFiles) -> Iterator[str]:
    """Lines on a bench with a sample in it: files, instruments, wiring, limits, signs. Opens nothing."""
    file, sample = files.bench, files.sample
    kind = "simulated bench" if file.simulation is not None else "bench"
    yield f"{file.name}: {kind}. {file.description}".rstrip()
    yield from _section("Files", _origins(files))
    rows = [(role, table.driver, _places(table.addresses())) for role, table in file.roles().items()]
    if file.daq_server:
        rows.append(("NI cards", "gRPC", file.daq_server))
    yield from _section("Instruments", rows)
    yield from _section("Wiring", [(cable.source, f"-> {cable.target}") for cable in cables(file)])
    heading = ("", "bench", "sample", "holds")
    yield from _section("Limits", [heading, *limits(file, sample)])
    yield from _section("Signs, from the leads to the result (docs/signs.md)", sign_chain(file, sample))


def _origins(files: BenchFiles) -> list[tuple[str, str]]:
    rows = [(kind, str(path)) for kind, path in files.paths.items()]
    rows += [(f"material {name}", str(configuration.find("materials", name))) for name in files.sample.materials()]
    return rows + [(f"--set {key}", str(value)) for key, value in files.overrides.items()]


def _section(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield title
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _where(entry: InstrumentCheck) -> str:
    return _places(entry.addresses)


def _places(addresses: dict[str, str | int]) -> str:
    named = (value if isinstance(value, str) else f"{key} {value}" for key, value in addresses.items())
    return ", ".join(named)


def _found(entry: InstrumentCheck) -> str:
    return entry.fault or f"{entry.identity}  {entry.reading}"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
