"""labeling/gain/words.py"""

from __future__ import annotations

from dataclasses import replace

import pytest

from labeling.gain import words as gain_words
from labeling.gain.measurement import COLLECTION, DECIDED, KindGain, RetrainingGain
from labeling.gain.paired import Paired
from labeling.records import Run

RUNS = [Run(f"00{n}-demo", "demo", n, "done", "") for n in (1, 2)]


def found(gain: float, low: float | None, high: float | None, **more: object) -> RetrainingGain:
    one = Paired("brier", 0.2, 0.2 - gain, gain, low, high, 140)
    made = RetrainingGain(
        RUNS[0], RUNS[1], 140, DECIDED, 140, 0, 60, 60, False, (one,), (), 2.5, (), (),
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gain", "low", "high", "words"),
    [
        (0.03, 0.01, 0.05, "instead of 1 helped. The error of the probabilities fell from 0.200 to 0.170"),
        (-0.03, -0.05, -0.01, "did not help: the predictions became worse. The error of the probabilities rose"),
        (0.01, -0.01, 0.03, "made no difference beyond chance."),
        (0.0, -0.01, 0.01, "made no difference beyond chance. The error of the probabilities stayed"),
        (0.0, 0.0, 0.0, "changed nothing: both runs predict the same."),
        (0.1, None, None, "Too little is decided to tell whether retraining on label version 2 instead of 1 helped"),
    ],
)
def test_the_verdict(gain: float, low: float | None, high: float | None, words: str) -> None:
    said = gain_words.verdict(found(gain, low, high))
    assert words in said
    assert ("helped." in said) == (words.startswith("instead of 1 helped"))


def test_the_range_is_told_with_its_sign() -> None:
    said = gain_words.verdict(found(0.03, 0.0051, 0.0512))
    assert said.endswith("(gain +0.030, 95 % range +0.0051 to +0.051).")


def test_it_says_which_cells_and_whether_chance_drew_them() -> None:
    chosen = gain_words.measured_on(found(0.03, 0.01, 0.05, drawn=4))
    assert "140 cells that people decided, only 4 of them drawn at random" in chosen
    assert "of those cells and not of the collection" in chosen
    assert "how much the 60 clips differ" in chosen
    drawn = gain_words.measured_on(found(0.03, 0.01, 0.05, scope=COLLECTION, drawn=90, by_group=True))
    assert "90 of them were drawn at random and stand for all that nobody decided" in drawn
    assert "how much the 60 recordists or sites differ" in drawn


def test_an_hour_of_review() -> None:
    one = found(0.05, -0.025, 0.1)
    assert gain_words.per_hour(one) == (
        "About 2.5 hours of review lie between the two label versions: +0.020 an hour (95 % range -0.010 to +0.040)."
    )
    assert "About 30 minutes" in gain_words.per_hour(replace(one, hours=0.5))
    for silent in (replace(one, hours=0.0), replace(one, after=RUNS[0]), found(0.0, 0.0, 0.0), found(0.1, None, None)):
        assert gain_words.per_hour(silent) == ""


def test_kinds_of_correction() -> None:
    one = Paired("brier", 0.3, 0.2, 0.1, 0.05, 0.15, 12)
    assert gain_words.of_kind(KindGain("missing", 9, 1, one)) == (
        "In 1 class where mostly missing labels were added: better (gain +0.100, 95 % range +0.050 to +0.150; 12 "
        "cells)."
    )
    worse = replace(one, gain=-0.1, low=-0.15, high=-0.05)
    assert "In 2 classes where nothing was decided: worse" in gain_words.of_kind(KindGain("", 0, 2, worse))
    assert "too few clips to tell (gain +0.100;" in gain_words.of_kind(
        KindGain("false", 1, 2, replace(one, low=None, high=None))
    )
    assert gain_words.of_kind(KindGain("swapped", 2, 2, None)).endswith("swapped, no cell is decided.")


def test_warnings_name_what_else_may_be_the_reason() -> None:
    assert gain_words.warnings(found(0.03, 0.01, 0.05)) == []
    others = gain_words.warnings(found(0.03, 0.01, 0.05, differences=("train.epochs 20 and 30",), cautions=("Seen.",)))
    assert "train.epochs 20 and 30. The difference is then not the labels' alone" in others[0]
    assert others[1] == "Seen."
    same = found(0.03, 0.01, 0.05, after=replace(RUNS[1], label_version=1))
    assert "same label version" in gain_words.warnings(same)[0]
    assert gain_words.warnings(found(0, 0, 0, after=RUNS[0])) == ["Both are the same run; choose another one."]


def test_nothing_decided() -> None:
    nothing = found(0, 0, 0, metrics=(), decided=0)
    assert gain_words.sentences(nothing) == [
        "Nothing to measure on yet: people decided no cell that both 001-demo and 002-demo predicted."
    ]
