"""What is kept of the pushes to a branch: which builds are of which push, and how each job and cell of one stands.

All of it is plain values: what a push or a build changes is a function from the old state to the new one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

MAX_OPEN = 10  # pushes of a branch that are told of at the same time; older ones are left as they are
MAX_KNOWN = 50  # pushes that are remembered to tell whose are since the last build that passed
MAX_ENDED = 100  # builds that are known to be over, so that a late look at one does not have it run again
MIN_SHA_CHARS = 7  # of a commit that is told shortened


class Stand(StrEnum):
    """How a row of the grid stands, as people are told."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    PASSED = "passed"
    FAILED = "failed"
    UNSTABLE = "unstable"
    ABORTED = "aborted"
    NOT_BUILT = "not built"
    GONE = "gone"
    TOGETHER = "built together with"


OPEN = (Stand.WAITING, Stand.QUEUED, Stand.RUNNING, Stand.RETRYING)
BAD = (Stand.FAILED, Stand.UNSTABLE)


class Change(StrEnum):
    """How a row stands beside the build before on the branch."""

    NONE = ""
    NEW = "new"
    STILL = "still"
    FIXED = "fixed"


class Stage(StrEnum):
    """How far a build has come."""

    QUEUED = "queued"
    STARTED = "started"
    SEEN = "seen"  # while it runs, with the cells that are told by now
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Row:
    """One job of a push, or one cell of it.

    Arguments:
        job: what the configuration calls it.
        cell: `ARCH=arm64,FS=aufs`; empty for a job without cells, or whose cells nobody knows yet.
        number, url, request_id: of its newest build.
        word: in a word why it failed, or what it is tried again for; of what was built together, with which commit.
        test: the test that failed, instead of a word.
        is_known: it failed for a known reason, which is none of the push.
        since: the number of the first build of those that have failed in a row.
        green: the commit that passed last; empty where none is known.
        not_retried: why it is not tried again after all.
    """

    job: str
    cell: str = ""
    stand: Stand = Stand.WAITING
    number: int = 0
    url: str = ""
    request_id: str = ""
    word: str = ""
    test: str = ""
    is_known: bool = False
    change: Change = Change.NONE
    since: int = 0
    green: str = ""
    not_retried: str = ""

    @property
    def name(self) -> str:
        return f"{self.job} {self.cell}" if self.cell else self.job

    @property
    def is_open(self) -> bool:
        return self.stand in OPEN

    @property
    def is_bad(self) -> bool:
        return self.stand in BAD

    @property
    def is_new(self) -> bool:
        """Whether it failed as the build before did not, if there was one, and for no known reason."""
        return self.is_bad and self.change is not Change.STILL and not self.is_known


@dataclass(frozen=True, slots=True)
class Push:
    """One push and how its builds stand.

    Arguments:
        sha: the commit that the branch pointed to then; empty where nobody can tell which was built.
        who: who pushed; empty if nobody told.
        slot: by which its message is found again.
        news_s: when something of it changed last.
        has_warned: its first new failure was told.
        outcome: how all of it ended, as it was told last; empty while it was not.
    """

    sha: str
    who: str
    slot: str
    news_s: float
    rows: tuple[Row, ...]
    has_warned: bool = False
    outcome: str = ""

    @property
    def is_over(self) -> bool:
        return not any(row.is_open for row in self.rows)

    def of_job(self, job: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.job == job)


@dataclass(frozen=True, slots=True)
class Known:
    """A push that was told, and by whom."""

    sha: str
    who: str


@dataclass(frozen=True, slots=True)
class Branch:
    """What is kept of a branch.

    Arguments:
        pushes: those that are told of, the oldest first.
        known: the last ones, told of or not, the oldest first.
        since: by row, the number of the first build of those that have failed in a row.
        ended: builds that are over, the last ones.
    """

    pushes: tuple[Push, ...] = ()
    known: tuple[Known, ...] = ()
    since: Mapping[str, int] = field(default_factory=dict)
    ended: tuple[str, ...] = ()

    def find(self, slot: str) -> Push | None:
        return next((push for push in self.pushes if push.slot == slot), None)


@dataclass(frozen=True, slots=True)
class News:
    """What a build has come to.

    Arguments:
        job: what the configuration calls it.
        sha: what it builds; empty while nobody knows.
        whole: the build itself.
        cells: those of its cells that are known, of a matrix build.
        retrying: it tries again what failed before.
        asked: somebody asked for it by a command, and is told apart.
    """

    job: str
    sha: str
    request_id: str
    stage: Stage
    whole: Row
    cells: tuple[Row, ...] = ()
    retrying: bool = False
    asked: bool = False


def load(kept: Mapping[str, Any] | None) -> Branch:
    """Read what was kept, which comes back as plain JSON."""
    if not kept:
        return Branch()
    pushes = tuple(Push(**{**push, "rows": tuple(map(_row, push["rows"]))}) for push in kept["pushes"])
    return Branch(pushes, tuple(Known(**known) for known in kept["known"]), kept["since"], tuple(kept["ended"]))


