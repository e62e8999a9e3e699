"""Secrets of a page that are what they are, for tests of everything else."""

from collections.abc import Sequence


class FixedSecrets:
    """Never changed, in no file."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret.encode() for secret in secrets]

    async def current(self) -> Sequence[bytes]:
        return self._secrets

    async def newer(self, known: Sequence[bytes]) -> Sequence[bytes]:
        return ()
