"""labeling/external/uploads.py: files that a browser sent."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from labeling.errors import DataError
from labeling.external import uploads
from labeling.external.uploads import lay_out


def packed(**files: str) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    buffer.seek(0)
    return buffer


def csv(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def test_one_file_is_itself(tmp_path: Path) -> None:
    sent = lay_out([("C:\\data\\p.csv", csv("filename,a\n"))], tmp_path)
    assert (sent.path.name, sent.name, sent.classes, sent.folds) == ("p.csv", "p.csv", None, None)
    assert sent.path.read_text() == "filename,a\n"


def test_tables_that_say_more_are_told_from_the_predictions(tmp_path: Path) -> None:
    files = [
        ("f.csv", csv("fold,filename\n0,a\n")),
        ("p.csv", csv("filename,fold,a\n")),
        ("c.csv", csv("theirs,code\n")),
    ]
    sent = lay_out(files, tmp_path)
    assert [path and path.name for path in (sent.path, sent.classes, sent.folds)] == ["p.csv", "c.csv", "f.csv"]


def test_a_zip_is_a_folder_and_its_extra_tables_lie_beside_it(tmp_path: Path) -> None:
    members = {"r/a.BirdNET.results.csv": "x", "r/b.BirdNET.results.csv": "y", "__MACOSX/r/._a.csv": "junk"}
    sent = lay_out([("results.zip", packed(**members)), ("c.csv", csv("theirs,code\nx,y\n"))], tmp_path)
    assert sent.path.is_dir()
    assert sorted(str(path.relative_to(sent.path)) for path in sent.path.rglob("*.csv")) == [
        "r/a.BirdNET.results.csv", "r/b.BirdNET.results.csv"]  # fmt: skip
    assert sent.classes is not None
    assert sent.classes.read_text() == "theirs,code\nx,y\n"
    assert not sent.classes.is_relative_to(sent.path)


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ([("virus.exe", csv(""))], "'virus.exe' is no table, .npz, .json or .zip"),
        ([("a.zip", csv("no zip"))], "a.zip cannot be unpacked"),
        ([("a.zip", packed(**{"../../x.csv": "x"}))], "leads out of it"),
        ([("a.zip", packed(**{"/etc/x.csv": "x"}))], "leads out of it"),
        ([("a.csv", csv("x")), ("b/a.csv", csv("y"))], "two of the files are called 'a.csv'"),
        ([("a.zip", packed())], "no predictions are among the files"),
        ([("c.csv", csv("theirs,code\n")), ("f.csv", csv("filename,fold\n"))], "no predictions are among the files"),
    ],
)
def test_what_cannot_be_taken_is_said(tmp_path: Path, files: list[tuple[str, io.BytesIO]], word: str) -> None:
    with pytest.raises(DataError, match=word.replace("(", r"\(")):
        lay_out(files, tmp_path / "w")
    assert [path for path in tmp_path.rglob("*.csv") if not path.is_relative_to(tmp_path / "w")] == []


def test_a_zip_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(DataError, match=r"unpacks to 0\.0 GB; at most"):
        lay_out([("bomb.zip", packed(**{"a.csv": "0" * (2 << 20)}))], tmp_path)
    assert not list(tmp_path.rglob("*.csv"))
    monkeypatch.setattr(uploads, "MOST_MB", 1)
    with pytest.raises(DataError, match=r"a\.csv has 2 MB; at most 1 MB can be sent"):
        lay_out([("a.csv", io.BytesIO(b"0" * (2 << 20)))], tmp_path / "first")
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    with pytest.raises(DataError, match="holds 2 files; at most 1"):
        lay_out([("many.zip", packed(**{"a.csv": "", "b.csv": ""}))], tmp_path / "second")