def _row(kept: Mapping[str, Any]) -> Row:
    return Row(**{**kept, "stand": Stand(kept["stand"]), "change": Change(kept["change"])})


def dump(branch: Branch) -> dict[str, Any]:
    return asdict(branch)


def pushed(branch: Branch, sha: str, who: str, jobs: Iterable[str], now_s: float) -> Branch:
    """Take in that a branch points to another commit, which a build may have told before the push was."""
    if of_sha(branch, sha) is None:
        others = [one for one in branch.known if one.sha != sha]  # it may have pointed there before
        known = (*others, Known(sha, who))[-MAX_KNOWN:]
        return _with(replace(branch, known=known), new_push(sha, who, jobs, now_s))
    known = tuple(replace(one, who=who or one.who) if one.sha == sha else one for one in branch.known)
    named = tuple(replace(one, who=who or one.who) if one.sha == sha else one for one in branch.pushes)
    return replace(branch, known=known, pushes=named)


def new_push(sha: str, who: str, jobs: Iterable[str], now_s: float, name: str = "") -> Push:
    """Begin with a push of which nothing is built yet."""
    return Push(sha, who, name or sha, now_s, tuple(Row(job) for job in jobs))


def moved(branch: Branch, news: News, jobs: Sequence[str], now_s: float) -> Branch:
    """Take in how a build stands.

    Arguments:
        jobs: what the configuration calls the jobs of the branch, in order.
    """
    if news.stage is Stage.ENDED:
        others = (one for one in branch.ended if one != news.request_id)
        branch = replace(branch, ended=(*others, news.request_id)[-MAX_ENDED:])
    elif news.request_id in branch.ended:
        return branch
    slot, branch = _slot_of(branch, news, jobs, now_s)
    if not slot:
        return branch
    since = {name: number for name, number in branch.since.items() if name.startswith(tuple(jobs))}
    pushes, is_older = [], True
    for push in branch.pushes:
        if push.slot == slot:
            is_older = False
            rows = apply(push.of_job(news.job), news)
            if news.stage is Stage.ENDED:
                rows = tuple(_counted(row, news, since) for row in rows)
            changed = _replaced(push, news.job, rows, jobs)
        else:
            changed = _without(push, news)
            if is_older and push.sha and (news.sha or news.stage is Stage.ENDED):
                changed = _together(changed, news.job, of_slot(branch, slot).sha)
        pushes.append(changed if changed.rows == push.rows else replace(changed, news_s=now_s))
    return replace(branch, pushes=tuple(pushes), since=since)


def of_slot(branch: Branch, slot: str) -> Push:
    """Find the push that is told of by this message."""
    return next(push for push in branch.pushes if push.slot == slot)


def of_sha(branch: Branch, sha: str) -> Push | None:
    """Find the push to a commit, however short that is told."""
    if len(sha) < MIN_SHA_CHARS:
        return None
    alike = (push for push in reversed(branch.pushes) if len(push.sha) >= MIN_SHA_CHARS)
    return next((push for push in alike if push.sha.startswith(sha) or sha.startswith(push.sha)), None)


def _slot_of(branch: Branch, news: News, jobs: Iterable[str], now_s: float) -> tuple[str, Branch]:
    """Tell of which push a build is, which begins with it where nobody told that; "" for none."""
    if len(news.sha) >= MIN_SHA_CHARS:
        found = of_sha(branch, news.sha)
        if found is None:
            told = next((one for one in branch.known if one.sha == news.sha), None)
            # Whatever else a commit is built by is over where it was told of before: only this job is built once more.
            found = new_push(news.sha, told.who if told else "", () if told else jobs, now_s)
            branch = _with(replace(branch, known=_known(branch, news.sha)), found)
        return found.slot, branch
    own = [push for push in branch.pushes if any(row.request_id == news.request_id for row in push.rows)]
    if own:
        return own[-1].slot, branch
    newest = branch.pushes[-1] if branch.pushes else None
    if newest and (news.retrying or news.asked or any(row.is_open for row in newest.of_job(news.job))):
        return newest.slot, branch
    if newest and not newest.of_job(news.job):
        return newest.slot, branch
    if news.stage is not Stage.ENDED:
        return "", branch  # it may tell its commit yet
    push = new_push("", "", (), now_s, name=news.request_id)
    return push.slot, _with(branch, push)


def _known(branch: Branch, sha: str) -> tuple[Known, ...]:
    if any(one.sha == sha for one in branch.known):
        return branch.known
    return (*branch.known, Known(sha, ""))[-MAX_KNOWN:]


def _with(branch: Branch, push: Push) -> Branch:
    """Add a push where it belongs: in the order of the pushes, and last where nobody knows its commit."""
    order = {known.sha: index for index, known in enumerate(branch.known)}
    others = branch.pushes[1 - MAX_OPEN :]
    pushes = sorted((*others, push), key=lambda one: order.get(one.sha, len(order)))
    return replace(branch, pushes=tuple(pushes))


