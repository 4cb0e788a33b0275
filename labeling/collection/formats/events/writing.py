"""Corrected labels, written into the files of events that came in, and any labels as files of events anew."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Correction,
    LabelledClip,
    LabelledEvent,
    Labelling,
    NotHeld,
    Written,
)
from labeling.collection.annotation.bundle import unpack
from labeling.collection.annotation.naming import names_beside, relative_name
from labeling.collection.formats.events.base import Edit, EventFiles, FileEvent, TableEvent
from labeling.collection.formats.events.reading import LINKS
from labeling.errors import FormatError
from labeling.file_names import folded
from labeling.storage.files import write_all

FALLBACK_HZ = 24_000.0


def export(kind: EventFiles, labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """A file of events for each clip that somebody listened to; one without a label says that nothing was heard."""
    assert kind.beside is not None
    assert kind.rendered is not None
    heard = [clip for clip in labelling.clips if clip.heard]
    name_of = names_beside((clip.filename for clip in heard), kind.beside, with_suffix=kind.keeps_suffix)
    files: dict[str, bytes] = {}
    not_held: list[NotHeld] = []
    for clip in heard:
        files[name_of[clip.filename]] = data = kind.rendered(clip)
        said = {event.code for event in kind.parse(data, clip.filename, {}).events}
        not_held += [
            NotHeld(clip.filename, code, "present", _why(kind, clip.duration_s)) for code in clip.labels
            if code not in said
        ]  # fmt: skip
    return Written(write_all(out_dir, files.items()), tuple(not_held))


def _why(kind: EventFiles, duration_s: float) -> str:
    if not duration_s:
        return f"{kind.name} holds no label without a time, and how long the recording is is not known"
    return f"a file of {kind.name} events cannot hold this class's name"


def write(
    kind: EventFiles,
    data: bytes,
    options: Mapping[str, Any],
    corrections: Mapping[str, Correction],
    out_dir: Path,
) -> Written:
    """The files that came in, with the corrected labels as events, and files for recordings that had none."""
    files = unpack(data)
    links = json.loads(files.pop(LINKS))
    source = Path(str(options.get("source", "")))
    out_dir = out_dir.resolve()
    for name in files:
        if (out_dir / name) in (source, source / name):
            raise FormatError(f"{out_dir / name} is a file that was imported, which is never changed; choose another "
                              "folder (--out)")  # fmt: skip
    edits = _Edits(kind, files, links, options)
    for correction in corrections.values():
        edits.correct(correction)
    return Written(write_all(out_dir, sorted(files.items())), tuple(edits.not_held))


class _Edits:
    """What becomes of the files, recording by recording; ``files`` are changed in place."""

    def __init__(
        self, kind: EventFiles, files: dict[str, bytes], links: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        self.kind, self.files, self.links, self.options = kind, files, links, options
        self.not_held: list[NotHeld] = []
        self._taken = {folded(name) for name in files}

    def correct(self, correction: Correction) -> None:
        """Change the files of one recording; of a recording of other files nothing is done."""
        name = correction.filename
        own = self.links["recordings"].get(name)
        if own is not None:
            self._change(correction, own["files"])
        elif name in self.links["unheard"]:
            self._begin(correction)
            told = f"{self.kind.name} cannot say that other classes are not known"
            self.not_held.append(NotHeld(name, "", "not listened for", told))
        else:
            return
        if correction.primary and len(correction.labels) > 1:
            told = f"{self.kind.name} cannot say which label is the primary"
            self.not_held.append(NotHeld(name, correction.primary, "primary", told))

    def _change(self, correction: Correction, names: Sequence[str]) -> None:
        assert self.kind.edited is not None
        events = [(file, event) for file in names for event in self._events(file, correction.filename)]
        there = {event.code for _, event in events}
        drawn = {code for code, _ in correction.regions}
        gone = there - set(correction.labels)
        new = [code for code in correction.labels if code not in there]
        instead = {old: code for old, code in correction.swapped if old in gone and code in new and code not in drawn}
        added = _as_events(correction, [code for code in new if code not in instead.values()], events)
        for number, file in enumerate(names):
            its = [event for other, event in events if other == file]
            edit = Edit(
                removed=frozenset(event.place for event in its if event.code in gone and event.code not in instead),
                renamed={event.place: instead[event.code] for event in its if event.code in instead},
                added=tuple(added) if number == 0 else (),
                recording=self._called(file, correction.filename),
                filename=correction.filename,
                duration_s=correction.duration_s,
                band_hz=(0.0, correction.sample_rate / 2 or FALLBACK_HZ),
            )
            if edit.removed or edit.renamed or edit.added:
                self.files[file] = self.kind.edited(self.files[file], file, edit, self.options)
        self._tell(correction, names)

    def _begin(self, correction: Correction) -> None:
        """Write a file for a recording that had none."""
        assert self.kind.beside is not None
        assert self.kind.rendered is not None
        beside = names_beside([correction.filename], self.kind.beside, with_suffix=self.kind.keeps_suffix)
        name, number = beside[correction.filename], 1
        while folded(name) in self._taken:  # with its suffix, and then with a number
            number += 1
            name = self.kind.beside(relative_name(correction.filename) + (f" ({number})" if number > 2 else ""))
        self._taken.add(folded(name))
        events = tuple(LabelledEvent(code, region) for code, region in correction.regions)
        clip = LabelledClip(
            correction.filename, "", correction.duration_s, correction.sample_rate, 1, labels=correction.labels,
            events=events,
        )  # fmt: skip
        self.files[name] = self.kind.rendered(clip)
        said = {event.code for event in self.kind.parse(self.files[name], name, {}).events}
        self._tell_lacking(correction, said)

    def _events(self, file: str, recording: str) -> Iterable[FileEvent]:
        names = self.links["rows"][file]
        events = self.kind.parse(self.files[file], file, self.options).events
        return (event for event in events if names.get(event.recording) == recording)

    def _called(self, file: str, recording: str) -> str:
        return next((row for row, its in self.links["rows"][file].items() if its == recording), "")

    def _tell(self, correction: Correction, names: Sequence[str]) -> None:
        self._tell_lacking(
            correction, {event.code for file in names for event in self._events(file, correction.filename)}
        )

    def _tell_lacking(self, correction: Correction, said: set[str]) -> None:
        """What the files do not say now, read again, and why."""
        why = _why(self.kind, correction.duration_s)
        for code in correction.labels:
            if code not in said:
                now = "primary" if code == correction.primary else "secondary"
                self.not_held.append(NotHeld(correction.filename, code, now, why))
        for code in correction.removed:
            if code in said:
                self.not_held.append(NotHeld(correction.filename, code, "absent", "it could not be taken out"))


def _as_events(
    correction: Correction, codes: Sequence[str], there: Sequence[tuple[str, FileEvent]]
) -> list[TableEvent]:
    """New labels as events: where they were drawn, else over the whole recording."""
    events = [
        TableEvent(region.onset_s, region.offset_s, code, None, region.low_hz, region.high_hz)
        for code, region in correction.regions
        if code in codes
    ]
    timed = {event.label for event in events}
    end_s = correction.duration_s
    if end_s:
        events += [TableEvent(0.0, end_s, code) for code in codes if code not in timed]
    return events
