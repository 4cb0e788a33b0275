"""Clips known by collection, relative name and bytes; how each table calls them; copies; contested cells."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ADDED = {
    "imports": ("name", "collection"),
    "clips": ("collection", "relative", "fingerprint", "import_name"),
}
GENERIC = ("train", "train_metadata", "metadata", "labels", "meta", "table", "index")


def upgrade() -> None:
    connection = op.get_bind()
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, sa.Column(column, sa.Text, nullable=False, server_default=""))
    op.add_column("decisions", sa.Column("copy_of", sa.Integer))
    op.create_index("clips_content_hash", "clips", ["content_hash"])
    op.create_index("decisions_copy_of", "decisions", ["copy_of"])
    op.create_table(
        "import_clips",
        sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), nullable=False),
    )
    op.create_table(
        "contested_cells",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), nullable=False),
        sa.Column("class_id", sa.Integer, sa.ForeignKey("classes.id"), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("other_clip_id", sa.Integer, sa.ForeignKey("clips.id")),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id")),
        sa.CheckConstraint("reason in ('table', 'file', 'sound')", name="contested_cells_reason"),
        sqlite_autoincrement=True,
    )
    op.create_index("contested_cells_clip", "contested_cells", ["clip_id"])
    _name_what_is_there(connection)


def _name_what_is_there(connection: sa.Connection) -> None:
    """Every import of before gets a name and a collection by its table, every clip those of its import."""
    imports = sa.table("imports", *map(sa.column, ("id", "source", "table_name", "name", "collection")))
    clips = sa.table("clips", *map(sa.column, ("import_id", "filename", "collection", "relative", "import_name")))
    names: dict[str, str] = {}
    query = sa.select(imports.c.id, imports.c.source, imports.c.table_name).order_by(imports.c.id)
    rows: list[Any] = list(connection.execute(query))
    for import_id, source, table_name in rows:
        folder = Path(source)
        if folder.name != table_name:  # the folder was given, not its table
            folder = folder / table_name
        name = names.setdefault(str(folder), _free(_name(folder), names.values()))
        connection.execute(sa.update(imports).where(imports.c.id == import_id).values(name=name, collection=name))
        connection.execute(
            sa.update(clips)
            .where(clips.c.import_id == import_id)
            .values(collection=name, import_name=name, relative=clips.c.filename)
        )


def _name(table: Path) -> str:
    stem: str = table.stem
    return table.parent.name if stem.lower() in GENERIC and table.parent.name else stem


def _free(name: str, taken: Iterable[Any]) -> str:
    known = set(taken)
    return next(
        free
        for number in range(1, len(known) + 2)
        if (free := name if number == 1 else f"{name} {number}") not in known
    )
