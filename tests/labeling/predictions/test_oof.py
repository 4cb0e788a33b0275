"""predictions.py: what is written comes back; what is damaged is refused with a remedy."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labeling.errors import ArtefactError, WorkspaceFull, WorkspaceReadOnly
from labeling.predictions.oof import Oof, read_oof, write_oof
from labeling.records import FrameGrid
from labeling.storage import arrays
from tests.support.examples import examples

GRID = FrameGrid(start_s=-0.1, step_s=0.1, native_step_s=0.32)
NAMES = ["a.ogg", 'ü,"\n<b>.ogg', "=cmd().ogg", "鳥/d.ogg"]


def content(lengths: tuple[int, ...] = (3, 0, 7, 2500), classes: int = 5, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "clip_ids": 10 + np.arange(len(lengths)),
        "filenames": (NAMES * len(lengths))[: len(lengths)],
        "classes": [f"class{c}" for c in range(classes)],
        "clipwise": rng.random((len(lengths), classes)),
        "framewise": [rng.random((length, classes)).astype(np.float32) for length in lengths],
        "fold": np.arange(len(lengths)) % 2,
        "grid": GRID,
        "label_version": 3,
        "label_hash": "abc",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_oof(tmp_path / "oof.zarr", **content())
    return tmp_path / "oof.zarr"


def test_what_is_written_comes_back(folder: Path) -> None:
    wanted = content()
    oof = read_oof(folder)
    assert oof.filenames == tuple(NAMES)
    assert oof.classes == tuple(wanted["classes"])
    assert (oof.label_version, oof.label_hash, oof.grid) == (3, "abc", GRID)
    np.testing.assert_array_equal(oof.clip_ids, [10, 11, 12, 13])
    np.testing.assert_array_equal(oof.fold, [0, 1, 0, 1])
    np.testing.assert_array_equal(oof.offsets, [0, 3, 3, 10, 2510])
    assert oof.clipwise.dtype == np.float32
    np.testing.assert_array_equal(oof.clipwise, wanted["clipwise"].astype(np.float32))
    for index, frames in enumerate(wanted["framewise"]):
        got = oof.frames(index)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, frames.astype(np.float16).astype(np.float32))


def test_is_zarr_v3_and_holds_no_pickle(folder: Path) -> None:
    assert zarr.open_group(str(folder), mode="r").metadata.zarr_format == 3
    assert "pickle" not in "".join(path.read_text() for path in folder.rglob("zarr.json"))


@examples(8)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=6).map(tuple),
    classes=st.integers(1, 4),
    max_bytes=st.integers(1, 400),
)
def test_blocks_cover_all_frames_once_in_order(
    tmp_path: Path, lengths: tuple[int, ...], classes: int, max_bytes: int
) -> None:
    wanted = content(lengths, classes)
    write_oof(tmp_path / "oof.zarr", **wanted)
    oof = read_oof(tmp_path / "oof.zarr")
    blocks = list(oof.iter_blocks(max_bytes))
    assert [block.first for block in blocks] == [0, *(block.last for block in blocks[:-1])]
    assert blocks[-1].last == len(lengths)
    for block in blocks:
        assert block.values.nbytes <= max_bytes or block.last == block.first + 1
        for row in range(block.first, block.last):
            np.testing.assert_array_equal(block.clip(row), wanted["framewise"][row].astype(np.float16))


def test_one_clip_is_read_without_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 100)  # 10 rows of 5 float16
    write_oof(tmp_path / "oof.zarr", **content((10, 10, 10)))
    for damaged in sorted((tmp_path / "oof.zarr" / "framewise" / "c").iterdir())[1:]:
        for chunk in damaged.iterdir():
            chunk.write_bytes(b"broken")
    oof = read_oof(tmp_path / "oof.zarr")
    assert oof.frames(0).shape == (10, 5)
    with pytest.raises(ArtefactError, match=r"frames of .* cannot be read .*resume"):
        oof.frames(1)


def test_seconds_of_frames(folder: Path) -> None:
    onset, offset = read_oof(folder).span_s([0, 3], [1, 5])  # the grid starts at -0.1 s
    np.testing.assert_allclose(onset, [0.0, 0.2])
    np.testing.assert_allclose(offset, [0.0, 0.4])


def test_no_clips_and_no_classes_are_not_an_error(tmp_path: Path) -> None:
    write_oof(tmp_path / "a.zarr", **content((), 3))
    assert len(read_oof(tmp_path / "a.zarr")) == 0
    write_oof(tmp_path / "b.zarr", **content((2, 3), 0))
    assert read_oof(tmp_path / "b.zarr").clipwise.shape == (2, 0)


def test_writing_again_replaces_and_leaves_nothing_beside(folder: Path) -> None:
    write_oof(folder, **content((4, 4), 2, seed=9))
    assert read_oof(folder).clipwise.shape == (2, 2)
    assert [path.name for path in folder.parent.iterdir()] == ["oof.zarr"]


def test_a_failed_write_keeps_what_was_there(folder: Path) -> None:
    bad = content(seed=1)
    bad["framewise"][3][2400, 1] = np.nan
    with pytest.raises(ArtefactError, match=r"鳥/d.ogg.*1 of 12500 values are NaN"):
        write_oof(folder, **bad)
    np.testing.assert_array_equal(read_oof(folder).clipwise, content()["clipwise"].astype(np.float32))
    assert [path.name for path in folder.parent.iterdir()] == ["oof.zarr"]


@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.ENOSPC, WorkspaceFull), (errno.EACCES, WorkspaceReadOnly), (errno.EROFS, WorkspaceReadOnly)],
)
def test_a_disk_that_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]) -> None:
    def refuse(beside: Path, target: Path) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(arrays, "replace_folder", refuse)
    with pytest.raises(error, match=r"oof.zarr"):
        write_oof(folder, **content(seed=1))
    assert [path.name for path in folder.parent.iterdir()] == ["oof.zarr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clipwise": np.zeros((4, 4))}, r"clipwise has shape \(4, 4\) where \(4, 5\)"),
        ({"fold": [0, 1]}, r"fold has shape \(2,\) where \(4,\)"),
        ({"filenames": ["a"]}, r"filenames has shape \(1,\) where \(4,\)"),
        ({"framewise": [np.zeros((2, 5))] * 3}, r"framewise has shape \(3,\) where \(4,\)"),
        ({"framewise": [np.zeros((2, 4))] * 4}, r"framewise of 'a.ogg' has shape \(2, 4\)"),
        ({"clipwise": np.full((4, 5), np.nan)}, r"20 of 20 values are NaN"),
        ({"clipwise": np.full((4, 5), 1.5)}, r"values from 1.5 to 1.5 .* not logits"),
        ({"clipwise": np.full((4, 5), -0.5)}, r"values from -0.5 to -0.5"),
        ({"classes": ["a", "a", "b", "c", "d"]}, r"a class is named twice"),
    ],
)
def test_bad_content_is_not_written(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtefactError, match=message):
        write_oof(tmp_path / "oof.zarr", **(content() | change))
    assert not (tmp_path / "oof.zarr").exists()


def test_minus_zero_and_one_are_probabilities(tmp_path: Path) -> None:
    wanted = content((2,), 2) | {"framewise": [np.array([[-0.0, 1.0], [0.99999, 1e-9]])]}
    write_oof(tmp_path / "oof.zarr", **wanted)
    (block,) = read_oof(tmp_path / "oof.zarr").iter_blocks()
    np.testing.assert_array_equal(block.values, [[0, 1], [1, 0]])
    assert not np.signbit(block.values).any()


def test_a_model_that_hears_nothing_is_whole(tmp_path: Path) -> None:
    silent = content() | {"clipwise": np.zeros((4, 5)), "framewise": [np.zeros((n, 5)) for n in (3, 0, 7, 2500)]}
    write_oof(tmp_path / "oof.zarr", **(silent | {"fold": np.full(4, -1)}))
    assert not read_oof(tmp_path / "oof.zarr").frames(3).any()


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"oof.zarr is missing: .*train again"):
        read_oof(tmp_path / "oof.zarr")


@pytest.mark.parametrize("name", ["clipwise", "framewise", "offsets", "fold", "clip_ids", "filenames"])
def test_a_missing_array(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    with pytest.raises(ArtefactError, match=rf"array '{name}' is missing; resume"):
        read_oof(folder)


@pytest.mark.parametrize("name", ["clipwise", "framewise", "offsets", "fold", "clip_ids", "filenames"])
def test_an_array_cut_short(folder: Path, name: str) -> None:
    chunks = [path for path in (folder / name / "c").rglob("*") if path.is_file()]
    chunks[-1].unlink()
    with pytest.raises(ArtefactError, match=rf"'{name}' has {len(chunks) - 1} of {len(chunks)} chunks"):
        read_oof(folder)


@pytest.mark.parametrize("name", ["clipwise", "offsets", "fold", "clip_ids", "filenames"])
def test_a_truncated_chunk(folder: Path, name: str) -> None:
    chunk = next(path for path in (folder / name / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:5])
    with pytest.raises(ArtefactError, match=rf"array '{name}' cannot be read"):
        read_oof(folder)


@pytest.mark.parametrize("damage", ["{", "{}", "[]", ""])
def test_damaged_metadata(folder: Path, damage: str) -> None:
    (folder / "zarr.json").write_text(damage)
    with pytest.raises(ArtefactError, match=r"oof.zarr"):
        read_oof(folder)
    (folder / "zarr.json").unlink()
    with pytest.raises(ArtefactError, match=r"not a whole folder of arrays"):
        read_oof(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": None}, r"no format version: it was cut short"),
        ({"format_version": 99}, r"format version 99, and this Earmark reads up to 1; upgrade"),
        ({"classes": ["one"]}, r"clipwise has shape \(4, 5\) where \(4, 1\)"),
        ({"grid": {"start_s": 0, "step_s": 0.1}}, r"attribute missing or wrong \('native_step_s'\)"),
        ({"grid": {"start_s": 0, "step_s": 1, "native_step_s": 0.1}}, r"native_step_s"),
        ({"label_version": "x"}, r"attribute missing or wrong"),
    ],
)
def test_wrong_attributes(folder: Path, change: dict[str, Any], message: str) -> None:
    metadata = json.loads((folder / "zarr.json").read_text())
    metadata["attributes"] |= change
    (folder / "zarr.json").write_text(json.dumps(metadata))
    with pytest.raises(ArtefactError, match=message):
        read_oof(folder)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("clipwise", np.full((4, 5), 2.0), r"values from 2 to 2"),
        ("clipwise", np.where(np.eye(4, 5) > 0, np.nan, 0.5), r"4 of 20 values are NaN"),
        ("offsets", np.array([0, 3, 2, 10, 2510]), r"offsets must begin at 0 and never fall"),
        ("offsets", np.array([0, 3, 3, 10, 2511]), r"framewise has shape \(2510, 5\) where \(2511, 5\)"),
    ],
)
def test_wrong_values(folder: Path, name: str, values: np.ndarray, message: str) -> None:
    zarr.open_group(str(folder), mode="r+")[name][...] = values
    with pytest.raises(ArtefactError, match=message):
        read_oof(folder)


def test_wrong_frames_are_found_when_read(folder: Path) -> None:
    zarr.open_group(str(folder), mode="r+")["framewise"][5] = np.nan
    oof = read_oof(folder)
    assert oof.frames(0).shape == (3, 5)
    with pytest.raises(ArtefactError, match=r"5 of 35 values are NaN"):
        oof.frames(2)
    with pytest.raises(ArtefactError, match=r"values are NaN"):
        list(oof.iter_blocks())


@examples(12)
@given(hnp.arrays(np.float16, (3, 2), elements=st.floats(-0.25, 1.25, width=16) | st.just(np.nan)))
def test_frames_in_memory_are_checked_like_those_on_disk(values: np.ndarray) -> None:
    oof = Oof(
        clip_ids=np.arange(1),
        filenames=("a",),
        classes=("x", "y"),
        clipwise=np.zeros((1, 2), dtype=np.float32),
        offsets=np.array([0, 3]),
        fold=np.zeros(1, dtype=np.int32),
        grid=GRID,
        label_version=1,
        label_hash="",
        framewise=values,
    )
    if bool(np.all((values >= 0) & (values <= 1))):
        np.testing.assert_array_equal(oof.frames(0), values.astype(np.float32))
    else:
        with pytest.raises(ArtefactError, match=r"probabilities in 0..1"):
            oof.frames(0)
