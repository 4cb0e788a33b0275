"""All that a reviewer needs to see of one clip, read in one go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.disagreement import cooccurrence
from labeling.journal import looks
from labeling.journal.new_classes import new_classes
from labeling.quality.scored_run import read_scored_run
from labeling.records import CellState, Clip, Decision, FrameGrid, Shown, Suspect
from labeling.review import curves
from labeling.reviewer import marks
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key
from labeling.suspects import listing, queue
from labeling.suspects.why import support
from labeling.workspace import Workspace

MOST_SUSPECTS = 12  # lanes beyond this many doubts of one clip are noise; the class list holds the rest
MOST_OFFERS = 20


@dataclass(frozen=True)
class Spread:
    """Lowest and highest framewise over all runs that predicted the clip, (S,) at the native steps of the shown run."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]


@dataclass(frozen=True)
class CellView:
    """One class of a clip: its label now, the doubt if there is one, and what the model heard, (T,) framewise.

    ``role`` is primary, secondary or "" (not among the labels now); ``partner`` the name of a swap's other class.
    ``compare`` is the second run's framewise (T2,) on ``ClipView.compare_grid``, empty where that run does not know
    the class. A frame above ``threshold`` counts as heard. ``spread`` is None where no other run predicted the clip.
    ``probability`` is the calibrated one that the doubt is right, ``support`` what speaks for it beside this clip's own
    prediction (`why.support`). ``is_new``: no import and no label version holds the class (journal.new_classes).
    """

    class_code: str
    name: str
    role: str
    partner: str
    state: CellState
    suspect: Suspect | None
    clipwise: float | None
    framewise: NDArray[np.float32]
    compare: NDArray[np.float32]
    spread: Spread | None
    threshold: float | None
    probability: float | None
    support: str
    is_new: bool = False


@dataclass(frozen=True)
class ClipView:
    """One clip as the review page shows it. ``position`` is the journal's end when this was read.

    ``cells`` are suspects, best first, then the other listed or decided classes. ``offers`` are what to offer first
    when the reviewer adds a class: (code, clipwise or None, why), by companions.offers. ``clipwise`` are the likeliest
    classes of all, best first. ``grid`` is None without predictions, ``compare_grid`` without a second run that
    predicted the clip; ``compare_run`` is "" then. ``independent``: what others said and left here is not in it, as
    the reviewer is to judge by themselves (labeling/journal/looks.py). ``version``: of all then (listing.version_of).
    """

    clip: Clip
    cells: tuple[CellView, ...]
    grid: FrameGrid | None
    compare_grid: FrameGrid | None
    compare_run: str
    offers: tuple[tuple[str, float | None, str], ...]
    history: tuple[Decision, ...]
    clipwise: tuple[tuple[str, float], ...]
    position: int
    run_id: str
    fold: int | None
    can_undo: bool
    n_classes: int
    n_new: int = 0
    independent: bool = False
    version: str = ""


_names: Kept[dict[str, str]] = Kept(4)


def class_names(connection: Connection) -> dict[str, str]:
    """Class code to name. Classes are only ever added, so that these are read once until the next is."""
    query = sa.select(
        sa.func.max(tables.classes.c.id), sa.select(sa.func.max(tables.imports.c.created_at)).scalar_subquery()
    )
    key = engine_key(connection), *connection.execute(query).one()
    return _names.get(
        key, lambda: {label_class.code: label_class.name for label_class in store.all_classes(connection)}
    )


