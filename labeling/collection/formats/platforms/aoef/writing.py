"""Corrected labels written into the AOEF file that came in: tags, sound events and clips of what changed, no more."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Correction, NotHeld, Written
from labeling.collection.formats.platforms.aoef.document import Document, Recording, Said
from labeling.records import Region
from labeling.storage.files import write_atomically

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://pypi.org/project/earmark/aoef")
EVENTS = "sound_event_annotations"


def name_of(*parts: object) -> str:
    """A uuid by what it stands for: the same parts, the same one."""
    return str(uuid.uuid5(NAMESPACE, "\n".join(map(str, parts))))


def geometry(region: Region, slower: float = 1.0) -> dict[str, Any]:
    """A region as soundevent writes it, in the time of the animal."""
    onset, offset = region.onset_s / slower, region.offset_s / slower
    if region.low_hz is None or region.high_hz is None:
        return {"type": "TimeInterval", "coordinates": [onset, offset]}
    return {"type": "BoundingBox", "coordinates": [onset, region.low_hz * slower, offset, region.high_hz * slower]}


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The file with the tags of corrected labels. A sound event that was of a removed label alone goes with it."""
    name = str(options.get("table", "annotations.json"))
    document = Document(data, name, options)
    edits = _Edits(document)
    for filename, correction in corrections.items():
        if filename in document.recordings:
            edits.correct(document.recordings[filename], correction)
    content = document.file.changed({**document.file.value, "data": edits.data()})
    return Written((write_atomically(out_dir / name, content),), tuple(edits.not_held))


