"""Segments that BirdNET-Analyzer cuts: `<Common name>/<confidence>_<n>_<recording>_<start>s_<end>s.wav`.

People move what they have heard into `Positive/` and `Negative/` below each: these are verdicts. What lies in neither
is what BirdNET says. Of all other classes nothing is known in a segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from labeling.collection.annotation.base import (
    Attribution,
    Correction,
    Format,
    ImportedClip,
    ImportedTable,
    NotHeld,
    Problem,
    StatedVerdict,
    TableLabels,
    Written,
)
from labeling.collection.formats.folders import placing, walking
from labeling.collection.formats.folders.classes import ROOM, folder_given, folder_table
from labeling.collection.formats.folders.naming import codes_of, folder_of
from labeling.errors import FormatError
from labeling.file_names import without_suffix

NEEDS = (
    "a folder with a folder a species of BirdNET's segments (0.812_3_recording_12.0s_15.0s.wav), heard ones in "
    "Positive/ and Negative/ below"
)
VERDICTS = {"positive": "present", "negative": "absent"}
FOLDERS = {"present": "Positive", "absent": "Negative"}
BIRDNET = "BirdNET"
SORTED = "segments"
"""Who decided: the folders do not say which person."""
_CUT = re.compile(r"([01]\.\d+)_\d+_(.+?)(?:_(\d+(?:\.\d+)?)s_(\d+(?:\.\d+)?)s)?$")


def find(path: Path) -> Path | None:
    """The folder itself where most sound in it is called like a segment, or lies in Positive/ and Negative/."""
    if not path.is_dir() or walking.has_table(path):
        return None
    folders = walking.with_sound(path)
    names = [name for some in folders.values() for name in some]
    cut = sum(bool(_CUT.match(without_suffix(name))) for name in names)
    heard = sum(bool(_verdict_folders(path / name)) for name in folders)
    return path if names and (2 * cut > len(names) or 2 * heard > len(folders)) else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read the segments of all species; each recording is a group."""
    root = folder_given(path, audio)
    problems: list[Problem] = []
    clips: list[ImportedClip] = []
    names = walking.sounds_below(root)
    for row, name in enumerate(names, start=2):
        code, verdict = _said(name)
        if not code:
            problems.append(Problem(row, name, "lies in no folder of a species, so it has no label"))
        cut = _CUT.match(without_suffix(name.rsplit("/", 1)[-1]))
        confidence = min(1.0, float(cut[1])) if cut else None
        there = (code,) if code and verdict != "absent" else ()
        clips.append(
            ImportedClip(
                filename=name,
                path=str(root / name),
                labels=there,
                primary="",
                row=row,
                group=cut[2] if cut else "",
                metadata={"confidence": cut[1], "start_s": cut[3] or "", "end_s": cut[4] or ""} if cut else {},
                rows=(row,),
                said_by={(code, None): Attribution(BIRDNET, confidence)} if there and cut else {},
                partial=True,
                absent=(code,) if verdict == "absent" else (),
                verdicts=(StatedVerdict(code, verdict, SORTED),) if verdict else (),
            )
        )
    if not clips:
        raise FormatError(f"{root} holds no sound file; give the folder that holds a folder a species")
    table = folder_table("segments", path, root, names, clips, options)
    return replace(table, problems=tuple(problems))


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the folders say is there in each file."""
    said = {name: _said(name) for name in walking.listed(data)}
    return {
        name: TableLabels("", (code,) if code and verdict != "absent" else ()) for name, (code, verdict) in said.items()
    }


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The same folders with all files: what was taken away in Negative/, what was added in its species' Positive/.

    A segment with several species lies in the folder of each.
    """
    root = Path(str(options.get("audio_root", options.get("source", ""))))
    not_held: list[NotHeld] = []

    def wanted() -> Iterator[tuple[str, str]]:
        for name in walking.listed(data):
            correction = corrections.get(name)
            for place in [name] if correction is None else places(name, correction):
                yield str(root / name), place

    def places(name: str, correction: Correction) -> list[str]:
        code, _ = _said(name)
        parts = PurePosixPath(name).parts
        kept = code in correction.labels
        of_species = [name] if kept else [f"{parts[0]}/{FOLDERS['absent']}/{parts[-1]}"] if code else []
        for other in correction.labels:
            if other != code:
                folder, left = folder_of([other], "")
                of_species += [f"{folder}/{FOLDERS['present']}/{parts[-1]}"] if folder else []
                not_held.extend(NotHeld(name, lost, "secondary", ROOM) for lost in left)
        return of_species or [name]

    files, notes = placing.place(wanted(), out_dir, options)
    return Written(files, tuple(not_held), notes)


def _said(name: str) -> tuple[str, str]:
    """The species of a file by its folder, and the verdict that lies in its place ("" = none)."""
    folders = name.split("/")[:-1]
    verdict = next((VERDICTS[part.lower()] for part in folders[1:] if part.lower() in VERDICTS), "")
    return next(iter(codes_of(folders[0], "")), "") if folders else "", verdict


def _verdict_folders(folder: Path) -> bool:
    return any(name.lower() in VERDICTS for name in walking.with_sound(folder))


FORMAT = Format(
    "segments",
    NEEDS,
    find,
    read,
    labels,
    write,
    rank=94,
    about="Segments that BirdNET-Analyzer cut, sorted by people into Positive/ and Negative/.",
    any_folder=True,
)
