"""`gordon init`."""

from pathlib import Path


def init(folder: Path) -> int:
    """Write a configuration to begin with."""
    raise NotImplementedError
