"""Files with the same bytes: of clips that share them the first stays ``ok``, the others are its duplicates."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from labeling.collection.adding import NewClip
from labeling.collection.probing import content_hashes, fingerprint, joined
from labeling.collection.renewing import Renewal
from labeling.collection.store import KnownClip
from labeling.records import USABLE
from labeling.storage.remote import is_url

HEARD = ("ok", "silent")


@dataclass(frozen=True)
class Twins:
    """New and renewed clips with hash and status set, and the hashes of known ones that have a twin only now, by id."""

    new: tuple[NewClip, ...]
    renewed: tuple[Renewal, ...]
    hashes: dict[int, str]


def find_twins(new: Sequence[NewClip], renewed: Sequence[Renewal], known: Iterable[KnownClip]) -> Twins:
    """Hash the files of new and renewed clips that have the fingerprint of another, or of a ``known`` clip."""
    marks = {clip.path: clip.fingerprint for clip in new if clip.fingerprint and clip.status in HEARD}
    marks |= {one.path: one.probed.fingerprint for one in renewed if one.probed.status in HEARD}
    changed = {renewal.clip.id for renewal in renewed}
    others = [clip for clip in known if clip.id not in changed and clip.status in USABLE and not is_url(clip.path)]
    wanted = set(marks.values())
    sizes = {clip.size_bytes for clip in new} | {renewal.probed.size_bytes for renewal in renewed}
    near = []
    for clip in others:
        # of clips of before fingerprints were kept, the size says which files to look at
        if not clip.fingerprint and clip.size_bytes in sizes and os.path.isfile(clip.path):
            clip = replace(clip, fingerprint=fingerprint(clip.path)[1])
        if clip.fingerprint and clip.fingerprint in wanted and clip.path not in marks:
            near.append(clip)
            marks[clip.path] = clip.fingerprint
    times = Counter(marks.values())
    hashes = content_hashes(path for path, mark in marks.items() if mark and times[mark] > 1)
    first: dict[str, str] = {}
    for clip in near:
        if clip.path in hashes:
            first.setdefault(hashes[clip.path], clip.filename)
    by_path = {clip.path: clip.filename for clip in others}
    renewals = []
    for renewal in renewed:
        digest = hashes.get(renewal.path, "")
        reason = _as_another(digest, first, renewal.clip.filename)
        if reason and renewal.probed.status in HEARD:
            renewal = replace(renewal, status="duplicate", reason=joined(reason, renewal.probed.reason))
        renewals.append(replace(renewal, content_hash=digest))
    clips = []
    for fresh in new:
        digest = hashes.get(fresh.path, "")
        fresh = replace(fresh, content_hash=digest)
        if fresh.status in HEARD and by_path.setdefault(fresh.path, fresh.filename) != fresh.filename:
            reason = joined(f"the same file as {by_path[fresh.path]}", fresh.reason)
            fresh = replace(fresh, status="duplicate", reason=reason)
        elif reason := _as_another(digest, first, fresh.filename):
            fresh = replace(fresh, status="duplicate", reason=joined(reason, fresh.reason))
        clips.append(fresh)
    later = {clip.id: hashes[clip.path] for clip in near if not clip.content_hash and clip.path in hashes}
    return Twins(tuple(clips), tuple(renewals), later)


def _as_another(digest: str, first: dict[str, str], filename: str) -> str:
    if not digest:
        return ""
    other = first.setdefault(digest, filename)
    return "" if other == filename else f"the same bytes as {other}"
