"""labeling/collection/vocabulary.py: classes that look misread."""

from __future__ import annotations

import pytest

from labeling.collection.formats import ImportedClip
from labeling.collection.vocabulary import odd_classes


def notes(*labels: tuple[str, ...]) -> list[tuple[int, str]]:
    clips = [ImportedClip(f"{row}.wav", "", codes, "", row) for row, codes in enumerate(labels, start=2)]
    return [(problem.row, problem.reason) for problem in odd_classes(clips)]


TWICE = (("houspa", "redava"), ("houspa", "redava"))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("housparedava", "looks like 'houspa' and 'redava' run together"),
        ("houspahousparedava", "looks like 'houspa' and 'houspa' and 'redava' run together"),
        ("houspa redava", "looks like 2 in one: 'houspa' and 'redava' are classes too (--separator parts them)"),
        ("houspa/redava", "looks like 2 in one"),
        ("houspa\nredava", "looks like 2 in one"),
        ("['houspa'", "holds ["),
        ('say "hi"', 'holds "'),
        ("'houspa", "holds '"),
        ("hous\u200bpa", "holds U+200B"),
        ("caf\ufffd", "holds \ufffd"),
        ("amecro\x1b[2J", "holds U+001B ["),
    ],
)
def test_a_class_that_looks_misread(code: str, why: str) -> None:
    found = notes(*TWICE, (code,), (code,))
    assert len(found) == 1
    assert found[0][0] == 4
    assert why in found[0][1]
    assert repr(code) in found[0][1]


@pytest.mark.parametrize("code", ["house", "Hammond's Flycatcher", "=cmd()", "a-b", "Bathtub_(filling)", "🐦", "Größe"])
def test_a_class_that_does_not(code: str) -> None:
    assert notes(*TWICE, (code,), (code,)) == []


def test_numbers_are_not_taken_apart() -> None:
    assert notes(("123", "456", "123456"), ("123", "456", "123456")) == []


def test_classes_of_one_clip_are_told_in_one_note() -> None:
    assert notes(*TWICE, ("x",), ("y",)) == [
        (4, "2 classes have one clip each, so look whether they are misspelt: 'x', 'y'")
    ]
    assert notes(("x",), ("y",)) == []  # where every class has one, that says nothing
