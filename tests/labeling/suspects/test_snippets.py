"""labeling/suspects/snippets.py"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal, runs
from labeling.collection import store
from labeling.disagreement.stored_ranking import store_ranking
from labeling.errors import DataError
from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.quality.scored_run import read_scored_run
from labeling.records import KINDS, Decision, FrameGrid
from labeling.suspects import snippets
from labeling.suspects.snippets import SNIPPET_S, window
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips

CLIPS = (
    ("a.ogg", ("balori", "amecro")),
    ("b.ogg", ("amecro",)),
    ("c.ogg", ("cangoo",)),
    ("d.ogg", ("balori",)),
    ("e.ogg", ("cangoo",)),
)
#: clip, class, kind, p_wrong, clipwise, framewise_max, onset_s, offset_s; best first
RANKING = (
    (3, "amecro", "missing", 0.95, 0.70, 0.99, 10.0, 11.0),
    (2, "amecro", "swapped", 0.90, 0.05, 0.10, 0.2, 0.6),
    (2, "daejun", "swapped", 0.90, 0.95, 0.97, 5.0, 6.0),
    (4, "amecro", "missing", 0.80, 0.90, 0.95, 19.5, 20.0),
    (1, "amecro", "false", 0.60, 0.10, 0.20, 2.0, 14.0),
    (5, "amecro", "missing", 0.10, 0.30, 0.98, 0.0, 0.0),
)


def rank(workspace: Workspace, rows: Any = RANKING, run_id: str = "") -> str:
    """Store a ranking, of a new run where none is named."""
    if not run_id:
        version = versions.freeze(workspace, "ann")
        run_id = runs.enqueue(workspace, "demo", version.number, worker="w").id
        runs.finish(workspace, run_id, "w", "done")
    clip_id, code, kind, p_wrong, clipwise, framewise_max, onset_s, offset_s = zip(*rows, strict=True)
    with workspace.write() as connection:
        ids = store.class_ids(connection)
        columns: dict[str, Any] = {
            "clip_id": np.array(clip_id),
            "class_id": np.array([ids[one] for one in code]),
            "partner_id": np.zeros(len(rows), np.int64),
            "kind": np.array([KINDS.index(one) for one in kind], np.uint8),
            "label_quality": 1 - np.array(p_wrong, np.float32),
            "p_wrong": np.array(p_wrong, np.float32),
            "clipwise": np.array(clipwise, np.float32),
            "framewise_max": np.array(framewise_max, np.float32),
            "onset_s": np.array(onset_s, np.float64),
            "offset_s": np.array(offset_s, np.float64),
            "fold": np.zeros(len(rows), np.int32),
        }
        store_ranking(connection, run_id, "earmark", columns)
    return run_id


@pytest.fixture
def ranked(any_workspace: Workspace) -> tuple[Workspace, str]:
    """Five clips of 20 s, and the suspects of RANKING."""
    add_clips(any_workspace, CLIPS)
    return any_workspace, rank(any_workspace)


def found(ranked: tuple[Workspace, str], code: str = "amecro", **wanted: Any) -> list[snippets.Snippet]:
    workspace, run_id = ranked
    with workspace.read() as connection:
        return snippets.snippets(connection, workspace, read_scored_run(connection, run_id, "earmark"), code, **wanted)


def clips(ranked: tuple[Workspace, str], **wanted: Any) -> list[int]:
    return [one.suspect.clip_id for one in found(ranked, **wanted)]


def decide(workspace: Workspace, clip_id: int, verdict: str, code: str = "amecro") -> None:
    journal.append(workspace, [Decision(journal.new_event_id(), "ann", clip_id, code, verdict)])


def test_only_the_class_and_in_its_order(ranked: tuple[Workspace, str]) -> None:
    assert clips(ranked) == [3, 2, 4, 1, 5]
    assert clips(ranked, order="clipwise") == [4, 3, 5, 1, 2]
    assert clips(ranked, order="framewise") == [3, 5, 4, 1, 2]
    assert clips(ranked, min_p_wrong=0.55) == [3, 2, 4, 1]
    assert [one.suspect.clip_id for one in found(ranked, "daejun")] == [2]
    assert found(ranked, "balori") == []


def test_listed_or_not_is_as_imported_also_in_a_swap(ranked: tuple[Workspace, str]) -> None:
    assert clips(ranked, which="missing") == [3, 4, 5]
    assert clips(ranked, which="false") == [2, 1]
    assert {one.suspect.clip_id: one.role for one in found(ranked)} == {
        3: "",
        2: "primary",
        4: "",
        1: "secondary",
        5: "",
    }
    (swapped_in,) = found(ranked, "daejun", which="missing")
    assert (swapped_in.role, swapped_in.suspect.kind) == ("", "swapped")
    assert found(ranked, "daejun", which="false") == []


def test_the_limit_is_filled_though_others_come_between(ranked: tuple[Workspace, str]) -> None:
    assert clips(ranked, which="false", limit=1) == [2]
    assert clips(ranked, which="false", limit=2) == [2, 1]
    assert clips(ranked, which="missing", limit=2) == [3, 4]
    assert clips(ranked, limit=3) == [3, 2, 4]


def test_the_decided_come_last_and_say_so(ranked: tuple[Workspace, str]) -> None:
    workspace, _ = ranked
    decide(workspace, 3, "absent")
    decide(workspace, 4, "unsure")
    decide(workspace, 3, "present", "daejun")
    assert [(one.suspect.clip_id, one.verdict) for one in found(ranked)] == [
        (2, ""), (1, ""), (5, ""), (3, "absent"), (4, "unsure"),
    ]  # fmt: skip
    assert clips(ranked, limit=4) == [2, 1, 5, 3]
    assert clips(ranked, status="open") == [2, 1, 5]
    assert clips(ranked, status="decided", order="clipwise") == [4, 3]
    with workspace.read() as connection:
        assert snippets.verdicts(connection, "amecro") == {3: "absent", 4: "unsure"}
        assert snippets.verdicts(connection, "balori") == {}


def test_windows_lie_around_what_speaks(ranked: tuple[Workspace, str]) -> None:
    windows = {one.suspect.clip_id: (one.from_s, one.to_s) for one in found(ranked)}
    assert windows == {
        3: (9.0, 12.0),  # the middle is 10.5
        2: (0.0, 3.0),  # not before the clip
        4: (17.0, 20.0),  # not past its end
        1: (6.5, 9.5),  # a long stretch without predictions at hand: its middle
        5: (0.0, 3.0),  # no frames: the beginning
    }


def test_of_a_long_stretch_the_highest_seconds_are_taken(ranked: tuple[Workspace, str]) -> None:
    workspace, run_id = ranked
    frames = np.zeros((40, 1), np.float32)  # half a second each
    frames[:, 0] = 0.5
    frames[22:27, 0] = [0.6, 0.9, 1.0, 0.9, 0.6]  # 11 to 13.5 s: a window of six frames holds all five from 21 or 22 on
    frames[36, 0] = 1.0  # beyond the stretch
    write_oof(
        workspace.run_dir(run_id) / "oof.zarr", clip_ids=[1], filenames=["a.ogg"], classes=["amecro"],
        clipwise=np.array([[0.1]], np.float32), framewise=[frames], fold=[0], grid=FrameGrid(0.0, 0.5, 0.5),
        label_version=1, label_hash="h",
    )  # fmt: skip
    windows = {one.suspect.clip_id: (one.from_s, one.to_s) for one in found(ranked)}
    assert windows[1] == (10.5, 13.5)
    assert windows[3] == (9.0, 12.0)  # short, and not predicted here
    rescored = [(*row[:-2], 2.0, 10.0) if row[0] == 1 else row for row in RANKING]  # another stretch, the same frames
    again = rank(workspace, rescored, run_id)
    assert {one.suspect.clip_id: one.from_s for one in found((workspace, again))}[1] == 2.0


@given(middle_s=st.floats(-5, 500), duration_s=st.floats(0, 500))
def test_a_window_lies_in_the_clip_and_holds_the_middle(middle_s: float, duration_s: float) -> None:
    from_s, to_s = window(middle_s, duration_s)
    assert 0 <= from_s <= to_s
    if duration_s > 0:
        assert to_s <= duration_s
        assert to_s - from_s == pytest.approx(min(SNIPPET_S, duration_s))
        if 0 <= middle_s <= duration_s:
            assert from_s - 1e-9 <= middle_s <= to_s + 1e-9


def test_what_is_not_there_is_said(ranked: tuple[Workspace, str]) -> None:
    with pytest.raises(DataError, match="unknown class 'amecra'"):
        found(ranked, "amecra")
    for wanted in ({"which": "odd"}, {"order": "rating"}, {"status": "new"}):
        with pytest.raises(DataError, match=f"{next(iter(wanted.values()))}"):
            found(ranked, **wanted)
    with ranked[0].read() as connection, pytest.raises(DataError):
        snippets.verdicts(connection, "amecra")
