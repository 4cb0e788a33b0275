"""Answers of Xeno-canto's API: recordings with their species, and those in the background (`also`) as secondary labels.

The class is the scientific name. A file is known by its number: XC123 at the beginning of its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Format, ImportedClip, ImportedTable, Problem, TableLabels, label
from labeling.collection.annotation.bundle import pack, unpack
from labeling.collection.annotation.paths import Finder, choose_root, found_table, join
from labeling.collection.tabular.json_text import JsonFile, dicts, head_of
from labeling.collection.tabular.reading import load
from labeling.errors import FormatError
from labeling.file_names import AUDIO_SUFFIXES

NEEDS = "JSON answers of Xeno-canto's API (recordings with gen, sp and also); sound named XC and its number"
LABELS = ("gen", "sp", "en", "also", "id", "file-name", "file", "sono", "osci", "url")
MOST_LOOKED_AT = 2000
_NUMBER = re.compile(r"(?:^|/)XC(\d+)(?!\d)", re.IGNORECASE)


def find(path: Path) -> Path | None:
    """One answer, or the folder of several pages; None."""
    if path.is_file():
        return path if _is_one(path) else None
    pages = _pages(path)
    return (pages[0] if len(pages) == 1 else path) if pages else None


def _pages(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.json"))[:MOST_LOOKED_AT] if _is_one(file)]


def _is_one(path: Path) -> bool:
    head = head_of(path) if path.suffix.lower() == ".json" else ""
    return all(f'"{key}"' in head for key in ("recordings", "gen", "sp", "also"))


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read one answer or all pages of a folder."""
    pages = _pages(path) if path.is_dir() else [path]
    if not pages:
        raise FormatError(f"{path} holds no answer of Xeno-canto; it needs {NEEDS}")
    data = pack({page.name: load(page) for page in pages})
    problems: list[Problem] = []
    recordings = list(_recordings(data, problems))
    codes = _codes(recordings)
    root = choose_root(pages[0], audio, [name for name, _ in recordings])
    finder = Finder(root)
    of_number: dict[str, str] = {}
    for file in sorted(finder.files()) if Path(root).is_dir() else []:
        if file.lower().endswith(AUDIO_SUFFIXES) and (match := _NUMBER.search(file[len(root.rstrip("/")) + 1 :])):
            of_number.setdefault(match[1], file)
    clips = []
    for row, (name, own) in enumerate(recordings, start=2):
        primary, labels = _labels(own, codes)
        clips.append(
            ImportedClip(
                filename=name,
                path=finder.taken(name, of_number.get(str(own["id"]), join(root, name))),
                labels=labels,
                primary=primary,
                row=row,
                group=str(own.get("rec") or ""),
                metadata={
                    str(key): str(value)
                    for key, value in own.items()
                    if key not in LABELS and value not in (None, "") and not isinstance(value, dict | list)
                },
                rows=(row,),
            )
        )
    names = {_scientific(own): str(own["en"]) for _, own in recordings if own.get("en") and _scientific(own)}
    return found_table("xenocanto", path, data, finder, clips, problems, options, names)


def _recordings(data: bytes, problems: list[Problem]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The recordings of all pages, each once, with what their files are called."""
    known: set[str] = set()
    for page, content in sorted(unpack(data).items()):
        value = JsonFile.of(content, page).value
        given = value.get("recordings") if isinstance(value, dict) else None
        if not isinstance(given, list):
            raise FormatError(f"{page} has no recordings; ask the API again")
        for own in dicts(given):
            number = str(own.get("id", "")).strip()
            if not number.isdecimal() or not _scientific(own):
                problems.append(Problem(0, number, f"{page}: a recording without a number or a species; skipped"))
            elif number not in known:
                known.add(number)
                suffix = Path(str(own.get("file-name") or "")).suffix.lower()
                yield f"XC{number}{suffix if suffix in AUDIO_SUFFIXES else '.mp3'}", own


def _scientific(own: Mapping[str, Any]) -> str:
    return label(f"{own.get('gen') or ''} {own.get('sp') or ''}")


def _codes(recordings: list[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """The class that a name stands for, scientific or English."""
    codes: dict[str, str] = {}
    for _, own in recordings:
        codes.setdefault(str(own.get("en") or "").casefold(), _scientific(own))
    return codes | {_scientific(own).casefold(): _scientific(own) for _, own in recordings}


def _labels(own: Mapping[str, Any], codes: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    also = own.get("also")
    names = [label(str(name)) for name in also] if isinstance(also, list) else []
    primary = _scientific(own)
    others = [codes.get(name.casefold(), name) for name in names if name]
    return primary, tuple(dict.fromkeys([primary, *others]))


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the answers say of each recording."""
    recordings = list(_recordings(data, []))
    codes = _codes(recordings)
    return {name: TableLabels(*_labels(own, codes)) for name, own in recordings}


ABOUT = "Answers of Xeno-canto's API, with the species in the background."
FORMAT = Format("xenocanto", NEEDS, find, read, labels, rank=28, about=ABOUT)
