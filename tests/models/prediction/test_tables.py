import csv
import io
import zipfile

import numpy as np
import pytest

from labeling.collection.formats.events.base import TableEvent
from labeling.errors import FormatError
from models.prediction.soundscape import Result
from models.prediction.sources import Source
from models.prediction.tables import Summary, events_in, highest_in, segments_in, write_result, zipped


def test_class_names_are_data_too(tmp_path):
    events = (TableEvent(0.5, 1.0, "=a\n", 0.75),)
    result = Result(np.array([[0.123456, 1.0]], np.float32), events, 1.5)
    source = Source("/x/one.wav", "sub/one")
    write_result(tmp_path, source, result, ("=a\n", 'b,"c"'), 2.0, (50.0, 900.0))
    with open(tmp_path / "sub/one.segments.csv", newline="", encoding="utf-8") as lines:
        assert list(csv.reader(lines)) == [
            ["row_id", "filename", "start_s", "end_s", "'=a\n", 'b,"c"'],
            ["one_2", "one.wav", "0.0", "1.5", "0.12346", "1.0"],
        ]
    assert (tmp_path / "sub/one.labels.txt").read_text(encoding="utf-8") == "0.500000\t1.000000\t=a\\n\n"
    with open(tmp_path / "sub/one.selections.txt", newline="", encoding="utf-8") as lines:
        (event,) = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert (event["Annotation"], event["Score"], event["High Freq (Hz)"]) == ("=a\\n", "0.7500", "900.0")


def test_the_tables_of_all_recordings_in_one_each(tmp_path):
    summary = Summary(tmp_path)
    assert list(segments_in(tmp_path)) == list(events_in(tmp_path)) == []
    with zipfile.ZipFile(io.BytesIO(zipped(tmp_path))) as archive:
        assert archive.namelist() == ["clips.csv", "segments.csv", "events.csv"]
    results = {
        "b": Result(np.array([[0.5, 0.25], [0.125, 0.75]], np.float32), (TableEvent(3.0, 4.5, "wren", 0.75),), 4.5),
        "sub/a": Result(np.array([[1.0, 0.0]], np.float32), (), 2.0),
    }
    for name, result in results.items():
        source = Source(f"/x/{name}.wav", name)
        write_result(tmp_path, source, result, ("robin", "wren"), 2.5, (50.0, 900.0))
        summary.note(source, "done", "", result)
    summary.note(Source("/x/c.wav", "c"), "failed", "no sound")
    summary.write()
    assert list(segments_in(tmp_path)) == [
        ["recording", "start_s", "end_s", "robin", "wren"],
        ["b", "0.0", "2.5", "0.5", "0.25"],
        ["b", "2.5", "4.5", "0.125", "0.75"],
        ["sub/a", "0.0", "2.0", "1.0", "0.0"],
    ]
    assert list(highest_in(tmp_path)) == [
        ["recording", "robin", "wren"], ["b", "0.50000", "0.75000"], ["sub/a", "1.00000", "0.00000"],
    ]  # fmt: skip
    (event,) = events_in(tmp_path)
    assert (event.recording, event.start_s, event.end_s, event.label, event.score) == ("b", 3.0, 4.5, "wren", 0.75)
    with zipfile.ZipFile(io.BytesIO(zipped(tmp_path))) as archive:
        assert archive.read("events.csv").decode().splitlines() == [
            "recording,start_s,end_s,class,score", "b,3.0,4.5,wren,0.75",
        ]  # fmt: skip
        assert archive.read("recordings/sub/a.segments.csv") == (tmp_path / "sub/a.segments.csv").read_bytes()
        assert "recordings.csv" in archive.namelist()
    (tmp_path / "b.selections.txt").write_text("Begin Time (s)\nno number\n")
    with pytest.raises(FormatError, match=r"b\.selections\.txt cannot be read .*; predict that recording again"):
        zipped(tmp_path)
