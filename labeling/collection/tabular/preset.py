"""A kind of table whose columns are known beforehand: the format `table` with its columns chosen, as data.

A corrected table keeps the columns and the order that the set's own code reads; what goes with a label (numbers and
mids of classes) is kept in step (tabular/derived.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Correction, Format, ImportedTable, Labelling, TableLabels, Written
from labeling.collection.tabular import mapped
from labeling.collection.tabular.anew import NewTable, write_new
from labeling.collection.tabular.layout import Layout
from labeling.collection.tabular.reading import header
from labeling.errors import FormatError
from labeling.registry import some_of

MOST_TRIED = 50  # tables of a folder whose columns are looked at


@dataclass(frozen=True)
class Preset:
    """A table whose columns are known.

    Attributes:
        name: what ``--format`` takes.
        about: what it is, and whose.
        needs: what it is known by.
        columns: the headings that it has at least, and is known by; those of a table that is made anew, where ``more``
            adds others at its end.
        options: the options of `table` that say which is which.
        tables: where its table may lie in the collection's folder, with ``*``.
        sounds: where its sound may lie from the table's folder; ``{stem}`` is the table's name.
        place: where a file lies below that (`Layout`).
        group: the column of what clips were cut from, where it has one.
        words: whether its codes are words between underscores.
        stem: whether it names files without their suffix.
        rank: the lower is asked first.
    """

    name: str
    about: str
    needs: str
    columns: tuple[str, ...]
    options: Mapping[str, Any]
    tables: tuple[str, ...]
    sounds: tuple[str, ...] = ()
    place: str = ""
    group: str = ""
    words: bool = False
    stem: bool = False
    more: tuple[str, ...] = ()
    rank: int = 25
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def find(self, path: Path) -> Path | None:
        """Its table at a folder or file, or None. Raises FormatError where several have a name that would do."""
        if path.is_file():
            return path if self._fits(path) else None
        for name in self.tables:
            if found := [file for file in sorted(path.glob(name))[:MOST_TRIED] if self._fits(file)]:
                if len(found) > 1:
                    shown = ", ".join(file.name for file in found[:8])
                    raise FormatError(
                        f"{path} holds {len(found)} tables of {self.name} ({shown}); give the full path of the one"
                    )
                return found[0]
        return None

    def _fits(self, file: Path) -> bool:
        return file.is_file() and set(self.columns) <= set(header(file))

    def read(self, path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
        """Read a table of this kind; raises FormatError for a column that is not there."""
        columns = header(path) if path.is_file() else []
        if columns and (lacking := [name for name in self.columns if name not in columns]):
            raise FormatError(
                f"{path.name} has no column {', '.join(lacking)}; it has {some_of(columns)}. A table of {self.name} "
                f"needs {', '.join(self.columns)}; for another layout use --format table"
            )
        stem = path.stem.removesuffix("_post_competition")
        roots = tuple((path.resolve().parent / folder.format(stem=stem)).resolve() for folder in self.sounds)
        options = {"group_column": self.group, **options} if self.group in columns else options
        layout = Layout(self.name, roots, self.place, self.words)
        return mapped.read(path, audio, self.chosen(options), layout)

    def labels(self, data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
        """What the table says of each filename."""
        return mapped.labels(data, self.chosen(options))

    def write(
        self, data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path
    ) -> Written:
        """The same table with corrected labels."""
        return mapped.write(data, self.chosen(options), corrections, out_dir)

    def export(self, labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
        """A table of this kind of any labels."""
        name = self.tables[0].rsplit("/", 1)[-1].replace("_*", "").replace("*", "")
        return write_new(labelling, self.new, name, out_dir)

    def chosen(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Its columns, but for those that somebody names."""
        return {**self.options, **options}

    @property
    def new(self) -> NewTable:
        """The columns of a table that is made anew."""
        of = self.options.get
        times = (of("onset_column", ""), of("offset_column", ""), of("low_column", ""), of("high_column", ""))
        return NewTable(
            columns=(*self.columns, *self.more),
            path=self.options["path_column"],
            label=of("label_column", ""),
            labels=of("labels_column", ""),
            separator=of("separator", ""),
            group=self.group,
            fold=of("fold_column", ""),
            times=tuple(filter(None, times)),
            number=of("number_column", ""),
            texts=self.texts,
            stem=self.stem,
        )

    def format(self) -> Format:
        """As a format."""
        return Format(
            self.name,
            self.needs,
            self.find,
            self.read,
            self.labels,
            self.write,
            rank=self.rank,
            export=self.export,
            holds=self.new.holds,
            about=self.about,
        )
