"""finding.py: what is alike comes first, what is decided or overlaps not at all, and verdicts better the order."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from labeling import journal
from labeling.embeddings import search
from labeling.embeddings.search import make_index
from labeling.embeddings.space import open_space
from labeling.errors import DataError, UnknownName
from labeling.records import Decision, Region
from labeling.search.finding import Answer, more_like
from labeling.search.query import Example, Query
from labeling.workspace import Workspace
from tests.support.workspaces.planted import Planted, plant


def ask(workspace: Workspace, query: Query, count: int = 1000) -> Answer:
    with workspace.read() as connection:
        return more_like(workspace, connection, query, count)


def decide(workspace: Workspace, said: dict[int, str], code: str = "rare") -> None:
    journal.append(
        workspace,
        [Decision(journal.new_event_id(), "ann", clip, code, verdict, batch_id="b") for clip, verdict in said.items()],
    )


def query_of(planted: Planted, **more: object) -> Query:
    given: dict[str, object] = {"class_code": "rare", "examples": (planted.example(),), "among": "labelled"}
    return Query("toy", **(given | more))  # type: ignore[arg-type]


def test_each_clip_comes_once_by_its_most_alike_stretch(workspace: Workspace) -> None:
    planted = plant(workspace)
    answer = ask(workspace, query_of(planted))
    clips = [one.clip_id for one in answer.found]
    assert len(clips) == len(set(clips)) == 119 == answer.among  # all but the example's own
    wanted = set(planted.clips) - {planted.example().clip_id}
    assert set(clips[: len(wanted)]) == wanted
    assert all(one.onset_s == planted.clips[one.clip_id] for one in answer.found[: len(wanted)])
    space = open_space(workspace, "toy")
    example = space.vectors[space.rows_of(planted.example().clip_id)][int(planted.example().onset_s)]
    first = answer.found[0]
    row = space.rows_of(first.clip_id).start + int(first.onset_s)
    assert first.similarity == pytest.approx(float(example.astype(float) @ space.vectors[row].astype(float)), abs=2e-3)
    assert first.likely is None
    assert answer.outlook is None  # not known yet
    assert not any(one.of_recording for one in answer.found)


def test_what_is_decided_does_not_come_again_and_an_undo_brings_it_back(workspace: Workspace) -> None:
    planted = plant(workspace)
    first = ask(workspace, query_of(planted)).found[0].clip_id
    decide(workspace, {first: "unsure"})
    assert first not in [one.clip_id for one in ask(workspace, query_of(planted)).found]
    assert first in [one.clip_id for one in ask(workspace, query_of(planted, class_code="common", which="all")).found]
    with workspace.read() as connection:
        newest = journal.last_undoable(connection, "ann")
    journal.undo_all(workspace, newest, "ann", "undo")
    assert ask(workspace, query_of(planted)).found[0].clip_id == first


def test_listed_clips_come_where_they_are_asked_for(workspace: Workspace) -> None:
    planted = plant(workspace)
    assert ask(workspace, query_of(planted, class_code="common")).found == ()
    assert len(ask(workspace, query_of(planted, class_code="common", which="false")).found) == 119


def test_a_counter_example_sends_what_is_like_it_to_the_end(workspace: Workspace) -> None:
    planted = plant(workspace)
    quiet = next(clip for clip in range(1, 121) if clip not in planted.clips)
    against = Example(quiet, 3, 5, like=False)
    answer = ask(workspace, query_of(planted, examples=(planted.example(), against)))
    assert quiet not in [one.clip_id for one in answer.found]
    wanted = len(planted.clips) - 1
    assert {one.clip_id for one in answer.found[:wanted]} <= set(planted.clips)
    # and of each clip another stretch is shown than the one that is like it
    turned = ask(workspace, query_of(planted, examples=(Example(quiet, 3, 5), Example(*_stretch(planted), like=False))))
    assert not [one for one in turned.found if planted.clips.get(one.clip_id) == one.onset_s]


def _stretch(planted: Planted) -> tuple[int, float, float]:
    one = planted.example()
    return one.clip_id, one.onset_s, one.offset_s


def test_one_recordist_does_not_fill_the_wall(workspace: Workspace) -> None:
    planted = plant(workspace, rare_of_one=30)
    answer = ask(workspace, query_of(planted))
    busy = [one.clip_id > 120 for one in answer.found]
    assert sum(busy) == 30  # none is lost
    assert sum(busy[:24]) <= 4
    assert sum(busy[24:48]) <= 4


def test_verdicts_make_the_order_better_and_tell_how_many_are_to_come(workspace: Workspace) -> None:
    planted = plant(workspace, clips=300, share=0.2, noise=0.33)
    query = query_of(planted)
    shown = [one.clip_id for one in ask(workspace, query).found]
    before = np.mean([clip in planted.clips for clip in shown[24:64]])
    decide(workspace, {clip: "present" if clip in planted.clips else "absent" for clip in shown[:24]})
    second = ask(workspace, query_of(planted, order="likely"))
    assert (second.accepted, second.rejected) == tuple(
        Counter(c in planted.clips for c in shown[:24])[x] for x in (True, False)
    )
    after = np.mean([one.clip_id in planted.clips for one in second.found[:40]])
    assert after > before
    assert second.outlook is not None
    true = sum(one.clip_id in planted.clips for one in second.found[:20])
    assert second.outlook.of == 20
    assert second.outlook.low <= true <= second.outlook.high
    likely = [one.likely for one in second.found[:20]]
    assert sum(filter(None, likely)) == pytest.approx(second.outlook.expected, abs=1.5)
    unsure = ask(workspace, query_of(planted, order="uncertain")).found[:20]
    assert np.mean([abs((one.likely or 0) - 0.5) for one in unsure]) < np.mean([abs((p or 0) - 0.5) for p in likely])
    varied = ask(workspace, query_of(planted, order="varied")).found[:20]
    space = open_space(workspace, "toy")

    def spread(found: tuple) -> float:  # type: ignore[type-arg]
        rows = [space.rows_of(one.clip_id).start + int(one.onset_s) for one in found]
        vectors = space.vectors[rows].astype(np.float32)
        return float((vectors @ vectors.T).mean())

    assert spread(varied) < spread(second.found[:20])


def test_of_a_recording_each_stretch_is_asked_about_and_a_verdict_marks_it(workspace: Workspace) -> None:
    planted = plant(workspace)
    query = query_of(planted, among="recordings")
    found = ask(workspace, query).found
    assert {(one.clip_id, one.onset_s) for one in found[:6]} == {
        (clip, at) for clip, times in planted.recordings.items() for at in times
    }
    assert all(one.of_recording for one in found)
    spans = sorted((one.clip_id, one.onset_s, one.offset_s) for one in found)
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in itertools.pairwise(spans))  # none overlaps another
    first, second = found[0], found[1]
    journal.append(workspace, [
        Decision("e1", "ann", first.clip_id, "rare", "present", region=Region(first.onset_s, first.offset_s)),
        Decision("e2", "ann", second.clip_id, "rare", "absent", region=Region(second.onset_s, second.offset_s)),
    ])  # fmt: skip
    again = ask(workspace, query)
    assert (again.accepted, again.rejected) == (1, 1)
    for done in (first, second):
        assert not any(
            one.clip_id == done.clip_id and one.onset_s < done.offset_s and one.offset_s > done.onset_s
            for one in again.found
        )
    assert len([one for one in again.found if one.clip_id == first.clip_id]) > 30  # the rest of it is still to be heard
    # and a verdict on the whole of it ends it
    journal.append(workspace, [Decision("e3", "ann", first.clip_id, "rare", "absent")])
    assert first.clip_id not in [one.clip_id for one in ask(workspace, query).found]


def test_the_verified_stretches_of_a_class_are_examples(workspace: Workspace) -> None:
    planted = plant(workspace)
    known = list(planted.clips)[:4]
    decide(workspace, dict.fromkeys(known[:3], "present"))
    at = planted.clips[known[3]]
    journal.append(workspace, [Decision("m", "ann", known[3], "rare", "present", region=Region(at, at + 2))])
    found = ask(workspace, Query("toy", "rare", verified=True, among="labelled")).found
    wanted = set(planted.clips) - set(known)
    assert {one.clip_id for one in found[: len(wanted)]} == wanted


def test_at_random_is_the_same_for_everybody_and_asks_of_all(workspace: Workspace) -> None:
    planted = plant(workspace)
    one, two = (
        ask(workspace, query_of(planted, order="random", examples=given)) for given in ((), (planted.example(),))
    )
    assert [found.clip_id for found in one.found if found.clip_id != planted.example().clip_id] == [
        found.clip_id for found in two.found
    ]
    assert len(one.found) == 120
    assert [found.clip_id for found in one.found] != sorted(found.clip_id for found in one.found)


def test_a_large_space_is_searched_by_its_index_and_finds_the_same(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = plant(workspace)
    exact = ask(workspace, query_of(planted))
    make_index(workspace, "toy", above=100)
    monkeypatch.setattr(search, "EXACT", 100)
    by_index = ask(workspace, query_of(planted))
    assert by_index.by_index
    assert not exact.by_index
    assert [one.clip_id for one in by_index.found[:20]] == [one.clip_id for one in exact.found[:20]]
    decide(workspace, {one.clip_id: "present" for one in exact.found[:5]})
    assert {one.clip_id for one in ask(workspace, query_of(planted, order="likely")).found[:10]} <= set(planted.clips)


def test_what_cannot_be_looked_for_is_said(workspace: Workspace) -> None:
    planted = plant(workspace)
    with pytest.raises(DataError, match="give at least one example"):
        ask(workspace, Query("toy", "rare"))
    with pytest.raises(DataError, match="holds no sound of clip 999; bring it up to date: earmark embed toy"):
        ask(workspace, query_of(planted, examples=(Example(999, 0, 1),)))
    with pytest.raises(DataError, match="is not kept for space 'toy'; bring its file again"):
        ask(workspace, query_of(planted, sounds=("0" * 16,)))
    with pytest.raises(DataError, match="give 1 to 1,000"):
        ask(workspace, query_of(planted), 1001)
    with pytest.raises(UnknownName, match="tiy"):
        ask(workspace, Query("tiy", "rare", (planted.example(),)))
    with pytest.raises(DataError, match="nosuch"):
        ask(workspace, query_of(planted, class_code="nosuch"))
