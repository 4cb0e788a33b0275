"""Labels and verdicts as tables."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labeling import journal
from labeling.agreement.weights import rule_named
from labeling.collection import store
from labeling.errors import DataError
from labeling.journal import versions
from labeling.journal.rules import LATEST
from labeling.records import is_machine
from labeling.storage.text import user_name
from labeling.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


def keep_table(workspace: Workspace, table: pd.DataFrame) -> Path:
    """Write a table in memory into a workspace, to be imported from there."""
    folder = workspace.root / "tables"
    folder.mkdir(exist_ok=True)
    path = folder / f"table-{uuid.uuid4().hex[:8]}.parquet"
    table.to_parquet(path, index=False)
    return path


def label_table(workspace: Workspace, version: int | None = None, rule: str = LATEST) -> pd.DataFrame:
    """A row for each class of a clip that is there, of which somebody was unsure, or that somebody found absent."""
    import pandas as pd

    _of_no_version(version, rule)
    with workspace.read() as connection:
        own = (
            versions.labels_at(connection, rule=rule_named(connection, rule))
            if version is None
            else versions.labels_of_version(connection, version)
        )
    rows, columns = np.nonzero(own.present | own.reviewed)
    state = np.select([own.unsure[rows, columns], own.present[rows, columns]], ["unsure", "present"], default="absent")
    return pd.DataFrame(
        {
            "filename": np.array(own.filenames, dtype=object)[rows],
            "class": np.array(own.classes, dtype=object)[columns],
            "state": state,
            "primary": own.primary[rows] == columns,
            "reviewed": own.reviewed[rows, columns],
        }
    )


def frozen_by(workspace: Workspace, version: int | None, rule: str) -> int | None:
    """A version, else for the labels as a rule makes them now the one that is frozen for it."""
    _of_no_version(version, rule)
    if version is not None or rule == LATEST:
        return version
    with workspace.read() as connection:
        wanted = rule_named(connection, rule)
    return versions.freeze(workspace, user_name(), "export", wanted).number


def _of_no_version(version: int | None, rule: str) -> None:
    if version is not None and rule != LATEST:
        raise DataError(f"version {version} was made by a rule of its own; leave rule={rule!r} away")


def verdict_table(workspace: Workspace) -> pd.DataFrame:
    """Every decision of people that stands, oldest first."""
    import pandas as pd

    with workspace.read() as connection:
        names = {clip_id: name for name, clip_id in store.clip_ids_by_filename(connection).items()}
        entries = journal.decisions_where(connection)
    gone = journal.undone(entries)
    rows = []
    for entry in entries:
        if entry.undoes is None and entry.position not in gone and not is_machine(entry.reviewer):
            onset_s, offset_s = (entry.region.onset_s, entry.region.offset_s) if entry.region else (None, None)
            said = (names[entry.clip_id], entry.class_code, entry.verdict, entry.reviewer, entry.created_at)
            rows.append((*said, onset_s, offset_s, entry.note))
    columns = ["filename", "class", "verdict", "reviewer", "created_at", "onset_s", "offset_s", "note"]
    return pd.DataFrame(rows, columns=columns)
