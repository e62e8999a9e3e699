"""A program that asks for builds over HTTP, as Leeroy's clients do: a speaker like others, whose words are requests.

What it asks for goes through the intake as what a person types: on disk before anything is begun, by the rights and the
pace of whoever `[leeroy] person` names. The answer goes to the request that waits for it. Nobody waits any more for
what comes later, so that is said to nobody; and what was accepted goes on, as it would for a person who has left.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from bot.builds import BuildLedger
from bot.chat import Card, Hear, Heard, Instead, MessageRef, Report, Words
from bot.errors import StorageError, Unavailable, UserError, shown
from bot.live import Live
from bot.people import MACHINE
from bot.settings import ContextSettings, LeeroySettings
from bot.values import Place, PullRef, Speaker

WITHIN_S = 9.0  # a client may wait for ten, and is to hear something
AT_ONCE = 10  # contexts that one command starts without a question, which nobody here could answer
ALL = "all"
DEFAULT = "janky"  # the context that Leeroy takes where a request about all pull requests names none
BEGUN = ("queued", "running", "finished")  # in the ledger: a server has taken it
NOT_NOW = "not done: I take no requests now; send it again later"
TOO_MANY = "not done: that is too many requests at once; send it again later"


class Machine:
    """The place where such a program is heard and answered, as a `Chat`.

    Arguments:
        settings: who it is; which contexts are custom is read anew for each request.
        within_s: how long a request waits for its answer.

    Attributes:
        take: takes in a command, see `Intake.take`; None before the program is ready.
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
        self.take: Callable[[Heard], Awaitable[str | None]] | None = None
        self._waiting: dict[str, asyncio.Future[Words]] = {}

    async def run(self, hear: Hear) -> None:
        """Requests come by their pages."""
        await asyncio.Event().wait()

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
        await self._in_time(self._rebuild_each(pull, names))

    async def rebuild_open(self, repo: str, number: int, context: str, ref: str) -> None:
        """Have a context built of every open pull request whose head lacks a success in it; it is on disk then.

        Arguments:
            number, ref: of no use.

        Raises:
            UserError: none of them is, and why.
        """
        name = self._repo(repo)
        await self._in_time(self._give(f"rebuild open {name}/{self._context(name, context or DEFAULT)}", uuid4().hex))

    async def _rebuild_each(self, pull: PullRef, names: list[str]) -> None:
        for start in range(0, len(names), AT_ONCE):
            some, mark = names[start : start + AT_ONCE], uuid4().hex
            waiting: asyncio.Future[Words] = asyncio.get_running_loop().create_future()
            self._waiting[mark] = waiting
            try:
                await self._give(f"rebuild {pull} {' '.join(some)}", mark)
                words = await waiting
            finally:
                self._waiting.pop(mark, None)
            rows = await self._ledger.asked_by(_key(mark), pull)
            if not {row.context for row in rows if row.state in BEGUN}.issuperset(some):
                raise UserError(words.one_line() if isinstance(words, Card) else words)

    async def _give(self, text: str, mark: str) -> None:
        """Give a command, which is on disk once this returns.

        Arguments:
            mark: of the request, by which the answer finds it.

        Raises:
            UserError: it was not taken, and why.
        """
        if self.take is None:
            raise UserError(NOT_NOW)
        user, person = self._settings.user, self._settings.person
        speaker = Speaker(MACHINE, user, account=person, evidence=MACHINE)
        place = Place(MACHINE, mark, to=user, private=True, account=person)
        try:
            refusal = await self.take(Heard(_key(mark), text, speaker, place))
        except (StorageError, Unavailable) as error:
            raise UserError(f"{NOT_NOW} ({error})") from error
        if refusal is not None:
            raise UserError(refusal or TOO_MANY)

    async def _in_time(self, work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._within_s):
                await work
        except TimeoutError as error:
            raise UserError(
                f"no answer within {self._within_s:g} s; what is begun goes on; sending it again starts nothing twice"
            ) from error

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


def _key(mark: str) -> str:
    """Make the key of the event that a request is."""
    return f"{MACHINE}:{mark}"
