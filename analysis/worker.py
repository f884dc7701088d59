"""Process of the pool: answers tasks that come through its standard input: `python -P -m analysis.worker`.

Messages are pickles behind their length in eight bytes. In: ("task", function), ("item", item). Out: ("reading", path)
before a file is read, then ("answer", answer) or ("error", exception).
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any, BinaryIO


def send(stream: BinaryIO, kind: str, content: Any) -> None:
    """Write one message."""
    message = pickle.dumps((kind, content), protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(len(message).to_bytes(8, "big"))
    stream.write(message)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[str, Any]:
    """Read one message; EOFError where the other side is gone."""
    length = int.from_bytes(_exactly(stream, 8), "big")
    kind, content = pickle.loads(_exactly(stream, length))
    return kind, content


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError("The other process has ended.")
    return data


def main() -> None:
    """Answer tasks until standard input ends."""
    inward, outward = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not come between the messages

    def reading(path: Path) -> None:
        send(outward, "reading", path)

    task: Any = None
    while True:
        try:
            kind, content = receive(inward)
        except EOFError:
            return
        if kind == "task":
            task = content
            continue
        try:
            answer: tuple[str, Any] = "answer", task(content, reading)
        except Exception as error:  # raised again where the task was given
            answer = "error", error
        send(outward, *answer)


if __name__ == "__main__":
    main()
