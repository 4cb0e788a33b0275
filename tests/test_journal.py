"""labeling/journal.py"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import CLIPS, add_clips, copy_of
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling import database as db
from labeling import journal, store, versions
from labeling.errors import DataError, StaleDecision, WorkspaceError
from labeling.records import CellState, Decision, Labels, Region
from labeling.workspace import Workspace, open_workspace

ROOT = Path(__file__).resolve().parent.parent
CODES = ("amecro", "balori", "cangoo", "daejun")
REGIONS = (Region(0.0, 1.0), Region(2.0, 5.5, 500.0, 8000.0))


def decide(clip_id: int = 1, code: str = "amecro", verdict: str = "absent", **more: object) -> Decision:
    """A decision by ann, with a fresh event id unless one is given."""
    values = {"event_id": journal.new_event_id(), "reviewer": "ann"} | more
    return Decision(clip_id=clip_id, class_code=code, verdict=verdict, **values)  # type: ignore[arg-type]


def state_of(workspace: Workspace, clip_id: int = 1, code: str = "amecro") -> CellState:
    with workspace.read() as connection:
        return journal.cell_state(connection, clip_id, code)


def rows(workspace: Workspace, table: sa.Table) -> list[tuple[object, ...]]:
    with workspace.read() as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(table)))


# ---- what one decision does


def test_a_decision_is_stored_as_it_was_given(any_collection: Workspace) -> None:
    given_one = decide(
        verdict="present",
        role="primary",
        region=Region(1.5, 3.25, 1000.0, 4000.0),
        note="faint; behind the wren",
        run_id="001-demo",
        shown={"label_quality": 0.125, "kind": "missing"},
        seen_position=0,
        batch_id="b1",
    )
    stored = journal.append(any_collection, [given_one])[0]
    assert stored.position == 1
    assert stored.created_at.endswith("+00:00")
    assert replace(stored, position=0, created_at="") == given_one
    with any_collection.read() as connection:
        assert journal.clip_history(connection, 1) == [stored]
        assert journal.position(connection) == 1


def test_a_verdict_overrides_the_imported_label_and_undo_brings_it_back(any_collection: Workspace) -> None:
    assert state_of(any_collection).present
    stored = journal.append(any_collection, [decide(verdict="absent")])[0]
    state = state_of(any_collection)
    assert (state.present, state.listed, state.verdict, state.reviewer) == (False, True, "absent", "ann")
    taken_back = journal.undo(any_collection, stored.position, "bob", "e2")
    state = state_of(any_collection)
    assert (state.present, state.verdict, state.position) == (True, "", taken_back.position)
    journal.undo(any_collection, taken_back.position, "ann", "e3")
    assert state_of(any_collection).verdict == "absent"


def test_unsure_is_neither_present_nor_forgotten(collection: Workspace) -> None:
    journal.append(collection, [decide(verdict="unsure")])
    state = state_of(collection)
    assert (state.present, state.unsure, state.role) == (False, True, "primary")


def test_an_added_class_is_secondary_unless_called_primary(collection: Workspace) -> None:
    journal.append(
        collection, [decide(code="cangoo", verdict="present"), decide(2, "cangoo", "present", role="primary")]
    )
    assert state_of(collection, 1, "cangoo").role == "secondary"
    assert state_of(collection, 2, "cangoo").role == "primary"


def test_regions_are_kept_until_the_class_is_called_absent(collection: Workspace) -> None:
    first, second = (decide(code="cangoo", verdict="present", region=region) for region in REGIONS)
    quiet = decide(code="cangoo", verdict="absent", region=Region(8.0, 9.0))
    journal.append(collection, [first, second, quiet])
    state = state_of(collection, 1, "cangoo")
    assert (state.present, state.events, state.quiet) == (True, REGIONS, (Region(8.0, 9.0),))
    gone = journal.append(collection, [decide(code="cangoo", verdict="absent")])[0]
    state = state_of(collection, 1, "cangoo")
    assert (state.present, state.events, state.quiet) == (False, (), ())
    journal.undo(collection, gone.position, "ann", "back")
    assert state_of(collection, 1, "cangoo").events == REGIONS


def test_a_quiet_region_says_nothing_of_the_rest_of_the_clip(collection: Workspace) -> None:
    journal.append(collection, [decide(verdict="absent", region=Region(0.0, 2.0))])
    state = state_of(collection)
    assert (state.present, state.verdict, state.quiet) == (True, "", (Region(0.0, 2.0),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "maybe"}, "unknown verdict 'maybe'; choose from present, absent, unsure"),
        ({"verdict": "undo"}, "unknown verdict 'undo'"),
        ({"reviewer": "  "}, "needs a reviewer's name"),
        ({"event_id": ""}, "needs an event_id"),
        ({"role": "main"}, "unknown role 'main'"),
        ({"clip_id": 99}, "no clip 99"),
        ({"class_code": "amecor"}, r"unknown class 'amecor'; choose from .*Did you mean 'amecro'\?"),
        ({"region": Region(19.0, 20.2)}, r"region ends at 20\.20 s, after the end of amecro/XC1\.ogg \(20\.00 s\)"),
        ({"verdict": "undo", "undoes": 7}, "no decision 7 in the journal"),
        ({"verdict": "undo", "undoes": 1, "class_code": "balori"}, "decision 1 is on amecro in clip 1"),
    ],
)
def test_a_wrong_decision_is_refused_with_all_of_its_call(
    collection: Workspace, change: dict[str, object], message: str
) -> None:
    journal.append(collection, [decide()])
    with pytest.raises(DataError, match=message):
        journal.append(collection, [decide(2), replace(decide(), **change)])  # type: ignore[arg-type]
    with collection.read() as connection:
        assert journal.position(connection) == 1


def test_a_region_may_end_a_frame_past_the_sound(collection: Workspace) -> None:
    journal.append(collection, [decide(verdict="present", region=Region(19.0, 20.04))])
    assert state_of(collection).events == (Region(19.0, 20.04),)


def test_undo_of_a_decision_that_is_not_there(collection: Workspace) -> None:
    with pytest.raises(DataError, match="no decision 5 in the journal; nothing was undone"):
        journal.undo(collection, 5, "ann", "e")


def test_labels_are_data(any_workspace: Workspace) -> None:
    codes = (
        "<script>alert(1)</script>",
        'a "quoted", comma',
        "=cmd|' /C calc'!A0",
        "'; DROP TABLE decisions; --",
        "🦉 ëlf owl",
        "100%_sure\\",
        "{{x}} %(y)s :z ?",
        "two\nlines",
    )
    add_clips(any_workspace, tuple((f"{code}.ogg", (code,)) for code in codes), names={})
    for clip_id, code in enumerate(codes, start=1):
        one = decide(clip_id, code, "unsure", note=code, reviewer=code, shown={code: code}, event_id=code)
        stored = journal.append(any_workspace, [one])[0]
        with any_workspace.read() as connection:
            assert journal.clip_history(connection, clip_id) == [stored]
            assert journal.cell_state(connection, clip_id, code).unsure
            assert [clip.code for clip in journal_classes(connection)] == sorted(codes, key=str)
    assert stored.class_code == stored.note == codes[-1]
    assert len(rows(any_workspace, db.cells)) == len(codes)


def journal_classes(connection: sa.Connection) -> list[store.LabelClass]:
    return sorted(store.all_classes(connection), key=lambda one: one.code)


def test_a_name_that_is_no_unicode_is_an_error_not_a_traceback(collection: Workspace) -> None:
    with pytest.raises(DataError, match="not valid Unicode"):
        journal.append(collection, [decide(note="\udcff")])
    with collection.read() as connection:
        assert journal.position(connection) == 0


def test_numbers_that_json_lacks_are_stored_as_null(any_collection: Workspace) -> None:
    journal.append(any_collection, [decide(shown={"p_wrong": float("nan"), "rows": [float("inf"), 1.5]})])
    with any_collection.read() as connection:
        assert journal.clip_history(connection, 1)[0].shown == {"p_wrong": None, "rows": [None, 1.5]}


# ---- retries and stale screens


def test_an_event_id_is_one_decision_however_often_it_comes(any_collection: Workspace) -> None:
    one = decide(event_id="press-1", seen_position=0)
    first = journal.append(any_collection, [one])[0]
    again = journal.append(any_collection, [one, one])
    assert [entry.position for entry in again] == [first.position] * 2
    assert again[0].created_at == first.created_at
    assert len(rows(any_collection, db.decisions)) == 1
    journal.append(any_collection, [decide(2, event_id="press-2"), decide(2, event_id="press-2")])
    assert len(rows(any_collection, db.decisions)) == 2


def test_the_second_of_two_tabs_is_asked_again(any_collection: Workspace) -> None:
    journal.append(any_collection, [decide(verdict="absent", reviewer="ann", seen_position=0)])
    with pytest.raises(
        StaleDecision, match=r"amecro in amecro/XC1\.ogg was set to absent by ann in the meantime"
    ) as caught:
        journal.append(any_collection, [decide(verdict="present", reviewer="bob", seen_position=0)])
    assert caught.value.state == state_of(any_collection)
    assert state_of(any_collection).verdict == "absent"
    seen = caught.value.state.position
    journal.append(any_collection, [decide(verdict="present", reviewer="bob", seen_position=seen)])
    assert state_of(any_collection).reviewer == "bob"


def test_a_stale_entry_stores_nothing_of_its_call(collection: Workspace) -> None:
    journal.append(collection, [decide()])
    with pytest.raises(StaleDecision):
        journal.append(collection, [decide(2, seen_position=0), decide(1, seen_position=0)])
    assert len(rows(collection, db.decisions)) == 1


def test_another_cell_makes_nothing_stale(collection: Workspace) -> None:
    journal.append(collection, [decide(2), decide(1, "balori")])
    journal.append(collection, [decide(1, "amecro", seen_position=0)])


def test_entries_of_one_call_do_not_make_each_other_stale(collection: Workspace) -> None:
    both = [decide(code="cangoo", verdict="present", region=region, seen_position=0) for region in REGIONS]
    journal.append(collection, both)
    assert state_of(collection, 1, "cangoo").events == REGIONS


# ---- undo


def test_undo_goes_back_one_step_of_ones_own_at_a_time(collection: Workspace) -> None:
    journal.append(collection, [decide(1), decide(1, "balori")])
    journal.append(collection, [decide(2, reviewer="bob")])
    journal.append(collection, [decide(3, batch_id="b"), decide(4, "cangoo", batch_id="b")])
    undone = []
    for number in range(4):
        with collection.read() as connection:
            last = journal.last_undoable(connection, " ann ")
        undone.append([one.position for one in last])
        journal.undo_all(collection, last, "ann", f"undo-{number}")
    assert undone == [[4, 5], [2], [1], []]
    with collection.read() as connection:
        assert [one.position for one in journal.last_undoable(connection, "bob")] == [3]


def test_an_undo_of_many_that_is_retried_adds_nothing(collection: Workspace) -> None:
    stored = journal.append(collection, [decide(1), decide(2)])
    first = journal.undo_all(collection, stored, "ann", "batch")
    assert journal.undo_all(collection, stored, "ann", "batch") == first
    assert [one.undoes for one in first] == [2, 1]


# ---- the clip's labels as a list


def states(*given_states: tuple[str, str, bool, str, int]) -> list[CellState]:
    return [
        CellState(1, code, imported, present, False, role, "present" if at else "", position=at)
        for code, imported, present, role, at in given_states
    ]


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (states(("a", "primary", True, "primary", 0), ("b", "secondary", True, "secondary", 0)), ("a", ("a", "b"))),
        (states(("a", "primary", False, "primary", 1), ("b", "secondary", True, "secondary", 0)), ("b", ("b",))),
        (
            states(
                ("a", "primary", False, "primary", 1),
                ("b", "secondary", True, "secondary", 0),
                ("c", "", True, "secondary", 2),
            ),
            ("c", ("c", "b")),
        ),
        (states(("a", "primary", True, "primary", 0), ("c", "", True, "primary", 2)), ("c", ("c", "a"))),
        (states(("a", "primary", False, "primary", 1)), ("", ())),
        (states(("a", "secondary", True, "secondary", 0)), ("", ("a",))),
    ],
)
def test_the_primary_class_after_decisions(cells: list[CellState], wanted: tuple[str, tuple[str, ...]]) -> None:
    assert journal.resolve(cells) == wanted


def test_an_unsure_primary_stays_as_imported() -> None:
    unsure = CellState(1, "a", "primary", False, True, "primary", "unsure", position=1)
    assert journal.resolve([unsure]) == ("a", ("a",))


# ---- insert-only


@pytest.mark.parametrize("table", ["decisions", "label_versions", "imported_labels"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}"])
def test_the_database_itself_refuses_changes(any_collection: Workspace, table: str, statement: str) -> None:
    journal.append(any_collection, [decide()])
    versions.freeze(any_collection, "ann")
    column = {"decisions": "note = 'x'", "label_versions": "note = 'x'", "imported_labels": "place = 9"}[table]
    before = rows(any_collection, db.metadata.tables[table])
    assert before
    with pytest.raises(WorkspaceError, match=f"{table} is insert-only"), any_collection.write() as connection:
        connection.exec_driver_sql(statement.format(table, column))
    assert rows(any_collection, db.metadata.tables[table]) == before


@pytest.mark.postgres
def test_postgresql_refuses_truncate(postgres_workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="insert-only"), postgres_workspace.write() as connection:
        connection.exec_driver_sql("TRUNCATE decisions CASCADE")


# ---- properties, against a model that knows nothing of the code


class Model:
    """The journal as a plain list, folded by the rules as they are written down."""

    def __init__(self) -> None:
        self.entries: list[Decision] = []

    def counts(self, index: int) -> bool:
        """Whether the entry stands: no later entry that itself stands takes it back."""
        position = index + 1
        return not any(
            later.undoes == position and self.counts(place) for place, later in enumerate(self.entries) if place > index
        )

    def cell(self, clip_id: int, code: str, upto: int | None = None) -> tuple[object, ...]:
        """(present, unsure, verdict, events, quiet) of a cell at a position."""
        model = Model()
        model.entries = self.entries[:upto]
        listed = code in CLIPS[clip_id - 1][1]
        verdict, events, quiet = "", [], []
        for index, one in enumerate(model.entries):
            if (one.clip_id, one.class_code) != (clip_id, code) or one.undoes or not model.counts(index):
                continue
            if one.region and one.verdict == "present":
                events.append(one.region)
                verdict = "present"
            elif one.region and one.verdict == "absent":
                quiet.append(one.region)
            elif one.region is None:
                verdict = one.verdict
                if verdict != "present":
                    events, quiet = [], []
        present = listed if verdict == "" else verdict == "present"
        return present, verdict == "unsure", verdict, tuple(events), tuple(quiet)

    def last_change(self, clip_id: int, code: str) -> int:
        mine = [i + 1 for i, one in enumerate(self.entries) if (one.clip_id, one.class_code) == (clip_id, code)]
        return max(mine, default=0)


CELLS = [(clip_id, code) for clip_id in (1, 2) for code in CODES[:3]]
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("decide"),
            st.sampled_from(CELLS),
            st.sampled_from(["present", "absent", "unsure"]),
            st.sampled_from([None, None, *REGIONS]),
            st.sampled_from([None, 0, 1, 2]),  # how old the screen was
        ),
        st.tuples(st.just("undo"), st.integers(0, 40)),
        st.tuples(st.just("repeat"), st.integers(0, 40)),
        st.tuples(st.just("freeze")),
        st.tuples(st.just("import")),
    ),
    max_size=14,
)


def same_labels(one: Labels, other: Labels) -> bool:
    """What a training sees, compared by class code."""

    def cells(labels: Labels) -> object:
        named = []
        for row, filename in enumerate(labels.filenames):
            marks = [
                (code, bool(labels.present[row, c]), bool(labels.unsure[row, c]), bool(labels.reviewed[row, c]))
                for c, code in enumerate(labels.classes)
            ]
            # of a present class it makes no difference whether a person confirmed it
            marks = [(code, p, u, r and not p) for code, p, u, r in marks if p or u or r]
            primary = labels.classes[labels.primary[row]] if labels.primary[row] >= 0 else ""
            events = sorted(
                repr((labels.classes[e.class_index], e.region, e.present)) for e in labels.events if e.clip_index == row
            )
            named.append((filename, primary, marks, events))
        return named

    return cells(one) == cells(other)


@settings(max_examples=60)
@given(steps=STEPS)
def test_any_history_folds_as_written_down(blank: Path, steps: list[tuple]) -> None:
    with copy_of(blank) as workspace:
        _run_history(workspace, steps)


def _run_history(workspace: Workspace, steps: Sequence[tuple]) -> None:
    model = Model()
    seen: list[tuple[int, int, Labels]] = []  # (position, import, labels then)
    frozen: list[tuple[int, Labels]] = []
    imports = 1
    for number, step in enumerate(steps):
        if step[0] == "decide":
            _, (clip_id, code), verdict, region, age = step
            saw = None if age is None else max(0, len(model.entries) - age)
            one = decide(clip_id, code, verdict, region=region, seen_position=saw, event_id=f"e{number}")
            if saw is not None and model.last_change(clip_id, code) > saw:
                with pytest.raises(StaleDecision) as caught:
                    journal.append(workspace, [one])
                assert caught.value.state.position == model.last_change(clip_id, code)
            else:
                stored = journal.append(workspace, [one])[0]
                model.entries.append(one)
                assert stored.position == len(model.entries)
        elif step[0] == "undo" and model.entries:
            target = step[1] % len(model.entries) + 1
            model.entries.append(journal.undo(workspace, target, "bob", f"e{number}"))
        elif step[0] == "repeat" and model.entries:
            known = model.entries[step[1] % len(model.entries)]
            assert journal.append(workspace, [known])[0].event_id == known.event_id
        elif step[0] == "freeze":
            version = versions.freeze(workspace, "ann")
            with workspace.read() as connection:
                frozen.append((version.number, versions.labels_of_version(connection, version.number)))
        elif step[0] == "import":
            imports = add_clips(workspace, ((f"new/{number}.ogg", ("daejun", f"class{number}")),), names={})
        with workspace.read() as connection:
            assert journal.position(connection) == len(model.entries)
            labels = versions.labels_at(connection)
            seen.append((len(model.entries), imports, labels))

    with workspace.read() as connection:
        found = {}
        for clip_id, code in CELLS:
            state = journal.cell_state(connection, clip_id, code)
            wanted = model.cell(clip_id, code)
            assert (state.present, state.unsure, state.verdict, state.events, state.quiet) == wanted
            assert state.position == model.last_change(clip_id, code)
            if wanted[2]:
                found[clip_id, code] = wanted[2]
        query = sa.select(db.cells.c.clip_id, db.classes.c.code, db.cells.c.verdict).join(
            db.classes, db.classes.c.id == db.cells.c.class_id
        )
        assert {(row.clip_id, row.code): row.verdict for row in connection.execute(query)} == found

        for position, import_id, labels in seen:  # later entries and imports change nothing that was
            now = versions.labels_at(connection, position, import_id)
            assert same_labels(now, labels)
            assert now.content_hash == labels.content_hash
            for clip_id, code in CELLS:
                present, unsure, verdict, *_ = model.cell(clip_id, code, position)
                cell = clip_id - 1, now.classes.index(code)
                assert (now.present[cell], now.unsure[cell], now.reviewed[cell]) == (present, unsure, verdict != "")
        for number, labels in frozen:
            now = versions.labels_of_version(connection, number)
            assert now.filenames == labels.filenames
            assert now.content_hash == labels.content_hash == versions.get_version(connection, number).content_hash
            assert same_labels(now, labels)
        for one in seen:
            for other in seen:
                assert (one[2].content_hash == other[2].content_hash) == same_labels(one[2], other[2])


# ---- many at once


def test_twenty_reviewers_at_once_lose_and_double_nothing(any_collection: Workspace) -> None:
    def review(reviewer: int) -> list[Decision]:
        mine = []
        for number in range(4):
            one = decide(
                1 + (reviewer + number) % 4, CODES[number], reviewer=f"r{reviewer}", event_id=f"{reviewer}-{number}"
            )
            mine += journal.append(any_collection, [one])
            mine += journal.append(any_collection, [one])  # a retry, as after a lost answer
        return mine

    with ThreadPoolExecutor(20) as pool:
        acknowledged = [one for mine in pool.map(review, range(20)) for one in mine]
    with any_collection.read() as connection:
        stored = journal.decisions_where(connection)
    assert {one.event_id for one in stored} == {f"{r}-{n}" for r in range(20) for n in range(4)}
    assert len(stored) == 80
    assert {one.position for one in acknowledged} == {one.position for one in stored}
    check_cells(any_collection)


def check_cells(workspace: Workspace) -> None:
    """``cells`` equals the fold of the whole journal."""
    with workspace.read() as connection:
        folded = {
            (clip_id, one.class_code, one.verdict, one.position)
            for clip_id, states_of_clip in versions.corrected_clips(connection, journal.position(connection))
            for one in states_of_clip
            if one.verdict
        }
        query = sa.select(db.cells.c.clip_id, db.classes.c.code, db.cells.c.verdict, db.cells.c.position).join(
            db.classes, db.classes.c.id == db.cells.c.class_id
        )
        assert {tuple(row) for row in connection.execute(query)} == folded


def _append_in_a_process(root: str, reviewer: int, count: int) -> None:
    workspace = open_workspace(root)
    for number in range(count):
        one = decide(1 + number % 4, CODES[reviewer % 4], reviewer=f"r{reviewer}", event_id=f"{reviewer}-{number}")
        journal.append(workspace, [one])
    workspace.close()


def test_processes_at_once_lose_nothing(collection: Workspace) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_in_a_process, args=(str(collection.root), i, 15)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(rows(collection, db.decisions)) == 45
    check_cells(collection)


@pytest.mark.postgres
def test_postgresql_shows_positions_in_the_order_of_commits(
    postgres_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clips(postgres_workspace)
    insert = db.insert_one

    def slow_insert(connection: sa.Connection, table: sa.Table, values: dict[str, object]) -> int:
        key = insert(connection, table, values)
        if table is db.decisions and key % 3 == 0:
            time.sleep(0.02)  # its id is given, it is not yet committed: others would overtake it here
        return key

    monkeypatch.setattr(db, "insert_one", slow_insert)
    writing = threading.Event()
    views: list[list[int]] = []
    frozen: list[tuple[int, str]] = []

    def watch() -> None:
        while not writing.is_set():
            with postgres_workspace.read() as connection:
                views.append([one.position for one in journal.decisions_where(connection)])

    def freeze() -> None:
        while not writing.is_set():
            version = versions.freeze(postgres_workspace, "ann")
            frozen.append((version.number, version.content_hash))

    def write(reviewer: int) -> None:
        for number in range(8):
            verdict = ("present", "absent", "unsure")[number % 3]
            journal.append(postgres_workspace, [decide(1 + reviewer % 4, CODES[number % 4], verdict)])

    with ThreadPoolExecutor(8) as pool:
        watchers = [pool.submit(watch), pool.submit(freeze)]
        for done in [pool.submit(write, reviewer) for reviewer in range(6)]:
            done.result()
        writing.set()
        for watcher in watchers:
            watcher.result()
    assert len(rows(postgres_workspace, db.decisions)) == 48
    assert len(views) > 3
    final = views[-1]
    for view in views:  # who saw position p saw all that will ever be at or below p
        assert view == [position for position in final if not view or position <= view[-1]][: len(view)]
        assert set(view) == {position for position in final if position <= max(view, default=0)}
    assert len({number for number, _ in frozen}) > 1
    with postgres_workspace.read() as connection:
        for number, content_hash in frozen:
            assert versions.labels_of_version(connection, number).content_hash == content_hash
    check_cells(postgres_workspace)


def test_kill_9_loses_nothing_that_was_acknowledged(collection: Workspace) -> None:
    script = f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from labeling import journal
        from labeling.records import Decision
        from labeling.workspace import open_workspace
        workspace = open_workspace({str(collection.root)!r})
        number = 0
        while True:
            event_id, number = f"burst-{{number}}", number + 1
            verdict = ("present", "absent", "unsure")[number % 3]
            journal.append(workspace, [Decision(event_id, "ann", 1 + number % 4, "amecro", verdict)])
            print(event_id, flush=True)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        acknowledged = [child.stdout.readline().strip() for _ in range(40)]
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += child.stdout.read().split()
    stored = {one[1] for one in rows(collection, db.decisions)}
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + 1  # one may have been on the disk, its answer not yet out
    assert "burst-39" in acknowledged
    check_cells(collection)
    journal.append(collection, [decide()])
