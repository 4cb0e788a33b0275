"""A collection with one label changed, exported to itself, and to the formats that other programs read."""

from __future__ import annotations

import difflib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.format_readers.samples import Collection, lay
from labeling.collection import store
from labeling.collection.annotation.base import LabelledClip, Labelling
from labeling.collection.annotation.naming import names_beside, places_below
from labeling.collection.classes import add_class
from labeling.collection.formats import formats
from labeling.collection.importing import import_collection
from labeling.collection.tabular.beside import is_beside
from labeling.errors import EarmarkError
from labeling.journal import append, versions
from labeling.journal.exporting import ExportReport, export_labels
from labeling.journal.labelling import labelling_of
from labeling.records import Decision
from labeling.workspace import Workspace, open_workspace

NEW_CLASS = "another"


@dataclass
class Corrected:
    """What became of a collection. ``wanted`` are the classes by the recording, as each format's reader calls it."""

    name: str
    format: str
    changed: str = ""
    itself: str = ""
    diff: tuple[str, ...] = ()
    folders: dict[str, Path] = field(default_factory=dict)
    wanted: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    beside: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def correct(collection: Collection, folder: Path, samples: Path | None, others: Sequence[str]) -> Corrected:
    """Import it, change one label, export it; what goes wrong is in ``faults``."""
    made = Corrected(collection.name, collection.format)
    try:
        lay(collection, folder / "in", samples)
    except (EarmarkError, ValueError) as problem:
        made.faults.append(f"not read: {problem}")
        return made
    workspace = open_workspace(folder / "workspace", create=True)
    try:
        own = dict(collection.options)
        report = import_collection(workspace, folder / "in", format=collection.format if own else None, options=own)
        if report.usable != report.clips or not report.clips:
            made.faults.append(f"{report.usable} of {report.clips} clips are usable")
        made.changed = _change(workspace)
        if made.changed:
            _itself(workspace, collection, folder, made)
        for other in others:
            made.folders[other] = folder / "out" / other
            written = export_labels(workspace, made.folders[other], format=other)
            if other == collection.format and made.changed:  # in the midst of its sound, as it is used
                made.folders[other] = folder / "again"
            labelling = _labelling(workspace, written.version.number)
            told = {(cell.filename, cell.class_code) for cell in written.not_in_table}
            made.beside[other] = sum(code != "" for _, code in told)
            name_of = _names(labelling, other, other == collection.format)
            made.wanted[other] = {
                name_of(clip): sorted(code for code in clip.labels if (clip.filename, code) not in told)
                for clip in labelling.clips
                if clip.heard or other != "raven"
            }
    finally:
        workspace.close()
    return made


def _change(workspace: Workspace) -> str:
    """A label of the first clip that has one is another class; in words, "" where no clip has any."""
    with workspace.write() as connection:
        ids = store.clip_ids_by_filename(connection)
        codes = [known.code for known in store.all_classes(connection)]
        add_class(connection, NEW_CLASS)
    clips = _labelling(workspace, versions.freeze(workspace, "ann").number).clips
    clip = next((clip for clip in clips if clip.labels), None)
    if clip is None:
        return ""
    old = clip.labels[0]
    new = next((code for code in codes if code not in clip.labels), NEW_CLASS)
    place = ids[clip.filename]
    append(workspace, [Decision("e1", "ann", place, old, "absent"), Decision("e2", "ann", place, new, "present")])
    return f"{old} -> {new}"


def _labelling(workspace: Workspace, number: int) -> Labelling:
    with workspace.read() as connection:
        return labelling_of(connection, versions.get_version(connection, number), workspace.root.name)


def _names(labelling: Labelling, other: str, own: bool) -> Callable[[LabelledClip], str]:
    """What a format's reader calls a clip."""
    if other.startswith("huggingface"):
        return lambda clip: hashlib.sha256(Path(clip.path).read_bytes()).hexdigest()
    if other == "raven" and own:
        return lambda clip: Path(clip.path).stem.casefold()
    if other == "raven":
        heard = [clip.filename for clip in labelling.clips if clip.heard]
        names = names_beside(heard, lambda stem: f"{stem}.selections.txt")
        return lambda clip: names[clip.filename]
    if own:
        return lambda clip: Path(clip.path).name
    places, _ = places_below({clip.filename: clip.path for clip in labelling.clips})
    return lambda clip: places[clip.filename]


def _itself(workspace: Workspace, collection: Collection, folder: Path, made: Corrected) -> None:
    """Write it as it came in; read it again in its folder, and compare."""
    known = formats.get(collection.format)
    if known.write is None:
        made.itself = "is only read"
        return
    written = export_labels(workspace, folder / "out" / "itself")
    after = folder / "again"
    if collection.files:
        shutil.copytree(folder / "in", after)
        made.diff = tuple(_overlay(written, after))
    else:
        after = written.folder
    again = open_workspace(folder / "workspace again", create=True)
    try:
        own = dict(collection.options)
        import_collection(again, after, format=collection.format, options=own)
        said = _said(_labelling(again, versions.freeze(again, "ann").number))
    finally:
        again.close()
    told = {(Path(cell.filename).stem, cell.class_code) for cell in written.not_in_table}
    before = _said(_labelling(workspace, written.version.number))
    wrong = [f"{code} of {stem} is lost" for stem, code in sorted(before - said - told)]
    wrong += [f"{code} of {stem} is still there" for stem, code in sorted(said - before - told)]
    made.faults += [f"itself: {fault}" for fault in wrong[:3]]
    changed = sum(line[0] == "+" for line in made.diff)
    made.itself = f"{changed} lines" + f", {len(told)} beside" * bool(told)


def _said(labelling: Labelling) -> set[tuple[str, str]]:
    """(a recording's name without folder and suffix, a class of it)."""
    return {(Path(clip.filename).stem, code) for clip in labelling.clips for code in clip.labels}


def _overlay(written: ExportReport, folder: Path) -> Iterator[str]:
    """Put what was written over what came in; the lines that differ."""
    for file in written.files:
        if is_beside(file):
            continue
        place = folder / file.relative_to(written.folder)
        if not place.exists():
            same = [path for path in folder.rglob(file.name) if path.is_file()]
            place = same[0] if len(same) == 1 else place
        place.parent.mkdir(parents=True, exist_ok=True)
        before, after = (path.read_bytes().decode("latin-1") if path.exists() else "" for path in (place, file))
        if "\0" not in before[:4096] or before[:2] in ("\xff\xfe", "\xfe\xff"):
            lines = [*difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)][2:]
            yield from (line for line in lines if line[:1] in "+-")
        shutil.copyfile(file, place)
