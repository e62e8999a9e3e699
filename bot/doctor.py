"""`gordon doctor`."""

from pathlib import Path


def doctor(config: Path, *, as_json: bool) -> int:
    """Say what is wrong with the neighbours and what to do."""
    raise NotImplementedError
