"""Label Studio: its JSON export and import of audio tasks.

A region is a label with seconds (bands are not known to it), choices are labels of the whole recording. A task
whose annotations are all cancelled, or that has none, was not listened to; one with an empty annotation was, and
nothing is there. Of several annotations of a task those that are ground truth count, else all. What is predicted is no
label: the report names the command that makes a run of it (external/labelstudio.py reads them).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from labeling.collection.annotation.base import (
    Attribution,
    Correction,
    Format,
    Holds,
    ImportedClip,
    ImportedTable,
    LabelledClip,
    Labelling,
    NotHeld,
    Problem,
    TableLabels,
    Written,
    label,
)
from labeling.collection.annotation.naming import places_below, relative_name
from labeling.collection.annotation.paths import Finder, choose_root, found_table, join
from labeling.collection.tabular.json_text import JsonFile, dicts, head_of, number
from labeling.collection.tabular.reading import load
from labeling.errors import DataError, FormatError
from labeling.records import Region
from labeling.storage.files import write_all, write_atomically

NEEDS = "a JSON export of Label Studio whose tasks have data with sound, and annotations or predictions"
AUDIO_KEYS = ("audio", "sound", "url", "file", "wav", "recording", "path")
TASKS, CONFIG = "tasks.json", "label_config.xml"
REGIONS, CHOICES = "label", "present"
MOST_LOOKED_AT = 50
POINT_S = 0.001


@dataclass(frozen=True)
class _Said:
    code: str
    region: Region | None
    who: str
    confidence: float | None
    place: tuple[int, int, int]  # annotation, result, and label in it


@dataclass
class _Task:
    at: int
    own: Mapping[str, Any]
    name: str
    sound: str
    said: list[_Said] = field(default_factory=list)
    heard: bool = False
    predicted: set[str] = field(default_factory=set)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(said.code for said in self.said))


def find(path: Path) -> Path | None:
    """The export itself, or the one of a folder; None. Raises FormatError where there are several."""
    if path.is_file():
        return path if path.suffix.lower() == ".json" and _is_one(head_of(path)) else None
    fitting = [file for file in sorted(path.glob("*.json"))[:MOST_LOOKED_AT] if _is_one(head_of(file))]
    if len(fitting) > 1:
        shown = ", ".join(file.name for file in fitting[:8])
        raise FormatError(f"{path} holds {len(fitting)} exports of Label Studio ({shown}); give the full path of one")
    return fitting[0] if fitting else None


def _is_one(head: str) -> bool:
    start = head.lstrip()
    whole = '"data"' in start and ('"annotations"' in start or '"predictions"' in start or '"completions"' in start)
    return start.startswith("[") and whole and '"collection_type"' not in start


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read an export. Raises FormatError for what is none."""
    if path.is_dir():
        raise FormatError(f"{path} holds no export of Label Studio; give the path of the JSON file")
    data = load(path)
    problems: list[Problem] = []
    tasks = _tasks(JsonFile.of(data, path.name).value, path.name, problems)
    root = choose_root(path, audio, list(tasks))
    finder = Finder(root, tasks)
    clips = [_clip(task, finder) for task in tasks.values()]
    predicted = {code for task in tasks.values() for code in task.predicted}
    if predicted:
        count = sum(bool(task.predicted) for task in tasks.values())
        command = f"python -m labeling predictions {shlex.quote(str(path))} --workspace W"
        told = f"{count:,} tasks have predictions, of {len(predicted):,} classes: they are no labels; {command}"
        problems.append(Problem(0, path.name, f"{told} makes a run of them"))
    return found_table("labelstudio", path, data, finder, clips, problems, options, {})


