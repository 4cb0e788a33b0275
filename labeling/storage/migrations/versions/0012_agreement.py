"""The rule by which a label version was made, and answers to notes."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("label_versions", sa.Column("rule", sa.Text, nullable=False, server_default="latest"))
    op.add_column("label_versions", sa.Column("weights", sa.JSON, nullable=False, server_default="{}"))
    # in words of our own: for SQLite, Alembic would copy the table, which takes no changes
    op.execute("ALTER TABLE marks ADD COLUMN reply_to INTEGER REFERENCES marks (id)")
