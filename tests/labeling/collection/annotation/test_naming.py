"""labeling/collection/annotation/naming.py"""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.annotation.naming import names_beside, places_below, relative_name, sound_name
from labeling.file_names import folded


@given(st.text(max_size=40))
def test_a_name_never_leads_out_of_its_folder(filename: str) -> None:
    path = PurePosixPath(relative_name(filename))
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.parts


@given(
    st.lists(st.sampled_from(["a.wav", "a.flac", "A.WAV", "a.wav.flac", "b/a.wav", "../a.wav", "a (2)"]), unique=True)
)
def test_no_two_clips_share_a_file(filenames: list[str]) -> None:
    names = names_beside(filenames, lambda stem: f"{stem}.txt")
    assert list(names) == filenames
    assert len({folded(name) for name in names.values()}) == len(filenames)


def test_a_name_has_the_suffix_of_its_file() -> None:
    """Tables of FSD50K and row_id name no suffix, and Xeno-canto's another kind than was downloaded."""
    assert sound_name("/x/a.b", "https://x.org/1.ogg?token=3.4") == "x/a.b.ogg"
    assert sound_name("a.mp3", "/x/a.WAV") == "a.WAV"
    assert sound_name("a.mp3", "/x/a") == "a.mp3"
    assert sound_name("a.mp3", "/x/a.txt") == "a.mp3"


def test_files_that_are_called_without_their_folders_are_named_with_them() -> None:
    paths = {"64760": "/d/dev_audio/64760.wav", "x/2": "/d/dev_audio/x/2.wav"}
    assert places_below(paths) == ({"64760": "64760.wav", "x/2": "x/2.wav"}, "")
    moved = {"a.wav": "/d/curated/a.wav", "b.wav": "/d/noisy/b.wav", "c.mp3": "/d/c.wav"}
    assert places_below(moved) == ({"a.wav": "curated/a.wav", "b.wav": "noisy/b.wav", "c.mp3": "c.wav"}, "/d")
    urls = {"a.wav": "https://x.org/1/a.wav", "b.wav": "https://x.org/2/b.wav"}
    assert places_below(urls) == ({"a.wav": "a.wav", "b.wav": "b.wav"}, "")
    assert places_below({}) == ({}, "")
