"""Who a clip is, wherever its file lies: its collection and what that calls it, and the bytes of its file.

A table belongs to a collection: to the one that it was imported into before, by its place; to one whose folder was
moved, by the bytes of its files; to one whose audio folder it shares; else to a new one. Two recorders that give the
same names are two collections.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeling.collection.adding import NewClip
from labeling.collection.annotation.paths import plain_name
from labeling.collection.formats import ImportedClip, ImportedTable
from labeling.collection.probing import fingerprint, is_there
from labeling.collection.store import ImportRecord, KnownClip
from labeling.errors import DataError
from labeling.records import USABLE

GENERIC = ("train", "train_metadata", "metadata", "labels", "meta", "table", "index")
"""Names of tables that say nothing: the folder's says more."""
SAMPLE = 20  # clips by whose files a moved folder is known


def import_name(source: str, imports: Sequence[ImportRecord], given: str = "") -> str:
    """What a table is called: as ``given``, as before, else by its file, or by its folder where that says more.

    ``source`` is the table's full path.
    """
    if given.strip():
        return given.strip()
    before = next((record.name for record in reversed(imports) if table_path(record) == source), "")
    table = Path(source)
    stem = table.stem
    name = table.parent.name if stem.lower() in GENERIC and table.parent.name else stem
    return before or _free(name, f"{table.parent.name}/{stem}", {record.name for record in imports})


def table_path(record: ImportRecord) -> str:
    """Where the table of an import lay."""
    return str(record.options.get("source") or record.source)


def _free(name: str, longer: str, taken: Iterable[str]) -> str:
    known = set(taken)
    numbered = (f"{longer} {number}" for number in range(2, len(known) + 3))
    return next(free for free in (name, longer, *numbered) if free not in known)


@dataclass(frozen=True)
class Collections:
    """The collections of a workspace, and the clips of each by what it calls them."""

    imports: Sequence[ImportRecord]
    clips_of: Mapping[str, Mapping[str, KnownClip]]

    @classmethod
    def of(cls, imports: Sequence[ImportRecord], known: Iterable[KnownClip]) -> Collections:
        """Those of all imports and known clips."""
        clips_of: dict[str, dict[str, KnownClip]] = {record.collection: {} for record in imports}
        for clip in known:
            clips_of.setdefault(clip.collection, {})[plain_name(clip.relative)] = clip
        return cls(imports, clips_of)

    def of_table(self, table: ImportedTable, source: str, same_bytes: Iterable[int], name: str) -> str:
        """The collection that a table belongs to, or the name for a new one.

        ``same_bytes`` are the ids of the imports whose table has the same bytes; ``name`` is the table's. Raises
        DataError where another recorder's table and files seem to lie at the place of one that was imported.
        """
        equal = {record.collection for record in self.imports if record.id in set(same_bytes)}
        for record in reversed(self.imports):
            if table_path(record) == source:
                if record.collection not in equal and self._replaced(table.clips, self.clips_of[record.collection]):
                    raise DataError(
                        f"{source} is another table than before, and all of its files that were compared are others "
                        f"than those of the collection {record.collection!r} under the same names. If another "
                        "recorder's card lies there now, give a new name with --collection; if files were replaced, "
                        f"give --collection {record.collection!r}"
                    )
                return record.collection
        gone = {record.collection for record in self.imports if not os.path.exists(table_path(record))}
        for collection in dict.fromkeys(record.collection for record in reversed(self.imports)):
            if self._moved(table.clips, self.clips_of[collection], collection in equal, collection in gone):
                return collection
        found = any(is_there(clip.path) for clip in table.clips[:SAMPLE])  # a folder that holds none says nothing
        for record in reversed(self.imports if found else ()):
            if record.audio_root == table.audio_root:
                return record.collection
        return _free(name, name, self.clips_of)

    def _replaced(self, clips: Sequence[ImportedClip], known: Mapping[str, KnownClip]) -> bool:
        """Whether all files are others than before under the same names: another recorder's card at the same place."""
        compared = 0
        for clip in clips:
            before = known.get(plain_name(clip.filename))
            if before is None or not before.fingerprint or not os.path.isfile(clip.path):
                continue
            if fingerprint(clip.path)[1] == before.fingerprint:
                return False
            compared += 1
            if compared == SAMPLE:
                break
        return compared > 0

    def _moved(
        self, clips: Sequence[ImportedClip], known: Mapping[str, KnownClip], same_table: bool, gone: bool
    ) -> bool:
        """Whether these files are a collection's, moved: the same bytes under the same names, and gone from before.

        Of a collection none of whose files was ever found, it is enough that the same table is gone from before.
        """
        if same_table and gone and known and not any(clip.status in USABLE for clip in known.values()):
            return True
        equal = compared = 0
        for clip in clips:
            before = known.get(plain_name(clip.filename))
            if before is None or not before.size_bytes or not os.path.isfile(clip.path):
                continue
            if before.path == clip.path or is_there(before.path):
                continue
            size, mark = fingerprint(clip.path)
            # clips of before fingerprints were kept: by size, where the table is the same too
            equal += mark == before.fingerprint if before.fingerprint else same_table and size == before.size_bytes
            compared += 1
            if compared == SAMPLE:
                break
        return compared > 0 and 2 * equal > compared


