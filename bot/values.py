"""The things that events and commands are about: frozen values without any vendor's words."""

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
class Account:
    """Somebody on the forge: whose name may change hands, but not the number; 0 and "ghost" when it is gone."""

    number: int
    login: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as its forge tells it now.

    Arguments:
        updated_at: when anything about it last changed, to the second; None where nobody told.
        merged_as: the commit that its base pointed to once it was merged; empty where nobody told.
    """

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
    merged: bool = False
    updated_at: datetime | None = None
    merged_as: str = ""


class StatusState(StrEnum):
    """How a context stands at a commit, in the forge's own words."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown for a context at a commit; `description` has at most 140 characters."""

    context: str
    state: StatusState
    description: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that a pull request changes; `before` is its former path when it was renamed."""

    path: str
    status: str = "modified"
    before: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a pull request, the whole message with it.

    Arguments:
        author: the account, where the forge knows one.
        parents: how many; a merge has two or more.
        author_mail: the address that git has of its author, which anybody may have written there.
    """

    sha: str
    message: str
    author: Account | None
    parents: int = 1
    author_mail: str = ""

    @property
    def is_merge(self) -> bool:
        return self.parents > 1


class ReviewState(StrEnum):
    """What a review came to."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Review:
    """A review of a pull request at one commit."""

    id: int
    author: Account
    state: ReviewState
    sha: str
    at: datetime
    body: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request."""

    id: int
    author: Account
    body: str
    at: datetime
    url: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """That somebody has said something on a pull request: a comment, or a review of whatever state."""

    author: Account
    at: datetime


@dataclass(frozen=True, slots=True)
class PullSummary:
    """A pull request in a list: with what a maintainer asks of it, by as few requests as may be.

    Arguments:
        reviews: the newest that counts of each reviewer.
        asked: logins and teams whose review is asked for.
        statuses: of its head, by context.
        assignees: logins.
        votes: how many have put a thumb up to it.
        remarks: the newest of them, oldest first: at most 20 comments and 20 reviews.
        remark_count: of all of them.
        committed_at: when its head was committed, by its author's clock; None where nobody told.
        files: the paths of the first hundred files that it changes; empty where they were not asked for.
        file_count: of all of them.
    """

    pull: Pull
    created_at: datetime
    reviews: tuple[Review, ...] = ()
    asked: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    assignees: tuple[str, ...] = ()
    votes: int = 0
    remarks: tuple[Remark, ...] = ()
    remark_count: int = 0
    committed_at: datetime | None = None
    files: tuple[str, ...] = ()
    file_count: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests the forge still lets us make, and when it counts anew.

    Arguments:
        resource: "core", "graphql", as the forge counts them apart.
        quiet_until: until when it wants to be left alone altogether; None if it does not mind.
    """

    resource: str
    limit: int
    left: int
    resets_at: datetime
    quiet_until: datetime | None = None


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


class Kind(StrEnum):
    """What sort of job a build is of, as far as the sorts are treated differently."""

    PLAIN = "plain"
    MATRIX = "matrix"
    PIPELINE = "pipeline"


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of a matrix build's axes, built anew in it.

    Arguments:
        name: as its server spells it, `ARCH=arm64,FS=aufs`.
        result: None while it runs.
        node: where it ran, as far as that is told.
    """

    name: str
    url: str
    result: Result | None = None
    node: str = ""
    started_at: datetime | None = None
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a build took from one repository.

    Arguments:
        remotes: the addresses of the repository.
        commits: the commit that was built, and the one that was merged into another to make it.
    """

    remotes: tuple[str, ...]
    commits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Build:
    """A build as its server tells it now.

    `result` may be there before the build is over; only `finished` says that it is.

    Arguments:
        cells: of a matrix build, those that it built itself; inherited ones of an earlier build are left out.
        checkouts: what it has checked out so far.
        again: its server started it by itself, as another one had failed.
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
    kind: Kind = Kind.PLAIN
    cells: tuple[Cell, ...] = ()
    checkouts: tuple[Checkout, ...] = ()
    again: bool = False


class Stop(StrEnum):
    """How hard a running build is told to stop; the last two are for Pipelines only."""

    ASK = "stop"
    TERM = "term"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test case that failed.

    Arguments:
        age: in how many builds in a row it has failed; 1 is new.
        since: the number of the first of these builds.
        cell: the combination of a matrix build in which it failed.
    """

    name: str
    details: str = ""
    age: int = 1
    since: int | None = None
    cell: str = ""


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the tests of a build came to."""

    __test__ = False  # no test case itself, whatever pytest makes of its name

    failed: int
    passed: int
    skipped: int
    failures: tuple[FailedTest, ...] = ()


