"""All that a plugin needs: the decorators, what a handler is given, and the errors it may raise.

A plugin imports this module, `bot.events`, `bot.facts`, `bot.values` and `bot.wording`, nothing else of the program.
`plugins/README.md` has one in 20 lines.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from logging import LoggerAdapter
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

from bot.chat import Blank, Button, Card, Form, Picture, Series, Tone, Words
from bot.clock import Clock
from bot.commands import Call, Names, Usage, match, nearest
from bot.errors import AtLimit, NotAllowed, Refused, Unavailable, Unsure, UserError
from bot.events import BuildEvent, Event, PullCommented, Tick, TimeCame
from bot.facts import Pushed
from bot.linked import Link, Linking, Step, called
from bot.paths import Paths, files_of
from bot.pattern import Pattern
from bot.people import EVERYWHERE
from bot.plugin_ports import CI, Causes, Forge, Ledger, Store, Subscriptions, Timetable
from bot.ports import Later, Letter, Outcome
from bot.settings import Settings
from bot.values import JobRef, Membership, Person, Place, Role, Speaker, Subject
from bot.when import Entry, QuietHours, When

__all__ = [
    "CI",
    "EVERYWHERE",
    "Answer",
    "AtLimit",
    "Blank",
    "BuildsByItself",
    "Button",
    "Call",
    "Card",
    "Causes",
    "Changes",
    "Command",
    "Context",
    "Entry",
    "Forge",
    "Form",
    "KeepsTimes",
    "KnowsAnswers",
    "Ledger",
    "Letter",
    "Link",
    "Linking",
    "LooksForPatterns",
    "NamesTeams",
    "NotAllowed",
    "Paths",
    "Pattern",
    "Picture",
    "Plugin",
    "QuietHours",
    "Refused",
    "Role",
    "Series",
    "Settings",
    "Step",
    "Store",
    "TellsJobs",
    "Timetable",
    "Tone",
    "Unavailable",
    "Unsure",
    "UserError",
    "When",
    "Words",
    "called",
    "files_of",
    "lasting",
    "match",
    "nearest",
    "own_repos",
    "scopes",
]

OWN = "their own pull requests"  # what the role author is about, where a command does not say it
CRON = "@"  # begins the names of entries of the timetable that handlers have by `cron`
MAX_WORDS = 20  # what one handler may say; more is summed up, so that a mistake does not flood a channel

E = TypeVar("E", bound=Event)
CommandHandler = Callable[["Context", Call], Awaitable[Words | None]]
EventHandler = Callable[["Context", Any], Awaitable[Words | None]]
C = TypeVar("C", bound=CommandHandler)
H = TypeVar("H", bound=EventHandler)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as its plugin declared it; the first line of the docstring is its help.

    Arguments:
        builds: it starts or stops builds, so those who are no maintainers may give only so many in an hour.
        own: for what an author may give it, in words; it is for commands of that role.
        others: the role from which on somebody may give it for what is not their own; None: nobody.
    """

    plugin: str
    usage: Usage
    role: Role
    reads: bool
    help: str
    handle: CommandHandler | None  # None: the core does it itself
    builds: bool = False
    own: str = OWN
    others: Role | None = Role.TRIAGER

    @property
    def handler(self) -> str:
        """Its name on disk."""
        return f"{self.plugin}:{self.usage.name}"

    @property
    def about_pull(self) -> bool:
        """Tell whether it is about a pull request, so that roles in its repository count."""
        return any({"pull", "what"} & {*param.name.split("|")} for param in self.usage.params)


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler of one kind of event.

    Arguments:
        is_first: it ends before the handlers of other plugins begin, as what it decides they want to know.
        cron: at which times it is called, for one that is.
    """

    plugin: str
    kind: type[Event]
    handle: EventHandler
    every_s: float = 0.0
    is_first: bool = False
    cron: When | None = None

    @property
    def handler(self) -> str:
        """Its name on disk."""
        return f"{self.plugin}.{self._name}"

    @property
    def entry(self) -> str:
        """The name of its own entry in the timetable; empty without one."""
        return f"{CRON}{self._name}" if self.cron else ""

    @property
    def _name(self) -> str:
        return getattr(self.handle, "__name__", "handler")


@runtime_checkable
class LooksForPatterns(Protocol):
    """Settings of a plugin that wants to know whether expressions are in the logs of builds; `Diagnosis.matched` tells.

    An expression is as those of signatures are (bot/diagnosis/README.md): RE2's, and a blank may be a line break.
    """

    def patterns_for(self, context: str, job: str) -> Sequence[str]:
        """List the expressions to look for in the logs of a job.

        Arguments:
            context: as the build's event names it.
            job: its full name.
        """


@runtime_checkable
class BuildsByItself(Protocol):
    """Settings of a plugin that has pull requests built without anybody's asking; `ctx.is_automatic` tells."""

    def builds(self, repo: str) -> bool:
        """Tell whether the pull requests of a repository are."""


