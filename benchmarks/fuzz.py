"""Run files with changed bytes and analysis files with changed text: never a traceback, and no flipped byte is good.

Run from the project folder: python benchmarks/fuzz.py [CASES] [SEED]

Each case changes some bytes of a run file, with its checksum beside it (which must tell) or without (which leaves
all to the reader), or an analysis file, and runs `asot analyze` and `asot runs verify`. Exit code 1 after any
traceback, other exit code than 0, 1 and 2, error of more than one line, or bad file that passes `asot runs verify`.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from acquisition import Run, load_recipe  # noqa: E402 - after the path of the checkout
from acquisition.cli import main as asot  # noqa: E402
from analysis.run_file import sidecar_path  # noqa: E402
from analysis.run_groups import run_files  # noqa: E402
from instruments import open_bench  # noqa: E402

_EXAMPLE = (ROOT / "config/analyses/example.toml").read_text(encoding="utf-8")
CHOICES = re.sub(r"(?m)^# (?=(?!blank)[\w.]+ = |\[)", "", _EXAMPLE).replace("bootstrap = 1000", "bootstrap = 2")
"""The shipped example with all that it has in comments."""


def measure(folder: Path, recipe: str = "asot-demo", **settings: object) -> None:
    """Measure a recipe on the simulated bench."""
    with open_bench() as bench:
        for planned in load_recipe(recipe, {key.replace("__", "."): value for key, value in settings.items()}).runs:
            run = Run(planned.procedure, folder, name=planned.name, number=planned.number, batch="a")
            assert run.execute(bench).state == "finished"


def mutated(data: bytes, edits: Sequence[tuple[int, int]]) -> bytes:
    """Exchange bytes: each edit is a place, taken modulo the length, and what is added to the byte there, 1 to 255."""
    changed = bytearray(data)
    for place, amount in edits:
        changed[place % len(changed)] = (changed[place % len(changed)] + amount) % 256
    return bytes(changed)


def command(*arguments: str) -> int:
    """Exit code of a command; AssertionError where it says more than one line of error, or raises anything else."""
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            asot(list(arguments))
        except SystemExit as ended:
            code = ended.code
    errors = [line for line in err.getvalue().splitlines() if not line.startswith("asot: warning: ")]
    assert code in (0, 1, 2), (arguments, code)
    assert len(errors) <= 1 and all(line.startswith(("asot: error: ", "asot: wrote ")) for line in errors), errors
    return int(code)


def run_file_case(folder: Path, place: int, edits: Sequence[tuple[int, int]], sealed: bool) -> int:
    """Change one run file of `folder`, with its checksum beside it or not; exit code of `asot analyze`."""
    path = run_files([folder])[place % len(run_files([folder]))]
    whole, sidecar = path.read_bytes(), sidecar_path(path).read_bytes()
    changed = mutated(whole, edits)
    try:
        path.write_bytes(changed)
        assert changed == whole or command("runs", "verify", str(path)) == 1, (path, edits)
        if not sealed:
            sidecar_path(path).unlink()
        return command("analyze", str(folder))
    finally:
        path.write_bytes(whole)
        sidecar_path(path).write_bytes(sidecar)


def choices_case(folder: Path, scratch: Path, edits: Sequence[tuple[int, int]]) -> int:
    """Change the text of an analysis file; exit code of `asot analyze`."""
    scratch.write_bytes(mutated(CHOICES.encode(), edits))
    return command("analyze", str(folder), "--choices", str(scratch))


def campaign(cases: int, seed: int) -> int:
    """Run the cases and print how they ended."""
    generator, ended, failed = random.Random(seed), Counter[str](), 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder, spare = Path(name) / "runs", Path(name) / "mutated.toml"
        folder.mkdir()
        measure(folder, parameters__steps=5)
        for number in range(cases):
            count = generator.choice((1, 1, 2, 8, 64, 512))
            first = generator.randrange(2**24)
            near = generator.random() < 0.5  # a burst, or single bytes all over
            edits = [
                (
                    first + generator.randrange(count * 2) if near else generator.randrange(2**24),
                    generator.randint(1, 255),
                )
                for _ in range(count)
            ]
            kind = ("run file", "run file without checksum", "analysis file")[min(generator.randrange(4), 2)]
            try:
                if kind == "analysis file":
                    code = choices_case(folder, spare, edits[: generator.randint(1, 4)])
                else:
                    code = run_file_case(folder, generator.randrange(4), edits, kind == "run file")
                ended[f"{kind}: exit code {code}"] += 1
            except Exception as error:
                failed += 1
                print(f"case {number}, {kind}, {edits[:3]}: {type(error).__name__}: {error}", flush=True)
    print(f"{cases} cases, {failed} failed; {dict(sorted(ended.items()))}; {time.monotonic() - start:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(campaign(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
