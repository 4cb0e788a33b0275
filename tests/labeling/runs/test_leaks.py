import dataclasses
import json

import numpy as np
import pytest
import soundfile
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from labeling import runs
from labeling.errors import ArtefactError
from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.records import Clip, FrameGrid
from labeling.runs import leaks
from labeling.runs.landmarks import Copy
from labeling.runs.leaks import (
    DAY,
    FILE,
    GROUP,
    SOUND,
    LinkedClips,
    across,
    belonging,
    counts,
    find_leaks,
    pairs_of,
)
from labeling.storage import tables
from tests.support.landmarks import RATE, encoded
from tests.support.landmarks import clip as sound
from tests.support.workspaces.making import add_clips


def clip(i, group="", content_hash="", **metadata):
    return Clip(i + 1, f"{i}.wav", f"/{i}.wav", 5.0, RATE, 1, group=group, content_hash=content_hash, metadata=metadata)


DAYS = {"author": "Ann", "date": "2021-05-03"}
CLIPS = [clip(0, "a"), clip(1, "a", "h"), clip(2, "b", "h"), clip(3, **DAYS), clip(4, **DAYS), clip(5)]


def test_what_belongs_together_and_why():
    copies = [Copy(4, 5, 1.0, 3.0, 0.8)]
    assert belonging(CLIPS, copies) == [
        LinkedClips(GROUP, (0, 1)), LinkedClips(FILE, (1, 2)), LinkedClips(SOUND, (4, 5)), LinkedClips(DAY, (3, 4)),
    ]  # fmt: skip
    assert LinkedClips(DAY, (3, 4)) not in belonging(CLIPS, copies, same_outing=False)
    assert counts(belonging(CLIPS, copies)) == {FILE: 2, SOUND: 2, DAY: 2, GROUP: 2}


def test_across_folds_by_hand():
    together = belonging(CLIPS)
    assert across(together, np.array([0, 0, 0, 1, 1, 0])) == []
    assert across(together, np.array([0, 0, 1, 1, 0, 0])) == [LinkedClips(FILE, (1, 2)), LinkedClips(DAY, (3, 4))]
    assert across(together, np.array([0, 1, -1, 1, 1, 0])) == [LinkedClips(GROUP, (0, 1))]


@given(st.lists(st.lists(st.integers(0, 11), min_size=2, max_size=5, unique=True), max_size=6), st.integers(0, 99))
def test_across_is_what_a_search_of_all_pairs_finds(sets, seed):
    fold = np.random.default_rng(seed).integers(-1, 3, 12)
    together = [LinkedClips(SOUND, tuple(one)) for one in sets]
    guilty = {i for one in sets for i in one for j in one if fold[i] >= 0 and fold[j] >= 0 and fold[i] != fold[j]}
    assert set().union(*(one.members for one in across(together, fold))) == guilty


def test_a_chain_of_pairs_joins_a_set():
    assert pairs_of([LinkedClips(DAY, (3, 5, 9)), LinkedClips(SOUND, (1, 2))]) == [(3, 5), (5, 9), (1, 2)]


@pytest.fixture(scope="module")
def sounds():
    return [*map(sound, range(4)), encoded(sound(1)[RATE + 77 :]), sound(9)]


@pytest.fixture
def collection(workspace, tmp_path, sounds):
    """Four recordings; the fifth is the second cut and encoded anew, the sixth is by the first's recordist that day."""
    names = [f"{k}.ogg" for k in range(6)]
    for name, wave in zip(names, sounds, strict=True):
        soundfile.write(tmp_path / name, wave, RATE)
    metadata = {"0.ogg": DAYS, "5.ogg": {"author": "ann", "date": "May 3, 2021"}}
    add_clips(workspace, [(name, ("amecro",)) for name in names], metadata=metadata)
    with workspace.write() as connection:
        for name in names:
            here = tables.clips.c.filename == name
            connection.execute(sa.update(tables.clips).where(here).values(path=str(tmp_path / name), group_name=""))
    return workspace


def a_run(workspace, fold):
    version = versions.freeze(workspace, "ann")
    run = runs.enqueue(workspace, "demo", version.number, worker="w")
    n = len(fold)
    write_oof(
        workspace.run_dir(run.id) / "oof.zarr",
        clip_ids=list(range(1, n + 1)),
        filenames=[f"{k}.ogg" for k in range(n)],
        classes=["amecro"],
        clipwise=np.full((n, 1), 0.5, np.float32),
        framewise=[np.zeros((0, 1), np.float32)] * n,
        fold=np.array(fold, np.int32),
        grid=FrameGrid(0.0, 1.0, 1.0),
        label_version=version.number,
        label_hash=version.content_hash,
    )
    runs.finish(workspace, run.id, "w", "done")
    return run.id


