"""Comparing what is known of pull requests with the forge, as a webhook that was lost is never sent again by itself.

Where the token may read what a webhook has sent, that list tells what did not arrive; else, and every so often anyway,
the list of open pull requests is compared with the book. Either ends in the same events as webhooks would have made.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot.clock import Clock
from bot.errors import GordonError, Refused, Unavailable
from bot.events import PullCommented, comment_key
from bot.forge import ForgeServer, Missed, Told
from bot.live import Live
from bot.pull_book import PullBook
from bot.pull_news import STALE, Known, changes
from bot.second_look import LOOK, SecondLook
from bot.settings import GitHubSettings, GordonSettings, HookSettings
from bot.values import Pull, PullRef

JITTER = 0.1  # of a pause, taken off, so that many bots do not ask in step and none asks later than configured
PAUSE_AT_MOST_S = 600.0
FULL_EVERY = 4  # rounds, where the list of deliveries is there to tell what did not arrive
READ_AT_MOST = 20  # pull requests a round that are not in the list any more; the others have their turn in the next
AT_ONCE = 100  # that go to the disk together
OVERLAP = timedelta(minutes=15)  # a delivery may have been under way, and its time is by the clock of the forge
LISTED = timedelta(days=3)  # how long the forge lists what it has sent
log = logging.getLogger(__name__)

Decode = Callable[[Missed, str], Told | None]


class Comparison:
    """Compares one repository after the other, at its pace, and slower while the forge does not answer.

    Arguments:
        decode: reads a delivery for a repository as the page does on which it would have arrived; None for one that is
            of no use.
    """

    def __init__(
        self, forge: ForgeServer, book: PullBook, looks: SecondLook, live: Live, clock: Clock, decode: Decode
    ) -> None:
        self._forge = forge
        self._book = book
        self._looks = looks
        self._live = live
        self._clock = clock
        self._decode = decode
        self._rounds: dict[str, int] = {}
        self._pause_s = 0.0
        self._answered_at: datetime | None = None
        self._said: dict[str, str] = {}  # what went wrong at the last look at a repository, which is logged once

    async def go_on(self) -> None:
        """Wait until a comparison is due, the first time not at all, and compare every repository."""
        await self._clock.sleep(self._pause_s * random.uniform(1 - JITTER, 1))  # noqa: S311  no secret
        github = self._live.now.settings.github
        every_s = github.compare_s if github else PAUSE_AT_MOST_S
        before_s, self._pause_s = max(self._pause_s, every_s), every_s  # holds also if the round ends by a mistake
        answers = [await self._compared(repo) for repo in self._live.now.settings.repos]
        if answers and not any(answers):
            self._pause_s = min(before_s * 2, max(every_s, PAUSE_AT_MOST_S))

    @property
    def is_well(self) -> bool:
        """Tell whether every repository could be compared the last time."""
        return not self._said

    def words(self) -> str:
        """Say when the forge was last compared with, and what is wrong now, for people."""
        when = f"compared at {self._answered_at:%H:%M} UTC" if self._answered_at else "not compared yet"
        return ", ".join([when, *self._said.values()])

    async def compare(self, repo: str) -> None:
        """Compare one repository now.

        Raises:
            Unavailable: the forge does not answer.
            Refused: the token may not read the repository.
            StorageError: the disk does not take what was found.
        """
        began = self._clock.now()
        compared_s = await self._book.compared_s(repo)
        left: int | None = None
        trouble: Unavailable | None = None
        if compared_s is not None and is_hooked(self._live.now.settings, repo):
            since = max(datetime.fromtimestamp(compared_s, UTC) - OVERLAP, began - LISTED)
            try:
                left = await self._take_missed(repo, since)
            except Unavailable as error:  # of that list, which may be long; the other one may be there still
                trouble = error
        count = self._rounds.get(repo, 0)
        if left != 0 or count % FULL_EVERY == 0:
            await self._take_heads(repo)
        self._rounds[repo] = count + 1
        refused: Refused | None = None
        if compared_s is not None and self._is_commented():
            since = max(datetime.fromtimestamp(compared_s, UTC) - OVERLAP, began - STALE)
            refused = await self._take_comments(repo, since)
        if trouble is not None:
            raise trouble
        if not left:
            await self._book.note_compared(repo, began.timestamp())
        if refused is not None:  # which trying again does not mend, so it holds up nothing else
            raise refused

    async def _compared(self, repo: str) -> bool:
        """Compare one repository; tell whether the forge answered."""
        try:
            await self.compare(repo)
        except GordonError as error:
            is_news = self._said.get(repo) != str(error)
            log.log(logging.WARNING if is_news else logging.DEBUG, "comparing %s: %s", repo, error)
            self._said[repo] = str(error)
            return not isinstance(error, Unavailable)
        self._said.pop(repo, None)
        self._answered_at = self._clock.now()
        return True

    async def _take_missed(self, repo: str, since: datetime) -> int | None:
        """Take in what a webhook sent and nobody has taken in; tell how much is left, None where none is listed."""
        try:
            sent = await self._forge.missed(repo, since, self._book.unnoted)
        except Refused as error:
            log.debug("what was sent for %s: %s", repo, error)
            return None
        if sent is None:
            return None
        for missed in sorted(sent, key=lambda one: one.at):
            if missed.body:  # what arrived is listed without one
                told = self._decode(missed, repo)
                await self._book.take(told or Told(missed.guid, missed.name, repo))  # noted, so that it is read once
        return sum(not missed.body and not missed.arrived for missed in sent)

    def _is_commented(self) -> bool:
        github = self._live.now.settings.github
        return github is not None and github.comments

    async def _take_comments(self, repo: str, since: datetime) -> Refused | None:
        """Take in comments that nobody has told, by the keys that they have if somebody does; tell why we may not."""
        try:
            found = await self._forge.comments_since(repo, since)
        except Refused as error:
            return error
        facts = [
            PullCommented(key=comment_key(comment.id), lane=str(ref), at=comment.at, pull=ref, comment=comment)
            for ref, comment in found
        ]
        for first in range(0, len(facts), AT_ONCE):
            await self._book.take(Told("", LOOK, repo, facts=tuple(facts[first : first + AT_ONCE])))
        return None

    async def _take_heads(self, repo: str) -> None:
        """Compare the open pull requests of the forge with those of the book."""
        known = await self._book.open_pulls(repo)
        heads = await self._forge.heads(repo)
        differing = [pull for pull in heads if is_other(known.get(pull.ref.number), pull)]
        for first in range(0, len(differing), AT_ONCE):
            await asyncio.gather(*(self._take(repo, known, pull) for pull in differing[first : first + AT_ONCE]))
        listed = {pull.ref.number for pull in heads}
        for number in gone(known, listed):
            await self._looks.look(PullRef(repo, number), is_listed=False)

    async def _take(self, repo: str, known: Mapping[int, Known], pull: Pull) -> None:
        before = known.get(pull.ref.number)
        await self._book.take(Told("", LOOK, repo, pull, is_read=True), asked=before.serial if before else 0)


def is_other(known: Known | None, pull: Pull) -> bool:
    """Tell whether a reading says anything that is not in the book."""
    return known is None or changes(known.pull, pull) or known.pull.updated_at != pull.updated_at


def gone(known: Collection[int], listed: Collection[int]) -> Sequence[int]:
    """Choose the pull requests that are known as open and not listed as such, as many as are read in one round."""
    return sorted(set(known) - set(listed))[:READ_AT_MOST]


def is_hooked(settings: GordonSettings, repo: str) -> bool:
    """Tell whether a webhook may tell of a repository, as far as the configuration goes."""
    github = settings.github
    if github is None or settings.web is None:
        return False
    return _has_secret(github) or any(
        _has_secret(hook) and (not hook.repos or repo in hook.repos) for hook in github.hook.values()
    )


def _has_secret(hook: GitHubSettings | HookSettings) -> bool:
    return bool(hook.secret_files or hook.secret_envs)
