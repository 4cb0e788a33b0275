"""Decisions, one append-only entry each, and the labels and versions that are made of them."""

from labeling.folding import fold_cell, resolve, undone
from labeling.journal.entries import (
    append,
    append_within,
    batch_of,
    last_undoable,
    new_event_id,
    undo_all,
    undo_of,
    undone_by,
)
from labeling.journal.machine import machine_cells
from labeling.journal.reading import (
    all_undone,
    by_event_ids,
    cell_state,
    clip_history,
    clip_states,
    decisions_where,
    has_decided,
    position,
)
from labeling.journal.refusals import refuse_reused, refuse_stale

__all__ = [
    "all_undone",
    "append",
    "append_within",
    "batch_of",
    "by_event_ids",
    "cell_state",
    "clip_history",
    "clip_states",
    "decisions_where",
    "fold_cell",
    "has_decided",
    "last_undoable",
    "machine_cells",
    "new_event_id",
    "position",
    "refuse_reused",
    "refuse_stale",
    "resolve",
    "undo_all",
    "undo_of",
    "undone",
    "undone_by",
]
