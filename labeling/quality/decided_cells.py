"""Decided cells in the order in which they were first decided, and which of them chance had picked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.journal import verdict_entries
from labeling.journal.verdict_entries import Cell, Entry


@dataclass(frozen=True)
class DecidedCells:
    """Cells (D,) that people decided, by the first entry that still stands; the verdict is the one that holds now.

    ``drawn``: that first entry answered a look that was asked at random.
    """

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    present: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    drawn: NDArray[np.bool_]


def decided_cells(connection: Connection, position: int | None = None) -> DecidedCells:
    """All of the workspace, at a position of the journal (None: its end)."""
    entries = verdict_entries.read_entries(connection, position)
    newest = verdict_entries.deciding(entries)
    first: dict[Cell, Entry] = {}
    for entry in entries:
        if entry.decides:
            first.setdefault(entry.cell, entry)
    return DecidedCells(
        np.array([clip_id for clip_id, _ in first], np.int64),
        np.array([class_id for _, class_id in first], np.int64),
        np.array([newest[cell].verdict == "present" for cell in first], bool),
        np.array([newest[cell].verdict == "unsure" for cell in first], bool),
        np.array([entry.drawn for entry in first.values()], bool),
    )
