"""snippet.py: what the collection says of clips, of those that are asked for and are there."""

from __future__ import annotations

import sqlalchemy as sa

from labeling.storage import tables
from labeling.workspace import Workspace
from pages.ui.routes.snippet import clips_of, roles_of


def test_clips_and_roles_are_those_that_were_asked_for(collection: Workspace) -> None:
    clips, labels, classes = tables.clips.c, tables.imported_labels.c, tables.classes.c
    with collection.read() as connection:
        clip_id, name, duration_s = connection.execute(sa.select(clips.id, clips.filename, clips.duration_s)).first()
        told = sa.select(classes.code, labels.role).where(labels.class_id == classes.id, labels.clip_id == clip_id)
        roles = {(clip_id, code): role for code, role in connection.execute(told)}
        assert clips_of(connection, {clip_id, 10**6}) == {clip_id: (name, duration_s, 0)}
        assert roles_of(connection, {clip_id, 10**6}) == roles
        assert roles
