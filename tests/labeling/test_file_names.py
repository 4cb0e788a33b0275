"""The one matcher of file names."""

from __future__ import annotations

import pytest

from labeling.file_names import NOBODY, SEVERAL, FileNames, same_file, tidy, twins

FILES = ("a/1.wav", "b/1.wav", "deep/c/2.ogg", "Über Nacht.wav", "top.flac")


@pytest.mark.parametrize(
    ("name", "far", "near"),
    [
        ("/kaggle/input/x/train_audio/a/1.wav", 0, 0),
        (r"D:\x\b\1.wav", 1, 1),
        ("1.wav", SEVERAL, SEVERAL),
        ("c/2.mp3", 2, 2),  # another suffix
        ("2", 2, 2),
        ("z/2.ogg", 2, NOBODY),  # the same name in another folder is another file
        ("/other/machine/top.flac", 4, 4),
        ("A/1.WAV", 0, 0),
        ("U\u0308ber  nacht.WAV", 3, 3),  # another Unicode form, case and blanks
        ("", NOBODY, NOBODY),
        ("3.wav", NOBODY, NOBODY),
    ],
)
def test_a_file_is_found_by_a_part_of_its_name(name: str, far: int, near: int) -> None:
    assert FileNames(FILES).by_part(name) == far
    assert FileNames(FILES, near=True).by_part(name) == near


def test_what_may_be_meant_is_named() -> None:
    assert FileNames(FILES).candidates("1.wav") == ["a/1.wav", "b/1.wav"]
    assert FileNames(("x/a/1.wav", "y/a/1.ogg", "1.wav")).candidates("A/1.mp3") == ["x/a/1.wav", "y/a/1.ogg"]
    assert same_file("/x/a/1.wav", "A/1.ogg")
    assert not same_file("b/1.wav", "a/1.wav")


def test_to_the_letter_goes_before_case() -> None:
    both = FileNames(("a.wav", "A.wav"))
    assert [both.exact("A.wav"), both.by_part("/x/A.wav"), both.by_part("A.WAV")] == [1, 1, 1]


def test_a_class_has_one_spelling_and_twins_are_seen() -> None:
    assert tidy(" Tu\u0308r  zu ") == "Tür zu"
    assert twins(["Owl", "owl", "Jay", "Tür", "Tu\u0308r"]) == [("Owl", "owl"), ("Tür", "Tu\u0308r")]
