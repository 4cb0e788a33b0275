"""Who added a class that no clip was imported with; "" for one that came with an import."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("classes", sa.Column("added_by", sa.Text, nullable=False, server_default=""))
