"""Import into a real workspace: bad files are recorded, none stops the rest, a second import changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile

from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.errors import FormatError, UnknownName
from labeling.records import Clip
from labeling.workspace import Workspace, open_workspace

RATE = 16_000


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = open_workspace(tmp_path / "workspace", create=True)
    yield made
    made.close()


def sound(
    path: Path, seconds: float = 0.5, seed: int = 0, channels: int = 1, rate: int = RATE, gain: float = 0.1
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = gain * np.random.default_rng(seed).standard_normal((round(seconds * rate), channels))
    soundfile.write(path, samples, rate)
    return path


def table(root: Path, *rows: tuple[str, ...]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    lines = ["primary_label,secondary_labels,author,rating,filename", *(",".join(row) for row in rows), ""]
    (root / "train_metadata.csv").write_text("\n".join(lines))
    return root


def clips(workspace: Workspace) -> dict[str, Clip]:
    with workspace.read() as connection:
        everything = store.usable_clips(connection) + store.skipped_clips(connection)
    return {clip.filename: clip for clip in everything}


def test_bad_files_are_recorded_each_with_its_reason(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "birds"
    audio = root / "train_audio" / "owl1"
    good = sound(audio / "good.ogg")
    sound(audio / "wide.wav", channels=8, rate=96_000, seed=1)
    sound(audio / "tiny.wav", seconds=0.01, seed=2)
    sound(audio / "silent.flac", seconds=2, gain=0)
    (audio / "copy.ogg").write_bytes(good.read_bytes())
    (audio / "empty.ogg").write_bytes(b"")
    (audio / "text.wav").write_text("not a sound")
    whole = sound(audio / "cut.flac", seconds=4, seed=3)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (audio / "folder.wav").mkdir()
    names = ["good.ogg", "wide.wav", "tiny.wav", "silent.flac", "copy.ogg", "empty.ogg", "text.wav", "cut.flac"]
    names += ["folder.wav", "gone.ogg"]
    table(
        root,
        *(("owl1", "[]", "Ann", "4.0", f"owl1/{name}") for name in names),
        ("owl1", "[]", "Ann", "1", "../../x.ogg"),
    )
    seen: list[tuple[int, int]] = []
    report = import_collection(workspace, root, progress=lambda done, total: seen.append((done, total)))
    found = clips(workspace)
    assert {name.removeprefix("owl1/"): clip.status for name, clip in found.items()} == {
        "good.ogg": "ok",
        "wide.wav": "ok",
        "tiny.wav": "too_short",
        "silent.flac": "silent",
        "copy.ogg": "duplicate",
        "empty.ogg": "unreadable",
        "text.wav": "unreadable",
        "cut.flac": "ok",
        "folder.wav": "unreadable",
        "gone.ogg": "missing",
    }
    assert (report.added, report.skipped, report.missing, report.unreadable) == (10, 1, 1, 3)
    assert (report.duplicates, report.silent, report.too_short) == (1, 1, 1)
    reasons = {one.filename: one.reason for one in report.problems}
    assert "0 bytes" in reasons["owl1/empty.ogg"]
    assert "the same bytes as owl1/good.ogg" in reasons["owl1/copy.ogg"]
    assert "0.010 s" in reasons["owl1/tiny.wav"]
    assert "s of sound are there" in reasons["owl1/cut.flac"]
    assert "outside the audio folder" in reasons["../../x.ogg"]
    assert 1.5 < found["owl1/cut.flac"].duration_s < 2.5
    assert (found["owl1/wide.wav"].channels, found["owl1/wide.wav"].sample_rate) == (8, 96_000)
    assert all(clip.reason for clip in found.values() if clip.status != "ok")
    assert seen == [(i, 10) for i in range(1, 11)]
    with workspace.read() as connection:
        kept = store.all_imports(connection)[0].report
    assert len(kept["problems"]) == kept["problem_count"] == len(report.problems)
    json.dumps(kept)


def test_a_header_that_tells_another_length_is_reported_and_the_sound_is_believed(
    tmp_path: Path, workspace: Workspace
) -> None:
    audio = tmp_path / "birds" / "train_audio" / "owl1"
    unfinished = bytearray(sound(audio / "unfinished.wav", seconds=2).read_bytes())
    at = unfinished.index(b"data") + 4
    unfinished[at : at + 4] = bytes(4)
    (audio / "unfinished.wav").write_bytes(unfinished)
    streamed = bytearray(sound(audio / "streamed.flac", seconds=3, seed=1).read_bytes())
    streamed[21:26] = bytes([streamed[21] & 0xF0]) + bytes(4)
    (audio / "streamed.flac").write_bytes(streamed)
    (audio / "copy.flac").write_bytes(streamed)
    names = ["owl1/unfinished.wav", "owl1/streamed.flac", "owl1/copy.flac"]
    report = import_collection(
        workspace, table(tmp_path / "birds", *(("owl1", "[]", "A", "4", name) for name in names))
    )
    assert {name: clip.duration_s for name, clip in clips(workspace).items()} == dict(
        zip(names, [2.0, 3.0, 3.0], strict=True)
    )
    assert [problem.reason for problem in report.problems] == [
        "the header tells no length; 2.00 s of sound are there",
        "the header tells no length; 3.00 s of sound are there",
        "duplicate: the same bytes as owl1/streamed.flac; the header tells no length; 3.00 s of sound are there",
    ]


def test_channels_that_cancel_each_other_out_are_reported_and_one_is_used(tmp_path: Path, workspace: Workspace) -> None:
    audio = tmp_path / "birds" / "train_audio" / "owl1"
    left = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    sound(audio / "plain.wav", channels=2)
    soundfile.write(audio / "flipped.wav", np.stack([0.9 * left, -left], axis=1), RATE)
    root = table(tmp_path / "birds", *(("owl1", "[]", "A", "4", f"owl1/{name}.wav") for name in ("plain", "flipped")))
    report = import_collection(workspace, root)
    assert {name: clip.channel for name, clip in clips(workspace).items()} == {
        "owl1/plain.wav": 0,
        "owl1/flipped.wav": 2,
    }
    (problem,) = report.problems
    assert problem.filename == "owl1/flipped.wav"
    assert problem.reason == (
        "its channels cancel each other out, their mix is 26 dB below the loudest; the right channel is used"
    )
    assert problem.reason in report.text()


def test_the_report_in_words(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "birds"
    for i in range(3):
        sound(root / "train_audio" / "owl1" / f"{i}.ogg", seed=i)
    rows = [("owl1", "['elk1']" if i else "[]", "", "0", f"owl1/{i}.ogg") for i in range(3)]
    table(root, *rows, *(("owl1", "[]", "Bo", "1", f"owl1/\x1b[2Jgone{i}.ogg") for i in range(12)))
    text = import_collection(workspace, root).text()
    assert "15 clips in train_metadata.csv (birdclef), 2 classes" in text
    for line in ("added              15", "without secondary  13", "without a group    3", "missing            12"):
        assert line in text
    assert "and 2 more" in text
    assert "\x1b" not in text  # a file name must not drive the terminal


def test_importing_again_adds_what_is_new_and_changes_nothing_else(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "birds"
    for i in range(3):
        sound(root / "train_audio" / "owl1" / f"{i}.ogg", seed=i)
    first = [("owl1", "[]", "Ann", "4.0", f"owl1/{i}.ogg") for i in range(2)]
    import_collection(workspace, table(root, *first))
    before = clips(workspace)
    again = import_collection(workspace, root)
    assert (again.added, again.already_there) == (0, 2)
    with workspace.read() as connection:
        assert len(store.all_imports(connection)) == 1
    (root / "train_audio" / "owl1" / "0.ogg").unlink()
    changed = [("elk1", "['fox1']", "Zo", "1.0", f"owl1/{i}.ogg") for i in range(3)]
    grown = import_collection(workspace, table(root, *changed))
    assert (grown.added, grown.already_there, grown.missing) == (1, 2, 1)  # one is gone, and stays as it was
    after = clips(workspace)
    assert {name: after[name] for name in before} == before
    assert after["owl1/2.ogg"].group == "Zo"
    with workspace.read() as connection:
        labels = store.collection_counts(connection)
    assert (labels["clips"], labels["primary_labels"], labels["secondary_labels"]) == (3, 3, 1)


def test_a_copy_of_a_clip_that_is_there_already_is_a_duplicate(tmp_path: Path, workspace: Workspace) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    source = sound(first / "train_audio" / "owl1" / "a.ogg")
    import_collection(workspace, table(first, ("owl1", "[]", "Ann", "4", "owl1/a.ogg")))
    (second / "train_audio" / "elk1").mkdir(parents=True)
    (second / "train_audio" / "elk1" / "b.ogg").write_bytes(source.read_bytes())
    report = import_collection(workspace, table(second, ("elk1", "[]", "Ann", "4", "elk1/b.ogg")))
    assert report.duplicates == 1
    assert "owl1/a.ogg" in clips(workspace)["elk1/b.ogg"].reason


def test_same_size_is_not_yet_a_duplicate(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "birds"
    for i in range(4):
        sound(root / "train_audio" / "owl1" / f"{i}.wav", seed=i // 2)
    sizes = {path.stat().st_size for path in (root / "train_audio" / "owl1").iterdir()}
    assert len(sizes) == 1
    report = import_collection(workspace, table(root, *(("owl1", "[]", "A", "4", f"owl1/{i}.wav") for i in range(4))))
    assert report.duplicates == 2
    found = clips(workspace)
    assert [found[f"owl1/{i}.wav"].status for i in range(4)] == ["ok", "duplicate", "ok", "duplicate"]
    assert found["owl1/0.wav"].content_hash == found["owl1/1.wav"].content_hash != found["owl1/2.wav"].content_hash


def test_files_that_differ_late_are_not_duplicates(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "birds"
    whole = sound(root / "train_audio" / "owl1" / "0.wav", seconds=6).read_bytes()
    assert len(whole) > 1 << 17
    (root / "train_audio" / "owl1" / "1.wav").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (root / "train_audio" / "owl1" / "2.wav").write_bytes(whole)
    rows = (("owl1", "[]", "A", "4", f"owl1/{i}.wav") for i in range(3))
    import_collection(workspace, table(root, *rows))
    found = clips(workspace)
    assert [found[f"owl1/{i}.wav"].status for i in range(3)] == ["ok", "ok", "duplicate"]


def test_two_spellings_of_one_file_are_one_clip(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "birds"
    sound(root / "train_audio" / "owl1" / "a.wav")
    names = ("owl1/a.wav", "./owl1//a.wav")
    report = import_collection(workspace, table(root, *(("owl1", "[]", "A", "4", name) for name in names)))
    assert list(clips(workspace)) == ["owl1/a.wav"]
    assert (report.joined, [one.reason for one in report.problems]) == (
        1,
        ["is also written './owl1//a.wav'; one file"],
    )


def test_hostile_labels_and_names_arrive_as_they_are(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "birds"
    names = ["<b>x</b>.ogg", "=cmd().ogg", "🐦 ü.ogg", "'; DROP TABLE clips; --.ogg"]
    codes = ["<script>alert(1)</script>", "=cmd()", "🐦", "'; DROP TABLE clips; --"]
    for i, name in enumerate(names):
        sound(root / "audio" / name.replace("/", ""), seed=i)
    lines = [f'"{name.replace("/", "")}","{code}"' for name, code in zip(names, codes, strict=True)]
    (root / "labels.csv").write_text("\n".join(["file,label", *lines, ""]))
    report = import_collection(workspace, root)
    assert (report.format, report.added) == ("table", 4)
    assert [problem.row for problem in report.problems] == [2, 5]  # the codes with < and ; are noted, and kept
    with workspace.read() as connection:
        assert {one.code for one in store.all_classes(connection)} == set(codes)
    assert set(clips(workspace)) == {name.replace("/", "") for name in names}


def test_named_columns_make_it_a_table(tmp_path: Path, workspace: Workspace) -> None:
    sound(tmp_path / "x" / "a.wav")
    (tmp_path / "x" / "x.csv").write_text("what,where\nOwl,a.wav\n")
    report = import_collection(workspace, tmp_path / "x", options={"path_column": "where", "label_column": "what"})
    assert (report.format, report.added, report.missing) == ("table", 1, 0)


def test_a_remote_collection(tmp_path: Path, workspace: Workspace) -> None:
    local = sound(tmp_path / "a.ogg")
    with fsspec.open("memory://remote/owl1/a.ogg", "wb") as file:
        file.write(local.read_bytes())
    root = table(tmp_path / "birds", *(("owl1", "[]", "A", "4", f"owl1/{name}.ogg") for name in "ab"))
    report = import_collection(workspace, root, audio="memory://remote")
    assert (report.added, report.missing, report.audio_root) == (2, 1, "memory://remote")
    assert clips(workspace)["owl1/a.ogg"].duration_s == pytest.approx(0.5)


def test_what_cannot_be_imported_changes_nothing(tmp_path: Path, workspace: Workspace) -> None:
    root = tmp_path / "x"
    root.mkdir()
    (root / "data.csv").write_text("alpha,beta\n1,2\n")
    with pytest.raises(FormatError, match="its columns are alpha, beta"):
        import_collection(workspace, root / "data.csv")
    with pytest.raises(FormatError, match=r"no column filename, primary_label, secondary_labels; it has alpha, beta"):
        import_collection(workspace, root / "data.csv", format="birdclef")
    with pytest.raises(FormatError, match="nothing at"):
        import_collection(workspace, root / "none")
    with pytest.raises(UnknownName, match="Did you mean 'birdclef'"):
        import_collection(workspace, root, format="bridclef")
    with workspace.read() as connection:
        assert store.all_imports(connection) == []


def test_an_unreadable_file_is_a_skip(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:  # root may read every file
        monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o444))
    root = tmp_path / "birds"
    sound(root / "train_audio" / "owl1" / "a.ogg").chmod(0)
    report = import_collection(workspace, table(root, ("owl1", "[]", "A", "4", "owl1/a.ogg")))
    assert report.unreadable == 1
    assert "no right to read" in report.problems[0].reason
