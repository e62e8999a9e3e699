"""What the program needs from the outside, in its own words; `adapters/` and `journal.py` give it."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.chat import Blank, MessageRef, Words
from bot.events import Event
from bot.findings import Finding, ServerNeeds
from bot.values import (
    Build,
    BuildRef,
    JobRef,
    Node,
    NodeRef,
    PipelineStage,
    Place,
    Stop,
    TestReport,
)


@dataclass(frozen=True, slots=True)
class Order:
    """A build to start: what is sent, and by what it is found again.

    Arguments:
        parameters: by the names that the job declares.
        request_id: the mark by which the build is found again; the server adds it where the job declares it.
        match: the parameters that tell which pull and commit it is, for jobs that drop the mark.
        model: the build that this one repeats, whose parameters these are.
        cells: the only cells of a matrix job to build, `ARCH=arm64,FS=aufs` each; empty: all.
        if_declared: the parameters that are left out where the job does not declare them, as a new branch's does not
            before its first build.
    """

    job: JobRef
    parameters: Mapping[str, str]
    request_id: str
    match: Mapping[str, str] = field(default_factory=dict)
    model: BuildRef | None = None
    cells: tuple[str, ...] = ()
    if_declared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queued:
    """A build that waits, or waited, in a server's queue.

    Arguments:
        build: the number it got, once it left the queue.
        why: the server's own words for why it waits.
        gone: nobody knows it (any more); look for a build that came of it.
        notes: what whoever had it started should know: that all cells are built, that the server is about to shut down.
    """

    job: JobRef
    id: int
    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    build: BuildRef | None = None
    cancelled: bool = False
    gone: bool = False
    why: str = ""
    since: datetime | None = None
    url_of_build: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest builds of a job, read in one request, newest first.

    Arguments:
        builds: `finished` is by their own fields only, while the log may be open: read a build itself for its end.
        first: the number of the oldest build that the server still has; None if it has none.
        next: the number that the next build gets.
    """

    builds: Sequence[Build]
    first: int | None
    next: int


class BuildServer(Protocol):
    """One CI server. Each call has a deadline; "does not answer" is Unavailable, never "gone"."""

    name: str
    deadline_s: float

    @property
    def session(self) -> str:
        """Which start of the server answered last; another one means that it was restarted."""

    def link(self, job: JobRef) -> str:
        """Tell where people look at a job."""

    def log_link(self, ref: BuildRef, cell: str, offset: int) -> str:
        """Tell where people read a build's log from a byte on; of a cell's if one is named."""

    def complaints(self, job: JobRef) -> Sequence[str]:
        """Tell what an operator should mend about a job, as far as a trigger has shown it."""

    async def trigger(self, order: Order) -> Queued:
        """Start a build, by one request that is never repeated here.

        Raises:
            UserError: a parameter the job does not declare or allow; the job does not exist or is disabled.
            Refused: the server says no to us.
            Unavailable: no answer; it may have been accepted.
        """

    async def blanks(self, job: JobRef) -> Sequence[Blank]:
        """Tell what people fill in to start a job, in its own order; secrets and files are left out.

        Raises:
            UserError: there is no such job.
            Unavailable: the server does not answer.
        """

    async def takes(self, order: Order) -> None:
        """See that a job would take these parameters, without starting it; errors are those of `trigger`."""

    async def find(self, order: Order, since: datetime) -> Queued | Build | None:
        """Look for the build that an order with this request id has started.

        Raises:
            Unsure: several could be it, or something of ours that cannot be told apart.
            Unavailable: the server does not answer.
        """

    async def live(self, job: JobRef, match: Mapping[str, str], commit: str = "") -> Queued | Build | None:
        """Look for a queued or running build of this job with all these parameters.

        Arguments:
            commit: where the job does not declare its commit, a running build counts only if it has checked out this
                one, and a queued one always, as it will check out the newest.
        """

    async def queued(self, job: JobRef, queue_id: int) -> Queued:
        """Read one queue item."""

    async def came_of(self, job: JobRef, queue_id: int) -> Build | None:
        """Look through the newest builds for the one that this queue item became."""

    async def build(self, ref: BuildRef) -> Build | None:
        """Read one build; None when the server says that there is none."""

    async def latest(self, job: JobRef, match: Mapping[str, str], commit: str = "") -> Build | None:
        """Find the newest build of a job with all these parameters, or of this commit; arguments as for `live`."""

    async def newest(self, job: JobRef, *, since: int = 0, until: int = 0) -> Newest | None:
        """Read the newest builds of a job in one request; None when the server says that there is no such job.

        Arguments:
            since: the number of the oldest build that matters; those before it need not be listed.
            until: that of the newest that is known. With both, few are asked for, and twice if that was too few.
        """

    async def branches(self, project: JobRef) -> Mapping[JobRef, Newest] | None:
        """Read the newest builds of all jobs of a multibranch project in one request, a few of each.

        Raises:
            UserError: it is no such project.
        """

    async def model(self, ref: BuildRef) -> Mapping[str, str]:
        """Tell the parameters with which to start a build like this one.

        Raises:
            UserError: there is no such build, or one of its parameters is a secret that nobody can read again.
        """

    async def differs(self, order: Order, build: Build) -> Sequence[str]:
        """Tell in words what a build runs with, where that is not what was ordered."""

    async def tests(self, ref: BuildRef) -> TestReport | None:
        """Read what the tests of a build came to; None when it has no report, which is not "none failed"."""

    async def stages(self, ref: BuildRef) -> Sequence[PipelineStage] | None:
        """Read the stages of a Pipeline build; None when the server has no stages to tell."""

    def log(self, ref: BuildRef, *, cell: str = "", even_open: bool = False) -> AsyncGenerator[bytes, None]:
        """Read the whole log of a finished build as its bytes were stored, in pieces of some 64 KiB, LF line ends.

        Arguments:
            cell: of a matrix build, the one whose log is meant, as `Cell.name` tells it.
            even_open: of a log that is not complete yet give what is there, before that is raised.

        Raises:
            UserError: there is no such build, or its log is gone.
            Unavailable: the server does not answer, or the log is not complete yet.
        """

    async def queue(self) -> Sequence[Queued]:
        """List everything that waits."""

    async def running(self) -> Sequence[Build]:
        """List every build that runs."""

    async def quieting(self) -> str | None:
        """Tell why the server is about to shut down and starts nothing, "" for no reason given; None if it is not."""

    async def nodes(self) -> Sequence[Node]:
        """List the agents with what runs on each, in one request."""

    async def set_node(self, node: NodeRef, *, offline: bool, reason: str) -> Node:
        """Have an agent marked offline, or not any more, by its state read before and after; return it as it is then.

        Raises:
            UserError: there is no such agent.
            Refused: we may not.
            Unavailable: no answer, or it is not as wanted afterwards.
        """

    async def cancel_queued(self, queue_id: int) -> bool:
        """Take an item out of the queue; False when it is too late and it has left."""

    async def stop(self, ref: BuildRef, how: Stop = Stop.ASK) -> None:
        """Ask a running build to stop, or make it; it is over only when its result says so.

        Raises:
            UserError: there is no such build, or it cannot be stopped so hard.
        """

    def examine(self, needs: ServerNeeds) -> AsyncIterator[Finding]:
        """Tell of the connection, the rights and what is needed how it is, without changing anything; never raises."""

    async def check(self, jobs: Sequence[JobRef]) -> Sequence[str]:
        """Tell what is wrong with the connection, the rights or these jobs; nothing if all is well."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one handler.

    Arguments:
        attempts: how often the handler was begun and did not end well.
        not_before_s: wall-clock seconds before which it rests.
        until_s: wall-clock seconds up to which a wait for a neighbour may go on; None before the first wait.
    """

    id: int
    event: Event
    handler: str
    attempts: int = 0
    not_before_s: float = 0.0
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """Something that nobody may repeat unasked: a dead delivery or an unsure effect."""

    id: str
    at: datetime
    what: str
    reason: str
    event_key: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """Words on their way to a place.

    Arguments:
        id: of the row on disk; 0 for words that are on none.
        again: they may have been said before.
        at_s: wall-clock seconds when they were meant to be said.
    """

    id: int
    place: Place
    words: Words
    again: bool = False
    event_key: str = ""
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """The message that shows the state of something at a place, as the last card of its slot was said or edited there.

    Arguments:
        at_s: wall-clock seconds when the message was first said.
    """

    place: Place
    slot: str
    message: MessageRef
    at_s: float


