"""Decisions as the player sends them: stored with what was on the screen, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from labeling import journal
from labeling.errors import DataError
from labeling.journal import boxes
from labeling.journal.open_cells import judged_alone
from labeling.people import roles
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Shown
from labeling.review import second_looks
from labeling.reviewer import marks
from labeling.storage.database import lock_journal
from labeling.suspects import queue
from pages.ui.player import events
from pages.ui.routes import team_json
from pages.ui.routes.asked import Asked
from pages.ui.routes.clips import calibrated_at, clip_after, scored_of
from pages.ui.shared import shapes

MOST_EVENTS = 2000


def decide(asked: Asked) -> shapes.Decided:
    """Store one or more presses in one transaction; the answer is sent once they are on the disk."""
    given = asked.body.get("events")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_EVENTS:
        raise DataError(f"1 to {MOST_EVENTS} events are expected; decide fewer cells at once")
    view = asked.body.get("view")
    view = view if isinstance(view, Mapping) else {}
    batch = events.event_id_of(asked.body, "batch") if asked.body.get("batch") else ""
    parsed = [events.parse_event(event) for event in given]
    shown = _what_was_shown(asked, view, parsed)
    first = parsed[0]
    if any(event.replaces is not None for event in parsed):
        if len(parsed) > 1:
            raise DataError(f"a box is moved or taken away alone, not with {len(parsed) - 1} other events")
        return _change_box(asked, first, view, shown[first.clip_id, first.class_code])
    said = [_decision(asked, event, batch, view, shown[event.clip_id, event.class_code]) for event in parsed]
    wish = None
    if wanted := asked.body.get("next"):
        with asked.workspace.read() as connection:
            wish = team_json.wish_of(connection, wanted, view)
    with asked.workspace.write() as connection:
        lock_journal(connection)
        stored = journal.append_within(connection, said)
        places = team_json.next_places(connection, wish, asked.reviewer) if wish else None
    positions = [decision.position for decision in stored]
    single = len(set(positions)) == 1  # also where a press came twice in one request
    count = f"{first.class_code} {first.verdict}" if single else f"{len(set(positions))} decisions"
    settled = stored[0].shown.adjudication
    notice = f"settled: {first.class_code} {first.verdict}" if settled else f"saved: {count}"
    answer: shapes.Decided = {"notice": notice, "positions": positions}
    if places is not None:
        answer["next"] = places
    if asked.body.get("answer") == "clip" and (clip := clip_after(asked, first.clip_id, view).get("clip")):
        answer["clip"] = clip
    return answer


def _change_box(asked: Asked, event: events.PlayerEvent, view: Mapping[str, Any], shown: Shown) -> shapes.Decided:
    """Move a box, or take it away; ``boxes_left`` counts those that still mark the class as present."""
    change = boxes.change_box(
        asked.workspace,
        _decision(asked, event, "", view, shown) if event.region else None,
        event.replaces,
        reviewer=asked.reviewer,
        event_id=event.event_id,
        seen_position=event.seen_position,
    )
    answer: shapes.Decided = {
        "notice": f"saved: {event.class_code}, {'box moved' if event.region else 'box taken away'}",
        "positions": [entry.position for entry in change.entries],
        "boxes_left": change.left,
    }
    if clip := clip_after(asked, event.clip_id, view).get("clip"):
        answer["clip"] = clip
    return answer


def _decision(asked: Asked, event: events.PlayerEvent, batch: str, view: Mapping[str, Any], shown: Shown) -> Decision:
    takes_primary = event.kind == "swapped" and not event.role and event.verdict == "present"
    return Decision(
        event_id=event.event_id,
        reviewer=asked.reviewer,
        clip_id=event.clip_id,
        class_code=event.class_code,
        verdict=event.verdict,
        role="primary" if takes_primary else "",
        region=event.region,
        note=event.note,
        run_id=events.text_of(view, "run", 200),
        shown=shown,
        seen_position=event.seen_position,
        batch_id=batch,
    )


def _what_was_shown(
    asked: Asked, view: Mapping[str, Any], parsed: list[events.PlayerEvent]
) -> dict[tuple[int, str], Shown]:
    """The suspects on screen, by cell, as the journal keeps them."""
    scored, looked_at = scored_of(view), events.text_of(view, "class", 500)  # a second look asks of one class
    cells = [(cell_event.clip_id, cell_event.class_code) for cell_event in parsed]
    with asked.workspace.read() as connection:
        run = read_scored_run(connection, *scored, calibrated_at(view)) if scored else None
        rows = queue.of_cells(connection, run, cells) if run else []
        shown = {
            (row.suspect.clip_id, row.suspect.class_code): queue.as_shown(row, scored[1]) for row in rows if scored
        }
        alone = judged_alone(connection, asked.reviewer, cells)
        for event in parsed:
            cell = event.clip_id, event.class_code
            mode = event.mode if event.class_code == looked_at else ""  # whatever else is said in that clip
            if mode == second_looks.ADJUDICATE:
                roles.check(asked.person, "adjudicate")
                shown[cell] = Shown(asked=False, adjudication=True)  # of what people said, no suspect of a model's
                continue
            how = replace(
                shown.get(cell, Shown()),
                asked=bool(event.kind or mode),  # else the reviewer spoke of a cell that no screen doubted
                blind=mode in ("blind", "doubted"),
                audit=mode == "audit",
                at_random=event.at_random,
                independent=cell in alone,
            )
            if mode in ("again", "doubted"):
                first = second_looks.first_look(connection, asked.reviewer, *cell)
                how = replace(how, second_look=first) if mode == "again" else replace(how, doubted_look=first)
            shown[cell] = how
    return shown


def _hidden_as(shown: Shown) -> str:
    """The mode in which a cell was asked with all else hidden; it is asked so again when it is taken back."""
    if shown.adjudication:
        return second_looks.ADJUDICATE
    return "doubted" if shown.doubted_look else "blind" if shown.blind else "audit" if shown.audit else ""


def undo(asked: Asked) -> shapes.Undone | shapes.NothingUndone:
    """Take back this reviewer's last press, or the batch that it was part of, or the entry at ``position``."""
    event_id, position = events.event_id_of(asked.body, "event_id"), events.whole_of(asked.body, "position")
    with asked.workspace.read() as connection:
        # a request that is sent again takes back nothing more
        last, mark = journal.undone_by(connection, event_id), marks.undone_by(connection, event_id)
        again = bool(last or mark)
        if not again:
            mark = marks.last_undoable(connection, asked.reviewer) if position is None else None
            last = journal.last_undoable(connection, asked.reviewer) if position is None else []
            last = journal.batch_of(connection, position, asked.reviewer) if position is not None else last
    if mark and (not last or mark.is_after(last[-1])):
        if not again:
            marks.undo(asked.workspace, mark, event_id)
        what = mark.kind if mark.removes is None else f"{mark.kind} taken back"
        clip_id, code, mode = mark.clip_id, "", ""
    elif last:
        if not again:
            journal.undo_all(asked.workspace, last, asked.reviewer, event_id)
        decision = last[-1]
        what = "box taken away" if decision.verdict == "undo" else decision.verdict
        single = len(last) == 1 or any(entry.undoes for entry in last)
        what = f"{decision.class_code} {what}" if single else f"{len(last)} decisions"
        clip_id, code, mode = decision.clip_id, decision.class_code, _hidden_as(decision.shown)
    else:
        return {"notice": "nothing of yours to undo", "clip_id": None}
    clip = clip_after(asked, clip_id, asked.body.get("view"))
    return {"notice": f"undone: {what}", "clip_id": clip_id, "class": code, "mode": mode, **clip}
