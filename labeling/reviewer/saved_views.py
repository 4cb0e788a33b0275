"""Saved views: filters of the queue that a reviewer keeps under a name, and may share with everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import checked, reviewer_name
from labeling.workspace import Workspace

MOST_SIGNS = 80  # of a name
MOST_VIEWS = 100  # of a reviewer
MOST_PARAMS = 4_000  # signs of all parameters: what a URL can hold


@dataclass(frozen=True)
class SavedView:
    """A filter under a name; ``params`` are the parameters of the queue's URL."""

    reviewer: str
    name: str
    params: Mapping[str, str]
    shared: bool = False


def all_views(connection: Connection, reviewer: str) -> list[SavedView]:
    """The reviewer's own views by name, then those that others share."""
    table, reviewer = tables.saved_views, reviewer.strip()
    query = (
        sa.select(table.c.reviewer, table.c.name, table.c.params, table.c.shared)
        .where((table.c.reviewer == reviewer) | table.c.shared)
        .order_by(table.c.reviewer != reviewer, table.c.name, table.c.reviewer)
    )
    return [SavedView(*row) for row in db.fetch(connection, query)]


def save(workspace: Workspace, view: SavedView) -> SavedView:
    """Keep a view, in the place of the reviewer's own one of that name; returns it as stored.

    Raises DataError for a name of none or more than MOST_SIGNS, parameters longer than a URL, or one view too many.
    """
    name = checked(view.name, "the view's name", MOST_SIGNS, least=1)
    params = {checked(key, "a parameter", 100): str(value) for key, value in view.params.items()}
    checked("&".join(params.values()), "the view", MOST_PARAMS)
    saved = SavedView(reviewer_name(view.reviewer), name, params, view.shared)
    with workspace.write() as connection:
        where = {"reviewer": saved.reviewer, "name": saved.name}
        db.put_one(
            connection, tables.saved_views, where, {"params": params, "shared": saved.shared, "changed_at": db.now()}
        )
        mine = sa.select(sa.func.count()).where(tables.saved_views.c.reviewer == saved.reviewer)
        if (connection.scalar(mine) or 0) > MOST_VIEWS:
            raise DataError(f"{saved.reviewer!r} keeps {MOST_VIEWS} views, the most there can be; delete one first")
    return saved


def delete(workspace: Workspace, reviewer: str, name: str) -> None:
    """Forget a view of this reviewer's; one that is not there is gone already."""
    table = tables.saved_views
    with workspace.write() as connection:
        connection.execute(sa.delete(table).where(table.c.reviewer == reviewer.strip(), table.c.name == name.strip()))
