"""What each role may do to builds: whose may be cancelled by whom, and what an author may have built of their own.

A commit is trusted by its author, by somebody who found it ok to test, or once one of its contexts has a build.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.access import Access, unproven
from bot.builds import BuildLedger
from bot.errors import NotAllowed, shown
from bot.live import Live
from bot.values import JobRef, Person, Place, Pull, PullRef, Role, Speaker, Stage, Standing, Trust
from bot.wording import listed

MAX_FILES = 3  # that are named in a refusal


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom something is done: the event and handler make the key, the speaker the right.

    Arguments:
        handler: `plugin:command`, part of each effect's key.
        floor: the role that the command asks for; weighed again before anything is sent late.
        person: the key of whoever the speaker was when it was asked for; empty for nobody.
        trusted: commits that were found to be trusted, or not, in this run of the handler.
    """

    event_key: str
    handler: str
    speaker: Speaker
    place: Place
    floor: Role = Role.ANYONE
    person: str = ""
    trusted: dict[tuple[PullRef, str], bool] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """A build that somebody wants of a pull request's head.

    Arguments:
        again: beside a live one.
        begun: it was begun before its handler was interrupted, and was right then.
    """

    context: str
    pull: Pull
    again: bool
    begun: bool


class BuildRights:
    """Weighs what depends on the build and not only on the command.

    Arguments:
        read: tells how a context of a pull request stands.
        trust: tells whether its head may be built for nobody's asking.
    """

    def __init__(
        self,
        live: Live,
        access: Access,
        ledger: BuildLedger,
        read: Callable[[str, Pull], Awaitable[Standing]],
        trust: Callable[[Pull], Awaitable[Trust]],
    ) -> None:
        self._live = live
        self._access = access
        self._ledger = ledger
        self._read = read
        self._trust = trust

    def same_person(self, asker: Asker) -> None:
        """See that nobody else has the asker's account by now, as a reload may have given it away meanwhile.

        Raises:
            NotAllowed: somebody else has.
        """
        if asker.person and getattr(self._access.people.find(asker.speaker), "key", "") != asker.person:
            raise NotAllowed(f"{asker.speaker.name} is not proven to be {asker.person} any more")

    def cancel(self, who: Speaker, standing: Standing) -> None:
        """See that somebody may cancel a build: their own, or with the role that counts for it.

        Raises:
            Unchecked: that hangs on a team whose members nobody can tell now.
            NotAllowed: they may not, and who may.
        """
        person = self._access.find(who)
        if person is None:
            raise NotAllowed(f"builds are not yours to cancel: {unproven(who)}")
        if standing.begun or standing.asker == person.key:
            return
        whose = f"{standing.asker} asked for it" if standing.asker else "nobody asked me for it"
        now = self._live.now
        of_job = sorted(now.repos_of(standing.job)) or [now.settings.gordon.home]
        for repo in [standing.pull.repo] if standing.pull and standing.pull.repo in of_job else of_job:
            has = self._access.role(person, repo).name.lower()
            self._access.require(
                who,
                Role.MAINTAINER,
                repo,
                f"{whose}, and cancelling what is not yours needs the role maintainer in {repo}; {person.key} is {has}",
            )

    async def start(self, asker: Asker, wish: Wish) -> Person:
        """See that somebody may have a context built: triagers any, an author what failed or never reported.

        Raises:
            Unchecked: that hangs on a team whose members nobody can tell now.
            NotAllowed: they may not, and who may.
            Unavailable: the builds of an author's commit cannot be read.
        """
        person, pull = self._access.of_pull(asker.speaker, wish.pull), wish.pull
        if wish.begun:
            return person
        if self._access.role(person, pull.ref.repo) >= Role.TRIAGER:
            await self._see_ci_files(asker, pull)
            return person
        if why := await self._not_as_author(asker, wish, person):
            self._access.require(asker.speaker, Role.TRIAGER, pull.ref.repo, why)
        return person

    def build(self, asker: Asker, job: JobRef, context: str) -> Person:
        """See that somebody may have a job built that is about no pull request: its maintainers.

        Raises:
            Unchecked: that hangs on a team whose members nobody can tell now.
            NotAllowed: they may not, and who may.
        """
        person = self._access.find(asker.speaker)
        if person is None:
            raise NotAllowed(f"builds of {context} are not yours to start: {unproven(asker.speaker)}")
        for repo in (each or self._live.now.settings.gordon.home for each in self._access.repos(job)):
            has = self._access.role(person, repo).name.lower()
            refusal = (
                f"this is a build of no pull request, so building {context} again needs the role maintainer in {repo}; "
                f"{person.key} is {has}"
            )
            self._access.require(asker.speaker, Role.MAINTAINER, repo, refusal)
        return person

    async def _see_ci_files(self, asker: Asker, pull: Pull) -> None:
        """See that nobody has an outsider's changes to what CI does run, unless a maintainer has looked at them."""
        trust = await self._trust(pull)
        if trust or not trust.ci_files or await self._is_trusted(asker, pull):
            return
        changed = listed([shown(path) for path in trust.ci_files], MAX_FILES)
        raise NotAllowed(
            f"{pull.head:.7} changes what CI itself does ({changed}), and {shown(pull.author)} is nobody known "
            f"here; a maintainer who has looked at it says ok to test {pull.ref.short}"
        )

    async def _not_as_author(self, asker: Asker, wish: Wish, person: Person) -> str:
        """Tell why being its author is not enough for a build; empty if it is."""
        pull = wish.pull
        triagers = f"triagers of {pull.ref.repo}"
        if wish.again:
            return f"as its author you may not build beside live builds; {triagers} may"
        standing = await self._read(wish.context, pull)
        if standing.is_green:
            return f"it passed, and as its author you may rebuild what failed or never reported; {triagers} any"
        if not _is_of_head(standing, pull) and not await self._is_trusted(asker, pull):
            return f"nothing was built at {pull.head:.7} yet, and the first build of a commit is for {triagers}"
        most = self._live.now.settings.gordon.rebuilds_per_commit
        others = await self._ledger.commands_of(person.key, pull) - {f"{asker.event_key}|{asker.handler}"}
        if len(others) >= most:
            return (
                f"you had {pull.head:.7} rebuilt {len(others)} times, which is as often as its author may; "
                f"{triagers} may"
            )
        return ""

    async def _is_trusted(self, asker: Asker, pull: Pull) -> bool:
        commit = (pull.ref, pull.head)
        if commit not in asker.trusted:
            asker.trusted[commit] = bool(await self._trust(pull)) or await self._has_build(pull)
        return asker.trusted[commit]

    async def _has_build(self, pull: Pull) -> bool:
        for context in self._live.now.contexts(pull.ref.repo):
            if _is_of_head(await self._read(context, pull), pull):
                return True
        return False


def _is_of_head(standing: Standing, pull: Pull) -> bool:
    """Tell whether there is a build of this very commit; one that was not told which it builds may be of another."""
    return standing.stage is not Stage.NEVER and standing.sha == pull.head
