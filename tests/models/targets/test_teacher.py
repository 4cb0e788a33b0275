import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from labeling import runs
from labeling.collection import store
from labeling.errors import ArtefactError, ConfigError, UnknownName
from labeling.journal import versions
from labeling.predictions.oof import read_oof, write_oof
from labeling.records import FrameGrid
from models.targets.teacher import TeacherFrames, open_teacher


def write(path, classes=("amecro", "balori"), frames=(3, 4, 2, 5), seed=0):
    rng = np.random.default_rng(seed)
    write_oof(
        path,
        clip_ids=np.arange(1, len(frames) + 1),
        filenames=[f"{i}.ogg" for i in range(len(frames))],
        classes=list(classes),
        clipwise=rng.random((len(frames), len(classes)), dtype=np.float32),
        framewise=[rng.random((n, len(classes))).astype(np.float16) for n in frames],
        fold=np.zeros(len(frames)),
        grid=FrameGrid(0.0, 0.32, 0.32),
        label_version=1,
        label_hash="",
    )
    return path


@pytest.fixture
def three_runs(collection):
    """001 and 002 are done, the older one ended last; 003 is queued; 004 is done without predictions."""
    versions.freeze(collection, "rita")
    for name in ("one", "two", "three", "four"):
        runs.enqueue(collection, name, 1)
    for run_id in ("002-two", "001-one", "004-four"):
        assert runs.claim(collection, "me", run_id)
        if run_id != "004-four":
            write(collection.run_dir(run_id) / "oof.zarr")
        runs.finish(collection, run_id, "me", "done")
    return collection


def test_a_teacher_by_id_by_age_and_by_path(three_runs, tmp_path, monkeypatch):
    for name, found in (("002-two", "002-two"), ("newest", "001-one")):
        assert open_teacher(three_runs, name, "003-three").path == str(three_runs.run_dir(found) / "oof.zarr")
    of_another = open_teacher(three_runs, "newest", "001-one")
    assert of_another.path == str(three_runs.run_dir("002-two") / "oof.zarr")
    elsewhere = write(tmp_path / "elsewhere" / "oof.zarr")
    monkeypatch.chdir(tmp_path)
    for name in (str(elsewhere), str(elsewhere.parent), "elsewhere", "elsewhere/oof.zarr"):
        assert open_teacher(three_runs, name).path == str(elsewhere)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("", ConfigError, "empty; set targets.teacher=newest"),
        ("001-won", UnknownName, "unknown teacher run '001-won'; choose from 001-one, 002-two, newest. Did you mean"),
        ("003-three", ArtefactError, "run 003-three is queued, not done; wait for it, or choose from 001-one"),
        ("004-four", ArtefactError, "run 004-four has no predictions in .*choose from 001-one, 002-two"),
        ("001-one", ConfigError, "is the run itself, which has no predictions yet; choose from 002-two"),
        ("/nowhere/oof.zarr", ArtefactError, "/nowhere/oof.zarr is missing"),
    ],
)
def test_a_teacher_that_cannot_be_is_refused_in_words(three_runs, name, error, words):
    with pytest.raises(error, match=words):
        open_teacher(three_runs, name, "001-one" if name == "001-one" else "009-mine")


def test_newest_needs_a_run(collection):
    with pytest.raises(ConfigError, match="no other run of this workspace is done"):
        open_teacher(collection, "newest")


def test_a_teacher_of_other_classes_is_refused(three_runs, tmp_path):
    path = write(tmp_path / "oof.zarr", ("dog", "cat", "cow", "hen"))
    with pytest.raises(ArtefactError, match=r"of its 4 classes \(dog, cat, cow, …\) is one of the labels' \(amecro"):
        open_teacher(three_runs, str(path))
    with three_runs.read() as connection:
        assert len(store.all_classes(connection)) == 4


@pytest.fixture
def oof(tmp_path):
    return read_oof(write(tmp_path / "oof.zarr"))


def test_the_highest_of_the_frames_that_overlap(oof):
    frames = TeacherFrames(oof, ("balori", "zebra", "amecro"))
    listed = np.zeros(3, dtype=bool)
    for clip in range(4):
        whole = oof.frames(clip)
        for onset_s, offset_s in (
            (0, 0.32),
            (0.32, 0.64),
            (0.1, 0.4),
            (0.96, 1.28),
            (0, 9),
            (0.3, 0.33),
            (3 * 0.32, 2),
        ):
            # each frame on its own: does it share more than a point with the chunk?
            meet = [t for t in range(len(whole)) if min(offset_s, (t + 1) * 0.32) - max(onset_s, t * 0.32) > 1e-6]
            heard = frames.heard(clip, listed, onset_s, offset_s)
            assert np.isnan(heard[1])
            if meet:
                assert heard[[2, 0]].tolist() == whole[meet].max(axis=0).tolist()
            else:
                assert np.isnan(heard).all()


