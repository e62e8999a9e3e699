"""What was decided about builds that failed, on disk: counted, moved on, and which causes are let rest."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot import codec
from bot.audit import short_id
from bot.fact_rows import FACT, load
from bot.facts import Fact, Retry, RetryPlan, RetryState
from bot.schema import builds, events, facts, pulls, retries, sql, storms
from bot.values import BuildRef, JobRef, PlannedRetry, PullRef, Stage

_r, _f, _s = retries.c, facts.c, storms.c
ONE = sql(select(retries).where(_r.request_id == bindparam("request_id")))
OF_CHAIN = sql(select(retries).where(_r.chain == bindparam("chain")).order_by(_r.decided_s))
TRIES_OF = sql(FACT.where(_f.chain == bindparam("chain"), _f.cell == bindparam("whole")).order_by(_f.attempt, _f.id))
INSERT = sql(upsert(retries).on_conflict_do_nothing())
MOVE = sql(
    update(retries)
    .where(_r.request_id == bindparam("the_id"))
    .values(state=bindparam("state"), reason=bindparam("reason"), started_as=bindparam("started_as"))
)
# What was dropped has taken no executor, so it counts for the storm alone.
COUNTS = sql(
    select(
        func.sum(_r.cause == bindparam("cause")),
        func.sum((_r.server == bindparam("server")) & (_r.node == bindparam("node")) & (_r.node != bindparam("none"))),
        func.sum((_r.server == bindparam("server")) & (_r.job == bindparam("job"))),
        func.sum((_r.pull == bindparam("pull")) & (_r.pull != bindparam("none"))),
        func.count(),
    ).where(_r.decided_s > bindparam("after_s"), _r.decided_s <= bindparam("now_s"), _r.state != bindparam("dropped"))
)
TRIES = sql(
    select(func.count()).select_from(retries).where(_r.chain == bindparam("chain"), _r.state != bindparam("dropped"))
)
_origin = func.iif(_r.pull != literal_column("''"), _r.pull, _r.request_id)  # a branch is not a stranger's
FAILURES = sql(
    select(_origin, func.count())
    .where(_r.cause == bindparam("cause"), _r.decided_s > bindparam("after_s"), _r.decided_s <= bindparam("now_s"))
    .group_by(_origin)
)
DECIDED = sql(
    select(_f.result == bindparam("success"), _origin)
    .join(facts, (_f.request_id == _r.started_as) & (_f.cell == bindparam("whole")))
    .where(
        _r.cause == bindparam("cause"),
        _r.decided_s > bindparam("after_s"),
        _f.result.in_([bindparam("success"), bindparam("failure"), bindparam("unstable")]),
    )
    .order_by(_r.decided_s.desc())
    .limit(bindparam("at_most"))
    .offset(bindparam("none"))
)
BUILD = sql(select(builds.c.queue_id, builds.c.number).where(builds.c.request_id == bindparam("request_id")))
IS_OVER = sql(select(builds.c.state).where(builds.c.request_id == bindparam("request_id")))
MAX_DECIDED = 5000  # retries of one cause that are looked at
RESULTS: dict[str, Any] = {"success": "SUCCESS", "failure": "FAILURE", "unstable": "UNSTABLE"}
PULL = sql(
    select(pulls.c.is_open, pulls.c.head, pulls.c.seen_s).where(
        pulls.c.repo == bindparam("repo"), pulls.c.number == bindparam("number")
    )
)
_b = builds.c
_PLANNED = (
    select(_r.request_id, _r.plan, *(_b[name] for name in ("context", "server", "job", "number", "url", "sha")))
    .add_columns(_b.repo, _b.pull, func.iif(_b.effect_key != literal_column("''"), _b.person, literal_column("''")))
    .join(builds, _b.request_id == _r.request_id)
    .where(_r.state == literal_column("'planned'"))
    .order_by(_b.context, _b.number)
)
PLANNED_OF_PULL = sql(_PLANNED.where(_b.repo == bindparam("repo"), _b.pull == bindparam("pull")))
PLANNED_OF_BUILD = sql(
    _PLANNED.where(
        _b.server == bindparam("server"),
        func.lower(_b.job) == func.lower(bindparam("job")),
        _b.number == bindparam("number"),
    )
)
DUE = sql(select(events.c.body).where(events.c.key == bindparam("key")))
STORM = sql(select(_s.since_s, _s.last_s, _s.trial).where(_s.cause == bindparam("cause")))
STORMS = sql(select(_s.cause).where(_s.last_s < bindparam("before_s")))
_put = upsert(storms)
PUT_STORM = sql(
    _put.on_conflict_do_update(
        index_elements=["cause"], set_={"last_s": _put.excluded.last_s, "trial": _put.excluded.trial}
    )
)
END_STORM = sql(delete(storms).where(_s.cause == bindparam("cause")))
PURGE = sql(delete(retries).where(_r.decided_s < bindparam("before_s"), _r.due_s < bindparam("before_s")))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many builds are, or were, to be tried again since some time."""

    of_cause: int
    of_node: int
    of_job: int
    of_pull: int
    of_all: int