def matched(clips: Sequence[ImportedClip], collection: str, known: Collections) -> list[KnownClip | None]:
    """The known clip that each clip of a table is: by its name in the collection, else by the place of its file."""
    here = known.clips_of.get(collection, {})
    by_path = {clip.path: clip for own in known.clips_of.values() for clip in own.values()}
    found = [here.get(plain_name(clip.filename)) for clip in clips]
    taken = {clip.id for clip in found if clip is not None}
    for place, clip in enumerate(clips):
        at_its_place = by_path.get(clip.path) if found[place] is None else None
        if at_its_place is not None and at_its_place.id not in taken and _has_its_bytes(at_its_place):
            found[place] = at_its_place
            taken.add(at_its_place.id)
    return found


def _has_its_bytes(clip: KnownClip) -> bool:
    """Whether at a clip's place lies what lay there before, or anything, where that is not known."""
    if not clip.fingerprint:
        return is_there(clip.path)
    return fingerprint(clip.path)[1] == clip.fingerprint


def replaced(new: Iterable[NewClip], known: Iterable[KnownClip]) -> list[KnownClip]:
    """Known clips at whose place the file of a new clip lies, with other bytes: theirs is gone."""
    mark_at = {clip.path: clip.fingerprint for clip in new if clip.fingerprint}
    return [clip for clip in known if clip.fingerprint and mark_at.get(clip.path, clip.fingerprint) != clip.fingerprint]


def by_bytes(
    marks: Mapping[int, str], known: Collections, collection: str, taken: Iterable[int]
) -> dict[int, KnownClip]:
    """Of clips of a table that no name matched (place to fingerprint), the known clip that each was before it moved.

    Only a clip of the same collection whose file is gone, and that alone had these bytes, is taken.
    """
    claimed = set(taken)
    gone: dict[str, list[KnownClip]] = {}
    wanted = set(marks.values())
    for clip in known.clips_of.get(collection, {}).values():
        if clip.fingerprint in wanted and clip.id not in claimed and not is_there(clip.path):
            gone.setdefault(clip.fingerprint, []).append(clip)
    times: dict[str, int] = {}
    for mark in marks.values():
        times[mark] = times.get(mark, 0) + 1
    return {
        place: gone[mark][0]
        for place, mark in marks.items()
        if mark and times[mark] == 1 and len(gone.get(mark, ())) == 1
    }


def names_for(clips: Sequence[ImportedClip], collection: str, taken: Iterable[str]) -> list[str]:
    """What the workspace calls new clips: as their table does, or with the collection before it where that is taken."""
    known = set(taken)
    names = []
    for clip in clips:
        name = clip.filename
        if name in known:
            name = next(
                free
                for number in range(1, len(known) + 2)
                if (free := f"{collection}{'' if number == 1 else f' {number}'}/{clip.filename}") not in known
            )
        known.add(name)
        names.append(name)
    return names