def apply(rows: Sequence[Row], news: News) -> tuple[Row, ...]:
    """Tell how the rows of a job stand after what became of a build of it."""
    if news.stage is Stage.ENDED:
        return _ended(rows, news)
    if news.cells:
        return _put(rows, news.cells)
    if any(row.cell for row in rows):
        return tuple(rows)  # which of the cells it builds is told later
    if news.retrying and rows and rows[0].stand is Stand.RETRYING:
        return tuple(replace(row, number=news.whole.number, request_id=news.request_id) for row in rows)
    return (news.whole,)


def _ended(rows: Sequence[Row], news: News) -> tuple[Row, ...]:
    if not news.cells and not any(row.cell for row in rows):
        return tuple(rows) if any(_is_older(news.whole, row) for row in rows) else (news.whole,)
    after = []
    for row in _put(rows, news.cells):
        is_its = row.request_id == news.request_id or (news.retrying and row.stand is Stand.RETRYING)
        if row.is_open and is_its and row not in news.cells:  # it never came to this cell
            row = replace(row, stand=news.whole.stand, word=news.whole.word, test=news.whole.test)
        after.append(row)
    has_told = any(row.is_bad or row.stand is Stand.RETRYING for row in news.cells)
    has_told = has_told or any(_is_older(news.whole, row) for row in rows)
    if news.whole.stand is not Stand.PASSED and not has_told:
        after.insert(0, news.whole)
    return tuple(after)


def _put(rows: Sequence[Row], cells: Sequence[Row]) -> tuple[Row, ...]:
    """Put what is told of cells in place of what was; one that is tried again shows that until it is over."""
    before = {row.cell: row for row in rows if row.cell}
    for cell in cells:
        old = before.get(cell.cell)
        if old is not None and _is_older(cell, old):
            continue
        if cell.stand is Stand.RUNNING and old is not None and old.stand is Stand.RETRYING:
            cell = replace(old, number=cell.number, url=cell.url, request_id=cell.request_id)
        before[cell.cell] = cell
    return tuple(before[name] for name in sorted(before))


def _is_older(row: Row, shown: Row) -> bool:
    """Tell whether a row is of an older build than the one that is shown: a retry that is given up is told late."""
    return 0 < row.number < shown.number


def _counted(row: Row, news: News, since: dict[str, int]) -> Row:
    """Note since which build a row has failed, and tell it of one that fails still or is fixed."""
    if row.request_id != news.request_id or row.is_open:
        return row
    if row.is_bad:
        first = row.number if row.change is Change.NEW else (row.since or row.number)
        since[row.name] = min(since.get(row.name, first), first) if row.change is not Change.NEW else first
        return replace(row, since=since[row.name])
    if row.stand is Stand.PASSED:
        return replace(row, since=since.pop(row.name, row.since))
    return row


def _replaced(push: Push, job: str, rows: Sequence[Row], jobs: Sequence[str]) -> Push:
    """Put the rows of a job where they belong: in the order of the configuration."""
    order = {name: index for index, name in enumerate(jobs)}
    others = [row for row in push.rows if row.job != job]
    return replace(push, rows=tuple(sorted((*others, *rows), key=lambda row: order.get(row.job, len(order)))))


def _without(push: Push, news: News) -> Push:
    """Take a build out of a push that it turned out not to be of."""
    back = {Row(news.job) if row.request_id == news.request_id else row for row in push.of_job(news.job)}
    if back == set(push.of_job(news.job)):
        return push
    rows = [row for row in push.rows if row.request_id != news.request_id]
    place = next(index for index, row in enumerate(push.rows) if row.request_id == news.request_id)
    if not any(row.job == news.job for row in rows):
        rows.insert(place, Row(news.job))
    return replace(push, rows=tuple(rows))


def _together(push: Push, job: str, sha: str) -> Push:
    """Note that a job which was not built yet built a newer push instead: Jenkins builds those that wait as one."""
    rows = (
        replace(row, stand=Stand.TOGETHER, word=f"{sha:.7}") if row.job == job and row.stand is Stand.WAITING else row
        for row in push.rows
    )
    return replace(push, rows=tuple(rows))


def closed(branch: Branch, slot: str) -> Branch:
    """Forget a push of which there is no news any more."""
    return replace(branch, pushes=tuple(push for push in branch.pushes if push.slot != slot))


def culprits(branch: Branch, green: str, sha: str) -> tuple[int, tuple[str, ...]]:
    """Count the pushes after a commit that passed, up to another, and name who pushed; 0 where that is not known."""
    shas = [known.sha for known in branch.known]
    if green not in shas or sha not in shas or shas.index(green) >= shas.index(sha):
        return 0, ()
    between = branch.known[shas.index(green) + 1 : shas.index(sha) + 1]
    return len(between), tuple(dict.fromkeys(known.who for known in between if known.who))
