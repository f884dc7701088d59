"""Bench and sample that are meant where none is named."""

DEFAULT_BENCH = "simulated"
DEFAULT_SAMPLE = "py32-fused-silica"
