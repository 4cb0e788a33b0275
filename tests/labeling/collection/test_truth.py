"""labeling/collection/truth.py: what a file says of each cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeling.collection.truth import read_labels, read_truth
from labeling.errors import FormatError

FILES, CLASSES = ("a.ogg", "b.ogg", "c.ogg"), ("x", "y", "z")
IMPORTED = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 0]], bool)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "filename,labels\nb.ogg,y\na.ogg, x ; z;\nother.ogg,x\n",
        "filename,primary_label,secondary_labels\nb.ogg,y,[]\na.ogg,x,['z']\n",
        "filename,primary_label,secondary_labels,labels\nb.ogg,x,[],y\na.ogg,x,[],x;z\n",
    ],
)
def test_labels_cover_the_clips_that_they_name(text: str, tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, text), FILES, CLASSES, IMPORTED)
    assert truth.covered.tolist() == [True, True, False]
    assert truth.present.astype(int).tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_wrong_cells_turn_what_was_imported_and_cover_all(tmp_path: Path) -> None:
    path = written(tmp_path, "filename,label,kind\na.ogg,x,spurious\na.ogg,y,missing\nz.ogg,x,missing\nb.ogg,yeti,m\n")
    truth = read_truth(path, FILES, CLASSES, IMPORTED)
    assert truth.covered.all()
    assert truth.present.astype(int).tolist() == [[0, 1, 0], [0, 1, 1], [1, 0, 0]]
    assert truth.unknown == ("yeti",)


def test_the_demos_two_files_tell_the_same(trained: Path) -> None:
    from labeling.journal import versions
    from labeling.workspace import open_workspace

    with open_workspace(trained).read() as connection:
        labels = versions.labels_at(connection, 0)
    one, two = (
        read_truth(trained / "demo/truth" / name, labels.filenames, labels.classes, labels.present)
        for name in ("truth_labels.csv", "truth_noise.csv")
    )
    assert (one.present == two.present).all()
    assert (one.present != labels.present).sum() > 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filename,labels\nq.ogg,x\n", "names none of the collection's 3 clips"),
        ("filename,labels\na.ogg,x\na.ogg,y\n", "names 'a.ogg' twice; keep one"),
        ("filename,labels\na.ogg,x:y\n", "no class of the collection .* put ';' between labels"),
        ("filename,label\nq.ogg,x\n", "names no cell of the collection's 3 clips and 3 classes"),
        ("filename,label\na.ogg,yeti\n", "names no cell"),
        ("filename,kind\na.ogg,x\n", "tells no truth: it has filename, kind; give filename and labels"),
        ("name,labels\na.ogg,x\n", "no column filename"),
        ("filename,primary_label,secondary_labels\na.ogg,x,[y\n", "is no list; write"),
        ("", "is empty; it needs a line with the columns filename"),
        ("filename,labels\n", "has no rows under its column names"),
        ("filename,label,onset,offset\na.ogg,x,0,1\n", "tells no truth: it has filename, label, offset, onset"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=said):
        read_truth(written(tmp_path, text), FILES, CLASSES, IMPORTED)


def test_a_file_without_labels_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no column labels; it has filename, kind"):
        read_labels(written(tmp_path, "filename,kind\na.ogg,x\n"), FILES, CLASSES)