@runtime_checkable
class KeepsTimes(Protocol):
    """Settings of a plugin that is to be told at set times; a TimeCame with the entry's name comes at each of them."""

    def times(self) -> Mapping[str, When]:
        """Name the entries of the timetable; those that are not here any more are taken out of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a line that is no command.

    Arguments:
        name: which of the plugin's answers it is.
        again_s: for so long it is not said once more at that place to a line that was not addressed to Gordon.
    """

    name: str
    words: str
    again_s: float


@runtime_checkable
class TellsJobs(Protocol):
    """Settings of a plugin that tells how builds of some jobs ended; `ctx.told_elsewhere` tells where."""

    def tells_jobs(self) -> Mapping[str, Collection[str]]:
        """Name the places, as `network/#channel`, by the names of jobs under [jobs]; an empty one: the operators'."""


@runtime_checkable
class KnowsAnswers(Protocol):
    """Settings of a plugin that answers lines which are no commands."""

    def listens(self, place: Place) -> bool:
        """Tell whether lines at a place are listened to that are not addressed to Gordon."""

    def answer_to(self, text: str, place: Place, *, is_asked: bool) -> Answer | None:
        """Answer a line, in no time and whatever it is; None for most of them.

        Arguments:
            is_asked: the line is addressed to Gordon, so that somebody waits for an answer.
        """


@runtime_checkable
class NamesTeams(Protocol):
    """Settings of a plugin that asks who is in a team of the forge; `ctx.house.is_in_team` tells."""

    def teams(self) -> Collection[str]:
        """Name the teams, `owner/team`."""


class Plugin:
    """A set of handlers under one name; importing a plugin starts nothing.

    Arguments:
        name: as the configuration names it.
        settings: what `[plugin.NAME]` may hold; without it the section must be empty.
    """

    def __init__(self, name: str, settings: type[Settings] | None = None) -> None:
        self.name = name
        self.settings = settings
        self.commands: list[Command] = []
        self.handlers: list[Handler] = []

    def command(
        self,
        usage: str,
        *,
        role: Role = Role.ANYONE,
        reads: bool = False,
        builds: bool = False,
        own: str = OWN,
        others: Role = Role.TRIAGER,
    ) -> Callable[[C], C]:
        """Declare a command.

        Arguments:
            usage: see `bot/commands.py`.
            role: the least role that may give it; what depends on the target is decided where it is known.
            reads: it changes nothing, so it is answered at once and not journaled.
            builds: it starts or stops builds, so those who are no maintainers may give only so many in an hour.
            own, others: of a command for authors, what they may give it for, and who may for the rest; for `can`.
        """

        def declare(handle: C) -> C:
            if not (handle.__doc__ or "").strip():
                raise ValueError(f"the command {usage!r} of {self.name} needs a docstring, which is its help")
            text = (handle.__doc__ or "").strip().splitlines()[0]
            self.commands.append(Command(self.name, Usage.parse(usage), role, reads, text, handle, builds, own, others))
            return handle

        return declare

    def on(self, kind: type[Event], *, first: bool = False) -> Callable[[H], H]:
        """Declare a handler of an event; kinds that inherit from `kind` count.

        Arguments:
            first: it ends, or is put off, before other handlers of the event begin. It must not wait for a neighbour.
        """

        def declare(handle: H) -> H:
            self.handlers.append(Handler(self.name, kind, handle, is_first=first))
            return handle

        return declare

    def every(self, period_s: float) -> Callable[[H], H]:
        """Declare something to do every so often; a beat that is missed while the program is down is not made up."""

        def declare(handle: H) -> H:
            self.handlers.append(Handler(self.name, Tick, handle, period_s))
            return handle

        return declare

    def cron(self, when: str) -> Callable[[H], H]:
        """Declare something to do at set times, which get a TimeCame; one that is missed is made up for once.

        Arguments:
            when: "mon-fri 09:00 Europe/Paris", "every 2h" or cron's "0 9 * * mon-fri"; UTC where no zone is named.

        Raises:
            UserError: it cannot be read.
        """
        times = When.parse(when)

        def declare(handle: H) -> H:
            self.handlers.append(Handler(self.name, TimeCame, handle, cron=times))
            return handle

        return declare


