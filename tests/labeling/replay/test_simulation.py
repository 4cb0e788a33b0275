"""labeling/replay/simulation.py: six cells by hand, a perfect reviewer, mistakes as asked, nothing changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from labeling import runs
from labeling.collection import store
from labeling.disagreement import stored_ranking
from labeling.errors import DataError, FormatError, UnknownName
from labeling.journal import versions
from labeling.records import KINDS
from labeling.replay.curves import BEST, RANDOM, Curve, summarise
from labeling.replay.reviewer import SimulatedReviewer
from labeling.replay.simulation import REPLAYED, Outcome, Plan, plan_of, read_world, replay
from labeling.suspects import queue
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.ranked import RANKING, decide, finished_run, make_queue, store_ranking
from tests.support.workspaces.replaying import PERFECT, TRUTH, truth_file
from tests.support.workspaces.synthetic_oof import finished_run as predicted_run


@pytest.fixture
def six(workspace: Workspace) -> Workspace:
    """Four clips and six suspects."""
    make_queue(workspace)
    store_ranking(workspace, "001-demo", rows=RANKING[:6])
    return workspace


def curve_of(outcome: Outcome, order: str) -> Curve:
    return next(one for one in outcome.curves if one.order == order)


def test_six_cells_by_hand(six: Workspace, tmp_path: Path) -> None:
    plan = Plan(truth_file(tmp_path), orders=("rank", "filename"), reviewer=PERFECT, every=2)
    outcome = replay(six, plan)
    assert (outcome.errors, outcome.catches, outcome.reachable, outcome.cells, outcome.horizon) == (3, 3, 3, 6, 6)
    rank = curve_of(outcome, "rank")
    assert rank.corrections.tolist() == [1, 1, 1, 2, 3, 3]
    assert rank.spoiled.tolist() == [0] * 6
    # 3 s to look, 1.25 s + 2 s to hear; the 5th is listed and gone, so that all 20 s are heard
    assert rank.seconds.tolist() == [6.25, 12.5, 18.75, 25.0, 48.0, 54.25]
    # one.ogg: ranks 2, 3, 5; two: 4; Three: 1; four: 6
    assert curve_of(outcome, "filename").corrections.tolist() == [0, 0, 1, 2, 3, 3]
    assert curve_of(outcome, BEST).corrections.tolist() == [1, 2, 3]
    assert curve_of(outcome, BEST).seconds.tolist() == [6.25, 12.5, 35.5]
    assert curve_of(outcome, RANDOM).corrections == pytest.approx([0.5, 1, 1.5, 2, 2.5, 3])


def test_cells_that_are_decided_or_have_no_truth_are_not_asked(six: Workspace, tmp_path: Path) -> None:
    decide(six, 3, "amecro", "present")  # the first suspect
    some = "".join(line for line in TRUTH.splitlines(True) if not line.startswith("b/"))  # nor the fourth
    outcome = replay(six, Plan(truth_file(tmp_path, some), orders=("rank",), reviewer=PERFECT))
    assert (outcome.errors, outcome.cells) == (1, 4)
    assert curve_of(outcome, "rank").corrections.tolist() == [0, 0, 1, 1]


def collection(
    workspace: Workspace, tmp_path: Path, seed: int = 0, clips: int = 60, knows: float = 1.5
) -> tuple[Path, NDArray[np.bool_]]:
    """Clips of four classes whose every cell is ranked by a p_wrong that knows a little of the truth, or much."""
    random = np.random.default_rng(seed)
    codes = ("amecro", "balori", "cangoo", "daejun")
    given = random.random((clips, 4)) < 0.3
    given[:, 0] |= ~given.any(axis=1)
    wrong = random.random((clips, 4)) < 0.15
    names = tuple(f"{row:03d}.ogg" for row in range(clips))
    listed = [tuple(code for code, there in zip(codes, row, strict=True) if there) for row in given]
    add_clips(workspace, tuple(zip(names, listed, strict=True)))
    finished_run(workspace)
    p_wrong = 1 / (1 + np.exp(-(knows * wrong - max(1.5, knows / 2 + 1) + random.normal(size=wrong.shape))))
    order = np.argsort(-p_wrong.ravel(), kind="stable")
    rows, columns = np.divmod(order, 4)
    with workspace.write() as connection:
        ids = store.class_ids(connection)
        kind = np.where(given, KINDS.index("false"), KINDS.index("missing"))[rows, columns].astype(np.uint8)
        values: dict[str, Any] = {
            "clip_id": rows + 1, "class_id": np.array([ids[code] for code in codes])[columns],
            "partner_id": np.zeros(len(rows), np.int64), "kind": kind, "fold": np.zeros(len(rows), np.int32),
            "onset_s": np.zeros(len(rows)), "offset_s": np.ones(len(rows)), "given": given[rows, columns],
        }  # fmt: skip
        p = p_wrong[rows, columns].astype(np.float32)
        values |= {"label_quality": 1 - p, "p_wrong": p, "clipwise": p, "framewise_max": p}
        stored_ranking.store_ranking(connection, "001-demo", "earmark", values)
    lines = [f"{names[row]},{codes[column]}" for row, column in np.argwhere(wrong)]
    return truth_file(tmp_path, "filename,label\n" + "\n".join(lines) + "\n"), wrong


def test_a_perfect_reviewer_finds_every_error_once_in_every_order(workspace: Workspace, tmp_path: Path) -> None:
    truth, wrong = collection(workspace, tmp_path)
    outcome = replay(workspace, Plan(truth, orders=REPLAYED, reviewer=PERFECT, every=60))
    for order in REPLAYED:
        curve = curve_of(outcome, order)
        assert len(curve) == wrong.size
        assert set(np.diff(curve.corrections).tolist()) <= {0, 1}
        assert curve.corrections[-1] == wrong.sum() == outcome.errors
        assert curve.spoiled[-1] == 0
        assert curve.seconds[-1] == pytest.approx(curve_of(outcome, "rank").seconds[-1])  # the same cells
    rank = read_order(workspace)
    assert curve_of(outcome, "rank").corrections.tolist() == np.cumsum(wrong.ravel()[rank]).tolist()


def read_order(workspace: Workspace) -> NDArray[np.int64]:
    with workspace.read() as connection:
        ranking = stored_ranking.read_ranking(connection, "001-demo", "earmark")
        columns = {class_id: place for place, class_id in enumerate(sorted(store.class_ids(connection).values()))}
    return (ranking.clip_id - 1) * 4 + np.array([columns[one] for one in ranking.class_id.tolist()])


def test_the_best_is_never_passed_and_chance_is_beaten(workspace: Workspace, tmp_path: Path) -> None:
    truth, _ = collection(workspace, tmp_path, seed=3)
    areas: dict[str, list[float]] = {}
    for seed in (0, 1):
        reviewer = SimulatedReviewer(0.1, 0.05, 0.05, seed)
        outcome = replay(workspace, Plan(truth, orders=("likely", "rank", "audit"), reviewer=reviewer, every=60))
        best = curve_of(outcome, BEST).corrections
        for curve in outcome.curves:
            assert (curve.corrections[: len(best)] <= best[: len(curve)] + 1e-9).all()
            assert curve.corrections[-1] == pytest.approx(outcome.catches)
            area = summarise(curve, outcome.errors, outcome.horizon).area
            areas.setdefault(curve.order, []).append(area)
    mean = {order: np.mean(values) for order, values in areas.items()}
    assert mean[BEST] > mean["likely"] > mean[RANDOM] + 0.1
    assert mean["rank"] > mean[RANDOM] + 0.1
    assert mean["audit"] == pytest.approx(mean[RANDOM], abs=0.12)


def test_mistakes_are_as_frequent_as_asked(workspace: Workspace, tmp_path: Path) -> None:
    truth, wrong = collection(workspace, tmp_path, clips=150)
    outcome = replay(workspace, Plan(truth, orders=("rank",), reviewer=SimulatedReviewer(0.3, 0.1, 0, 5), every=600))
    curve = curve_of(outcome, "rank")
    for count, of, share in ((curve.corrections[-1], wrong.sum(), 0.7), (curve.spoiled[-1], (~wrong).sum(), 0.1)):
        low, high = stats.binom.interval(0.9999, int(of), share)
        assert low <= count <= high


def test_asking_again_leaves_fewer_wrong_verdicts_and_counts_its_looks(workspace: Workspace, tmp_path: Path) -> None:
    truth, wrong = collection(workspace, tmp_path, clips=80, knows=6.0)
    slips = SimulatedReviewer(0.1, 0.1, 0, 5)
    plans = [Plan(truth, orders=("rank",), reviewer=slips, every=60, ask_again=again) for again in (False, True)]
    plain, again = (summarise(curve_of(outcome, "rank"), outcome.errors, 10**6) for outcome in (
        replay(workspace, plan_of(plan.as_json())) for plan in plans))  # fmt: skip
    assert (plain.again, plain.found + plain.missed) == (0, wrong.sum())
    assert 0 < again.again < 60
    assert again.decisions == plain.decisions == wrong.size, "second looks are decisions like any other"
    assert again.spoiled + again.missed < (plain.spoiled + plain.missed) / 2


def test_the_same_seed_is_the_same_replay(six: Workspace, tmp_path: Path) -> None:
    plan = Plan(truth_file(tmp_path), reviewer=SimulatedReviewer(0.4, 0.4, 0.2, 9), every=2)
    one, two = replay(six, plan), replay(six, plan)
    for a, b in zip(one.curves, two.curves, strict=True):
        assert a.order == b.order
        assert (a.corrections.tolist(), a.seconds.tolist()) == (b.corrections.tolist(), b.seconds.tolist())


def fingerprint(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_workspace_is_as_it_was_to_the_byte(six: Workspace, tmp_path: Path) -> None:
    six.close()
    before = fingerprint(six.root)
    replay(six, Plan(truth_file(tmp_path), orders=("rank", "likely")))
    six.close()
    assert fingerprint(six.root) == before


def test_a_scorer_that_was_not_used_yet_scores_in_the_copy(collection: Workspace, tmp_path: Path) -> None:
    predicted_run(collection, {(2, "balori"): 0.97, (1, "balori"): 0.02})
    text = "filename,label\namecro/XC2.ogg,balori\namecro/XC1.ogg,balori\n"
    plan = Plan(
        truth_file(tmp_path, text), scorers=("self_confidence", "frame_max"), orders=("rank",), reviewer=PERFECT
    )
    outcome = replay(collection, plan)
    assert [one.scorer for one in outcome.curves] == ["self_confidence", "frame_max", "", ""]
    assert all(one.corrections[:2].tolist() == [1, 2] for one in outcome.curves[:2])
    with collection.read() as connection:
        assert queue.scored(connection) == []


def test_progress_counts_up_and_may_end_it(six: Workspace, tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    replay(six, Plan(truth_file(tmp_path), orders=("rank", "class"), every=2), lambda *one: said.append(one[:2]))
    assert said == [(0, 1), (0, 12), (2, 12), (4, 12), (6, 12), (8, 12), (10, 12)]

    def enough(done: int, total: int, text: str) -> None:
        if done >= 4:
            raise DataError("enough")

    with pytest.raises(DataError, match="enough"):
        replay(six, Plan(truth_file(tmp_path), orders=("rank",), every=2), enough)


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda path: Plan(path, run_id="nope"), DataError, "no run 'nope'; choose from 001-demo"),
        (lambda path: Plan(path, scorers=("nope",)), UnknownName, "unknown scorer 'nope'; choose from"),
        (lambda path: Plan(path, orders=("nope",)), DataError, "unknown order 'nope'; choose from likely"),
        (lambda path: Plan(path, orders=()), DataError, "no order to replay; choose from likely"),
        (lambda path: Plan(path, decisions=0), DataError, "--decisions 0 must be at least 1"),
        (lambda path: Plan(path, every=0), DataError, "--step 0 must be at least 1"),
        (lambda path: Plan(path.parent / "none.csv"), FormatError, "cannot read"),
    ],
)
def test_what_cannot_be_replayed(
    make: Callable[[Path], Plan], kind: type[Exception], said: str, six: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=said):
        replay(six, make(truth_file(tmp_path)))


def test_a_truth_without_errors_and_a_run_that_is_not_done(six: Workspace, tmp_path: Path) -> None:
    as_given = "filename,labels\na/one.ogg,amecro;balori\n"
    with pytest.raises(DataError, match="finds no label wrong that is still to be decided"):
        read_world(six, truth_file(tmp_path, as_given))
    queued = runs.enqueue(six, "demo", versions.freeze(six, "ann").number)
    with pytest.raises(DataError, match="is queued: there is no queue to replay; train one"):
        replay(six, Plan(truth_file(tmp_path), run_id=queued.id))
    outside = "filename,labels\nd/four.ogg,cangoo\n"
    store_ranking(six, "001-demo", rows=RANKING[:5])
    with pytest.raises(DataError, match="says nothing of the clips that run 001-demo ranks"):
        replay(six, Plan(truth_file(tmp_path, outside)))