def test_the_grids_start_counts(oof):
    late = replace(oof, grid=FrameGrid(0.5, 0.25, 0.25))
    frames = TeacherFrames(late, oof.classes)
    listed = np.zeros(2, dtype=bool)
    assert np.isnan(frames.heard(0, listed, 0, 0.5)).all()
    assert frames.heard(0, listed, 0, 0.75).tolist() == oof.frames(0)[0].tolist()
    assert frames.heard(0, listed, 0.75, 1.0).tolist() == oof.frames(0)[1].tolist()


def test_only_what_a_threshold_can_need_is_kept(oof):
    listed = np.array([True, False])
    above = float(oof.frames(1)[:, 1].max())
    for bound, kept in ((1.0, 1), (above, 1), (above - 0.01, 2), (-1.0, 2)):
        frames = TeacherFrames(oof, oof.classes, unlisted_above=bound)
        heard = frames.heard(1, listed, 0, 9)
        assert heard[0] == oof.frames(1)[:, 0].max()
        assert heard[1] == (above if kept == 2 else 0)
        assert frames.kept.held == 4 * kept * 2


class Counting:
    """Frames that count how often they are read."""

    def __init__(self, values):
        self.values, self.reads, self.lock = values, 0, threading.Lock()

    def __getitem__(self, key):
        with self.lock:
            self.reads += 1
        return self.values[key]


def test_a_clip_is_read_once_while_it_fits_the_bound(oof):
    counting = Counting(oof.framewise[:])
    counted = replace(oof, framewise=counting)
    listed = np.zeros(2, dtype=bool)
    frames = TeacherFrames(counted, oof.classes)
    for clip in (0, 1, 2, 3, 0, 1, 2, 3):
        frames.heard(clip, listed, 0, 9)
    assert counting.reads == 4
    # 3 + 4 frames of 2 classes and 2 bytes fit, so that clip 2 displaces the one asked for longest ago
    small = TeacherFrames(counted, oof.classes, max_bytes=28)
    for clip, reads in ((0, 5), (1, 6), (0, 6), (2, 7), (0, 7), (1, 8), (3, 9), (3, 9)):
        small.heard(clip, listed, 0, 9)
        assert counting.reads == reads
        assert small.kept.held <= 28


def test_many_threads_hear_the_same(oof):
    expected = [oof.frames(clip).max(axis=0).tolist() for clip in range(4)]
    frames = TeacherFrames(oof, oof.classes, max_bytes=30)
    clips = np.random.default_rng(0).integers(0, 4, 200).tolist()
    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(lambda clip: frames.heard(clip, np.zeros(2, dtype=bool), 0, 9).tolist(), clips))
    assert heard == [expected[clip] for clip in clips]
    assert 0 < frames.kept.held <= 30


def test_loading_keeps_what_asking_would(oof):
    listed = {clip: np.array([clip == 0, True]) for clip in (0, 1, 3)}
    loaded, asked = (TeacherFrames(oof, oof.classes, unlisted_above=0.7) for _ in range(2))
    loaded.load(listed)
    assert [clip in loaded.kept for clip in range(4)] == [True, True, False, True]
    for clip, classes in listed.items():
        for onset_s, offset_s in ((0, 9), (0.32, 0.64)):
            expected = asked.heard(clip, classes, onset_s, offset_s)
            np.testing.assert_array_equal(loaded.heard(clip, classes, onset_s, offset_s), expected)
    assert loaded.kept.held == asked.kept.held


def test_loading_stops_at_the_bound(oof):
    """Clips of 12, 16, 8 and 20 bytes: the first and the third fit."""
    frames = TeacherFrames(oof, oof.classes, max_bytes=24)
    everything = np.ones(2, dtype=bool)
    frames.load(dict.fromkeys(range(4), everything))
    assert [clip in frames.kept for clip in range(4)] == [True, False, True, False]
    assert frames.kept.held == 20
    for clip in range(4):
        assert frames.heard(clip, everything, 0, 9).tolist() == oof.frames(clip).max(axis=0).tolist()


@pytest.mark.parametrize("bound", [1.0, -1.0])
def test_a_clip_is_loaded_once(oof, bound):
    counting = Counting(oof.framewise[:])
    frames = TeacherFrames(replace(oof, framewise=counting), oof.classes, bound)
    frames.load(dict.fromkeys(range(4), np.ones(2, dtype=bool)))
    reads = counting.reads
    for clip in range(4):
        frames.heard(clip, np.ones(2, dtype=bool), 0, 9)
    assert counting.reads == reads
