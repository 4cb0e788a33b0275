"""Which classes are new: added by people, and held by no label version yet, so that no training knows them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key

_new: Kept[frozenset[str]] = Kept(4)


def new_classes(connection: Connection) -> frozenset[str]:
    """Codes of the classes that were added (collection.classes) and that neither an import nor a version holds.

    Examples
    --------
    >>> from labeling.collection import classes
    >>> from labeling.example import example_workspace
    >>> from labeling.journal.new_classes import new_classes
    >>> workspace = example_workspace()
    >>> with workspace.write() as connection:
    ...     added = classes.add_class(connection, "eastow", "Eastern Towhee", added_by="ann")
    ...     sorted(new_classes(connection))
    ['eastow']
    """
    versions = tables.label_versions
    newest_version = sa.select(sa.func.coalesce(sa.func.max(versions.c.position), -1)).scalar_subquery()
    # what a version holds never changes: entries up to its position are there when it is frozen
    marks = sa.select(
        sa.select(sa.func.max(tables.classes.c.id)).scalar_subquery(),
        sa.select(sa.func.max(versions.c.number)).scalar_subquery(),
        sa.select(sa.func.max(tables.imports.c.created_at)).scalar_subquery(),
    )
    classes, decisions, labels = tables.classes, tables.decisions, tables.imported_labels
    held = sa.exists().where(
        decisions.c.class_id == classes.c.id,
        decisions.c.verdict == "present",
        decisions.c.position <= newest_version,
    )
    imported = sa.exists().where(labels.c.class_id == classes.c.id)
    query = sa.select(classes.c.code).where(classes.c.added_by != "", ~imported, ~held)
    key = engine_key(connection), *connection.execute(marks).one()
    return _new.get(key, lambda: frozenset(connection.scalars(query)))
