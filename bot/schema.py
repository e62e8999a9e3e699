"""The tables, and how a statement becomes the text that the driver runs.

Statements are written in SQLAlchemy Core, so that another database needs another dialect and not other code, and
compiled once: on the journal's path a commit costs less than SQLAlchemy's own execution would.
"""

from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    column,
    literal_column,
    text,
)
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

if TYPE_CHECKING:
    from sqlalchemy.sql.expression import ClauseElement

HEAD = "0007"  # the newest migration in bot/migrations; a database with a newer one is refused

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
    # The first try of what this is a try of; none for that one.
    Column("chain", Text, nullable=False, server_default=text("''")),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("retrying", Text, nullable=False, server_default=text("''")),  # what it tries again, and which try it is
    Column("cancelled_by", Text, nullable=False, server_default=text("''")),  # the key of whoever did so through Gordon
    Column("author", Integer, nullable=False, server_default="0"),  # the account of whose pull request it is
    Index("builds_by_state", "state"),
    Index("builds_by_pull", "repo", "pull"),
    Index("builds_by_job", "server", "job"),
    Index("builds_by_name", "server", text("lower(job)"), "number"),  # Jenkins tells no case of a name from another
    Index("builds_by_item", "server", text("lower(job)"), "queue_id"),
    Index("builds_asked", "server", text("lower(job)"), sqlite_where=text("state = 'asked'")),
)

# Builds that are over and of which nobody knows yet why they ended so.
undiagnosed = Table(
    "undiagnosed",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("body", Text, nullable=False),  # its BuildFinished, whether that was told or not
    Column("is_told", Integer, nullable=False),
    Column("since_s", Float, nullable=False),
    # How often it was begun: what kills the process each time is given up.
    Column("tries", Integer, nullable=False, server_default="0"),
)

# Builds that failed for a reason that no kind of failure names; a question has it as it stands to find by its index.
UNEXPLAINED = text("kind IN ('unknown', 'new-failure') AND cell = ''")

