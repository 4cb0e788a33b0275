"""spaces.py, vectors.py: vectors made elsewhere come in by their clips, and what does not match is said."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from usearch.index import Index

from labeling.embeddings.space import known_clips, list_spaces, open_space
from labeling.errors import DataError, FormatError
from labeling.external.spaces import import_space
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips

VECTORS = np.random.default_rng(0).normal(size=(6, 8))
ROWS = [  # the clips last 20 s; theirs have other folders and suffixes
    ("amecro/XC1.wav", 3.0, 6.0), ("amecro/XC1.wav", 0.0, 3.0), ("site/balori/XC3.wav", 1.5, 4.5),
    ("elsewhere.wav", 0.0, 3.0), ("cangoo/XC4.ogg", 18.0, 21.0), ("cangoo/XC4.ogg", 30.0, 33.0),
]  # fmt: skip


def hoplite(folder: Path, rows: list[tuple[str, float, float]] = ROWS, vectors: np.ndarray = VECTORS) -> Path:
    path = folder / "db"
    path.mkdir()
    names = sorted({row[0] for row in rows})
    with sqlite3.connect(path / "hoplite.sqlite") as database:
        database.execute("CREATE TABLE recordings (id INTEGER PRIMARY KEY, filename TEXT)")
        database.execute("CREATE TABLE windows (id INTEGER PRIMARY KEY, recording_id INTEGER, offsets FLOAT_LIST)")
        database.execute("CREATE TABLE hoplite_metadata (key TEXT, value TEXT)")
        database.execute("INSERT INTO hoplite_metadata VALUES ('model_config', '{\"model_key\": \"perch_v2\"}')")
        database.executemany("INSERT INTO recordings VALUES (?, ?)", list(enumerate(names, start=1)))
        for number, (name, onset_s, offset_s) in enumerate(rows, start=1):
            offsets = np.array([onset_s, offset_s], "<f8").tobytes()
            database.execute("INSERT INTO windows VALUES (?, ?, ?)", (number, names.index(name) + 1, offsets))
    database.close()
    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16")
    index.add(np.arange(1, len(rows) + 1), vectors.astype(np.float16))
    index.save(str(path / "usearch.index"))
    return path


def birdnet_csv(folder: Path) -> Path:
    lines = [
        f'{name},{a},{b},"{",".join(map(str, v))}"' for (name, a, b), v in zip(ROWS, VECTORS.tolist(), strict=True)
    ]
    (folder / "all.csv").write_text("\n".join(["file_path,start,end,embedding", *lines, ""]))
    return folder / "all.csv"


def npz(folder: Path) -> Path:
    names, onset_s, offset_s = zip(*ROWS, strict=True)
    np.savez(folder / "all.npz", filenames=names, onset_s=onset_s, offset_s=offset_s, vectors=VECTORS,
             model="my ears", licence="MIT")  # fmt: skip
    return folder / "all.npz"


@pytest.mark.parametrize(
    ("write", "maker", "licence"),
    [(hoplite, "perch_v2", "not told"), (birdnet_csv, "birdnet", "CC BY-NC-SA 4.0"), (npz, "my ears", "MIT")],
)
def test_vectors_come_in_by_their_clips(
    workspace: Workspace, tmp_path: Path, write: Callable[[Path], Path], maker: str, licence: str
) -> None:
    add_clips(workspace)
    path = write(tmp_path)
    for _ in range(2):  # again: the newer ones take the place of those before
        report = import_space(workspace, path, "theirs")
    space = open_space(workspace, "theirs")
    assert (space.facts.model, space.facts.licence, space.facts.size) == (f"imported:{maker}", licence, 8)
    assert space.facts.window_s == 3.0
    assert space.clip_ids.tolist() == [1, 1, 3, 4]
    assert space.onset_s.tolist() == [0.0, 3.0, 1.5, 18.0]
    assert space.offset_s.tolist() == [3.0, 6.0, 4.5, 20.0]
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    np.testing.assert_allclose(space.vectors, unit[[1, 0, 2, 4]], atol=2e-3)
    assert known_clips(workspace, "theirs")[1] == "/audio/amecro/XC1.ogg 20.000 0"
    text = "\n".join(report.lines())
    for words in (
        f"4 stretches of 3 clips, 8 numbers each, made by {maker}, licence: {licence}",
        "1 of their files were left out: 'elsewhere.wav': no such clip",
        "2 files were found by a part of their name",
        "1 stretches were left out: they begin after their clip's end",
        "1 clips of the workspace have no vectors in it",
    ):
        assert words in text


def test_numbers_that_are_none_and_stretches_that_come_twice_are_left_out_and_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    add_clips(workspace)
    vectors = VECTORS.copy()
    vectors[0, 0] = np.nan
    report = import_space(workspace, hoplite(tmp_path, [("XC1.ogg", 0, 3), *[("XC2.ogg", 0, 3)] * 5], vectors), "x")
    assert (report.bad, report.double, report.clips, report.stretches) == (1, 4, 2, 1)


def test_given_words_go_before_the_files(workspace: Workspace, tmp_path: Path) -> None:
    add_clips(workspace)
    import_space(workspace, npz(tmp_path), "x", model="other", licence="CC0")
    (facts,) = list_spaces(workspace)
    assert (facts.model, facts.licence) == ("imported:other", "CC0")
    with pytest.raises(DataError, match="made with model = 'imported:other'"):
        import_space(workspace, npz(tmp_path), "x", licence="CC0")


def test_what_cannot_be_used_is_said(workspace: Workspace, tmp_path: Path) -> None:
    add_clips(workspace)

    def refused(path: Path, words: str) -> None:
        with pytest.raises(FormatError, match=words):
            import_space(workspace, path, "x")
        assert list_spaces(workspace) == ()

    refused(tmp_path / "nowhere", "holds no vectors that can be read: give a Hoplite folder")
    (tmp_path / "t.csv").write_text('file_path,start,end,embedding\nXC1.ogg,0,3,"1,2"\nXC1.ogg,3,6,"1,2,3"\n')
    refused(tmp_path / "t.csv", r"near row 1: 3 numbers, where those before have 2")
    (tmp_path / "t.csv").write_text("file_path,start,end,embedding\nXC1.ogg,0\n")
    refused(tmp_path / "t.csv", "each row needs file_path, start, end, embedding")
    np.savez(tmp_path / "a.npz", filenames=["XC1.ogg"], onset_s=[0.0], vectors=[[1.0]])
    refused(tmp_path / "a.npz", r"has no array 'offset_s'; it has filenames, onset_s, vectors")
    np.savez(tmp_path / "b.npz", filenames=["XC1.ogg"], onset_s=[0.0], offset_s=[1.0], vectors=[[1.0], [2.0]])
    refused(tmp_path / "b.npz", r"vectors has shape \(2, 1\)")
    np.savez(tmp_path / "c.npz", filenames=np.array([{}], dtype=object))
    refused(tmp_path / "c.npz", "cannot be read")
    refused(hoplite(tmp_path, [("nobody.wav", 0.0, 3.0)], VECTORS[:1]), "names none of the workspace's clips")
    shutil.rmtree(tmp_path / "db")
    path = hoplite(tmp_path)
    with sqlite3.connect(path / "hoplite.sqlite") as database:
        database.execute("INSERT INTO windows VALUES (99, 1, ?)", (bytes(16),))
    database.close()
    refused(path, "lacks the vectors of 1 windows, such as 99")
    (path / "usearch.index").write_bytes(b"no index")
    refused(path, "is no usearch index")
    (path / "usearch.index").unlink()
    refused(path, "lacks usearch.index")
    (path / "hoplite.sqlite").write_bytes(b"no database, and longer than a header of one is" * 9)
    refused(path, "cannot be read")
