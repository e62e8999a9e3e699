"""What happened and what it is about: frozen values without any vendor's words.

An event's `key` is its identity: the same fact told twice has the same key and counts once.
Its `lane` is its target: events of one lane are worked off in the order in which they were accepted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

PULL = re.compile(r"(?:(?P<repo>[\w.-]+(?:/[\w.-]+)?))?#(?P<number>[1-9][0-9]{0,8})", re.ASCII)
MAX_BUILD_NUMBER_DIGITS = 10


class Result(StrEnum):
    """How a build ended, in the words that CI people use."""

    SUCCESS = "SUCCESS"
    UNSTABLE = "UNSTABLE"
    FAILURE = "FAILURE"
    NOT_BUILT = "NOT_BUILT"
    ABORTED = "ABORTED"


class Role(IntEnum):
    """Who may do what; each role includes those below it."""

    ANYONE = 0
    AUTHOR = 1
    TRIAGER = 2
    MAINTAINER = 3
    MERGER = 4
    OPERATOR = 5


@dataclass(frozen=True, slots=True, order=True)
class PullRef:
    """A pull request by repository and number; prints as `moby/moby#7`."""

    repo: str
    number: int

    def __str__(self) -> str:
        return f"{self.repo}#{self.number}"

    @property
    def short(self) -> str:
        """The form people type: `moby#7`."""
        return f"{self.repo.rpartition('/')[2]}#{self.number}"


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as its forge tells it now."""

    ref: PullRef
    title: str
    author: str
    author_id: int
    head: str
    base: str
    head_repo: str
    url: str
    is_open: bool = True
    draft: bool = False
    mergeable: bool | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class JobRef:
    """A job by server and full name; prints as `infra/base-image`."""

    server: str
    full_name: str

    def __str__(self) -> str:
        return self.full_name


@dataclass(frozen=True, slots=True, order=True)
class BuildRef:
    """A build by job and number; prints as `docker-prs#12`."""

    job: JobRef
    number: int

    def __str__(self) -> str:
        return f"{self.job}#{self.number}"


@dataclass(frozen=True, slots=True)
class Build:
    """A build as its server tells it now.

    `result` may be there before the build is over; only `finished` says that it is.
    """

    ref: BuildRef
    url: str
    queue_id: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    result: Result | None = None
    finished: bool = False
    node: str = ""
    started_at: datetime | None = None
    duration_s: float = 0.0
    estimate_s: float | None = None
    causes: tuple[str, ...] = ()


class Stage(StrEnum):
    """How far a build has come."""

    NEVER = "never built"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one context of a pull request, or one job, stands.

    Arguments:
        context: the name of the context, or of the job where it is no context.
        why: the server's own words for why it waits.
        asker: the key of the person who had it started; empty when that was nobody who is known here.
        begun: the command that asks has begun something with it already, before it was interrupted: it is told what
            came of that, whatever the world looks like now.
    """

    context: str
    job: JobRef
    stage: Stage
    result: Result | None = None
    queue_id: int | None = None
    number: int | None = None
    url: str = ""
    sha: str = ""
    pull: PullRef | None = None
    why: str = ""
    started_at: datetime | None = None
    duration_s: float = 0.0
    asker: str = ""
    begun: bool = False

    @property
    def is_live(self) -> bool:
        return self.stage in (Stage.QUEUED, Stage.RUNNING)

    @property
    def is_green(self) -> bool:
        return self.stage is Stage.ENDED and self.result is Result.SUCCESS


@dataclass(frozen=True, slots=True)
class Standings:
    """How builds stand on the servers that answered.

    Arguments:
        silent: of each server that did not answer, in words, why.
    """

    found: Sequence[Standing]
    silent: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class QueueItem:
    """What starting a build came to.

    Arguments:
        id: the server's queue id; None only if an adopted build has left the queue.
        number: the build's number, where an adopted one already runs.
        adopted: a live build was there already, the asker was attached to it.
        sha: the commit that it builds; not always the newest, if the handler runs again after a crash.
        complaints: what an operator should mend about the job.
    """

    context: str
    job: JobRef
    id: int | None
    url: str
    sha: str
    number: int | None = None
    adopted: bool = False
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody from `people.toml`; `roles` maps a repository, or `*`, to the role there."""

    key: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    github_id: int | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """That somebody is in a team, and the roles that this gives them.

    Arguments:
        doubt: why nobody can tell now whether they are in it, so that it gives them none.
    """

    team: str
    roles: Mapping[str, Role]
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who spoke, and what proves it.

    Arguments:
        account: the proven account; empty when nothing proves one.
        evidence: what proves it, "account-tag", "nick on loopback", "console".
        doubt: why nothing proves an account and what to do about it, in words for the speaker.
    """

    network: str
    name: str
    account: str = ""
    evidence: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where words go: a channel, or a person when `channel` is their name.

    Arguments:
        to: the person who is answered there; addressed by name in a channel. Without one it is an announcement.
        account: of a private place, the proven account of whoever asked: nobody else who took the name is told.
    """

    network: str
    channel: str
    thread: str = ""
    to: str = ""
    private: bool = False
    account: str = ""

    def __str__(self) -> str:
        return f"{self.network}/{self.channel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact that was accepted; `key` is its identity, `lane` its target."""

    key: str
    lane: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven(Event):
    """Somebody typed a command that was understood; `command` is the one it was bound to.

    Arguments:
        person: the key of whoever the speaker was proven to be; an account may get another owner later.
        agreed: what exactly the speaker has confirmed, as a digest; empty for a command that was merely given.
        meant: the same in words, to be shown beside what has become of it.
    """

    command: str
    text: str
    speaker: Speaker
    place: Place
    person: str = ""
    agreed: str = ""
    meant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleSeen(Event):
    """Something that operators should know of goes wrong, or goes well again.

    Arguments:
        peer: who has it: "IRC libera".
        about: what it is about, the same when it is over: "#moby", "the login", "the nick".
        words: what is wrong and what to do; empty when it is over.
    """

    peer: str
    about: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadAsked(Event):
    """The machine's owner asked to read the configuration again (SIGHUP); `words` say what came of it."""

    words: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Who wants to hear how a build ends, and where."""

    name: str
    place: Place
    event_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Event):
    """Time for something that a plugin does every so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEvent(Event):
    """A build of ours moved on."""

    request_id: str
    context: str
    job: JobRef
    pull: PullRef | None
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStarted(BuildEvent):
    """A queued build got its number."""

    number: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinished(BuildEvent):
    """A build is over: its result is final and its log complete; `number` 0 if it never left the queue.

    Arguments:
        result: None when the build vanished before its end was seen.
        note: why there is no plain result, for people.
    """

    number: int
    url: str
    result: Result | None
    duration_s: float
    node: str
    asks: tuple[Ask, ...]
    note: str = ""
