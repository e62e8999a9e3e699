"""The tables, and how a statement becomes the text that the driver runs.

Statements are written in SQLAlchemy Core, so that another database needs another dialect and not other code, and
compiled once: on the journal's path a commit costs less than SQLAlchemy's own execution would.
"""

from typing import TYPE_CHECKING

from sqlalchemy import Column, Float, Index, Integer, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

if TYPE_CHECKING:
    from sqlalchemy.sql.expression import ClauseElement

HEAD = "0003"  # the newest migration in bot/migrations; a database with a newer one is refused

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("accepted_s", Float, nullable=False),
    Column("body", Text),  # gone once nobody needs the event any more; the key stays to know a repeat
    Index("events_by_age", "accepted_s"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("event_key", Text, nullable=False),
    Column("handler", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, waiting, dead; a finished one is deleted
    Column("not_before_s", Float, nullable=False),
    Column("until_s", Float),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_s", Float, nullable=False),
    UniqueConstraint("event_key", "handler"),
    sqlite_autoincrement=True,
)

effects = Table(
    "effects",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("event_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # sending, sent, void, unsure
    Column("external", Text),
    Column("reason", Text, nullable=False),
    Column("recorded_s", Float, nullable=False),
    Index("effects_by_state", "state"),
    sqlite_autoincrement=True,
)

builds = Table(
    "builds",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("effect_key", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("pull", Integer, nullable=False),  # 0: not of a pull request
    Column("sha", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("state", Text, nullable=False),  # asked, queued, running, lost, finished, void, unsure: see builds.py
    Column("session", Text, nullable=False),  # the server's start during which it was queued
    Column("queue_id", Integer),
    Column("number", Integer),
    Column("url", Text, nullable=False),
    Column("result", Text),
    Column("asked_s", Float, nullable=False),
    Column("finished_s", Float),
    # Those that Gordon was not asked for are watched because their job is configured.
    Column("ours", Integer, nullable=False, server_default="1"),
    Column("started_s", Float),  # by the server's clock; none until the build itself was seen
    Column("note", Text),  # what befell it on its way, for people
    Index("builds_by_state", "state"),
    Index("builds_by_pull", "repo", "pull"),
    Index("builds_by_job", "server", "job"),
)

# How far the builds of a configured job were told; what is there at the first look is the past.
marks = Table(
    "marks",
    metadata,
    Column("server", Text, primary_key=True),
    Column("job", Text, primary_key=True),  # in lower case; a multibranch project has one, too, with the number 0
    Column("number", Integer, nullable=False),
    Column("looked_s", Float, nullable=False),  # to the day
)

# Agents that are down, or were told to be; one that is up and of which nothing is to be told has no row.
nodes = Table(
    "nodes",
    metadata,
    Column("server", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("is_down", Integer, nullable=False),  # as it was last seen
    Column("since_s", Float, nullable=False),  # seen so without a break
    Column("told_down_s", Float),  # since when it is down by what was told; none if nothing was
    Column("looked_s", Float, nullable=False),  # to the day
)

# Each pull request as the forge told it last; the row stays when it is closed, so that old news is known as such.
pulls = Table(
    "pulls",
    metadata,
    Column("repo", Text, primary_key=True),  # in lower case, as are the names of `compared`
    Column("number", Integer, primary_key=True),
    Column("is_open", Integer, nullable=False),
    Column("merged", Integer, nullable=False),
    Column("draft", Integer, nullable=False),
    Column("head", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("labels", Text, nullable=False),  # a list as JSON
    Column("author", Text, nullable=False),
    Column("author_id", Integer, nullable=False),
    Column("head_repo", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("updated_s", Float),  # by the forge's clock, to the second; none if it did not tell
    Column("serial", Integer, nullable=False),  # counts the changes of what stands above
    Column("seen_s", Float, nullable=False),
    Index("pulls_by_state", "repo", "is_open"),
)

# Which deliveries of webhooks were taken in.
hook_deliveries = Table(
    "hook_deliveries",
    metadata,
    Column("guid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("at_s", Float, nullable=False),
    Index("hook_deliveries_by_age", "at_s"),
)

# When a repository's pull requests were last compared with the forge; what the first time finds is the past.
compared = Table(
    "compared",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("at_s", Float, nullable=False),
)

asks = Table(
    "asks",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("event_key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("place", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("network", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("state", Text, nullable=False),  # ready, sending; a sent one is deleted
    Column("at_s", Float, nullable=False),
    sqlite_autoincrement=True,
)

plugin_state = Table(
    "plugin_state",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

strikes = Table(
    "strikes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("plugin", Text, nullable=False),
    Column("kind", Text, nullable=False),  # stuck; plain failures are counted in memory
    Column("at_s", Float, nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at_s", Float, nullable=False),
    Column("short_id", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("audit_by_short_id", "short_id"),
)

_dialect = sqlite_dialect(paramstyle="named")


def sql(statement: "ClauseElement") -> str:
    """Tell the SQL text of a statement, with `:name` for each of its parameters."""
    return str(statement.compile(dialect=_dialect))
