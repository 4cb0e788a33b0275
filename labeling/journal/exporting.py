"""Corrected labels, written as they came in or in any other format; beside them the changes and the strong labels."""

from __future__ import annotations

import errno
import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.collection.annotation.base import Correction, Holds, Labelling, NotHeld, TableLabels, Written
from labeling.collection.annotation.losses import losses
from labeling.collection.formats import formats
from labeling.collection.tabular.beside import CHANGES, NOT_IN_TABLE, STRONG, VERSION
from labeling.errors import DataError, FormatError, WorkspaceFull, WorkspaceReadOnly
from labeling.journal import versions
from labeling.journal.differences import all_of, corrections_of, sayable
from labeling.journal.labelling import clip_ids_of, labelling_of
from labeling.journal.rules import rule_of
from labeling.journal.stated import stated_doubts
from labeling.journal.strong import strong_labels
from labeling.records import LabelVersion, is_machine
from labeling.registry import unknown_name
from labeling.storage.csvsafe import csv_bytes
from labeling.storage.files import write_atomically
from labeling.storage.remote import is_url
from labeling.workspace import Workspace

SHOWN_REASONS = 4


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote. ``unlabelled`` counts changed rows that are left without any label.

    ``not_in_table`` are the cells of changed clips of which no written table says what they are now, with the reason:
    its columns cannot hold it, or no table has the clip. ``elsewhere`` counts the clips that no table has: of another
    format, or in an older import of a table that has lost their rows since. ``by_machine`` counts the changes that a
    machine made and nobody has heard; their reviewer begins with ``auto:``. ``merged_boxes`` counts the boxes that are
    not listed because a later one of the same event is. ``notes`` are further sentences.
    """

    version: LabelVersion
    folder: Path
    files: tuple[Path, ...]
    changed_clips: int
    changes: int
    strong_labels: int
    unlabelled: int
    elsewhere: int = 0
    by_machine: int = 0
    merged_boxes: int = 0
    not_in_table: tuple[NotHeld, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report in sentences."""
        sentences = [
            f"Label version {self.version.number}: {self.changed_clips:,} clips changed, {self.changes:,} cells, "
            f"{self.strong_labels:,} strong labels."
        ]
        if self.by_machine:
            sentences.append(f"{self.by_machine:,} of the cells were changed by a machine and heard by nobody: auto:…")
        if self.unlabelled:
            sentences.append(f"{self.unlabelled:,} changed clips have no label left; their label column is empty.")
        if self.elsewhere:
            sentences.append(f"{self.elsewhere:,} changed clips are in none of these tables.")
        if self.not_in_table:
            sentences.append(
                f"{len(self.not_in_table):,} labels are not in the tables but in not_in_table.csv beside them: "
                f"{self._reasons()}."
            )
        if self.merged_boxes:
            sentences.append(
                f"{self.merged_boxes:,} boxes are another reviewer's of an event that is listed: the latest one counts."
            )
        return [*sentences, *self.notes]

    def _reasons(self) -> str:
        reasons = Counter(held.why for held in self.not_in_table).most_common()
        more = f"; and {len(reasons) - SHOWN_REASONS:,} more reasons" if len(reasons) > SHOWN_REASONS else ""
        return "; ".join(f"{count:,} because {why}" for why, count in reasons[:SHOWN_REASONS]) + more


