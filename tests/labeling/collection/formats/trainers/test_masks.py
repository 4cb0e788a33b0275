"""labeling/collection/formats/trainers/masks.py"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from labeling.collection.formats import formats
from labeling.collection.formats.trainers.masks import FORMAT
from tests.support.formats.small_labelling import SMALL


def test_what_is_there_and_what_of_that_is_known(tmp_path: Path) -> None:
    assert FORMAT.export is not None
    FORMAT.export(SMALL, tmp_path, {})
    read = {name: pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("present", "known", "clips", "events")}
    present, known = (read[name].set_index("filename") for name in ("present", "known"))
    assert list(present.columns) == list(known.columns) == ["owl", "jay", "tit"]
    assert present.to_numpy().tolist() == [[True, True, False], [False, False, False], [True, False, False]]
    assert known.to_numpy().tolist() == [[True, False, True], [True, True, True], [True, False, True]]
    assert read["clips"].loc[0, ["path", "group", "fold", "primary"]].tolist() == ["/gone/a.b.wav", "north", "1", "owl"]
    (event,) = read["events"].to_dict("records")
    assert event == {"filename": "site.1/a.b.wav", "class": "owl", "onset_s": 0.5, "offset_s": 1.0, "low_hz": 100.0,
                     "high_hz": 900.0, "confidence": 0.25}  # fmt: skip


def test_nothing_and_a_class_called_as_the_key(tmp_path: Path) -> None:
    assert FORMAT.export is not None
    FORMAT.export(replace(SMALL, clips=(), classes={"filename": ""}), tmp_path, {})
    assert list(pd.read_parquet(tmp_path / "present.parquet").columns) == ["filename", "filename_"]
    assert not formats.get("masks").reads
