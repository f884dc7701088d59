"""What is driven: roles, drivers and the bench."""

from instruments.bench import Bench, open_bench

__all__ = ["Bench", "open_bench"]
