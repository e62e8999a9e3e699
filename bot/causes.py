"""The catalogue of known failures as plugins see and change it."""

from collections.abc import Sequence

from bot.facts import KnownCause, Trial


class KnownCauses:
    """What comes with Gordon, what files of a site add, and what people have added in chat."""

    async def list(self, word: str = "") -> Sequence[KnownCause]:
        raise NotImplementedError

    async def trial(self, regex: str) -> Trial:
        raise NotImplementedError

    async def add(self, cause: KnownCause, person: str) -> Trial:
        raise NotImplementedError

    async def remove(self, cause_id: str) -> None:
        raise NotImplementedError
