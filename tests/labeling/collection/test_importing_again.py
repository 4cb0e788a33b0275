"""Importing again: clips are found where they lie now, labels that changed are told of, and decisions are kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import journal, machine_labels
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.collection.report import LabelChange
from labeling.collection.table_entries import TABLE
from labeling.errors import DataError
from labeling.journal import versions
from labeling.journal.exporting import export_labels
from labeling.records import Decision, Region
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.workspaces.recorders import NIGHT, clips, decide, listed, recorder, sound

# ---------------------------------------------------------------------------------------------- who a clip is


@pytest.mark.parametrize("same_table", [True, False])
def test_two_recorders_with_one_name_are_two_clips(tmp_path: Path, workspace: Workspace, same_table: bool) -> None:
    rows = f"{NIGHT},owl\n" if same_table else f"{NIGHT},jay\n"
    import_collection(workspace, recorder(tmp_path / "A", 1))
    report = import_collection(workspace, recorder(tmp_path / "B", 2, rows))
    assert (report.added, report.already_there, report.renamed, report.collection) == (1, 0, 1, "B")
    found = clips(workspace)
    assert {name: Path(clip.path).parent.name for name, clip in found.items()} == {NIGHT: "A", f"B/{NIGHT}": "B"}
    assert [clip.status for clip in found.values()] == ["ok", "ok"]
    for folder in "AB":
        again = import_collection(workspace, tmp_path / folder)
        assert (again.added, again.relinked, again.changed_labels) == (0, 0, ())
    decide(workspace, f"B/{NIGHT}", "owl" if same_table else "jay", "absent")
    export_labels(workspace, tmp_path / "out")
    assert (tmp_path / "out" / "import-1" / "labels.csv").read_text() == f"filename,label\n{NIGHT},owl\n"
    assert (tmp_path / "out" / "import-2" / "labels.csv").read_text() == f"filename,label\n{NIGHT},\n"


def test_two_tables_without_their_sound_are_not_taken_for_one(tmp_path: Path, workspace: Workspace) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"filename,label\n{NIGHT},owl\n")
        sound(tmp_path / f"sound {name}" / NIGHT, ord(name))
    for name in "ab":  # --audio was forgotten for both
        assert import_collection(workspace, tmp_path / f"{name}.csv").added == 1
    for name in "ab":
        report = import_collection(workspace, tmp_path / f"{name}.csv", audio=str(tmp_path / f"sound {name}"))
        assert (report.added, report.relinked, report.other_sound) == (0, 1, 0)
    assert {clip.path for clip in clips(workspace).values()} == {
        str(tmp_path / f"sound {name}" / NIGHT) for name in "ab"
    }


def test_another_recorders_card_at_the_same_place_is_asked_about(tmp_path: Path, workspace: Workspace) -> None:
    import_collection(workspace, recorder(tmp_path / "card", 1))
    second = recorder(tmp_path / "card", 2, f"{NIGHT},jay\n")
    with pytest.raises(DataError, match=r"another recorder's card .* --collection 'card'"):
        import_collection(workspace, second)
    report = import_collection(workspace, second, collection="B")
    assert (report.added, report.collection) == (1, "B")
    found = clips(workspace)
    assert found[f"B/{NIGHT}"].status == "ok"
    # what lies there is not its sound, and must not be heard as it
    assert (found[NIGHT].status, found[NIGHT].reason) == (
        "missing",
        "a file of the collection 'B' lies at its place",
    )
    kept = import_collection(workspace, recorder(tmp_path / "card", 3, f"{NIGHT},tit\n"), collection="B")
    assert (kept.added, kept.other_sound) == (0, 1)  # as one says so


def test_a_wrong_audio_folder_is_put_right_by_importing_again(tmp_path: Path, any_workspace: Workspace) -> None:
    root = tmp_path / "birds"
    for number in range(3):
        sound(tmp_path / "sound" / f"{number}.wav", number, seconds=0.5 + number)
    root.mkdir()
    (root / "labels.csv").write_text("filename,label\n0.wav,owl\n1.wav,owl\n2.wav,jay\n")
    first = import_collection(any_workspace, root)
    assert (first.added, first.missing, first.usable) == (3, 3, 0)
    decide(any_workspace, "2.wav", "jay", "absent")
    with any_workspace.read() as connection:
        ids = store.clip_ids_by_filename(connection)
    frozen = versions.freeze(any_workspace, "ann")
    report = import_collection(any_workspace, root, audio=str(tmp_path / "sound"))
    assert (report.added, report.relinked, report.missing, report.usable) == (0, 3, 0, 3)
    found = clips(any_workspace)
    assert {name: clip.id for name, clip in found.items()} == ids
    assert [(clip.status, clip.duration_s) for clip in found.values()] == [("ok", 0.5), ("ok", 1.5), ("ok", 2.5)]
    assert listed(any_workspace, "2.wav") == ("", ())
    with any_workspace.read() as connection:  # a version never gains clips
        assert len(versions.labels_of_version(connection, frozen.number).clip_ids) == 0
        assert len(versions.labels_at(connection).clip_ids) == 3
    assert import_collection(any_workspace, root, audio=str(tmp_path / "sound")).relinked == 0


def test_files_that_come_back_are_found(tmp_path: Path, workspace: Workspace) -> None:
    root = recorder(tmp_path / "A", 1, f"{NIGHT},owl\nlate.wav,jay\n")
    assert import_collection(workspace, root).missing == 1
    sound(root / "late.wav", 2)
    report = import_collection(workspace, root)
    assert (report.relinked, report.missing, clips(workspace)["late.wav"].status) == (1, 0, "ok")


@pytest.mark.parametrize("edited", [False, True])
def test_a_folder_that_moved_is_found_with_its_decisions(tmp_path: Path, workspace: Workspace, edited: bool) -> None:
    import_collection(workspace, recorder(tmp_path / "A", 1))
    decide(workspace, NIGHT, "jay", "present")
    shutil.move(tmp_path / "A", tmp_path / "moved")
    if edited:
        (tmp_path / "moved" / "labels.csv").write_text(f"filename,label,site\n{NIGHT},owl,S1\n")
    report = import_collection(workspace, tmp_path / "moved")
    assert (report.added, report.relinked, report.other_sound) == (0, 1, 0)
    (clip,) = clips(workspace).values()
    assert clip.path == str(tmp_path / "moved" / NIGHT)
    assert listed(workspace, NIGHT) == ("owl", ("owl", "jay"))


def test_a_file_that_was_renamed_in_its_collection_is_known_by_its_bytes(tmp_path: Path, workspace: Workspace) -> None:
    root = recorder(tmp_path / "A", 1)
    import_collection(workspace, root)
    decide(workspace, NIGHT, "owl", "absent")
    (root / NIGHT).rename(root / "dawn.wav")
    (root / "labels.csv").write_text("filename,label\ndawn.wav,owl\n")
    report = import_collection(workspace, root)
    assert (report.added, report.relinked) == (0, 1)
    assert [(name, Path(clip.path).name) for name, clip in clips(workspace).items()] == [(NIGHT, "dawn.wav")]
    export_labels(workspace, tmp_path / "out")
    assert (tmp_path / "out" / "labels.csv").read_text() == "filename,label\ndawn.wav,\n"


def test_a_file_that_was_replaced_is_renewed_and_told_of(tmp_path: Path, workspace: Workspace) -> None:
    root = recorder(tmp_path / "A", 1)
    import_collection(workspace, root)
    decide(workspace, NIGHT, "owl", "absent")
    sound(root / NIGHT, 5, seconds=2)
    report = import_collection(workspace, root)
    assert (report.other_sound, report.relinked, clips(workspace)[NIGHT].duration_s) == (1, 0, 2)
    assert "other bytes than before" in report.problems[0].reason
    assert listed(workspace, NIGHT) == ("", ())


def test_what_is_gone_keeps_its_place_its_labels_and_its_decisions(tmp_path: Path, workspace: Workspace) -> None:
    root = recorder(tmp_path / "A", 1)
    import_collection(workspace, root)
    decide(workspace, NIGHT, "owl", "absent")
    before = versions.freeze(workspace, "ann")
    (root / NIGHT).unlink()
    report = import_collection(workspace, root)
    assert (report.missing, report.usable, clips(workspace)[NIGHT].status) == (1, 0, "ok")
    assert f"it was at {root / NIGHT} before" in report.problems[0].reason
    assert versions.freeze(workspace, "ann") == before


def test_a_copy_takes_no_duplicate_mark_from_a_clip_it_does_not_equal(tmp_path: Path, workspace: Workspace) -> None:
    root = recorder(tmp_path / "A", 1, f"{NIGHT},owl\nlate.wav,jay\n")
    import_collection(workspace, root)
    shutil.copy(root / NIGHT, root / "late.wav")
    report = import_collection(workspace, root)
    found = clips(workspace)
    assert (report.relinked, report.duplicates, found["late.wav"].status) == (1, 1, "duplicate")
    assert found["late.wav"].content_hash == found[NIGHT].content_hash != ""


# ---------------------------------------------------------------------------------------------- labels that changed


def two_tables(tmp_path: Path, workspace: Workspace, **more: str) -> LabelChange:
    """A second year's table with the same file, which lists jay too; the change that its import tells of."""
    import_collection(workspace, recorder(tmp_path / "2021", 1))
    (tmp_path / "2022").mkdir()
    (tmp_path / "2022" / "labels.csv").write_text(f"filename,labels\n{NIGHT},owl;jay\n")
    report = import_collection(workspace, tmp_path / "2022", audio=str(tmp_path / "2021"), **more)  # type: ignore[arg-type]
    assert (report.added, report.already_there, report.labels_choice) == (0, 1, more.get("labels", "keep"))
    (change,) = report.changed_labels
    assert "labels changed     1" in report.text()
    assert f"row 2, {NIGHT}: owl -> owl; jay" in report.text()
    return change


