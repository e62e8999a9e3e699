"""What happened and what it is about: frozen values without any vendor's words.

An event's `key` is its identity: the same fact told twice has the same key and counts once.
Its `lane` is its target: events of one lane are worked off in the order in which they were accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.facts import Fact
from bot.values import Account, Cell, Comment, JobRef, NodeRef, Place, Pull, PullRef, Result, Review, Speaker


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
        written_at: when it was written, by the clock of the forge, for what comes from there.
    """

    command: str
    text: str
    speaker: Speaker
    place: Place
    person: str = ""
    agreed: str = ""
    meant: str = ""
    written_at: datetime | None = None


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
class AskedBuild:
    """A build of a pull request that waits or runs, and those who asked for it.

    Arguments:
        number: None while it waits.
        is_sent: its server has taken it; otherwise what starts it is not settled yet.
    """

    request_id: str
    context: str
    sha: str
    number: int | None
    is_sent: bool
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Event):
    """Time for something that a plugin does every so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCame(Event):
    """A time has come for which a plugin has an entry in the timetable; only its own handlers hear of it.

    Arguments:
        plugin, name: whose entry, and which.
        payload: what the entry was put down with.
        planned: the time in UTC, the newest that has come; `at` may be much later, after Gordon was away.
        missed: how many times of this entry before that one nobody was told of.
    """

    plugin: str
    name: str
    payload: Mapping[str, Any]
    planned: datetime
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEvent(Event):
    """A build moved on.

    Arguments:
        ours: Gordon has started it, for somebody or by itself, or somebody joined it here; others are watched because
            their job is configured.
        retrying: what it tries again and which try it is, "dm-init-rootfs, 2 of 3"; empty for a first one.
    """

    request_id: str
    context: str
    job: JobRef
    pull: PullRef | None
    sha: str
    ours: bool = True
    retrying: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildQueued(BuildEvent):
    """A build that was asked for is in its server's queue; `url` is where that shows it."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStarted(BuildEvent):
    """A queued build got its number.

    Arguments:
        differs: what it runs with, in words, where that is not what was asked for.
    """

    number: int
    url: str
    asks: tuple[Ask, ...] = ()
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinished(BuildEvent):
    """A build is over: its result is final and its log complete; `number` 0 if it never left the queue.

    Arguments:
        result: None when the build vanished before its end was seen.
        note: why there is no plain result, or what befell it on the way, for people.
        built: the commit that it really built, where that is known and another than `sha`.
        cells: of a matrix build, those that it built itself.
        chain: the request id of the first try of what this is a try of; empty for the first try itself.
        attempt: which try it is, from 1 on.
        again: its server started it by itself, as another one had failed.
    """

    number: int
    url: str
    result: Result | None
    duration_s: float
    node: str
    asks: tuple[Ask, ...]
    note: str = ""
    built: str = ""
    cells: tuple[Cell, ...] = ()
    chain: str = ""
    attempt: int = 1
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDiagnosed(BuildEvent):
    """It is known why a build ended as it did, as far as its log tells; follows each BuildFinished, once.

    Arguments:
        end: how it ended.
        fact: what the ledger keeps of it; of a matrix build its diagnosis is that of the cell that tells most.
        cells: what it keeps of the cells that failed.
    """

    end: BuildFinished
    fact: Fact
    cells: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDue(BuildEvent):
    """The delay is over after which a build that failed is to be tried again."""

    diagnosed: BuildDiagnosed


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDropped(BuildEvent):
    """A build that failed is not tried again after all, so its failure is its last word.

    Arguments:
        reason: why, in words that follow "not retried: ".
    """

    diagnosed: BuildDiagnosed
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvent(Event):
    """An agent changed, and has stayed so for a while.

    Arguments:
        since: when it was first seen so.
    """

    node: NodeRef
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWentDown(NodeEvent):
    """An agent takes no builds any more.

    Arguments:
        marked: somebody has marked it offline; otherwise its connection is gone.
        reason: why, in the server's words; may be empty.
        tags: what its labels say.
    """

    marked: bool
    reason: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCameBack(NodeEvent):
    """An agent takes builds again; `down_s` says how long it did not."""

    down_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PullEvent(Event):
    """Something happened to a pull request; `pull` is how it stood then, and `actor` who did it, where that is told."""

    pull: Pull
    actor: Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOpened(PullEvent):
    """A pull request was opened, or opened again."""

    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPushed(PullEvent):
    """A pull request has another head; `before` is the one that it had."""

    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullEdited(PullEvent):
    """The title or the base of a pull request is another; each is empty if it stayed."""

    title_before: str = ""
    base_before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReadied(PullEvent):
    """A draft is ready for review, or was made a draft again: `pull.draft` tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullLabelled(PullEvent):
    """The labels of a pull request are others."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullClosed(PullEvent):
    """A pull request was closed, merged if `pull.merged` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullChecked(Event):
    """A plugin has looked whether a pull request is as it must be; others may wait for that before they act on it.

    Arguments:
        check: the name of what was looked at, "dco", which is that of the plugin.
        sha, base: the head at which it was, and the branch that it was to be merged into then.
        words: what is wrong; empty if it passed.
    """

    pull: PullRef
    check: str
    sha: str
    base: str
    passed: bool
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWanted(Event):
    """Somebody waits for a check that nobody has told of this head; who makes it looks, and tells `PullChecked`."""

    pull: PullRef
    check: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideEnded(Event):
    """A context is told as its builds have it again; who tells why it is not built tells that again."""

    pull: PullRef
    context: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReviewed(PullEvent):
    """Somebody has reviewed a pull request, or a review was dismissed."""

    review: Review


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAsked(PullEvent):
    """Somebody's review, or a team's, is asked for, or not any more."""

    reviewer: str
    asked: bool = True


def comment_key(number: int) -> str:
    """Name the event of a comment, the same for whoever tells of it."""
    return f"github:comment:{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullCommented(Event):
    """Somebody has written a comment on a pull request; one that was edited later is not told again."""

    pull: PullRef
    comment: Comment


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPushed(Event):
    """A branch points to another commit; `after` is empty when it was deleted, `before` when it is new."""

    repo: str
    branch: str
    before: str
    after: str
    forced: bool
    actor: Account | None = None
