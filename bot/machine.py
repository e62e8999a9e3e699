"""A program that asks for builds over HTTP, as Leeroy's clients do: a speaker like others, whose words are requests.

What it asks for goes through the intake as what a person types: on disk before anything is begun, by the rights and the
pace of whoever `[leeroy] person` names. The answer goes to the request that waits for it. Nobody waits any more for
what comes later, so that is said to nobody; and what was accepted goes on, as it would for a person who has left.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar
from uuid import uuid4

from bot.audit import short_id
from bot.builds import BuildLedger
from bot.errors import UserError, shown
from bot.live import Live
from bot.people import MACHINE
from bot.ports import Card, Hear, Heard, Instead, MessageRef, Report, Tone, Words
from bot.settings import ContextSettings, LeeroySettings
from bot.values import Place, PullRef, Speaker

WITHIN_S = 9.0  # a client may wait for ten, and is to hear something
AT_ONCE = 10  # contexts that one command starts without a question, which nobody here could answer
ALL = "all"
DEFAULT = "janky"  # the context that Leeroy takes where a request about all pull requests names none
BEGUN = ("queued", "running", "finished")  # in the ledger: a server has taken it
T = TypeVar("T")


class Machine:
    """The place where such a program is heard and answered, as a `Chat`.

    Arguments:
        settings: who it is; which contexts are custom is read anew for each request.
        within_s: how long a request waits for its answer.
    """

    network = MACHINE

    def __init__(
        self, settings: LeeroySettings, live: Live, ledger: BuildLedger, *, within_s: float = WITHIN_S
    ) -> None:
        self.report: Report = lambda about, words: None
        self._settings = settings
        self._live = live
        self._ledger = ledger
        self._within_s = within_s
        self._hear: Hear | None = None
        self._waiting: dict[str, asyncio.Future[Words]] = {}

    async def run(self, hear: Hear) -> None:
        """Take requests from now on."""
        self._hear = hear
        try:
            await asyncio.Event().wait()
        finally:
            self._hear = None

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Answer the request that waits, if one does still."""
        waiting = self._waiting.pop(place.channel, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(words)
        return MessageRef(place)

    async def arrived(self, ref: MessageRef) -> None:
        """Whoever waited has it."""

    def connected(self) -> bool:
        """Tell whether `send` may work now: it always does."""
        return True

    def show_load(self, words: str) -> None:
        """A program looks at no load."""

    async def rebuild(self, repo: str, number: int, context: str, ref: str) -> None:
        """Have contexts of a pull request built at its head, each of them whether it passed or not.

        Returns once a server has each of the builds in its queue, or has had it there before.

        Arguments:
            context: as it is configured here, or as GitHub is told it; empty or "all": each that is not custom.

        Raises:
            UserError: not all of them are; why, and what comes of the rest.
        """
        if ref:
            raise UserError("not done: builds are of the head of a pull request, and this asks for a ref")
        if not number:
            raise UserError("not done: it names no pull request")
        pull = PullRef(self._repo(repo), number)
        names = [self._context(pull.repo, context)] if context not in ("", ALL) else self._all_of(pull.repo)
        keys: list[str] = []
        await self._in_time(self._rebuild_each(pull, names, keys), keys)

    async def rebuild_open(self, repo: str, number: int, context: str, ref: str) -> None:
        """Have a context built of every open pull request whose head lacks a success in it.

        Returns once each of them is on disk as something to be looked at.

        Arguments:
            number, ref: of no use.

        Raises:
            UserError: none of them is, and why.
        """
        name = self._repo(repo)
        keys: list[str] = []
        typed = f"rebuild open {self._context(name, context or DEFAULT)} {name}"
        words = await self._in_time(self._ask(typed, keys), keys)
        if not isinstance(words, Card) or words.tone is not Tone.GOOD:
            raise UserError(_text(words))

    async def _rebuild_each(self, pull: PullRef, names: list[str], keys: list[str]) -> None:
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            words = await self._ask(f"rebuild {pull} {' '.join(some)}", keys)
            rows = await self._ledger.asked_by(keys[-1], pull)
            if not {row.context for row in rows if row.state in BEGUN}.issuperset(some):
                raise UserError(_text(words))

    async def _in_time(self, work: Awaitable[T], keys: list[str]) -> T:
        try:
            async with asyncio.timeout(self._within_s):
                return await work
        except TimeoutError as error:
            raise UserError(
                f"no answer within {self._within_s:g} s; I go on with it, and sending it again starts nothing twice "
                f"[{short_id(keys[-1])}]"
            ) from error

    async def _ask(self, text: str, keys: list[str]) -> Words:
        """Give a command and wait for the first word on it; the key of its event is added to the others."""
        if self._hear is None:
            raise UserError("not done: I am not ready; send it again later")
        mark, user = uuid4().hex, self._settings.user
        keys.append(f"{MACHINE}:{mark}")
        waiting: asyncio.Future[Words] = asyncio.get_running_loop().create_future()
        self._waiting[mark] = waiting
        speaker = Speaker(MACHINE, user, account=self._settings.person, evidence=MACHINE)
        place = Place(MACHINE, mark, to=user, private=True, account=self._settings.person)
        try:
            await self._hear(Heard(keys[-1], text, speaker, place))
            return await waiting
        finally:
            self._waiting.pop(mark, None)

    def _repo(self, given: str) -> str:
        """Find a repository by its whole name, or by a whole one that it had before and that is among its aliases."""
        names = {name.lower(): name for name in self._live.now.settings.repos}
        for name, repo in self._live.now.settings.repos.items():
            names |= {alias.lower(): name for alias in repo.aliases if "/" in alias}
        if given.lower() not in names:
            raise UserError(f'not done: no repository "{shown(given)}" is configured')
        return names[given.lower()]

    def _context(self, repo: str, given: str) -> str:
        """Find a context by its name here, or by that which GitHub is told: those who read statuses know no other."""
        contexts = self._contexts(repo)
        found = [name for name, known in contexts.items() if name == given]
        found += [name for name, known in contexts.items() if known.status == given]
        if not found:
            raise UserError(f'not done: no context "{shown(given)}" for {repo}; there are: {", ".join(contexts)}')
        return found[0]

    def _all_of(self, repo: str) -> list[str]:
        leeroy = self._live.now.settings.leeroy or self._settings
        custom = leeroy.custom.get(repo, ())
        if not (names := [name for name in self._contexts(repo) if name not in custom]):
            raise UserError(f"not done: {repo} has no contexts but custom ones, which are built by name")
        return names

    def _contexts(self, repo: str) -> dict[str, ContextSettings]:
        return self._live.now.settings.repos[repo].contexts


def _text(words: Words) -> str:
    return words.one_line() if isinstance(words, Card) else words
