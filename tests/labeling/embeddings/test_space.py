"""space.py: what is appended comes back in order; parts are whole or not there; the newest sound of a clip counts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from labeling.embeddings.space import (
    ClipVectors,
    SpaceFacts,
    append,
    join_parts,
    known_clips,
    list_spaces,
    open_space,
    remove_space,
    sounds_now,
    space_path,
)
from labeling.errors import ArtefactError, DataError, UnknownName, WorkspaceFull
from labeling.storage import arrays
from labeling.storage.tables import clips
from labeling.workspace import Workspace
from tests.support import ROOT
from tests.support.workspaces.making import add_clips

FACTS = SpaceFacts("ears", "aisfx", "CC BY 4.0", "ab" * 32, 44100, 2.3, 1.15, 6)


def of_clip(clip_id: int, count: int = 3, sound: str = "a", seed: int | None = None) -> ClipVectors:
    rng = np.random.default_rng(clip_id if seed is None else seed)
    onset_s = np.arange(count) * 1.15
    return ClipVectors(clip_id, sound, rng.normal(size=(count, 6)) * 40, onset_s, onset_s + 2.3)


def test_vectors_come_back_as_unit_rows_by_clip_and_time_whatever_the_order_of_the_parts(workspace: Workspace) -> None:
    append(workspace, FACTS, [of_clip(7), of_clip(2, 4)])
    append(workspace, FACTS, [of_clip(5, 1)])
    append(workspace, FACTS, [of_clip(6, 0)])
    space = open_space(workspace, "ears")
    assert space.facts == FACTS
    assert len(space) == 8
    np.testing.assert_array_equal(space.clip_ids, [2, 2, 2, 2, 5, 7, 7, 7])
    for clip in (of_clip(2, 4), of_clip(5, 1), of_clip(7)):
        rows = space.rows_of(clip.clip_id)
        unit = clip.vectors / np.linalg.norm(clip.vectors, axis=1, keepdims=True)
        np.testing.assert_allclose(space.vectors[rows], unit, atol=1e-3)
        np.testing.assert_array_equal(space.onset_s[rows], clip.onset_s.astype(np.float32))
        np.testing.assert_array_equal(space.offset_s[rows], clip.offset_s.astype(np.float32))
    assert space.vectors.dtype == np.float16
    assert space.rows_of(3) == slice(4, 4)
    with pytest.raises(ValueError, match="read-only"):
        space.vectors[0] = 0


def test_the_newest_vectors_of_a_clip_count_also_where_it_has_none_any_more(workspace: Workspace) -> None:
    append(workspace, FACTS, [of_clip(1), of_clip(2), of_clip(3)])
    append(workspace, FACTS, [of_clip(2, 1, "b", seed=9), of_clip(3, 0, "b")])
    assert known_clips(workspace, "ears") == {1: "a", 2: "b", 3: "b"}
    before = open_space(workspace, "ears")
    np.testing.assert_array_equal(before.clip_ids, [1, 1, 1, 2])
    join_parts(workspace, "ears", most=1)
    after = open_space(workspace, "ears")
    assert known_clips(workspace, "ears") == {1: "a", 2: "b", 3: "b"}
    assert len([part for part in space_path(workspace, "ears").iterdir() if part.is_dir()]) == 1
    for name in ("vectors", "clip_ids", "onset_s", "offset_s"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_a_space_is_read_once_until_it_changes(workspace: Workspace) -> None:
    append(workspace, FACTS, [of_clip(1)])
    assert open_space(workspace, "ears") is open_space(workspace, "ears")
    append(workspace, FACTS, [of_clip(2)])
    assert len(open_space(workspace, "ears")) == 6


def test_zeros_stay_zeros_and_large_values_do_not_overflow(workspace: Workspace) -> None:
    vectors = np.array([[0.0] * 6, [3e30, 4e30, 0, 0, 0, 0], [3e-30, 0, 0, 0, 0, 4e-30]], np.float32)
    append(workspace, FACTS, [ClipVectors(1, "", vectors, np.arange(3), np.arange(3) + 1)])
    wanted = [[0] * 6, [0.6, 0.8, 0, 0, 0, 0], [0.6, 0, 0, 0, 0, 0.8]]
    np.testing.assert_allclose(open_space(workspace, "ears").vectors, wanted, atol=1e-3)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("vectors", np.ones((3, 5)), r"shape \(3, 5\).*6 values a row"),
        ("vectors", np.full((3, 6), np.nan), "18 values are not finite"),
        ("onset_s", np.array([0, 2, 1]), "time order"),
        ("onset_s", np.array([-1, 0, 1]), "from 0 s on"),
        ("offset_s", np.array([1, 1, 1]), "onset before its offset"),
        ("offset_s", np.array([1, 2]), "a row for each stretch"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_stored(
    workspace: Workspace, column: str, value: np.ndarray, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        append(workspace, FACTS, [of_clip(1), replace(of_clip(2), **{column: value})])
    assert known_clips(workspace, "ears") == {}


def test_another_models_vectors_do_not_mix(workspace: Workspace) -> None:
    append(workspace, FACTS, [of_clip(1)])
    for column, value in (("weights_sha256", "cd" * 32), ("hop_s", 2.3), ("licence", "none known")):
        with pytest.raises(DataError, match=f"made with {column} = .*another name"):
            append(workspace, replace(FACTS, **{column: value}), [of_clip(2)])
    assert known_clips(workspace, "ears") == {1: "a"}


def test_spaces_are_listed_and_an_unknown_one_is_said(workspace: Workspace) -> None:
    assert list_spaces(workspace) == ()
    append(workspace, FACTS, [])
    append(workspace, replace(FACTS, name="birds.2", size=3), [])
    (workspace.root / "embeddings" / "broken.zarr").mkdir()
    assert [facts.name for facts in list_spaces(workspace)] == ["birds.2", "ears"]
    assert len(open_space(workspace, "ears")) == 0
    assert open_space(workspace, "birds.2").vectors.shape == (0, 3)
    with pytest.raises(UnknownName, match=r"unknown space 'eers'; choose from birds\.2, ears\. Did you mean 'ears'"):
        open_space(workspace, "eers")
    with pytest.raises(ArtefactError, match=r"broken\.zarr.*embed again"):
        open_space(workspace, "broken")
    for name in ("../ears", "", ".ears", "a/b", "a" * 81):
        with pytest.raises(DataError, match="not a plain name"):
            space_path(workspace, name)
    remove_space(workspace, "ears")
    assert [facts.name for facts in list_spaces(workspace)] == ["birds.2"]


def test_a_part_that_was_cut_short_is_not_there_and_a_damaged_one_is_said(workspace: Workspace) -> None:
    append(workspace, FACTS, [of_clip(1)])
    (part,) = (path for path in space_path(workspace, "ears").iterdir() if path.is_dir())
    shutil.copytree(part, part.with_name(f".{part.name}.partial"))
    assert len(open_space(workspace, "ears")) == 3
    append(workspace, FACTS, [of_clip(2)])  # what was read before is kept no longer
    shutil.rmtree(part / "vectors" / "c")
    with pytest.raises(ArtefactError, match=rf"{part.name}.*cut short.*python -m models embed ears"):
        open_space(workspace, "ears")
    newer = next(path for path in space_path(workspace, "ears").iterdir() if path.is_dir() and path.name > part.name)
    shutil.rmtree(part)
    (newer / "vectors" / "c" / "0" / "0").write_bytes(bytes(35))
    with pytest.raises(ArtefactError, match=r"has 35 bytes where 36 are needed, it was cut short"):
        open_space(workspace, "ears")


def test_a_space_is_a_zarr_group_that_others_read_and_of_one_part_is_mapped_not_copied(workspace: Workspace) -> None:
    append(workspace, FACTS, [of_clip(2), of_clip(1)])
    join_parts(workspace, "ears", most=0)
    space = open_space(workspace, "ears")
    assert isinstance(space.vectors.base, np.memmap)
    (part,) = (path.name for path in space_path(workspace, "ears").iterdir() if path.is_dir())
    group = zarr.open_group(str(space_path(workspace, "ears")), mode="r")
    np.testing.assert_array_equal(group[part]["vectors"][:], space.vectors)
    assert group.attrs["facts"]["licence"] == "CC BY 4.0"


def test_a_full_disk_is_said_and_what_was_there_stays(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    append(workspace, FACTS, [of_clip(1)])

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(arrays, "replace_folder", full)
    with pytest.raises(WorkspaceFull, match="no space left"):
        append(workspace, FACTS, [of_clip(2)])
    assert known_clips(workspace, "ears") == {1: "a"}


def test_a_writer_that_is_killed_leaves_whole_parts(workspace: Workspace, tmp_path: Path) -> None:
    code = f"""
