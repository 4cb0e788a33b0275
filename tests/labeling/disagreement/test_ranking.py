"""ranking.py: kinds, order, the frames that speak, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labeling.disagreement import ranking
from labeling.disagreement.evidence import Scores
from labeling.disagreement.ranking import (
    find_stretches,
    find_swaps,
    missing_label_rule,
    order_cells,
    rank_suspects,
)
from labeling.disagreement.scorers import NEEDS, SCORERS
from labeling.errors import ArtefactError, UnknownName
from labeling.predictions.aligned import AlignedLabels
from labeling.predictions.oof import Oof
from labeling.records import FrameGrid, Labels
from tests.support.examples import examples

CLASSES = ("ant", "bee", "cat")


def labels_of(
    present: NDArray[np.bool_],
    *,
    unsure: NDArray[np.bool_] | None = None,
    reviewed: NDArray[np.bool_] | None = None,
    classes: tuple[str, ...] = CLASSES,
    first_id: int = 100,
) -> Labels:
    nothing = np.zeros_like(present)
    return Labels(
        clip_ids=np.arange(first_id, first_id + len(present)),
        filenames=tuple(f"{i}.ogg" for i in range(len(present))),
        classes=classes,
        present=present,
        unsure=nothing if unsure is None else unsure,
        reviewed=nothing if reviewed is None else reviewed,
        primary=np.where(present.any(axis=1), present.argmax(axis=1), -1).astype(np.int32),
    )


def oof_of(
    clipwise: NDArray[np.floating],
    frames: list[NDArray[np.floating]] | None = None,
    classes: tuple[str, ...] = CLASSES,
    first_id: int = 100,
) -> Oof:
    clipwise = np.asarray(clipwise, dtype=np.float32)
    if frames is None:
        frames = [row[None, :] for row in clipwise]
    return Oof(
        clip_ids=np.arange(first_id, first_id + len(clipwise)),
        filenames=tuple(f"{i}.ogg" for i in range(len(clipwise))),
        classes=classes,
        clipwise=clipwise,
        offsets=np.cumsum([0, *map(len, frames)]),
        fold=(np.arange(len(clipwise)) % 4).astype(np.int32),
        grid=FrameGrid(0.5, 0.25, 0.5),
        label_version=1,
        label_hash="",
        framewise=np.concatenate(frames).astype(np.float16),
    )


#             present in truth: ant        bee        ant + cat     bee (given as ant)
CLIPWISE = np.array([[0.9, 0.1, 0.2], [0.2, 0.8, 0.1], [0.7, 0.1, 0.97], [0.05, 0.9, 0.3]])
PRESENT = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]], dtype=bool)


def random_case(seed: int, clips: int = 30) -> tuple[Oof, Labels]:
    rng = np.random.default_rng(seed)
    present = rng.random((clips, 3)) < 0.4
    clipwise = np.clip(0.7 * (present ^ (rng.random(present.shape) < 0.15)) + 0.3 * rng.random(present.shape), 0, 1)
    frames = [rng.random((rng.integers(0, 6), 3)) * row for row in clipwise]
    unsure = ~present & (rng.random(present.shape) < 0.1)
    return oof_of(clipwise, frames), labels_of(present, unsure=unsure, reviewed=rng.random(present.shape) < 0.1)


def test_every_cell_once_best_first_with_its_kind() -> None:
    found = rank_suspects(oof_of(CLIPWISE), labels_of(PRESENT), scorer="self_confidence")
    assert len(found) == 12
    cells = list(zip(found.clip_id.tolist(), (CLASSES[c] for c in found.class_index), found.kind.tolist(), strict=True))
    assert cells[:4] == [
        (102, "cat", "missing"),  # quality 0.03
        (103, "ant", "swapped"),  # 0.05
        (103, "bee", "swapped"),  # 0.1
        (102, "ant", "false"),  # 0.7, as has cat of clip 103, whose id is higher
    ]
    assert set(cells[4:]) == {
        *((100 + row, CLASSES[c], "false" if PRESENT[row, c] else "missing") for row in range(4) for c in range(3))
    } - {*cells[:4], (103, "ant", "false"), (103, "bee", "missing")}
    np.testing.assert_allclose(found.label_quality[:4], [0.03, 0.05, 0.1, 0.7], rtol=1e-5)
    assert np.all(np.diff(found.label_quality) >= 0)
    np.testing.assert_allclose(found.p_wrong, 1 - found.label_quality, atol=1e-6)


def test_the_two_cells_of_a_swap_name_each_other() -> None:
    found = rank_suspects(oof_of(CLIPWISE), labels_of(PRESENT), scorer="self_confidence")
    swapped = found.kind == "swapped"
    pairs = zip(found.class_index[swapped], found.partner_index[swapped], strict=True)
    assert {(CLASSES[a], CLASSES[b]) for a, b in pairs} == {("ant", "bee"), ("bee", "ant")}
    assert np.all(found.partner_index[~swapped] == -1)


def test_no_swap_without_exactly_one_class_in_the_primary_s_place() -> None:
    aligned = AlignedLabels(PRESENT, PRESENT | True, PRESENT | True, np.array([0, 1, 0, 0]), np.arange(3))
    p_wrong = np.zeros((4, 3), dtype=np.float32)
    p_wrong[0, [0, 1, 2]] = 0.9  # two classes appear
    p_wrong[1, 0] = 0.9  # the primary stays
    p_wrong[2, 0] = 0.9  # nothing appears
    p_wrong[3, [0, 2]] = 0.51
    np.testing.assert_array_equal(find_swaps(p_wrong, aligned), [[-1, -1, -1]] * 3 + [[2, -1, 0]])
    decided = replace(aligned, open=~PRESENT)  # the primaries are reviewed
    assert np.all(find_swaps(p_wrong, decided) == -1)
    assert np.all(find_swaps(p_wrong, replace(aligned, primary=np.full(4, -1))) == -1)


def test_evidence_of_a_suspect() -> None:
    frames = [np.tile(row, (4, 1)) for row in CLIPWISE * 0.5]
    frames[2] = np.array([[0.1, 0, 0.0], [0.1, 0, 0.4], [0.1, 0, 0.8], [0.1, 0, 0.3]])
    found = rank_suspects(oof_of(CLIPWISE, frames), labels_of(PRESENT), scorer="self_confidence")
    assert (found.clip_id[0], CLASSES[found.class_index[0]]) == (102, "cat")
    assert found.clip_index[0] == 2
    assert found.fold[0] == 2
    assert found.clipwise[0] == pytest.approx(0.97)
    assert found.framewise_max[0] == pytest.approx(0.8, abs=1e-3)
    # frames 1 and 2 reach half of 0.8; the grid starts at 0.5 s and a frame is 0.25 s
    assert (found.onset_s[0], found.offset_s[0]) == (0.75, 1.25)
    flat = (found.clip_id == 100) & (found.class_index == 0)
    assert (found.onset_s[flat], found.offset_s[flat]) == (0.5, 1.5)


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [
        ([0.1, 0.9, 0.5, 0.4, 0.8], (1, 3)),
        ([0.9, 0.1, 0.9], (0, 1)),  # the first of equal peaks
        ([0.2, 0.2, 0.2], (0, 3)),
        ([0.0, 0.0], (0, 2)),
        ([0.3], (0, 1)),
        ([0.1, 0.2, 0.4, 0.8], (2, 4)),
        ([], (0, 0)),
    ],
)
def test_stretch_by_hand(frames: list[float], wanted: tuple[int, int]) -> None:
    oof = oof_of(np.zeros((1, 1)), [np.array(frames).reshape(-1, 1)], classes=("ant",))
    first, end = find_stretches(oof, np.array([0]), np.array([0]))
    assert (first[0], end[0]) == wanted


@examples(20)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 50))
def test_stretch_is_unbroken_holds_the_peak_and_cannot_grow(seed: int, length: int) -> None:
    frames = (np.random.default_rng(seed).random((length, 1)) ** 2).astype(np.float16)
    first, end = find_stretches(oof_of(np.zeros((1, 1)), [frames], ("ant",)), np.array([0]), np.array([0]))
    values, half = frames[:, 0].astype(float), float(frames.max()) / 2
    tolerance = 1e-3
    assert first[0] <= values.argmax() < end[0]
    assert np.all(values[first[0] : end[0]] >= half - tolerance)
    assert first[0] == 0 or values[first[0] - 1] < half + tolerance
    assert end[0] == length or values[end[0]] < half + tolerance


@examples(10)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(set(SCORERS.names()) - set(NEEDS))))
def test_unsure_and_reviewed_cells_are_never_ranked_and_no_other_is_lost(seed: int, name: str) -> None:
    oof, labels = random_case(seed)
    found = rank_suspects(oof, labels, scorer=name)
    ranked = np.zeros_like(labels.present)
    ranked[found.clip_index, found.class_index] = True
    np.testing.assert_array_equal(ranked, ~labels.unsure & ~labels.reviewed)
    assert len(found) == ranked.sum()
    listed = labels.present[found.clip_index, found.class_index]
    assert np.all(np.isin(found.kind[listed], ["false", "swapped"]))
    assert np.all(np.isin(found.kind[~listed], ["missing", "swapped"]))
    assert np.all(found.offset_s >= found.onset_s)


@examples(6)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_clips_does_not_matter(seed: int) -> None:
    oof, labels = random_case(seed)
    order = np.random.default_rng(seed).permutation(len(oof))
    frames = [oof.frames(row) for row in order]
    shuffled = replace(oof_of(oof.clipwise[order], frames), clip_ids=oof.clip_ids[order], fold=oof.fold[order])
    one = rank_suspects(oof, labels, scorer="relative")
    other = rank_suspects(shuffled, labels, scorer="relative")
    key = [np.argsort(found.clip_id * 3 + found.class_index) for found in (one, other)]
    for name in ("label_quality", "p_wrong", "onset_s", "offset_s", "framewise_max", "partner_index", "fold"):
        np.testing.assert_allclose(getattr(one, name)[key[0]], getattr(other, name)[key[1]], atol=1e-6)
    np.testing.assert_array_equal(one.kind[key[0]], other.kind[key[1]])


def test_reviewed_may_be_given() -> None:
    reviewed = np.zeros_like(PRESENT)
    reviewed[2, 2] = True
    found = rank_suspects(oof_of(CLIPWISE), labels_of(PRESENT), reviewed=reviewed)
    assert len(found) == 11
    assert not np.any((found.clip_id == 102) & (found.class_index == 2))
    with pytest.raises(ArtefactError, match=r"reviewed has shape \(2, 3\) where the labels have \(4, 3\)"):
        rank_suspects(oof_of(CLIPWISE), labels_of(PRESENT), reviewed=reviewed[:2])


def test_clips_and_classes_are_matched_by_id_and_code() -> None:
    """Labels of another order, with a class and clips that the run never saw, and a class gone since."""
    oof = oof_of(CLIPWISE, classes=("ant", "bee", "gone"))
    wide = np.zeros((6, 3), dtype=bool)
    wide[1:5, [2, 1]] = PRESENT[:, [0, 1]]  # clips 99 to 104; ant is column 2
    found = rank_suspects(oof, labels_of(wide, classes=("new", "bee", "ant"), first_id=99), scorer="self_confidence")
    assert found.classes == ("new", "bee", "ant")
    assert sorted({found.classes[c] for c in found.class_index}) == ["ant", "bee"]
    assert sorted(set(found.clip_id.tolist())) == [100, 101, 102, 103]
    assert len(found) == 8
    swapped = found.kind == "swapped"
    assert set(zip(found.class_index[swapped], found.partner_index[swapped], strict=True)) == {(2, 1), (1, 2)}
    assert set(found.clip_id[swapped].tolist()) == {103}


def test_nothing_in_common_is_an_empty_ranking() -> None:
    found = rank_suspects(oof_of(CLIPWISE), labels_of(PRESENT, first_id=500))
    assert len(found) == 0
    assert found.kind.shape == found.onset_s.shape == (0,)


def test_limit_is_the_head_of_the_whole() -> None:
    oof, labels = random_case(7)
    whole, head = rank_suspects(oof, labels), rank_suspects(oof, labels, limit=5)
    assert len(head) == 5
    np.testing.assert_array_equal(head.clip_id, whole.clip_id[:5])
    np.testing.assert_array_equal(head.onset_s, whole.onset_s[:5])


def test_large_collections_keep_all_listed_cells_and_the_best_unlisted() -> None:
    rng = np.random.default_rng(0)
    given_labels = rng.random((200, 10)) < 0.2
    quality = rng.random((200, 10)).astype(np.float32)
    ids = np.arange(200)
    rows, columns = order_cells(Scores(quality, 1 - quality), given_labels, given_labels | True, ids, max_cells=600)
    assert len(rows) == 600
    kept = np.zeros_like(given_labels)
    kept[rows, columns] = True
    assert np.all(kept[given_labels])
    unlisted = ~given_labels
    assert quality[kept & unlisted].max() <= quality[~kept & unlisted].min()
    assert np.all(np.diff(quality[rows, columns]) >= 0)
    rows, _ = order_cells(Scores(quality, 1 - quality), given_labels, given_labels | True, ids, max_cells=10)
    assert len(rows) == given_labels.sum()


def test_cells_at_random_find_room_beside_the_best_and_what_is_left_out_is_counted() -> None:
    oof, labels = random_case(7)
    whole = rank_suspects(oof, labels)
    assert not whole.left_out.any()
    unlisted = np.flatnonzero(~whole.given)
    room = len(whole) - len(unlisted) + len(unlisted) // 2
    worst = unlisted[-2:]
    at_random = np.zeros(oof.clipwise.shape, bool)
    columns = [oof.classes.index(labels.classes[number]) for number in whole.class_index[worst]]
    at_random[whole.clip_index[worst], columns] = True
    part = rank_suspects(oof, labels, max_cells=room, at_random=at_random)
    assert len(part) == room
    cells, kept = (list(zip(one.clip_id.tolist(), one.class_index.tolist(), strict=True)) for one in (whole, part))
    assert {cells[place] for place in worst} <= set(kept)
    gone = [class_index for _, class_index in set(cells) - set(kept)]
    assert part.left_out.tolist() == np.bincount(gone, minlength=len(labels.classes)).tolist()


def test_equal_quality_falls_back_to_p_wrong_then_to_the_clip() -> None:
    quality = np.zeros((3, 1), dtype=np.float32)
    scores = Scores(quality, np.array([[0.2], [0.9], [0.2]], dtype=np.float32))
    everything = np.ones((3, 1), dtype=bool)
    rows, _ = order_cells(scores, everything, everything, np.array([7, 8, 5]))
    assert rows.tolist() == [1, 2, 0]


def test_missing_label_rule_by_hand() -> None:
    present = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)
    p = np.array([[0.95, 0.91, 0.90], [0.99, 0.99, 0.99], [0.99, 0.99, 0.99], [0.5, 0.2, 0.97]], dtype=np.float32)
    wanted = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)
    np.testing.assert_array_equal(missing_label_rule(p, present, np.array([0, 0, -1, 1])), wanted)
    assert missing_label_rule(p, present, np.array([0, 0, -1, 1]), p=0.96).sum() == 1


def test_an_unknown_scorer_fails_before_any_work() -> None:
    with pytest.raises(UnknownName, match="choose from"):
        rank_suspects(oof_of(CLIPWISE), labels_of(PRESENT), scorer="nope")
    assert ranking.MAX_CELLS == 1_000_000
