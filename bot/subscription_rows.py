"""The rows of what people, and channels, want to hear of or not: one for each thing that somebody watches or mutes."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot import codec
from bot.schema import sql, subscriptions
from bot.values import (
    AuthorRef,
    BuildRef,
    ContextRef,
    JobRef,
    NodeRef,
    PullRef,
    RepoRef,
    Subscription,
    Watchable,
    Wish,
)

_c = subscriptions.c
KEY = tuple(column.name for column in subscriptions.primary_key.columns)
_put = upsert(subscriptions)
PUT = sql(
    _put.on_conflict_do_update(
        index_elements=KEY,
        set_={column.name: _put.excluded[column.name] for column in subscriptions.columns if not column.primary_key},
    )
)
ALL = sql(select(subscriptions).order_by(*(_c[name] for name in KEY)))
ONE = and_(*(_c[name] == bindparam(name) for name in KEY))
# Of a person what they have on all networks; of a channel its own.
_whose = and_(
    _c.person == bindparam("person"),
    or_(_c.person != bindparam("nobody"), and_(_c.network == bindparam("network"), _c.channel == bindparam("channel"))),
)
FORGET_EVERYWHERE = sql(delete(subscriptions).where(_whose, _c.wish == bindparam("wish"), _c.what == bindparam("what")))
COUNT = sql(select(func.count()).where(_whose, _c.until_s > bindparam("now_s")))
HAS = sql(select(func.count()).where(ONE))
PURGE = sql(delete(subscriptions).where(_c.until_s < bindparam("before_s")))


def all_of_them(db: sqlite3.Connection) -> Sequence[Subscription]:
    """Read all of them."""
    return [_subscription(row) for row in db.execute(ALL).fetchall()]


def put(db: sqlite3.Connection, one: Subscription) -> None:
    """Write one, in the place of an earlier one of the same."""
    given = {"place": codec.dump_place(one.place), "account": one.account, "until_s": one.until.timestamp()}
    db.execute(PUT, key_of(one) | given)


def has(db: sqlite3.Connection, one: Subscription) -> bool:
    """Tell whether there is one of the same."""
    return bool(db.execute(HAS, key_of(one)).fetchone()[0])


def count(db: sqlite3.Connection, one: Subscription, now_s: float) -> int:
    """Count all that whoever has this one has, as far as it is not over."""
    return int(db.execute(COUNT, key_of(one) | {"nobody": "", "now_s": now_s}).fetchone()[0])


def forget(db: sqlite3.Connection, one: Subscription) -> bool:
    """Forget what is the same, of a person on all networks; tell whether it was there."""
    return bool(db.execute(FORGET_EVERYWHERE, key_of(one) | {"nobody": ""}).rowcount)


def purge(db: sqlite3.Connection, before_s: float) -> None:
    """Forget those that were over before."""
    db.execute(PURGE, {"before_s": before_s})


def key_of(one: Subscription) -> dict[str, str]:
    """Tell what makes two of them the same: whose, where and of what they are."""
    return {
        "wish": one.wish.value,
        "person": one.person,
        "network": one.place.network,
        "channel": "" if one.person else one.place.channel.lower(),
        "what": dump(one.what),
    }


def dump(what: Watchable) -> str:
    """Write what somebody watches or mutes as text."""
    match what:
        case PullRef():
            return f"pull:{what}"
        case BuildRef():
            return f"build:{what.job.server}/{what}"
        case JobRef():
            return f"job:{what.server}/{what}"
        case ContextRef():
            return f"context:{what.repo}:{what.name}"
        case AuthorRef():
            return str(what)
        case RepoRef():
            return f"repo:{what}"
        case NodeRef():
            return f"node:{what.server}/{what}"


def load(text: str) -> Watchable:
    """Read it back."""
    kind, _, rest = text.partition(":")
    server, _, name = rest.partition("/")
    match kind:
        case "pull":
            repo, _, number = rest.rpartition("#")
            return PullRef(repo, int(number))
        case "build":
            job, _, number = name.rpartition("#")
            return BuildRef(JobRef(server, job), int(number))
        case "job":
            return JobRef(server, name)
        case "context":
            return ContextRef(*rest.split(":", 1))
        case "author":
            return AuthorRef(rest)
        case "node":
            return NodeRef(server, name)
        case _:
            return RepoRef(rest)


def _subscription(row: Sequence[Any]) -> Subscription:
    wish, person, _, _, what, place, account, until_s = row
    until = datetime.fromtimestamp(until_s, UTC)
    return Subscription(Wish(wish), load(what), codec.load_place(place), until, person, account)
