"""Workspaces that tests share, and small ones to put clips into."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from labeling import journal
from labeling.collection import adding
from labeling.records import Decision
from labeling.storage.tables import clips, decisions
from labeling.workspace import DATABASE, Workspace, open_workspace

CLASSES = {"amecro": "American Crow", "balori": "Baltimore Oriole", "cangoo": "Canada Goose", "daejun": "Junco"}

CLIPS = (
    ("amecro/XC1.ogg", ("amecro", "balori")),
    ("amecro/XC2.ogg", ("amecro",)),
    ("balori/XC3.ogg", ("balori", "amecro", "cangoo")),
    ("cangoo/XC4.ogg", ("cangoo",)),
)


def add_clips(
    workspace: Workspace,
    clips: tuple[tuple[str, tuple[str, ...]], ...] = CLIPS,
    names: dict[str, str] | None = None,
    duration_s: float = 20.0,
    metadata: dict[str, dict[str, str]] | None = None,
) -> int:
    """Store clips (filename, (primary, *secondary)); ``metadata`` by filename. Returns the import's id."""
    found = [
        adding.NewClip(
            filename=filename,
            path=f"/audio/{filename}",
            row=row,
            labels=tuple((code, "secondary" if place else "primary") for place, code in enumerate(labels)),
            group=f"recordist-{row % 3}",
            duration_s=duration_s,
            sample_rate=32000,
            channels=1,
            content_hash=f"hash-{filename}",
            metadata=(metadata or {}).get(filename, {}),
        )
        for row, (filename, labels) in enumerate(clips)
    ]
    with workspace.write() as connection:
        return adding.add_collection(
            connection,
            format="table",
            source="/audio",
            audio_root="/audio",
            options={},
            table_name="train.csv",
            table_bytes=b"filename,label\n",
            clips=found,
            class_names=CLASSES if names is None else names,
        )


@contextmanager
def copy_of(blank: Path) -> Iterator[Workspace]:
    """A workspace that is as ``blank``, and does not wait for the disk, for each of many examples: one file, that is
    filled anew, for to open a workspace takes longer than to fill it."""
    workspace = _refilled(blank)
    with (
        closing(sqlite3.connect(blank / DATABASE)) as source,
        closing(sqlite3.connect(workspace.root / DATABASE)) as own,
    ):
        source.backup(own)
    yield workspace


@cache
def _refilled(blank: Path) -> Workspace:
    folder = tempfile.mkdtemp(prefix="earmark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return without_waiting(open_workspace(copy_workspace(blank, Path(folder) / "workspace")))


def copy_workspace(source: Path, target: Path) -> Path:
    """A copy of a workspace that another process may be reading: a side file of its database can go while one copies
    (SQLite removes it with the last reader), so the database is copied by SQLite itself."""

    def of_the_database(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder) == source and name.startswith(DATABASE)]

    shutil.copytree(source, target, ignore=of_the_database)
    with (
        closing(sqlite3.connect(source / DATABASE)) as shared,
        closing(sqlite3.connect(target / DATABASE)) as own,
    ):
        own.execute("PRAGMA synchronous = OFF")  # nobody needs it after the machine breaks down
        shared.backup(own)
    return target


def without_waiting(workspace: Workspace) -> Workspace:
    """The workspace, whose commits no longer wait until they are on the disk."""
    sa.event.listen(workspace.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    workspace.engine.dispose()
    return workspace


def decisions_of_clips(workspace: Workspace, name: str) -> list[Decision]:
    """A decision on each clip, their events named after ``name``."""
    with workspace.read() as connection:
        ids: Sequence[int] = connection.scalars(sa.select(clips.c.id).order_by(clips.c.id)).all()
    return [Decision(f"{name}-{clip}", name, clip, "amecro", "present") for clip in ids]


def undo_at(workspace: Workspace, position: int, reviewer: str, event_id: str) -> Decision:
    """Take back the entry at a position, whosever it is, as one that moves a box does."""
    with workspace.read() as connection:
        (found,) = journal.decisions_where(connection, decisions.c.position == position)
    return journal.append(workspace, [journal.undo_of(found, reviewer, event_id, None)])[0]


QUICK_TRAINING = ("train.epochs=24", "network.widths=[12,24,48,48]", "data.chunk_s=4.0")
