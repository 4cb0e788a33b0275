"""labeling/suspects/order.py"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal
from labeling.errors import DataError
from labeling.quality.scored_run import ScoredRun
from labeling.records import Decision, Shown
from labeling.reviewer.pace import Pace
from labeling.storage import tables
from labeling.suspects import order as queue_order
from labeling.suspects import queue, worth
from labeling.suspects.filter import QueueFilter, select
from labeling.suspects.order import Facts
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import ALL, RANKING, decide, demo, make_queue, ranks, store_ranking


@pytest.fixture
def queued(any_workspace: Workspace) -> Workspace:
    """Four clips, and the seven suspects of RANKING as run 001-demo."""
    return make_queue(any_workspace)


def read(workspace: Workspace, position: int | None = None) -> ScoredRun:
    with workspace.read() as connection:
        return demo(connection, position)


def facts_of(workspace: Workspace) -> Facts:
    with workspace.read() as connection:
        return queue_order.facts_of(connection, demo(connection))


def test_what_is_known_of_clips_and_classes(queued: Workspace) -> None:
    facts = facts_of(queued)
    np.testing.assert_array_equal(facts.duration_s[1:], [20] * 4)
    one, two, three, four = facts.group[1:].tolist()
    assert one == four  # recordist-0
    assert len({one, two, three}) == 3
    np.testing.assert_array_equal(facts.positives[1:], [2, 2, 1, 0])  # amecro, balori, cangoo, daejun


def test_a_clip_of_no_group_is_a_group_of_its_own(queued: Workspace) -> None:
    with queued.write() as connection:
        connection.execute(sa.update(tables.clips).where(tables.clips.c.id.in_([1, 2])).values(group_name=""))
        facts = queue_order.facts_of(connection, demo(connection))
    assert len(set(facts.group[1:].tolist())) == 4


def test_worth_as_worked_by_hand(queued: Workspace) -> None:
    """Each clip is 20 s long, each stretch 1.25 s, heard with 2 s around it; amecro and balori are listed by two clips,
    cangoo by one, daejun by none, so that with rarity 0.5 the first two weigh sqrt(1/2) of the others."""
    run, facts, wanted = read(queued), facts_of(queued), QueueFilter(order="worth")
    half, p = 0.5**0.5, dict(enumerate(run.probability.tolist(), start=1))
    likely = {1: p[1] + p[7], 3: p[2] + p[3] + p[5]}  # of clip 3 and clip 1: labels wrong to be expected
    expected = {
        1: p[1] * half / (3 + 3.25 * p[1] / likely[1]),
        2: p[2] / (3 + 3.25 * p[2] / likely[3]),
        3: p[3] * half / (3 + (3.25 + p[3] * 16.75) * p[3] / likely[3]),
        4: p[4] / (3 + 3.25),
        5: p[5] * half / (3 + (3.25 + p[5] * 16.75) * p[5] / likely[3]),
        6: p[6] * half / (3 + 3.25 + p[6] * 16.75),
        7: p[7] * half / (3 + 3.25 * p[7] / likely[1]),
    }
    found = queue_order._values(run, facts, np.arange(7), wanted, worth.LOOK_S)
    by_hand = np.array([expected[rank] for rank in range(1, 8)])
    np.testing.assert_allclose(found / found.sum(), by_hand / by_hand.sum(), rtol=1e-3)
    assert ranks(queued, wanted) == sorted(expected, key=lambda rank: -expected[rank])
    # one class of a hundred where only the average over classes counts, and one that takes ages to press
    as_they_are = queue_order._values(run, facts, np.arange(7), replace(wanted, rarity=0.0), 1e9)
    np.testing.assert_array_equal(np.argsort(-as_they_are), np.arange(7))  # the likelihood alone is left


def test_one_recordist_does_not_fill_the_screen(queued: Workspace) -> None:
    """Clips 1 and 4 are one recordist's: seven good suspects of theirs, and one nearly as good of somebody else's."""
    codes = ("amecro", "balori", "cangoo", "daejun")
    rows = [(n + 1, (1, 4)[n % 2], codes[n // 2], "missing", 0.99 - n / 100, 0.9, 0.9, 0) for n in range(7)]
    rows += [(8, 2, "amecro", "missing", 0.85, 0.9, 0.9, 0), (9, 3, "amecro", "missing", 0.5, 0.9, 0.9, 0)]
    store_ranking(queued, "001-demo", rows=rows)
    assert ranks(queued, QueueFilter()) == [1, 2, 3, 4, 5, 8, 6, 7, 9]
    assert ranks(queued, QueueFilter(variety=False)) == list(range(1, 10))
    assert ranks(queued, QueueFilter(order="rank")) == list(range(1, 10))
    # what is decided gives no other row a turn: the order is as it was drawn
    decide(queued, 1, "amecro")
    decide(queued, 1, "balori")
    with queued.read() as connection:
        rows_left = queue.rows(connection, demo(connection, 0), QueueFilter())
        anew = queue.rows(connection, demo(connection), QueueFilter())
    assert [row.suspect.rank for row in rows_left] == [2, 4, 5, 8, 6, 7, 9]
    assert [row.suspect.rank for row in anew] == [2, 4, 5, 6, 7, 8, 9]


def test_batches_of_one_class(queued: Workspace) -> None:
    wanted = QueueFilter(batches=True)
    assert ranks(queued, wanted) == [1, 3, 6, 2, 4, 5, 7]  # amecro, cangoo, daejun, balori
    assert ranks(queued, wanted, limit=2, offset=2) == [6, 2]
    assert ranks(queued, QueueFilter(order="audit", batches=True)) == ranks(queued, QueueFilter(order="audit"))


def shown_as_suspect(workspace: Workspace, count: int, verdict: str = "absent") -> None:
    """People find suspects right or wrong, so that likelihoods move."""
    for rank, clip_id, code, kind, p_wrong, *_ in RANKING[:count]:
        shown = Shown(kind=kind, p_wrong=p_wrong, rank=rank, scorer="earmark")
        event = Decision(journal.new_event_id(), "ann", clip_id, code, verdict, run_id="001-demo", shown=shown)
        journal.append(workspace, [event])


def likelihoods(workspace: Workspace, position: int | None = None) -> dict[int, float]:
    with workspace.read() as connection:
        rows = queue.rows(connection, demo(connection, position), ALL)
    return {row.suspect.rank: row.probability for row in rows}


def test_no_likelihood_and_no_row_moves_until_the_order_is_drawn_anew(queued: Workspace) -> None:
    drawn = read(queued).position
    before = likelihoods(queued)
    with queued.read() as connection:
        assert queue_order.decided_since(connection, drawn) == 0
    shown_as_suspect(queued, 4)
    assert likelihoods(queued, drawn) == before
    with queued.read() as connection:
        assert queue_order.decided_since(connection, drawn) == 4
    assert read(queued).position == 4
    moved = likelihoods(queued)
    assert all(moved[rank] < before[rank] for rank in (1, 4, 7)), "two of two missing labels were found to be right"


def test_the_filter_asks_the_calibrated_probability_but_not_of_an_audit(queued: Workspace) -> None:
    likely = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], np.float32)
    run = replace(read(queued), probability=likely)
    with queued.read() as connection:
        for order, left in (("likely", [4, 5, 6]), ("rank", [4, 5, 6]), ("audit", [0, 1, 2, 3, 4, 5, 6])):
            wanted = QueueFilter(min_p_wrong=0.45, order=order)
            assert select(connection, run, wanted).index().tolist() == left


def test_clips_are_read_once_a_ranking(queued: Workspace) -> None:
    first = facts_of(queued)
    shown_as_suspect(queued, 1)
    assert facts_of(queued) is first


def test_machines_do_not_count_as_news(queued: Workspace) -> None:
    decide(queued, 1, "amecro")
    with queued.write() as connection:
        machine = Decision("m", "auto:stage1", 2, "amecro", "present")
        journal.append_within(connection, [machine], by_machine=True)
        assert queue_order.decided_since(connection, 0) == 1


def test_the_pace_of_the_day_counts(queued: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """25 presses in 250 s on the cell of clip 4, of which 3.25 + 0.3 x 16.75 s are to be heard: 1.725 s to look."""
    decide(queued, 4, "amecro")
    day = Pace(decisions=1, clips=1, working_s=250.0, paced_decisions=25, paced_clips=1)
    monkeypatch.setattr(queue_order.pace, "today", lambda *_, **__: day)
    with queued.read() as connection:
        run = demo(connection)
        assert run.position == 1
        assert queue_order.look_s_of(connection, run, "ann") == pytest.approx(10 - 8.275, abs=1e-3)
        assert queue_order.look_s_of(connection, run, "") == worth.LOOK_S, "nobody has no pace"
        monkeypatch.setattr(queue_order.pace, "today", lambda *_, **__: replace(day, paced_decisions=19))
        assert queue_order.look_s_of(connection, run, "ann") == worth.LOOK_S


def test_rarity_beyond_its_bounds_is_refused() -> None:
    for rarity in (-0.1, 1.1, float("nan")):
        with pytest.raises(DataError, match=r"rarity .* is outside 0"):
            QueueFilter(rarity=rarity)


ORDER = st.sampled_from(["likely", "worth", "uncertain", "clipwise", "framewise", "audit", "rank"])


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 6), st.integers(1, 3)), min_size=1, max_size=50),
    ORDER, st.booleans(), st.booleans(), st.integers(0, 60),
)  # fmt: skip
def test_every_order_has_each_suspect_once_and_pages_follow_on(
    rows: list[tuple[float, int, int]], order: str, variety: bool, batches: bool, first: int
) -> None:
    from labeling.disagreement.columns import COLUMNS
    from labeling.disagreement.stored_ranking import _unpack

    p_wrong, clip_id, class_id = (np.array(column) for column in zip(*rows, strict=True))
    ranking = _unpack(None, "")
    columns = {name: np.zeros(len(rows)) for name in COLUMNS}
    assert set(columns) <= set(vars(ranking))
    count = len(rows)
    ranking = replace(
        ranking, clip_id=clip_id, class_id=class_id, kind=np.zeros(count, np.uint8), p_wrong=p_wrong,
        clipwise=p_wrong[::-1], framewise_max=p_wrong, onset_s=np.zeros(count), offset_s=np.ones(count),
        given=class_id == 1, runs=np.ones(count, np.uint8), runs_agree=np.ones(count, np.uint8),
    )  # fmt: skip
    facts = Facts(np.full(7, 9.0), np.arange(7) // 2, np.array([0, 5, 1, 0]))
    run = ScoredRun("", "", "", 0, ranking, None, None, p_wrong.astype(np.float32))  # type: ignore[arg-type]
    index = np.flatnonzero(p_wrong < 0.9)
    wanted = QueueFilter(order=order, variety=variety, batches=batches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue_order, "facts_of", lambda *_: facts)
        whole = queue_order.in_order(None, run, index, wanted)  # type: ignore[arg-type]
        part = queue_order.in_order(None, run, index, wanted, first)  # type: ignore[arg-type]
    assert sorted(whole.tolist()) == index.tolist()
    np.testing.assert_array_equal(part, whole[:first])
