"""Corrected labels, written beside what came in: the same table, the changes, the strong labels."""

from __future__ import annotations

import errno
import json
from dataclasses import astuple, dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.collection.formats import formats
from labeling.collection.formats.base import Correction
from labeling.errors import DataError, WorkspaceFull, WorkspaceReadOnly
from labeling.journal import versions
from labeling.records import LabelVersion, is_machine
from labeling.storage.csvsafe import csv_bytes
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

CHANGES = ("filename", "class", "from", "to", "reviewer", "time", "run")
STRONG = ("filename", "onset_s", "offset_s", "low_hz", "high_hz", "class", "reviewer")


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote. ``unlabelled`` counts changed rows that are left without any label.

    ``elsewhere`` counts changed clips that none of the written tables holds: of another format, or in an older import
    of a table that has lost their rows since. ``changes.csv`` has them all the same. ``by_machine`` counts the changes
    that a machine made and nobody has heard; their reviewer begins with ``auto:``.
    """

    version: LabelVersion
    files: tuple[Path, ...]
    changed_clips: int
    changes: int
    strong_labels: int
    unlabelled: int
    elsewhere: int = 0
    by_machine: int = 0


def export_labels(
    workspace: Workspace, out_dir: Path, *, format: str = "", version: int | None = None, exported_by: str = "export"
) -> ExportReport:
    """Write the imported tables as of a label version, in their own columns and order.

    Beside each table come ``changes.csv``, ``strong_labels.csv`` where regions were given, and ``label_version.json``.
    Rows without a change keep every byte.

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
        Nothing was imported in that format, it can only be read, or the export would overwrite the imported table.
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
    if version is None:
        version = versions.freeze(workspace, exported_by, "export").number
    out_dir = out_dir.expanduser().resolve()
    with workspace.read() as connection:
        frozen = versions.get_version(connection, version)
        tables = _tables(connection, format, frozen)
        corrections, unlabelled = _corrections(connection, frozen)
        changes = versions.diff(connection, 0, frozen.position)
        strong = _strong_rows(connection, frozen)
        contents = {table.id: store.import_table(connection, table.id) for table in tables}
    for table in tables:
        source = Path(table.source).resolve()
        if out_dir in (source, source.parent) or (out_dir / table.table_name) == source:
            raise DataError(f"{out_dir} holds the imported table; choose another folder, it is never overwritten")
    written = {
        name
        for written_table in tables
        for name in formats.get(written_table.format).names(contents[written_table.id], written_table.options)
    }
    files: list[Path] = []
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for table in tables:
            into = out_dir if len(tables) == 1 else out_dir / f"import-{table.id}"
            write = formats.get(table.format).write
            if write is None:
                raise DataError(f"format {table.format} can be read but not written; export to another")
            files += write(contents[table.id], table.options, corrections, into)
        rows = [(c.filename, c.class_code, c.before, c.after, c.reviewer, c.created_at, c.run_id) for c in changes]
        files.append(write_atomically(out_dir / "changes.csv", csv_bytes(CHANGES, rows)))
        if strong:
            files.append(write_atomically(out_dir / "strong_labels.csv", csv_bytes(STRONG, strong)))
        files.append(write_atomically(out_dir / "label_version.json", json.dumps(frozen.__dict__, indent=1).encode()))
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise WorkspaceFull(f"no space left for the export in {out_dir}; free some and try again") from problem
        raise WorkspaceReadOnly(f"cannot write to {out_dir}: {problem.strerror}; choose another folder") from problem
    elsewhere = len(set(corrections) - written)
    by_machine = sum(is_machine(change.reviewer) for change in changes)
    return ExportReport(
        frozen, tuple(files), len(corrections), len(changes), len(strong), unlabelled, elsewhere, by_machine
    )


def _tables(connection: Connection, format: str, version: LabelVersion) -> list[store.ImportRecord]:
    """The newest import of each source, of the wanted format, that the version holds."""
    known = [record for record in store.all_imports(connection) if record.id <= version.import_id]
    # the table itself: its folder may have been given one time, its file another
    fitting = {
        stored.options.get("source") or stored.source: stored for stored in known if format in ("", stored.format)
    }
    if not fitting:
        held = ", ".join(sorted({stored.format for stored in known})) or "nothing"
        raise DataError(f"nothing was imported as {format!r}; this workspace holds {held}: export to that")
    return list(fitting.values())


def _corrections(connection: Connection, version: LabelVersion) -> tuple[dict[str, Correction], int]:
    """Clips whose labels differ from those imported, by filename; and how many of them have no label left."""
    names = {clip_id: filename for filename, clip_id in store.clip_ids_by_filename(connection).items()}
    corrections, unlabelled = {}, 0
    for clip_id, states in versions.corrected_clips(connection, version.position):
        primary, labels = journal.resolve(states)
        imported = [state.class_code for state in states if state.listed]
        was_primary = next((state.class_code for state in states if state.imported_role == "primary"), "")
        if set(labels) == set(imported) and primary == was_primary:
            continue
        corrections[names[clip_id]] = Correction(
            filename=names[clip_id],
            primary=primary,
            labels=labels,
            removed=tuple(code for code in imported if code not in labels),
            added=tuple(code for code in labels if code not in imported),
        )
        unlabelled += not labels
    return corrections, unlabelled


def _strong_rows(connection: Connection, version: LabelVersion) -> list[tuple[object, ...]]:
    names = {clip_id: filename for filename, clip_id in store.clip_ids_by_filename(connection).items()}
    return [
        (names[clip_id], *astuple(box.region), state.class_code, box.reviewer)
        for clip_id, states in versions.corrected_clips(connection, version.position)
        for state in states
        for box in state.boxes
        if box.present
    ]
