"""Clips of which only some classes were listened for, which of them are not there, and who says an imported label."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("clips", sa.Column("partial", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "stated_absences",
        sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), primary_key=True),
        sa.Column("class_id", sa.Integer, sa.ForeignKey("classes.id"), primary_key=True),
    )
    op.add_column("imported_labels", sa.Column("who", sa.Text, nullable=False, server_default=""))
    op.add_column("imported_labels", sa.Column("confidence", sa.Float))
