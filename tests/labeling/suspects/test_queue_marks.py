"""labeling/suspects/queue.py: what marks do to a queue, and what is to do and done in each class."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from labeling.errors import DataError
from labeling.records import Shown
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import says
from tests.support.workspaces.ranked import ALL, decide, demo, make_queue, ranks

# RANKING by clip: clip 1 has ranks 2, 3, 5; clip 2 rank 4; clip 3 ranks 1 and 7; clip 4 rank 6
RUN = ("001-demo", "earmark")


@pytest.fixture
def queued(any_workspace: Workspace) -> Workspace:
    return make_queue(any_workspace)


@pytest.fixture
def marked(queued: Workspace) -> Workspace:
    """Bob flags clip 2, Ann notes on clip 3, Ann puts clip 1 off and skips clip 4, Bob skips clip 3."""
    for number, (reviewer, clip_id, kind) in enumerate(
        [("bob", 2, "flag"), ("ann", 3, "note"), ("ann", 1, "later"), ("ann", 4, "skip"), ("bob", 3, "skip")]
    ):
        marks.add(queued, Mark(f"m{number}", reviewer, clip_id, kind, "hm" if kind == "note" else ""))
    return queued


def progress(workspace: Workspace, **wanted: Any) -> dict[str, tuple[int, int, dict[str, int]]]:
    with workspace.read() as connection:
        rows = queue.progress_by_class(connection, demo(connection), QueueFilter(**wanted))
    return {row.code: (row.to_do, row.decided, {k: n for k, n in row.by_kind.items() if n}) for row in rows}


def test_a_clip_that_one_skips_is_not_to_do_for_oneself_alone(marked: Workspace) -> None:
    assert ranks(marked, QueueFilter(reviewer="ann")) == [1, 2, 3, 4, 5, 7]
    assert ranks(marked, QueueFilter(reviewer="bob")) == [2, 3, 4, 5, 6]
    assert ranks(marked, QueueFilter(reviewer="cyd")) == ranks(marked, QueueFilter()) == [1, 2, 3, 4, 5, 6, 7]
    assert ranks(marked, QueueFilter(reviewer="ann", status="all")) == [1, 2, 3, 4, 5, 6, 7]
    decide(marked, 4, "amecro")
    assert ranks(marked, QueueFilter(reviewer="ann", status="decided")) == [6]
    with marked.read() as connection:
        assert queue.worklist(connection, demo(connection), QueueFilter(reviewer="bob")) == [1, 2]


def test_each_mark_has_its_filter(marked: Workspace) -> None:
    for reviewer, kinds, left in (
        ("ann", ("flag",), [4]),
        ("bob", ("flag",), [4]),
        ("", ("flag",), [4]),
        ("ann", ("note",), [1, 7]),
        ("ann", ("later",), [2, 3, 5]),
        ("bob", ("later",), []),
        ("ann", ("skip",), [6]),
        ("bob", ("skip",), [1, 7]),
        ("bob", ("note",), []),  # bob skipped the clip that has one
        ("bob", ("note", "skip"), [1, 7]),
        ("ann", ("flag", "later"), [2, 3, 4, 5]),
    ):
        assert ranks(marked, QueueFilter(reviewer=reviewer, marks=kinds)) == left, (reviewer, kinds)
    assert ranks(marked, QueueFilter(reviewer="ann", marks=("later",), kinds=("false",), order="filename")) == [5]


def test_what_was_taken_back_counts_no_more(marked: Workspace) -> None:
    with marked.read() as connection:
        skip = next(one for one in marks.of_clip(connection, 4, "ann") if one.kind == "skip")
    marks.remove(marked, skip.id, "ann", "back")
    assert ranks(marked, QueueFilter(reviewer="ann")) == [1, 2, 3, 4, 5, 6, 7]
    assert ranks(marked, QueueFilter(reviewer="ann", marks=("skip",))) == []


def test_an_unknown_mark_is_refused() -> None:
    with pytest.raises(DataError, match=r"unknown kind of mark 'flagg'.* Did you mean 'flag'"):
        QueueFilter(marks=("flagg",))


def test_what_is_to_do_and_done_in_each_class(queued: Workspace) -> None:
    assert progress(queued) == {
        "amecro": (3, 0, {"missing": 1, "false": 1, "swapped": 1}),
        "balori": (2, 0, {"missing": 1, "false": 1}),
        "cangoo": (1, 0, {"swapped": 1}),
        "daejun": (1, 0, {"missing": 1}),
    }
    decide(queued, 3, "amecro", "present")
    decide(queued, 2, "daejun", "unsure")
    decide(queued, 2, "cangoo")  # no suspect
    after = progress(queued)
    assert after["amecro"] == (2, 1, {"false": 1, "swapped": 1})
    assert after["daejun"] == (0, 1, {})
    assert list(after) == ["amecro", "balori", "cangoo", "daejun"]  # most to do first
    assert progress(queued, classes=("balori",), status="decided") == after  # what one chooses among
    assert set(progress(queued, kinds=("swapped",))) == {"amecro", "cangoo"}
    assert progress(queued, min_p_wrong=0.99) == {}


def test_skipped_suspects_are_neither_to_do_nor_done(marked: Workspace) -> None:
    assert progress(marked, reviewer="ann")["amecro"] == (2, 0, {"missing": 1, "swapped": 1})
    decide(marked, 4, "amecro")
    assert progress(marked, reviewer="ann")["amecro"] == (2, 1, {"missing": 1, "swapped": 1})


def test_a_page_says_what_the_queue_the_counts_and_the_progress_say(marked: Workspace) -> None:
    decide(marked, 1, "balori")
    for wanted in (ALL, QueueFilter(reviewer="ann"), QueueFilter(classes=("amecro",), order="rating")):
        with marked.read() as connection:
            whole = queue.rows(connection, demo(connection), wanted)
            page = queue.page(connection, demo(connection), wanted, size=3)
            assert list(page.rows) == whole[:3]
            assert page.total == len(whole)
            assert page.clips == len({row.suspect.clip_id for row in whole})
            assert page.by_kind == Counter(row.suspect.kind for row in whole)
            assert page.by_kind == queue.count(connection, demo(connection), wanted)
            assert page.by_class == queue.progress_by_class(connection, demo(connection), wanted)
    with marked.read() as connection:
        assert queue.page(connection, demo(connection), QueueFilter(reviewer="ann")).skipped == 1
        assert queue.page(connection, demo(connection), QueueFilter(reviewer="bob")).skipped == 2
        none = queue.page(connection, demo(connection), QueueFilter(search="nowhere"))
        assert (none.total, list(none.rows)) == (0, [])


def test_what_people_disagree_on_whatever_its_likelihood(queued: Workspace) -> None:
    says(queued, "ann", "present", 3, "balori")
    says(queued, "bob", "absent", 3, "balori")  # rank 7, of 0.10
    says(queued, "ann", "present", 1, "cangoo")
    says(queued, "bob", "present", 1, "cangoo")
    disputed = QueueFilter(status="disputed", min_p_wrong=0.3)
    assert ranks(queued, disputed) == [7]
    says(queued, "zoe", "absent", 3, "balori", shown=Shown(adjudication=True))
    assert ranks(queued, disputed) == []
    says(queued, "cleo", "present", 3, "balori")
    assert ranks(queued, disputed) == [7]