def test_changed_labels_are_told_of_and_kept_as_they_were(tmp_path: Path, workspace: Workspace) -> None:
    assert two_tables(tmp_path, workspace) == LabelChange(2, NIGHT, "owl", "owl; jay")
    assert listed(workspace, NIGHT) == ("owl", ("owl",))
    with pytest.raises(DataError, match="choose from keep, take, suspects"):
        import_collection(workspace, tmp_path / "2022", labels="maybe")


def test_changed_labels_can_be_taken_and_people_win(tmp_path: Path, any_workspace: Workspace) -> None:
    import_collection(any_workspace, recorder(tmp_path / "A", 1))
    (tmp_path / "A" / "labels.csv").write_text(f"filename,label\n{NIGHT},jay\n")
    report = import_collection(any_workspace, tmp_path / "A", labels="take")
    assert report.changed_labels == (LabelChange(2, NIGHT, "owl", "jay"),)
    assert listed(any_workspace, NIGHT) == ("jay", ("jay",))
    assert import_collection(any_workspace, tmp_path / "A").changed_labels == ()
    decide(any_workspace, NIGHT, "owl", "present")
    (tmp_path / "A" / "labels.csv").write_text(f"filename,label\n{NIGHT},tit\n")
    import_collection(any_workspace, tmp_path / "A", labels="take")
    assert set(listed(any_workspace, NIGHT)[1]) == {"tit", "owl"}
    with any_workspace.read() as connection:
        newest = machine_labels.batches(connection)[0]
        assert len(versions.labels_at(connection, 0).clip_ids) == 1  # imported labels are what they were
    machine_labels.undo_machine(any_workspace, newest.batch_id, "ann")
    assert set(listed(any_workspace, NIGHT)[1]) == {"jay", "owl"}