def _clip(task: _Task, finder: Finder) -> ImportedClip:
    data = task.own.get("data")
    rest = {key: value for key, value in (data if isinstance(data, dict) else {}).items() if value != task.sound}
    return ImportedClip(
        filename=task.name,
        path=finder.path(task.name) or join(finder.root, task.name),
        labels=task.codes,
        primary="",
        row=task.at + 2,
        group=str(rest.get("group") or ""),
        fold=str(rest.get("fold") or ""),
        metadata={
            str(key): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in rest.items()
            if key not in ("group", "fold") and value not in (None, "")
        },
        rows=(task.at + 2,),
        regions=tuple(dict.fromkeys((said.code, said.region) for said in task.said if said.region is not None)),
        said_by={
            (said.code, said.region): Attribution(said.who, said.confidence)
            for said in task.said
            if said.who or said.confidence is not None
        },
        partial=not task.heard,
    )


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the annotations say of each recording."""
    name = str(options.get("table", TASKS))
    return {name: TableLabels("", task.codes) for name, task in _tasks(JsonFile.of(data, name).value, name, []).items()}


def _tasks(value: Any, name: str, problems: list[Problem]) -> dict[str, _Task]:
    """The tasks by the name of their sound; of two tasks of one sound the first counts."""
    if not isinstance(value, list):
        raise FormatError(f"{name} is no list of tasks; export from Label Studio as JSON (not JSON-MIN)")
    found: dict[str, _Task] = {}
    for at, own in enumerate(value):
        sound = _sound(own.get("data")) if isinstance(own, dict) else ""
        if not sound:
            problems.append(Problem(at + 2, "", "a task without sound in its data; skipped"))
            continue
        task = _Task(at, own, _file_of(sound), sound)
        if task.name in found:
            problems.append(Problem(at + 2, task.name, "is a second task of this sound; skipped"))
            continue
        found[task.name] = task
        for _, annotation in _counting(own):
            task.heard |= not annotation.get("was_cancelled")
        task.said = list(_said(own, at, task.name, problems))
        task.predicted = {prediction.code for prediction in _predicted(own, task.name)}
    return found


@dataclass(frozen=True)
class Prediction:
    """A class that a model found in a recording: where, None for all of it; how sure it was and who it is, if told."""

    filename: str
    code: str
    region: tuple[float, float] | None
    score: float | None
    model: str


def predictions(data: bytes, name: str) -> tuple[list[str], list[Prediction]]:
    """The recordings of an export that a model predicted, and what it found. Raises FormatError for no export."""
    value = JsonFile.of(data, name).value
    if not isinstance(value, list):
        raise FormatError(f"{name} is no list of tasks; export from Label Studio as JSON (not JSON-MIN)")
    files = [(_file_of(sound), own) for own in dicts(value) if (sound := _sound(own.get("data")))]
    found = [prediction for name, own in files for prediction in _predicted(own, name)]
    return [name for name, own in files if dicts(own.get("predictions"))], found


def _predicted(task: Mapping[str, Any], name: str) -> Iterator[Prediction]:
    for own in dicts(task.get("predictions")):
        for result in dicts(own.get("result")):
            value = result.get("value")
            times = (number(value.get("start")), number(value.get("end"))) if isinstance(value, dict) else (None, None)
            onset, offset = times
            region = None if onset is None or offset is None else (onset, max(offset, onset + POINT_S))
            score = next((score for at in (result, own) if (score := number(at.get("score"))) is not None), None)
            for _, code in _codes(result):
                yield Prediction(name, code, region, score, str(own.get("model_version") or ""))


def _counting(task: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """The annotations of a task that count, with their places."""
    given = task.get("annotations", task.get("completions"))
    each = enumerate(given if isinstance(given, list) else [])
    own: list[tuple[int, Mapping[str, Any]]] = [(at, one) for at, one in each if isinstance(one, dict)]
    own = [(at, one) for at, one in own if not one.get("was_cancelled")]
    return [(at, one) for at, one in own if one.get("ground_truth")] or own


def _said(task: Mapping[str, Any], at: int, name: str, problems: list[Problem]) -> Iterator[_Said]:
    for place, annotation in _counting(task):
        who = annotation.get("completed_by")
        who = (who.get("email") or who.get("id")) if isinstance(who, dict) else who
        results = annotation.get("result")
        for number_of, result in enumerate(results if isinstance(results, list) else []):
            if not isinstance(result, dict):
                continue
            value = result.get("value")
            region = None
            if isinstance(value, dict) and "start" in value:
                onset, offset = number(value.get("start")), number(value.get("end"))
                try:
                    if onset is None or offset is None:
                        raise DataError("a region without a start or an end")
                    region = Region(onset, max(offset, onset + POINT_S))
                except DataError as problem:
                    problems.append(Problem(at + 2, name, f"{problem}; its label is kept without a time"))
            for label_at, code in _codes(result):
                yield _Said(code, region, "" if who is None else str(who), None, (place, number_of, label_at))


def _codes(result: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """The labels of a result, with their places in it; texts and ratings are none."""
    value, kind = result.get("value"), str(result.get("type", ""))
    own = value.get(kind) if isinstance(value, dict) and kind in ("labels", "choices") else None
    for at, text in enumerate(own if isinstance(own, list) else []):
        if isinstance(text, str) and (code := label(text)):
            yield at, code


def _sound(data: Any) -> str:
    """The sound of a task: of the usual key, else the first text that ends as a sound file does."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}
    usual = [texts[key] for key in AUDIO_KEYS if key in texts]
    return next((text.strip() for text in usual if text.strip() and "\0" not in text), "")


