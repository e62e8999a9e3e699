"""Accounts that people have joined to those they have."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "links",
        *(
            sa.Column(f"{side}{name}", sa.Text(), nullable=False)
            for side in ("", "to_")
            for name in ("network", "account", "name", "evidence")
        ),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("network", "account"),
    )
