"""`gordon audit_trail`."""

from pathlib import Path


def verify(config: Path) -> int:
    """Say whether the audit trail is whole."""
    raise NotImplementedError
