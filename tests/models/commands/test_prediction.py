import csv
import json

import numpy as np
import pytest
import soundfile

from labeling import runs
from labeling.collection import adding
from labeling.journal import versions
from labeling.storage.csvsafe import read_csv
from labeling.workspace import open_workspace
from models.__main__ import main
from tests.support.training.tiny import CLASSES, RATE, tiny_collection, tiny_recipe
from tests.support.training.untrained import untrained_run


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A workspace with twelve clips and a finished run of two folds that was never trained; recordings beside it."""
    root = tmp_path_factory.mktemp("world")
    audio = root / "clips"
    audio.mkdir()
    clips, labels = tiny_collection(audio)
    workspace = open_workspace(root / "w", create=True)
    new = [
        adding.NewClip(
            filename=clip.filename, path=clip.path, row=k, group=clip.group, duration_s=clip.duration_s,
            sample_rate=RATE, channels=1, content_hash=f"h{k}",
            labels=tuple((CLASSES[c], "secondary") for c in np.flatnonzero(labels.present[k])),
        )
        for k, clip in enumerate(clips)
    ]  # fmt: skip
    with workspace.write() as connection:
        adding.add_collection(
            connection, format="table", source=str(audio), audio_root=str(audio), options={}, table_name="t.csv",
            table_bytes=b"filename,label\n", clips=new, class_names={code: code for code in CLASSES},
        )  # fmt: skip
    number = versions.freeze(workspace, "rita", "for the test").number
    run_id = untrained_run(workspace, tiny_recipe("window_s=1.0", "folds=2"), version=number)
    workspace.close()
    rng = np.random.default_rng(1)
    outside = root / "field"
    (outside / "night").mkdir(parents=True)
    for name, seconds in (("a.wav", 7.3), ("a.flac", 2.0), ("night/=b\tc.wav", 3.0)):
        soundfile.write(outside / name, 0.1 * rng.standard_normal(round(seconds * RATE)), RATE)
    (outside / "broken.wav").write_bytes(b"RIFF nothing of a sound at all")
    return root, run_id


def predict(world, out, *more, audio=()):
    root, run = world
    paths = [str(path) for path in audio] or [str(root / "field")]
    return main(["predict", run, "-w", str(root / "w"), "--out", str(out), "--audio", *paths, *more])


def test_a_folder_of_recordings(world, tmp_path, capsys):
    assert predict(world, tmp_path, "--segment", "2", "--threshold", "global:0.1") == 0
    told = capsys.readouterr()
    assert "2 networks, those of all folds" in told.out
    assert "threshold global:0.1: 0.1 for every class" in told.out
    assert "1 of 4 recordings could not be read" in told.err
    assert "warning" not in told.err
    summary = {row["recording"]: row for row in read_csv(tmp_path / "recordings.csv", ("status",))}
    # Two formats of one name keep their endings; what lies in a folder stays in it.
    assert {name: row["status"] for name, row in summary.items()} == {
        "a.wav": "done", "a.flac": "done", "broken": "failed", "night/=b\tc": "done",
    }  # fmt: skip
    assert "broken.wav: " in summary["broken"]["reason"]
    with open(tmp_path / "a.wav.segments.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["row_id", "filename", "start_s", "end_s", *classes_of(world)]
    assert [row["row_id"] for row in rows] == ["a.wav_2", "a.wav_4", "a.wav_6", "a.wav_8"]
    assert [(row["start_s"], row["end_s"]) for row in rows][-1] == ("6.0", "7.3")
    assert all(0 < float(row[code]) < 1 for row in rows for code in CLASSES)
    # Names are data: a cell that a spreadsheet would run is marked, and no tab breaks a selection table.
    raw = (tmp_path / "night/=b\tc.segments.csv").read_text()
    assert raw.split("\n")[1].startswith("'=b\tc_2,'=b\tc.wav,0.0,2.0,")
    raven = (tmp_path / "night/=b\tc.selections.txt").read_text().split("\n")
    assert raven[1].endswith("\t=b\\tc.wav")
    events = selections(tmp_path / "a.wav.selections.txt")
    assert {(one["Low Freq (Hz)"], one["High Freq (Hz)"]) for one in events} == {("50.0", "4000.0")}
    plain = [[one["Begin Time (s)"], one["End Time (s)"], one["Annotation"]] for one in events]
    assert plain == track(tmp_path / "a.wav.labels.txt")
    best = {code: max(float(row[code]) for row in rows) for code in CLASSES}
    for code, highest in best.items():
        scores = [float(one["Score"]) for one in events if one["Annotation"] == code]
        assert bool(scores) == (highest >= 0.1)
        assert max(scores, default=highest) == pytest.approx(highest, abs=1e-3)


def selections(path):
    """A Raven selection table, a dict a row."""
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def track(path):
    """An Audacity label track, [start, end, label] a line."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def classes_of(world):
    with open_workspace(world[0] / "w").read() as connection:
        return versions.labels_of_version(connection, 1).classes