def test_changed_labels_can_be_asked(tmp_path: Path, any_workspace: Workspace) -> None:
    two_tables(tmp_path, any_workspace, labels="suspects")
    assert listed(any_workspace, NIGHT) == ("owl", ("owl",))
    with any_workspace.read() as connection:
        assert [(row.reason, row.code) for row in contested(connection)] == [("table", "jay")]
    (tmp_path / "2022" / "labels.csv").write_text(f"filename,labels\n{NIGHT},owl\n")
    import_collection(any_workspace, tmp_path / "2022", audio=str(tmp_path / "2021"))
    with any_workspace.read() as connection:
        assert contested(connection) == []


@pytest.mark.parametrize("choice", ["keep", "take", "suspects"])
def test_an_export_that_comes_back_says_what_people_decided(tmp_path: Path, workspace: Workspace, choice: str) -> None:
    root = tmp_path / "A"
    for seed, name in enumerate("1234"):
        sound(root / f"{name}.wav", seed)
    rows = "filename,label,labels\n1.wav,owl,owl;jay\n2.wav,owl,owl\n3.wav,tit,tit\n4.wav,owl,owl;jay\n"
    (root / "labels.csv").write_text(rows)
    import_collection(workspace, root)
    decide(workspace, "1.wav", "owl", "absent")  # so that jay is its primary
    decide(workspace, "2.wav", "jay", "present")
    decide(workspace, "3.wav", "tit", "absent")
    export_labels(workspace, tmp_path / "out")
    corrected = (tmp_path / "out" / "labels.csv").read_text()
    assert corrected == "filename,label,labels\n1.wav,jay,jay\n2.wav,owl,owl;jay\n3.wav,,\n4.wav,owl,owl;jay\n"
    names = ("1.wav", "2.wav", "3.wav", "4.wav")
    now = {name: listed(workspace, name) for name in names}
    for text in (corrected, rows):  # the table as it was says nothing new either
        (root / "labels.csv").write_text(text)
        assert import_collection(workspace, root, labels=choice).changed_labels == ()
    # what differs from both is told alone, and what the table says as people do stays theirs
    (root / "labels.csv").write_text(corrected.replace("2.wav,owl,owl;jay", "2.wav,owl,owl;jay;tit"))
    report = import_collection(workspace, root, labels=choice)
    assert report.changed_labels == (LabelChange(3, "2.wav", "owl; jay", "owl; jay; tit"),)
    with workspace.read() as connection:
        table = tables.decisions.c.reviewer == TABLE
        taken = [(entry.class_code, entry.verdict) for entry in journal.decisions_where(connection, table)]
        asked = [row.code for row in contested(connection)]
    assert (taken, asked) == ([("tit", "present")] if choice == "take" else [], ["tit"] if choice == "suspects" else [])
    assert {name: listed(workspace, name) for name in names if name != "2.wav"} | {"2.wav": now["2.wav"]} == now


