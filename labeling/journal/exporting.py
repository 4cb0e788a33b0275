"""Corrected labels, written beside what came in: the same table, the changes, the strong labels."""

from __future__ import annotations

import errno
import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.collection.formats import formats
from labeling.collection.formats.base import Correction, NotHeld, TableLabels, Written
from labeling.errors import DataError, FormatError, WorkspaceFull, WorkspaceReadOnly
from labeling.journal import versions
from labeling.journal.strong import strong_labels
from labeling.records import LabelVersion, is_machine
from labeling.storage.csvsafe import csv_bytes
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

CHANGES = ("filename", "class", "from", "to", "reviewer", "time", "run")
STRONG = ("filename", "onset_s", "offset_s", "low_hz", "high_hz", "class", "reviewer")
NOT_IN_TABLE = ("filename", "class", "label", "table", "why")
"""The columns of not_in_table.csv: ``label`` is what it is now, primary, secondary or absent."""
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
    workspace: Workspace, out_dir: Path, *, format: str = "", version: int | None = None, exported_by: str = "export"
) -> ExportReport:
    """Write the imported tables as of a label version, in their own columns and order.

    Beside the tables come ``changes.csv``, ``strong_labels.csv`` where regions were given, ``not_in_table.csv`` where a
    table cannot hold what was decided, and ``label_version.json``. Rows without a change keep every byte.

    Parameters
    ----------
    workspace : Workspace
    out_dir : Path
        Where to; made where it is missing.
    format : str
        Only the tables of this format; "" takes all.
    version : int, optional
        By default the labels are frozen as they are now.
    exported_by : str
        Who that version is by.

    Returns
    -------
    ExportReport
        The files, and how many clips and labels changed.

    Raises
    ------
    DataError
        Nothing was imported in that format, or the export would overwrite the imported table. No decision is ever a
        reason.
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
    if format:
        formats.get(format)
    as_asked = version is not None
    if version is None:
        version = versions.freeze(workspace, exported_by, "export").number
    out_dir = out_dir.expanduser().resolve()
    with workspace.read() as connection:
        frozen = versions.get_version(connection, version)
        # of the labels as they are now, the tables as they are now: one may have changed without a label of a version
        newest = frozen.import_id if as_asked else max(record.id for record in store.all_imports(connection))
        tables = _tables(connection, format, newest)
        changes = versions.diff(connection, 0, frozen.position)
        strong = strong_labels(connection, frozen.position)
        contents = {table.id: store.import_table(connection, table.id) for table in tables}
        corrections, held_ids = {}, set[int]()
        for table in tables:
            said = _said(table, contents[table.id])
            ids = store.clips_of_import(connection, table.id)
            corrections[table.id] = _corrections(connection, frozen, ids, said)
            held_ids |= {ids[name] for name in (ids if said is None else said) if name in ids}
        clip_ids = store.clip_ids_by_filename(connection)
        changed = _corrections(connection, frozen, clip_ids)
    for table in tables:
        source = Path(table.source).resolve()
        if out_dir in (source, source.parent) or (out_dir / table.table_name) == source:
            raise DataError(f"{out_dir} holds the imported table; choose another folder, it is never overwritten")
    files: list[Path] = []
    not_held: list[tuple[NotHeld, str]] = []  # with the table's name
    notes: list[str] = []
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for table in tables:
            into = out_dir if len(tables) == 1 else out_dir / f"import-{table.id}"
            written = _written(table, contents[table.id], corrections[table.id], into)
            files += written.files
            not_held += [(held, str((into / table.table_name).relative_to(out_dir))) for held in written.not_held]
            notes += written.notes
        elsewhere = [correction for name, correction in changed.items() if clip_ids[name] not in held_ids]
        not_held += [(held, "") for correction in elsewhere for held in _all_of(correction, "no table written has it")]
        rows = [(c.filename, c.class_code, c.before, c.after, c.reviewer, c.created_at, c.run_id) for c in changes]
        files.append(write_atomically(out_dir / "changes.csv", csv_bytes(CHANGES, rows)))
        beside = [(held.filename, held.class_code, held.now, name, held.why) for held, name in not_held]
        for name, columns, lines in (
            ("not_in_table.csv", NOT_IN_TABLE, beside),
            ("strong_labels.csv", STRONG, [event.row for event in strong]),
        ):
            if lines or (out_dir / name).exists():  # one of an earlier export must not pass for this one's
                files.append(write_atomically(out_dir / name, csv_bytes(columns, lines)))
        files.append(write_atomically(out_dir / "label_version.json", json.dumps(frozen.__dict__, indent=1).encode()))
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise WorkspaceFull(f"no space left for the export in {out_dir}; free some and try again") from problem
        raise WorkspaceReadOnly(f"cannot write to {out_dir}: {problem.strerror}; choose another folder") from problem
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


def _written(table: store.ImportRecord, data: bytes, corrections: Mapping[str, Correction], into: Path) -> Written:
    """Write one table. What cannot be written at all is told of, and stops nothing."""
    table_format = formats.get(table.format)
    try:
        if table_format.write is None:
            raise FormatError(f"the format {table.format} can be read but not written")
        return table_format.write(data, table.options, corrections, into)
    except FormatError as problem:
        held = [cell for correction in corrections.values() for cell in _all_of(correction, str(problem))]
        return Written((), tuple(held), (f"{table.table_name} was not written: {problem}",))


def _all_of(correction: Correction, why: str) -> list[NotHeld]:
    """Every label that a clip has now, and those that were taken away."""
    now = {code: "primary" if code == correction.primary else "secondary" for code in correction.labels}
    now |= dict.fromkeys(correction.removed, "absent")
    return [NotHeld(correction.filename, code, label, why) for code, label in now.items()]


def _tables(connection: Connection, format: str, newest: int) -> list[store.ImportRecord]:
    """The newest import of each table, of the wanted format, up to an import; a table that moved is one."""
    known = [record for record in store.all_imports(connection) if record.id <= newest]
    # the table itself: its folder may have been given one time, its file another
    fitting = {
        stored.options.get("source") or stored.source: stored for stored in known if format in ("", stored.format)
    }
    if not fitting:
        held = ", ".join(sorted({stored.format for stored in known})) or "nothing"
        raise DataError(f"nothing was imported as {format!r}; this workspace holds {held}: export to that")
    once = {
        (record.collection or record.id, store.import_table(connection, record.id)): record
        for record in fitting.values()
    }
    return sorted(once.values(), key=lambda record: record.id)


def _corrections(
    connection: Connection, version: LabelVersion, ids: Mapping[str, int], said: Mapping[str, TableLabels] | None = None
) -> dict[str, Correction]:
    """Clips that decisions made differ from what a table ``said`` of them, by name; without it, from the import.

    ``ids`` are the clips by the names that the table gives them. Two tables may say different things of one clip: each
    is corrected where people decided, and keeps the rest.
    """
    names = {clip_id: filename for filename, clip_id in ids.items()}
    roles = None
    if said is not None:
        roles = {
            (ids[filename], code): "primary" if code == labels.primary else "secondary"
            for filename, labels in said.items()
            if filename in ids
            for code in labels.labels
        }
        names = {ids[filename]: filename for filename in said if filename in ids}
    corrections = {}
    for clip_id, states in versions.corrected_clips(connection, version.position, roles):
        if clip_id not in names:
            continue
        primary, labels = journal.resolve(states)
        imported = [state.class_code for state in states if state.listed]
        was_primary = next((state.class_code for state in states if state.imported_role == "primary"), "")
        if set(labels) == set(imported) and primary == was_primary:
            continue
        added = [code for code in labels if code not in imported]
        removed = [code for code in imported if code not in labels]
        swapped = [state.class_code for state in states if state.swapped]
        gone, instead = ([code for code in swapped if code in side] for side in (removed, added))
        corrections[names[clip_id]] = Correction(
            filename=names[clip_id],
            primary=primary,
            labels=labels,
            removed=tuple(removed),
            added=tuple(added),
            regions=tuple(
                (cell.class_code, region) for cell in states if cell.class_code in added for region in cell.events
            ),
            swapped=((gone[0], instead[0]),) if len(gone) == len(instead) == 1 else (),
        )
    return corrections
