"""run.py: a run scored end to end; what is weighed beside its predictions, and what must not be."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from labeling import journal, runs
from labeling.disagreement import random_order
from labeling.disagreement import ranking as ranking_module
from labeling.disagreement.scoring import run as scoring
from labeling.disagreement.scoring.run import MOST_OTHERS, score_run
from labeling.disagreement.stored_ranking import Ranking, read_ranking
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.predictions.training_evidence import RunEvidence, without_neighbours, write_run_evidence
from labeling.quality.verdicts import counted, judged
from labeling.records import KINDS, Decision, Shown
from labeling.runs import out_of_fold
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.ranked import decide
from tests.support.workspaces.synthetic_oof import CellValues, finish, finished_run

# Listed: 1 amecro balori, 2 amecro, 3 balori amecro cangoo, 4 cangoo. Predicted: 0.8 what is listed, else 0.1.
AMECRO, BALORI, CANGOO, DAEJUN = 1, 2, 3, 4


def ranking_of(workspace: Workspace, run_id: str, scorer: str = "self_confidence") -> Ranking:
    assert score_run(workspace, run_id, scorer)[0] == run_id
    with workspace.read() as connection:
        return read_ranking(connection, run_id, scorer)


def by_cell(ranking: Ranking, column: str) -> dict[tuple[int, int], Any]:
    cells = zip(ranking.clip_id.tolist(), ranking.class_id.tolist(), strict=True)
    return dict(zip(cells, getattr(ranking, column).tolist(), strict=True))


def run_of(workspace: Workspace, recipe: str, clipwise: CellValues, *settings: str) -> str:
    version = versions.freeze(workspace, "ann")
    run = runs.enqueue(workspace, recipe, version.number, settings=settings, worker="w")
    finish(workspace, run.id, clipwise)
    return run.id


def test_a_run_alone(collection: Workspace) -> None:
    run_id = finished_run(collection, {(2, "balori"): 0.9, (4, "cangoo"): 0.3})
    ranking = ranking_of(collection, run_id)
    assert len(ranking.clip_id) == 16
    assert len(ranking.past) == 0
    given = by_cell(ranking, "given")
    assert sorted(cell for cell, listed in given.items() if listed) == [
        (1, 1),
        (1, 2),
        (2, 1),
        (3, 1),
        (3, 2),
        (3, 3),
        (4, 3),
    ]
    assert set(ranking.runs.tolist()) == {1}
    agree = by_cell(ranking, "runs_agree")
    assert sorted(cell for cell, count in agree.items() if count) == [(2, BALORI), (4, CANGOO)]
    assert np.isnan(ranking.neighbours).all()
    # listed: amecro three times 0.8, balori twice, cangoo 0.8 and 0.3; the whole is one clip more
    whole = (7 * 0.8 - 0.5) / 7
    typical = by_cell(ranking, "typical")
    expected = [(2.4 + whole) / 4, (1.6 + whole) / 3, (1.1 + whole) / 3, whole]
    assert [typical[1, number] for number in (AMECRO, BALORI, CANGOO, DAEJUN)] == pytest.approx(expected)


def test_decided_cells_are_scored_as_the_imported_label_stood(any_collection: Workspace) -> None:
    run_id = finished_run(any_collection, {(2, "balori"): 0.9, (4, "cangoo"): 0.3, (3, "balori"): 0.7})
    decide(any_collection, 2, "balori", "present")  # was missing
    decide(any_collection, 4, "cangoo", "absent")  # was false
    decide(any_collection, 3, "balori", "present")  # was right
    decide(any_collection, 1, "daejun", "absent")  # was right not to be there
    decide(any_collection, 1, "cangoo", "unsure")
    ranking = ranking_of(any_collection, run_id)
    past = ranking.past
    found: dict[tuple[int, int], Any] = {
        cell: (given, pytest.approx(p_wrong), wrong)
        for cell, given, p_wrong, wrong in zip(
            zip(past.clip_id.tolist(), past.class_id.tolist(), strict=True),
            past.given.tolist(),
            past.p_wrong.tolist(),
            past.wrong.tolist(),
            strict=True,
        )
    }
    assert found == {
        (2, BALORI): (False, 0.9, True),
        (4, CANGOO): (True, 0.7, True),
        (3, BALORI): (True, 0.3, False),
        (1, DAEJUN): (False, 0.1, False),
    }
    assert len(ranking.clip_id) == 16 - 5
    assert not {*found, (1, CANGOO)} & set(by_cell(ranking, "kind"))
    # what is typical knows what people said: of the goose only clip 3 is left
    whole = (3 * 0.8 + 0.8 + 0.7 + 0.9 + 0.8) / 7
    assert by_cell(ranking, "typical")[2, CANGOO] == pytest.approx((0.8 + whole) / 2)


def test_a_ranking_that_leaves_cells_out_holds_those_that_the_audit_draws_first(
    any_collection: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = finished_run(any_collection, {(2, "balori"): 0.9})
    whole = ranking_of(any_collection, run_id)
    assert whole.left_out is None
    monkeypatch.setattr(ranking_module, "MAX_CELLS", 12)
    monkeypatch.setattr(random_order, "KEPT_AT_RANDOM", 4)
    part = ranking_of(any_collection, run_id)
    assert part.left_out is not None
    assert (len(part.clip_id), int(part.left_out.count.sum())) == (12, 4)
    listed = {cell for cell, given in by_cell(whole, "given").items() if given}
    turns = random_order.turns(whole.clip_id, whole.class_id).tolist()
    turn = dict(zip(by_cell(whole, "clip_id"), turns, strict=True))
    gone = set(turn) - set(by_cell(part, "clip_id"))
    assert not gone & listed
    assert all(turn[cell] >= part.left_out.below for cell in gone)
    assert np.bincount([class_id for _, class_id in gone], minlength=5).tolist() == part.left_out.count.tolist()


def test_the_default_learns_past_and_present_on_one_scale(workspace: Workspace) -> None:
    """A decided cell has the number that it would have had undecided, but for what its verdict taught."""
    add_clips(workspace, tuple((f"{n:03d}.ogg", (("amecro", "balori")[n % 2],)) for n in range(120)))
    cells: dict[tuple[int, str], float] = {(n, "cangoo"): 0.9 for n in range(1, 11)}
    run_id = finished_run(workspace, cells)
    before = by_cell(ranking_of(workspace, run_id, "earmark"), "p_wrong")
    decide(workspace, 1, "cangoo", "present")
    ranking = ranking_of(workspace, run_id, "earmark")
    assert (ranking.past.clip_id.tolist(), ranking.past.class_id.tolist()) == ([1], [CANGOO])
    alike = by_cell(ranking, "p_wrong")[2, CANGOO]  # the same predictions of another clip
    assert ranking.past.p_wrong[0] == pytest.approx(alike, abs=0.05)
    assert before[1, CANGOO] == pytest.approx(before[2, CANGOO], abs=0.05)


def test_other_runs_are_weighed_and_counted(collection: Workspace) -> None:
    second = finished_run(collection, {(2, "balori"): 0.6, (1, "amecro"): 0.2})
    run_id = finished_run(collection, {(2, "balori"): 0.9, (1, "balori"): 0.4})
    ranking = ranking_of(collection, run_id)
    assert set(ranking.runs.tolist()) == {2}
    agree = {cell: count for cell, count in by_cell(ranking, "runs_agree").items() if count}
    assert agree == {(2, BALORI): 2, (1, AMECRO): 1, (1, BALORI): 1}
    mean = by_cell(ranking_of(collection, run_id, "runs_mean"), "p_wrong")
    odds = np.sqrt(0.9 / 0.1 * 0.6 / 0.4)
    assert mean[2, BALORI] == pytest.approx(odds / (1 + odds), rel=1e-4)
    assert second != run_id


def test_what_verdicts_may_weigh_anew_is_kept_of_open_and_of_decided_cells(collection: Workspace) -> None:
    run_id = finished_run(collection, {(2, "balori"): 0.9, (4, "cangoo"): 0.3})
    before = ranking_of(collection, run_id, "earmark")
    shown = Shown(kind="missing", asked=True)
    journal.append(collection, [Decision(journal.new_event_id(), "ann", 2, "balori", "present", shown=shown)])
    ranking = ranking_of(collection, run_id, "earmark")
    with collection.read() as connection:
        found = judged(ranking, counted(connection))
    pieces = before.covariates.shape[1]
    assert pieces >= 5  # clip, frames, contrast; what another class explains, and which is missing beside
    assert before.covariates.shape == (len(before.clip_id), pieces)
    assert ranking.covariates.shape == (len(before.clip_id) - 1, pieces)
    assert ranking.past.covariates.shape == (1, pieces)
    np.testing.assert_array_equal(found.covariates[:, :-1], ranking.past.covariates)  # the last: what was found beside
    assert np.abs(ranking.covariates).max() > 0


def test_mixtures_and_what_is_not_out_of_fold_are_left_out(collection: Workspace) -> None:
    wrong: CellValues = {(2, "balori"): 0.95}
    run_of(collection, "ensemble", wrong, "members=001-demo")
    run_of(collection, "stack", wrong)
    run_of(collection, runs.IMPORTED, wrong, f"{out_of_fold.KEY}={out_of_fold.UNKNOWN}")
    run_of(collection, runs.IMPORTED, wrong, f"{out_of_fold.KEY}={out_of_fold.CLAIMED}")
    waiting = runs.enqueue(collection, "demo", 1)  # not done
    run_id = finished_run(collection, {})
    ranking = ranking_of(collection, run_id)
    assert set(ranking.runs.tolist()) == {1}
    assert not ranking.runs_agree.any()
    run_of(collection, runs.IMPORTED, wrong, f"{out_of_fold.KEY}={out_of_fold.ELSEWHERE}")
    assert set(ranking_of(collection, run_id).runs.tolist()) == {2}
    assert waiting.status != "done"


def test_the_newest_runs_are_weighed_first(collection: Workspace) -> None:
    run_id = finished_run(collection, {})
    finished_run(collection, {(2, "balori"): 0.95})  # the oldest other one is one too many
    for _ in range(MOST_OTHERS):
        finished_run(collection, {})
    ranking = ranking_of(collection, run_id)
    assert set(ranking.runs.tolist()) == {1 + MOST_OTHERS}
    assert not ranking.runs_agree.any()


@pytest.mark.parametrize("damage", ["gone", "garbage", "cut short"])
def test_damage_to_another_run_does_not_stop_the_scoring(collection: Workspace, damage: str) -> None:
    other = finished_run(collection, {(2, "balori"): 0.95})
    run_id = finished_run(collection, {})
    for one in (other, run_id):
        kept(collection, one, np.zeros((4, 4)))
    folders = [collection.run_dir(other) / "oof.zarr", collection.run_dir(other) / "evidence.zarr"]
    folders.append(collection.run_dir(run_id) / "evidence.zarr")
    for folder in folders:
        if damage == "gone":
            shutil.rmtree(folder)
        elif damage == "garbage":
            (folder / "zarr.json").write_text("{")
        else:
            for path in [path for path in folder.rglob("c/*") if path.is_file()]:
                path.write_bytes(path.read_bytes()[:3])
    ranking = ranking_of(collection, run_id, "earmark")
    assert set(ranking.runs.tolist()) == {1}
    assert np.isnan(ranking.neighbours).all()


def kept(workspace: Workspace, run_id: str, margin: Any, neighbour: Sequence[Sequence[int]] | None = None) -> None:
    """Write what a run kept of its training: margins (4, 4), and one stretch a clip with these neighbours."""
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    values = np.asarray(margin, np.float32)
    arrays: dict[str, Any] = vars(without_neighbours(oof.clip_ids, oof.classes)) | {
        "margin": values,
        "forgotten": np.zeros_like(values),
        "epoch_spread": np.zeros_like(values),
    }
    if neighbour is not None:
        arrays |= {
            "stretch_offsets": np.arange(5),
            "stretch_class": np.full(4, -1, np.int32),
            "stretch_onset_s": np.zeros(4, np.float32),
            "neighbour": np.array(neighbour, np.int32),
            "similarity": np.ones((4, len(neighbour[0])), np.float16),
        }
    write_run_evidence(workspace.run_dir(run_id) / "evidence.zarr", RunEvidence(**arrays))


def test_what_neighbours_are_labelled_is_looked_up_anew(collection: Workspace) -> None:
    run_id = finished_run(collection, {})
    kept(collection, run_id, np.zeros((4, 4)), [[1, 2], [0, 3], [3, -1], [-1, -1]])
    share = by_cell(ranking_of(collection, run_id), "neighbours")
    # clip 1 is like 2 (amecro) and 3 (balori amecro cangoo); 2 like 1 (amecro balori) and 4 (cangoo); 3 like 4
    assert [share[1, number] for number in range(1, 5)] == [1, 0.5, 0.5, 0]
    assert [share[2, number] for number in range(1, 5)] == [0.5, 0.5, 0.5, 0]
    assert [share[3, number] for number in range(1, 5)] == [0, 0, 1, 0]
    assert all(np.isnan(share[4, number]) for number in range(1, 5))
    decide(collection, 3, "cangoo", "absent")
    assert by_cell(ranking_of(collection, run_id), "neighbours")[1, CANGOO] == 0


def test_training_says_nothing_of_cells_that_were_decided_when_it_began(collection: Workspace) -> None:
    """A network that was told what people found agrees with them: as evidence it would give their verdicts away."""
    margin = np.where(np.arange(16).reshape(4, 4) % 2, 3.0, -3.0)
    older = finished_run(collection, {})
    kept(collection, older, margin)
    decide(collection, 2, "balori", "present")
    decide(collection, 1, "amecro", "present")
    newer = finished_run(collection, {})  # trained on these two verdicts
    kept(collection, newer, 2 * margin)
    decide(collection, 3, "daejun", "present")

    def past(run_id: str) -> dict[tuple[int, int], float]:
        cells = ranking_of(collection, run_id, "margin").past
        places = zip(cells.clip_id.tolist(), cells.class_id.tolist(), strict=True)
        return dict(zip(places, cells.p_wrong.tolist(), strict=True))

    for run_id, of_both in ((newer, past(newer)), (older, past(older))):
        assert set(of_both) == {(2, BALORI), (1, AMECRO), (3, DAEJUN)}, run_id
        assert of_both[3, DAEJUN] != 0.5  # both were told that it is not there
        assert of_both[2, BALORI] != 0.5  # the older one alone was
    assert past(newer) == pytest.approx(past(older))
    shutil.rmtree(collection.run_dir(older))
    alone = past(newer)
    assert (alone[2, BALORI], alone[1, AMECRO]) == (0.5, 0.5)  # wrong or right, it makes no difference
    assert alone[3, DAEJUN] != 0.5


def test_priors_are_there_for_the_clips_that_the_labels_know(collection: Workspace) -> None:
    """A clip that has gone since, or never was, leaves the others their priors; a class too."""
    run_id = finished_run(collection, {})
    oof = read_oof(collection.run_dir(run_id) / "oof.zarr")
    with collection.read() as connection:
        from labeling.collection import store

        labels, clips = versions.labels_at(connection), store.usable_clips(connection)
    whole = scoring._priors(oof, labels, clips)
    assert len(whole) == 1  # which occur together; no clip tells its place or date
    strange = type(oof)(
        **{**vars(oof), "clip_ids": np.array([1, 2, 3, 900]), "classes": ("amecro", "balori", "zzz", "daejun")}
    )
    found = scoring._priors(strange, labels, clips)
    assert len(found) == 1
    assert found[0].shape == (4, 4)
    assert not found[0][3].any()
    assert not found[0][:, 2].any()
    assert found[0][:3].any()
    nowhere = type(oof)(**{**vars(oof), "clip_ids": oof.clip_ids + 900})
    assert scoring._priors(nowhere, labels, clips) == []


@pytest.mark.parametrize("scorer", ["earmark", "relative", "contrast", "duration"])
@pytest.mark.parametrize("clips", [(("a.ogg", ("amecro",)),), (("a.ogg", ()), ("b.ogg", ()))])
def test_one_clip_and_no_label_at_all(workspace: Workspace, scorer: str, clips: Any) -> None:
    add_clips(workspace, clips, names={"amecro": "American Crow"})
    run_id = finished_run(workspace, {})
    ranking = ranking_of(workspace, run_id, scorer)
    assert len(ranking.clip_id) == len(clips)
    assert np.all(np.isfinite(ranking.p_wrong))
    assert set(ranking.kind.tolist()) <= {KINDS.index("missing"), KINDS.index("false")}
