"""All that a reviewer needs to see of one clip, read in one go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from labeling import journal, store, suspects
from labeling.errors import ArtefactError
from labeling.predictions import Oof, read_oof
from labeling.records import CellState, Clip, Decision, FrameGrid, Suspect
from labeling.workspace import Workspace

MOST_SUSPECTS = 12  # lanes beyond this many doubts of one clip are noise; the class list holds the rest
CANDIDATES = 20


@dataclass(frozen=True)
class CellView:
    """One class of a clip: its label now, the doubt if there is one, and what the model heard, (T,) framewise.

    ``role`` is primary, secondary or "" (not among the labels now); ``partner`` the name of a swap's other class.
    """

    class_code: str
    name: str
    role: str
    partner: str
    state: CellState
    suspect: Suspect | None
    clipwise: float | None
    framewise: NDArray[np.float32]


@dataclass(frozen=True)
class ClipView:
    """One clip as the review page shows it. ``position`` is the journal's end when this was read.

    ``cells`` are suspects, best first, then the other listed or decided classes. ``candidates`` are (code, clipwise)
    of the likeliest classes that no cell shows. ``grid`` is None without predictions.
    """

    clip: Clip
    cells: tuple[CellView, ...]
    grid: FrameGrid | None
    candidates: tuple[tuple[str, float], ...]
    history: tuple[Decision, ...]
    clipwise: tuple[tuple[str, float], ...]
    position: int
    run_id: str
    fold: int | None
    can_undo: bool
    n_classes: int


@lru_cache(maxsize=4)
def _oof(path: str, changed_ns: int) -> tuple[Oof, dict[int, int]]:
    found = read_oof(path)
    return found, {clip_id: row for row, clip_id in enumerate(found.clip_ids.tolist())}


def clip_view(
    workspace: Workspace, clip_id: int, scored: tuple[str, str] | None, *, min_p_wrong: float, reviewer: str
) -> ClipView | None:
    """Read one clip; None where there is no such clip. ``scored`` is (run id, scorer), or None before any run.

    A run whose predictions cannot be read is shown as if there were none.
    """
    with workspace.read() as connection:
        clip = store.clip_by_id(connection, clip_id)
        if clip is None:
            return None
        position = journal.position(connection)
        states = {one.class_code: one for one in journal.clip_states(connection, clip_id)}
        rows = suspects.of_clip(connection, *scored, clip_id) if scored else []
        history = journal.clip_history(connection, clip_id)
        names = {one.code: one.name for one in store.all_classes(connection)}
        can_undo = journal.has_decided(connection, reviewer)
    primary, labels = journal.resolve(list(states.values()))
    doubted = [row.suspect for row in rows if row.suspect.p_wrong >= min_p_wrong][:MOST_SUSPECTS]
    by_code = {one.class_code: one for one in doubted}
    shown = list(by_code) + [code for code in states if code not in by_code]
    oof, row = None, None
    if scored:
        try:
            path = workspace.run_dir(scored[0]) / "oof.zarr"
            oof, row_of = _oof(str(path), path.stat().st_mtime_ns)
            row = row_of.get(clip_id)
        except (ArtefactError, OSError):
            oof = None
    clipwise: dict[str, float] = {}
    frames = np.zeros((0, 0), np.float32)
    if oof is not None and row is not None:
        clipwise = dict(zip(oof.classes, oof.clipwise[row].tolist(), strict=True))
        frames = oof.frames(row)
    column = {code: index for index, code in enumerate(oof.classes)} if oof is not None else {}
    cells = tuple(
        CellView(
            class_code=code,
            name=names.get(code, code),
            role="" if code not in labels else "primary" if code == primary else "secondary",
            partner=names.get(by_code[code].partner, by_code[code].partner) if code in by_code else "",
            state=states.get(code) or journal.fold_cell(clip_id, code, "", []),
            suspect=by_code.get(code),
            clipwise=clipwise.get(code),
            framewise=frames[:, column[code]] if code in column and frames.size else np.zeros(0, np.float32),
        )
        for code in shown
    )
    ranked = sorted(clipwise.items(), key=lambda item: -item[1])
    return ClipView(
        clip=clip,
        cells=cells,
        grid=oof.grid if oof is not None and row is not None else None,
        candidates=tuple(item for item in ranked if item[0] not in shown)[:CANDIDATES],
        history=tuple(history),
        clipwise=tuple(ranked[:CANDIDATES]),
        position=position,
        run_id=scored[0] if scored else "",
        fold=int(oof.fold[row]) if oof is not None and row is not None else None,
        can_undo=can_undo,
        n_classes=len(names),
    )