def _file_of(sound: str) -> str:
    """The file that is a task's sound: what follows ``/data/local-files/?d=``, an upload without its prefix."""
    parts = urlsplit(sound)
    if inner := parse_qs(parts.query).get("d"):
        return relative_name(inner[0])
    plain = unquote(parts.path) if parts.scheme or sound.startswith("/data/") else sound
    if plain.startswith("/data/upload/"):
        name = plain.rsplit("/", 1)[-1]
        head, _, rest = name.partition("-")
        plain = rest if rest and len(head) == 8 else name  # an upload is called 1a2b3c4d-NAME
    return relative_name(plain)


# ------------------------------------------------------------------------------------------------------------ writing


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The export with corrected labels in the annotations that count; a task that has none gets one."""
    name = str(options.get("table", TASKS))
    file = JsonFile.of(data, name)
    tasks = _tasks(file.value, name, [])
    names = _names(file.value)
    value, not_held = list(file.value), list[NotHeld]()
    for filename, correction in corrections.items():
        if filename in tasks:
            value[tasks[filename].at] = _corrected(tasks[filename], correction, names)
            if any(region.low_hz is not None for _, region in correction.regions):
                told = "Label Studio holds no bands"
                not_held += [NotHeld(filename, code, "present", told) for code, own in correction.regions if own.low_hz]
            if correction.primary and len(correction.labels) > 1:
                told = "Label Studio cannot say which label is the primary"
                not_held.append(NotHeld(filename, correction.primary, "primary", told))
    return Written((write_atomically(out_dir / name, file.changed(value)),), tuple(not_held))


def _names(tasks: Any) -> dict[str, tuple[str, str]]:
    """The from_name and to_name that results of labels and of choices have in this export."""
    names = {"labels": (REGIONS, "audio"), "choices": (CHOICES, "audio")}
    for task in dicts(tasks):
        for annotation in (*dicts(task.get("annotations")), *dicts(task.get("predictions"))):
            for result in dicts(annotation.get("result")):
                if result.get("type") in names and "from_name" in result:
                    names[str(result["type"])] = (str(result["from_name"]), str(result.get("to_name", "audio")))
    return names


def _corrected(task: _Task, correction: Correction, names: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    there = task.codes
    gone = [code for code in there if code not in correction.labels]
    new = [code for code in correction.labels if code not in there]
    drawn = {code for code, _ in correction.regions}
    instead = {old: code for old, code in correction.swapped if old in gone and code in new and code not in drawn}
    own = dict(task.own)
    key = "annotations" if "annotations" in own or "completions" not in own else "completions"
    annotations = list(own.get(key) or [])
    touched: dict[tuple[int, int], dict[int, str]] = {}
    for said in task.said:
        if said.code in gone:
            touched.setdefault(said.place[:2], {})[said.place[2]] = instead.get(said.code, "")
    for at in {place for place, _ in touched}:
        results = []
        for number_of, result in enumerate(annotations[at]["result"]):
            changed = _relabelled(result, touched[(at, number_of)]) if (at, number_of) in touched else result
            results += [] if changed is None else [changed]
        annotations[at] = {**annotations[at], "result": results}
    added = [_result(code, region, names, f"earmark-{code}-{region.onset_s:g}") for code, region in correction.regions]
    rest = [code for code in new if code not in instead.values() and code not in drawn]
    added += [_result(code, None, names, f"earmark-{code}") for code in rest]
    if added:
        counting = _counting(own)
        at = counting[0][0] if counting else len(annotations)
        if not counting:
            annotations.append({"result": [], "was_cancelled": False})
        annotations[at] = {**annotations[at], "result": [*(annotations[at].get("result") or []), *added]}
    return {**own, key: annotations}


def _relabelled(result: Mapping[str, Any], codes: Mapping[int, str]) -> dict[str, Any] | None:
    """A result with other labels at some places; None where none is left."""
    kind = str(result["type"])
    own = [codes.get(at, code) for at, code in enumerate(result["value"][kind])]
    left = [code for code in own if code]
    return {**result, "value": {**result["value"], kind: left}} if left else None


def _result(code: str, region: Region | None, names: Mapping[str, tuple[str, str]], name: str) -> dict[str, Any]:
    kind = "choices" if region is None else "labels"
    from_name, to_name = names[kind]
    times = {} if region is None else {"start": region.onset_s, "end": region.offset_s, "channel": 0}
    return {"id": name, "from_name": from_name, "to_name": to_name, "type": kind, "value": {**times, kind: [code]}}


# ------------------------------------------------------------------------------------------------------------- export


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write tasks.json, to import into a project, and label_config.xml, its labelling interface.

    The sound is named as local files are (``/data/local-files/?d=`` and the clip's name): serve the audio folder as
    Label Studio's local storage.
    """
    names = {"labels": (REGIONS, "audio"), "choices": (CHOICES, "audio")}
    places, below = places_below({clip.filename: clip.path for clip in labelling.clips})
    tasks = [
        _task(number_of, clip, places[clip.filename], names) for number_of, clip in enumerate(labelling.clips, start=1)
    ]
    codes = list(dict.fromkeys((*labelling.classes, *(code for clip in labelling.clips for code in clip.labels))))
    content = json.dumps(tasks, ensure_ascii=False, indent=1).encode(errors="backslashreplace")
    notes = (f"labelstudio: files are named below {below}; serve that folder as local storage.",) if below else ()
    files = write_all(out_dir, [(TASKS, content), (CONFIG, config(codes).encode(errors="replace"))])
    return Written(files, notes=notes)


