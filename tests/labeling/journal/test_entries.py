"""labeling/journal/entries.py"""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from labeling import journal
from labeling.collection import store
from labeling.errors import DataError, StaleDecision, WorkspaceError
from labeling.journal import entries, versions
from labeling.records import CellState, Decision, Region, Shown
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips, undo_at

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
        shown=Shown(label_quality=0.125, kind="missing"),
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
    taken_back = undo_at(any_collection, stored.position, "bob", "e2")
    state = state_of(any_collection)
    assert (state.present, state.verdict, state.position) == (True, "", taken_back.position)
    undo_at(any_collection, taken_back.position, "ann", "e3")
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
    undo_at(collection, gone.position, "ann", "back")
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
        journal.append(collection, [decide(1, verdict="undo", undoes=5)])


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
        one = decide(clip_id, code, "unsure", note=code, reviewer=code, shown=Shown(other={code: code}), event_id=code)
        stored = journal.append(any_workspace, [one])[0]
        with any_workspace.read() as connection:
            assert journal.clip_history(connection, clip_id) == [stored]
            assert journal.cell_state(connection, clip_id, code).unsure
            assert [clip.code for clip in journal_classes(connection)] == sorted(codes, key=str)
    assert stored.class_code == stored.note == codes[-1]
    assert len(rows(any_workspace, tables.cells)) == len(codes)


def journal_classes(connection: sa.Connection) -> list[store.LabelClass]:
    return sorted(store.all_classes(connection), key=lambda one: one.code)


def test_a_name_that_is_no_unicode_is_an_error_not_a_traceback(collection: Workspace) -> None:
    with pytest.raises(DataError, match="not valid Unicode"):
        journal.append(collection, [decide(note="\udcff")])
    with collection.read() as connection:
        assert journal.position(connection) == 0


def test_numbers_that_json_lacks_are_stored_as_null(any_collection: Workspace) -> None:
    journal.append(any_collection, [decide(shown=Shown(p_wrong=float("nan"), other={"rows": [float("inf"), 1.5]}))])
    with any_collection.read() as connection:
        assert journal.clip_history(connection, 1)[0].shown.to_json() == {"p_wrong": None, "rows": [None, 1.5]}


# ---- retries and stale screens


def test_an_event_id_is_one_decision_however_often_it_comes(any_collection: Workspace) -> None:
    one = decide(event_id="press-1", seen_position=0)
    first = journal.append(any_collection, [one])[0]
    again = journal.append(any_collection, [one, one])
    assert [entry.position for entry in again] == [first.position] * 2
    assert again[0].created_at == first.created_at
    assert len(rows(any_collection, tables.decisions)) == 1
    journal.append(any_collection, [decide(2, event_id="press-2"), decide(2, event_id="press-2")])
    assert len(rows(any_collection, tables.decisions)) == 2


def test_the_second_of_two_tabs_is_asked_again(any_collection: Workspace) -> None:
    journal.append(any_collection, [decide(verdict="absent", reviewer="ann", seen_position=0)])
    with pytest.raises(StaleDecision, match=r"amecro in amecro/XC1\.ogg was set to absent by ann in the meantime"):
        journal.append(any_collection, [decide(verdict="present", reviewer="bob", seen_position=0)])
    assert state_of(any_collection).verdict == "absent"
    seen = state_of(any_collection).position
    journal.append(any_collection, [decide(verdict="present", reviewer="bob", seen_position=seen)])
    assert state_of(any_collection).reviewer == "bob"


def test_a_stale_entry_stores_nothing_of_its_call(collection: Workspace) -> None:
    journal.append(collection, [decide()])
    with pytest.raises(StaleDecision):
        journal.append(collection, [decide(2, seen_position=0), decide(1, seen_position=0)])
    assert len(rows(collection, tables.decisions)) == 1


def test_another_cell_makes_nothing_stale(collection: Workspace) -> None:
    journal.append(collection, [decide(2), decide(1, "balori")])
    journal.append(collection, [decide(1, "amecro", seen_position=0)])


def test_entries_of_one_call_do_not_make_each_other_stale(collection: Workspace) -> None:
    both = [decide(code="cangoo", verdict="present", region=region, seen_position=0) for region in REGIONS]
    journal.append(collection, both)
    assert state_of(collection, 1, "cangoo").events == REGIONS


