"""labeling/suspects/queue.py"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from labeling.collection import classes
from labeling.disagreement import scorers, stored_ranking
from labeling.disagreement.columns import COLUMNS
from labeling.disagreement.scoring import score_run
from labeling.errors import ArtefactError, DataError, UnknownName
from labeling.predictions.oof import write_oof
from labeling.quality import audit
from labeling.quality.scored_run import read_scored_run
from labeling.records import FrameGrid
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects import queue
from labeling.suspects.filter import ORDERS, QueueFilter
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips, undo_at
from tests.support.workspaces.ranked import (
    ALL,
    CLIPS,
    RANKING,
    decide,
    demo,
    finished_run,
    make_queue,
    ranks,
    store_ranking,
)


@pytest.fixture
def queued(any_workspace: Workspace) -> Workspace:
    """Four clips, and the seven suspects of RANKING as run 001-demo."""
    return make_queue(any_workspace)


def test_a_row_says_all_that_is_known(queued: Workspace) -> None:
    decide(queued, 1, "amecro")
    with queued.read() as connection:
        row = queue.rows(connection, demo(connection), ALL)[2]
    suspect = row.suspect
    assert (suspect.rank, suspect.clip_id, suspect.filename, suspect.class_code) == (3, 1, "a/one.ogg", "amecro")
    assert (suspect.kind, suspect.partner, suspect.fold, suspect.run_id) == ("swapped", "cangoo", 0, "001-demo")
    assert (suspect.onset_s, suspect.offset_s) == (1.25, 2.5)
    assert suspect.label_quality == pytest.approx(0.15)
    assert suspect.p_wrong == pytest.approx(0.85)
    assert suspect.clipwise == pytest.approx(0.1)
    assert suspect.framewise_max == pytest.approx(0.2)
    assert (row.class_name, row.verdict, row.rating, row.duration_s) == ("American Crow", "absent", 3.5, 20.0)


def test_counts_by_class_add_up_to_the_queue(queued: Workspace) -> None:
    with queued.read() as connection:
        counts = queue.count_by_class(connection, demo(connection), ALL)
        rows = queue.rows(connection, demo(connection), ALL)
    assert {(name, kind): n for name, kinds in counts.items() for kind, n in kinds.items()} == Counter(
        (row.class_name, row.suspect.kind) for row in rows
    )
    totals = [sum(kinds.values()) for kinds in counts.values()]
    assert totals == sorted(totals, reverse=True)


def test_the_folds_are_those_of_the_ranking(queued: Workspace) -> None:
    with queued.read() as connection:
        assert queue.folds(demo(connection)) == [0, 1, 2]
        assert queue.folds(read_scored_run(connection, "001-demo", "never scored")) == []


FILTERS: tuple[tuple[dict[str, Any], list[int]], ...] = (
    ({}, [1, 2, 3, 4, 5, 6, 7]),
    ({"kinds": ("missing",)}, [1, 4, 7]),
    ({"kinds": ("false", "swapped")}, [2, 3, 5, 6]),
    ({"classes": ("amecro",)}, [1, 3, 6]),
    ({"classes": ("daejun", "cangoo")}, [2, 4]),
    ({"classes": ("unheard of",)}, []),
    ({"folds": (2,)}, [1, 7]),
    ({"folds": (0, 1)}, [2, 3, 4, 5, 6]),
    ({"min_p_wrong": 0.65}, [1, 2, 3, 4]),
    ({"min_rating": 3.5}, [2, 3, 4, 5]),
    ({"metadata": (("country", "Peru"),)}, [1, 2, 3, 5, 7]),
    ({"metadata": (("country", "'; DROP TABLE clips; --"),)}, [4]),
    ({"metadata": (("country", "Länd"),)}, [6]),
    ({"metadata": (('a "b"', "<i>"), ("country", "Peru"))}, [2, 3, 5]),
    ({"metadata": (("no such column", "x"),)}, []),
    ({"search": "/O"}, [2, 3, 5]),
    ({"search": "three"}, [1, 7]),
    ({"search": "%"}, [4]),
    ({"search": "_"}, [4]),
    ({"search": "_50%.OGG"}, [4]),
    ({"search": "' OR 1=1"}, []),
    ({"missing_rule": True}, [1, 4]),
    ({"kinds": ("missing",), "folds": (2,), "min_p_wrong": 0.5, "search": "ee"}, [1]),
)


def test_each_filter_leaves_what_it_says(queued: Workspace) -> None:
    for wanted, left in FILTERS:
        assert ranks(queued, QueueFilter(**wanted)) == left, wanted


SORTED = {
    "rank": [1, 2, 3, 4, 5, 6, 7],
    "likely": [1, 2, 3, 4, 5, 6, 7],  # before any verdict the scorer's own order stands
    "worth": [2, 4, 1, 5, 3, 7, 6],  # worked by hand in test_queue_order.py
    "uncertain": [6, 4, 5, 7, 3, 2, 1],
    "class": [1, 3, 6, 5, 7, 2, 4],
    "filename": [2, 3, 5, 4, 1, 7, 6],
    "clipwise": [2, 1, 4, 6, 7, 3, 5],
    "framewise": [4, 1, 6, 2, 5, 7, 3],
    "rating": [4, 2, 3, 5, 6, 1, 7],
}


def test_each_order_sorts_as_it_says_and_pages_follow_on(queued: Workspace) -> None:
    with queued.read() as connection:
        drawn = (audit.order(stored_ranking.read_ranking(connection, "001-demo", "earmark")) + 1).tolist()
    expected = SORTED | {"audit": drawn}
    assert set(ORDERS) == {*expected, "next"}  # which is worked out beside (active/test_teaching.py)
    for order, wanted in expected.items():
        assert ranks(queued, QueueFilter(order=order)) == wanted, order
        for size in (1, 2, 3, 7, 8):
            pages = [ranks(queued, QueueFilter(order=order), limit=size, offset=at) for at in range(0, 9, size)]
            assert [rank for page in pages for rank in page] == wanted, (order, size)
            assert ranks(queued, QueueFilter(order=order), limit=size, offset=100) == []


def test_the_missing_rule_is_that_of_its_source(queued: Workspace) -> None:
    """Clips without secondary labels, a class that is not the primary, a frame above 0.9."""
    for rank in ranks(queued, QueueFilter(missing_rule=True)):
        _, clip_id, code, _, _, _, framewise_max, _ = RANKING[rank - 1]
        assert len(CLIPS[clip_id - 1][1]) == 1
        assert code not in CLIPS[clip_id - 1][1]
        assert framewise_max > 0.9
    assert 2 not in ranks(queued, QueueFilter(missing_rule=True))  # its clip has a secondary label
    assert 6 not in ranks(queued, QueueFilter(missing_rule=True))  # it is the primary


def test_decided_cells_leave_the_queue_and_an_undo_brings_them_back(queued: Workspace) -> None:
    first = decide(queued, 3, "amecro", "present")
    decide(queued, 1, "balori", "unsure")
    decide(queued, 2, "amecro")  # no suspect: nothing to leave
    assert ranks(queued, QueueFilter()) == [2, 3, 4, 6, 7]
    assert ranks(queued, QueueFilter(status="decided")) == [1, 5]
    assert ranks(queued, ALL) == [1, 2, 3, 4, 5, 6, 7]
    with queued.read() as connection:
        assert queue.count(connection, demo(connection), QueueFilter()) == {
            "missing": 2,
            "false": 1,
            "swapped": 2,
        }
        assert queue.count(connection, demo(connection), QueueFilter(status="decided")) == {
            "missing": 1,
            "false": 1,
        }
    undo_at(queued, first.position, "ann", "back")
    assert ranks(queued, QueueFilter()) == [1, 2, 3, 4, 6, 7]


def test_the_worklist_has_each_clip_once_in_the_queues_order(queued: Workspace) -> None:
    with queued.read() as connection:
        assert queue.worklist(connection, demo(connection), QueueFilter()) == [3, 1, 2, 4]
        assert queue.worklist(connection, demo(connection), QueueFilter(order="clipwise")) == [1, 3, 2, 4]
        assert queue.worklist(connection, demo(connection), QueueFilter(kinds=("false",))) == [1, 4]
    decide(queued, 3, "amecro")
    with queued.read() as connection:
        assert queue.worklist(connection, demo(connection), QueueFilter()) == [1, 2, 4, 3]


def test_the_suspects_of_a_clip(queued: Workspace) -> None:
    decide(queued, 1, "balori", "present")
    with queued.read() as connection:
        rows = queue.of_clip(connection, demo(connection), 1)
        assert [(row.suspect.rank, row.verdict) for row in rows] == [(2, ""), (3, ""), (5, "present")]
        assert [row.suspect.rank for row in queue.of_clip(connection, demo(connection), 4)] == [6]
        assert queue.of_clip(connection, demo(connection), 99) == []


def test_a_run_without_a_ranking_has_an_empty_queue(queued: Workspace) -> None:
    for run_id, scorer in (("001-demo", "other"), ("nope", "earmark")):
        with queued.read() as connection:
            run = read_scored_run(connection, run_id, scorer)
            assert queue.rows(connection, run, QueueFilter(missing_rule=True, order="rating")) == []
            assert queue.count(connection, run, ALL) == {}
            assert queue.worklist(connection, run, ALL) == []
            assert queue.of_clip(connection, run, 1) == []


def test_a_ranking_without_a_suspect_is_an_empty_queue(queued: Workspace) -> None:
    with queued.write() as connection:
        empty = {name: np.zeros(0, np.int64) for name, column in COLUMNS.items() if column.meaning.default is None}
        stored_ranking.store_ranking(connection, "001-demo", "earmark", empty)
    for order in SORTED:
        assert ranks(queued, QueueFilter(order=order, missing_rule=True, search="x")) == []


def test_scoring_again_replaces_what_is_shown(queued: Workspace) -> None:
    assert len(ranks(queued, ALL)) == 7
    store_ranking(queued, "001-demo", rows=RANKING[:2])
    assert len(ranks(queued, ALL)) == 2
    with queued.read() as connection:
        assert queue.scored(connection) == [("001-demo", "earmark", 2)]


def test_which_ranking_is_shown(queued: Workspace) -> None:
    second = finished_run(queued)
    store_ranking(queued, second, "aaa")
    store_ranking(queued, second, "earmark", RANKING[:3])
    with queued.read() as connection:
        assert queue.scored(connection) == [(second, "earmark", 3), (second, "aaa", 7), ("001-demo", "earmark", 7)]
        assert queue.current(connection) == (second, "earmark")
        assert queue.current(connection, "001-demo") == ("001-demo", "earmark")
        assert queue.current(connection, second, "aaa") == (second, "aaa")
        assert queue.current(connection, "gone", "gone") == (second, "earmark")
        connection.rollback()


def test_nothing_is_shown_before_any_scoring(workspace: Workspace) -> None:
    with workspace.read() as connection:
        assert queue.current(connection) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kinds": ("swaped",)}, "unknown kind 'swaped'; choose from missing, false, swapped. Did you mean 'swapped'?"),
        ({"status": "done"}, "unknown status 'done'; choose from open, decided, disputed, all"),
        ({"order": "age"}, "unknown order 'age'; choose from likely, worth, uncertain, next, audit"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        QueueFilter(**values)
    assert str(caught.value).startswith(message)


def test_a_damaged_ranking_is_an_error_that_names_the_remedy(queued: Workspace) -> None:
    with queued.write() as connection:
        packed = connection.scalar(sa.select(tables.rankings.c.columns))
        for damaged in (b"", packed[:500], packed[:400] + b"\xff" * 50 + packed[450:]):
            connection.execute(sa.update(tables.rankings).values(columns=damaged, scored_at=db.now()))
            with pytest.raises(ArtefactError, match=r"suspects of run 001-demo cannot be read .*labeling score"):
                queue.count(connection, demo(connection), ALL)


def test_a_stored_ranking_is_never_unpickled(queued: Workspace) -> None:
    import io

    evil = io.BytesIO()
    np.savez(evil, clip_id=np.array([print], dtype=object))
    with queued.write() as connection:
        connection.execute(sa.update(tables.rankings).values(columns=evil.getvalue(), scored_at=db.now()))
        with pytest.raises(ArtefactError):
            queue.count(connection, demo(connection), ALL)


# ---- from predictions to the queue


def predict(
    workspace: Workspace, run_id: str, clip_ids: list[int], clipwise: np.ndarray, codes: tuple[str, ...]
) -> None:
    """An OOF of 4 frames a clip, 0.5 s each; frames 2 and 3 say what the clip says."""
    frames = [np.stack([row * 0.1, row * 0.1, row, row]) for row in clipwise]
    write_oof(
        workspace.run_dir(run_id) / "oof.zarr",
        clip_ids=clip_ids,
        filenames=[f"{clip_id}.ogg" for clip_id in clip_ids],
        classes=codes,
        clipwise=clipwise,
        framewise=frames,
        fold=[clip_id % 3 for clip_id in clip_ids],
        grid=FrameGrid(0.0, 0.5, 0.5),
        label_version=1,
        label_hash="h",
    )


CODES = ("amecro", "balori", "cangoo", "daejun")


def many_clips(workspace: Workspace) -> np.ndarray:
    """40 clips in two classes, and predictions that agree but for two planted errors."""
    add_clips(workspace, tuple((f"{n:02d}.ogg", (("amecro", "balori")[n % 2],)) for n in range(40)))
    clipwise = np.full((40, 4), 0.03, np.float32)
    clipwise[np.arange(40), np.arange(40) % 2] = 0.9
    clipwise[4, 2] = 0.95  # a goose that nobody listed
    clipwise[7, 1] = 0.02  # an oriole that is not there
    return clipwise


def test_planted_errors_are_found_and_shown_with_their_evidence(any_workspace: Workspace) -> None:
    clipwise = many_clips(any_workspace)
    run_id = finished_run(any_workspace)
    predict(any_workspace, run_id, list(range(1, 41)), clipwise, CODES)
    assert score_run(any_workspace) == (run_id, 160)
    with any_workspace.read() as connection:
        found = queue.current(connection)
        assert found == (run_id, "earmark")
        rows = queue.rows(connection, read_scored_run(connection, *found), QueueFilter(order="rank"), limit=None)
    assert [row.suspect.rank for row in rows] == list(range(1, 161))
    qualities = [row.suspect.label_quality for row in rows]
    assert qualities == sorted(qualities)
    first = {(row.suspect.filename, row.suspect.class_code, row.suspect.kind) for row in rows[:2]}
    assert first == {("04.ogg", "cangoo", "missing"), ("07.ogg", "balori", "false")}
    goose = next(row.suspect for row in rows if row.suspect.class_code == "cangoo")
    assert (goose.onset_s, goose.offset_s, goose.fold) == (1.0, 2.0, 5 % 3)
    assert goose.clipwise == pytest.approx(0.95)
    assert goose.framewise_max == pytest.approx(0.95, abs=1e-3)
    assert goose.p_wrong == max(row.suspect.p_wrong for row in rows if row.suspect.kind == "missing")


def test_decided_cells_are_not_asked_again(workspace: Workspace) -> None:
    clipwise = many_clips(workspace)
    run_id = finished_run(workspace)
    predict(workspace, run_id, list(range(1, 41)), clipwise, CODES)
    decide(workspace, 5, "cangoo", "present")
    decide(workspace, 8, "balori", "unsure")
    assert score_run(workspace, run_id) == (run_id, 158)
    with workspace.read() as connection:
        rows = queue.rows(connection, read_scored_run(connection, run_id, "earmark"), ALL, limit=None)
    assert not {(5, "cangoo"), (8, "balori")} & {(row.suspect.clip_id, row.suspect.class_code) for row in rows}


def test_clips_and_classes_that_only_one_side_has_are_left_out(workspace: Workspace) -> None:
    clipwise = many_clips(workspace)
    run_id = finished_run(workspace)
    clip_ids = [900, *range(2, 41)]
    predict(workspace, run_id, clip_ids, clipwise, ("amecro", "balori", "cangoo", "from another world"))
    with workspace.write() as connection:
        classes.add_class(connection, "aaa")  # sorts first: columns are matched by code
    assert score_run(workspace, run_id) == (run_id, 39 * 3)
    with workspace.read() as connection:
        rows = queue.rows(connection, read_scored_run(connection, run_id, "earmark"), ALL, limit=2)
    assert {(row.suspect.clip_id, row.suspect.class_code) for row in rows} == {(5, "cangoo"), (8, "balori")}


@pytest.mark.parametrize("scorer", sorted(set(scorers.SCORERS.names()) - set(scorers.NEEDS)))
def test_every_scorer_fills_a_queue(collection: Workspace, scorer: str) -> None:
    run_id = finished_run(collection)
    random = np.random.default_rng(0)
    predict(collection, run_id, [1, 2, 3, 4], random.random((4, 4)).astype(np.float32), CODES)
    assert score_run(collection, run_id, scorer) == (run_id, 16)
    with collection.read() as connection:
        rows = queue.rows(connection, read_scored_run(connection, run_id, scorer), ALL)
    assert len({(row.suspect.clip_id, row.suspect.class_code) for row in rows}) == 16
    assert all(0 <= row.suspect.p_wrong <= 1 and 0 <= row.suspect.label_quality <= 1 for row in rows)


def test_what_cannot_be_scored(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run to score; train one"):
        score_run(workspace)
    clipwise = many_clips(workspace)
    run_id = finished_run(workspace)
    with pytest.raises(UnknownName, match="unknown scorer 'guess'; choose from"):
        score_run(workspace, run_id, "guess")
    with pytest.raises(DataError, match="no run '009'"):
        score_run(workspace, "009")
    with pytest.raises(ArtefactError, match=r"oof\.zarr is missing"):
        score_run(workspace, run_id)
    predict(workspace, run_id, list(range(901, 941)), clipwise, CODES)
    with pytest.raises(ArtefactError, match="predicts none of this workspace's clips"):
        score_run(workspace, run_id)
    with workspace.read() as connection:
        assert queue.scored(connection) == []
