"""Builds that others started, what befell a build on its way, how far jobs were told, and agents that are down."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("builds", sa.Column("ours", sa.Integer(), server_default="1", nullable=False))
    op.add_column("builds", sa.Column("started_s", sa.Float(), nullable=True))
    op.add_column("builds", sa.Column("note", sa.Text(), nullable=True))
    op.create_index("builds_by_job", "builds", ["server", "job"], unique=False)
    op.create_table(
        "marks",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("looked_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("server", "job"),
    )
    op.create_table(
        "nodes",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_down", sa.Integer(), nullable=False),
        sa.Column("since_s", sa.Float(), nullable=False),
        sa.Column("told_down_s", sa.Float(), nullable=True),
        sa.Column("looked_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("server", "name"),
    )
