"""out_of_core.py, blocks.py and what they stand on: from all kinds of evidence they make the list that scoring in
memory makes."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from labeling.disagreement import fit_cells, training_dynamics
from labeling.disagreement.columns import CellColumns
from labeling.disagreement.evidence import Dynamics, Evidence, FrameSummary
from labeling.disagreement.ranking import PastCells, Suspects, rank_suspects
from labeling.disagreement.scoring.out_of_core import rank_in_blocks
from labeling.predictions.aligned import AlignedLabels
from labeling.predictions.oof import Oof
from labeling.records import FrameGrid, Labels

CLIPS, CLASSES, FRAMES = 300, 12, 6


def made(seed: int = 0) -> tuple[Oof, Labels, Evidence]:
    """Predictions, labels and every kind of evidence, each hearing most of the labels; some cells are unsure, some
    decided, some known to no other run."""
    rng = np.random.default_rng(seed)
    shape = CLIPS, CLASSES
    true = rng.random(shape) < 0.15
    given = true ^ (rng.random(shape) < np.where(true, 0.15, 0.02))
    known = rng.random(shape) > 0.05

    def heard(noise: float) -> np.ndarray:
        return (1 / (1 + np.exp(-(4 * true - 2 + noise * rng.standard_normal(shape))))).astype(np.float32)

    framewise = np.clip(heard(1.5)[:, None, :] + 0.1 * rng.standard_normal((CLIPS, FRAMES, CLASSES)), 0, 1)
    other, higher = heard(2.0), heard(2.0)
    unknown = rng.random(shape) < 0.1
    other[unknown] = higher[unknown] = np.nan
    share = heard(3.0)
    share[rng.random(CLIPS) < 0.1] = np.nan
    margin = (np.where(given, 1, -1) * 2 + 2 * (true == given) * np.where(given, 1, -1)).astype(np.float32)
    margin += rng.standard_normal(shape).astype(np.float32)
    margin[rng.random(shape) < 0.1] = np.nan
    verdict = np.where(known & (rng.random(shape) < 0.04), true, -1).astype(np.int8)
    oof = Oof(
        clip_ids=rng.permutation(CLIPS).astype(np.int64) + 7,
        filenames=tuple(f"{k}.wav" for k in range(CLIPS)),
        classes=tuple(f"class{k}" for k in range(CLASSES)),
        clipwise=heard(1.2),
        offsets=np.arange(CLIPS + 1, dtype=np.int64) * FRAMES,
        fold=rng.integers(0, 3, CLIPS).astype(np.int32),
        grid=FrameGrid(0.0, 0.5, 0.5),
        label_version=1,
        label_hash="",
        framewise=framewise.reshape(-1, CLASSES).astype(np.float16),
    )
    order = rng.permutation(CLIPS)  # the labels have another order, and a class that was never predicted
    now = np.where(verdict >= 0, verdict > 0, given)
    column = lambda values: np.concatenate([values[order], np.zeros((CLIPS, 1), bool)], axis=1)  # noqa: E731
    labels = Labels(
        clip_ids=oof.clip_ids[order],
        filenames=tuple(np.array(oof.filenames)[order]),
        classes=(*oof.classes, "unheard"),
        present=column(now),
        unsure=column(~known),
        reviewed=column(verdict >= 0),
        primary=now[order].argmax(axis=1).astype(np.int32),
    )
    frames = framewise.astype(np.float16).astype(np.float32)
    evidence = Evidence(
        given, known, oof.clipwise,
        FrameSummary(frames.max(axis=1), frames.mean(axis=1), np.zeros(shape, np.int32), np.zeros(CLASSES, np.float32)),
        verdict=verdict, others=(other,), others_highest=(higher,), dynamics=Dynamics(margin, margin, margin),
        neighbours=(share,), priors=((0.3 * (true - 0.15) + 0.1 * rng.standard_normal(shape)).astype(np.float32),),
        fold=oof.fold, others_by=("002-other",), neighbours_by=("001-own",),
    )  # fmt: skip
    return oof, labels, evidence


def part_of(evidence: Evidence, first: int, last: int) -> Evidence:
    """The same of some clips."""

    def cut(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value[first:last]
        if isinstance(value, tuple):
            return tuple(map(cut, value)) if value and isinstance(value[0], np.ndarray) else value
        if isinstance(value, Dynamics):
            return Dynamics(*(cut(one) for one in vars(value).values()))
        if isinstance(value, FrameSummary):
            return FrameSummary(cut(value.maximum), cut(value.mean), cut(value.above), value.threshold)
        return value

    return replace(evidence, **{item.name: cut(getattr(evidence, item.name)) for item in fields(evidence)})


def both(oof: Oof, labels: Labels, evidence: Evidence, block_cells: int, **how: Any) -> tuple[Suspects, Suspects]:
    def assemble(_: Oof, aligned: AlignedLabels) -> Evidence:
        return evidence

    lucky = how.pop("at_random", None)
    whole = rank_suspects(oof, labels, assemble=assemble, at_random=lucky, run_id="001-own", **how)
    asked: list[tuple[int, int]] = []

    def rows(first: int, last: int) -> Evidence:
        asked.append((first, last))
        return part_of(evidence, first, last)

    some = None if lucky is None else lambda first, last: lucky[first:last]
    blocked = rank_in_blocks(oof, labels, rows, at_random=some, run_id="001-own", block_cells=block_cells, **how)
    step = max(1, block_cells // CLASSES)
    assert asked == [(first, min(CLIPS, first + step)) for first in range(0, CLIPS, step)]
    return whole, blocked


def assert_alike(whole: Suspects, blocked: Suspects) -> None:
    """The same cells in the same order with the same numbers, but for the last digits of weights and covariates."""
    for item in (*fields(CellColumns), *(field for field in fields(Suspects) if field.name in _OWN)):
        mine, theirs = getattr(whole, item.name), getattr(blocked, item.name)
        if item.name == "covariates":
            np.testing.assert_allclose(theirs, mine, atol=4e-3)  # float16
        else:
            np.testing.assert_array_equal(theirs, mine, err_msg=item.name)
    for field in fields(PastCells):
        mine, theirs = getattr(whole.past, field.name), getattr(blocked.past, field.name)
        np.testing.assert_allclose(theirs.astype(float), mine.astype(float), atol=4e-3 * (field.name == "covariates"))
    for one, other in zip(whole.voices, blocked.voices, strict=True):
        assert (one.run_id, one.what) == (other.run_id, other.what)
        assert other.weight == pytest.approx(one.weight, rel=1e-4)


_OWN = ("clip_index", "class_index", "partner_index", "kind", "left_out")


@pytest.mark.parametrize("block_cells", [CLASSES * 37, CLASSES * CLIPS])
def test_blocks_of_any_size_give_the_list_that_memory_gives(block_cells: int) -> None:
    whole, blocked = both(*made(), block_cells)
    assert len(whole) > 1000
    assert len(whole.past.wrong) > 50
    assert "swapped" in whole.kind
    assert len(whole.voices) == 6
    assert_alike(whole, blocked)


@pytest.mark.parametrize("without", ["verdict", "dynamics", "fold", "others", "neighbours", "priors"])
def test_evidence_may_be_missing(without: str) -> None:
    oof, labels, evidence = made(1)
    empty: Any = None if without in ("verdict", "dynamics", "fold") else ()
    lacking = {without: empty} | ({"others_highest": (), "others_by": ()} if without == "others" else {})
    lacking |= {"neighbours_by": ()} if without == "neighbours" else {}
    if without == "verdict":
        labels = replace(labels, reviewed=np.zeros_like(labels.reviewed))
        order = np.argsort(labels.clip_ids)[np.argsort(np.argsort(oof.clip_ids))]
        evidence = replace(evidence, given=(labels.present & ~labels.unsure)[order][:, :CLASSES])
    whole, blocked = both(oof, labels, replace(evidence, **lacking), CLASSES * 50)
    assert_alike(whole, blocked)


def test_too_many_cells_are_chosen_from_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many the fit takes a part, drawn by chance; and the list has room for some, with those of the audit."""
    monkeypatch.setattr(fit_cells, "FIT_CELLS", 500)
    monkeypatch.setattr(training_dynamics, "FIT_CELLS", 200)
    oof, labels, evidence = made(2)
    lucky = np.random.default_rng(0).random((CLIPS, CLASSES)) < 0.05
    whole, blocked = both(oof, labels, evidence, CLASSES * 41, max_cells=800, at_random=lucky)
    assert len(whole) == len(blocked) == 800
    assert whole.left_out.sum() > 1000
    assert_alike(whole, blocked)
