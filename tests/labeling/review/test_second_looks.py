"""labeling/review/second_looks.py"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from labeling import journal
from labeling.collection import store
from labeling.quality.intervals import Share
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Shown
from labeling.review import second_looks
from labeling.review.second_looks import (
    Look,
    Shares,
    doubted_verdicts,
    due_repeats,
    findings,
    first_look,
    is_chosen,
    is_open,
    plan,
    shares_of,
)
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import add_clips, undo_at

NONE, ALL_REPEATED, ALL_BLIND = Shares(0, 0, 0), Shares(0, 1, 0), Shares(1, 0, 0)
MANY = tuple((f"{number}.ogg", ("amecro",)) for number in range(60))


def plan_of(clips: int, cells: dict[int, list[str]], shares: Shares, due: list[tuple[int, str]] | None = None) -> list:
    return plan(range(1, clips + 1), cells, due or [], shares, reviewer="ann", run_id="001")


def say(workspace: Workspace, clip_id: int, verdict: str, code: str = "amecro", **more: object) -> int:
    one = {"event_id": journal.new_event_id(), "reviewer": "ann"} | more
    stored = journal.append(workspace, [Decision(clip_id=clip_id, class_code=code, verdict=verdict, **one)])  # type: ignore[arg-type]
    return stored[0].position


# ---- which cells


def test_the_choice_is_a_hash_of_who_what_and_where() -> None:
    words = b"blind\nr\xc3\xadta\n7\n<b>\0\n001-demo"
    number = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big") / 2**64
    assert is_chosen(number * (1 + 1e-9), "blind", "ríta", 7, "<b>\0", "001-demo")
    assert not is_chosen(number * (1 - 1e-9), "blind", "ríta", 7, "<b>\0", "001-demo")
    assert is_chosen(1.0, "blind", "\udcff", 7, "a", "001")


def test_a_share_is_a_share_and_no_choice_follows_from_another() -> None:
    def chosen(purpose: str, reviewer: str, run_id: str) -> np.ndarray:
        return np.array([is_chosen(0.05, purpose, reviewer, clip_id, "amecro", run_id) for clip_id in range(20_000)])

    first = chosen("blind", "ann", "001")
    for other in (chosen("again", "ann", "001"), chosen("blind", "bob", "001"), chosen("blind", "ann", "002")):
        assert 850 < other.sum() < 1150  # 1,000 and five standard deviations
        assert (first & other).sum() < 100  # 50 by chance
    assert not any(is_chosen(0.0, "blind", "ann", clip_id, "a", "1") for clip_id in range(100))
    assert all(is_chosen(1.0, "blind", "ann", clip_id, "a", "1") for clip_id in range(100))


@pytest.mark.parametrize(
    ("preference", "shares"),
    [
        (None, Shares(0.05, 0.05, 0.1)),
        ({}, Shares(0.05, 0.05, 0.1)),
        ({"blind": 0, "again": 0.25}, Shares(0.0, 0.25)),
        ({"blind": -1, "again": 7}, Shares(0.0, 0.5)),
        ({"blind": "often", "again": True}, Shares(0.05, 0.05)),
        ({"blind": math.nan, "again": math.inf}, Shares(0.05, 0.05)),
        ({"audit": 0.25}, Shares(0.05, 0.05, 0.25)),
        ({"audit": 0, "blind": 0}, Shares(0, 0.05, 0)),
        ({"audit": 9}, Shares(0.05, 0.05, 0.5)),
        ({"audit": "never"}, Shares(0.05, 0.05, 0.1)),
        ({"blind": 10**400, "again": -(10**400)}, Shares(0.5, 0.0)),
        (["blind"], Shares(0.05, 0.05)),
    ],
)
def test_the_shares_that_a_reviewer_chose(preference: object, shares: Shares) -> None:
    assert shares_of(preference) == shares


# ---- the list


def test_without_second_looks_a_list_is_its_clips() -> None:
    assert plan_of(3, {1: ["a"], 2: ["a", "b"]}, NONE, due=[(9, "a")]) == [Look(1), Look(2), Look(3)]


def test_blind_comes_before_its_clip_or_in_its_place() -> None:
    cells = {number: ["a", "b"] for number in range(1, 400)}
    looks = plan_of(399, cells, Shares(0.1, 0, 0))
    assert looks == plan_of(399, cells, Shares(0.1, 0, 0))
    seen: set[int] = set()
    blind: dict[int, set[str]] = {}
    for look in looks:
        if look.mode == "blind":
            assert look.clip_id not in seen
            blind.setdefault(look.clip_id, set()).add(look.class_code)
        else:
            seen.add(look.clip_id)
    assert 40 < sum(map(len, blind.values())) < 130
    wholly = {clip_id for clip_id, codes in blind.items() if codes == {"a", "b"}}
    assert wholly
    assert seen == set(cells) - wholly
    assert plan_of(2, {1: ["a"]}, ALL_BLIND) == [Look(1, "blind", "a"), Look(2)]


def test_again_comes_twenty_clips_later() -> None:
    looks = plan_of(22, {1: ["a"], 2: ["b"], 3: ["c"]}, ALL_REPEATED)
    assert looks[20:] == [Look(21), Look(1, "again", "a"), Look(22), Look(2, "again", "b")]
    assert Look(3, "again", "c") not in looks


def test_what_is_due_from_before_comes_as_often_as_its_share() -> None:
    looks = plan_of(9, {}, Shares(0, 0.25, 0), due=[(90, "x"), (91, "y"), (92, "z")])
    assert [(at, look.clip_id) for at, look in enumerate(looks) if look.mode] == [(4, 90), (9, 91)]


def test_one_look_in_ten_is_drawn_at_random_but_not_what_the_list_asked() -> None:
    cells = {number: ["a"] for number in range(1, 28)}
    drawn = [(90, "x"), (18, "a"), (27, "b"), (20, "a"), (91, "x")]
    looks = plan(cells, cells, [], Shares(0, 0, 0.1), reviewer="ann", run_id="001", drawn=drawn)
    random = [(at, look.clip_id, look.class_code) for at, look in enumerate(looks) if look.mode == "audit"]
    assert random == [(9, 90, "x"), (19, 27, "b"), (29, 91, "x")]  # 18 and 20 were asked by then
    assert len(looks) == 30
    half = plan(range(4), {}, [], Shares(0, 0, 0.5), reviewer="ann", run_id="001", drawn=drawn[:3])
    assert [look.mode for look in half] == ["", "audit", "", "audit", "", "audit", ""]


def test_a_cell_that_is_asked_blind_does_not_come_again() -> None:
    assert {look.mode for look in plan_of(50, {n: ["a"] for n in range(1, 51)}, Shares(1, 1, 0))} == {"blind"}


def test_the_suspects_to_do_are_those_of_the_queue(own_copy: object) -> None:
    workspace = open_workspace(own_copy)  # type: ignore[arg-type]
    with workspace.read() as connection:
        scored = queue.current(connection)
        assert scored
        rows = queue.rows(connection, read_scored_run(connection, *scored), QueueFilter(min_p_wrong=0.3), limit=None)
    first = rows[0].suspect
    say(workspace, first.clip_id, "present", first.class_code)
    clip_ids = list(dict.fromkeys(row.suspect.clip_id for row in rows))[:5]
    with workspace.read() as connection:
        found = second_looks.suspects_to_do(connection, read_scored_run(connection, *scored), clip_ids, 0.3)
    wanted: dict[int, list[str]] = {}
    for row in rows[1:]:
        if row.suspect.clip_id in clip_ids:
            wanted.setdefault(row.suspect.clip_id, []).append(row.suspect.class_code)
    assert found == wanted
    with workspace.read() as connection:
        run = read_scored_run(connection, *scored)
        given = {"min_p_wrong": 0.3, "reviewer": " ann "}
        looks = [second_looks.woven(connection, run, clip_ids, shares, **given) for shares in (NONE, ALL_BLIND)]
    assert looks[0] == [Look(clip_id) for clip_id in clip_ids]
    wholly = [[Look(clip_id, "blind", code) for code in wanted.get(clip_id, [])] for clip_id in clip_ids]
    assert looks[1] == [look for clip, at in zip(wholly, clip_ids, strict=True) for look in clip or [Look(at)]]
    workspace.close()


def test_a_cell_is_to_be_adjudicated_until_somebody_settles_it_and_again_once_that_is_taken_back(
    any_collection: Workspace,
) -> None:
    def is_open() -> bool:
        with any_collection.read() as connection:
            return second_looks.is_open(connection, "cem", Look(1, second_looks.ADJUDICATE, "cangoo"))

    for name, verdict in (("ann", "present"), ("bob", "absent")):
        journal.append(any_collection, [Decision(journal.new_event_id(), name, 1, "cangoo", verdict)])
    assert is_open()
    settles = Decision(journal.new_event_id(), "dan", 1, "cangoo", "absent", shown=Shown(adjudication=True))
    stored = journal.append(any_collection, [settles])
    assert not is_open()
    journal.undo_all(any_collection, stored, "dan", journal.new_event_id())
    assert is_open()


# ---- what is due again


def test_a_cell_is_due_once_after_twenty_decisions(any_workspace: Workspace) -> None:
    add_clips(any_workspace, MANY)
    first = say(any_workspace, 1, "absent")

    def due() -> list[tuple[int, str]]:
        with any_workspace.read() as connection:
            return due_repeats(connection, " ann ", ALL_REPEATED)

    def look(clip_id: int = 1) -> int | None:
        with any_workspace.read() as connection:
            return first_look(connection, "ann", clip_id, "amecro")

    for number in range(2, 21):
        say(any_workspace, number, "present")
    say(any_workspace, 40, "present", reviewer="bob")
    assert (due(), look()) == ([], None)
    say(any_workspace, 21, "unsure")
    assert (due(), look(), look(2), look(50)) == ([(1, "amecro")], first, None, None)
    with any_workspace.read() as connection:
        assert due_repeats(connection, "ann", NONE) == due_repeats(connection, "bob", ALL_REPEATED) == []
    say(any_workspace, 1, "absent", shown=Shown(second_look=first))
    assert (due(), look()) == ([(2, "amecro")], None)


def test_what_nobody_listened_to_or_others_touched_or_was_blind_or_undone_is_not_due(workspace: Workspace) -> None:
    add_clips(workspace, MANY)
    for clip_id in (5, 6):
        say(workspace, clip_id, "absent", batch_id="many clips at once")
    say(workspace, 1, "absent")
    say(workspace, 2, "absent", shown=Shown(blind=True))
    say(workspace, 7, "absent", shown=Shown(audit=True))
    undone = say(workspace, 3, "absent")
    say(workspace, 4, "absent")
    for number in range(10, 31):
        say(workspace, number, "present")
    say(workspace, 1, "present", reviewer="bob")
    undo_at(workspace, undone, "ann", "undo")
    with workspace.read() as connection:
        due = due_repeats(connection, "ann", ALL_REPEATED)
    assert due == [(4, "amecro"), (10, "amecro")]


def against(monkeypatch: pytest.MonkeyPatch, workspace: Workspace, *clip_ids: int) -> Callable[..., list]:
    """What is doubted where the evidence speaks against these clips' amecro, the last one most strongly."""
    with workspace.read() as connection:
        amecro = store.class_ids(connection)["amecro"]
        run = read_scored_run(connection, "001-demo", "earmark")
    doubts = {(clip_id, amecro): 0.96 + number / 100 for number, clip_id in enumerate(clip_ids)}
    monkeypatch.setattr(second_looks, "contradicted", lambda run: doubts)

    def doubted(reviewer: str = "ann", shares: Shares = NONE) -> list[tuple[int, str]]:
        with workspace.read() as connection:
            return doubted_verdicts(connection, run, reviewer, shares)

    return doubted


