"""How many looks a cell needs, who is at which clip, and whose work is what."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "needed_looks",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.CheckConstraint("kind in ('missing', 'false', 'audit')", name="needed_looks_kind"),
        sa.CheckConstraint("looks between 1 and 5", name="needed_looks_looks"),
    )
    op.create_table(
        "leases",
        sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), primary_key=True),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Text, nullable=False),
    )
    op.create_index("leases_holder", "leases", ["holder"])
    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("assigned_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.CheckConstraint("kind in ('class', 'share', 'import', 'folder')", name="assignments_kind"),
        sa.UniqueConstraint("reviewer", "kind", "part", name="assignments_once"),
        sqlite_autoincrement=True,
    )
