"""What a plugin is given to work with: builds, pull requests, and a memory of its own."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.events import AskedBuild, BuildDiagnosed, BuildEvent, RetryDue
from bot.facts import (
    Cluster,
    Diagnosis,
    Fact,
    FlakeRow,
    KnownCause,
    LogLines,
    Retry,
    RetryLimits,
    RetryPlan,
    Seen,
    Suspect,
    Trial,
)
from bot.values import (
    Account,
    Alone,
    BuildRef,
    ChangedFile,
    Comment,
    Commit,
    JobRef,
    Load,
    Node,
    NodeRef,
    Nodes,
    PipelineStage,
    Place,
    PlannedRetry,
    Pull,
    PullRef,
    PullSummary,
    QueueItem,
    Review,
    Standing,
    Standings,
    Status,
    Stop,
    Subject,
    Subscription,
    TestReport,
    Trust,
    Watchable,
)
from bot.when import Entry, When


class CI(Protocol):
    """Builds, as plugins see them. `start`, `build` and `cancel` are effects: done once, whatever dies on the way."""

    async def contexts(self, pull: Pull, wanted: Sequence[str] = ()) -> Mapping[str, Standing]:
        """Tell how each configured context of a pull request stands at its head.

        Arguments:
            wanted: where each is the name of a context, only these are read, and no server but theirs.
        """

    def configured(self, repo: str) -> Mapping[str, bool]:
        """Name the contexts of a repository without asking a server, and tell of each whether its job builds by itself
        what is pushed, as those of multibranch projects do.
        """

    async def overview(self, pull: Pull) -> Standings:
        """Tell how the contexts of a pull request stand, as far as their servers answer."""

    async def start(
        self, context: str, pull: Pull, *, again: bool = False, cells: Sequence[str] = (), node: str = ""
    ) -> QueueItem:
        """Start a context at the pull's head, or attach the asker to a live build of it.

        Arguments:
            again: start another one beside a live one.
            cells: the only cells of its matrix to build, if its job allows; else all are, and the item's notes say so.
            node: the agent, or label, to run on; a UserError where the configuration names no parameter for it.
        """

    async def dispatch(self, context: str, pull: Pull, *, occasion: str, at_most: Load, commit: str = "") -> QueueItem:
        """Start a context of a pull request for nobody's asking, once for its commit and occasion, whoever asks again.

        A live build of the same commit is taken for it. What came to nothing, or was cancelled by `cancel_older`, is
        not done yet: a later event has it started. Before anything is sent late, it is looked whether the pull request
        is open, has the same head and base, and is still trusted.

        Arguments:
            pull: read just now.
            occasion: why it is built at all; another one has the same commit built once more.
            commit: one of the pull request; empty for its head.

        Raises:
            NotAllowed: nobody has found this head ok to test; or an older commit, of which an outsider's never is.
            AtLimit: so much is under way that it has to come later.
            UserError: its job takes no commit, so nobody can tell whether it would build one that is ok to test.
        """

    async def has_room(self, repo: str, author_id: int, at_most: Load) -> bool:
        """Tell whether `dispatch` might find room for a build of somebody's pull request; asks no neighbour.

        Whoever waits for room looks here first: hundreds may wait, and ask again for hours.
        """

    async def cancel_older(
        self, pull: Pull, contexts: Collection[str], *, keep: Collection[str] = (), reason: str
    ) -> Sequence[str]:
        """Cancel what waits or runs of some contexts of a pull request, for nobody's asking; tell what in words.

        Arguments:
            keep: the commits whose builds go on.
            reason: in words that follow "cancelled: ".
        """

    async def cancel_late(self, request_id: str) -> str:
        """Cancel a build that was to be cancelled before its server had taken it, now that it has; tell how in words.

        Empty if it is none such: call it for each BuildQueued and BuildStarted.
        """

    async def trust_of(self, pull: Pull) -> Trust:
        """Tell whether the head of a pull request may be built for nobody's asking: by its author, or by somebody who
        found it ok to test.

        Arguments:
            pull: read just now.
        """

    async def trust(self, pull: Pull, *, is_named: bool = False) -> None:
        """Note that the asker has found the head of a pull request ok to test; another push voids it.

        Arguments:
            pull: read just now.
            is_named: they have named the whole commit, or confirmed it, so that they can mean no other.

        Raises:
            NotAllowed: they are no maintainer.
            UserError: they have written it where another head may have come before they did.
        """

    async def distrust(self, pull: PullRef) -> bool:
        """Take back that a commit is ok to test, for a maintainer; tell whether any was."""

    async def build(self, job: JobRef, parameters: Mapping[str, str]) -> QueueItem:
        """Start any configured job."""

    async def start_scheduled(
        self, job: JobRef, parameters: Mapping[str, str], *, occasion: str, alone: Alone, until: datetime
    ) -> QueueItem:
        """Start a configured job for nobody's asking, because its time has come: an effect, once for each occasion.

        Arguments:
            occasion: what it is for, with the planned time, by which it is known that this was started already.
            alone: whether any build of the job stands in its way, or one with these values of these parameters.
            until: what could not be sent by then, as its server does not answer, is not sent any more.

        Raises:
            AtLimit: a build that stands in its way waits or runs already, so nothing is started; it may be tried again.
            Void: that is so by now, or it is too late, and it is not started for this occasion.
            UserError: the job does not take these values.
        """

    async def cancel_overdue(self, request_id: str, *, reason: str) -> str:
        """Cancel a build for nobody's asking, as it takes too long; tell how in words, empty if it was over before.

        Arguments:
            reason: in words that follow "cancelled: ".
        """

    async def repeat(
        self, build: BuildRef, *, again: bool = False, cells: Sequence[str] = (), node: str = ""
    ) -> QueueItem:
        """Start a build of a configured job again with the parameters that it had; arguments as for `start`."""

    async def takes(self, job: JobRef, parameters: Mapping[str, str]) -> None:
        """See that a job takes these values, without starting anything; a UserError says what it does not take."""

    async def may_cancel(self, standing: Standing) -> None:
        """See that the asker may cancel a build or a retry, theirs or another's; a NotAllowed says who may."""

    async def cancel(self, standing: Standing, how: Stop = Stop.ASK) -> str:
        """Take a build out of the queue, or ask it to stop, or drop a planned retry; tell which of them in words."""

    async def planned(self, of: PullRef | BuildRef) -> Sequence[PlannedRetry]:
        """List what is to be tried again of a pull request, or of one build, once its delay is over."""

    async def of_job(self, job: JobRef, number: int | None = None) -> Standing:
        """Tell how one build stands, or the newest of a job."""

    async def tests(self, build: BuildRef) -> TestReport | None:
        """Tell what the tests of a build came to; None when it has no report, which is not "none failed"."""

    async def diagnose(self, build: BuildRef) -> Diagnosis:
        """Tell why a build that is not on record ended so, by reading its log now; nothing of it is kept.

        Raises:
            UserError: there is no such build, it still runs, or its log takes too long.
        """

    async def stages(self, build: BuildRef) -> Sequence[PipelineStage]:
        """List the stages of a Pipeline build; empty when there are none to tell."""

    async def queue(self) -> Standings:
        """List what waits, on every server that answers."""

    async def running(self) -> Standings:
        """List what runs, on every server that answers."""

    async def nodes(self) -> Nodes:
        """List the agents of every server that answers."""

    async def set_node(self, node: NodeRef, *, offline: bool, reason: str) -> Node:
        """Have an agent marked offline, or not any more: an effect on a wanted state, read before and after."""

    async def asked(self, pull: PullRef) -> Sequence[AskedBuild]:
        """List the builds of a pull request that wait or run, of whichever commit, with those who asked for them."""

    async def is_last_word(self, event: BuildEvent) -> bool:
        """Tell whether nothing newer is known of an event's context at its commit: neither another build of it, nor
        that this one has come further.
        """

    async def plan_retry(self, event: BuildDiagnosed, plan: RetryPlan, limits: RetryLimits) -> Retry:
        """Decide that a build is to be tried again after a delay, on disk; the first decision about a build stays.

        When the delay is over a RetryDue comes. What the plan says is counted, in the same write, against the limits:
        where one is reached, or it is known already that the build is not the last word, the decision is dropped, with
        the reason.
        """

    async def refuse_retry(self, event: BuildDiagnosed, plan: RetryPlan, reason: str) -> Retry:
        """Decide, on disk, that a build is not to be tried again though its failure is one that is; no event comes."""

    async def start_retry(self, due: RetryDue, *, node: str = "") -> QueueItem:
        """Try a build again: an effect, for nobody's asking; who asked for the first try hears of this one.

        A live build of the same commit, which somebody else has started meanwhile, is taken for it.

        Arguments:
            node: the agent to run on, where the configuration names a parameter for it and the job has that.

        Raises:
            UserError: it is not to be tried any more: its pull request has another head, or there is a newer build.
        """

    async def retry_passed(self, event: BuildDiagnosed) -> None:
        """Take in that a retry has passed, which ends what its cause's many failures had begun."""

    async def look_at_storms(self) -> None:
        """End what many failures of a cause had begun where none has come for long, and have that told."""

    async def drop_retry(self, due: RetryDue, reason: str) -> None:
        """Decide that a build is not to be tried again after all; a RetryDropped comes of it."""


