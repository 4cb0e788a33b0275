import csv
from pathlib import Path

import numpy as np
import pytest

from labeling.collection.formats.events import TableEvent
from labeling.errors import DataError
from models.prediction.batch import Source, sources_of, write_result
from models.prediction.soundscape import Result


def test_sources(tmp_path, monkeypatch):
    for name in ("x/1.wav", "x/2.OGG", "x/notes.txt", "y/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    sources = sources_of([str(tmp_path), str(tmp_path / "x/1.wav")])
    assert [source.name for source in sources] == ["x/1", "x/2", "y/1"]  # a file once, however often it is named
    assert Path(sources[0].path) == tmp_path / "x/1.wav"
    assert [source.name for source in sources_of([str(tmp_path / "*/*.OGG")])] == ["2"]
    monkeypatch.chdir(tmp_path)
    assert [source.name for source in sources_of(["**/*.txt"])] == ["notes"]
    assert [source.name for source in sources_of(["s3://bucket/far.flac?version=2"])] == ["far"]
    with pytest.raises(DataError, match="written to one file"):
        sources_of(["x/1.wav", "y/1.wav"])
    with pytest.raises(DataError, match="no file, folder or pattern"):
        sources_of(["x/*.mp3"])
    (tmp_path / "z").mkdir()
    with pytest.raises(DataError, match="names nothing"):
        sources_of([""])
    with pytest.raises(DataError, match=r"a folder without \.ogg"):
        sources_of(["z"])


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
