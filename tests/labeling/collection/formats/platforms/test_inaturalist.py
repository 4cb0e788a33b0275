"""labeling/collection/formats/platforms/inaturalist.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.collection.annotation.base import TableLabels
from labeling.collection.formats import detect_format
from labeling.collection.formats.platforms.inaturalist import FORMAT
from labeling.errors import FormatError

ROWS = """id,observed_on,user_login,quality_grade,url,image_url,sound_url,scientific_name,common_name
1,2024-01-01,ann,research,https://i.org/o/1,,https://static.i.org/sounds/11.wav?16,Pica pica,Magpie
2,2024-01-01,bob,needs_id,https://i.org/o/2,,https://static.i.org/sounds/12.mp3?16,,
3,2024-01-01,bob,casual,https://i.org/o/3,x,,Rana,Frogs
4,2024-01-01,bob,casual,https://i.org/o/4,,https://static.i.org/sounds/11.wav?17,Rana,Frogs
"""


def test_observations_with_sound(tmp_path: Path) -> None:
    path = tmp_path / "observations-1.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ROWS.replace("\n", "\r\n").encode())
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "11.wav").touch()
    assert detect_format(tmp_path) == detect_format(path) == "inaturalist"
    table = FORMAT.read(path, None, {})
    first, second = table.clips
    assert (first.filename, first.path, first.primary) == ("11.wav", str(tmp_path / "sounds" / "11.wav"), "Pica pica")
    assert (first.group, first.metadata["quality_grade"], first.metadata["id"]) == ("ann", "research", "1")
    assert (second.path, second.labels, second.partial) == ("https://static.i.org/sounds/12.mp3?16", (), True)
    assert table.class_names == {"Pica pica": "Magpie"}
    assert [(problem.row, problem.reason.split(";")[0]) for problem in table.problems] == [
        (4, "an observation without sound"),
        (5, "is the sound of an earlier observation too"),
        (0, "found by a part of its name as sounds/11.wav"),
    ]
    assert table.by_part == 1
    said = FORMAT.labels(table.table_bytes, table.options)
    assert said == {"11.wav": TableLabels("Pica pica", ("Pica pica",)), "12.mp3": TableLabels("", ())}


def test_what_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,sound_url\n1,x\n")
    assert FORMAT.find(tmp_path) is None
    with pytest.raises(FormatError, match=r"no column scientific_name; it has id, sound_url"):
        FORMAT.read(path, None, {})
