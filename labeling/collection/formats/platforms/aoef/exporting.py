"""Any labels as a project for Whombat and soundevent, with the dataset of its recordings.

A clip is one task: completed where all classes are known, so that nothing but its labels is there; open where they are
not. Labels are tags with the key ``event``, or the one that ``label_column`` names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import LabelledClip, Labelling, Written
from labeling.collection.annotation.naming import places_below
from labeling.collection.formats.platforms.aoef.document import NEW_KEY
from labeling.collection.formats.platforms.aoef.writing import geometry, name_of
from labeling.storage.files import write_all

VERSION = "1.1.0"
PROJECT, DATASET = "annotation_project.json", "dataset.json"


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write annotation_project.json and dataset.json; paths are relative to the collection's audio folder."""
    key = str(options.get("label_column") or NEW_KEY)
    places, below = places_below({clip.filename: clip.path for clip in labelling.clips})
    made = _Made(labelling, key, places)
    for clip in labelling.clips:
        made.add(clip)
    about = {"name": labelling.name or "Earmark", "description": f"Label version {labelling.version} of Earmark"}
    lists = {part: made.lists[part] for part in ("users", "tags", "recordings")}
    dataset = {"uuid": name_of(labelling.name, "dataset"), "collection_type": "dataset", **about, **lists}
    project: dict[str, Any] = {
        "uuid": name_of(labelling.name, "project"),
        "collection_type": "annotation_project",
        **about,
        **made.lists,
    }
    used = {label for clip in labelling.clips for label in clip.labels}
    project["project_tags"] = [made.tag(key, code) for code in labelling.classes if code in used]
    files = [(name, _bytes(data, labelling)) for name, data in ((PROJECT, project), (DATASET, dataset))]
    timeless = sum(code in clip.imported or code in clip.who for clip in labelling.clips for code in clip.timeless)
    notes = [f"aoef does not hold, of {timeless:,} labels without a time: who said them."] if timeless else []
    notes += [f"aoef: paths are below {below}; give that folder where the project is imported."] if below else []
    return Written(write_all(out_dir, files), notes=tuple(notes))


class _Made:
    """The lists of a project as they grow; ids are made of what they stand for."""

    def __init__(self, labelling: Labelling, key: str, places: Mapping[str, str]) -> None:
        self.places = places
        parts = ("users", "tags", "recordings", "clips", "sound_events", "sound_event_annotations")
        self.lists: dict[str, list[dict[str, Any]]] = {part: [] for part in (*parts, "clip_annotations", "tasks")}
        self.name, self.key, self.created_on = labelling.name, key, labelling.created_at
        self._tags: dict[tuple[str, str], int] = {}
        self._users: dict[str, str] = {}

    def tag(self, key: str, value: str) -> int:
        """The number of a tag."""
        if (key, value) not in self._tags:
            self._tags[(key, value)] = len(self._tags)
            self.lists["tags"].append({"id": self._tags[(key, value)], "key": key, "value": value})
        return self._tags[(key, value)]

    def _user(self, name: str) -> str:
        if name not in self._users:
            self._users[name] = name_of("user", name)
            self.lists["users"].append({"uuid": self._users[name], "username": name, "name": name})
        return self._users[name]

    def add(self, clip: LabelledClip) -> None:
        """Write one clip."""
        own, clip_id, annotation = (name_of(self.name, clip.filename, what) for what in ("recording", "clip", "said"))
        told = {**clip.metadata, "group": clip.group, "fold": clip.fold}
        duration = clip.duration_s or max((event.region.offset_s for event in clip.events), default=0.0)
        self.lists["recordings"].append(
            {
                "uuid": own,
                "path": self.places[clip.filename],
                "duration": duration,
                "channels": clip.channels,
                "samplerate": clip.sample_rate,
                "tags": [self.tag(key, text) for key, text in told.items() if key and text],
            }
        )
        self.lists["clips"].append({"uuid": clip_id, "recording": own, "start_time": 0.0, "end_time": duration})
        names: list[str] = []
        for number, event in enumerate(clip.events):
            uuid, said = (name_of(own, what, number) for what in ("event", "annotation"))
            self.lists["sound_events"].append({"uuid": uuid, "recording": own, "geometry": geometry(event.region)})
            marked: dict[str, Any] = {"uuid": said, "sound_event": uuid, "tags": [self.tag(self.key, event.code)]}
            if event.who:
                marked["created_by"] = self._user(event.who[-1])
            self.lists["sound_event_annotations"].append({**marked, "created_on": self.created_on})
            names.append(said)
        tags = [self.tag(self.key, code) for code in clip.timeless]
        self.lists["clip_annotations"].append(
            {"uuid": annotation, "clip": clip_id, "tags": tags, "sound_events": names, "created_on": self.created_on}
        )
        badges = [] if clip.partial else [{"state": "completed", "created_on": self.created_on}]
        self.lists["tasks"].append({"uuid": name_of(own, "task"), "clip": clip_id, "status_badges": badges})


def _bytes(data: Mapping[str, Any], labelling: Labelling) -> bytes:
    whole = {"version": VERSION, "created_on": labelling.created_at, "data": data}
    return json.dumps(whole, ensure_ascii=False).encode(errors="backslashreplace")
