"""``POST /api/cells``: many suspects decided at once, first as a plan in words, then in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from labeling import journal
from labeling.errors import DataError
from labeling.journal.open_cells import judged_alone
from labeling.quality.scored_run import read_scored_run
from labeling.suspects import bulk, queue
from pages.ui.player import events
from pages.ui.queue import worklist
from pages.ui.routes.asked import Asked
from pages.ui.shared import shapes


def decide_cells(asked: Asked) -> shapes.DecidedCells:
    """Decide ``cells`` as ``choice`` says (bulk.CHOICES); with ``plan`` only say what that would do.

    ``version`` is that of the rows as they were on the screen (listing.version_of). ``batch`` makes two requests one:
    what had no answer is sent again with it. Raises DataError where the body says no such thing.
    """
    body = asked.body
    cells, version = body.get("cells"), events.text_of(body, "version", 40)
    if not isinstance(cells, Sequence) or not 1 <= len(cells) <= bulk.MOST_CELLS:
        raise DataError(f"event has no cells, or more than {bulk.MOST_CELLS:,}; tick fewer rows")
    if not all(worklist.is_number(part) for part in version.split(".")):
        raise DataError(f"event has version {version!r}; two whole numbers are expected; reload the page")
    query = body.get("query")
    query = query if isinstance(query, Mapping) else {}
    run_id, scorer = events.text_of(query, "run", 200), events.text_of(query, "scorer", 200)
    position = events.text_of(query, "position", 20)
    with asked.workspace.read() as connection:
        run = read_scored_run(connection, run_id, scorer, int(position) if worklist.is_number(position) else None)
        planned = bulk.plan(
            connection,
            queue.of_cells(connection, run, map(_cell, cells), asked.reviewer),
            events.one_of(body, "choice", tuple(bulk.CHOICES)),
            reviewer=asked.reviewer,
            scorer=scorer,
            batch_id=events.event_id_of(body, "batch"),
            seen_position=int(version.split(".")[0]),
        )
        alone = judged_alone(
            connection, asked.reviewer, [(said.clip_id, said.class_code) for said in planned.decisions]
        )
    if not planned.decisions:
        raise DataError("none of these cells is a suspect of this run; reload the page")
    told: shapes.DecidedCells = {
        "cells": len(planned.decisions),
        "words": planned.cells_and_clips,
        "verdicts": planned.verdicts,
        "decided": planned.decided,
    }
    if not body.get("plan"):
        said = [
            replace(one, shown=replace(one.shown, independent=(one.clip_id, one.class_code) in alone))
            for one in planned.decisions
        ]
        stored = journal.append(asked.workspace, said)
        told["position"] = stored[-1].position
    return told


def _cell(raw: object) -> tuple[int, str]:
    clip_id, code = raw if isinstance(raw, Sequence) and len(raw) == 2 else (None, None)
    named = {"clip_id": clip_id, "class": code}
    return events.clip_id_of(named), events.text_of(named, "class", 500)
