"""`gordon backup` and `restore`."""

from pathlib import Path


def backup(config: Path, to: Path) -> int:
    """Write a copy of the state."""
    raise NotImplementedError


def restore(config: Path, source: Path) -> int:
    """Put a copy of the state back."""
    raise NotImplementedError
