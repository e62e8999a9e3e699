"""When plugins want to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "timetable",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("plugin", "name", "when_text", "payload")),
        sa.Column("next_s", sa.Float(), nullable=True),
        sa.Column("is_configured", sa.Integer(), nullable=False),
        sa.Column("away_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("plugin", "name"),
    )
