"""Jobs of more than one kind in the one queue: trainings, and replays with what they were asked to do."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("kind", sa.Text, nullable=False, server_default="training"))
    op.add_column("runs", sa.Column("request", sa.JSON, nullable=False, server_default="{}"))
