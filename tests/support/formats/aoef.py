"""A small project as Whombat exports it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def _recording(name: str, duration: float, **more: Any) -> dict[str, Any]:
    return {"uuid": _id(name), "path": name, "duration": duration, "channels": 1, "samplerate": 8000, **more}


def _clip(name: str, recording: str, start: float, end: float) -> dict[str, Any]:
    return {"uuid": _id(name), "recording": _id(recording), "start_time": start, "end_time": end}


def _event(name: str, recording: str, *box: float) -> dict[str, Any]:
    shape = {"type": "BoundingBox", "coordinates": list(box)}
    return {"uuid": _id(name), "recording": _id(recording), "geometry": shape}


def _marked(name: str, event: str, *tags: int) -> dict[str, Any]:
    return {"uuid": _id(name), "sound_event": _id(event), "tags": list(tags), "created_by": _id("ann")}


def _said(clip: str, tags: list[int] | None, *events: str) -> dict[str, Any]:
    return {"uuid": _id(f"said {clip}"), "clip": _id(clip), "tags": tags, "sound_events": [_id(own) for own in events]}


def _task(clip: str, *states: str) -> dict[str, Any]:
    badges = [{"state": state, "created_on": "2024-01-01T00:00:00"} for state in states]
    return {"uuid": _id(f"task {clip}"), "clip": _id(clip), "status_badges": badges}


PROJECT: dict[str, Any] = {
    "version": "1.1.0",
    "created_on": "2024-10-06T18:22:30",
    "data": {
        "uuid": _id("project"),
        "collection_type": "annotation_project",
        "name": "owls",
        "users": [{"uuid": _id("ann"), "username": "a", "name": "Ann"}],
        "tags": [
            {"id": 0, "key": "species", "value": "Tyto alba"},
            {"id": 1, "key": "event", "value": "rain"},
            {"id": 2, "key": "quality", "value": "A"},
            {"id": 3, "key": "species", "value": "Myotis"},
            {"id": 4, "key": "call", "value": "begging"},
            {"id": 5, "key": "group", "value": "north"},
        ],
        "recordings": [
            _recording("x/a.wav", 3.0, tags=[2, 5], latitude=8.5, longitude=None),
            _recording("x/b.wav", 3.0, tags=None),
            _recording("c.wav", 3.0),
            _recording("bat.wav", 4.0, time_expansion=10.0),
        ],
        "clips": [
            _clip("A", "x/a.wav", 0, 3.0),
            _clip("B", "x/b.wav", 0, 3.0),
            _clip("C", "c.wav", 0, 3.0),
            _clip("D", "bat.wav", 0, 1),
            _clip("E", "bat.wav", 1, 2),
        ],
        "sound_events": [
            _event("e1", "x/a.wav", 1.0, 500.0, 2.0, 900.0),
            _event("e2", "bat.wav", 1.0, 40_000.0, 2.0, 60_000.0),
            _event("e3", "bat.wav", 1.0, 40_000.0, 1.5, 60_000.0),
        ],
        "sequences": None,
        "sound_event_annotations": [_marked("m1", "e1", 0, 4), _marked("m2", "e2", 3), _marked("m3", "e3", 4)],
        "clip_annotations": [
            _said("A", [1], "m1"),
            _said("B", None),
            _said("C", []),
            _said("D", None),
            _said("E", None, "m2", "m3"),
        ],
        "tasks": [
            _task("A", "completed"),
            _task("B", "verified"),
            _task("C", "assigned"),
            _task("D", "completed"),
            _task("E", "completed"),
        ],
    },
}


def stored(folder: Path, data: Any, name: str = "project.json") -> Path:
    """Write it with a line a member, as people's editors do."""
    path = folder / name
    path.write_text(json.dumps(data, indent=1))
    return path