def test_a_verdict_against_the_evidence_is_asked_again_once_and_later(
    any_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clips(any_workspace, MANY)
    doubted = against(monkeypatch, any_workspace, 1, 2, 3, 30)
    asked = Shown(asked=True)
    first = say(any_workspace, 1, "absent", shown=asked)
    for number, shown in ((2, Shown(asked=True, audit=True)), (3, Shown(asked=True, blind=True))):
        say(any_workspace, number, "absent", shown=shown)
    for number in range(4, 21):
        say(any_workspace, number, "present", shown=asked)
    assert doubted() == []
    for number in range(21, 24):
        say(any_workspace, number, "present", shown=asked)
    assert doubted() == [(3, "amecro"), (2, "amecro"), (1, "amecro")], "most strongly first"
    assert doubted("bob") == []
    assert doubted(shares=ALL_REPEATED) == [(3, "amecro"), (2, "amecro")], "chance has chosen the first one already"
    with any_workspace.read() as connection:
        assert is_open(connection, "ann", Look(1, "doubted", "amecro"))
    say(any_workspace, 1, "present", shown=Shown(asked=True, blind=True, doubted_look=first))
    with any_workspace.read() as connection:
        assert not is_open(connection, "ann", Look(1, "doubted", "amecro"))
        found = findings(connection, "ann")
    assert doubted() == [(3, "amecro"), (2, "amecro")]
    assert (found.changed, found.consistent) == (Share(1, 1), Share()), "chance did not choose it"


def test_what_nobody_was_asked_or_came_from_a_table_or_others_touched_is_not_asked_again(
    any_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clips(any_workspace, MANY)
    doubted = against(monkeypatch, any_workspace, 1, 2, 3, 4, 5)
    asked = Shown(asked=True)
    say(any_workspace, 1, "absent")  # spoken of unasked
    say(any_workspace, 2, "absent", shown=Shown(asked=True, one_by_one=True), batch_id="a list, filled in")
    say(any_workspace, 3, "absent", shown=Shown(asked=True, one_by_one=True), batch_id="a list, filled in")
    say(any_workspace, 4, "absent", shown=asked)
    say(any_workspace, 5, "absent", shown=asked)
    for number in range(10, 31):
        say(any_workspace, number, "present", shown=asked)
    say(any_workspace, 4, "absent", reviewer="bob", shown=asked)
    assert doubted() == [(5, "amecro")]


def test_verdicts_to_ask_again_come_ten_clips_apart_and_not_where_no_second_look_is_wanted(
    own_copy: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = plan(range(25), {}, [], NONE, reviewer="ann", run_id="001", doubted=[(90, "x"), (91, "y"), (92, "z")])
    assert [(at, look) for at, look in enumerate(looks) if look.mode] == [
        (10, Look(90, "doubted", "x")),
        (21, Look(91, "doubted", "y")),
    ]
    monkeypatch.setattr(second_looks, "doubted_verdicts", lambda *given: [(1, "amecro")])
    workspace = open_workspace(own_copy)  # type: ignore[arg-type]
    with workspace.read() as connection:
        run = read_scored_run(connection, *queue.current(connection))  # type: ignore[misc]
        for repeat, asked in ((0.0, False), (1e-9, True)):
            shares = Shares(0.1, repeat, 0)
            looks = second_looks.woven(connection, run, range(1, 25), shares, min_p_wrong=0.3, reviewer="ann")
            assert (Look(1, "doubted", "amecro") in looks) == asked
    workspace.close()


def test_a_look_that_was_answered_meanwhile_is_not_open(any_workspace: Workspace) -> None:
    add_clips(any_workspace, MANY)
    with any_workspace.read() as connection:
        assert is_open(connection, "ann", Look(1, "blind", "amecro"))
        assert not is_open(connection, "ann", Look(1, "again", "amecro")), "there was no first look"
    for number in range(1, second_looks.LEAST_BETWEEN + 2):
        say(any_workspace, number, "present")
    with any_workspace.read() as connection:
        assert not is_open(connection, "ann", Look(1, "blind", "amecro"))
        assert is_open(connection, "ann", Look(1, "again", "amecro"))
        assert not is_open(connection, "bob", Look(1, "again", "amecro"))
    say(any_workspace, 1, "absent")
    with any_workspace.read() as connection:
        assert not is_open(connection, "ann", Look(1, "again", "amecro"))


# ---- what they say


def test_of_nobody_there_is_nothing_to_say(workspace: Workspace) -> None:
    with workspace.read() as connection:
        found = findings(connection, "ann")
    assert (found.consistent, found.by_verdict, found.shown, found.blind) == (Share(), {}, Share(), Share())
    assert found.pull is None


def test_consistency_by_verdict(any_workspace: Workspace) -> None:
    add_clips(any_workspace, MANY)
    pairs = [("absent", "absent"), ("absent", "present"), ("present", "present"), ("unsure", "absent")]
    firsts = [say(any_workspace, number, first) for number, (first, _) in enumerate(pairs, start=1)]
    for number, (_, second) in enumerate(pairs, start=1):
        say(any_workspace, number, second, shown=Shown(second_look=firsts[number - 1]))
    taken_back = say(any_workspace, 3, "absent", shown=Shown(second_look=firsts[2]))
    undo_at(any_workspace, taken_back, "ann", "undo")
    with any_workspace.read() as connection:
        found = findings(connection, "ann")
        assert findings(connection, "bob").consistent == Share()
    assert found.consistent == Share(2, 4)
    assert found.by_verdict == {"present": Share(1, 1), "absent": Share(1, 2), "unsure": Share(0, 1)}


def test_pull_compares_suspects_seen_with_suspects_asked_blind(any_workspace: Workspace) -> None:
    add_clips(any_workspace, MANY)
    suspect = Shown(kind="false")
    for number, verdict in enumerate(("absent", "absent", "absent", "present"), start=1):  # listed: absent follows
        say(any_workspace, number, verdict, shown=suspect)
    say(any_workspace, 5, "present", "balori", shown=Shown(kind="missing"))  # unlisted: present follows
    say(any_workspace, 6, "absent", shown=replace(suspect, blind=True))
    say(any_workspace, 7, "unsure", shown=replace(suspect, blind=True))
    say(any_workspace, 4, "absent", shown=suspect)  # not the first
    say(any_workspace, 8, "absent")  # no suspect
    for number in (9, 10):
        say(any_workspace, number, "absent", shown=suspect, batch_id="sweep")  # nobody listened
    say(any_workspace, 11, "present", shown=suspect, batch_id="rest")
    say(any_workspace, 12, "absent", shown=replace(suspect, audit=True))  # drawn at random: no suspect
    with any_workspace.read() as connection:
        found = findings(connection, "ann")
    assert (found.shown, found.blind) == (Share(4, 6), Share(1, 2))
    assert found.pull is not None
    assert found.pull.value == pytest.approx(4 / 6 - 1 / 2)
    assert found.pull.low < 0 < found.pull.high


def test_of_a_swap_the_model_suggests_the_other_of_what_was_imported(any_workspace: Workspace) -> None:
    add_clips(any_workspace, MANY)
    for number, (code, verdict) in enumerate([("amecro", "absent"), ("amecro", "present"), ("balori", "present")], 1):
        say(any_workspace, number, verdict, code, shown=Shown(kind="swapped"))  # amecro is listed
    with any_workspace.read() as connection:
        assert findings(connection, "ann").shown == Share(2, 3)
