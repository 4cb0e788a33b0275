"""labeling/collection/formats/trainers/lhotse.py"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeling.collection.formats.trainers.lhotse import FORMAT
from tests.support.formats.small_labelling import SMALL


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def test_recordings_supervisions_and_cuts(tmp_path: Path) -> None:
    unknown = replace(SMALL.clips[1], filename="d.wav", duration_s=0.0)
    assert FORMAT.export is not None
    written = FORMAT.export(replace(SMALL, clips=(*SMALL.clips, unknown)), tmp_path, {})
    assert written.notes == ("lhotse: 1 clips of unknown length were left out, such as d.wav.",)
    recordings, supervisions, cuts = (lines(file) for file in written.files)
    assert [own["num_samples"] for own in recordings] == [32_000, 16_000, 16_000]
    said = [(own["recording_id"], own["start"], own["duration"], own["custom"]["label"]) for own in supervisions]
    assert said == [
        ("site.1/a.b.wav", 0.0, 4.0, "jay"),
        ("site.1/a.b.wav", 0.5, 0.5, "owl"),
        ("c.wav", 0.0, 2.0, "owl"),
    ]
    assert supervisions[1]["custom"]["low_hz"] == 100.0
    first, second, third = cuts
    assert (first["type"], first["channel"], second["type"], second["channel"]) == ("MonoCut", 0, "MultiCut", [0, 1])
    assert first["supervisions"] == supervisions[:2]
    assert third["custom"]["earmark"]["absent"] == ["tit"]
    assert third["custom"]["earmark"]["partial"]
