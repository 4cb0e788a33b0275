"""Which channel of a clip is seen, heard and trained on: 0 is the mix of all, as it was for every clip before."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("clips", sa.Column("channel", sa.Integer, nullable=False, server_default="0"))
