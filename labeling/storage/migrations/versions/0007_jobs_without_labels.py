"""Jobs that need no labels, such as embeddings, have no label version."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.alter_column("runs", "label_version", nullable=True)
        return
    # SQLite cannot drop a NOT NULL, and to make the table anew would drop what refers to it. Its manual's way for what
    # changes no row (lang_altertable, 7): put the statement right by which it made the table.
    version = int(connection.exec_driver_sql("PRAGMA schema_version").scalar_one())
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, 'label_version INTEGER NOT NULL', 'label_version INTEGER') "
        "WHERE type = 'table' AND name = 'runs'"
    )
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")
