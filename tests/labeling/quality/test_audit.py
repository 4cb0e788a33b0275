"""labeling/quality/audit.py"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.simulated_reviews import ranking_of
from labeling import journal
from labeling.cells import cell_keys
from labeling.disagreement import random_order, stored_ranking
from labeling.quality import audit
from labeling.quality.noise_rates import Cells, rates_of, remaining_of
from labeling.quality.scored_run import read_scored_run
from labeling.reviewer import marks
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.workspaces import ranked
from tests.support.workspaces.deciding import say
from tests.support.workspaces.ranked import demo, make_queue

RUN = ("001-demo", "earmark")
GIVEN = {(1, "amecro"), (1, "balori"), (4, "amecro")}


def made_ranking(cells: int, seed: int = 0, listed: float = 0.25) -> stored_ranking.Ranking:
    random = np.random.default_rng(seed)
    return ranking_of(
        random.integers(1, 400, cells), random.random(cells) < listed, random.random(cells).astype(np.float32)
    )


# ---- the order


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
    columns = ranking.part(part)
    keys = cell_keys(columns["clip_id"], columns["class_id"])
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
            return audit.waiting(connection, demo(connection), reviewer, count, kinds)

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
    workspace: Workspace,
) -> None:
    make_queue(workspace)
    ranking = made_ranking(5_000, listed=0.5)
    ranking.class_id[:] = ranking.class_id % 3 + 1  # classes that the workspace knows
    with workspace.read() as connection:
        run = replace(demo(connection), ranking=ranking)
        ann, again, bob = (audit.waiting(connection, run, who, 50) for who in ("ann", " ann ", "bob"))
        first = audit.waiting(connection, run, "ann", 50, window=1)
    assert ann == again
    assert len(set(ann) & set(bob)) < 12  # 2.5 by chance
    code_of = {1: "amecro", 2: "balori", 3: "cangoo"}
    places = audit.order(ranking)[:50].tolist()
    assert first == [(int(ranking.clip_id[at]), code_of[int(ranking.class_id[at])]) for at in places]


# ---- what it says


def test_rates_and_what_remains_of_a_workspace(any_workspace: Workspace) -> None:
    make_queue(any_workspace)
    with any_workspace.read() as connection:
        assert [one.at_most for one in audit.remaining(connection, demo(connection))] == [3, 4, 7]
    say(any_workspace, 4, "amecro", "absent")  # wrong
    say(any_workspace, 3, "amecro", "absent", audit=True)  # right
    say(any_workspace, 2, "daejun", "unsure", audit=True)
    say(any_workspace, 4, "cangoo", "present")  # of no ranking
    with any_workspace.read() as connection:
        rates = {(one.kind, one.class_id): one for one in audit.noise_rates(connection, demo(connection))}
        left = {one.kind: one for one in audit.remaining(connection, demo(connection))}
    false, missing = rates["false", None], rates["missing", None]
    assert (false.cells, false.audited, false.low, false.high) == (3, 0, pytest.approx(1 / 3), 1.0)
    assert (missing.cells, missing.audited, missing.low) == (4, 2, 0.0)
    assert (rates["primary", None].cells, rates["secondary", None].cells) == (2, 1)
    assert [(left[kind].among, left[kind].audited) for kind in ("false", "missing", "all")] == [(2, 0), (2, 2), (4, 2)]
    say(any_workspace, 3, "amecro", "present", audit=True)  # heard after all: the look found a wrong label
    with any_workspace.read() as connection:
        assert audit.noise_rates(connection, demo(connection))[0].low == pytest.approx(1 / 4)


def test_looks_stay_good_for_the_next_scoring(workspace: Workspace) -> None:
    """Cells decided by then are in no ranking any more; the ranking holds them as its past."""
    make_queue(workspace)
    say(workspace, 3, "amecro", "absent", audit=True)
    say(workspace, 1, "cangoo", "present", audit=True)
    with workspace.read() as connection:
        run = demo(connection)
        before, ranking = (audit.noise_rates(connection, run), audit.remaining(connection, run)), run.ranking
    keep = np.ones(7, bool)
    keep[:2] = False
    columns = ranking.part(keep)
    past = {"clip_id": ranking.clip_id[:2], "class_id": ranking.class_id[:2], "given": ranking.given[:2]}
    past |= {"p_wrong": ranking.p_wrong[:2], "wrong": np.array([False, True])}
    with workspace.write() as connection:
        stored_ranking.store_ranking(connection, RUN[0], "plain", columns, past)
    with workspace.read() as connection:
        run = read_scored_run(connection, RUN[0], "plain")
        after = audit.noise_rates(connection, run), audit.remaining(connection, run)
    for first, second in zip(before[0], after[0], strict=True):
        assert (first.kind, first.low, first.high, first.audited) == (
            second.kind,
            second.low,
            second.high,
            second.audited,
        )
    assert [(one.at_most, one.audited) for one in before[1]] == [(one.at_most, one.audited) for one in after[1]]


def test_a_run_that_was_not_scored_has_nothing_to_draw_from(workspace: Workspace) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        run = read_scored_run(connection, "001-demo", "other")
        assert audit.waiting(connection, run, "ann", 5) == []
        assert audit.noise_rates(connection, run) == []
        assert [one.at_most for one in audit.remaining(connection, run)] == [0, 0, 0]


@dataclass
class Large:
    """20,000 unlisted cells, 400 of them wrong, half of those without a sign of it; a ranking has room for 3,000."""

    ranking: stored_ranking.Ranking
    wrong: NDArray[np.bool_]
    in_all: int

    @staticmethod
    def make(seed: int, monkeypatch: pytest.MonkeyPatch) -> Large:
        monkeypatch.setattr(random_order, "KEPT_AT_RANDOM", 1_000)
        random = np.random.default_rng(seed)
        cells, classes = 20_000, random.integers(1, 4, 20_000)
        wrong = np.arange(cells) < 400
        score = random.normal(np.where(np.arange(cells) < 200, 3.0, 0.0))
        clips = random.permutation(cells) + 1
        first = random_order.turns(clips, classes) < np.uint64(random_order.kept_below(cells))
        kept = first | (score >= np.sort(score[~first])[-2_000])
        best = np.flatnonzero(kept)[np.argsort(-score[kept])]
        p_wrong = (1 / (1 + np.exp(3 - score[best]))).astype(np.float32)
        left = stored_ranking.LeftOut(np.bincount(classes[~kept], minlength=4), random_order.kept_below(cells))
        made = ranking_of(classes[best], np.zeros(len(best), bool), p_wrong)
        keys = cell_keys(clips[best], classes[best])
        by_key = np.argsort(keys)
        made = replace(
            made, clip_id=clips[best], sorted_cells=keys[by_key], sorted_index=by_key.astype(np.int32), left_out=left
        )
        return Large(made, wrong[best], cells)


def cells_after(made: Large, looks: int, verdicts: int) -> Cells:
    """After the first ``verdicts`` of the queue and ``looks`` at random, as audit reads them."""
    ranking = made.ranking
    asked = audit.in_draw(ranking)
    drawn = [place for place in audit.order(ranking).tolist() if asked[place]]
    done = list(range(verdicts)) + [place for place in drawn if place >= verdicts][:looks]
    left = np.ones(len(made.wrong), bool)
    left[done] = False
    places = np.concatenate([np.flatnonzero(left), done]).astype(int)
    none = np.zeros(len(places), bool)
    assert ranking.left_out is not None
    return Cells(
        ranking.class_id[places], none, none, ranking.p_wrong[left], made.wrong[done], np.arange(len(done)) >= verdicts,
        ranking.left_out.count, 0.0,
    )  # fmt: skip


def test_a_draw_speaks_of_the_cells_that_a_ranking_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """By 200 verdicts and 300 looks: the rate of all 20,000 cells, and what remains of 400 wrong ones among them."""
    held, bounds = [], []
    for seed in range(60):
        made = Large.make(seed, monkeypatch)
        cells = cells_after(made, 300, 200)
        rate = next(one for one in rates_of(cells) if one.class_id is None)
        assert rate.cells == made.in_all
        held.append(rate.low <= 400 / made.in_all <= rate.high)
        left = remaining_of(cells)[1]
        bounds.append(left.at_most >= 400 - int(cells.wrong.sum()))
        assert left.among == made.in_all - 500
    assert np.mean(held) >= 0.9
    assert np.mean(bounds) >= 0.9


def test_nobody_is_asked_at_random_of_what_stands_in_a_ranking_for_its_suspicion(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_queue(workspace)
    ranking = Large.make(0, monkeypatch).ranking
    asked = audit.in_draw(ranking)
    with workspace.read() as connection:
        found = audit.waiting(connection, replace(demo(connection), ranking=ranking), "ann", len(asked))
    code_of = {1: "amecro", 2: "balori", 3: "cangoo"}
    cells = zip(ranking.clip_id[asked].tolist(), ranking.class_id[asked].tolist(), strict=True)
    assert set(found) == {(clip_id, code_of[class_id]) for clip_id, class_id in cells}
    assert 800 < len(found) < 1_200


def test_what_a_ranking_left_out_is_read_with_it(any_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of RANKING with 10 of amecro beside them. A look at one that comes later than all that were kept at random
    is no draw; the guess of those beside is that of the cells that stand here by chance."""
    make_queue(any_workspace)
    with any_workspace.read() as connection:
        whole = stored_ranking.read_ranking(connection, *RUN)
    columns = whole.part(np.arange(len(whole.clip_id)))
    unlisted = np.flatnonzero(~whole.given)
    turns = random_order.turns(whole.clip_id, whole.class_id)
    below = int(np.sort(turns[unlisted])[-1])  # the last one stands there for its suspicion
    with any_workspace.write() as connection:
        left = stored_ranking.LeftOut(np.array([0, 10, 0, 0, 0]), below)
        stored_ranking.store_ranking(connection, *RUN, columns, left_out=left)
    with any_workspace.read() as connection:
        ranking = stored_ranking.read_ranking(connection, *RUN)
        assert ranking.left_out is not None
        assert (ranking.left_out.count.tolist(), ranking.left_out.below) == ([0, 10, 0, 0, 0], below)
        assert audit.remaining(connection, demo(connection))[1].among == 4 + 10
    code_of = {1: "amecro", 2: "balori", 3: "cangoo", 4: "daejun"}
    for place in unlisted:
        cell = int(whole.clip_id[place]), code_of[int(whole.class_id[place])]
        say(any_workspace, *cell, "absent", audit=True)
    with any_workspace.read() as connection:
        left_now = audit.remaining(connection, demo(connection))[1]
    assert (left_now.audited, left_now.among) == (3, 10)


def test_answers_are_kept_until_somebody_decides(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        first = audit.remaining(connection, demo(connection))
    reads: list[int] = []
    real = audit.decided_cells
    monkeypatch.setattr(audit, "decided_cells", lambda *given: reads.append(1) or real(*given))
    with workspace.read() as connection:
        assert audit.remaining(connection, demo(connection)) == first
        assert reads == []
        assert journal.position(connection) == 0
    say(workspace, 1, "balori", "absent")
    with workspace.read() as connection:
        audit.remaining(connection, demo(connection))
    assert reads == [1]
    with workspace.write() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.cells)) == 1
