"""Which channel of a clip is seen, heard and trained on, kept for everybody; 0 is the mix of all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError
from labeling.records import Clip
from labeling.storage import database as db
from labeling.storage import tables


def set_channel(connection: Connection, clip_id: int, channel: int) -> Clip:
    """Keep for everybody which channel of a clip is seen, heard and trained on; 0 is the mix. Returns the clip.

    Raises DataError for a clip that is not there, or a channel that it does not have.
    """
    clip = store.clip_by_id(connection, clip_id)
    if clip is None:
        raise DataError(f"there is no clip {clip_id} in this workspace")
    if not 0 <= channel <= clip.channels:
        raise DataError(f"{clip.filename}: channel {channel}; give 0 (the mix) to {clip.channels}")
    connection.execute(sa.update(tables.clips).where(tables.clips.c.id == clip_id).values(channel=channel))
    return replace(clip, channel=channel)


def channels_of(connection: Connection, clip_ids: Collection[int]) -> dict[int, int]:
    """The channel that stands for each of some clips, by clip id, where it is not the mix."""
    clips = tables.clips
    query = sa.select(clips.c.id, clips.c.channel).where(clips.c.channel != 0, clips.c.id.in_(clip_ids))
    return dict(db.fetch(connection, query))
