"""labeling/collection/store.py"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import adding, store
from labeling.collection.classes import add_class
from labeling.errors import DataError
from labeling.journal import versions
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.making import CLASSES, CLIPS, add_clips


def add(workspace: Workspace, clips: Sequence[adding.NewClip], table: bytes = b"", **names: str) -> int:
    with workspace.write() as connection:
        return adding.add_collection(
            connection,
            format="birdclef",
            source="/in",
            audio_root="/audio",
            options={"header": ["filename"]},
            table_name="train.csv",
            table_bytes=table,
            clips=clips,
            class_names=names,
            report={"clips": len(clips)},
        )


def clip(filename: str = "a.ogg", row: int = 0, **more: object) -> adding.NewClip:
    return adding.NewClip(filename=filename, path=f"/audio/{filename}", row=row, **more)  # type: ignore[arg-type]


def test_clips_come_back_as_they_went_in(any_workspace: Workspace) -> None:
    metadata = {
        "rating": "4.5",
        "author": 'O\'Neil, "Jo"',
        "note": "<b>=1+1</b>",
        "empty": "",
        "100%_\\": "🦉",
        "Länge ♂": "🦉",
        'a "b" $.c[0]': "x",
        "two\nlines": "y",
    }
    given = clip(
        "x/XC1.ogg",
        3,
        labels=(("amecro", "primary"),),
        group="ann",
        fold="2",
        duration_s=12.5,
        sample_rate=96000,
        channels=8,
        size_bytes=5_000_000_000,
        content_hash="ab",
        status="silent",
        reason="nothing above -90 dB",
        metadata=metadata,
    )
    add(any_workspace, [given], amecro="American Crow")
    with any_workspace.read() as connection:
        found = store.clip_by_id(connection, store.clip_ids_by_filename(connection)["x/XC1.ogg"])
        assert found == store.clip_by_id(connection, 1)
        assert found is not None
        for name in ("filename", "path", "group", "fold", "duration_s", "sample_rate", "channels", "status", "reason"):
            assert getattr(found, name) == getattr(given, name)
        assert found.metadata == metadata
        assert list(found.metadata) == list(metadata) == store.metadata_columns(connection)
        for column, value in metadata.items():
            assert store.metadata_values(connection, column) == ([value] if value else [])
        assert "x/xc1.ogg" not in store.clip_ids_by_filename(connection)
        assert store.clip_by_id(connection, 2) is None
        assert [(one.code, one.name) for one in store.all_classes(connection)] == [("amecro", "American Crow")]


def test_an_import_keeps_its_table_byte_for_byte(any_workspace: Workspace) -> None:
    table = b"\xef\xbb\xbffilename,label\r\n\x00\xff'caf\xe9',a\n"
    import_id = add(any_workspace, [clip()], table)
    with any_workspace.read() as connection:
        assert store.import_table(connection, import_id) == table
        record = store.all_imports(connection)[0]
        assert (record.format, record.options, record.report) == ("birdclef", {"header": ["filename"]}, {"clips": 1})
        assert record.table_bytes == b""
        with pytest.raises(DataError, match="no import 7"):
            store.import_table(connection, 7)


def test_importing_again_adds_what_is_new_and_changes_nothing(any_collection: Workspace) -> None:
    journal.append(any_collection, [Decision("e", "ann", 1, "amecro", "absent")])
    with any_collection.read() as connection:
        before = store.usable_clips(connection)
        labels = versions.labels_at(connection)
    again = ((CLIPS[0][0], ("daejun",)), ("new.ogg", ("newone", "amecro")), CLIPS[1])
    add_clips(any_collection, again, names={"amecro": "another name"}, duration_s=99.0)
    with any_collection.read() as connection:
        after = store.usable_clips(connection)
        assert after[:-1] == before
        assert after[-1].filename == "new.ogg"
        now = versions.labels_at(connection, import_id=1)
        assert now.content_hash == labels.content_hash
        assert {one.code: one.name for one in store.all_classes(connection)} == CLASSES | {"newone": "newone"}
        assert len(store.all_imports(connection)) == 2


def test_a_filename_twice_in_one_table_is_one_clip_the_first(workspace: Workspace) -> None:
    twice = [clip("a.ogg", 0, duration_s=1.0), clip("b.ogg", 1), clip("a.ogg", 2, duration_s=2.0)]
    add(workspace, twice)
    with workspace.read() as connection:
        assert [(one.filename, one.duration_s) for one in store.usable_clips(connection)] == [
            ("a.ogg", 1.0),
            ("b.ogg", 0.0),
        ]


def test_a_primary_repeated_among_the_secondaries_stays_the_primary(workspace: Workspace) -> None:
    add(workspace, [clip(labels=(("a", "primary"), ("b", "secondary"), ("a", "secondary")))])
    with workspace.read() as connection:
        assert [(one.class_code, one.role) for one in journal.clip_states(connection, 1)] == [
            ("a", "primary"),
            ("b", "secondary"),
        ]


def test_bad_files_are_kept_with_their_reason_and_left_out_of_the_labels(workspace: Workspace) -> None:
    add(
        workspace,
        [
            clip("ok.ogg", 0, labels=(("a", "primary"),)),
            clip("gone.ogg", 1, labels=(("a", "primary"),), status="missing", reason="no such file"),
            clip("cut.ogg", 2, labels=(("a", "primary"),), status="unreadable", reason="truncated"),
        ],
    )
    with workspace.read() as connection:
        assert [(one.filename, one.reason) for one in store.skipped_clips(connection)] == [
            ("gone.ogg", "no such file"),
            ("cut.ogg", "truncated"),
        ]
        assert store.status_counts(connection) == {"ok": 1, "missing": 1, "unreadable": 1}
        assert versions.labels_at(connection).filenames == ("ok.ogg",)


def test_the_collection_in_numbers(any_collection: Workspace) -> None:
    with any_collection.read() as connection:
        assert store.collection_counts(connection) == {
            "clips": 4,
            "hours": pytest.approx(80 / 3600),
            "groups": 3,
            "classes": 4,
            "labels": 7,
            "primary_labels": 4,
            "secondary_labels": 3,
            "without_secondary": 2,
            "status": {"ok": 4},
        }
        assert store.clip_ids_by_filename(connection) == {name: i for i, (name, _) in enumerate(CLIPS, start=1)}
        assert store.known_filenames(connection) == {name for name, _ in CLIPS}


@pytest.mark.parametrize(("text", "rating"), [("4.5", 4.5), ("0", 0.0), ("", None), ("nan", None), ("A", None)])
def test_the_rating_is_lifted_out_of_the_metadata(workspace: Workspace, text: str, rating: float | None) -> None:
    from labeling.storage import database as db
    from labeling.storage import tables

    add(workspace, [clip(metadata={"rating": text})])
    with workspace.read() as connection:
        assert connection.scalar(db.sa.select(tables.clips.c.rating)) == rating


@pytest.mark.postgres
def test_an_import_that_commits_later_has_the_higher_id(
    postgres_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version holds the imports up to an id: one that came in late below it would add rows to the version."""
    known, entered = store.known_filenames, threading.Event()

    def slow(connection: Connection) -> set[str]:
        if not entered.is_set():
            entered.set()
            time.sleep(0.3)  # its id is given, it is not yet committed
        return known(connection)

    monkeypatch.setattr(store, "known_filenames", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(add_clips, postgres_workspace, (("first.ogg", ("a",)),))
        assert entered.wait(10)
        add_clips(postgres_workspace, (("second.ogg", ("b",)),))
        with postgres_workspace.read() as connection:
            assert [one.id for one in store.all_imports(connection)] == [1, 2]
        assert first.result() == 1


def test_classes_and_imports_at_the_same_time_keep_their_ids_apart(any_workspace: Workspace) -> None:
    def one(number: int) -> None:
        if number % 2:
            with any_workspace.write() as connection:
                add_class(connection, f"added{number}")
        else:
            add_clips(any_workspace, ((f"{number}.ogg", (f"code{number}", "shared")),), names={})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(12)))
    with any_workspace.read() as connection:
        classes = store.all_classes(connection)
        assert len({known.id for known in classes}) == len(classes) == 13
        clips = store.usable_clips(connection)
        assert {found.filename for found in clips} == {f"{number}.ogg" for number in range(0, 12, 2)}
        for found in clips:
            codes = [state.class_code for state in journal.clip_states(connection, found.id)]
            assert codes == [f"code{found.filename[:-4]}", "shared"]
