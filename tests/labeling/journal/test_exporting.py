"""labeling/journal/exporting.py"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sqlalchemy as sa

from labeling import journal
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.errors import DataError, UnknownName, WorkspaceFull
from labeling.journal import versions
from labeling.journal.exporting import ExportReport, export_labels, zipped
from labeling.records import Decision, Region, Shown
from labeling.workspace import Workspace
from tests.support.workspaces.making import undo_at

HEADER = "primary_label,secondary_labels,author,filename"
ROWS = (
    """owl,"['jay', 'tit']",ann,owl/1.wav""",
    "owl,[],ann,owl/2.wav",
    "jay,['tit'],bob,jay/3.wav",
    """"=cmd()","['a, ""b""', '🦉']",bob,odd/4.wav""",
    'tit,[],"O\'Hara, ""Bo""",tit/5.wav',
)


def make(root: Path, rows: tuple[str, ...] = ROWS) -> Path:
    """A collection in BirdCLEF layout, with the line ends of a spreadsheet."""
    for number, row in enumerate(rows):
        path = root / "train_audio" / row.rsplit(",", 1)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(number).standard_normal(16000), 16000)
    (root / "train_metadata.csv").write_bytes("".join(line + "\r\n" for line in (HEADER, *rows)).encode())
    return root


@pytest.fixture
def birds(workspace: Workspace, tmp_path: Path) -> Workspace:
    import_collection(workspace, make(tmp_path / "birds"))
    return workspace


def decide(workspace: Workspace, filename: str, code: str, verdict: str, **more: object) -> Decision:
    with workspace.read() as connection:
        clip_id = store.clip_ids_by_filename(connection)[filename]
    one = Decision(journal.new_event_id(), "=rita", clip_id, code, verdict, **more)  # type: ignore[arg-type]
    return journal.append(workspace, [one])[0]


def lines_after(workspace: Workspace, out: Path, **more: object) -> tuple[ExportReport, list[str]]:
    report = export_labels(workspace, out, **more)  # type: ignore[arg-type]
    lines = (out / "train_metadata.csv").read_bytes().decode().split("\r\n")
    assert lines[0] == HEADER
    assert lines.pop() == ""
    return report, lines[1:]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("decisions", "number", "row"),
    [
        ([("owl/2.wav", "jay", "present")], 1, "owl,['jay'],ann,owl/2.wav"),
        ([("owl/1.wav", "jay", "absent")], 0, "owl,['tit'],ann,owl/1.wav"),
        ([("owl/2.wav", "owl", "absent"), ("owl/2.wav", "tit", "present")], 1, "tit,[],ann,owl/2.wav"),
        ([("owl/1.wav", "owl", "absent")], 0, "jay,['tit'],ann,owl/1.wav"),
        ([("odd/4.wav", "🦉", "absent")], 3, """=cmd(),"['a, ""b""']",bob,odd/4.wav"""),
        ([("owl/2.wav", "=cmd()", "present")], 1, "owl,['=cmd()'],ann,owl/2.wav"),
    ],
)
def test_a_verdict_changes_only_the_label_cells_of_its_row(
    birds: Workspace, tmp_path: Path, decisions: list[tuple[str, str, str]], number: int, row: str
) -> None:
    for one in decisions:
        decide(birds, *one)
    report, lines = lines_after(birds, tmp_path / "out")
    assert (report.changed_clips, report.unlabelled) == (1, 0)
    before = [next(csv.reader([line])) for line in ROWS]
    before[number] = next(csv.reader([row]))
    assert [next(csv.reader([line])) for line in lines] == before
    assert [line for at, line in enumerate(lines) if at != number] == [
        line for at, line in enumerate(ROWS) if at != number
    ]