def test_the_folds_of_a_run_are_checked(collection):
    run = a_run(collection, [0, 0, 0, 1, 1, 1])
    columns_only = find_leaks(collection, run)
    assert (columns_only.dishonest, columns_only.by_reason, columns_only.heard) == (2, {DAY: 2}, 0)
    assert columns_only.sentence.endswith(" Their sound was not compared yet.")
    before = leaks.known_position(collection)
    assert leaks.listen(collection) == 1
    assert leaks.known_position(collection) != before
    report = find_leaks(collection, run)
    assert (report.clips, report.folds, report.heard, report.dishonest) == (6, 2, 6, 4)
    assert report.by_reason == {SOUND: 2, DAY: 2}
    assert [(one.filename, one.other_filename, one.reason) for one in report.pairs] == [
        ("1.ogg", "4.ogg", SOUND), ("0.ogg", "5.ogg", DAY),
    ]  # fmt: skip
    assert report.pairs[0].detail.endswith("1.0 s apart")
    assert "4 of 6 clips are not honest" in report.sentence
    assert "not compared" not in report.sentence


def test_honest_folds_are_said_to_be_honest(collection):
    leaks.listen(collection)
    report = find_leaks(collection, a_run(collection, [0, 1, 0, 1, 1, 0]))
    assert report.dishonest == 0
    assert not report.pairs
    assert report.sentence == "No near-copy of any of the 6 clips was found among those that its network saw."


def test_one_fold_tells_nothing(collection):
    report = find_leaks(collection, a_run(collection, [0] * 6))
    assert report.folds == 1
    assert "not known" in report.sentence


def test_a_missing_run_and_a_damaged_file(collection):
    with pytest.raises(ArtefactError):
        find_leaks(collection, "009-none")
    file = collection.root / "cache" / leaks.COPIES_FILE
    for text in ("{", "[]", '{"clip_ids": [1]}', '{"clip_ids": [1], "pairs": [[1]]}'):
        file.write_text(text)
        assert leaks.known_copies(collection) == (set(), [])


def test_what_trainings_and_listening_found_is_put_together(workspace, tmp_path):
    (workspace.runs / "001-x").mkdir()
    leaks.write_copies(workspace.runs / "001-x" / leaks.COPIES_FILE, CLIPS, [1, 2], [Copy(0, 1, 1.0, 3.0, 0.8)])
    leaks.write_copies(workspace.root / "cache" / leaks.COPIES_FILE, CLIPS, [2, 3], [Copy(1, 2, 0.5, 2.0, 0.7)])
    assert leaks.known_copies(workspace) == ({1, 2, 3}, [(1, 2, 1.0, 3.0, 0.8), (2, 3, 0.5, 2.0, 0.7)])
    assert json.loads((workspace.runs / "001-x" / leaks.COPIES_FILE).read_text())["clip_ids"] == [1, 2]


def test_a_file_that_cannot_be_read_is_passed_over(collection, tmp_path):
    (tmp_path / "3.ogg").write_bytes(b"no sound")
    seen = []
    assert leaks.listen(collection, lambda done, total: seen.append((done, total))) == 1
    assert seen[-1] == (6, 6)
    assert find_leaks(collection, a_run(collection, [0, 1] * 3)).heard == 5


def test_pairs_to_tell_leave_out_what_the_table_says():
    told = leaks.pairs_to_tell(belonging(CLIPS, [Copy(4, 5, 1.0, 3.0, 0.8)]), CLIPS)
    assert told == [["4.wav", "5.wav", SOUND], ["3.wav", "4.wav", DAY]]
    assert len(leaks.pairs_to_tell([LinkedClips(DAY, tuple(range(6)))], CLIPS, most=3)) == 3


def test_the_command(collection, capsys, tmp_path):
    from labeling.__main__ import main

    a_run(collection, [0, 0, 0, 1, 1, 1])
    out = tmp_path / "pairs.csv"
    assert main(["leaks", "--workspace", str(collection.root), "--csv", str(out)]) == 0
    said = capsys.readouterr().out
    assert "4 of 6 clips are not honest" in said
    assert "1.ogg  4.ogg  same sound" in said
    assert out.read_text().splitlines()[0] == "clip,other_clip,reason,detail"
    assert main(["leaks", "--workspace", str(collection.root), "--run", "7-no"]) == 1


def test_the_sentence_names_what_was_not_heard():
    report = dataclasses.replace(leaks.LeakReport("r", 3, 2, 0, {}, (), 2), dishonest=2, by_reason={SOUND: 2})
    assert "The sound of 1 clip was not compared yet" in report.sentence