class Forge(Protocol):
    """Pull requests, as plugins see them. What writes is an effect: done once, whatever dies on the way.

    Each of these may be called once for its target in one handler of one event: a second call is taken for the first
    one again. What was asked for earlier and not done yet is dropped for what is asked for later. A Void says that an
    effect was dropped, or that the forge did not take it.
    """

    async def pull(self, ref: PullRef) -> Pull:
        """Read a pull request."""

    async def open_pulls(self, repo: str, *, with_files: bool = False) -> Sequence[PullSummary]:
        """List the open pull requests of a repository, with what a maintainer asks of them.

        Arguments:
            with_files: also the paths that they change, the first hundred of each.
        """

    async def summary(self, ref: PullRef) -> PullSummary:
        """Read a pull request, open or not, with what a maintainer asks of it and its files, by one request."""

    async def texts(self, repo: str, paths: Collection[str]) -> Mapping[str, str]:
        """Read text files as they are on the default branch, up to 250 a request.

        What is not there, is no text or is over 256 KB is left out. What was read within ten minutes is not asked for
        again.
        """

    async def authors(self, repo: str, paths: Collection[str]) -> Mapping[str, Sequence[Account]]:
        """Tell who has written the newest twenty commits of paths on the default branch, newest first, by one request.

        Commits of nobody with an account are left out, and a path that has none has nobody.

        Arguments:
            paths: of files or directories, the most changed first: of more than twenty the first twenty are asked.
        """

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        """List the files that a pull request changes."""

    async def commits(self, ref: PullRef) -> Sequence[Commit]:
        """List the commits of a pull request, oldest first, at most 250."""

    async def reviews(self, ref: PullRef) -> Sequence[Review]:
        """List the reviews of a pull request, oldest first."""

    async def comments(self, ref: PullRef) -> Sequence[Comment]:
        """List the comments on a pull request, oldest first."""

    async def statuses(self, repo: str, sha: str) -> Mapping[str, Status]:
        """Tell how each context stands at a commit."""

    async def own_number(self) -> int:
        """Tell the number of Gordon's own account, which is asked for once."""

    def status_name(self, repo: str, context: str) -> str:
        """Tell under which name the forge is told how a context stands; empty where somebody else tells, or nobody."""

    async def set_status(self, repo: str, sha: str, status: Status) -> None:
        """Tell how a context stands at a commit; a description of more than 140 characters is cut."""

    async def put_comment(self, ref: PullRef, marker: str, body: str) -> None:
        """Have the comment with this hidden marker say something: it is written, edited, or without words deleted."""

    async def set_labels(self, ref: PullRef, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Have labels be there, and others not."""

    async def react(self, ref: PullRef, comment_id: int, reaction: str) -> None:
        """Answer a comment by "+1", "eyes", "rocket"."""


class Ledger(Protocol):
    """What is known of builds that are over. All of it is read from our own disk; nothing asks a server."""

    async def build(self, ref: BuildRef) -> Sequence[Fact]:
        """List what is known of a build: itself, then its cells; empty if nothing is."""

    async def of_pull(self, pull: PullRef) -> Sequence[Fact]:
        """List the newest build of each context at the commit that was built last, each followed by its cells."""

    async def before(self, fact: Fact) -> Fact | None:
        """Find what ended before in the same context, cell and job, of the same pull request if it is of one.

        What was aborted or not built does not count, nor do earlier tries of the same.
        """

    async def last_green(self, fact: Fact) -> Fact | None:
        """Find the newest of the same job, cell and branch that passed and ended before it."""

    async def chain(self, fact: Fact) -> Sequence[Fact]:
        """List the tries of one build, oldest first, without their cells."""

    async def retry_of(self, request_id: str) -> Retry | None:
        """Tell what was decided about trying a build again; None for nothing."""

    async def seen(self, diagnosis: Diagnosis) -> Seen:
        """Tell how often a failure was seen, up to now."""

    async def same_since(self, diagnosis: Diagnosis, since: datetime) -> Sequence[Fact]:
        """List builds of which the whole or a cell failed as this one (`Diagnosis.same`), newest first; at most 500."""

    async def flakes(self, by: str, word: str = "", *, days: int = 30) -> Sequence[FlakeRow]:
        """Tell what fails by itself and how often, the worst first.

        Arguments:
            by: "cause", "test", "job", "node", or "label".
            word: only what has this in its name.
        """

    async def flake_days(
        self, by: str, names: Sequence[str], *, days: int = 30
    ) -> Mapping[str, tuple[tuple[float, float], ...]]:
        """Count how often each of some that flake has failed by itself on each day of UTC, today last.

        Arguments:
            by: as of `flakes`; nothing is counted so by label.
            names: theirs, as in its rows.

        Returns:
            By name, in that order, the beginning of each day by the wall clock and the count, 0 too.
        """

    async def suspects(self, word: str = "", *, days: int = 30) -> Sequence[Suspect]:
        """Name the labels of nodes on which builds fail by themselves as chance does not explain, the surest first.

        What the change may be to blame for counts as not failed. A job that fails more than others and runs on few
        nodes looks like their fault unless it is asked about alone.

        Arguments:
            word: only builds of this job, or failures of this cause, whoever is to blame, on nodes that run its jobs.
        """

    async def log(self, ref: BuildRef, *, cell: str = "", around: int | None = None, at_most: int = 15) -> LogLines:
        """Read lines of a log that is kept: the last ones, or those around a line.

        One that is still being written is waited for, 10 s at most.

        Raises:
            UserError: it is not kept, and why, or still being written.
        """


class Causes(Protocol):
    """The catalogue of known failures; `add` and `remove` change what all later logs are searched for."""

    async def list(self, word: str = "") -> Sequence[KnownCause]:
        """List signatures that have a word in their id, class or expression."""

    async def trial(self, regex: str) -> Trial:
        """Look for an expression in the logs of both colours that are kept."""

    async def unknown(self, *, days: int = 30, at_most: int = 5) -> Sequence[Cluster]:
        """Cluster the failures that nothing explains, the largest first, each with a signature that was tried."""

    async def weigh(self, cause: KnownCause, person: str) -> Trial:
        """See that somebody may add a signature, without adding it; errors are those of `add`."""

    async def add(self, cause: KnownCause, person: str) -> Trial:
        """Add a signature for all logs from now on; the same one of the same person a second time changes nothing.

        Raises:
            UserError: the expression is wrong or too broad, or it or the id is there already.
        """

    async def remove(self, cause_id: str, person: str) -> None:
        """Forget a signature that was added in chat.

        Raises:
            UserError: there is none, or it comes from a file.
        """


class Subscriptions(Protocol):
    """What people, and channels, want to hear of or not; who may say so for a channel is the plugin's to see."""

    async def add(self, one: Subscription) -> None:
        """Write down what somebody wants; the same once more is for another time.

        Raises:
            UserError: they have so many already, or cannot be told anything there.
        """

    async def remove(self, one: Subscription) -> bool:
        """Forget what somebody wanted, of a person on all networks; tell whether they did."""

    async def end(self, what: Collection[Watchable], until: datetime) -> Sequence[Subscription]:
        """Let watches of what is over hold no longer than until then; tell which of them there are."""

    def list(self, person: str, place: Place) -> Sequence[tuple[Subscription, timedelta]]:
        """List what a person wants, and what a channel does, each with the time that is left."""

    def audience(self, places: Sequence[Place], about: Subject) -> Sequence[Place]:
        """Tell who hears a notice: of these places those that have not muted what it is about, and who watches it."""

    def has_muted(self, who: Account, about: Subject) -> bool:
        """Tell whether somebody wants to hear nothing of it, so that they are not addressed by name either."""


class Timetable(Protocol):
    """The times at which a plugin wants to be told; each is told once by a TimeCame, or late after Gordon was away."""

    async def put(self, name: str, when: When, payload: Mapping[str, Any]) -> datetime | None:
        """Put an entry down, in the place of the one of this name; tell when it comes next. On disk when this returns.

        The same once more changes nothing, so that a handler may run again.
        """

    async def remove(self, name: str) -> bool:
        """Take an entry out; tell whether it was there. Those of the configuration stay."""

    async def entries(self) -> Sequence[Entry]:
        """List the plugin's own entries, by name."""


class Store(Protocol):
    """A plugin's own memory; what a handler puts is kept together with its end, or not at all."""

    async def get(self, key: str) -> Any:
        """Read a value; None if there is none."""

    def put(self, key: str, value: Any) -> None:
        """Keep a JSON value; None forgets the key."""