def test_what_is_done_is_not_done_again_unless_asked(world, tmp_path, capsys):
    audio = (world[0] / "field/a.wav",)
    assert predict(world, tmp_path, audio=audio) == 0
    file = tmp_path / "a.segments.csv"
    before = file.stat().st_mtime_ns
    assert predict(world, tmp_path, audio=audio) == 0
    assert "1 recordings were done before" in capsys.readouterr().out
    assert file.stat().st_mtime_ns == before
    assert len(read_csv(tmp_path / "recordings.csv", ())) == 1
    # Other settings do not mix with these in one folder.
    assert predict(world, tmp_path, "--segment", "1", audio=audio) == 1
    assert "made with segment_s = 5.0, now 1.0" in capsys.readouterr().err
    assert predict(world, tmp_path, "--segment", "1", "--overwrite", audio=audio) == 0
    assert len(file.read_text().splitlines()) == 9
    assert json.loads((tmp_path / "prediction.json").read_text())["segment_s"] == 1
    file.unlink()  # as when a call was killed between two files
    assert predict(world, tmp_path, "--segment", "1", audio=audio) == 0
    assert file.exists()


def test_fitted_thresholds_and_chosen_classes(world, tmp_path, capsys):
    audio = (world[0] / "field/a.wav",)
    for k, rule in enumerate(("per_class", "quantile:0.5", "two", "global")):
        assert predict(world, tmp_path / str(k), "--threshold", rule, "--classes", "high, low", audio=audio) == 0
        assert f"threshold {rule}: " in capsys.readouterr().out
        head = (tmp_path / str(k) / "a.segments.csv").read_text().split("\n")[0]
        assert head == "row_id,filename,start_s,end_s,high,low"


def test_clips_of_the_collection_draw_a_warning(world, tmp_path, capsys):
    assert predict(world, tmp_path, audio=[world[0] / "clips/clip00.wav", world[0] / "field/a.wav"]) == 0
    assert "1 of 2 recordings are clips of the collection" in capsys.readouterr().err


def test_views_say_what_they_reach(world, tmp_path, capsys, monkeypatch):
    folder = world[0] / "w/runs" / world[1]
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(text.replace("tta_views = 1", "tta_views = 4"))
    try:
        assert predict(world, tmp_path, audio=[world[0] / "field/a.flac"]) == 0
    finally:
        (folder / "recipe.toml").write_text(text)
    assert "0.77248" in capsys.readouterr().out


def test_post_processors_move_the_probabilities(world, tmp_path, capsys):
    audio = (world[0] / "field/a.wav",)
    about = tmp_path / "about.csv"
    about.write_text("filename,latitude,longitude,date\na.wav,50.1,8.6,2024-05-03\n")
    assert predict(world, tmp_path / "plain", audio=audio) == 0
    assert predict(world, tmp_path / "post", "--post", "cooccurrence", audio=audio) == 0
    plain = read_csv(tmp_path / "plain/a.segments.csv", CLASSES)
    post = read_csv(tmp_path / "post/a.segments.csv", CLASSES)
    moved = [abs(float(a[code]) - float(b[code])) for a, b in zip(plain, post, strict=True) for code in CLASSES]
    assert 0 < max(moved) < 0.5
    assert predict(world, tmp_path / "date", "--post", "place_date", "--about", str(about), audio=audio) == 0
    capsys.readouterr()
    for words, said in (
        (("--post", "place_date"), "needs --about"),
        (("--post", "elevation"), "--post elevation needs --about"),
        (("--post", "nonsense"), "unknown post-processor"),
        (("--about", str(about)), "add --post"),
    ):
        assert predict(world, tmp_path / "x", *words, audio=audio) == 1
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threshold", "globl"), "Did you mean 'global'"),
        (("--classes", "hgh"), "Did you mean 'high'"),
        (("--classes", ","), "names no class"),
        (("--segment", "0.02"), "shorter than the network's frames"),
        (("--segment", "0"), "--segment 0 must be at least 0.01"),
        (("--segment", "nan"), "--segment nan must be"),
        (("--shortest", "-1"), "--shortest -1 must be at least 0"),
    ],
)
def test_mistakes_are_named(world, tmp_path, capsys, words, said):
    assert predict(world, tmp_path, *words) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("**/*.csv"))


def test_runs_that_cannot_predict(world, tmp_path, capsys):
    root = world[0]
    assert predict((root, "nope"), tmp_path) == 1
    assert "no run 'nope'" in capsys.readouterr().err
    workspace = open_workspace(root / "w")
    other = runs.enqueue(workspace, "demo", 1)
    assert predict((root, other.id), tmp_path) == 1
    assert "is queued; wait until it is done" in capsys.readouterr().err
    brought = runs.enqueue(workspace, "brought", 1, worker="me")
    runs.finish(workspace, brought.id, "me", "done", metrics={})
    assert predict((root, brought.id), tmp_path) == 1
    assert "no network here" in capsys.readouterr().err
    assert predict(world, tmp_path, audio=[root / "field/broken.wav"]) == 1
    assert "no recording could be read; the first: broken.wav" in capsys.readouterr().err