def test_a_table_that_contradicts_people_is_a_change_that_gives_way(tmp_path: Path, workspace: Workspace) -> None:
    import_collection(workspace, root := recorder(tmp_path / "A", 1))
    decide(workspace, NIGHT, "owl", "present")
    (root / "labels.csv").write_text(f"filename,label\n{NIGHT},jay\n")
    report = import_collection(workspace, root, labels="take")
    assert report.changed_labels == (LabelChange(2, NIGHT, "owl", "jay"),)
    assert set(listed(workspace, NIGHT)[1]) == {"owl", "jay"}


def contested(connection: Connection) -> list[Any]:
    cells, classes = tables.contested_cells, tables.classes
    query = cells.select().add_columns(classes.c.code).join(classes, classes.c.id == cells.c.class_id)
    return list(connection.execute(query))


def test_two_tables_of_one_clip_are_each_corrected_where_people_decided(tmp_path: Path, workspace: Workspace) -> None:
    two_tables(tmp_path, workspace)
    decide(workspace, NIGHT, "tit", "present")
    decide(workspace, NIGHT, "owl", "absent")
    export_labels(workspace, tmp_path / "out")
    # what nobody decided stays as each table has it
    assert (tmp_path / "out" / "import-1" / "labels.csv").read_text() == f"filename,label\n{NIGHT},tit\n"
    assert (tmp_path / "out" / "import-2" / "labels.csv").read_text() == f"filename,labels\n{NIGHT},jay;tit\n"


def test_the_table_as_it_is_now_is_exported(tmp_path: Path, workspace: Workspace) -> None:
    root = recorder(tmp_path / "A", 1, f"{NIGHT},owl\n")
    import_collection(workspace, root)
    versions.freeze(workspace, "ann")
    (root / "labels.csv").write_text(f"filename,label,site\n{NIGHT},owl,S1\n")
    import_collection(workspace, root)
    export_labels(workspace, tmp_path / "out")
    assert (tmp_path / "out" / "labels.csv").read_text() == f"filename,label,site\n{NIGHT},owl,S1\n"
    shutil.move(root, tmp_path / "moved")
    import_collection(workspace, tmp_path / "moved")
    assert len(export_labels(workspace, tmp_path / "out2").files) == 3  # the table that moved is one


# ----------------------------------------------------------------------------------------- which table it came from


