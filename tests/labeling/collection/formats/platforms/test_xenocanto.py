"""labeling/collection/formats/platforms/xenocanto.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.collection.annotation.base import TableLabels
from labeling.collection.formats import detect_format
from labeling.collection.formats.platforms.xenocanto import FORMAT
from labeling.errors import FormatError


def recording(number: Any, gen: str, sp: str, en: str, also: Any) -> dict[str, Any]:
    return {"id": number, "gen": gen, "sp": sp, "en": en, "rec": "Ann", "q": "A", "lat": None, "also": also,
            "file-name": f"XC{number} x.ogg", "sono": {"small": "//x"}}  # fmt: skip


PAGES = [
    [
        recording("12", "Turdus", "merula", "Blackbird", ["Erithacus rubecula", "", "robin", "Parus major"]),
        recording("", "A", "b", "", []),
    ],
    [recording("123", "Erithacus", "rubecula", "Robin", None), recording("12", "Turdus", "merula", "Blackbird", [])],
]


def test_pages_are_one_collection_and_names_are_classes(tmp_path: Path) -> None:
    for at, page in enumerate(PAGES):
        (tmp_path / f"page{at}.json").write_text(json.dumps({"numRecordings": "3", "recordings": page}))
    (tmp_path / "birds").mkdir()
    for name in ("XC123 - Robin.mp3", "xc12.flac", "XC1.mp3"):
        (tmp_path / "birds" / name).touch()
    assert detect_format(tmp_path) == "xenocanto"
    table = FORMAT.read(tmp_path, None, {})
    first, second = table.clips
    assert (first.filename, first.primary) == ("XC12.ogg", "Turdus merula")
    assert first.labels == ("Turdus merula", "Erithacus rubecula", "Parus major")
    assert (Path(first.path).name, Path(second.path).name) == ("xc12.flac", "XC123 - Robin.mp3")
    assert (first.group, first.metadata) == ("Ann", {"rec": "Ann", "q": "A"})
    assert table.class_names == {"Turdus merula": "Blackbird", "Erithacus rubecula": "Robin"}
    assert "without a number or a species" in table.problems[0].reason
    assert table.by_part == 2
    assert table.problems[-1].reason == "found by a part of its name as birds/xc12.flac; so were 1 more"
    said = FORMAT.labels(table.table_bytes, table.options)
    assert said == {clip.filename: TableLabels(clip.primary, clip.labels) for clip in table.clips}


def test_what_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no answer of Xeno-canto"):
        FORMAT.read(tmp_path, None, {})
    (tmp_path / "a.json").write_text('{"error": "gen sp also recordings"}')
    assert FORMAT.find(tmp_path) is None
    with pytest.raises(FormatError, match="has no recordings"):
        FORMAT.read(tmp_path / "a.json", None, {})
