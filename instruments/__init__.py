"""What is driven: roles, drivers and the bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instruments.bench import Bench, open_bench

__all__ = ["Bench", "open_bench"]


def __getattr__(name: str) -> object:
    # Drivers take a second to import, which a command that opens no bench need not wait for.
    if name not in __all__:
        raise AttributeError(f"module 'instruments' has no attribute {name!r}")
    from instruments import bench

    return getattr(bench, name)
