"""The first schema: its tables as ``labeling/storage/tables.py`` has them, and the triggers that keep the journal."""

from alembic import op

from labeling.storage.database import refuse_changes
from labeling.storage.tables import metadata

revision = "0001"
down_revision = None

TABLES = (
    "imports",
    "classes",
    "clips",
    "imported_labels",
    "decisions",
    "cells",
    "label_versions",
    "runs",
    "workers",
    "rankings",
)


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection, tables=[metadata.tables[name] for name in TABLES])
    for table in ("decisions", "label_versions", "imported_labels"):
        refuse_changes(connection, table)
