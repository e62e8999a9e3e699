"""The builds that are known: who asked for which commit, how far each is, and who wants to hear of it."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot import codec, retry_rows
from bot.codec import Codec
from bot.database import Database
from bot.errors import Void
from bot.events import (
    Ask,
    AskedBuild,
    BuildDiagnosed,
    BuildEvent,
    BuildFinished,
    BuildQueued,
    BuildStarted,
    RetryDropped,
    RetryDue,
)
from bot.facts import RetryState
from bot.schema import asks, builds, marks, nodes, sql, undiagnosed
from bot.values import JobRef, Place, Pull, PullRef, Standing

START = "build.start"  # the kind of the effects that builds come of
LIVE = ("asked", "queued", "running")
ENDED = ("finished", "void", "unsure")
# In which states a build is as an event of it says; one that was lost is told to be over soon.
SAYS: Mapping[type[BuildEvent], tuple[str, ...]] = {
    BuildQueued: ("asked", "queued"),
    BuildStarted: ("running",),
    BuildFinished: ("finished",),
    BuildDiagnosed: ("finished",),
    RetryDue: ("finished",),
    RetryDropped: ("finished",),
}
NO_PULL = PullRef("", 0)  # what a build is of that is of no pull request
WATCH = ("queued", "running", "lost")

_c = builds.c
# `asked`: its effect is not settled; `lost`: it was queued, and a restart took it; an ended one is `finished`, `void`
# or `unsure`.
_LIVE = or_(*(_c.state == bindparam(state) for state in LIVE))
STATES = {state: state for state in LIVE}
INSERT = sql(upsert(builds).on_conflict_do_nothing())
INSERT_UNDIAGNOSED = sql(upsert(undiagnosed).on_conflict_do_nothing())
INSERT_ASK = sql(upsert(asks).on_conflict_do_nothing())
ASKS = sql(select(asks.c.name, asks.c.place, asks.c.event_key).where(asks.c.request_id == bindparam("request_id")))
BY_ID = sql(select(builds).where(_c.request_id == bindparam("request_id")))
SAME = sql(
    select(builds)
    .where(
        _c.server == bindparam("server"),
        _c.job == bindparam("job"),
        _c.context == bindparam("context"),
        _c.repo == bindparam("repo"),
        _c.pull == bindparam("pull"),
        _c.sha == bindparam("sha"),
        _LIVE,
    )
    .order_by(_c.asked_s)
)
ASKED_BY = sql(
    select(builds)
    .join(asks, asks.c.request_id == _c.request_id)
    .where(_c.repo == bindparam("repo"), _c.pull == bindparam("pull"), asks.c.event_key == bindparam("event_key"))
    .order_by(_c.asked_s)
)
LIVE_OF = sql(
    select(builds).where(_c.repo == bindparam("repo"), _c.pull == bindparam("pull"), _LIVE).order_by(_c.asked_s)
)
OF_CONTEXT = sql(
    select(builds).where(
        _c.repo == bindparam("repo"),
        _c.pull == bindparam("pull"),
        _c.sha == bindparam("sha"),
        _c.context == bindparam("context"),
        _c.state != bindparam("void"),
    )
)
OF_COMMIT = sql(
    select(_c.effect_key).where(
        _c.repo == bindparam("repo"),
        _c.pull == bindparam("pull"),
        _c.sha == bindparam("sha"),
        _c.person == bindparam("person"),
        _c.state != bindparam("void"),
        _c.effect_key != bindparam("adopted"),
        _c.retrying == bindparam("adopted"),  # nobody's command is behind a retry
    )
)
NEWER_IN_JOB = sql(
    select(builds).where(
        _c.server == bindparam("server"),
        _c.job == bindparam("job"),
        _c.state != bindparam("void"),
        or_(_c.number > bindparam("number"), and_(_c.number.is_(None), _c.asked_s > bindparam("asked_s"))),
    )
)
RETRIES = sql(
    update(builds)
    .where(_c.request_id == bindparam("the_id"), _c.retrying == bindparam("nothing"))
    .values({name: bindparam(f"new_{name}") for name in ("chain", "attempt", "retrying")})
)
_in_job = and_(_c.server == bindparam("server"), func.lower(_c.job) == func.lower(bindparam("job")))
IN_JOB = sql(
    select(builds)
    .where(
        # Each with the job beside it, as only so it is looked up by an index of its own.
        or_(
            and_(_in_job, _c.queue_id == bindparam("queue_id")),
            and_(_in_job, _c.number == bindparam("number")),
            and_(_in_job, _c.state == literal_column("'asked'")),
        )
    )
    .order_by(_c.asked_s.desc())
)
LIVE_IN_JOB = sql(select(builds).where(_in_job, _LIVE).order_by(_c.asked_s))
CANCELLED = sql(
    update(builds)
    .where(_c.request_id == bindparam("the_id"), _c.cancelled_by == bindparam("before"))
    .values(cancelled_by=bindparam("by"))
)
JOINED = sql(update(builds).where(_c.request_id == bindparam("the_id")).values(ours=bindparam("ours")))
WATCHED = sql(select(builds).where(or_(*(_c.state == bindparam(state) for state in WATCH))).order_by(_c.asked_s))
STANDING = sql(
    select(_c.server, _c.state, func.count())
    .where(or_(*(_c.state == bindparam(state) for state in WATCH)))
    .group_by(_c.server, _c.state)
)
COUNT_OF = sql(select(func.count()).select_from(builds).where(_c.person == bindparam("person"), _LIVE))
COUNT_OF_AUTHOR = sql(select(func.count()).select_from(builds).where(_c.author == bindparam("author"), _LIVE))
COUNT_OF_REPO = sql(
    select(func.count()).select_from(builds).where(_c.repo == bindparam("repo"), _c.pull != literal_column("0"), _LIVE)
)
_old = and_(_c.asked_s < bindparam("before_s"), or_(*(_c.state == bindparam(state) for state in ENDED)))
PURGE = sql(delete(builds).where(_old))
PURGE_MARKS = sql(delete(marks).where(marks.c.looked_s < bindparam("before_s")))
PURGE_NODES = sql(delete(nodes).where(nodes.c.looked_s < bindparam("before_s")))
PURGE_ASKS = sql(delete(asks).where(asks.c.request_id.in_(select(_c.request_id).where(_old))))
MOVING = ("job", "state", "session", "queue_id", "number", "url", "result", "finished_s", "started_s", "note")
MOVE = sql(
    update(builds)
    .where(_c.request_id == bindparam("the_id"))
    .values({name: bindparam(f"new_{name}") for name in MOVING})
)


@dataclass(frozen=True, slots=True)
class BuildRow:
    """One build as the ledger has it, in the order of the table's columns."""

    request_id: str
    effect_key: str
    server: str
    job: str
    context: str
    repo: str
    pull: int
    sha: str
    person: str
    state: str
    session: str = ""
    queue_id: int | None = None
    number: int | None = None
    url: str = ""
    result: str | None = None
    asked_s: float = 0.0
    finished_s: float | None = None
    ours: int = 1
    started_s: float | None = None
    note: str | None = None
    chain: str = ""  # the request id of the first try; empty for that itself
    attempt: int = 1
    retrying: str = ""  # as the event has it
    cancelled_by: str = ""
    author: int = 0  # of the pull request

    @property
    def job_ref(self) -> JobRef:
        return JobRef(self.server, self.job)

    @property
    def pull_ref(self) -> PullRef | None:
        return PullRef(self.repo, self.pull) if self.pull else None


