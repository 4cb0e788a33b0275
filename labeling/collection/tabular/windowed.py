"""Kinds of tables with a row a window of a recording: what each knows of its columns, and all that they share."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Correction,
    Format,
    Holds,
    ImportedClip,
    ImportedTable,
    Labelling,
    NotHeld,
    Problem,
    TableLabels,
    Written,
)
from labeling.collection.annotation.paths import Finder, choose_root, found_table
from labeling.collection.tabular.base import Table
from labeling.collection.tabular.codes import NewWindow, new_windows
from labeling.collection.tabular.reading import SUFFIXES, head, header, load, read_table
from labeling.collection.tabular.windows import Windows
from labeling.errors import FormatError
from labeling.registry import some_of
from labeling.storage.files import write_atomically

MOST_TRIED = 50  # tables of a folder whose columns are looked at


def nothing_more(windows: Windows, name: str) -> dict[str, Any]:
    """Of a recording nothing is known but its windows."""
    return {}


@dataclass(frozen=True)
class WindowTable:
    """A kind of such tables.

    Attributes:
        name, about, needs: as a Format has them.
        columns: the headings that it has at least.
        fits: whether a table's first rows are of this kind; it has the columns.
        windows: (table, its name, problems to add to) -> its windows, and all classes that it can tell of.
        folders: where the sound may lie beside the table.
        more: (windows, a recording's name) -> fields of its clip, such as its group.
        files: (finder) -> the files of recordings by what rows call them, where that is only how their names begin.
        shown: (the table's folder) -> the names of classes.
        new: what a table that is made anew is called, its headings, what parts its codes, and the cells of a window.
    """

    name: str
    about: str
    needs: str
    columns: tuple[str, ...]
    fits: Callable[[Table], bool]
    windows: Callable[[Table, list[Problem]], tuple[Windows, Sequence[str]]]
    folders: tuple[str, ...]
    new: tuple[str, tuple[str, ...], str, Callable[[NewWindow], Sequence[str]]]
    more: Callable[[Windows, str], Mapping[str, Any]] = nothing_more
    files: Callable[[Finder], Mapping[str, str]] | None = None
    shown: Callable[[Path], Mapping[str, str]] = lambda folder: {}

    def find(self, path: Path) -> Path | None:
        """The table at a folder or file, or None."""
        if path.is_file():
            return path if self._fits(path) else None
        tables = [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES and file.is_file()]
        tables.sort(key=lambda file: file.name != self.new[0])
        may_be = (file for file in tables[:MOST_TRIED] if "submission" not in file.name.lower())
        return next((file for file in may_be if self._fits(file)), None)

    def _fits(self, path: Path) -> bool:
        if not set(self.columns) <= set(header(path)):
            return False
        try:
            packed = path.suffix.lower() in (".parquet", ".pq")
            return self.fits(read_table(load(path) if packed else head(path), path.name))
        except FormatError:
            return False

    def read(self, path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
        """Read a table of windows. Raises FormatError for a column that is not there."""
        data = load(path)
        table = read_table(data, path.name)
        problems = [Problem(1, "", warning) for warning in table.warnings]
        windows, codes = self._windows(table, path.name, problems)
        around = [path.resolve().parent / name for name in self.folders]
        root = choose_root(path, audio, list(windows.of_file), more=around)
        if audio is None and self.files is not None:
            root = next((str(folder) for folder in around if folder.is_dir()), root)
        finder = Finder(root, windows.of_file)
        files = self.files(finder) if self.files is not None else {}
        clips: list[ImportedClip] = []
        for name, own in windows.of_file.items():
            file = finder.taken(name, files[name]) if name in files else finder.path(name)
            if file is None:
                what = f"{name!r} points outside the audio folder {root}; skipped"
                problems.append(Problem(own[0].number, name, what))
            else:
                clips.append(windows.clip(own, file, codes, **self.more(windows, name)))
        names = self.shown(path.resolve().parent)
        shown = {code: names.get(code, "") for code in codes}
        return found_table(self.name, path, data, finder, clips, problems, options, shown)

    def labels(self, data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
        """What the table says of each recording."""
        return self._of_bytes(data, options).labels()

    def write(
        self, data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path
    ) -> Written:
        """The same table with corrected windows."""
        return self._of_bytes(data, options).write(data, options, corrections, out_dir)

    def export(self, labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
        """Windows of five seconds with the classes whose events they touch."""
        name, columns, sign, cells = self.new
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        not_held: list[NotHeld] = []
        writer.writerows(cells(window) for window in new_windows(labelling, sign, not_held))
        content = text.getvalue().encode(errors="backslashreplace")
        return Written((write_atomically(out_dir / name, content),), tuple(not_held))

    def _of_bytes(self, data: bytes, options: Mapping[str, Any]) -> Windows:
        name = str(options.get("table", self.new[0]))
        return self._windows(read_table(data, name), name, [])[0]

    def _windows(self, table: Table, name: str, problems: list[Problem]) -> tuple[Windows, Sequence[str]]:
        if lacking := [heading for heading in self.columns if heading not in table.columns]:
            raise FormatError(
                f"{name} has no column {', '.join(lacking)}; it has {some_of(table.columns)}. It needs {self.needs}"
            )
        return self.windows(table, problems)

    def format(self) -> Format:
        """As a format."""
        return Format(
            self.name,
            self.needs,
            self.find,
            self.read,
            self.labels,
            self.write,
            rank=30,
            export=self.export,
            holds=frozenset({Holds.SEVERAL, Holds.NOTHING}),
            states=frozenset({Holds.ABSENT}),
            about=self.about,
        )