def export_labels(
    workspace: Workspace,
    out_dir: Path,
    *,
    format: str | Sequence[str] = (),
    version: int | None = None,
    exported_by: str = "export",
    options: Mapping[str, Any] | None = None,
) -> ExportReport:
    """Write the labels of a version: imported tables in their own columns and order, and any format anew.

    Beside the tables come ``changes.csv``, ``strong_labels.csv`` where regions were given, ``not_in_table.csv`` where a
    table cannot hold what was decided, and ``label_version.json``. Rows without a change keep every byte.

    Parameters
    ----------
    workspace : Workspace
    out_dir : Path
        Where to; made where it is missing.
    format : str or sequence of str
        The formats to write. Tables that came in as one of them are written as they came, and clips that no such table
        has anew, in a folder of the format's name where more than that is written. By default all tables as they came.
    version : int, optional
        By default the labels are frozen as they are now.
    exported_by : str
        Who that version is by.
    options : mapping, optional
        Settings of formats that are written anew: ``files`` of those that hold sound (copies or links), and what a
        format ``takes``.

    Returns
    -------
    ExportReport
        The files, and how many clips and labels changed.

    Raises
    ------
    DataError
        Nothing was imported in that format and it cannot be written anew, no format takes an option, or the export
        would overwrite what was imported. No decision is ever a reason.
    WorkspaceFull, WorkspaceReadOnly
        The disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.journal.exporting import export_labels
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> stored = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present")])
    >>> report = export_labels(workspace, Path(tempfile.mkdtemp()))
    >>> [path.name for path in report.files]
    ['train.csv', 'changes.csv', 'label_version.json']
    >>> report.files[0].read_text().splitlines()[:4]
    ['filename,labels', 'amecro/1.wav,amecro', 'amecro/2.wav,amecro balori', 'amecro/3.wav,amecro cangoo']
    """
    wanted = (format,) if isinstance(format, str) and format else tuple(dict.fromkeys(format))
    takes = {option for name in wanted for option in formats.get(name).takes} | {"files"}
    for option in options or {}:
        if option not in takes:
            raise DataError(unknown_name("option of these formats", option, sorted(takes)))
    as_asked = version is not None
    if version is None:
        version = versions.freeze(workspace, exported_by, "export").number
    out_dir = out_dir.expanduser().resolve()
    with workspace.read() as connection:
        frozen = versions.get_version(connection, version)
        # of the labels as they are now, the tables as they are now: one may have changed without a label of a version
        imports = store.all_imports(connection)
        newest = frozen.import_id if as_asked else max(record.id for record in imports)
        tables = _tables(connection, imports, wanted, newest)
        changes = versions.diff(connection, 0, frozen.position, (versions.BY_LATEST, rule_of(frozen)))
        strong = strong_labels(connection, frozen.position, rule_of(frozen))
        contents = {table.id: store.import_table(connection, table.id) for table in tables}
        doubts_stated = stated_doubts(connection)
        corrections, held_by = {}, dict[int, set[int]]()
        for table in tables:
            said = _said(table, contents[table.id])
            ids = store.clips_of_import(connection, table.id)
            doubts = doubts_stated if Holds.UNSURE in formats.get(table.format).states else ()
            corrections[table.id] = corrections_of(connection, frozen, ids, said, stated=True, doubts=doubts)
            held_by[table.id] = {ids[name] for name in (ids if said is None else said) if name in ids}
        clip_ids = store.clip_ids_by_filename(connection)
        changed = corrections_of(connection, frozen, clip_ids)
        left = {
            name: lacked
            for name in wanted
            if formats.get(name).export is not None and (lacked := _left(connection, frozen, name, tables, held_by))
        }
        labelling = labelling_of(connection, frozen, workspace.root.name) if left else None
        _keep_off(out_dir, imports)
    held_ids = {clip_id for own in held_by.values() for clip_id in own}
    files: list[Path] = []
    not_held: list[tuple[NotHeld, str]] = []  # with the table's name
    notes: list[str] = []
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for table in tables:
            into = out_dir if len(tables) == 1 else out_dir / f"import-{table.id}"
            written = _written(table, contents[table.id], corrections[table.id], into, options or {})
            files += written.files
            not_held += [(held, str((into / table.table_name).relative_to(out_dir))) for held in written.not_held]
            notes += written.notes
        for name, lacked in left.items():
            assert labelling is not None
            clips = tuple(clip for clip in labelling.clips if clip_ids[clip.filename] in lacked)
            alone = len(wanted) == 1 and not any(table.format == name for table in tables)
            came_in = [record.options for record in reversed(imports) if record.format == name]
            written = write_anew(
                replace(labelling, clips=clips),
                name,
                out_dir if alone else out_dir / name,
                {**(options or {}), "came_in": came_in},
            )
            files += written.files
            not_held += [(held, name) for held in written.not_held]
            notes += written.notes
            held_ids |= lacked
        elsewhere = [correction for name, correction in changed.items() if clip_ids[name] not in held_ids]
        not_held += [(held, "") for correction in elsewhere for held in all_of(correction, "no table written has it")]
        rows = [(c.filename, c.class_code, c.before, c.after, c.reviewer, c.created_at, c.run_id) for c in changes]
        files.append(write_atomically(out_dir / "changes.csv", csv_bytes(CHANGES, rows)))
        beside = [(held.filename, held.class_code, held.now, name, held.why) for held, name in not_held]
        for name, columns, lines in (
            ("not_in_table.csv", NOT_IN_TABLE, beside),
            ("strong_labels.csv", STRONG, [event.row for event in strong]),
        ):
            if lines or (out_dir / name).exists():  # one of an earlier export must not pass for this one's
                files.append(write_atomically(out_dir / name, csv_bytes(columns, lines)))
        files.append(write_atomically(out_dir / VERSION, json.dumps(frozen.__dict__, indent=1).encode()))
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise WorkspaceFull(f"no space left for the export in {out_dir}; free some and try again") from problem
        raise WorkspaceReadOnly(f"cannot write to {out_dir}: {problem.strerror}; choose another folder") from problem
    if workspace.shared is not None and out_dir.resolve().is_relative_to(workspace.exports):
        for part in out_dir.resolve().relative_to(workspace.exports).parts[:1]:
            workspace.publish(f"exports/{part}")
    return ExportReport(
        version=frozen,
        folder=out_dir,
        files=tuple(files),
        changed_clips=len(changed),
        changes=len(changes),
        strong_labels=len(strong),
        unlabelled=sum(not correction.labels for correction in changed.values()),
        elsewhere=len(elsewhere),
        by_machine=sum(is_machine(change.reviewer) for change in changes),
        merged_boxes=sum(event.boxes - 1 for event in strong),
        not_in_table=tuple(held for held, _ in not_held),
        notes=tuple(notes),
    )