def test_a_long_call_is_read_in_parts(any_collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "READ_TOGETHER", 2)
    many = [decide(1 + number % 4, code, "unsure") for number, code in enumerate(CODES * 2)]
    again = decide(many[0].clip_id, many[0].class_code, "absent", event_id="last", seen_position=0)
    stored = journal.append(any_collection, [*many, many[1], again, many[0]])
    assert [one.position for one in stored] == [1, 2, 3, 4, 5, 6, 7, 8, 2, 9, 1]
    kept = {tuple(row)[2:] for row in rows(any_collection, tables.cells)}
    assert kept == {("absent", 9), *(("unsure", position) for position in (6, 7, 8))}
    with pytest.raises(StaleDecision):
        journal.append(any_collection, [decide(3, "daejun"), decide(4, "daejun"), decide(1, "amecro", seen_position=8)])
    assert len(rows(any_collection, tables.decisions)) == 9


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


def test_an_undo_from_two_tabs_takes_back_once(any_collection: Workspace) -> None:
    stored = journal.append(any_collection, [decide(1, batch_id="b"), decide(2, batch_id="b")])
    journal.undo_all(any_collection, stored[:1], "ann", "tab-1")
    assert [one.undoes for one in journal.undo_all(any_collection, stored, "ann", "tab-2")] == [2]
    with pytest.raises(DataError, match="decision 2 was taken back already; nothing was undone"):
        journal.undo_all(any_collection, stored, "ann", "tab-3")
    assert len(rows(any_collection, tables.decisions)) == 4


def test_an_undo_of_anothers_entry_is_refused(collection: Workspace) -> None:
    own, others = journal.append(collection, [decide(1, batch_id="b"), decide(2, reviewer="bob", batch_id="b")])
    with collection.read() as connection:
        with pytest.raises(DataError, match="decision 2 belongs to 'bob'; only they can take it back"):
            journal.batch_of(connection, others.position, "ann")
        assert journal.batch_of(connection, own.position, "ann") == [own], "a batch is one reviewer's"


def test_undo_goes_back_past_many_that_are_gone(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "READ_TOGETHER", 2)
    first = journal.append(collection, [decide(1)])
    for number in range(5):
        journal.undo_all(collection, journal.append(collection, [decide(2)]), "ann", f"undo-{number}")
    with collection.read() as connection:
        assert journal.last_undoable(connection, "ann") == first


def test_an_entry_is_undone_with_its_batch(any_collection: Workspace) -> None:
    journal.append(any_collection, [decide(1), decide(2, batch_id="b"), decide(4, "cangoo", batch_id="b")])

    def batch_of(position: int) -> list[int]:
        with any_collection.read() as connection:
            return [one.position for one in journal.batch_of(connection, position, "ann")]

    assert (batch_of(1), batch_of(2), batch_of(3)) == ([1], [2, 3], [2, 3])
    undo = undo_at(any_collection, 3, "ann", "u")
    assert batch_of(2) == [2]
    with pytest.raises(DataError, match="decision 3 was taken back already; nothing was undone"):
        batch_of(3)
    undo_at(any_collection, undo.position, "ann", "uu")
    assert batch_of(3) == [2, 3]
    with pytest.raises(DataError, match="no decision 99 in the journal; nothing was undone"):
        batch_of(99)


def test_what_an_undo_took_back_is_known_by_its_name(any_collection: Workspace) -> None:
    stored = journal.append(any_collection, [decide(1, batch_id="b"), decide(2, batch_id="b")])
    journal.undo_all(any_collection, stored, "ann", "undo-1")
    with any_collection.read() as connection:
        assert journal.undone_by(connection, "undo-1") == stored
        assert journal.undone_by(connection, "b") == journal.undone_by(connection, "other") == []


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
    before = rows(any_collection, tables.metadata.tables[table])
    assert before
    with pytest.raises(WorkspaceError, match=f"{table} is insert-only"), any_collection.write() as connection:
        connection.exec_driver_sql(statement.format(table, column))
    assert rows(any_collection, tables.metadata.tables[table]) == before


@pytest.mark.postgres
def test_postgresql_refuses_truncate(postgres_workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="insert-only"), postgres_workspace.write() as connection:
        connection.exec_driver_sql("TRUNCATE decisions CASCADE")
