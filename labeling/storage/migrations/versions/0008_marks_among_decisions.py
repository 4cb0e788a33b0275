"""Where the journal stood when a mark was left, so that undo knows which came last whatever the clock says."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("marks", sa.Column("after_position", sa.Integer))
