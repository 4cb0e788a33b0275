"""Stretches that somebody chose together."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "chosen_stretches",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("stretches", sa.LargeBinary, nullable=False),
    )