class Folded(Exception):
    """No error but an answer: a live build of the same job, pull request and commit is in the ledger."""

    def __init__(self, row: BuildRow) -> None:
        super().__init__(row.request_id)
        self.row = row


class BuildLedger:
    """Reads and writes the rows; those that belong to a larger write take its connection.

    Arguments:
        on_ended: called once it is on disk that a build is over.
    """

    on_ended: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, database: Database) -> None:
        self._database = database
        self._codec = Codec()

    def same_live(self, db: sqlite3.Connection, row: BuildRow, over: Collection[str] = ()) -> BuildRow | None:
        """Find a live build of the same job, pull request and commit.

        Arguments:
            over: those that are known to have ended, by request id, though the watch has not seen it yet.
        """
        if not row.pull:
            return None
        given = {name: getattr(row, name) for name in ("server", "job", "context", "repo", "pull", "sha")} | STATES
        found = (BuildRow(*values) for values in db.execute(SAME, given))
        return next((each for each in found if each.request_id not in over), None)

    def count_of(self, db: sqlite3.Connection, person: str) -> int:
        """Count somebody's live builds."""
        return int(db.execute(COUNT_OF, {"person": person} | STATES).fetchone()[0])

    def count_of_pulls(self, db: sqlite3.Connection, repo: str, author: int) -> tuple[int, int]:
        """Count the live builds of the pull requests of somebody, in whichever repository, and of a repository."""
        of_author = db.execute(COUNT_OF_AUTHOR, {"author": author} | STATES).fetchone()[0] if author else 0
        return int(of_author), int(db.execute(COUNT_OF_REPO, {"repo": repo} | STATES).fetchone()[0])

    def insert(self, db: sqlite3.Connection, row: BuildRow) -> None:
        db.execute(INSERT, {name: getattr(row, name) for name in row.__slots__})

    def ask(self, db: sqlite3.Connection, request_id: str, name: str, place: Place, event_key: str) -> None:
        """Note who wants to hear how it ends, so that it is ours from now on; a second time changes nothing."""
        given = {"request_id": request_id, "event_key": event_key, "name": name, "place": codec.dump_place(place)}
        db.execute(INSERT_ASK, given)
        db.execute(JOINED, {"the_id": request_id, "ours": 1})

    def asks(self, db: sqlite3.Connection, request_id: str) -> tuple[Ask, ...]:
        rows = db.execute(ASKS, {"request_id": request_id}).fetchall()
        return tuple(Ask(name, codec.load_place(place), event_key) for name, place, event_key in rows)

    def get(self, db: sqlite3.Connection, request_id: str) -> BuildRow | None:
        found = db.execute(BY_ID, {"request_id": request_id}).fetchone()
        return BuildRow(*found) if found else None

    async def row(self, request_id: str) -> BuildRow | None:
        """Read one row, apart from any write."""
        return await self._database.read(lambda db: self.get(db, request_id))

    def move(self, db: sqlite3.Connection, row: BuildRow) -> None:
        """Write how far it is: every column that can change."""
        given: dict[str, Any] = {f"new_{name}": getattr(row, name) for name in MOVING}
        db.execute(MOVE, {"the_id": row.request_id} | given)

    def wants_diagnosis(self, db: sqlite3.Connection, end: BuildFinished, *, is_told: bool) -> None:
        """Note that somebody has to find out why a build ended so.

        Arguments:
            is_told: its end is an event that handlers got; otherwise it is only kept as a fact.
        """
        given = {"request_id": end.request_id, "body": self._codec.dump(end)[1], "is_told": int(is_told)}
        db.execute(INSERT_UNDIAGNOSED, given | {"since_s": end.at.timestamp(), "tries": 0})

    def in_job(self, db: sqlite3.Connection, job: JobRef, queue_id: int | None, number: int) -> Sequence[BuildRow]:
        """List a job's builds with this queue id or number, and those whose effect is not settled; newest first."""
        given = {"server": job.server, "job": job.full_name, "queue_id": queue_id, "number": number}
        return [BuildRow(*row) for row in db.execute(IN_JOB, given).fetchall()]

    def live_in_job(self, db: sqlite3.Connection, job: JobRef) -> Sequence[BuildRow]:
        """List the live builds of a job, whoever has started them, the oldest first."""
        given = {"server": job.server, "job": job.full_name} | STATES
        return [BuildRow(*row) for row in db.execute(LIVE_IN_JOB, given).fetchall()]

    def cancels(self, db: sqlite3.Connection, build: Mapping[str, Any], person: str, *, before: str = "") -> None:
        """Note who cancels a build, so that its end is told as theirs; whoever was first stays.

        Arguments:
            build: its `server`, `job`, `queue_id` and `number`, as far as they are known.
            before: who was noted.
        """
        item, number = build["queue_id"], build["number"]
        for row in self.in_job(db, JobRef(build["server"], build["job"]), item, number or 0):
            if (item is not None and row.queue_id == item) or (number is not None and row.number == number):
                db.execute(CANCELLED, {"the_id": row.request_id, "before": before, "by": person})

    async def asked_by(self, event_key: str, pull: PullRef) -> Sequence[BuildRow]:
        """List builds of a pull request that an event has asked for or joined."""
        given = {"event_key": event_key, "repo": pull.repo, "pull": pull.number}
        rows = await self._database.read(lambda db: db.execute(ASKED_BY, given).fetchall())
        return [BuildRow(*row) for row in rows]

    async def asker_of(self, request_id: str, standing: Standing) -> str:
        """Tell who had a live build started that carries this mark; empty for a copy of it, and for anybody else's."""
        return getattr(await self.started(request_id, standing), "person", "")

    async def started(self, request_id: str, standing: Standing) -> BuildRow | None:
        """Find the row of a build that we have started and that carries this mark; a copy of it has none."""
        row = await self._database.read(lambda db: self.get(db, request_id))
        if row is None or not row.effect_key or row.job_ref != standing.job:
            return None
        known = (row.queue_id, standing.queue_id) if standing.queue_id is not None else (row.number, standing.number)
        return row if known[0] is not None and known[0] == known[1] else None

    async def commands_of(self, person: str, pull: Pull) -> set[str]:
        """Tell by which commands somebody has had builds of a pull request's head started, each as `event|handler`."""
        given = {"repo": pull.ref.repo, "pull": pull.ref.number, "sha": pull.head, "person": person}
        given |= {"void": "void", "adopted": ""}
        rows = await self._database.read(lambda db: db.execute(OF_COMMIT, given).fetchall())
        return {row[0].partition(f"|{START}|")[0] for row in rows}

    async def live_rows(self, pull: PullRef) -> Sequence[BuildRow]:
        """List the live builds of a pull request, of whichever commit."""
        given = _pull_key(pull) | STATES
        rows = await self._database.read(lambda db: db.execute(LIVE_OF, given).fetchall())
        return [BuildRow(*row) for row in rows]

    async def live_of(self, pull: PullRef) -> Sequence[AskedBuild]:
        """List the live builds of a pull request, of whichever commit, with those who asked for them."""

        def read(db: sqlite3.Connection) -> Sequence[AskedBuild]:
            rows = [BuildRow(*row) for row in db.execute(LIVE_OF, _pull_key(pull) | STATES).fetchall()]
            return [
                AskedBuild(
                    request_id=row.request_id,
                    context=row.context,
                    sha=row.sha,
                    number=row.number,
                    is_sent=row.state != "asked",
                    asks=self.asks(db, row.request_id),
                )
                for row in rows
            ]

        return await self._database.read(read)

    async def is_last_word(self, event: BuildEvent) -> bool:
        """Tell whether a build has come no further than an event says, and none of its context and commit is newer."""
        return await self._database.read(lambda db: self._is_last_word(db, event))

    def _is_last_word(self, db: sqlite3.Connection, event: BuildEvent) -> bool:
        row = self.get(db, event.request_id)
        if row is None or row.state not in SAYS[type(event)] or row.pull_ref is None:
            return False
        if not row.sha:  # its commit shows only at its end, so nobody can tell what else is of it
            return True
        given = _pull_key(row.pull_ref) | {"sha": row.sha, "context": row.context, "void": "void"}
        others = (BuildRow(*values) for values in db.execute(OF_CONTEXT, given).fetchall())
        # Of an unsure one no word ever comes unless somebody sends it again, and whoever waits for one waits for ever.
        return not any(is_newer(other, row) for other in others if other.state != "unsure")

    def newer_than(self, db: sqlite3.Connection, request_id: str) -> BuildRow | None:
        """Find the build that came last after another of the same context and commit, else of the same job."""
        row = self.get(db, request_id)
        if row is None or (row.pull and not row.sha):
            return None
        if row.pull_ref is not None:
            given = _pull_key(row.pull_ref) | {"sha": row.sha, "context": row.context, "void": "void"}
            found = db.execute(OF_CONTEXT, given).fetchall()
        else:
            given = {name: getattr(row, name) for name in ("server", "job", "number", "asked_s")} | {"void": "void"}
            found = db.execute(NEWER_IN_JOB, given).fetchall()
        newer = [other for values in found if is_newer(other := BuildRow(*values), row)]
        return newer[-1] if newer else None

    def is_retry(self, db: sqlite3.Connection, request_id: str, retry: Mapping[str, Any]) -> None:
        """Have a build be the next try of one that failed: whoever asked for that one hears of it.

        Arguments:
            retry: `of`, `chain`, `attempt` and `words`, as the effect of starting it has them.

        Raises:
            Void: somebody has cancelled it meanwhile.
        """
        decided = retry_rows.get(db, retry["of"])
        if decided is not None and decided.state is RetryState.DROPPED:
            raise Void(decided.reason)
        for ask in self.asks(db, retry["of"]):
            self.ask(db, request_id, ask.name, ask.place, ask.event_key)
        given = {"new_chain": retry["chain"], "new_attempt": retry["attempt"], "new_retrying": retry["words"]}
        db.execute(RETRIES, {"the_id": request_id, "nothing": ""} | given)
        retry_rows.move(db, retry["of"], RetryState.STARTED, started_as=request_id)

    async def purge(self, before_s: float) -> int:
        """Forget builds that ended and were asked for before, with who asked, and what nobody looked at since.

        It tells how many builds that were.
        """

        def write(db: sqlite3.Connection) -> int:
            given = {"before_s": before_s} | {state: state for state in ENDED}
            db.execute(PURGE_ASKS, given)
            db.execute(PURGE_MARKS, {"before_s": before_s})
            db.execute(PURGE_NODES, {"before_s": before_s})
            retry_rows.purge(db, before_s)
            return db.execute(PURGE, given).rowcount

        return await self._database.write(write)

    def standing(self, db: sqlite3.Connection) -> Mapping[tuple[str, ...], int]:
        """Count builds that are watched, by server and by how far they are."""
        given = {state: state for state in WATCH}
        return {(server, state): count for server, state, count in db.execute(STANDING, given).fetchall()}

    async def watched(self) -> Sequence[BuildRow]:
        """List builds that wait or run, or were lost and have to be told."""
        given = {state: state for state in WATCH}
        rows = await self._database.read(lambda db: db.execute(WATCHED, given).fetchall())
        return [BuildRow(*row) for row in rows]


def is_newer(one: BuildRow, other: BuildRow) -> bool:
    """Tell whether one build came after another of the same context: by number in one job, else as they were asked."""
    if one.request_id == other.request_id:
        return False
    if one.finished_s is not None and one.finished_s < other.asked_s:
        return False  # whatever its number: a job that was made anew counts from 1 again
    if one.number and other.number and one.job_ref == other.job_ref:
        return one.number > other.number
    return one.asked_s > other.asked_s


def _pull_key(pull: PullRef) -> dict[str, Any]:
    return {"repo": pull.repo, "pull": pull.number}