@dataclass(frozen=True, slots=True)
class Storm:
    """A cause of which too many builds have failed; `trial` is the one that is tried again to see, by its own id."""

    since_s: float
    last_s: float
    trial: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Where and of what a build has failed, as it is counted."""

    request_id: str
    chain: str
    server: str
    job: str
    node: str
    pull: str
    cause: str

    @property
    def origin(self) -> str:
        """Whose it is: its pull request, else itself."""
        return self.pull or self.request_id


def get(db: sqlite3.Connection, request_id: str) -> Retry | None:
    """Read what was decided about a build."""
    row = db.execute(ONE, {"request_id": request_id}).fetchone()
    if row is None:
        return None
    build = db.execute(BUILD, {"request_id": request_id}).fetchone()
    key = f"build:{request_id}:diagnosed:{build[0] or 0}:{build[1] or 0}" if build else ""  # of its BuildDiagnosed
    return replace(_load(row), event_id=short_id(key) if key else "")


def of_chain(db: sqlite3.Connection, chain: str) -> list[Retry]:
    """Read what was decided about each try of one build, oldest first."""
    return [_load(row) for row in db.execute(OF_CHAIN, {"chain": chain}).fetchall()]


def facts_of(db: sqlite3.Connection, chain: str) -> list[Fact]:
    """Read what is known of the tries of one build, oldest first, without their cells."""
    return [load(db, row) for row in db.execute(TRIES_OF, {"chain": chain, "whole": ""}).fetchall()]


def insert(db: sqlite3.Connection, failure: Failure, plan: RetryPlan, reason: str, decided_s: float) -> Retry:
    """Write a decision.

    Arguments:
        reason: why it is not tried again; empty if it is.
    """
    state = RetryState.DROPPED if reason else RetryState.PLANNED
    due_s = decided_s + plan.delay_s
    given = {name: getattr(failure, name) for name in failure.__slots__}
    given |= {"plan": codec.dump(plan), "state": str(state), "reason": reason, "started_as": ""}
    db.execute(INSERT, given | {"decided_s": decided_s, "due_s": due_s})
    due_at = datetime.fromtimestamp(due_s, UTC)
    return Retry(failure.request_id, failure.chain, plan, state, due_at, reason)


def move(db: sqlite3.Connection, request_id: str, state: RetryState, *, reason: str = "", started_as: str = "") -> None:
    """Write how far a retry has come."""
    db.execute(MOVE, {"the_id": request_id, "state": str(state), "reason": reason, "started_as": started_as})


def planned(db: sqlite3.Connection, of: PullRef | BuildRef) -> list[PlannedRetry]:
    """List what is to be tried again of a pull request, or of one build, as far as the builds are known still."""
    if isinstance(of, PullRef):
        rows = db.execute(PLANNED_OF_PULL, {"repo": of.repo, "pull": of.number}).fetchall()
    else:
        given = {"server": of.job.server, "job": of.job.full_name, "number": of.number}
        rows = db.execute(PLANNED_OF_BUILD, given).fetchall()
    return [
        PlannedRetry(
            context,
            JobRef(server, job),
            Stage.ENDED,
            number=number,
            url=url,
            sha=sha,
            pull=PullRef(repo, pull) if pull else None,
            asker=asker,
            request_id=request_id,
            words=_plan(plan).words,
        )
        for request_id, plan, context, server, job, number, url, sha, repo, pull, asker in rows
    ]


def due(db: sqlite3.Connection, request_id: str) -> str:
    """Read the body of the event that comes when a delay is over; empty once it is forgotten."""
    row = db.execute(DUE, {"key": f"retry:{request_id}:due"}).fetchone()
    return row[0] or "" if row else ""


def counts(db: sqlite3.Connection, failure: Failure, now_s: float, within_s: float) -> Counts:
    """Count what shares something with a failure and was decided to be tried again.

    What a clock that was set back has left in the future does not count, or it would until that has come.
    """
    given = {name: getattr(failure, name) for name in ("server", "job", "node", "pull", "cause")}
    given |= {"none": "", "now_s": now_s, "after_s": now_s - within_s, "dropped": "dropped"}
    row = db.execute(COUNTS, given).fetchone()
    return Counts(*(each or 0 for each in row))


def tries(db: sqlite3.Connection, chain: str) -> int:
    """Count how often one build was to be tried again."""
    return int(db.execute(TRIES, {"chain": chain, "dropped": "dropped"}).fetchone()[0])


def failures(db: sqlite3.Connection, cause: str, now_s: float, within_s: float) -> Counter[str]:
    """Count the builds that failed of a cause by their origin, whatever was decided about them."""
    given = {"cause": cause, "now_s": now_s, "after_s": now_s - within_s}
    return Counter(dict(db.execute(FAILURES, given).fetchall()))


def passed(db: sqlite3.Connection, cause: str, after_s: float, at_most: int, of_one: int) -> list[bool]:
    """Tell of the retries of a cause that are over, newest first, whether each has passed.

    Arguments:
        of_one: of one pull request no more than these, the newest.
    """
    given = {"cause": cause, "after_s": after_s, "at_most": MAX_DECIDED, "none": 0, "whole": ""} | RESULTS
    found: list[bool] = []
    counted: Counter[str] = Counter()
    for is_green, origin in db.execute(DECIDED, given):
        counted[origin] += 1
        if counted[origin] <= of_one:
            found.append(bool(is_green))
        if len(found) >= at_most:
            break
    return found


def moved_on(db: sqlite3.Connection, pull: PullRef, sha: str, since_s: float) -> str:
    """Tell that a pull request is closed or has another head, as far as that is known here; empty for neither.

    Arguments:
        since_s: when the commit was built; what was seen of the pull request before may be older than the commit.
    """
    row = db.execute(PULL, {"repo": pull.repo.lower(), "number": pull.number}).fetchone()
    is_open, head, seen_s = row or (True, sha, 0.0)
    if seen_s <= since_s or (is_open and head == sha):
        return ""
    return f"{pull.short} has moved on to {head:.7}" if is_open else f"{pull.short} is closed"


def storm(db: sqlite3.Connection, cause: str) -> Storm | None:
    """Read whether too many builds fail of a cause."""
    row = db.execute(STORM, {"cause": cause}).fetchone()
    return Storm(*row) if row else None


def put_storm(db: sqlite3.Connection, cause: str, found: Storm) -> None:
    """Write that too many builds fail of a cause; since when stays as it was."""
    db.execute(PUT_STORM, {"cause": cause, "since_s": found.since_s, "last_s": found.last_s, "trial": found.trial})


def end_storm(db: sqlite3.Connection, cause: str) -> bool:
    """Forget that too many builds fail of a cause; False if they did not."""
    return bool(db.execute(END_STORM, {"cause": cause}).rowcount)


def calm(db: sqlite3.Connection, before_s: float) -> list[str]:
    """List the causes of storms of which nothing has failed since some time."""
    return [cause for (cause,) in db.execute(STORMS, {"before_s": before_s}).fetchall()]


def is_under_way(db: sqlite3.Connection, request_id: str) -> bool:
    """Tell whether a build that failed is to be tried again, or is being."""
    found = get(db, request_id)
    if found is None or found.state is RetryState.DROPPED:
        return False
    if found.state is RetryState.PLANNED:
        return True
    row = db.execute(IS_OVER, {"request_id": found.started_as}).fetchone()
    return row is not None and row[0] in ("asked", "queued", "running")


def purge(db: sqlite3.Connection, before_s: float) -> int:
    """Forget what was decided before; tell how much."""
    return db.execute(PURGE, {"before_s": before_s}).rowcount


def _load(row: tuple[Any, ...]) -> Retry:
    request_id, chain, _, _, _, _, _, plan, state, reason, started_as, _, due_s = row
    due_at = datetime.fromtimestamp(due_s, UTC)
    return Retry(request_id, chain, _plan(plan), RetryState(state), due_at, reason, started_as)


def _plan(text: str) -> RetryPlan:
    given = codec.load(text)
    return RetryPlan(**{**given, "cells": tuple(given["cells"])})