@dataclass(frozen=True, slots=True)
class Changes:
    """What reading the configuration again would change, in words; empty for nothing.

    Arguments:
        digest: of all that the files say, so that nothing else is taken over than what was seen.
    """

    words: str
    digest: str


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What came of the commands in a comment.

    Arguments:
        sign: the reaction to it, "eyes" once something was taken in and "confused" where nothing was; empty for none.
        words: what is to be said there: why something was not taken in.
        place: where.
    """

    sign: str = ""
    words: tuple[str, ...] = ()
    place: Place | None = None


class House(Protocol):
    """The program itself, for the plugins that show or operate it."""

    def commands(self) -> Sequence[Command]:
        """List all commands, by name."""

    def plugins(self) -> Mapping[str, str]:
        """List plugins and how they are: on, off, or why they did not load."""

    def find(self, speaker: Speaker) -> Person | None:
        """Tell who a speaker is proven to be."""

    def person(self, key: str) -> Person | None:
        """Find somebody by the name in `people.toml`."""

    def may(self, speaker_or_person: Speaker | Person, command: Command, repo: str) -> str:
        """Tell why somebody may not give a command; empty if they may."""

    def roles(self, person: Person, repo: str) -> Role:
        """Tell somebody's role in a repository."""

    def accounts(self, person: Person) -> Mapping[str, str]:
        """Tell somebody's account on each network where people chat, as it is compared."""

    def links(self, person: Person) -> Sequence[Link]:
        """List the accounts that somebody has joined and that count, the oldest first."""

    async def link(self, event: Event, given: str) -> Linking:
        """Take the next step of joining two accounts for whoever gave a command.

        Arguments:
            given: nothing to ask for a code; a code; "yes" or "no" to what both have been shown.

        Raises:
            NotAllowed: nothing proves who they are, or this code is none, or not theirs to give here.
            UserError: these two cannot be joined, and why.
            StorageError: the disk does not take it.
        """

    async def unlink(self, event: Event, network: str, person: str = "") -> Sequence[Link]:
        """Take an account on a network apart from whoever gave a command, or from somebody; tell what was joined.

        Raises:
            NotAllowed: it is not theirs, and they are no operator.
            UserError: there is none.
            StorageError: the disk does not take it.
        """

    def is_in_team(self, account: int, team: str) -> bool | None:
        """Tell whether an account of the forge, by its number, is in a team; None where that is not known now."""

    async def answer(self, text: str, *, person: str, place: Place, within_s: float | None = None) -> Words | None:
        """Give a command that changes nothing, for somebody who is not there to give it, and return its answer.

        Arguments:
            person: the key of whoever wanted it, by whose rights as of now it is weighed; empty for nobody's.
            place: where the answer is to be told, which says what may be named there.
            within_s: of real seconds, a shorter time than it may take else.

        Raises:
            NotAllowed: they may not give it there any more.
            UserError: it is no such command, or it failed.
            Unavailable: a neighbour does not answer, so it cannot be told now; or the shorter time is over.
        """

    def weigh(self, text: str, *, person: str, place: Place) -> Command:
        """See that a command could be answered so now, without giving it; arguments and errors as for `answer`."""

    def memberships(self, person: Person) -> Sequence[Membership]:
        """List the teams that give somebody a role, or may and cannot be looked into now."""

    async def audit(self, *, at_most: int, short_id: str = "") -> Sequence[Mapping[str, Any]]:
        """Read audit records, newest first."""

    async def letters(self) -> Sequence[Letter]:
        """List what nobody may repeat unasked."""

    async def replay(self, letter: str) -> bool:
        """Try a letter again; False if there is none such."""

    async def drop(self, letter: str) -> bool:
        """Forget a letter; False if there is none such."""

    async def switch(self, plugin: str, *, on: bool) -> bool:
        """Turn a plugin on or off; False if there is none such."""

    async def changes(self) -> Changes:
        """Read the configuration again and tell what differs.

        Raises:
            UserError: it is wrong, or needs a restart; what holds stays.
        """

    async def reload(self, changes: Changes, event: Event) -> None:
        """Take over a configuration that was read, for a command.

        Raises:
            UserError: the files say something else by now.
        """

    async def obey(self, event: PullCommented) -> Obeyed:
        """Take in the commands of a comment, each once; they are on disk when this returns.

        Raises:
            Unavailable, StorageError: not now.
        """

    def health(self) -> Mapping[str, str]:
        """Tell how the neighbours and the queues are."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is given: made for one event and one plugin, so effects know their keys.

    Arguments:
        patience: for so long after its event a handler is surely tried again where it meets an Unavailable.
    """

    event: Event
    plugin: str
    ci: CI
    forge: Forge
    ledger: Ledger
    causes: Causes
    store: Store
    timetable: Timetable
    subscriptions: Subscriptions
    clock: Clock
    house: House
    log: "LoggerAdapter[Any]"
    _agree: Callable[[str, bool, Mapping[str, Any]], Awaitable[bool]]
    settings: Any = None
    announce: Mapping[str, tuple[Place, ...]] = field(default_factory=lambda: MappingProxyType({}))
    operators: tuple[Place, ...] = ()
    pushes: tuple[Pushed, ...] = ()
    patience: timedelta = timedelta()
    _automatic: Collection[str] = ()
    _told_jobs: Mapping[JobRef, Collection[Place]] = field(default_factory=lambda: MappingProxyType({}))
    _names: Names = field(default_factory=Names)
    _spoken_at: Callable[[Place], Place] = lambda place: place
    speaker: Speaker | None = None
    place: Place | None = None
    _said: list[tuple[Place, Words]] = field(default_factory=list)
    _later: list[Later] = field(default_factory=list)
    _kept: dict[str, Any] = field(default_factory=dict)

    async def agree(self, effect: str, *, needed: bool = True, **facts: Any) -> bool:
        """Have the asker confirm something large, before any of it is done.

        The first time this raises, and they are told what would be done and how to confirm it. Then the command is
        given once more, and this returns True if nothing has changed meanwhile. It returns False where something has,
        but the handler was interrupted after it had begun: what is begun goes on, and nothing else may be begun.

        Arguments:
            effect: what would be done, in words that follow "this would".
            needed: False for what need not be confirmed; with what was confirmed it is compared all the same.
            facts: all that must be the same then, as JSON has it: the head in full, the base, the targets.

        Raises:
            Unconfirmed: they were not asked yet.
            UserError: it is not what they have confirmed.
        """
        return await self._agree(effect, needed, facts)

    def tell(self, place: Place, words: Words) -> None:
        """Say words somewhere, once the handler has ended well; a card may take the place of the one before.

        What is announced where a bridge repeats what is said at another place is said there, and once.
        """
        said = self._spoken_at(place), words
        if said not in self._said:
            self._said.append(said)

    def speaking(self, place: Place) -> Place:
        """Tell where what is announced to a channel is said: a bridge may repeat there what is said in another one."""
        return self._spoken_at(replace(place, to="", thread=""))

    def push_of(self, event: BuildEvent) -> Pushed | None:
        """Tell after the pushes to which branch a build is built, by the configuration; None for any other.

        Channels hear of such builds by the message about the push and by nothing else; whoever asked for one is still
        told how that ended.
        """
        return next((push for push in self.pushes if event.pull is None and push.name_of(event.job)), None)

    def repo(self, name: str = "") -> str:
        """Read the name of a repository as people write it; without one it is the home repository.

        Raises:
            UserError: there is none such; the text lists those that there are.
        """
        return self._names.repo(name)

    def job(self, name: str) -> JobRef:
        """Find a configured job by its name.

        Raises:
            UserError: there is none such; the text lists those that there are.
        """
        return self._names.job(name)

    def told_elsewhere(self, job: JobRef) -> Collection[Place]:
        """Name the places that hear from another plugin, by the configuration, how the builds of a job ended."""
        return self._told_jobs.get(job, ())

    def is_automatic(self, repo: str) -> bool:
        """Tell whether what is pushed to the pull requests of a repository is built without anybody's asking."""
        return repo in self._automatic

    def audience(self, places: Sequence[Place], about: Subject) -> Sequence[Place]:
        """Tell who hears a notice: of these places those that have not muted what it is about, and who watches it.

        Whoever asked for something is answered whatever they have muted, so their places are no part of this.
        """
        return self.subscriptions.audience(places, about)

    def later(self, event: Event, *, delay_s: float) -> None:
        """Accept an event after some time; a known key changes nothing.

        An event of the plugin's own is for its own handlers; one of `bot.events`, as PullChecked, for everybody's.
        """
        self._later.append(Later(event, delay_s, ()))

    def outcome(self, reply: Words | None = None) -> Outcome:
        """Gather what is left behind; the core calls this."""
        said = list(self._said)
        if reply is not None and self.place is not None:
            said.insert(0, (self.place, reply))
        if len(said) > MAX_WORDS:
            more = len(said) - MAX_WORDS
            said = [*said[:MAX_WORDS], (said[MAX_WORDS][0], f"...and {more} more from {self.plugin}")]
        kept = tuple((self.plugin, key, value) for key, value in self._kept.items())
        return Outcome(tuple(said), tuple(self._later), kept)


def own_repos(person: Person) -> list[str]:
    """List the repositories for which somebody has a role of their own."""
    return sorted(repo for repo in person.roles if repo != EVERYWHERE)


def scopes(command: Command, person: Person | None) -> list[str]:
    """List where somebody might give a command: everywhere is "", and a repository counts for its pull requests."""
    return ["", *own_repos(person)] if person and command.about_pull else [""]


def lasting(seconds: float) -> str:
    """Say a span as people do: 45s, 18m, 1h 4m."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}h {minutes}m" if hours else f"{minutes}m"
