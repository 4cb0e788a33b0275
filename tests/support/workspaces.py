"""Workspaces that tests share, and small ones to put clips into."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from labeling import journal
from labeling.collection import store
from labeling.records import Decision
from labeling.storage.tables import decisions
from labeling.workspace import Workspace, open_workspace

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
        store.NewClip(
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
        return store.add_collection(
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
    """A workspace of one's own, copied from ``blank``, that does not wait for the disk."""
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        shutil.copytree(blank, Path(folder) / "workspace")
        workspace = open_workspace(Path(folder) / "workspace")
        sa.event.listen(workspace.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        workspace.engine.dispose()
        yield workspace
        workspace.close()


def undo_at(workspace: Workspace, position: int, reviewer: str, event_id: str) -> Decision:
    """Take back the entry at a position, whosever it is, as one that moves a box does."""
    with workspace.read() as connection:
        (found,) = journal.decisions_where(connection, decisions.c.position == position)
    return journal.append(workspace, [journal.undo_of(found, reviewer, event_id, None)])[0]


QUICK_TRAINING = ("train.epochs=24", "network.widths=[12,24,48,48]", "data.chunk_s=4.0")