def _task(number_of: int, clip: LabelledClip, place: str, names: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    own = {key if key != "audio" else "audio_": text for key, text in clip.metadata.items()}
    own |= {key: text for key, text in (("group", clip.group), ("fold", clip.fold)) if text}
    results = [_result(code, None, names, f"c{at}") for at, code in enumerate(clip.timeless)]
    for at, event in enumerate(clip.events):
        results.append(_result(event.code, event.region, names, f"e{at}") | {"original_length": clip.duration_s})
    said = [{"result": results, "was_cancelled": False}] if not clip.partial or results else []
    return {
        "id": number_of,
        "data": {"audio": f"/data/local-files/?d={_quoted(place)}", **own},
        "annotations": said,
        "predictions": [],
    }


def _quoted(name: str) -> str:
    for sign in "%&#+":
        name = name.replace(sign, f"%{ord(sign):02X}")
    return name


def config(codes: list[str]) -> str:
    """The labelling interface: a region and a choice for each class."""
    regions = "".join(f"<Label value={quoteattr(code)}/>" for code in codes)
    choices = "".join(f"<Choice value={quoteattr(code)}/>" for code in codes)
    return (
        f'<View>\n<Labels name="{REGIONS}" toName="audio">{regions}</Labels>\n'
        f'<Choices name="{CHOICES}" toName="audio" choice="multiple">{choices}</Choices>\n'
        '<Audio name="audio" value="$audio" zoom="true"/>\n</View>\n'
    )


HOLDS = frozenset({Holds.SEVERAL, Holds.TIMELESS, Holds.TIMES, Holds.NOTHING, Holds.GROUP, Holds.FOLD, Holds.METADATA})
ABOUT = "Label Studio: its JSON of audio tasks, in and out, with the labelling interface."
FORMAT = Format("labelstudio", NEEDS, find, read, labels, write, rank=30, export=export, holds=HOLDS, about=ABOUT)