def test_unsure_and_undone_leave_every_byte(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/1.wav", "jay", "unsure")
    decide(birds, "owl/2.wav", "tit", "unsure")
    decide(birds, "jay/3.wav", "jay", "present")
    gone = decide(birds, "tit/5.wav", "tit", "absent")
    undo_at(birds, gone.position, "rita", journal.new_event_id())
    report = export_labels(birds, tmp_path / "out")
    original = (tmp_path / "birds/train_metadata.csv").read_bytes()
    assert (tmp_path / "out/train_metadata.csv").read_bytes() == original
    assert report.changed_clips == 0
    why = "birdclef cannot say unsure of what came in"
    assert [tuple(row.values()) for row in rows(tmp_path / "out/not_in_table.csv")] == [
        ("owl/1.wav", "jay", "unsure", "train_metadata.csv", why),
        ("owl/2.wav", "tit", "unsure", "train_metadata.csv", why),
    ]
    assert "strong_labels.csv" not in os.listdir(tmp_path / "out")


def test_changes_are_listed_and_safe_in_a_spreadsheet(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "odd/4.wav", "=cmd()", "absent", run_id="007-demo")
    export_labels(birds, tmp_path / "out")
    change, follows = rows(tmp_path / "out/changes.csv")  # the next label becomes the primary
    assert follows["to"] == "primary"
    assert list(change) == ["filename", "class", "from", "to", "reviewer", "time", "run"]
    assert (change["filename"], change["class"], change["reviewer"]) == ("odd/4.wav", "'=cmd()", "'=rita")
    assert (change["to"], change["run"]) == ("absent", "007-demo")


def test_regions_come_as_strong_labels(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/2.wav", "owl", "present", region=Region(0.25, 0.5, 1000.0, 3000.0))
    decide(birds, "owl/1.wav", "owl", "present", region=Region(0.1, 0.2))
    report = export_labels(birds, tmp_path / "out")
    assert report.strong_labels == 2
    found = {row["filename"]: row for row in rows(tmp_path / "out/strong_labels.csv")}
    assert [found["owl/2.wav"][key] for key in ("onset_s", "offset_s", "low_hz", "high_hz", "class")] == [
        *("0.25", "0.5", "1000.0", "3000.0", "owl")
    ]
    assert found["owl/1.wav"]["low_hz"] == ""


def test_a_clip_without_a_label_left_is_counted(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/2.wav", "owl", "absent")
    report, lines = lines_after(birds, tmp_path / "out")
    assert report.unlabelled == 1
    assert lines[1] == ",[],ann,owl/2.wav"


def test_an_older_version_has_the_older_labels(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/2.wav", "jay", "present")
    first = versions.freeze(birds, "rita")
    decide(birds, "owl/2.wav", "tit", "present")
    decide(birds, "owl/2.wav", "jay", "absent")
    report, old = lines_after(birds, tmp_path / "old", version=first.number)
    assert old[1] == "owl,['jay'],ann,owl/2.wav"
    assert report.version == first
    assert json.loads((tmp_path / "old/label_version.json").read_text())["content_hash"] == first.content_hash
    assert [row["class"] for row in rows(tmp_path / "old/changes.csv")] == ["jay"]
    assert lines_after(birds, tmp_path / "new")[1][1] == "owl,['tit'],ann,owl/2.wav"


def test_the_imported_folder_is_refused_and_stays(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/2.wav", "jay", "present")
    folder = tmp_path / "birds"
    (tmp_path / "link").symlink_to(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for out in (folder, tmp_path / "link", folder / "train_audio" / ".."):
        with pytest.raises(DataError, match="never overwritten"):
            export_labels(birds, out)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_table_that_was_imported_by_its_own_path_is_refused_too(workspace: Workspace, tmp_path: Path) -> None:
    folder = make(tmp_path / "birds")
    import_collection(workspace, folder / "train_metadata.csv")
    with pytest.raises(DataError, match="never overwritten"):
        export_labels(workspace, folder)


def test_a_table_that_grew_is_exported_once_with_all_its_rows(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/2.wav", "jay", "present")
    make(tmp_path / "birds", (*ROWS, "owl,[],cy,owl/6.wav"))
    import_collection(birds, tmp_path / "birds")
    decide(birds, "owl/6.wav", "tit", "present")
    report, lines = lines_after(birds, tmp_path / "out")
    assert lines[1] == "owl,['jay'],ann,owl/2.wav"
    assert lines[5] == "owl,['tit'],cy,owl/6.wav"
    assert (report.changed_clips, report.elsewhere) == (2, 0)


def test_an_option_that_no_format_takes_is_refused(birds: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown option of these formats 'ontolgy'.*Did you mean 'ontology'"):
        export_labels(birds, tmp_path / "out", format="fsd50k", options={"ontolgy": "o.json"})
    assert not (tmp_path / "out").exists()


def test_two_collections_come_in_a_folder_each(birds: Workspace, tmp_path: Path) -> None:
    make(tmp_path / "more", ("owl,[],cy,owl/9.wav",))
    import_collection(birds, tmp_path / "more")
    decide(birds, "owl/9.wav", "tit", "present")
    decide(birds, "owl/2.wav", "tit", "present")
    report = export_labels(birds, tmp_path / "out")
    assert (tmp_path / "out/import-2/train_metadata.csv").read_bytes().endswith(b"owl,['tit'],cy,owl/9.wav\r\n")
    assert b"owl,['tit'],ann,owl/2.wav\r\n" in (tmp_path / "out/import-1/train_metadata.csv").read_bytes()
    assert report.elsewhere == 0
    assert len(rows(tmp_path / "out/changes.csv")) == 2


def test_esc50_and_table_keep_their_columns(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("1-1-A-0.wav", "1-2-A-1.wav"):
        (tmp_path / "esc/audio").mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(len(os.listdir(tmp_path / "esc/audio"))).standard_normal(16000)
        soundfile.write(tmp_path / "esc/audio" / name, 0.1 * noise, 16000)
    esc = b"filename,fold,target,category,esc10,src_file,take\n"
    esc += b"1-1-A-0.wav,1,0,dog,True,1,A\n1-2-A-1.wav,1,1,cow,True,2,A\n"
    (tmp_path / "esc/meta").mkdir()
    (tmp_path / "esc/meta/esc50.csv").write_bytes(esc)
    import_collection(workspace, tmp_path / "esc", format="esc50")
    decide(workspace, "1-1-A-0.wav", "dog", "absent")
    decide(workspace, "1-1-A-0.wav", "cow", "present")
    export_labels(workspace, tmp_path / "out", format="esc50")
    after = (tmp_path / "out/esc50.csv").read_bytes().split(b"\n")
    assert after[1] == b"1-1-A-0.wav,1,1,cow,True,1,A"
    assert after[2:] == esc.split(b"\n")[2:]
    with pytest.raises(DataError, match="this workspace holds esc50"):
        export_labels(workspace, tmp_path / "out", format="recordings")
    with pytest.raises(UnknownName, match="unknown format 'nope'"):
        export_labels(workspace, tmp_path / "out", format="nope")


def test_a_table_of_ones_own(workspace: Workspace, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
    soundfile.write(tmp_path / "b.wav", 0.1 * np.random.default_rng(1).standard_normal(16000), 16000)
    (tmp_path / "mine.csv").write_bytes(b"path;tags;note\na.wav;x,y;=1\nb.wav;y;-\n")
    options = {"path_column": "path", "labels_column": "tags", "separator": ","}
    import_collection(workspace, tmp_path / "mine.csv", options=options)
    decide(workspace, "a.wav", "x", "absent")
    export_labels(workspace, tmp_path / "out")
    assert (tmp_path / "out/mine.csv").read_bytes() == b"path;tags;note\na.wav;y;=1\nb.wav;y;-\n"


def small(workspace: Workspace, folder: Path, table: str, **options: str) -> Path:
    """A table ``t.csv`` of clips that are each there, imported."""
    folder.mkdir(exist_ok=True)
    for number, line in enumerate(table.splitlines()[1:]):
        noise = np.random.default_rng(number).standard_normal(8000)
        soundfile.write(folder / line.split(",")[0], 0.1 * noise, 8000)
    (folder / "t.csv").write_text(table)
    import_collection(workspace, folder / "t.csv", format="table", options=options)
    return folder / "t.csv"


def test_no_decision_blocks_an_export(workspace: Workspace, tmp_path: Path) -> None:
    small(workspace, tmp_path / "c", "filename,label,common_name\n1.wav,a,Ant\n2.wav,b,Bee\n3.wav,a,Ant\n4.wav,,\n")
    decide(workspace, "3.wav", "b", "present")
    decide(workspace, "4.wav", "a", "present")
    decide(workspace, "4.wav", "b", "present")
    report = export_labels(workspace, tmp_path / "out")
    assert (tmp_path / "out/t.csv").read_text() == (
        "filename,label,common_name\n1.wav,a,Ant\n2.wav,b,Bee\n3.wav,a,Ant\n4.wav,a,Ant\n"
    )
    why = "the column 'label' holds one label a clip"
    assert [tuple(row.values()) for row in rows(tmp_path / "out/not_in_table.csv")] == [
        ("3.wav", "b", "secondary", "t.csv", why),
        ("4.wav", "b", "secondary", "t.csv", why),
    ]
    assert [(row["filename"], row["class"], row["to"]) for row in rows(tmp_path / "out/changes.csv")] == [
        ("3.wav", "b", "secondary"), ("4.wav", "a", "primary"), ("4.wav", "b", "secondary")]  # fmt: skip
    assert f"2 labels are not in the tables but in not_in_table.csv beside them: 2 because {why}." in report.lines()
    with zipfile.ZipFile(io.BytesIO(zipped(report))) as archive:
        assert archive.namelist() == ["t.csv", "changes.csv", "not_in_table.csv", "label_version.json"]
        assert archive.read("t.csv") == (tmp_path / "out/t.csv").read_bytes()
    export_labels(workspace, tmp_path / "out", version=versions.freeze(workspace, "rita").number)
    undo_at(workspace, 1, "rita", "u1")
    undo_at(workspace, 3, "rita", "u3")
    export_labels(workspace, tmp_path / "out")
    assert rows(tmp_path / "out/not_in_table.csv") == []  # what an earlier export left must not pass for this one's


def test_all_labels_are_read_only_where_a_clip_is_written_anew(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/2.wav", "jay", "present")
    queries: list[str] = []

    def keep(*told: object) -> None:
        queries.append(str(told[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", keep)
    try:
        export_labels(birds, tmp_path / "same", format="birdclef")
        assert not any("imported_labels.who" in query for query in queries)
        export_labels(birds, tmp_path / "both", format=("birdclef", "table"))
        assert any("imported_labels.who" in query for query in queries)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", keep)
    assert sorted(os.listdir(tmp_path / "both")) == [
        "changes.csv", "label_version.json", "table", "train_metadata.csv"
    ]  # fmt: skip


def test_what_was_heard_of_cells_that_nobody_annotated_comes_back(workspace: Workspace, tmp_path: Path) -> None:
    """An absent into the table that can say so; unsure beside it."""
    folder = tmp_path / "c"
    folder.mkdir()
    for number, name in enumerate(("1.wav", "2.wav")):
        soundfile.write(folder / name, 0.1 * np.random.default_rng(number).standard_normal(8000), 8000)
    (folder / "t.csv").write_text("file,a,b,c\n1.wav,1,,0\n2.wav,0,1,1\n")
    import_collection(workspace, folder / "t.csv")
    for code, verdict in (("b", "absent"), ("c", "unsure")):
        decide(workspace, "1.wav", code, verdict)
    decide(workspace, "2.wav", "a", "absent")  # as the table says
    report = export_labels(workspace, tmp_path / "out")
    assert (tmp_path / "out/t.csv").read_text() == "file,a,b,c\n1.wav,1,0,0\n2.wav,0,1,1\n"
    assert report.changed_clips == 0
    assert [(held.filename, held.class_code, held.now) for held in report.not_in_table] == [("1.wav", "c", "unsure")]


def test_an_absent_that_the_format_cannot_say_is_listed(workspace: Workspace, tmp_path: Path) -> None:
    """A recording without a file of events gets none: it would say that nothing was heard."""
    folder = tmp_path / "c"
    folder.mkdir()
    for number, name in enumerate(("1.wav", "2.wav")):
        soundfile.write(folder / name, 0.1 * np.random.default_rng(number).standard_normal(8000), 8000)
    (folder / "1.txt").write_text("0.1\t0.2\ta\n")
    import_collection(workspace, folder)
    decide(workspace, "2.wav", "a", "absent")
    report = export_labels(workspace, tmp_path / "out")
    assert [path.name for path in report.files if path.suffix == ".txt"] == ["1.txt"]
    told = [(held.filename, held.class_code, held.now, held.why) for held in report.not_in_table]
    assert told == [("2.wav", "a", "absent", "audacity cannot say absent of what came in")]


@pytest.mark.parametrize("asked", [None, Shown(kind="swapped"), Shown(kind="swapped", blind=True)])
def test_a_class_takes_the_row_of_another_where_a_person_said_so(
    workspace: Workspace, tmp_path: Path, asked: Shown | None
) -> None:
    table = "filename,label,onset,offset\n1.wav,a,0,0.5\n1.wav,a,0.5,1\n2.wav,b,0,1\n"
    small(workspace, tmp_path / "c", table)
    for code, verdict in (("a", "absent"), ("b", "present")):
        decide(workspace, "1.wav", code, verdict, shown=asked or Shown())
    export_labels(workspace, tmp_path / "out")
    after = (tmp_path / "out/t.csv").read_text()
    if asked and not asked.blind:
        assert after == table.replace("wav,a", "wav,b")
    else:  # two answers, of which nobody said that they are about one event
        assert after == "filename,label,onset,offset\n1.wav,b,,\n2.wav,b,0,1\n"


def test_a_table_that_cannot_be_read_again_is_told_of(birds: Workspace, tmp_path: Path) -> None:
    decide(birds, "owl/2.wav", "jay", "present")
    with birds.write() as connection:
        connection.exec_driver_sql('UPDATE imports SET options = \'{"group_column": "gone"}\'')
    report = export_labels(birds, tmp_path / "out")
    assert [path.name for path in report.files] == ["changes.csv", "not_in_table.csv", "label_version.json"]
    assert "was not written: train_metadata.csv has no column 'gone'" in " ".join(report.lines())
    assert [row["class"] for row in rows(tmp_path / "out/not_in_table.csv")] == ["owl", "jay"]


def test_a_full_disk_says_so_and_leaves_nothing_half(
    birds: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = versions.freeze(birds, "rita").number

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceFull, match="no space left"):
        export_labels(birds, tmp_path / "out", version=version)
    assert os.listdir(tmp_path / "out") == []


def test_an_unknown_version(birds: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no label version 9"):
        export_labels(birds, tmp_path / "out", version=9)
    assert not (tmp_path / "out").exists()