# What is known of builds that are over, and of the cells of matrix builds; kept for longer than the builds themselves.
facts = Table(
    "facts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("request_id", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("cell", Text, nullable=False),  # "" for the build itself
    Column("context", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("pull", Integer, nullable=False),  # 0: not of a pull request
    Column("branch", Text, nullable=False),
    Column("sha", Text, nullable=False),
    Column("result", Text),
    Column("node", Text, nullable=False),
    Column("labels", Text, nullable=False),  # a list as JSON
    Column("tags", Text, nullable=False),  # an object as JSON
    Column("url", Text, nullable=False),
    Column("started_s", Float),
    Column("finished_s", Float, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("chain", Text, nullable=False),  # the request id of the first try, which may be its own
    Column("attempt", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("failure_class", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("retry", Integer),
    # What follows is for counting, and no part of what is told.
    Column("same", Text, nullable=False),  # what failures that are the same have in common; "" for none
    Column("counts", Integer, nullable=False),  # it passed or failed, and is no matrix build whose cells are here
    Column("flaky", Integer, nullable=False),  # it failed, and something of the same commit passed, before or after
    Column("again", Integer, nullable=False),  # it failed, and is flaky or was tried again on the same commit
    UniqueConstraint("request_id", "cell"),
    Index("facts_by_job", "server", "job", "cell", "branch", "finished_s"),
    Index("facts_by_number", "server", "job", "number"),
    Index("facts_by_end", "finished_s"),
    Index("facts_by_cause", "cause", "finished_s", sqlite_where=column("cause") != literal_column("''")),
    # With the build, as a storm may have tens of thousands of facts to be counted in one write.
    Index("facts_by_same", "same", "finished_s", "request_id", sqlite_where=column("same") != literal_column("''")),
    Index("facts_by_pull", "repo", "pull", "finished_s", sqlite_where=column("pull") != literal_column("0")),
    Index(
        "facts_by_commit",
        "sha",
        "server",
        "job",
        "cell",
        "finished_s",
        sqlite_where=column("sha") != literal_column("''"),
    ),
    Index("facts_by_chain", "chain"),
    Index("facts_unexplained", "finished_s", sqlite_where=UNEXPLAINED),
    sqlite_autoincrement=True,
)

# What facts come to, by the day (of UTC, counted from 1970), so that months are sums of few rows.
tallies = Table(
    "tallies",
    metadata,
    Column("kind", Text, primary_key=True),  # job, node, cause, test
    Column("day", Integer, primary_key=True),
    Column("server", Text, primary_key=True),  # "" for causes and tests, which are the same everywhere
    Column("name", Text, primary_key=True),
    Column("detail", Text, primary_key=True),  # of a node its labels and tags as JSON, as they were
    Column("runs", Integer, nullable=False),  # of jobs and nodes: builds, and cells
    Column("failed", Integer, nullable=False),  # by itself: for no fault of the change, see tallies.py
    Column("again", Integer, nullable=False),  # how many of those were tried again on the same commit
    Column("passed", Integer, nullable=False),  # and how many of these passed
    Column("last_s", Float, nullable=False),  # when it failed last
    sqlite_with_rowid=False,
)

# In which jobs a node ran, and a cause or test failed by itself.
places = Table(
    "places",
    metadata,
    Column("kind", Text, primary_key=True),  # node, cause, test
    Column("name", Text, primary_key=True),
    Column("server", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("failed", Integer, nullable=False),
    Column("last_s", Float, nullable=False),  # when it ran there, or failed, last
    Index("places_by_age", "kind", "last_s"),
    sqlite_with_rowid=False,
)

# What is quoted of the logs of those that failed.
evidence = Table(
    "evidence",
    metadata,
    Column("fact_id", Integer, primary_key=True),
    Column("why", Text, nullable=False),
    Column("line", Integer),
    Column("offset", Integer),
    Column("link", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("first_quoted", Integer, nullable=False),
    Column("quoted", Text, nullable=False),  # a list as JSON
    Column("partial", Text, nullable=False),
    Column("unread", Text, nullable=False),
)

failed_tests = Table(
    "failed_tests",
    metadata,
    Column("fact_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("finished_s", Float, nullable=False),
    Index("failed_tests_by_name", "name", "finished_s"),
)

# Logs that are kept, compressed and without secrets, in the folder `logs` beside the database.
kept_logs = Table(
    "kept_logs",
    metadata,
    Column("fact_id", Integer, primary_key=True),
    Column("server", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("is_green", Integer, nullable=False),
    Column("file", Text, nullable=False),
    Column("stored_bytes", Integer, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("kept_s", Float, nullable=False),
    Index("kept_logs_by_job", "server", "job", "is_green", "kept_s"),
    Index("kept_logs_by_age", "kept_s"),
)

# Signatures that people have added in chat.
known = Table(
    "known",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),  # the signature as JSON
    Column("person", Text, nullable=False),
    Column("is_unproven", Integer, nullable=False),
    Column("at_s", Float, nullable=False),
)

# What was decided about builds that failed: one row for each that is, was or was not tried again.
retries = Table(
    "retries",
    metadata,
    Column("request_id", Text, primary_key=True),  # of the build that failed
    Column("chain", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("node", Text, nullable=False),  # that it failed on
    Column("pull", Text, nullable=False),  # "" for none
    Column("cause", Text, nullable=False),
    Column("plan", Text, nullable=False),  # as JSON
    Column("state", Text, nullable=False),  # planned, started, dropped
    Column("reason", Text, nullable=False),
    Column("started_as", Text, nullable=False),
    Column("decided_s", Float, nullable=False),
    Column("due_s", Float, nullable=False),
    Index("retries_by_cause", "cause", "decided_s"),
    Index("retries_by_age", "decided_s"),
    Index("retries_by_chain", "chain"),
)

# Causes of which so many builds have failed that they are not tried again for now.
storms = Table(
    "storms",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("since_s", Float, nullable=False),
    Column("last_s", Float, nullable=False),  # when the newest of these builds failed
    Column("trial", Text, nullable=False),  # the request id of the one failure that is tried again to see; "" for none
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
    Column("head_since_s", Float),  # when it had changed last as its head was first told; no push to that came later
    Column("head_told_s", Float),  # when it was told here last that its head was pushed, by our clock
    Index("pulls_by_state", "repo", "is_open"),
)

# The commit of a pull request that somebody has found ok to test.
trusted = Table(
    "trusted",
    metadata,
    Column("repo", Text, primary_key=True),  # in small letters, as with pulls
    Column("pull", Integer, primary_key=True),
    Column("sha", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at_s", Float, nullable=False),
    Column("updated_s", Float, nullable=False),  # when the pull request had changed last, by the forge's clock
)

# What people, and channels, want to hear of, or not.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("wish", Text, primary_key=True),  # watch, mute
    Column("person", Text, primary_key=True),  # "" for a channel
    Column("network", Text, primary_key=True),
    Column("channel", Text, primary_key=True),  # in small letters; "" for a person
    Column("what", Text, primary_key=True),  # pull:moby/moby#7, job:ci/win, author:tianon
    Column("place", Text, nullable=False),  # as JSON
    Column("account", Text, nullable=False),
    Column("until_s", Float, nullable=False),
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

# Which message shows a slot at a place, to edit it.
shown = Table(
    "shown",
    metadata,
    Column("place", Text, primary_key=True),
    Column("slot", Text, primary_key=True),
    Column("message", Text, nullable=False),
    Column("at_s", Float, nullable=False),
    Index("shown_by_age", "at_s"),
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

timetable = Table(
    "timetable",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("when_text", Text, nullable=False),  # as `When` spells it
    Column("payload", Text, nullable=False),  # as JSON
    Column("next_s", Float),  # by the wall clock; none if it never comes, or if the text cannot be read any more
    Column("is_configured", Integer, nullable=False),
    Column("away_s", Float),  # by the wall clock, since when its plugin is not switched on any more; none if it is
)

# Accounts that people have joined to those they have; accounts stand as they are compared.
links = Table(
    "links",
    metadata,
    Column("network", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("to_network", Text, nullable=False),
    Column("to_account", Text, nullable=False),
    Column("to_name", Text, nullable=False),
    Column("to_evidence", Text, nullable=False),
    Column("person", Text, nullable=False),  # who that was then
    Column("at_s", Float, nullable=False),
    Column("event_key", Text, nullable=False),
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
