from pathlib import Path

import pytest

from labeling.errors import DataError
from models.prediction.sources import sources_of


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