def _left(
    connection: Connection,
    version: LabelVersion,
    name: str,
    tables: Sequence[store.ImportRecord],
    held_by: Mapping[int, set[int]],
) -> set[int]:
    """The clips of a version that no table of a format has: they are written anew."""
    own = [held_by[table.id] for table in tables if table.format == name]
    return clip_ids_of(connection, version).difference(*own)


def write_anew(labelling: Labelling, name: str, into: Path, options: Mapping[str, Any]) -> Written:
    """Write labels in a format that has an export, with what it cannot hold. Raises FormatError where it has none."""
    wanted = formats.get(name)
    if wanted.export is None:
        raise FormatError(f"the format {name} can be read but not written")
    cells, sentences = losses(labelling, wanted)
    written = wanted.export(labelling, into, options)
    return Written(written.files, (*cells, *written.not_held), (*sentences, *written.notes))


def _keep_off(out_dir: Path, imports: Sequence[store.ImportRecord]) -> None:
    """Refuse a folder in which an export could overwrite what was imported. Raises DataError."""
    for record in imports:
        source = Path(record.source).resolve()
        audio = set() if is_url(record.audio_root) else {Path(record.audio_root).resolve()}
        if out_dir in {source, source.parent, *audio}:
            raise DataError(f"{out_dir} holds what was imported; choose another folder, it is never overwritten")


def zipped(report: ExportReport) -> bytes:
    """The files of an export as one zip, by their paths in its folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in report.files:
            archive.write(file, file.relative_to(report.folder))
    return buffer.getvalue()


def _said(table: store.ImportRecord, data: bytes) -> dict[str, TableLabels] | None:
    """What a table says of its files; None where it cannot be read any more."""
    try:
        return formats.get(table.format).labels(data, table.options)
    except FormatError:
        return None


def _written(
    table: store.ImportRecord,
    data: bytes,
    corrections: Mapping[str, Correction],
    into: Path,
    options: Mapping[str, Any],
) -> Written:
    """Write one table; of ``options`` it takes how sound files are put.

    What cannot be written at all is told of, and stops nothing.
    """
    table_format = formats.get(table.format)
    corrections, unstated = sayable(table_format, corrections)
    try:
        if table_format.write is None:
            raise FormatError(f"the format {table.format} can be read but not written")
        how = {"files": options["files"]} if "files" in options else {}
        written = table_format.write(data, {**table.options, **how}, corrections, into)
        return replace(written, not_held=(*written.not_held, *unstated))
    except FormatError as problem:
        held = [cell for correction in corrections.values() for cell in all_of(correction, str(problem))]
        return Written((), (*held, *unstated), (f"{table.table_name} was not written: {problem}",))


def _tables(
    connection: Connection, imports: Sequence[store.ImportRecord], wanted: Sequence[str], newest: int
) -> list[store.ImportRecord]:
    """The newest import of each table, of the wanted formats, up to an import; a table that moved is one."""
    known = [record for record in imports if record.id <= newest]
    # the table itself: its folder may have been given one time, its file another
    fitting = {
        stored.options.get("source") or stored.source: stored
        for stored in known
        if not wanted or stored.format in wanted
    }
    lacking = [name for name in wanted if formats.get(name).export is None and name not in {s.format for s in known}]
    if lacking or not known:
        held = ", ".join(sorted({stored.format for stored in known})) or "nothing"
        anew = ", ".join(name for name, other in formats if other.export is not None)
        raise DataError(
            f"nothing was imported as {' or '.join(map(repr, lacking or wanted))}; this workspace holds {held}: export "
            f"to that, or anew to one of {anew}"
        )
    once = {
        (record.collection or record.id, store.import_table(connection, record.id)): record
        for record in fitting.values()
    }
    return sorted(once.values(), key=lambda record: record.id)
