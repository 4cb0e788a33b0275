"""Clips that are there already: what a file that was found again, moved or replaced changes of them.

Their names, labels and decisions stay. A file that is gone changes nothing: it may come back, and what people decided
and what a label version holds must not depend on a disk that is not plugged in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection.formats import Problem
from labeling.collection.probing import Probed, fingerprint, is_there
from labeling.collection.store import KnownClip
from labeling.records import USABLE
from labeling.storage import tables
from labeling.storage.remote import is_url


@dataclass(frozen=True)
class Renewal:
    """A known clip and what is true of its file now. ``relinked``: found where it was not before."""

    clip: KnownClip
    path: str
    probed: Probed
    content_hash: str = ""
    status: str = ""
    reason: str = ""

    @property
    def relinked(self) -> bool:
        """Whether it has another place, or sound for the first time."""
        return self.path != self.clip.path or self.first

    @property
    def first(self) -> bool:
        """Whether sound was never read from it before."""
        return self.clip.status not in USABLE and self.probed.status in USABLE

    @property
    def other_sound(self) -> bool:
        """Whether its file has other bytes than the one that people heard."""
        before = self.clip.fingerprint
        return self.clip.status in USABLE and bool(before) and before != self.probed.fingerprint


def as_before(pairs: Iterable[tuple[KnownClip, str]]) -> set[int]:
    """Ids of the clips of which nothing is to be looked at: usable ones whose file lies where it lay, unchanged.

    ``pairs`` are clips and the paths where they should lie. Fingerprints are compared, or sizes where none was kept; of
    a URL nothing is asked.
    """
    there = [clip for clip, path in pairs if clip.status in USABLE and clip.path == path]
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 2)) as pool:
        return {
            clip.id for clip, same in zip(there, pool.map(_is_unchanged, there, chunksize=256), strict=True) if same
        }


def _is_unchanged(clip: KnownClip) -> bool:
    if is_url(clip.path):
        return True
    if clip.fingerprint:
        return fingerprint(clip.path)[1] == clip.fingerprint
    try:
        return os.path.getsize(clip.path) == clip.size_bytes
    except OSError:
        return False


def renewals(
    looked_at: Sequence[tuple[KnownClip, str, Probed]], rows: Mapping[int, int], problems: list[Problem]
) -> list[Renewal]:
    """What to renew, of clips with the path and the state of their file; ``rows`` are the clips' in the table.

    What is gone or cannot be read any more is told in ``problems`` and stays as it was.
    """
    result = []
    for clip, path, probed in looked_at:
        row = rows.get(clip.id, 0)
        renewal = Renewal(clip, path, probed)
        if probed.status in USABLE or clip.status not in USABLE:
            if (probed.status, path, probed.fingerprint) != (clip.status, clip.path, clip.fingerprint):
                result.append(renewal)
            if probed.status not in USABLE:
                problems.append(Problem(row, clip.filename, f"{probed.status}: {probed.reason}"))
            elif renewal.other_sound:
                problems.append(
                    Problem(
                        row, clip.filename, "its file has other bytes than before; its decisions are kept, so hear it"
                    )
                )
        elif path != clip.path and is_there(clip.path):
            problems.append(Problem(row, clip.filename, f"{probed.status} at {path}; it stays at {clip.path}"))
        else:
            why = f" ({probed.reason})" if probed.status == "unreadable" else ""
            kept = f"it was at {clip.path} before; its labels and decisions are kept"
            problems.append(Problem(row, clip.filename, f"{probed.status}: {kept}{why}"))
    return result


def renew(connection: Connection, renewed: Sequence[Renewal], import_id: int) -> None:
    """Store renewals. A clip that has sound for the first time counts as ``import_id``'s: no older version gains it."""
    clips = tables.clips
    for renewal in renewed:
        probed = renewal.probed
        values: dict[str, Any] = {
            "path": renewal.path,
            "duration_s": probed.duration_s,
            "sample_rate": probed.sample_rate,
            "channels": probed.channels,
            "size_bytes": probed.size_bytes,
            "fingerprint": probed.fingerprint,
            "content_hash": renewal.content_hash,
            "status": renewal.status or probed.status,
            "reason": renewal.reason or probed.reason,
        }
        if renewal.first or renewal.other_sound:  # else as a reviewer may have chosen it
            values["channel"] = probed.channel
        if renewal.first and import_id:
            values["import_id"] = import_id
        connection.execute(sa.update(clips).where(clips.c.id == renewal.clip.id).values(**values))