def clip_view(
    workspace: Workspace,
    clip_id: int,
    scored: tuple[str, str] | None,
    *,
    min_p_wrong: float,
    reviewer: str,
    compare: str = "",
    unseen: str = "",
    calibrated_at: int | None = None,
) -> ClipView | None:
    """Read one clip; None where there is no such clip. ``scored`` is (run id, scorer), or None before any run.

    ``min_p_wrong`` is asked of the probability as calibrated at a position of the journal (None: its end).
    ``compare`` names a second run, "" none. A run whose predictions cannot be read is shown as if there were none.
    ``unseen`` is a class of which all is shown as if nobody had decided: what follows from a verdict gives it away.
    """
    with workspace.read() as connection:
        clip = store.clip_by_id(connection, clip_id)
        if clip is None:
            return None
        position, version = journal.position(connection), listing.version_of(connection)
        run = read_scored_run(connection, *scored, calibrated_at) if scored else None
        rows = queue.of_clip(connection, run, clip_id, reviewer) if run else []
        history = journal.clip_history(connection, clip_id)
        states = {state.class_code: state for state in journal.clip_states(connection, clip_id)}
        asked = [row.suspect.class_code for row in rows if row.probability >= min_p_wrong]
        listed = [code for code, state in states.items() if state.listed]
        hidden = looks.hidden_from(history, listed, looks.needed(connection), reviewer, asked)
        states = _as_seen(states, history, hidden.codes, reviewer)
        if hidden.beside:
            history = looks.seen_by(history, reviewer)
        if unseen in states:
            states[unseen] = journal.fold_cell(clip_id, unseen, states[unseen].imported_role, [])
        names, new = class_names(connection), new_classes(connection)
        can_undo = journal.has_decided(connection, reviewer) or marks.last_undoable(connection, reviewer) is not None
        doubted = [row for row in rows if row.probability >= min_p_wrong][:MOST_SUSPECTS]
        row_of = {row.suspect.class_code: row for row in doubted}
        by_code = {code: row.suspect for code, row in row_of.items()}
        codes = list(by_code) + [code for code in states if code not in by_code]
        shown = curves.prediction(workspace, scored[0], clip_id) if scored else None
        second = curves.prediction(workspace, compare, clip_id) if compare else None
        between = curves.spread(workspace, connection, shown, clip_id, codes) if shown else None
        least = curves.thresholds(workspace, connection, shown.run_id, position) if shown else {}
        company = cooccurrence.gathered(connection, position)
    primary, labels = journal.resolve(list(states.values()))
    clipwise = shown.clipwise_by_code() if shown else {}
    offers = cooccurrence.offers(company, clip_id, labels, clipwise, without=codes, count=MOST_OFFERS)
    none = np.zeros(0, np.float32)
    cells = tuple(
        CellView(
            class_code=code,
            name=names.get(code, code),
            role="" if code not in labels else "primary" if code == primary else "secondary",
            partner=names.get(by_code[code].partner, by_code[code].partner) if code in by_code else "",
            state=states.get(code) or journal.fold_cell(clip_id, code, "", []),
            suspect=by_code.get(code),
            clipwise=clipwise.get(code),
            framewise=shown.frames_of_class(code) if shown else none,
            compare=second.frames_of_class(code) if second else none,
            spread=Spread(between[0][:, place], between[1][:, place]) if between and code in clipwise else None,
            threshold=least.get(code),
            probability=row_of[code].probability if code in row_of else None,
            support=support(row_of[code].reason) if code in row_of else "",
            is_new=code in new,
        )
        for place, code in enumerate(codes)
    )
    ranked = sorted(clipwise.items(), key=lambda item: -item[1])
    return ClipView(
        clip=clip,
        cells=cells,
        grid=shown.grid if shown else None,
        compare_grid=second.grid if second else None,
        compare_run=second.run_id if second else "",
        offers=tuple(offers),
        history=tuple(history),
        clipwise=tuple(ranked[:MOST_OFFERS]),
        position=position,
        run_id=scored[0] if scored else "",
        fold=shown.fold if shown else None,
        can_undo=can_undo,
        n_classes=len(names),
        n_new=len(new),
        independent=hidden.beside,
        version=version,
    )


def _as_seen(
    states: Mapping[str, CellState], history: Sequence[Decision], hidden: Collection[str], reviewer: str
) -> dict[str, CellState]:
    """The cells of a clip as one sees them who may not know what others said of the classes ``hidden``."""
    seen = dict(states)
    for code in hidden:
        entries = looks.seen_by([entry for entry in history if entry.class_code == code], reviewer)
        state = journal.fold_cell(states[code].clip_id, code, states[code].imported_role, entries)
        if state.listed or state.verdict or state.machine:
            seen[code] = state
        else:
            del seen[code]
    return seen


def history_rows(view: ClipView) -> list[dict[str, Any]]:
    """The decisions on a clip, newest first: who, when, what, and what was on screen.

    Plain values for the browser. ``what`` and ``screen`` are phrases; ``standing`` is False for an entry that was
    taken back.
    """
    undone_positions = journal.undone(view.history)
    drawn = {entry.batch_id for entry in view.history if entry.region and entry.batch_id == entry.event_id}
    names = {cell.class_code: cell.name for cell in view.cells}
    return [
        {
            "position": entry.position,
            "created_at": entry.created_at,
            "reviewer": entry.reviewer,
            "class": entry.class_code,
            "name": names.get(entry.class_code, entry.class_code),
            "what": _what(entry, moved=entry.batch_id in drawn),
            "note": entry.note,
            "screen": "heard in a copy of this file" if entry.copy_of else _screen(entry.shown),
            "undoes": entry.undoes,
            "standing": entry.position not in undone_positions,
        }
        for entry in reversed(view.history)
    ]


def _what(decision: Decision, *, moved: bool) -> str:
    if decision.undoes is not None:
        if moved:
            return f"box {decision.undoes} moved"
        return (
            f"box {decision.undoes} taken away"
            if decision.batch_id == decision.event_id
            else f"undo of {decision.undoes}"
        )
    return f"box marked {decision.verdict}" if decision.region else decision.verdict


def _screen(shown: Shown) -> str:
    """What the reviewer had before them, in a phrase; "" where nothing was kept."""
    phrases = []
    if shown.hidden:  # the suspect is kept, and was not on the screen
        phrases.append("asked blind" if shown.blind else "drawn at random")
    if shown.second_look:
        phrases.append(f"second look at {shown.second_look}")
    if shown.doubted_look:
        phrases.append(f"again, as the evidence spoke against {shown.doubted_look}")
    if shown.kind and not shown.hidden:
        phrases.append(f"suspect: {shown.kind}")
    older = shown.likely_wrong is None  # older entries keep the scorer's estimate alone
    likely = shown.p_wrong if older else shown.likely_wrong
    if likely is not None and not shown.hidden:
        phrases.append(f"{likely:.2f} likely wrong")
    return ", ".join(phrases)
