"""labeling/collection/formats/platforms/aoef/reading.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.collection.annotation.base import Attribution
from labeling.collection.formats import detect_format, find_table
from labeling.collection.formats.platforms.aoef import FORMAT
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.formats.aoef import PROJECT, stored


def read(folder: Path, data: dict[str, Any], **options: Any) -> Any:
    return FORMAT.read(stored(folder, data), None, options)


def test_a_project_is_read_with_times_people_and_what_was_listened_to(tmp_path: Path) -> None:
    (tmp_path / "audio" / "x").mkdir(parents=True)
    (tmp_path / "audio" / "x" / "a.wav").write_bytes(b"")
    path = stored(tmp_path, PROJECT)
    assert detect_format(tmp_path) == "aoef"
    assert find_table(tmp_path, "aoef") == path
    table = FORMAT.read(path, None, {})
    a, b, c, bat = table.clips
    assert (a.filename, a.path) == ("x/a.wav", str(tmp_path / "audio" / "x" / "a.wav"))
    box = Region(1.0, 2.0, 500.0, 900.0)
    assert a.labels == ("rain", "Tyto alba")
    assert a.regions == (("Tyto alba", box),)
    assert a.said_by == {("Tyto alba", box): Attribution("Ann")}
    assert (a.partial, a.group) == (False, "north")
    assert a.metadata == {"quality": "A", "latitude": "8.5"}
    assert (b.labels, b.partial) == ((), False)  # its task is completed: nothing was heard
    assert (c.labels, c.partial) == ((), True)  # open
    assert bat.labels == ("Myotis",)
    # ten times slower in the file: both clips of it are not all of it
    assert bat.regions == (("Myotis", Region(10.0, 20.0, 4000.0, 6000.0)),)
    assert bat.partial
    assert [problem.reason for problem in table.problems] == [
        "tags of annotations that are no labels: call",
        "1 sound events have no tag 'species' or 'event', or no time; left out",
    ]


def test_absolute_paths_lose_the_folder_that_they_share(tmp_path: Path) -> None:
    data = json.loads(json.dumps(PROJECT))
    for recording in data["data"]["recordings"]:
        recording["path"] = "C:\\birds\\" + recording["path"].replace("/", "\\")
    assert [clip.filename for clip in read(tmp_path, data).clips] == ["x/a.wav", "x/b.wav", "c.wav", "bat.wav"]


def test_the_tags_of_a_dataset_are_labels_of_whole_recordings(tmp_path: Path) -> None:
    data = json.loads(json.dumps(PROJECT))
    data["data"] |= {"collection_type": "dataset"}
    data["data"]["recordings"][1]["tags"] = [1]
    table = read(tmp_path, data)
    assert [(clip.labels, clip.partial) for clip in table.clips][:2] == [((), True), (("rain",), False)]
    named = read(tmp_path, data, label_column="quality")
    assert [clip.labels for clip in named.clips][:2] == [("A",), ()]
    with pytest.raises(FormatError, match=r"no tag 'size' \(--label-column\); it has event, group, quality"):
        read(tmp_path, data, label_column="size")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "no AOEF"),
        ({"data": None}, "no AOEF"),
        ({"data": {"collection_type": "model_run"}}, "predictions are no labels"),
        ({"data": {"collection_type": "song"}}, "reads annotation_project"),
    ],
)
def test_what_is_none_is_named(tmp_path: Path, data: Any, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        read(tmp_path, data)


def test_odd_parts_are_told_and_stop_nothing(tmp_path: Path) -> None:
    data = json.loads(json.dumps(PROJECT))
    own = data["data"]
    own["recordings"] += [{"uuid": "x"}, 3, {"path": "../../x/a.wav"}, {"uuid": "y", "path": "y.wav", "duration": None}]
    own["clip_annotations"] += [{"uuid": "z", "clip": "none"}, None]
    own["sound_events"][0]["geometry"] = {"type": "BoundingBox", "coordinates": [-1.0, 0, 2.0, 900]}
    own["sound_events"][1]["geometry"] = {"type": "Polygon", "coordinates": [[[0.5, 100], [1, 200]], [[0.75, 50]]]}
    own["tags"] += [{"key": "species"}, None]
    table = read(tmp_path, data)
    told = [problem.reason for problem in table.problems]
    assert told[1:3] == ["a recording without a path; skipped"] * 2
    assert "is a second recording of this path; skipped" in told
    assert "clip annotation 6 is of no recording; left out" in told
    assert any("its label is kept without a time" in reason for reason in told)
    assert [clip.filename for clip in table.clips] == ["x/a.wav", "x/b.wav", "c.wav", "bat.wav", "y.wav"]
    assert (table.clips[0].labels, table.clips[0].regions) == (("rain", "Tyto alba"), ())
