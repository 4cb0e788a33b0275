"""The CSV export of iNaturalist: an observation a row, with the address of its sound.

The sound lies in the audio folder under the name that its address ends with, or is read from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from labeling.collection.annotation.base import Format, ImportedClip, ImportedTable, Problem, TableLabels, label
from labeling.collection.annotation.naming import relative_name
from labeling.collection.annotation.paths import Finder, choose_root, found_table, join
from labeling.collection.tabular.base import Table
from labeling.collection.tabular.reading import SUFFIXES, header, load, read_table
from labeling.errors import FormatError
from labeling.registry import some_of
from labeling.storage.remote import is_url

NEEDS = "a CSV export of iNaturalist with the columns id, sound_url and scientific_name"
COLUMNS = ("id", "sound_url", "scientific_name")
GROUP, NAME = "user_login", "common_name"


def find(path: Path) -> Path | None:
    """The export itself, or the one of a folder, or None. Raises FormatError where there are several."""
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    fitting = [file for file in files if file.is_file() and set(COLUMNS) <= set(header(file))]
    if len(fitting) > 1:
        shown = ", ".join(file.name for file in fitting[:8])
        raise FormatError(f"{path} holds {len(fitting)} exports of iNaturalist ({shown}); give the full path of one")
    return fitting[0] if fitting else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read an export: a clip an observation with sound, its species the primary label, its observer the group."""
    data = load(path)
    table = read_table(data, path.name)
    problems = [Problem(1, "", warning) for warning in table.warnings]
    rows = list(_rows(table, path.name, problems))
    root = choose_root(path, audio, [name for name, _, _ in rows])
    finder = Finder(root, (name for name, _, _ in rows))
    clips: list[ImportedClip] = []
    for name, number, cells in rows:
        code, address = label(cells["scientific_name"]), cells["sound_url"].strip()
        elsewhere = address if is_url(address) else join(root, name)
        here = finder.there(name, anywhere=True)
        clips.append(
            ImportedClip(
                filename=name,
                path=finder.taken(name, here) if here else elsewhere,
                labels=(code,) if code else (),
                primary=code,
                row=number,
                group=label(cells.get(GROUP, "")),
                metadata={key: text for key, text in cells.items() if key not in COLUMNS[1:] and key},
                rows=(number,),
                partial=not code,
            )
        )
    named = ((label(cells["scientific_name"]), cells.get(NAME, "")) for _, _, cells in rows)
    names = {code: name for code, name in named if code and name}
    return found_table("inaturalist", path, data, finder, clips, problems, options, names)


def _rows(table: Table, name: str, problems: list[Problem]) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The name of the sound, the number and the cells of each row that has one; of equal sounds the first."""
    lacking = [column for column in COLUMNS if column not in table.columns]
    if lacking:
        raise FormatError(f"{name} has no column {', '.join(lacking)}; it has {some_of(table.columns)}")
    known: set[str] = set()
    for number, texts in table.rows.items():
        cells = dict(zip(table.columns, texts, strict=False))
        sound = cells["sound_url"].strip()
        file = relative_name(unquote(urlsplit(sound).path).rsplit("/", 1)[-1]) if label(sound) else ""
        if not file:
            problems.append(Problem(number, cells["id"], "an observation without sound; skipped"))
        elif file in known:
            problems.append(Problem(number, file, "is the sound of an earlier observation too; skipped"))
        else:
            known.add(file)
            yield file, number, cells


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the export says of each sound."""
    name = str(options.get("table", "observations.csv"))
    rows = _rows(read_table(data, name), name, [])
    codes = {file: label(cells["scientific_name"]) for file, _, cells in rows}
    return {file: TableLabels(code, (code,) if code else ()) for file, code in codes.items()}


ABOUT = "Observations of iNaturalist with sound."
FORMAT = Format("inaturalist", NEEDS, find, read, labels, rank=28, about=ABOUT)
