"""The demo collection: deterministic, of the promised shape, its truth consistent, and its songs told apart."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.collection import birdsong
from labeling.collection.demo import build_demo
from labeling.collection.formats import detect_format, formats
from labeling.collection.tabular.lists import parse_list
from labeling.errors import DataError
from labeling.sound.decoding import probe, read_window

CLIPS = 48


@pytest.fixture(scope="module")
def demo(trained: Path) -> Path:
    """That of the trained workspace; to make one takes seconds."""
    return trained / "demo"


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with open(folder / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_is_a_birdclef_collection(demo: Path) -> None:
    assert detect_format(demo) == "birdclef"
    table = formats.get("birdclef").read(demo / "train_metadata.csv", None, {})
    assert len(table.clips) == CLIPS
    assert table.problems == ()
    assert {clip.group for clip in table.clips} <= {one.name for one in birdsong.RECORDISTS}
    assert len({clip.group for clip in table.clips}) >= 5
    assert {code for clip in table.clips for code in clip.labels} == {one.code for one in birdsong.SPECIES}
    for clip in table.clips:
        info = probe(clip.path)
        assert 8 <= info.duration_s <= 12
        assert (info.sample_rate, info.channels, info.format) == (32_000, 1, "OGG")
        assert clip.filename.startswith(clip.primary + "/")
        assert clip.metadata["license"] == "CC0"
        assert float(clip.metadata["rating"]) % 0.5 == 0


def test_truth_and_table_differ_in_exactly_the_planted_cells(demo: Path) -> None:
    given = {row["filename"]: row for row in rows(demo, "train_metadata.csv")}
    truth = {row["filename"]: row for row in rows(demo, "truth/truth_labels.csv")}
    noise = rows(demo, "truth/truth_noise.csv")
    assert given.keys() == truth.keys()
    wrong: set[tuple[str, str, str]] = set()
    for name, row in given.items():
        listed = {row["primary_label"], *(parse_list(row["secondary_labels"]) or [])}
        true = truth[name]["labels"].split(";")
        assert true[0] == truth[name]["primary_label"]
        assert true[1:] == parse_list(truth[name]["secondary_labels"])
        assert 1 <= len(true) <= 3
        swapped = row["primary_label"] != true[0]
        for code in listed - set(true):
            wrong.add((name, code, "wrong_primary" if code == row["primary_label"] else "spurious"))
        for code in set(true) - listed:
            wrong.add((name, code, "missing_primary" if swapped and code == true[0] else "missing"))
    assert {(row["filename"], row["label"], row["kind"]) for row in noise} == wrong
    assert len(noise) == len(wrong)
    kinds = Counter(row["kind"] for row in noise)
    assert kinds == {"missing": 10, "spurious": 5, "wrong_primary": 3, "missing_primary": 3}


def test_each_true_label_is_heard_and_no_other(demo: Path) -> None:
    truth = {row["filename"]: set(row["labels"].split(";")) for row in rows(demo, "truth/truth_labels.csv")}
    heard: dict[str, set[str]] = {name: set() for name in truth}
    for row in rows(demo, "truth/truth_events.csv"):
        heard[row["filename"]].add(row["label"])
        assert 0 <= float(row["onset"]) < float(row["offset"]) <= 12
        assert 0 < float(row["low_hz"]) < float(row["high_hz"]) < 16_000
    assert heard == truth


def test_songs_stand_out_in_their_band(demo: Path) -> None:
    """Of all events most are louder in their band than the clip's quietest stretch; the far ones may not be."""
    louder = []
    for row in rows(demo, "truth/truth_events.csv"):
        samples, rate = read_window(str(demo / "train_audio" / row["filename"]))
        frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::512] * np.hanning(1024)
        hz = np.fft.rfftfreq(1024, 1 / rate)
        band = (hz >= float(row["low_hz"])) & (hz <= float(row["high_hz"]))
        power = (np.abs(np.fft.rfft(frames)[:, band]) ** 2).mean(axis=1)
        time_s = (np.arange(len(power)) * 512 + 512) / rate
        during = (time_s >= float(row["onset"])) & (time_s <= float(row["offset"]))
        louder.append(10 * np.log10(np.percentile(power[during], 80) / np.percentile(power, 10)))
    assert np.mean(np.array(louder) > 6) > 0.9


def test_its_summary_counts_what_was_planted(tmp_path: Path) -> None:
    made = build_demo(tmp_path, clips=8, seed=3)
    kinds = Counter(row["kind"] for row in rows(tmp_path, "truth/truth_noise.csv"))
    assert kinds == {"missing": 2, "spurious": 1, "wrong_primary": 1, "missing_primary": 1}
    assert (made.missing, made.spurious, made.wrong_primary) == (2, 1, 1)


def test_the_same_seed_gives_the_same_collection(tmp_path: Path) -> None:
    build_demo(tmp_path / "a", clips=3, seed=5)
    build_demo(tmp_path / "b", clips=3, seed=5)
    build_demo(tmp_path / "c", clips=3, seed=6)
    names = ["train_metadata.csv", *(f"truth/truth_{one}.csv" for one in ("labels", "noise", "events"))]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / names[0]).read_bytes() != (tmp_path / "c" / names[0]).read_bytes()
    sounds = sorted(path.relative_to(tmp_path / "a") for path in tmp_path.glob("a/train_audio/*/*.ogg"))
    assert len(sounds) == 3
    for one in sounds:
        first, _ = soundfile.read(tmp_path / "a" / one)
        second, _ = soundfile.read(tmp_path / "b" / one)
        np.testing.assert_array_equal(first, second)
        assert 0.1 < np.abs(first).max() <= 1.0


def test_bounds(tmp_path: Path) -> None:
    for clips in (0, -1, 10**6):
        with pytest.raises(DataError, match=f"{clips} clips; give 1 to"):
            build_demo(tmp_path / "x", clips=clips)
    with pytest.raises(DataError, match="seed -1"):
        build_demo(tmp_path / "x", seed=-1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train_metadata.csv").write_text("mine")
    with pytest.raises(DataError, match="holds another collection"):
        build_demo(tmp_path / "mine", clips=1)
    assert (tmp_path / "mine" / "train_metadata.csv").read_text() == "mine"
    seen: list[tuple[int, int]] = []
    one = build_demo(tmp_path / "one", clips=1, progress=lambda done, total: seen.append((done, total)))
    assert (one.clips, seen) == (1, [(1, 1)])
    assert "1 clips" in one.text()