class StageState(StrEnum):
    """How a stage of a Pipeline stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused for input"
    PASSED = "passed"
    UNSTABLE = "unstable"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class PipelineStage:
    """One stage of a Pipeline build."""

    name: str
    state: StageState
    duration_s: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True, order=True)
class NodeRef:
    """An agent by server and name; prints as its name."""

    server: str
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Node:
    """An agent as its server tells it now.

    Arguments:
        offline: it takes no builds: it is marked so, or has no connection, or both.
        marked: somebody has marked it offline; it stays so when it connects.
        reason: why it is offline, in the server's words; may be empty.
        labels: what jobs ask for when they choose an agent.
        tags: what the labels say by the configuration, {"kernel": "4.2"}.
    """

    ref: NodeRef
    url: str
    offline: bool = False
    marked: bool = False
    reason: str = ""
    labels: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    executors: int = 0
    running: tuple[Build, ...] = ()

    @property
    def is_disconnected(self) -> bool:
        """Tell whether it is surely without connection; of a marked one nobody can tell."""
        return self.offline and not self.marked


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
        estimate_s: how long the server expects it to take in all.
        cells: of a matrix build, those that it builds itself.
        built: the commit that it has checked out, where that is known and another than `sha`.
        node: the agent that it runs or ran on, where the server tells.
        base: the branch that its pull request was to be merged into, where its job is told that.
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
    estimate_s: float | None = None
    kind: Kind = Kind.PLAIN
    cells: tuple[Cell, ...] = ()
    built: str = ""
    node: str = ""
    base: str = ""

    @property
    def is_live(self) -> bool:
        return self.stage in (Stage.QUEUED, Stage.RUNNING)

    @property
    def is_green(self) -> bool:
        return self.stage is Stage.ENDED and self.result is Result.SUCCESS


@dataclass(frozen=True, slots=True)
class PlannedRetry(Standing):
    """A build that failed and is to be tried again after a while.

    Arguments:
        request_id: of the build that failed.
        words: for what, and which try it is, "dm-init-rootfs, 2 of 3".
    """

    request_id: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Standings:
    """How builds stand on the servers that answered.

    Arguments:
        silent: of each server that did not answer, in words, why.
        notes: what else one should know of a server, "Jenkins ci is about to shut down: nothing starts there".
    """

    found: Sequence[Standing]
    silent: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Nodes:
    """The agents of the servers that answered; `silent` as in `Standings`."""

    found: Sequence[Node]
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
        notes: what the asker should know of it: that all cells are built, that the server is about to shut down.
        request_id: that of the events that tell of the build, where Gordon has started it.
    """

    context: str
    job: JobRef
    id: int | None
    url: str
    sha: str
    number: int | None = None
    adopted: bool = False
    complaints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    request_id: str = ""


class Alone(StrEnum):
    """Beside which builds none is started because its time has come."""

    JOB = "job"
    PARAMETERS = "parameters"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody from `people.toml`; `roles` maps a repository, or `*`, to the role there."""

    key: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    github_id: int | None = None


ANYBODY, ITS_AUTHOR = "anybody", "its author"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether the head of a pull request may be built for nobody's asking.

    Arguments:
        by: why it may: "its author", the key of whoever found it ok to test, "anybody" where nobody is asked; empty if
            it may not.
        ci_files: of one that may not, the changed files that decide what CI itself does.
    """

    by: str = ""
    ci_files: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.by)

    @property
    def needs_no_ok(self) -> bool:
        """Tell whether it may be built though nobody has found it ok to test."""
        return self.by in (ANYBODY, ITS_AUTHOR)


@dataclass(frozen=True, slots=True)
class Load:
    """How many builds of pull requests may be under way before none is started for nobody's asking."""

    per_author: int
    per_repo: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What a notice is about, as far as it is about any of it.

    Arguments:
        contexts: of the pull request, or the names of jobs under [jobs].
        author: the login of whose pull request it is; may be left out where `pull` tells.
        builds: of a build that was tried again, all its tries.
        repo: the repository, of what is of no pull request.
    """

    pull: PullRef | None = None
    contexts: tuple[str, ...] = ()
    jobs: tuple[JobRef, ...] = ()
    author: str = ""
    builds: tuple[BuildRef, ...] = ()
    nodes: tuple[NodeRef, ...] = ()
    repo: str = ""


@dataclass(frozen=True, slots=True)
class RepoRef:
    """A whole repository, with its pull requests; prints as `moby/moby`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ContextRef:
    """A context by its name, of one repository, or of all where `repo` is empty; prints as `moby/moby/janky`."""

    repo: str
    name: str

    def __str__(self) -> str:
        return f"{self.repo}/{self.name}" if self.repo else self.name


@dataclass(frozen=True, slots=True)
class AuthorRef:
    """Whose pull requests something is about, by their login or their name here; prints as `author:tianon`."""

    name: str

    def __str__(self) -> str:
        return f"author:{self.name}"


Watchable = PullRef | BuildRef | JobRef | ContextRef | AuthorRef | RepoRef | NodeRef  # what people watch and mute


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
        evidence: what proves it, "account-tag", "nick on loopback", "Slack", "console".
        doubt: why nothing proves an account and what to do about it, in words for the speaker; with evidence: why who
            they are counts for nothing, not even as anyone, unless people.toml has somebody with their account.
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

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read a channel as the configuration writes it: "network/#channel"."""
        network, _, channel = text.partition("/")
        return cls(network, channel)

    def __str__(self) -> str:
        return f"{self.network}/{self.channel}"


class Wish(StrEnum):
    """What somebody wants with the notices about something."""

    WATCH = "watch"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Subscription:
    """That a person, or a channel, wants to hear of something, or not.

    Arguments:
        place: where it is told.
        until: by the wall clock.
        person: their key; empty for a channel.
        account: of the person, on the network of `place`; nobody else is told.
    """

    wish: Wish
    what: Watchable
    place: Place
    until: datetime
    person: str = ""
    account: str = ""
