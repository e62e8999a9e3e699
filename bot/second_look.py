"""Reading a pull request from the forge where nobody can tell by what was told how it stands."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

from bot.clock import Clock
from bot.errors import GordonError, Refused, UserError
from bot.forge import PullForge, Told
from bot.pull_book import PullBook
from bot.pull_news import Taken
from bot.values import PullRef

SETTLES_S = 1.0  # times are told to the second, so more may follow in it; and the forge's copies need a moment to agree
PAUSE_S, PAUSE_AT_MOST_S = 2.0, 60.0  # doubled with each failure
YOUNG = timedelta(minutes=2)  # what is newer may not have come to the copy of the forge that answers
MAX_WANTED = 1000  # pull requests; what comes in a flood is found by the next comparison
LOOK = "look"
log = logging.getLogger(__name__)


class SecondLook:
    """Reads one pull request after the other, each once however often it is wanted."""

    def __init__(self, forge: PullForge, book: PullBook, clock: Clock) -> None:
        self._forge = forge
        self._book = book
        self._clock = clock
        self._wanted: dict[PullRef, float] = {}  # since when, in the order in which they came
        self._woken = asyncio.Event()
        self._is_reading = False
        self._pause_s = PAUSE_S

    @property
    def waiting(self) -> int:
        """Tell how many pull requests are wanted, the one that is being read among them."""
        return len(self._wanted) + self._is_reading

    def want(self, ref: PullRef) -> None:
        """Have a pull request read soon."""
        if len(self._wanted) < MAX_WANTED:
            self._wanted.setdefault(ref, self._clock.monotonic_s())
        self._woken.set()

    async def look(self, ref: PullRef, *, is_listed: bool = True) -> Taken:
        """Read a pull request now and take in how it stands.

        Arguments:
            is_listed: the forge may list it as open. One that it neither lists nor tells is as good as closed; one that
                it does not tell alone may be too new for it, or all of its repository hidden from us.

        Raises:
            Unavailable: the forge does not answer.
            Refused: the token may not read it.
            StorageError: the disk does not take it.
        """
        known = await self._book.known(ref)
        try:
            pull = await self._forge.pull(ref)
        except UserError as error:
            if known is None:
                return Taken.UNKNOWN
            changed_at = known.pull.updated_at
            is_young = changed_at is not None and self._clock.now() - changed_at < YOUNG
            if is_listed or is_young:
                log.info("%s is left to the next comparison: %s", ref, error)
                return Taken.UNSURE
            log.info("%s counts as closed: %s", ref, error)
            pull = replace(known.pull, is_open=False)
        told = Told("", LOOK, ref.repo, pull, is_read=True)
        return await self._book.take(told, asked=known.serial if known else 0)

    async def go_on(self) -> None:
        """Wait until something is wanted, and read it; then wait a while if the forge does not answer."""
        await self._woken.wait()
        ref, since_s = next(iter(self._wanted.items()))
        await self._clock.sleep(max(0.0, since_s + SETTLES_S - self._clock.monotonic_s()))
        del self._wanted[ref]  # before it is read: what comes meanwhile has it read once more
        if not self._wanted:
            self._woken.clear()
        self._is_reading = True
        try:
            await self.look(ref)
        except Refused as error:
            log.warning("reading %s again: %s", ref, error)
        except GordonError as error:
            log.warning("reading %s again: %s", ref, error)
            self.want(ref)
            await self._clock.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, PAUSE_AT_MOST_S)
            return
        finally:
            self._is_reading = False
        self._pause_s = PAUSE_S
