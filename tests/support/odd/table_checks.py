"""What holds of any table: no label is lost without a line in the report, coming in or going out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from hypothesis import strategies as st

from labeling.collection.formats import Correction, formats
from labeling.collection.importing import import_collection
from labeling.collection.tabular.reading import read_table
from labeling.errors import FormatError
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from tests.support.odd.tables import ODD, PLAIN, OddTable, file_of, make_audio, told
from tests.support.workspaces.making import copy_of

DECIDED = st.lists(
    st.lists(st.sampled_from((*PLAIN, *ODD, "a new one")), max_size=3, unique=True).map(tuple), min_size=6, max_size=6
)


@dataclass(frozen=True)
class Counts:
    """Labels of one table: given by its rows, stored, and told of; or, going out, decided, written and beside it."""

    given: int = 0
    stored: int = 0
    told: int = 0
    refused: int = 0


def make_place(root: Path) -> Path:
    """Sound files, and an empty workspace to copy."""
    make_audio(root / "audio")
    open_workspace(root / "blank", create=True).close()
    return root


def stored_labels(workspace: Workspace) -> set[tuple[str, str]]:
    """File name and class of every imported label."""
    labels, clips, classes = tables.imported_labels, tables.clips, tables.classes
    query = (
        sa.select(clips.c.filename, classes.c.code)
        .select_from(labels)
        .join(clips, clips.c.id == labels.c.clip_id)
        .join(classes, classes.c.id == labels.c.class_id)
    )
    with workspace.read() as connection:
        return {tuple(row) for row in db.fetch(connection, query)}


def check_import(table: OddTable, place: Path) -> Counts:
    """Labels in = labels stored + labels reported; and none is stored that no row gave."""
    with tempfile.TemporaryDirectory() as folder, copy_of(place / "blank") as workspace:
        path = table.write(Path(folder))
        try:
            report = import_collection(workspace, path, format=table.format, audio=str(place / "audio"))
        except FormatError:
            return Counts(refused=1)  # the whole table, in words
        assert report.text()
        stored = stored_labels(workspace)
    stored = {(file_of(filename), code) for filename, code in stored}
    given_by = {(row.file, code) for row in table.rows for code in row.codes}
    kept = reported = 0
    for row in table.rows:
        for code in row.codes:
            kept += (row.file, code) in stored
            reported += (row.file, code) not in stored
            assert (row.file, code) in stored or told(report.problems, row, code), (
                f"{code!r} of row {row.number} is gone:\n{table.story}\n{report.text()}"
            )
    for filename, code in stored - given_by:
        rows = [row for row in table.rows if row.file == filename]
        assert any(told(report.problems, row, code) for row in rows), (
            f"{code!r} of {filename} was made up:\n{table.story}\n{report.text()}"
        )
    return Counts(kept + reported, kept, reported)


def check_export(table: OddTable, place: Path, wanted: Sequence[tuple[str, ...]]) -> Counts:
    """Labels decided = labels in the written table + labels beside it, and other rows are untouched."""
    table_format = formats.get(table.format)
    assert table_format.write is not None
    audio = str(place / "audio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = table.write(folder)
        try:
            read = table_format.read(path, audio, {})
        except FormatError:
            return Counts(refused=1)
        corrections = {
            clip.filename: Correction(
                clip.filename,
                labels[0] if labels and clip.primary else "",
                labels,
                removed=tuple(code for code in clip.labels if code not in labels),
                added=tuple(code for code in labels if code not in clip.labels),
            )
            for clip, labels in zip(read.clips, wanted, strict=False)
            if set(labels) != set(clip.labels)
        }
        written = table_format.write(read.table_bytes, read.options, corrections, folder / "out")
        after = {clip.filename: clip for clip in table_format.read(written.files[0], audio, {}).clips}
        before, now = read_table(table.data, table.name), read_table(written.files[0].read_bytes(), table.name)
    for filename, correction in corrections.items():
        beside = {held.class_code: held.now for held in written.not_held if held.filename == filename}
        present = {code for code, label in beside.items() if label != "absent"}
        absent = set(beside) - present
        said = set(after[filename].labels) if filename in after else set()
        assert (said | present) - absent == set(correction.labels), (
            f"{filename}: {correction.labels} became {said}, beside it {beside}\n{table.story}"
        )
    files = {file_of(filename) for filename in corrections}
    corrected = {row.number for row in table.rows if row.file in files}
    written_rows = iter(now.rows.values())  # a table with a row a label may have gained and lost some
    for number, cells in before.rows.items():
        assert number in corrected or any(cells == after_cells for after_cells in written_rows), table.story
    decided = sum(len(correction.labels) for correction in corrections.values())
    return Counts(decided, decided - len(written.not_held), len(written.not_held))
