"""What is known of builds that are over: why each ended as it did, and what was decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.branch import same
from bot.diagnosis.verdict import FailureClass, Kind
from bot.values import BuildRef, JobRef, NodeRef, PullRef, Result

__all__ = [
    "Change",
    "Cluster",
    "Diagnosis",
    "Fact",
    "FailureClass",
    "FlakeRow",
    "Kind",
    "KnownCause",
    "LogLines",
    "Pushed",
    "Retry",
    "RetryLimits",
    "RetryPlan",
    "RetryState",
    "Seen",
    "Suspect",
    "Trial",
]

NAMED = (Kind.KNOWN_INFRA, Kind.FLAKY_TEST, Kind.AGENT_LOST)  # of these kinds the cause says what it was


@dataclass(frozen=True, slots=True)
class Seen:
    """How often a failure was seen before, in whichever build; a matrix build of which many cells failed counts once.

    Arguments:
        week: in the last seven days.
        month: in the last thirty.
        last: when it was seen last; None for never.
    """

    week: int = 0
    month: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a build, or one cell of it, ended as it did; nothing of it holds a secret.

    Arguments:
        cause: the id of the signature or shape that tells it.
        retry: whether another try is sensible; None where it depends.
        why: a sentence on why it is to be tried again, or not.
        line: the number of the telling line in its log, from 1 on.
        offset: the byte at which the quoted lines begin in it.
        link: the address that shows the log from there on.
        text: the telling line.
        first_quoted: the number of the first line of `quoted`.
        partial: why this is not from the whole log; empty if it is.
        unread: why the log could not be read at all; empty if it was, or nobody had to.
        matched: of the expressions that plugins' settings have for this job, those that were found in the log.
    """

    kind: Kind
    failure_class: FailureClass
    cause: str = ""
    retry: bool | None = None
    why: str = ""
    confidence: float = 0.0
    line: int | None = None
    offset: int | None = None
    link: str = ""
    text: str = ""
    first_quoted: int = 0
    quoted: tuple[str, ...] = ()
    failed_tests: tuple[str, ...] = ()
    fingerprint: str = ""
    partial: str = ""
    unread: str = ""
    seen: Seen = Seen()
    matched: tuple[str, ...] = ()

    @property
    def same(self) -> str:
        """What two failures have in common that are the same: a known cause, else the fingerprint; empty for none.

        The shape of a line is a cause, too, but one of failures that have nothing else in common: any failed Go test.
        """
        return self.cause if self.cause and self.kind in NAMED else self.fingerprint


@dataclass(frozen=True, slots=True)
class Fact:
    """A build that is over, or one cell of a matrix build, as the ledger keeps it.

    Arguments:
        request_id: of the build, the same for its cells.
        cell: `ARCH=arm64,FS=aufs`; empty for the build itself.
        context: the name of its context, or of its job.
        branch: which one a push to was built, where the configuration says that the job does that.
        labels, tags: of the node, as they were then.
        chain: the request id of the first try of what this is a try of.
        attempt: which try this is, from 1 on.
    """

    id: int
    request_id: str
    build: BuildRef
    cell: str
    context: str
    result: Result | None
    diagnosis: Diagnosis
    url: str = ""
    repo: str = ""
    pull: PullRef | None = None
    branch: str = ""
    sha: str = ""
    node: str = ""
    labels: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_s: float = 0.0
    chain: str = ""
    attempt: int = 1

    @property
    def is_bad(self) -> bool:
        """Whether it failed, or is unstable."""
        return self.result in (Result.FAILURE, Result.UNSTABLE)


class Change(StrEnum):
    """How a result stands beside the one before, in the words of the Instant Messaging plugin [ResultTrend]."""

    FIXED = "fixed"
    SUCCESS = "success"
    NOW_UNSTABLE = "now unstable"
    STILL_UNSTABLE = "still unstable"
    UNSTABLE = "unstable"
    STILL_FAILING = "still failing"
    FAILURE = "failure"
    ABORTED = "aborted"
    NOT_BUILT = "not built"


