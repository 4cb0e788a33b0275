"""labeling/collection/annotation/losses.py"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labeling.collection.annotation.base import (
    Attribution,
    Format,
    Holds,
    LabelledClip,
    LabelledEvent,
    Labelling,
    NotHeld,
)
from labeling.collection.annotation.losses import losses
from labeling.records import Region

FULL = LabelledClip(
    "a.wav", "/a.wav", 5.0, 32000, 1,
    group="ann", fold="2", metadata={"site": "pond"}, primary="owl", labels=("owl", "jay", "tit"), unsure=("tit",),
    events=(LabelledEvent("owl", Region(1.0, 2.0, 100.0, 900.0), ("ann",), 0.5),), who={"tit": "bob"},
)  # fmt: skip
SILENT = LabelledClip("b.wav", "/b.wav", 5.0, 32000, 1)
ASKED = LabelledClip("c.wav", "/c.wav", 5.0, 32000, 1, absent=("owl",), partial=True)


def told(lacking: Holds, *clips: LabelledClip) -> tuple[set[tuple[str, str, str]], tuple[str, ...]]:
    wanted = Format("x", "", lambda path: None, None, None, holds=frozenset(Holds) - {lacking})  # type: ignore[arg-type]
    cells, sentences = losses(Labelling("birds", 1, "", clips, {}), wanted)
    assert all(isinstance(cell, NotHeld) and cell.why.startswith("x ") for cell in cells)
    return {(cell.filename, cell.class_code, cell.now) for cell in cells}, sentences


@pytest.mark.parametrize(
    ("lacking", "cells"),
    [
        (Holds.SEVERAL, {("a.wav", "jay", "secondary"), ("a.wav", "tit", "secondary")}),
        (Holds.TIMELESS, {("a.wav", "jay", "present"), ("a.wav", "tit", "present")}),
        (Holds.UNSURE, {("a.wav", "tit", "unsure")}),
        (Holds.ABSENT, {("c.wav", "owl", "absent")}),
        (Holds.PARTIAL, {("c.wav", "", "not listened for")}),
        (Holds.NOTHING, {("b.wav", "", "nothing was heard")}),
    ],
)
def test_what_is_lost_of_a_cell_is_listed(lacking: Holds, cells: set[tuple[str, str, str]]) -> None:
    assert told(lacking, FULL, SILENT, ASKED) == (cells, ())


def test_a_clip_that_nobody_listened_to_may_just_be_left_out() -> None:
    unheard = LabelledClip("d.wav", "/d.wav", 5.0, 32000, 1, partial=True)
    assert told(Holds.PARTIAL, unheard) == (set(), ())
    wanted = Format("x", "", lambda path: None, None, None, holds=frozenset())  # type: ignore[arg-type]
    assert losses(Labelling("birds", 1, "", (unheard,), {}), wanted)[0][0].now == "not listened for"


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (Holds.PRIMARY, "1 clips with several labels: which of them is the primary"),
        (Holds.TIMES, "1 times of labels"),
        (Holds.BANDS, "1 bands of labels"),
        (Holds.WHO, "2 labels: who said them"),
        (Holds.CONFIDENCE, "2 labels: how sure they were"),
        (Holds.GROUP, "1 clips: their group"),
        (Holds.FOLD, "1 clips: their fold"),
        (Holds.METADATA, "1 clips: their other columns"),
    ],
)
def test_what_else_is_lost_is_counted(lacking: Holds, words: str) -> None:
    clip = replace(FULL, imported={"owl": Attribution(confidence=0.9)}) if lacking == Holds.CONFIDENCE else FULL
    cells, (sentence,) = told(lacking, clip, SILENT, ASKED)
    assert not cells
    assert words in sentence


def test_what_holds_all_loses_nothing(tmp_path: Path) -> None:
    wanted = Format("x", "", lambda path: None, None, None, holds=frozenset(Holds))  # type: ignore[arg-type]
    assert losses(Labelling("birds", 1, "", (FULL, SILENT, ASKED), {}), wanted) == ((), ())
