"""A file of AOEF, understood: what it says of each recording, and where it says it.

A tag whose key is one of LABEL_KEYS is a label. On a clip that is the whole recording it has no time, on a shorter one
it is an event as long as the clip. A recording counts as listened to as far as its clips are annotated; in a project,
where their tasks are completed. Times and bands of time-expanded recordings are those of the animal; here they are
those of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from labeling.collection.annotation.base import Attribution, Problem, label
from labeling.collection.annotation.naming import relative_name
from labeling.collection.tabular.json_text import JsonFile, dicts, number
from labeling.errors import DataError, FormatError
from labeling.records import Region

KINDS = ("annotation_project", "annotation_set", "evaluation_set", "dataset", "recording_set")
OF_RECORDINGS = ("dataset", "recording_set")
PREDICTED = ("model_run", "prediction_set", "evaluation")
LABEL_KEYS = ("species", "event", "class", "label", "class_name", "category", "scientific_name", "common_name", "sound")
NEW_KEY = "event"
WHOLE_S = 0.05  # a clip that ends so close to the recording's end is all of it
POINT_S = 0.001
DONE = ("completed", "verified")


@dataclass(frozen=True)
class Said:
    """One label as it stands in the file: tag ``tag`` of item ``at`` of the list ``part``."""

    code: str
    region: Region | None
    who: str
    part: str
    at: int
    tag: int


@dataclass
class Recording:
    """A recording, the first at 2 as rows of a table are; ``clips`` are places in the list of clip annotations."""

    name: str
    path: str
    row: int
    at: int
    own: Mapping[str, Any]
    said: list[Said] = field(default_factory=list)
    clips: list[int] = field(default_factory=list)
    heard: list[tuple[float, float]] = field(default_factory=list)

    @property
    def expansion(self) -> float:
        """How many times slower the file is than the animal."""
        return number(self.own.get("time_expansion")) or 1.0

    @property
    def duration_s(self) -> float:
        """Its length in the time of the annotations; 0 where it is not known."""
        return number(self.own.get("duration")) or 0.0

    def is_whole(self, clip: Mapping[str, Any]) -> bool:
        """Whether a clip is all of it."""
        start, end = number(clip.get("start_time")) or 0.0, number(clip.get("end_time"))
        return start <= WHOLE_S and (end is None or end >= self.duration_s - WHOLE_S)

    @property
    def unheard(self) -> bool:
        """Whether a part of it was not listened to."""
        until = 0.0
        for start, end in sorted(self.heard):
            if start > until + WHOLE_S:
                break
            until = max(until, end)
        return not self.heard or until < self.duration_s - WHOLE_S


class Document:
    """All of a file. Raises FormatError for what is none, or holds predictions; ``problems`` tell what is left out."""

    def __init__(self, data: bytes, name: str, options: Mapping[str, Any]) -> None:
        self.file = JsonFile.of(data, name)
        data_given = self.file.value.get("data") if isinstance(self.file.value, dict) else None
        if not isinstance(data_given, dict) or "collection_type" not in data_given:
            raise FormatError(f"{name} is no AOEF: it has no data with a collection_type; export it from Whombat again")
        self.data: Mapping[str, Any] = data_given
        self.kind = str(self.data["collection_type"])
        if self.kind not in KINDS:
            more = "; predictions are no labels: import the annotations first" if self.kind in PREDICTED else ""
            raise FormatError(f"{name} holds a {self.kind!r}; Earmark reads {', '.join(KINDS)}{more}")
        self.problems: list[Problem] = []
        self.of_recordings = self.kind in OF_RECORDINGS
        self.tags = {
            tag["id"]: (str(tag.get("key", "")), str(tag.get("value", "")))
            for tag in dicts(self.data.get("tags"))
            if isinstance(tag.get("id"), int)
        }
        self.users = {str(user.get("uuid")): _user(user) for user in dicts(self.data.get("users"))}
        self.keys = self._label_keys(str(options.get("label_column") or ""), name)
        self.recordings = self._recordings()
        self._by_uuid = {str(own.own.get("uuid")): own for own in self.recordings.values()}
        self.clips = {str(clip.get("uuid")): clip for clip in dicts(self.data.get("clips"))}
        if self.of_recordings:
            for recording in self.recordings.values():
                self._say(recording, None, "", "recordings", recording.at, recording.own.get("tags"))
        else:
            self._annotations()

    def metadata(self, recording: Recording) -> dict[str, str]:
        """What else is said of a recording: its tags by their keys, features, date, place, rights."""
        found: dict[str, dict[str, None]] = {}
        labels = {said.tag for said in recording.said if said.part == "recordings"}
        for tag in recording.own.get("tags") or []:
            if tag in self.tags and tag not in labels:
                key, value = self.tags[tag]
                found.setdefault(key, {})[value] = None
        told = {key: "; ".join(values) for key, values in found.items()}
        features = recording.own.get("features")
        more = {key: recording.own.get(key) for key in ("date", "time", "latitude", "longitude", "rights")}
        more |= features if isinstance(features, dict) else {}
        for key, extra in more.items():
            if extra not in (None, ""):
                told.setdefault(key, f"{extra:.10g}" if isinstance(extra, float) else str(extra))
        return told

    def clip_of(self, annotation: Mapping[str, Any]) -> tuple[Recording | None, Mapping[str, Any]]:
        """The recording and the clip of a clip annotation."""
        clip = self.clips.get(str(annotation.get("clip")), {})
        return self._by_uuid.get(str(clip.get("recording"))), clip

    def _recordings(self) -> dict[str, Recording]:
        own = self.data.get("recordings")
        paths = [str(item.get("path", "")) for item in dicts(own)]
        common = _common_folder(paths)
        found: dict[str, Recording] = {}
        for at, item in enumerate(own if isinstance(own, list) else []):
            path = str(item.get("path", "")).strip() if isinstance(item, dict) else ""
            if not path or "\0" in path:
                self.problems.append(Problem(at + 2, path, "a recording without a path; skipped"))
                continue
            name = relative_name(path.replace("\\", "/").removeprefix(common))
            if name in found:
                self.problems.append(Problem(at + 2, path, "is a second recording of this path; skipped"))
                continue
            found[name] = Recording(name, path, at + 2, at, item)
        return found

    def _annotations(self) -> None:
        events = {str(event.get("uuid")): event for event in dicts(self.data.get("sound_events"))}
        marked = {str(own.get("uuid")): (at, own) for at, own in _items(self.data.get("sound_event_annotations"))}
        done = self._done()
        placed: set[str] = set()
        untold: Counter[str] = Counter()
        for at, annotation in _items(self.data.get("clip_annotations")):
            recording, clip = self.clip_of(annotation)
            if recording is None:
                self.problems.append(Problem(0, "", f"clip annotation {at + 1} is of no recording; left out"))
                continue
            recording.clips.append(at)
            start, end = number(clip.get("start_time")) or 0.0, number(clip.get("end_time"))
            if done is None or str(annotation.get("clip")) in done:
                recording.heard.append((start, recording.duration_s if end is None else end))
            region = None
            if not recording.is_whole(clip):
                region = self._region(recording, (start, recording.duration_s if end is None else end, None, None))
            self._say(recording, region, "", "clip_annotations", at, annotation.get("tags"))
            for uuid in annotation.get("sound_events") or []:
                if str(uuid) in marked and str(uuid) not in placed:
                    placed.add(str(uuid))
                    self._event(recording, *marked[str(uuid)], events, untold)
        for uuid, (at, own) in marked.items():  # those of no clip: of their sound event's recording
            if uuid not in placed:
                event = events.get(str(own.get("sound_event")), {})
                if (alone := self._by_uuid.get(str(event.get("recording")))) is not None:
                    self._event(alone, at, own, events, untold)
        for called, count in untold.items():
            keys = " or ".join(map(repr, self.keys))
            self.problems.append(Problem(0, called, f"{count:,} sound events have no tag {keys}, or no time; left out"))

    def _event(
        self,
        recording: Recording,
        at: int,
        annotation: Mapping[str, Any],
        events: Mapping[str, Mapping[str, Any]],
        untold: Counter[str],
    ) -> None:
        bounds = _bounds(events.get(str(annotation.get("sound_event")), {}).get("geometry"))
        region = None if bounds is None else self._region(recording, bounds)
        who = self.users.get(str(annotation.get("created_by")), "")
        if bounds is None or not self._say(
            recording, region, who, "sound_event_annotations", at, annotation.get("tags")
        ):
            untold[recording.name] += 1

    def _region(self, recording: Recording, bounds: tuple[float, float, float | None, float | None]) -> Region | None:
        onset, offset, low, high = bounds
        slower = recording.expansion
        band = (None, None) if low is None or high is None or not 0 <= low < high else (low / slower, high / slower)
        try:
            return Region(onset * slower, max(offset, onset + POINT_S) * slower, *band)
        except DataError as problem:
            self.problems.append(Problem(recording.row, recording.name, f"{problem}; its label is kept without a time"))
            return None

    def _say(self, recording: Recording, region: Region | None, who: str, part: str, at: int, tags: Any) -> list[Said]:
        own = [tag for tag in tags if tag in self.tags] if isinstance(tags, list) else []
        key = next((key for key in self.keys if any(self.tags[tag][0] == key for tag in own)), None)
        said = [
            Said(code, region, who, part, at, tag)
            for tag in own
            if self.tags[tag][0] == key and (code := label(self.tags[tag][1]))
        ]
        recording.said += said
        return said

    def _label_keys(self, given: str, name: str) -> tuple[str, ...]:
        """The keys of tags that are labels, the first that an annotation has counts."""
        parts = ("recordings",) if self.of_recordings else ("clip_annotations", "sound_event_annotations")
        used = Counter(
            self.tags[tag][0]
            for part in parts
            for own in dicts(self.data.get(part))
            for tag in own.get("tags") or []
            if tag in self.tags
        )
        if given:
            if used and given not in used:
                raise FormatError(f"{name} has no tag {given!r} (--label-column); it has {', '.join(sorted(used))}")
            return (given,)
        keys = tuple(key for key in LABEL_KEYS if key in used)
        if not keys and used and not self.of_recordings:
            keys = (used.most_common(1)[0][0],)
            self.problems.append(
                Problem(0, "", f"no tag is called as labels are; {keys[0]!r} was taken (--label-column takes another)")
            )
        others = [key for key in used if key not in keys] if not self.of_recordings else []
        if others:
            self.problems.append(Problem(0, "", f"tags of annotations that are no labels: {', '.join(sorted(others))}"))
        return keys or (NEW_KEY,)

    def _done(self) -> set[str] | None:
        """The clips whose task is completed; None where there are no tasks, so that every annotation counts."""
        tasks = dicts(self.data.get("tasks"))
        if self.kind != "annotation_project" or not tasks:
            return None
        return {
            str(task.get("clip"))
            for task in tasks
            if any(badge.get("state") in DONE for badge in dicts(task.get("status_badges")))
        }


def said_by(recording: Recording) -> dict[tuple[str, Region | None], Attribution]:
    """Who says what of a recording, where somebody is named."""
    return {(said.code, said.region): Attribution(said.who) for said in recording.said if said.who}


def _items(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return ((at, own) for at, own in enumerate(value if isinstance(value, list) else []) if isinstance(own, dict))


def _user(user: Mapping[str, Any]) -> str:
    return str(next((user[key] for key in ("name", "username", "email") if user.get(key)), ""))


def _common_folder(paths: Sequence[str]) -> str:
    """The folder that all paths lie in, where all are absolute; "" else."""
    plain = [path.replace("\\", "/") for path in paths]
    if not plain or not all(path.startswith("/") or path[1:2] == ":" for path in plain):
        return ""
    shared = PurePosixPath(plain[0]).parent
    for path in plain:
        while not path.startswith(f"{shared}/") and len(shared.parts) > 1:
            shared = shared.parent
    return f"{shared}/" if all(path.startswith(f"{shared}/") for path in plain) else ""


def _bounds(geometry: Any) -> tuple[float, float, float | None, float | None] | None:
    """Onset, offset, low and high of a geometry; None for what is none."""
    if not isinstance(geometry, dict):
        return None
    given, kind = geometry.get("coordinates"), geometry.get("type")
    if kind == "TimeStamp" and (at := number(given)) is not None:
        return at, at, None, None
    if not isinstance(given, list):
        return None
    if kind == "TimeInterval":
        times = [number(value) for value in given]
        return (times[0], times[1], None, None) if len(times) == 2 and None not in times else None  # type: ignore[return-value]
    points = [given[:2], given[2:]] if kind == "BoundingBox" and len(given) == 4 else list(_points(given))
    values = [(number(point[0]), number(point[1])) for point in points if len(point) == 2]
    known = [(time, pitch) for time, pitch in values if time is not None and pitch is not None]
    if not known:
        return None
    onsets, pitches = [time for time, _ in known], [pitch for _, pitch in known]
    return min(onsets), max(onsets), min(pitches), max(pitches)


def _points(value: list[Any]) -> Iterator[list[Any]]:
    """The points [time, pitch] of a geometry, however deep they lie."""
    if value and not isinstance(value[0], list):
        yield value
        return
    for inner in value:
        if isinstance(inner, list):
            yield from _points(inner)