def test_the_table_that_a_clip_came_from_is_a_column_of_its_metadata(tmp_path: Path, workspace: Workspace) -> None:
    for seed, (name, more) in enumerate({"curated": "", "noisy": "loud", "extended": ""}.items()):
        sound(tmp_path / "set" / f"train_{name}" / f"{name}.wav", seed)
        path = tmp_path / "set" / f"train_{name}.csv"
        path.write_text(f"fname,labels\n{name}.wav,owl\n")
        assert import_collection(workspace, path, name=more).name == (more or f"train_{name}")
    two = recorder(tmp_path / "2022", 7)
    import_collection(workspace, two)
    import_collection(workspace, two)
    with workspace.read() as connection:
        assert store.metadata_columns(connection) == ["import"]
        assert sorted(store.metadata_values(connection, "import")) == [
            "2022",
            "loud",
            "train_curated",
            "train_extended",
        ]
        here = store.metadata_value(connection, "import") == "loud"
        assert list(connection.scalars(sa.select(tables.clips.c.filename).where(here))) == ["noisy.wav"]
    assert {name: clip.metadata["import"] for name, clip in clips(workspace).items()} == {
        "curated.wav": "train_curated",
        "noisy.wav": "loud",
        "extended.wav": "train_extended",
        NIGHT: "2022",
    }


def test_a_tables_own_column_import_goes_before_its_name(tmp_path: Path, workspace: Workspace) -> None:
    sound(tmp_path / "A" / "1.wav", 1)
    (tmp_path / "A" / "labels.csv").write_text("filename,label,import\n1.wav,owl,by hand\n")
    import_collection(workspace, tmp_path / "A")
    with workspace.read() as connection:
        assert store.metadata_values(connection, "import") == ["by hand"]
    assert clips(workspace)["1.wav"].metadata["import"] == "by hand"


HEAD = "filename,label,onset,offset\n"


def test_times_that_a_later_table_adds_are_told_of(tmp_path: Path, workspace: Workspace) -> None:
    first = f"{NIGHT},owl,0,0.25\n"
    folder = recorder(tmp_path / "A", 1)
    (folder / "labels.csv").write_text(f"{HEAD}{first}{NIGHT},owl,0.3,0.4\n")
    assert import_collection(workspace, folder).regions == 2
    assert import_collection(workspace, folder).problems == ()
    (folder / "labels.csv").write_text(f"{HEAD}{first}{NIGHT},owl,0.2,0.4\n{NIGHT},owl,0.2,9\n")
    for choice in ("keep", "suspects"):
        report = import_collection(workspace, folder, labels=choice)
        new, late = sorted(problem.reason for problem in report.problems)
        assert new.startswith("owl at 0.2 to 0.4 s: times that are new in the table are not taken")
        assert late.startswith("owl at 0.2 to 9 s is after the end of the clip")
        assert report.regions == 0


def test_times_of_a_later_table_can_be_taken_and_people_win(tmp_path: Path, any_workspace: Workspace) -> None:
    folder = recorder(tmp_path / "A", 1, f"{NIGHT},owl\n{NIGHT},jay\n{NIGHT},tit\n")
    import_collection(any_workspace, folder)
    decide(any_workspace, NIGHT, "jay", "absent")
    drawn = Region(0.3, 0.4)
    said = Decision("b", "ann", clips(any_workspace)[NIGHT].id, "tit", "present", region=drawn)
    journal.append(any_workspace, [said])
    rows = "".join(f"{NIGHT},{code},0.1,0.2\n" for code in ("owl", "jay", "tit", "new"))
    (folder / "labels.csv").write_text(HEAD + rows)
    report = import_collection(any_workspace, folder, labels="take")
    assert report.regions == 2
    (told,) = report.problems
    assert told.reason.startswith("jay at 0.1 to 0.2 s and 1 more: times that are new in the table are not taken, as")
    with any_workspace.read() as connection:
        states = journal.clip_states(connection, said.clip_id)
    taken = Region(0.1, 0.2)
    assert {state.class_code: state.events for state in states} == {
        "owl": (taken,), "jay": (), "tit": (drawn,), "new": (taken,),
    }  # fmt: skip
    assert import_collection(any_workspace, folder, labels="take").regions == 0
