"""remaining.py: the bound is that of drawing without replacement, it holds, and only what chance picked counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from labeling import journal
from labeling.records import Decision, Region, Shown
from labeling.search.finding import FoundStretch, more_like
from labeling.search.query import Query
from labeling.search.remaining import Remaining, left_in_words, remaining
from labeling.search.standing import Look
from labeling.workspace import Workspace
from tests.support.workspaces.planted import Planted, plant


def bound(held: list[bool], open_units: int) -> int:
    """Of random looks alone."""
    looks = [(Look(clip, "present" if one else "absent", at_random=True), 0) for clip, one in enumerate(held)]
    turns = np.arange(len(held) + open_units).astype(np.uint64)
    answer = remaining(looks, turns[len(held) :], turns[: len(held)])
    assert (answer.among, answer.heard, answer.held) == (open_units, len(held), sum(held))
    assert answer.at_most is not None
    return answer.at_most


@pytest.mark.parametrize(("looks", "held", "open_units"), [(20, 0, 80), (60, 0, 940), (60, 3, 540), (200, 20, 200)])
def test_no_sharper_than_one_fixed_draw_allows_and_not_much_wider(looks: int, held: int, open_units: int) -> None:
    """The exact one-sided bound for a number of looks that was fixed beforehand (scipy): what may be looked at after
    every verdict cannot be below it."""
    counts = np.arange(open_units + 1)
    exact = int(counts[hypergeom.cdf(held, open_units + looks, held + counts, looks) > 0.05].max())
    found = bound([True] * held + [False] * (looks - held), open_units)
    assert exact <= found <= 1.6 * exact + 3


def test_the_order_of_verdicts_within_a_screen_does_not_matter() -> None:
    assert bound([True] * 4 + [False] * 36, 300) == bound([False] * 36 + [True] * 4, 300)


def test_it_holds_for_who_stops_when_the_bound_pleases() -> None:
    """300 searches of 200 units, 12 of them it: each goes on until the bound is the least there was by 120 looks."""
    rng, too_low = np.random.default_rng(1), 0
    for _ in range(300):
        held = rng.permutation(200) < 12
        too_low += any(bound(held[:n].tolist(), 200 - n) < held[n:].sum() for n in range(10, 121, 10))
    assert too_low <= 0.05 * 300 + 2 * np.sqrt(300 * 0.05 * 0.95)


def test_who_passes_over_one_has_not_heard_what_comes_after_it_at_random() -> None:
    looks = [(Look(clip, "absent", at_random=True), 0) for clip in range(6)]
    turns = np.array([0, 1, 2, 4, 5, 6], np.uint64)
    assert remaining(looks, np.array([3, 7, 8], np.uint64), turns).heard == 3
    assert remaining(looks, np.array([7, 8], np.uint64), turns).heard == 6
    assert remaining([(Look(1, "present", at_random=False), 0)], turns, turns[:1]) == Remaining(6, 0, 0, None)


# ------------------------------------------------------------------------------------------------ in a search


def hear(workspace: Workspace, planted: Planted, found: list[FoundStretch], *, at_random: bool) -> None:
    def verdict(one: FoundStretch) -> str:
        begins = planted.recordings[one.clip_id] if one.of_recording else [planted.clips.get(one.clip_id, -9.0)]
        return "present" if any(abs(one.onset_s - begin) <= 1 for begin in begins) or (
            not one.of_recording and one.clip_id in planted.clips) else "absent"  # fmt: skip

    journal.append(
        workspace,
        [
            Decision(
                journal.new_event_id(), "ann", one.clip_id, "rare", verdict(one),
                region=Region(one.onset_s, one.offset_s) if one.of_recording else None,
                shown=Shown(at_random=at_random),
            )
            for one in found
        ],
    )  # fmt: skip


def ask(workspace: Workspace, query: Query) -> tuple[list[FoundStretch], Remaining]:
    with workspace.read() as connection:
        answer = more_like(workspace, connection, query)
    assert answer.remaining is not None
    assert answer.remaining.among == answer.among
    return list(answer.found), answer.remaining


@pytest.mark.parametrize("among", ["labelled", "recordings", "all"])
def test_a_search_says_how_many_it_left(workspace: Workspace, among: str) -> None:
    planted = plant(workspace, clips=200)
    alike = Query("toy", "rare", (planted.example(),), among=among)
    found, left = ask(workspace, alike)
    assert left.at_most is None
    assert left_in_words(left).startswith("hear some in the order")
    hear(workspace, planted, found[:30], at_random=False)
    chance = Query("toy", "rare", (planted.example(),), among=among, order="random")
    drawn, left = ask(workspace, chance)
    assert left.heard == 0
    hear(workspace, planted, drawn[:25], at_random=True)
    again, left = ask(workspace, chance)
    assert left.heard == 25
    assert left.at_most is not None
    rest = {one.clip_id for one in again if not one.of_recording}
    assert len(rest & planted.clips.keys()) <= left.at_most < left.among
    assert left_in_words(left) == f"at most {left.at_most} left among these {left.among} (95 %), 25 heard at random"
    hear(workspace, planted, again[1:20], at_random=True)  # all but the first: chance would have asked it first
    assert ask(workspace, chance)[1].heard == 25
    with workspace.read() as connection:
        newest = journal.last_undoable(connection, "ann")
    journal.undo_all(workspace, newest, "ann", "u")
    hear(workspace, planted, again[:1], at_random=True)
    assert ask(workspace, alike)[1].heard == 26 + 18


def test_of_no_class_nothing_is_said(workspace: Workspace) -> None:
    planted = plant(workspace)
    with workspace.read() as connection:
        assert more_like(workspace, connection, Query("toy", examples=(planted.example(),))).remaining is None
