from pathlib import Path

import pytest

from labeling.errors import ConfigError, DataError
from models.prediction.sources import BatchSettings, sources_of, within


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


def test_links_that_lead_out_of_the_allowed_folders_are_told_apart(tmp_path):
    for name in ("inside/1.wav", "outside/2.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "inside" / "link.wav").symlink_to(tmp_path / "outside" / "2.wav")
    sources = sources_of([str(tmp_path / "inside")])
    inside, others = within(sources, [str(tmp_path / "inside")])
    assert [source.name for source in inside] == ["1"]
    assert [source.name for source in others] == ["link"]
    assert within(sources, []) == (sources, [])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"segment_s": 0.0}, "--segment 0 must be at least 0.01 seconds"),
        ({"merge_gap_s": float("nan")}, "--merge-gap nan must be at least 0"),
        ({"strength": 11.0}, "--strength 11 must be from 0 to 10"),
    ],
)
def test_settings_that_are_none_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        BatchSettings(**wrong)
