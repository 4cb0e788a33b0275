"""The first schema: the tables of ``labeling/database.py``, and the triggers that keep the journal."""

from alembic import op

from labeling.database import INSERT_ONLY, metadata, refuse_changes

revision = "0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection)
    for table in INSERT_ONLY:
        refuse_changes(connection, table)
