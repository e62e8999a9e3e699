"""The secrets by which a page knows who sends: several at once, and read again when they are renewed."""

import asyncio
import hmac
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bot.clock import Clock
from bot.errors import ConfigError
from bot.secret import read_secret

AGAIN_S = 30.0  # how soon files are read again for a signature that none of them made
COUNTS_S = 300.0  # how long one that was taken out of its file may still count
SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
Places = Sequence[tuple[Path | None, str]]  # a file, or the name of an environment variable
log = logging.getLogger(__name__)


def read_signature(given: Sequence[str]) -> str:
    """Read the only header X-Hub-Signature-256; empty if it is none, or there are two."""
    found = SIGNATURE.fullmatch(given[0]) if len(given) == 1 else None
    return found[1] if found else ""


class Signatures:
    """What the secrets make of one body, piece by piece as it comes."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._made = [hmac.new(secret, digestmod="sha256") for secret in secrets]

    def update(self, piece: bytes | bytearray) -> None:
        for one in self._made:
            one.update(piece)

    def fit(self, signature: str) -> bool:
        """Tell whether one of them is this; all are compared, so that the time taken tells nothing."""
        return sum(hmac.compare_digest(one.hexdigest(), signature) for one in self._made) > 0


class Secrets(Protocol):
    """Those that count now, each as good as the others."""

    async def current(self) -> Sequence[bytes]:
        """Tell them."""

    async def newer(self, known: Sequence[bytes]) -> Sequence[bytes]:
        """Tell those that are not known yet, as none of the known ones was given."""


class HookSecrets:
    """The secrets of one page, in files or the environment.

    Arguments:
        whose: in words, for messages.
        overlap_s: how long one still counts that was changed, for senders who learn of that one after the other.

    Raises:
        ConfigError: one of them cannot be read.
    """

    def __init__(self, whose: str, places: Places, clock: Clock, *, overlap_s: float = 0.0) -> None:
        self._whose = whose
        self._overlap_s = overlap_s
        self._former: tuple[bytes, ...] = ()
        self._places = places
        self._clock = clock
        self._reading = asyncio.Lock()
        self._secrets = tuple(read_secret(whose, file, variable).encode() for file, variable in places)
        self._read_s = self._changed_s = clock.monotonic_s()

    async def current(self) -> Sequence[bytes]:
        """Tell them, read again if they are old."""
        await self._again(COUNTS_S)
        is_overlap = self._clock.monotonic_s() < self._changed_s + self._overlap_s
        return (*self._secrets, *self._former) if is_overlap else self._secrets

    async def newer(self, known: Sequence[bytes]) -> Sequence[bytes]:
        """Tell those that are not known yet, read again unless that was just now."""
        await self._again(AGAIN_S)
        return [secret for secret in self._secrets if secret not in known]

    async def _again(self, at_most_s: float) -> None:
        async with self._reading:
            if self._clock.monotonic_s() - self._read_s >= at_most_s:
                found = await asyncio.to_thread(self._read) or self._secrets
                if found != self._secrets:
                    self._former, self._changed_s = self._secrets, self._clock.monotonic_s()
                self._secrets = found
                self._read_s = self._clock.monotonic_s()

    def _read(self) -> tuple[bytes, ...]:
        """Read all that can be read: one of two files may have been taken away."""
        found: list[bytes] = []
        for file, variable in self._places:
            try:
                found.append(read_secret(self._whose, file, variable).encode())
            except ConfigError as error:
                log.warning("%s", error)
        return tuple(found)
