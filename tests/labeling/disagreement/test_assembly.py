"""assembly.py: rows and columns follow the run that is scored; what a run does not know is NaN, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labeling.disagreement.assembly import assemble_evidence, values_like
from labeling.disagreement.neighbours import mean_share
from labeling.predictions.oof import Oof
from labeling.predictions.training_evidence import RunEvidence, without_neighbours
from tests.support.workspaces.synthetic_oof import oof_of

NAN = float("nan")
P = np.array([[0.9, 0.2], [0.4, 0.6], [0.2, 0.1]], np.float32)
GIVEN = np.array([[True, False], [True, True], [False, False]])
ALL = np.ones_like(GIVEN)


def alike(found: Any, wanted: Any, rtol: float = 1e-7) -> None:
    np.testing.assert_allclose(found, wanted, rtol=rtol)


def run(clip_ids: list[int], classes: str, clipwise: Any) -> Oof:
    made = oof_of(np.array(clipwise, np.float32), [np.zeros((0, len(classes)))] * len(clip_ids))
    return replace(made, clip_ids=np.array(clip_ids), classes=tuple(classes))


OWN = run([10, 11, 12], "ab", P)


def kept(margin: Any, neighbour: Any = None, classes: str = "ab") -> RunEvidence:
    """What a run kept of the clips 10, 11 and 12; a stretch each where ``neighbour`` is given."""
    values = np.array(margin, np.float32)
    made = replace(
        without_neighbours([10, 11, 12], classes), margin=values, forgotten=values + 1, epoch_spread=values * 0
    )
    if neighbour is None:
        return made
    return replace(
        made,
        stretch_offsets=np.arange(4),
        stretch_class=np.full(3, -1, np.int32),
        stretch_onset_s=np.zeros(3, np.float32),
        neighbour=np.array(neighbour, np.int32),
        similarity=np.ones((3, 1), np.float16),
    )


def test_a_run_alone() -> None:
    evidence = assemble_evidence(OWN, GIVEN, ALL)
    np.testing.assert_array_equal(evidence.clipwise, P)
    assert evidence.others == evidence.others_highest == evidence.neighbours == evidence.priors == ()
    assert [evidence.verdict, evidence.dynamics] == [None] * 2


def test_another_run_is_matched_by_clip_and_class() -> None:
    other = run([12, 99, 10], "xba", [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]])
    alike(values_like(OWN, other, other.clipwise), [[0.9, 0.8], [NAN, NAN], [0.3, 0.2]])


def test_a_run_of_fewer_classes_counts_for_those_that_it_knows() -> None:
    fewer, stranger, elsewhere = run([10, 11, 12], "b", P[:, :1]), run([10, 11], "xy", P[:2]), run([1, 2], "ab", P[:2])
    alike(values_like(OWN, fewer, fewer.clipwise), [[NAN, 0.9], [NAN, 0.4], [NAN, 0.2]])
    evidence = assemble_evidence(OWN, GIVEN, ALL, others=(stranger, fewer, elsewhere))
    assert len(evidence.others) == len(evidence.others_highest) == 1  # two of the three know none of the cells


def test_the_highest_frames_of_another_run_come_too() -> None:
    """Of clip 10 in two frames; clip 12 has none, so that its clipwise stands."""
    frames = [np.array([[0.1, 0.3], [0.6, 0.2]]), np.array([[0.5, 0.5]]), np.zeros((0, 2))]
    other = replace(oof_of(P, frames), clip_ids=np.array([10, 11, 12]), classes=("a", "b"))
    highest = assemble_evidence(OWN, GIVEN, ALL, others=[other]).others_highest[0]
    alike(highest, [[0.6, 0.3], [0.5, 0.5], [0.2, 0.1]], rtol=1e-3)


def test_other_runs_and_what_runs_kept_are_taken_one_at_a_time() -> None:
    """Each is an array of all cells or more; a large collection has no room for five at once."""
    alive = {"runs": 0, "kept": 0}

    def one_at_a_time(what: str, things: list[Any]) -> Iterator[Any]:
        for thing in things:
            alive[what] += 1
            assert alive[what] == 1, "the next one was asked for before the last was used"
            yield thing
            alive[what] -= 1

    evidence = assemble_evidence(
        OWN,
        GIVEN,
        ALL,
        others=one_at_a_time("runs", [OWN, OWN]),
        recorded=one_at_a_time("kept", [(kept(P), ALL), (kept(P), ALL)]),
    )
    assert len(evidence.others) == 2
    assert alive == {"runs": 0, "kept": 0}


def test_dynamics_are_the_mean_of_the_runs_that_were_told_the_given_label() -> None:
    first = kept([[1, 2], [3, NAN], [NAN, NAN]])
    second = kept([[3, 6], [5, 7], [NAN, 9]])
    told = np.array([[True, False], [True, True], [True, False]])
    dynamics = assemble_evidence(OWN, GIVEN, ALL, recorded=[(first, ALL), (second, told)]).dynamics
    assert dynamics is not None
    alike(dynamics.margin, [[2, 2], [4, 7], [NAN, NAN]])
    alike(dynamics.forgotten, [[3, 3], [5, 8], [NAN, NAN]])
    alike(dynamics.epoch_spread, [[0, 0], [0, 0], [NAN, NAN]])
    assert dynamics.margin.dtype == np.float32


def test_a_run_that_followed_no_training_is_no_evidence() -> None:
    nothing = without_neighbours([10, 11, 12], "ab")
    evidence = assemble_evidence(OWN, GIVEN, ALL, recorded=[(nothing, ALL)])
    assert [evidence.dynamics, evidence.neighbours] == [None, ()]
    of_others = replace(kept(P), clip_ids=np.array([1, 2, 3]))  # and one of another collection
    assert assemble_evidence(OWN, GIVEN, ALL, recorded=[(of_others, ALL)]).dynamics is None


def test_what_runs_kept_follows_rows_and_columns_and_may_lack_a_class() -> None:
    turned = kept([[1, 2], [3, 4], [5, 6]], classes="bx")
    turned = replace(turned, clip_ids=np.array([12, 11, 10]))
    dynamics = assemble_evidence(OWN, GIVEN, ALL, recorded=[(turned, ALL)]).dynamics
    assert dynamics is not None
    alike(dynamics.margin, [[NAN, 5], [NAN, 3], [NAN, 1]])


def shares(verdict: NDArray[np.int8] | None = None) -> NDArray[np.float32]:
    """Clip 10 is like 11, 11 like 12, 12 like nothing; by a second run, 10 is like 12."""
    first, second = kept(P, [[1], [2], [-1]]), kept(P, [[2], [-1], [-1]])
    return mean_share(assemble_evidence(OWN, GIVEN, ALL, verdict=verdict, recorded=[(first, ALL), (second, ALL)]))


def test_neighbours_are_the_mean_of_the_runs_that_have_some() -> None:
    alike(shares(), [[0.5, 0.5], [0, 0], [NAN, NAN]])


def test_neighbours_are_labelled_as_people_decided() -> None:
    verdict = np.array([[-1, -1], [0, -1], [1, -1]], np.int8)  # 11 has no a, 12 has it
    alike(shares(verdict), [[0.5, 0.5], [1, 0], [NAN, NAN]])


def test_statistics_are_those_of_the_labels_as_they_are_now() -> None:
    """What is typical of a listed clip counts a decided cell as people decided it; what is doubted stays as given."""
    verdict = np.full(GIVEN.shape, -1, np.int8)
    verdict[1, 0] = 0
    evidence = assemble_evidence(OWN, GIVEN, ALL, verdict=verdict)
    whole = (0.9 + 0.6) / 2
    alike(evidence.frames.threshold, [(0.9 + whole) / 4, (0.6 + whole) / 4], rtol=1e-6)
    assert evidence.given[1, 0]


@pytest.mark.parametrize("count", [1, 2])
def test_one_clip_one_class(count: int) -> None:
    own = run(list(range(count)), "a", [[0.5]] * count)
    evidence = assemble_evidence(own, np.zeros((count, 1), bool), np.zeros((count, 1), bool), others=[own])
    assert evidence.others[0].shape == (count, 1)
