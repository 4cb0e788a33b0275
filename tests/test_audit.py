"""labeling/audit.py"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import ranked
import sqlalchemy as sa
from ranked import make_queue
from test_audit_journal import say

from labeling import audit, calibration, journal, marks, stored_ranking
from labeling import database as db
from labeling.workspace import Workspace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from simulated_reviews import ranking_of

RUN = ("001-demo", "earmark")
GIVEN = {(1, "amecro"), (1, "balori"), (4, "amecro")}


def made_ranking(cells: int, seed: int = 0, listed: float = 0.25) -> stored_ranking.Ranking:
    random = np.random.default_rng(seed)
    return ranking_of(
        random.integers(1, 400, cells), random.random(cells) < listed, random.random(cells).astype(np.float32)
    )


# ---- the order


def test_the_hash_is_splitmix64() -> None:
    """The first numbers of the published generator from state 0: its state grows by the golden gamma, then is mixed."""
    gamma = 0x9E3779B97F4A7C15
    states = np.array([gamma * step % 2**64 for step in (1, 2, 3)], np.uint64).view(np.int64)
    assert audit.mixed(states, 0).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_listed_and_unlisted_cells_take_turns_until_one_kind_is_through() -> None:
    ranking = made_ranking(1_000)
    order = audit.order(ranking)
    assert sorted(order.tolist()) == list(range(1_000))
    given = ranking.given[order]
    listed = int(ranking.given.sum())
    assert given[: 2 * listed : 2].all()
    assert not given[1 : 2 * listed : 2].any()
    assert not given[2 * listed :].any()


def test_the_order_is_of_the_cells_alone() -> None:
    """Another ranking of the same cells, otherwise sorted and half as long, has them in the same order."""
    ranking = made_ranking(2_000)
    cells = list(zip(ranking.clip_id.tolist(), ranking.class_id.tolist(), strict=True))
    part = np.random.default_rng(1).permutation(2_000)[:1_000]
    columns = {name: getattr(ranking, name)[part] for name in (*stored_ranking.COLUMNS, *stored_ranking.EVIDENCE)}
    keys = stored_ranking.cell_keys(columns["clip_id"], columns["class_id"])
    by_key = np.argsort(keys)
    other = stored_ranking.Ranking(
        **columns, past=ranking.past, sorted_cells=keys[by_key], sorted_index=by_key.astype(np.int32)
    )
    kept = {cells[place] for place in part}
    for given in (True, False):
        first = [cells[at] for at in audit.order(ranking) if ranking.given[at] == given and cells[at] in kept]
        second = [cells[part[at]] for at in audit.order(other) if other.given[at] == given]
        assert first == second


def test_no_likelihood_and_no_class_comes_first() -> None:
    ranking = made_ranking(40_000)
    first = audit.order(ranking)[:8_000]
    assert abs(ranking.p_wrong[first].mean() - 0.5) < 0.017  # five standard errors
    assert abs(ranking.class_id[first].mean() - 200) < 7
    assert abs(ranking.clip_id[first].mean() - 20_000) < 700


# ---- whom it asks


def test_what_waits_is_undecided_not_skipped_and_of_the_kinds_asked(workspace: Workspace) -> None:
    make_queue(workspace)

    def waiting(reviewer: str = "ann", count: int = 9, *kinds: str) -> list[tuple[int, str]]:
        with workspace.read() as connection:
            return audit.waiting(connection, *RUN, reviewer, count, kinds)

    cells = {(row[1], row[2]) for row in ranked.RANKING}
    assert set(waiting()) == cells
    assert {cell in GIVEN for cell in waiting("ann", 2)} == {True, False}
    assert set(waiting("ann", 9, "false")) == GIVEN
    assert set(waiting("ann", 9, "missing")) == cells - GIVEN
    assert set(waiting("ann", 9, "missing", "false")) == set(waiting("ann", 9, "swapped")) == cells
    assert waiting("ann", 0) == []
    say(workspace, 1, "balori", "present")
    marks.add(workspace, marks.Mark("m1", "ann", 3, "skip", ""))
    assert set(waiting()) == cells - {(1, "balori"), (3, "amecro"), (3, "balori")}
    assert set(waiting("bob")) == cells - {(1, "balori")}


def test_two_reviewers_seldom_meet_and_each_is_asked_the_same_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_queue(workspace)
    ranking = made_ranking(5_000, listed=0.5)
    ranking.class_id[:] = ranking.class_id % 3 + 1  # classes that the workspace knows
    monkeypatch.setattr(audit, "read_ranking", lambda *_: ranking)
    with workspace.read() as connection:
        ann, again, bob = (audit.waiting(connection, *RUN, who, 50) for who in ("ann", " ann ", "bob"))
        first = audit.waiting(connection, *RUN, "ann", 50, window=1)
    assert ann == again
    assert len(set(ann) & set(bob)) < 12  # 2.5 by chance
    code_of = {1: "amecro", 2: "balori", 3: "cangoo"}
    places = audit.order(ranking)[:50].tolist()
    assert first == [(int(ranking.clip_id[at]), code_of[int(ranking.class_id[at])]) for at in places]


# ---- what it says


def test_rates_and_what_remains_of_a_workspace(any_workspace: Workspace) -> None:
    make_queue(any_workspace)
    with any_workspace.read() as connection:
        assert [one.at_most for one in audit.remaining(connection, *RUN)] == [3, 4, 7]
    say(any_workspace, 4, "amecro", "absent")  # wrong
    say(any_workspace, 3, "amecro", "absent", audit=True)  # right
    say(any_workspace, 2, "daejun", "unsure", audit=True)
    say(any_workspace, 4, "cangoo", "present")  # of no ranking
    with any_workspace.read() as connection:
        rates = {(one.kind, one.class_id): one for one in audit.noise_rates(connection, *RUN)}
        left = {one.kind: one for one in audit.remaining(connection, *RUN)}
    false, missing = rates["false", None], rates["missing", None]
    assert (false.cells, false.audited, false.low, false.high) == (3, 0, pytest.approx(1 / 3), 1.0)
    assert (missing.cells, missing.audited, missing.low) == (4, 2, 0.0)
    assert (rates["primary", None].cells, rates["secondary", None].cells) == (2, 1)
    assert [(left[kind].among, left[kind].audited) for kind in ("false", "missing", "all")] == [(2, 0), (2, 2), (4, 2)]
    say(any_workspace, 3, "amecro", "present", audit=True)  # heard after all: the look found a wrong label
    with any_workspace.read() as connection:
        assert audit.noise_rates(connection, *RUN)[0].low == pytest.approx(1 / 4)


def test_looks_stay_good_for_the_next_scoring(workspace: Workspace) -> None:
    """Cells decided by then are in no ranking any more; the ranking holds them as its past."""
    make_queue(workspace)
    say(workspace, 3, "amecro", "absent", audit=True)
    say(workspace, 1, "cangoo", "present", audit=True)
    with workspace.read() as connection:
        before = audit.noise_rates(connection, *RUN), audit.remaining(connection, *RUN)
        ranking = stored_ranking.read_ranking(connection, *RUN)
    keep = np.ones(7, bool)
    keep[:2] = False
    columns = {name: getattr(ranking, name)[keep] for name in (*stored_ranking.COLUMNS, *stored_ranking.EVIDENCE)}
    past = {"clip_id": ranking.clip_id[:2], "class_id": ranking.class_id[:2], "given": ranking.given[:2]}
    past |= {"p_wrong": ranking.p_wrong[:2], "wrong": np.array([False, True])}
    with workspace.write() as connection:
        stored_ranking.store_ranking(connection, RUN[0], "plain", columns, past)
    with workspace.read() as connection:
        after = audit.noise_rates(connection, RUN[0], "plain"), audit.remaining(connection, RUN[0], "plain")
    for first, second in zip(before[0], after[0], strict=True):
        assert (first.kind, first.low, first.high, first.audited) == (
            second.kind,
            second.low,
            second.high,
            second.audited,
        )
    assert [(one.at_most, one.audited) for one in before[1]] == [(one.at_most, one.audited) for one in after[1]]


def test_the_next_hour_at_this_reviewers_pace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue(workspace)
    index = np.arange(7)

    def hour(reviewer: str = "ann") -> audit.HourYield | None:
        with workspace.read() as connection:
            return audit.next_hour(connection, *RUN, reviewer, index)

    assert hour() is None
    first = datetime(2026, 1, 5, 9, tzinfo=UTC)
    for number, (clip_id, code) in enumerate([(1, "balori"), (2, "daejun"), (3, "amecro")]):
        at = (first + timedelta(minutes=4 * number)).isoformat(timespec="microseconds")
        monkeypatch.setattr(db, "now", lambda at=at: at)
        say(workspace, clip_id, code, "absent")
    assert hour("bob") is None
    found = hour()
    assert found is not None  # two presses in 8 min: 15 an hour, more than the 7 that are left
    assert (found.decisions, found.clips) == (7.0, 7.0)
    with workspace.read() as connection:
        fitted = calibration.calibrate(connection, *RUN)
        told = calibration.next_yield(fitted, stored_ranking.read_ranking(connection, *RUN), index)
    assert (found.found, found.low, found.high) == (told.expected, told.low, told.high)
    index = index[:0]
    assert hour() is None


def test_a_run_that_was_not_scored_has_nothing_to_draw_from(workspace: Workspace) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        assert audit.waiting(connection, "001-demo", "other", "ann", 5) == []
        assert audit.noise_rates(connection, "001-demo", "other") == []
        assert [one.at_most for one in audit.remaining(connection, "001-demo", "other")] == [0, 0, 0]


def test_answers_are_kept_until_somebody_decides(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        first = audit.remaining(connection, *RUN)
    reads: list[int] = []
    real = audit.decided_cells
    monkeypatch.setattr(audit, "decided_cells", lambda connection: reads.append(1) or real(connection))
    with workspace.read() as connection:
        assert audit.remaining(connection, *RUN) == first
        assert reads == []
        assert journal.position(connection) == 0
    say(workspace, 1, "balori", "absent")
    with workspace.read() as connection:
        audit.remaining(connection, *RUN)
    assert reads == [1]
    with workspace.write() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(db.cells)) == 1
