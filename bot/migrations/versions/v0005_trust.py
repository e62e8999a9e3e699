"""Which commits were found ok to test, since when a head is known, whose a build is; and who watches or mutes what."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("builds", sa.Column("author", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("pulls", sa.Column("head_since_s", sa.Float(), nullable=True))
    op.add_column("pulls", sa.Column("head_told_s", sa.Float(), nullable=True))
    op.create_table(
        "trusted",
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("pull", sa.Integer(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.Column("updated_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("repo", "pull"),
    )
    op.create_table(
        "subscriptions",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("wish", "person", "network", "channel", "what", "place", "account")
        ),
        sa.Column("until_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("wish", "person", "network", "channel", "what"),
    )
