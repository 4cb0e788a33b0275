"""Names of a table that do not match to the letter: files are found, twins are told of, nothing is guessed."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from labeling.__main__ import main
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.recorders import clips, sound


def table(root: Path, *rows: str, header: str = "filename,label", encoding: str = "utf-8") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "labels.csv").write_bytes("\n".join((header, *rows, "")).encode(encoding))
    return root


def test_absolute_paths_of_another_machine_and_other_suffixes(tmp_path: Path, workspace: Workspace) -> None:
    for number, name in enumerate(("a/1.wav", "b/1.wav", "XC1.wav")):
        sound(tmp_path / "c" / name, number)
    kaggle = "/kaggle/input/x/train_audio"
    table(
        tmp_path / "t", f"{kaggle}/a/1.wav,owl", f"{kaggle}/b/1.wav,owl", f"{kaggle}/XC1.mp3,jay", r"D:\q\none.wav,jay"
    )
    report = import_collection(workspace, tmp_path / "t", audio=str(tmp_path / "c"))
    assert (report.added, report.missing, report.by_part, report.skipped) == (3, 0, 3, 1)
    found = {name: os.path.relpath(clip.path, tmp_path / "c") for name, clip in clips(workspace).items()}
    assert found == {f"{kaggle}/a/1.wav": "a/1.wav", f"{kaggle}/b/1.wav": "b/1.wav", f"{kaggle}/XC1.mp3": "XC1.wav"}
    reasons = [problem.reason for problem in report.problems]
    assert "found by a part of its name as a/1.wav; so were 2 more" in reasons
    assert "no file there ends so; skipped (--audio names another)" in reasons[0]
    again = import_collection(workspace, tmp_path / "t", audio=str(tmp_path / "c"))
    assert (again.added, again.relinked) == (0, 0)


def test_a_file_that_the_table_names_is_never_taken_for_another(tmp_path: Path, workspace: Workspace) -> None:
    sound(tmp_path / "x" / "b" / "a" / "1.wav", 1)
    sound(tmp_path / "x" / "two.wav", 2)
    sound(tmp_path / "x" / "two.flac.wav", 3)
    table(tmp_path / "x", "b/a/1.wav,owl", "a/1.wav,jay", "c/1.wav,jay")
    report = import_collection(workspace, tmp_path / "x")
    assert (report.missing, report.by_part, report.duplicates) == (2, 0, 0)


def test_what_may_be_several_files_is_none_and_told_of(tmp_path: Path, workspace: Workspace) -> None:
    sound(tmp_path / "x" / "XC1.wav", 1)
    sound(tmp_path / "x" / "XC1.flac.wav", 2).rename(tmp_path / "x" / "XC1.aiff")
    report = import_collection(workspace, table(tmp_path / "x", "XC1.mp3,owl"))
    assert report.missing == 1
    assert "several files may be meant; write its folder and suffix" in [one.reason for one in report.problems]


def test_unicode_forms_and_blanks_make_neither_two_classes_nor_two_clips(tmp_path: Path, workspace: Workspace) -> None:
    sound(tmp_path / "x" / "Tür.wav", 1)
    sound(tmp_path / "x" / "b.wav", 2)
    root = table(
        tmp_path / "x", "Tür.wav,Türe", "Tu\u0308r.wav,Tu\u0308re", "b.wav,Türe  auf", "b.wav, Türe auf", "b.wav,türe"
    )
    report = import_collection(workspace, root)
    assert (report.added, report.joined, report.missing) == (2, 3, 0)
    with workspace.read() as connection:
        assert [known.code for known in store.all_classes(connection)] == ["Türe", "Türe auf", "türe"]
    reasons = [problem.reason for problem in report.problems]
    assert "is also written 'Tu\u0308r.wav'; one file" in reasons
    assert (
        "the classes 'Türe' and 'türe' differ in case alone and stay apart; write them alike if they are one" in reasons
    )


def test_a_disk_in_another_unicode_form(tmp_path: Path, workspace: Workspace) -> None:
    sound(tmp_path / "x" / "Tu\u0308r.wav", 1)
    report = import_collection(workspace, table(tmp_path / "x", "Tür.wav,owl"))
    assert (report.usable, report.by_part) == (1, 1)


def test_classes_and_files_that_differ_in_case_alone_are_told_of_across_tables(
    tmp_path: Path, workspace: Workspace
) -> None:
    sound(tmp_path / "x" / "a.wav", 1)
    sound(tmp_path / "x" / "A.wav", 2)
    import_collection(workspace, table(tmp_path / "x", "a.wav,Owl"))
    report = import_collection(workspace, table(tmp_path / "x", "a.wav,Owl", "A.wav,owl"))
    reasons = [problem.reason for problem in report.problems]
    assert (
        "the classes 'Owl' and 'owl' differ in case alone and stay apart; write them alike if they are one" in reasons
    )
    assert "the files 'a.wav' and 'A.wav' differ in case alone and stay apart" in reasons
    assert report.added == 1


def test_a_file_name_that_is_no_utf_8_stops_that_file_only(tmp_path: Path, workspace: Workspace) -> None:
    sound(tmp_path / "x" / "good.wav", 1)
    os.rename(sound(tmp_path / "x" / "bad.wav", 2), os.fsencode(tmp_path / "x") + b"/b\xfcse.wav")
    report = import_collection(workspace, table(tmp_path / "x", "good.wav,owl", "büse.wav,owl", encoding="cp1252"))
    assert (report.added, report.unreadable) == (2, 1)
    assert clips(workspace)["good.wav"].status == "ok"
    assert "its name is not UTF-8" in clips(workspace)["büse.wav"].reason


def test_an_import_without_any_sound_fails_and_its_hint_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound(tmp_path / "my sounds" / "a" / "1.wav", 1)
    root = table(tmp_path / "t", "a/1.wav,owl")
    command = ["import", str(root), "--workspace", str(tmp_path / "w")]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "none of the 1 files of labels.csv is in" in error
    hint = error[error.index("--audio") : error.index(": the clips")]
    assert main([*command, *shlex.split(hint)]) == 0
    assert "relinked           1" in capsys.readouterr().out
    (clip,) = clips(open_workspace(tmp_path / "w")).values()
    assert clip.status == "ok"
    assert main(["import", str(table(tmp_path / "e")), "--workspace", str(tmp_path / "w2")]) == 1
    assert "labels.csv has a line of column names and no row below it" in capsys.readouterr().err
    assert main(["import", str(table(tmp_path / "f", ",owl")), "--workspace", str(tmp_path / "w3")]) == 1
    assert "no clip of labels.csv can be used" in capsys.readouterr().err