class RetryState(StrEnum):
    """How far another try has come."""

    PLANNED = "planned"
    STARTED = "started"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """What a failed build is to be tried again with.

    Arguments:
        attempt: which try it will be, from 2 on; of how many: `at_most` retries and the first.
        cause: why; the id of a signature, or of whatever matched.
        node: the agent or label to run on; empty for any.
    """

    attempt: int
    at_most: int
    cause: str
    delay_s: float
    cells: tuple[str, ...] = ()
    node: str = ""

    @property
    def words(self) -> str:
        """What people are shown beside `retrying`: "dm-init-rootfs, 2 of 3"."""
        return f"{self.cause}, {self.attempt} of {self.at_most + 1}"


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How much may be tried again, whatever the plan: what is above one of these is dropped.

    Arguments:
        per_cause, per_node, per_job, per_pull, per_hour: how many within an hour, the last one of all together.
        storm, storm_s: so many failures of one cause within so many seconds, and nothing of it is tried again.
        quiet_s: then it has to be quiet for so long; after that one at a time is tried again, until one passes.
        floor, floor_after: a cause of whose last so many retries a smaller share has passed is not tried again.
        floor_since: retries that were decided before do not count for that.
    """

    per_cause: int = 20
    per_node: int = 10
    per_job: int = 30
    per_hour: int = 60
    per_pull: int = 10
    storm: int = 10
    storm_s: float = 600.0
    quiet_s: float = 600.0
    floor: float = 0.2
    floor_after: int = 10
    floor_since: datetime | None = None

    @property
    def storm_of_pull(self) -> int:
        """How many failures of one pull request count for a storm, as its log says what its author wants."""
        return max(2, self.storm // 3)

    @property
    def floor_of_pull(self) -> int:
        """How many retries of one pull request count for the floor."""
        return max(2, self.floor_after // 3)


@dataclass(frozen=True, slots=True)
class Retry:
    """What was decided about a build that failed.

    Arguments:
        request_id: of the build that failed.
        reason: why it was dropped.
        started_as: the request id of the build that tries it again.
        event_id: the short id under which the decision is recorded; empty once the build itself is forgotten.
    """

    request_id: str
    chain: str
    plan: RetryPlan
    state: RetryState
    due_at: datetime
    reason: str = ""
    started_as: str = ""
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class FlakeRow:
    """How often one thing failed by itself in a span of days, those of UTC, of which today is the last.

    By itself is what its kind says is no fault of the change, and what passed on the same commit, before or after.

    Arguments:
        name: the cause, test, job, node or `tag=value` that it is about.
        runs: how many builds, or cells, there were that it could have happened in: of a cause or test, those of the
            jobs in which it did.
        failed: in how many it happened.
        retried, passed: how many of those were tried again on the same commit, and how many of these passed.
        before: how often it happened in the span before, of as many days.
        jobs: where mostly, the worst first.
    """

    name: str
    runs: int
    failed: int
    retried: int
    passed: int
    before: int
    last: datetime
    jobs: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        return self.failed / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Failures that nothing explains and that look like one.

    Arguments:
        fingerprint: that of the newest of them.
        text: its telling line.
        regex: a signature that would know them; empty where none can be made, and
        why_none: why that is so.
        knows: how many of them it knows by their telling lines.
        reds, greens: how many kept logs of each colour it is found in, and
        reds_tried, greens_tried: how many there were to try it on.
    """

    fingerprint: str
    text: str
    count: int
    last: datetime
    builds: tuple[BuildRef, ...] = ()
    jobs: tuple[str, ...] = ()
    regex: str = ""
    why_none: str = ""
    knows: int = 0
    reds: int = 0
    reds_tried: int = 0
    greens: int = 0
    greens_tried: int = 0


@dataclass(frozen=True, slots=True)
class Suspect:
    """Labels of nodes on which far more builds fail than on others.

    Arguments:
        name: the tag, "kernel", or "label", or "node" for nodes that fail by themselves, whatever their labels.
        values: those of it that are suspected, "3.18", "3.19".
        bad, of: how many failed there, and of how many.
        others_bad, others: how many elsewhere.
        p: by chance alone so many or more would fail there, corrected for all that was compared.
    """

    name: str
    values: tuple[str, ...]
    bad: int
    of: int
    others_bad: int
    others: int
    p: float


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines of a log that is kept, without secrets; `first` is the number of the first."""

    first: int
    lines: tuple[str, ...]
    of: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What looking for an expression in the logs that are kept came to.

    Arguments:
        wrong: what is wrong with the expression; then nothing was looked for.
        hits: lines that it was found in, of red logs, at most a few.
    """

    wrong: tuple[str, ...] = ()
    reds: int = 0
    reds_tried: int = 0
    greens: int = 0
    greens_tried: int = 0
    hits: tuple[str, ...] = ()

    @property
    def is_too_broad(self) -> bool:
        """Whether it is found in more than a tenth of the logs of builds that passed."""
        return self.greens * 10 > self.greens_tried

    @property
    def is_unproven(self) -> bool:
        """Whether there was no log of a build that passed to try it on."""
        return not self.greens_tried


@dataclass(frozen=True, slots=True)
class KnownCause:
    """A signature that failures are known by.

    Arguments:
        origin: "gordon" for those that come with it, a file's name, or who added it in chat.
        is_unproven: it was added when there was no log of a build that passed to try it on.
        is_added: it was added in chat, so it can be removed there.
    """

    id: str
    failure_class: FailureClass
    retry: bool | None
    regex: str
    note: str = ""
    origin: str = "gordon"
    reference: str = ""
    is_unproven: bool = False
    is_added: bool = False


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the configuration has built after each push to a branch.

    Arguments:
        jobs: those that build it, by what the configuration calls them.
    """

    repo: str
    branch: str
    jobs: Mapping[str, JobRef]

    def __str__(self) -> str:
        return f"{self.repo} {self.branch}"

    def name_of(self, job: JobRef) -> str:
        """Tell what the configuration calls one of its jobs; "" for any other."""
        return next((name for name, one in self.jobs.items() if same(one, job)), "")


def node_of(fact: Fact) -> NodeRef:
    """Name the agent that a build ran on."""
    return NodeRef(fact.build.job.server, fact.node)
