"""A snippet as the wall's scripts get it, whatever was asked for: a stretch of a clip to hear, to see and to decide."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.storage import database as db
from labeling.storage import tables
from pages.ui import signing
from pages.ui.shared import shapes


def plain_snippet(
    secret: bytes, clip_id: int, title: str, channel: int, sounds_s: tuple[float, float], shown_s: tuple[float, float],
    role: str = "",
) -> shapes.Snippet:  # fmt: skip
    """A clip that sounds from ``sounds_s[0]`` to ``[1]`` and is shown from ``shown_s[0]`` to ``[1]``, with signed URLs.

    Its ``id`` is the clip's; it is undecided and without scores: whoever knows more says so over it.
    """
    return {
        "id": str(clip_id),
        "clip_id": clip_id,
        "title": title,
        "kind": "",
        "role": role,
        "verdict": "",
        "p_wrong": 0.0,
        "clipwise": 0.0,
        "framewise": 0.0,
        "onset_s": round(sounds_s[0], 3),
        "offset_s": round(sounds_s[1], 3),
        "from_s": round(shown_s[0], 3),
        "to_s": round(shown_s[1], 3),
        "audio_url": signing.audio_url(secret, clip_id, channel),
        "tile_url": signing.tile_url(secret, clip_id, channel),
    }


def clips_of(connection: Connection, clip_ids: Collection[int]) -> dict[int, tuple[str, float, int]]:
    """The name, the duration in seconds and the channel of clips, of those that are there."""
    clips = tables.clips.c
    query = sa.select(clips.id, clips.filename, clips.duration_s, clips.channel).where(clips.id.in_(clip_ids))
    return {clip_id: (name, duration_s, channel) for clip_id, name, duration_s, channel in db.fetch(connection, query)}


def roles_of(connection: Connection, clip_ids: Collection[int]) -> dict[tuple[int, str], str]:
    """The role of each label that clips were imported with, by clip and class."""
    labels, classes = tables.imported_labels.c, tables.classes.c
    query = sa.select(labels.clip_id, classes.code, labels.role).where(
        labels.class_id == classes.id, labels.clip_id.in_(clip_ids)
    )
    return {(clip_id, code): role for clip_id, code, role in db.fetch(connection, query)}
