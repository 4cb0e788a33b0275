"""Whom names in somebody else's file mean."""

from __future__ import annotations

import pytest

from labeling.errors import FormatError
from labeling.external.matching import Matcher
from labeling.file_names import without_suffix
from labeling.records import Clip, LabelClass

CORVUS = "Corvus brachyrhynchos"
FILES = ("amecro/XC1.ogg", "amecro/XC2.ogg", "balori/XC2.ogg", "-1.wav", "XC3.5.mp3")
CLASSES = (
    LabelClass(1, "amecro", "American Crow"),
    LabelClass(2, "door_slam", "Door slam"),
    LabelClass(3, "door", "Door"),
    LabelClass(4, "a1", "Same Name"),
    LabelClass(5, "a2", "Same Name"),
)


def matcher(**given: str) -> Matcher:
    clips = [
        Clip(
            k,
            name,
            f"/x/{name}",
            5.0,
            32000,
            1,
            metadata={"scientific_name": "Corvus brachyrhynchos"} if k == 1 else {},
        )
        for k, name in enumerate(FILES, start=1)
    ]
    return Matcher(clips, CLASSES, {1: "amecro", 2: "amecro"}, given)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("amecro/XC1.ogg", 0),
        ("XC1.ogg", 0),
        ("/data/train/amecro/XC1.ogg", 0),
        (r"C:\data\amecro\XC2.ogg", 1),
        ("balori/XC2.wav", 2),  # converted before it was predicted
        ("XC1", 0),
        ("XC2.ogg", -1),  # two clips end so
        ("XC9.ogg", -1),
        ("'-1.wav", 3),  # as a spreadsheet guards it
        ("XC3.5", 4),
        ("XC3", -1),
        ("", -1),
    ],
)
def test_a_clip_is_found_by_what_is_left_of_its_path(name: str, row: int) -> None:
    one = matcher()
    assert one.rows([name]).tolist() == [row]
    assert (name in one.unknown_clips) == (row < 0)
    assert (name in one.by_part) == (row >= 0 and name != FILES[row])


def test_two_files_that_look_like_one_clip_are_refused() -> None:
    with pytest.raises(FormatError, match=r"'a/XC1.ogg' and 'b/XC1.ogg' both look like the clip 'amecro/XC1.ogg'"):
        matcher().rows(["a/XC1.ogg", "b/XC1.ogg"])
    assert matcher().rows(["XC1", "/results/amecro/XC1.wav"]).tolist() == [0, 0]  # one is the other's end


@pytest.mark.parametrize(
    ("names", "column"),
    [
        (("amecro",), 0),
        (("AMECRO",), 0),
        (("american  crow",), 0),
        (("Corvus brachyrhynchos",), 0),
        (("Corvus brachyrhynchos_American Crow",), 0),
        (("Corvus corax", "American Crow"), 0),
        (("Door Slam",), 1),
        (("door_other",), -1),  # the part before _ is no name of two words
        (("Same Name",), -1),
        (("a2",), 4),
        (("dodo",), -1),
        (("",), -1),
    ],
)
def test_a_class_is_found_by_any_of_its_names(names: tuple[str, ...], column: int) -> None:
    one = matcher()
    assert one.columns([names]).tolist() == [column]
    assert (names[0] in one.unknown_classes) == (column < 0)


def test_a_mapping_goes_before_all_names_and_may_join_two() -> None:
    one = matcher(amecro="door", Crow="amecro", Rook="amecro", Dog="")
    assert one.columns([("amecro",), ("Crow",), ("Rook",), ("Dog",)]).tolist() == [2, 0, 0, -1]
    with pytest.raises(FormatError, match="'door' and 'Door' both are class 'door'"):
        matcher().columns([("door",), ("Door",)])


def test_only_the_suffix_of_a_sound_is_taken_off() -> None:
    assert [without_suffix(name) for name in ("a.b.WAV", "a.b", ".ogg", "a.ogg.txt")] == [
        "a.b",
        "a.b",
        ".ogg",
        "a.ogg.txt",
    ]
