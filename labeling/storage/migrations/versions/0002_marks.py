"""What reviewers leave behind besides decisions: marks on clips, preferences, saved views of the queue."""

import sqlalchemy as sa
from alembic import op

from labeling.storage.database import refuse_changes

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "marks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("removes", sa.Integer, sa.ForeignKey("marks.id")),
        sa.CheckConstraint("kind in ('note', 'flag', 'later', 'skip')", name="marks_kind"),
        sqlite_autoincrement=True,
    )
    op.create_index("marks_clip", "marks", ["clip_id"])
    op.create_index("marks_removes", "marks", ["removes"])
    op.create_index("marks_kind_reviewer", "marks", ["kind", "reviewer"])
    op.create_table(
        "preferences",
        sa.Column("reviewer", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Text, nullable=False),
    )
    op.create_table(
        "saved_views",
        sa.Column("reviewer", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.Text, nullable=False),
    )
    op.create_index("saved_views_shared", "saved_views", ["shared"])
    refuse_changes(op.get_bind(), "marks")
    op.create_index("decisions_batch", "decisions", ["batch_id"], if_not_exists=True)  # later first schemas had it
