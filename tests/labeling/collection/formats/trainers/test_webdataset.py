"""labeling/collection/formats/trainers/webdataset.py"""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from labeling.collection.formats.trainers import webdataset
from labeling.collection.formats.trainers.webdataset import FORMAT
from labeling.errors import FormatError
from tests.support.formats.small_labelling import SMALL


def test_sound_and_json_lie_under_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset, "CLIPS_A_TAR", 2)
    (tmp_path / "a.WAV").write_bytes(b"sound")
    clips = (replace(SMALL.clips[0], path=str(tmp_path / "a.WAV")), *SMALL.clips[1:])
    assert FORMAT.export is not None
    written = FORMAT.export(replace(SMALL, clips=clips), tmp_path / "out", {})
    assert [file.name for file in written.files] == ["clips-000000.tar", "clips-000001.tar"]
    with tarfile.open(written.files[0]) as archive:
        assert archive.getnames() == ["site.1/a_b.wav", "site.1/a_b.json", "site.1/a_b_2.json"]
        sound, said = (archive.extractfile(name) for name in archive.getnames()[:2])
        assert sound is not None
        assert said is not None
        assert sound.read() == b"sound"
        told = json.load(said)
    assert told["labels"] == ["owl", "jay"]
    assert told["said_by"] == {"jay": {"who": "ann", "confidence": 0.5}}
    assert (told["events"][0]["class"], told["events"][0]["who"]) == ("owl", ["bob"])
    assert [held.filename for held in written.not_held] == ["site.1/a_b.flac", "c.wav"]
    again = FORMAT.export(replace(SMALL, clips=clips), tmp_path / "again", {})
    assert [file.read_bytes() for file in again.files] == [file.read_bytes() for file in written.files]


def test_it_is_only_written(tmp_path: Path) -> None:
    assert FORMAT.find(tmp_path) is None
    with pytest.raises(FormatError, match="can only be written"):
        FORMAT.read(tmp_path, None, {})