import numpy as np
from labeling.embeddings.space import ClipVectors, SpaceFacts, append
from labeling.workspace import open_workspace
workspace = open_workspace({str(workspace.root)!r})
facts = SpaceFacts("ears", "aisfx", "CC BY 4.0", "{"ab" * 32}", 44100, 2.3, 1.15, 6)
for clip_id in range(1, 10_000):
    append(workspace, facts, [ClipVectors(clip_id, "a", np.ones((3, 6)), np.arange(3), np.arange(3) + 1)])
    print(clip_id, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        for _ in range(5):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
    known = known_clips(workspace, "ears")
    assert len(known) >= 5
    np.testing.assert_array_equal(open_space(workspace, "ears").clip_ids, np.repeat(sorted(known), 3))


def test_the_sound_of_a_clip_is_its_bytes_and_its_channel(workspace: Workspace) -> None:
    add_clips(workspace)
    with workspace.write() as connection:
        connection.execute(clips.update().where(clips.c.id == 1).values(fingerprint="f1"))
        before = sounds_now(connection)
        connection.execute(clips.update().where(clips.c.id == 1).values(path="/elsewhere/XC1.ogg"))
        assert sounds_now(connection) == before
        connection.execute(clips.update().where(clips.c.id == 1).values(channel=2))
        connection.execute(clips.update().where(clips.c.id == 2).values(duration_s=21.0))
        changed = {clip_id for clip_id, sound in sounds_now(connection).items() if sound != before[clip_id]}
    assert changed == {1, 2}