class _Edits:
    """The lists of a document as they become, recording by recording."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.not_held: list[NotHeld] = []
        self._tag_of: dict[str, int] = {}
        for tag, (key, value) in document.tags.items():
            if key == document.keys[0]:
                self._tag_of.setdefault(value, tag)
        self._next = max(document.tags, default=-1) + 1
        self._new: dict[str, list[Any]] = {}
        self._tags: dict[tuple[str, int], list[Any]] = {}  # of items of lists, as they become
        self._events: dict[int, list[str]] = {}  # new sound events of clip annotations
        self._gone: set[int] = set()  # places of annotations of sound events that go

    def correct(self, recording: Recording, correction: Correction) -> None:
        """Change what is said of one recording."""
        there = dict.fromkeys(said.code for said in recording.said)
        gone = [code for code in there if code not in correction.labels]
        new = [code for code in correction.labels if code not in there]
        drawn = {code for code, _ in correction.regions}
        instead = {old: code for old, code in correction.swapped if old in gone and code in new and code not in drawn}
        for said in recording.said:
            if said.code in gone:
                self._retag(said, instead.get(said.code, ""))
        for code in new:
            if code in instead.values():
                continue
            regions = [region for own, region in correction.regions if own == code]
            self._add(recording, code, regions)
        if correction.primary and len(correction.labels) > 1:
            told = "AOEF cannot say which label is the primary"
            self.not_held.append(NotHeld(recording.name, correction.primary, "primary", told))

    def _retag(self, said: Said, code: str) -> None:
        item = self.document.data[said.part][said.at]
        tags = self._tags.setdefault((said.part, said.at), list(item.get("tags") or []))
        place = tags.index(said.tag)
        tags[place : place + 1] = [self._tag(code)] if code else []
        keys = self.document.keys
        if said.part == EVENTS and not any(self._key(tag) in keys for tag in tags):
            self._gone.add(said.at)

    def _key(self, tag: Any) -> str:
        return self.document.tags.get(tag, (self.document.keys[0], ""))[0]

    def _tag(self, code: str) -> int:
        """The number of a label's tag, which is made where there is none."""
        if code not in self._tag_of:
            self._tag_of[code] = self._next
            self._new.setdefault("tags", []).append({"id": self._next, "key": self.document.keys[0], "value": code})
            self._next += 1
        return self._tag_of[code]

    def _add(self, recording: Recording, code: str, regions: list[Region]) -> None:
        if self.document.of_recordings:
            self._tags.setdefault(("recordings", recording.at), list(recording.own.get("tags") or [])).append(
                self._tag(code)
            )
            told = f"a {self.document.kind} of AOEF has no times"
            self.not_held += [NotHeld(recording.name, code, "present", told)] if regions else []
            return
        if not regions:
            at = self._whole(recording)
            own = self.document.data.get("clip_annotations") or []
            before = own[at].get("tags") if at < len(own) else []
            self._tags.setdefault(("clip_annotations", at), list(before or [])).append(self._tag(code))
        for region in regions:
            names = [name_of(recording.own.get("uuid"), what, code, region) for what in ("event", "annotation")]
            event = {"uuid": names[0], "recording": recording.own.get("uuid")}
            event["geometry"] = geometry(region, recording.expansion)
            self._new.setdefault("sound_events", []).append(event)
            marked = {"uuid": names[1], "sound_event": names[0], "tags": [self._tag(code)]}
            self._new.setdefault(EVENTS, []).append(marked)
            self._events.setdefault(self._around(recording, region), []).append(names[1])

    def _around(self, recording: Recording, region: Region) -> int:
        """The place of a clip annotation whose clip holds a region, or of one of the whole recording."""
        onset, offset = region.onset_s / recording.expansion, region.offset_s / recording.expansion
        own = self.document.data.get("clip_annotations") or []
        for at in recording.clips:
            if at < len(own):
                _, clip = self.document.clip_of(own[at])
                if clip.get("start_time", 0) <= onset and offset <= clip.get("end_time", 0):
                    return at
        return self._whole(recording)

    def _whole(self, recording: Recording) -> int:
        """The place of the clip annotation of the whole recording, which is made where there is none."""
        own = self.document.data.get("clip_annotations") or []
        added = self._new.get("clip_annotations", [])
        for at in recording.clips:
            if at >= len(own) or recording.is_whole(self.document.clip_of(own[at])[1]):
                return at
        name = recording.own.get("uuid")
        clip = {"uuid": name_of(name, "clip"), "recording": name, "start_time": 0.0, "end_time": recording.duration_s}
        self._new.setdefault("clips", []).append(clip)
        self._new.setdefault("clip_annotations", added).append(
            {"uuid": name_of(name, "clip annotation"), "clip": clip["uuid"]}
        )
        if self.document.kind == "annotation_project":  # it wants a task for each clip; what was not done stays so
            badges = [] if recording.unheard else [{"state": "completed"}]
            task = {"uuid": name_of(name, "task"), "clip": clip["uuid"], "status_badges": badges}
            self._new.setdefault("tasks", []).append(task)
        elif recording.unheard:
            told = f"a {self.document.kind} of AOEF cannot say that other classes are not known"
            self.not_held.append(NotHeld(recording.name, "", "not listened for", told))
        recording.clips.append(len(own) + len(self._new["clip_annotations"]) - 1)
        return recording.clips[-1]

    def data(self) -> dict[str, Any]:
        """The document's data as it becomes."""
        data = dict(self.document.data)
        for part, new in self._new.items():
            data[part] = [*(data.get(part) or []), *new]
        for (part, at), tags in self._tags.items():
            data[part] = data[part] if data[part] is not self.document.data.get(part) else list(data[part])
            data[part][at] = {**data[part][at], "tags": tags}
        marked = self.document.data.get(EVENTS) or []
        gone = {marked[at].get("uuid") for at in self._gone}
        silent = set() if data.get("sequences") else {marked[at].get("sound_event") for at in self._gone}
        for part, names in ((EVENTS, gone), ("sound_events", silent)):
            if names:
                data[part] = [own for own in data[part] if own.get("uuid") not in names]
        if gone or self._events:
            data["clip_annotations"] = [
                self._with_events(at, own, gone) for at, own in enumerate(data["clip_annotations"] or [])
            ]
        return data

    def _with_events(self, at: int, own: Any, gone: Iterable[Any]) -> Any:
        before = own.get("sound_events") or [] if isinstance(own, dict) else []
        after = [name for name in before if name not in gone] + self._events.get(at, [])
        return own if after == before else {**own, "sound_events": after}