@dataclass(frozen=True, slots=True)
class Later:
    """An event to come, for these handlers, not before some time has passed."""

    event: Event
    delay_s: float
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a handler leaves behind besides its effects; committed in one piece with its end.

    Arguments:
        outbox: words to say, in order.
        state: (plugin, key, value) of the plugin's own store; a value of None forgets the key.
    """

    outbox: tuple[tuple[Place, Words], ...] = ()
    later: tuple[Later, ...] = ()
    state: tuple[tuple[str, str, Any], ...] = ()


class Journal(Protocol):
    """Accepted events, kept until each of their handlers has ended; words, kept until they are said."""

    async def accept(self, event: Event, handlers: Sequence[str]) -> Sequence[Delivery]:
        """Take an event in; on return it is on disk. A repeat yields no deliveries.

        Raises:
            StorageError: nothing was taken in.
        """

    async def open_deliveries(self) -> Sequence[Delivery]:
        """List what an earlier process left, in the order of acceptance; asked once, before anything is accepted."""

    async def finish(self, delivery: Delivery, outcome: Outcome) -> tuple[Sequence[Delivery], Sequence[OutboxRow]]:
        """End a delivery together with all that it leaves behind; the second time does nothing."""

    async def wait(
        self,
        delivery: Delivery,
        *,
        not_before_s: float,
        until_s: float | None,
        failed: bool,
        reason: str,
        outcome: Outcome,
    ) -> tuple[Delivery, Sequence[OutboxRow]]:
        """Put a delivery off, with what is to be said about it now."""

    async def bury(self, delivery: Delivery, reason: str, outcome: Outcome) -> Sequence[OutboxRow]:
        """Make a delivery a letter: nobody tries it again unasked."""

    async def letters(self) -> Sequence[Letter]:
        """List letters, oldest first."""

    async def replay(self, letter: str) -> Delivery | None:
        """Take a dead delivery up again; None when there is none such.

        Raises:
            UserError: its event cannot be read any more.
        """

    async def drop(self, letter: str) -> bool:
        """Forget a dead delivery."""

    async def unsaid(self, networks: Sequence[str]) -> Sequence[OutboxRow]:
        """List words that an earlier process left, oldest first."""

    async def forget_unsayable(self, networks: Sequence[str]) -> int:
        """Forget words for any other network than these; tell how many."""

    async def saying(self, rows: Sequence[OutboxRow]) -> None:
        """Note in one piece that words are about to be said: after a crash they may have been."""

    async def said(self, rows: Sequence[OutboxRow]) -> None:
        """Forget in one piece words that were said."""

    async def shows(self, shown: Shown) -> None:
        """Note which message shows a slot now."""

    async def shown(self, networks: Sequence[str]) -> Sequence[Shown]:
        """List which messages show slots."""

    async def purge(self, before_s: float) -> int:
        """Forget the keys of events that ended and are older, and older messages of slots; tell how many keys."""

    async def depth(self) -> int:
        """Count open deliveries."""
