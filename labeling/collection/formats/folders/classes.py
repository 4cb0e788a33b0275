"""A folder a class: `dog/a.wav` is a dog, `dog+cat/b.wav` both, perhaps below `train/` and `test/`.

What lies in no such folder was not listened to; what lies in `_nothing` was, and nothing was heard.
Options: ``separator`` between two classes of a name ("" = none), ``level`` of the folder that names the class (1 = the
outermost), ``files`` (link or copy) for what is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from labeling.collection.annotation.base import (
    Correction,
    Format,
    Holds,
    ImportedClip,
    ImportedTable,
    Labelling,
    NotHeld,
    TableLabels,
    Written,
)
from labeling.collection.annotation.naming import sound_name
from labeling.collection.formats.folders import placing, walking
from labeling.collection.formats.folders.naming import NOTHING, codes_of, folder_of
from labeling.errors import FormatError

NEEDS = "a folder with a folder of sound files a class (dog/a.wav; dog+cat/b.wav has both), and no table"
ROOM = "a folder's name has no room for it"


def find(path: Path) -> Path | None:
    """The folder itself where folders in it look like classes, or None."""
    if not path.is_dir() or walking.has_table(path):
        return None
    folders = walking.with_sound(path)
    if folders and {name.lower() for name in folders} <= walking.SPLITS:
        folders = {name: names for split in folders for name, names in walking.with_sound(path / split).items()}
    names = [name for some in folders.values() for name in some]
    classes = [name for name in folders if walking.may_be_class(name)]
    return path if len(classes) > 1 and not walking.looks_recorded(names) else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a folder of folders. Raises FormatError where it is none, or no sound lies below it."""
    root = folder_given(path, audio)
    names = walking.sounds_below(root)
    if not names:
        raise FormatError(f"{root} holds no sound file; give the folder that holds a folder a class")
    options = {**options, "level": _level(names, options), "separator": options.get("separator", "+")}
    said = {name: _codes(name, options) for name in names}
    clips = [
        ImportedClip(
            filename=name,
            path=str(root / name),
            labels=codes or (),
            primary="",
            row=row,
            metadata={"split": name.split("/")[0]} if options["level"] > 1 else {},
            rows=(row,),
            partial=codes is None,
        )
        for row, (name, codes) in enumerate(said.items(), start=2)
    ]
    return folder_table("folders", path, root, names, clips, options)


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the folders say of each file."""
    return {name: TableLabels("", _codes(name, options) or ()) for name in walking.listed(data)}


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The same folders with all files, those that are labelled otherwise now in the folders of their labels."""
    root = Path(str(options.get("audio_root", options.get("source", ""))))
    not_held: list[NotHeld] = []

    def wanted() -> Iterator[tuple[str, str]]:
        for name in walking.listed(data):
            correction = corrections.get(name)
            yield str(root / name), name if correction is None else moved(name, correction)

    def moved(name: str, correction: Correction) -> str:
        folder, left = folder_of(correction.labels, str(options.get("separator", "+")))
        not_held.extend(NotHeld(name, code, "secondary", ROOM) for code in left)
        parts = list(PurePosixPath(name).parts)
        at = int(options.get("level", 1)) - 1
        if at < len(parts) - 1:
            parts[at] = folder or NOTHING
        else:
            parts.insert(at, folder or NOTHING)
        return "/".join(parts)

    files, notes = placing.place(wanted(), out_dir, options)
    return Written(files, tuple(not_held), notes)


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """The sound files of any collection in a folder a set of labels. What was not listened to lies beside them."""
    separator = str(options.get("separator", "+"))
    not_held: list[NotHeld] = []

    def wanted() -> Iterator[tuple[str, str]]:
        for clip in labelling.clips:
            folder, left = folder_of(clip.labels, separator)
            not_held.extend(NotHeld(clip.filename, code, "present", ROOM) for code in left)
            if not folder and not left and clip.heard and not clip.partial:
                folder = NOTHING
            name = sound_name(clip.filename, clip.path).rpartition("/")[2].lstrip(".")
            yield clip.path, f"{folder}/{name}" if folder else name

    files, notes = placing.place(wanted(), out_dir, options)
    return Written(files, tuple(not_held), notes)


def folder_given(path: Path, audio: str | None) -> Path:
    """The folder that is read; raises FormatError for a file."""
    root = Path(audio).expanduser() if audio else path
    if not root.is_dir():
        raise FormatError(f"{root} is no folder; give the folder that holds the sound files")
    return root.resolve()


def folder_table(
    format: str, path: Path, root: Path, names: list[str], clips: list[ImportedClip], options: Mapping[str, Any]
) -> ImportedTable:
    """What was read of a folder without a table; the list of its files is kept as one."""
    return ImportedTable(
        format=format,
        table_name=f"{root.name}.json",
        table_bytes=walking.listing(names),
        audio_root=str(root),
        clips=tuple(clips),
        class_names={},
        options={**options, "table": f"{root.name}.json", "source": str(path.resolve()), "audio_root": str(root)},
    )


def _codes(name: str, options: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The labels of a file by its folder; None where it lies in none."""
    parts, level = name.split("/"), int(options.get("level", 1))
    return codes_of(parts[level - 1], str(options.get("separator", "+"))) if len(parts) > level else None


def _level(names: list[str], options: Mapping[str, Any]) -> int:
    given = options.get("level")
    if given is not None:
        if not str(given).isdecimal() or not 1 <= int(given) <= 9:
            raise FormatError(f"level is {given!r}; give the depth of the folder that names the class, 1 to 9")
        return int(given)
    first = {name.split("/")[0].lower() for name in names if "/" in name}
    return 2 if first and first <= walking.SPLITS and any(name.count("/") > 1 for name in names) else 1


FORMAT = Format(
    "folders",
    NEEDS,
    find,
    read,
    labels,
    write,
    rank=96,
    export=export,
    takes={"separator": "what stands between several classes of one clip (+)"},
    holds=frozenset({Holds.SEVERAL, Holds.TIMELESS, Holds.NOTHING}),
    about="A folder of sound files a class, as image classifiers, BirdNET's training and many scripts take it.",
    any_folder=True,
)
