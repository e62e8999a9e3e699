"""Why builds ended as they did: facts, what is quoted of logs, which logs are kept, and what was tried again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("builds", sa.Column("chain", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("builds", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("builds", sa.Column("retrying", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("builds", sa.Column("cancelled_by", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_index("builds_by_name", "builds", ["server", sa.text("lower(job)"), "number"], unique=False)
    op.create_index("builds_by_item", "builds", ["server", sa.text("lower(job)"), "queue_id"], unique=False)
    op.create_index(
        "builds_asked",
        "builds",
        ["server", sa.text("lower(job)")],
        unique=False,
        sqlite_where=sa.text("state = 'asked'"),
    )
    op.create_table(
        "undiagnosed",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("is_told", sa.Integer(), nullable=False),
        sa.Column("since_s", sa.Float(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_table(
        "facts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("pull", sa.Integer(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("started_s", sa.Float(), nullable=True),
        sa.Column("finished_s", sa.Float(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("failure_class", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("retry", sa.Integer(), nullable=True),
        sa.Column("same", sa.Text(), nullable=False),
        sa.Column("counts", sa.Integer(), nullable=False),
        sa.Column("flaky", sa.Integer(), nullable=False),
        sa.Column("again", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request_id", "cell"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "facts_by_cause", "facts", ["cause", "finished_s"], unique=False, sqlite_where=sa.text("cause != ''")
    )
    op.create_index("facts_by_chain", "facts", ["chain"], unique=False)
    op.create_index(
        "facts_by_commit",
        "facts",
        ["sha", "server", "job", "cell", "finished_s"],
        unique=False,
        sqlite_where=sa.text("sha != ''"),
    )
    op.create_index("facts_by_end", "facts", ["finished_s"], unique=False)
    op.create_index("facts_by_job", "facts", ["server", "job", "cell", "branch", "finished_s"], unique=False)
    op.create_index("facts_by_number", "facts", ["server", "job", "number"], unique=False)
    op.create_index(
        "facts_by_pull", "facts", ["repo", "pull", "finished_s"], unique=False, sqlite_where=sa.text("pull != 0")
    )
    op.create_index(
        "facts_by_same", "facts", ["same", "finished_s", "request_id"], unique=False, sqlite_where=sa.text("same != ''")
    )
    op.create_index(
        "facts_unexplained",
        "facts",
        ["finished_s"],
        unique=False,
        sqlite_where=sa.text("kind IN ('unknown', 'new-failure') AND cell = ''"),
    )
    op.create_table(
        "tallies",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("again", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("last_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "day", "server", "name", "detail"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "places",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "server", "job"),
        sqlite_with_rowid=False,
    )
    op.create_index("places_by_age", "places", ["kind", "last_s"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("fact_id", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("offset", sa.Integer(), nullable=True),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_quoted", sa.Integer(), nullable=False),
        sa.Column("quoted", sa.Text(), nullable=False),
        sa.Column("partial", sa.Text(), nullable=False),
        sa.Column("unread", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fact_id"),
    )
    op.create_table(
        "failed_tests",
        sa.Column("fact_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("finished_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("fact_id", "name"),
    )
    op.create_index("failed_tests_by_name", "failed_tests", ["name", "finished_s"], unique=False)
    op.create_table(
        "kept_logs",
        sa.Column("fact_id", sa.Integer(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("is_green", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("stored_bytes", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("kept_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("fact_id"),
    )
    op.create_index("kept_logs_by_age", "kept_logs", ["kept_s"], unique=False)
    op.create_index("kept_logs_by_job", "kept_logs", ["server", "job", "is_green", "kept_s"], unique=False)
    op.create_table(
        "known",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("is_unproven", sa.Integer(), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "retries",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("pull", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_as", sa.Text(), nullable=False),
        sa.Column("decided_s", sa.Float(), nullable=False),
        sa.Column("due_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("retries_by_age", "retries", ["decided_s"], unique=False)
    op.create_index("retries_by_cause", "retries", ["cause", "decided_s"], unique=False)
    op.create_index("retries_by_chain", "retries", ["chain"], unique=False)
    op.create_table(
        "storms",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("since_s", sa.Float(), nullable=False),
        sa.Column("last_s", sa.Float(), nullable=False),
        sa.Column("trial", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cause"),
    )
    op.create_table(
        "shown",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("place", "slot"),
    )
    op.create_index("shown_by_age", "shown", ["at_s"], unique=False)
    _take_over_ends()


def _take_over_ends() -> None:
    """Have the ends diagnosed that the plugin `outcomes` and the statuses had not told: others tell of them then."""
    op.execute(
        "INSERT OR IGNORE INTO undiagnosed (request_id, body, is_told, since_s) "
        "SELECT json_extract(body, '$.request_id'), body, 1, accepted_s FROM events "
        "WHERE kind = 'BuildFinished' AND body IS NOT NULL AND key IN "
        "(SELECT event_key FROM deliveries WHERE handler IN ('outcomes.keep', 'statuses.tell_finished'))"
    )
    op.execute("DELETE FROM deliveries WHERE handler IN ('outcomes.keep', 'statuses.tell_finished')")
    op.execute("UPDATE deliveries SET handler = 'failures.warn' WHERE handler = 'outcomes.warn'")
