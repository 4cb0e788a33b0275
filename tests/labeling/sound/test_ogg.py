"""Ogg files of which pages are lost have the length of what is heard, and one sound in a window and in the whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound.decoding import probe, read_window
from labeling.sound.ogg import Pages, checksum, pages_of
from tests.support.odd.sounds import honest

RATE = 16_000


def pages_in(subtype: str, seconds: float = 12.0) -> list[bytes]:
    """Of a file of noise: two of headers, then about one a second."""
    body = io.BytesIO()
    soundfile.write(
        body, 0.1 * np.random.default_rng(0).standard_normal(round(seconds * RATE)), RATE, format="OGG", subtype=subtype
    )
    return [b"OggS" + part for part in body.getvalue().split(b"OggS")[1:]]


def page_damaged(page: bytes) -> bytes:
    return page[:100] + bytes([page[100] ^ 1]) + page[101:]


def said(*pages: bytes) -> Pages:
    data = b"".join(pages)
    return pages_of(f"memory://{hash(data)}", io.BytesIO(data))


def test_what_the_pages_say() -> None:
    pages = pages_in("VORBIS")
    whole = b"".join(pages)
    assert said(whole) == Pages(len(whole), torn=False, starts=(0,))
    assert said(whole, bytes(5000)) == Pages(len(whole), torn=False, starts=(0,))
    assert said(whole[:-1]) == Pages(len(whole) - len(pages[-1]), torn=False, starts=(0,))
    assert said(whole, whole) == Pages(2 * len(whole), torn=False, starts=(0, len(whole)))  # two streams of one number
    beside = pages[0][:14] + b"else" + pages[0][18:]
    beside = beside[:22] + checksum(beside) + beside[26:]
    assert said(pages[0], beside, *pages[1:]).starts == (0,)  # two streams at the same time
    assert said(*pages[:5], b"junk", *pages[5:]).torn is False
    assert said(*pages[:2], *pages[6:]).torn is False  # cut out of a longer one
    assert said(*pages[:2], pages[-1]).torn is True  # of which nothing but its end is left
    for torn in (
        [*pages[:4], *pages[5:]],
        [*pages[:4], page_damaged(pages[4]), *pages[5:]],
        [*pages[:4], pages[5], pages[4], *pages[6:]],
        [*pages[:5], *pages[4:]],
        [*pages[:-1], *pages],  # two streams, the end of the first one is lost
    ):
        assert said(*torn).torn is True
    assert said(b"no page").end == 0


def test_pages_are_found_across_the_blocks_in_which_a_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.sound import ogg

    data = b"".join(pages_in("VORBIS"))
    wanted = list(ogg.pages_in(io.BytesIO(data)))
    monkeypatch.setattr(ogg, "_BLOCK_BYTES", 6000)
    monkeypatch.setattr(ogg, "LARGEST_PAGE", 5000)
    assert list(ogg.pages_in(io.BytesIO(data))) == wanted
    assert sum(len(page) for _, page in wanted) == len(data)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_lost_page_is_no_sound_and_each_window_is_that_of_the_whole(tmp_path: Path, subtype: str) -> None:
    pages = pages_in(subtype)
    path = str(tmp_path / "a.ogg")
    Path(path).write_bytes(b"".join([*pages[:5], page_damaged(pages[5]), *pages[6:]]))
    info = probe(path)
    assert info.duration_s == pytest.approx(11.0, abs=0.1)  # a page holds about a second
    assert info.note == f"the header says 12.00 s; {info.duration_s:.2f} s of sound are there"
    assert not info.seeks
    whole, _ = read_window(path)
    assert len(whole) == info.frames
    for onset_s in (1.0, 6.0, 10.0):
        part, _ = read_window(path, onset_s, onset_s + 0.5)
        np.testing.assert_array_equal(part, whole[round(onset_s * RATE) : round((onset_s + 0.5) * RATE)])


def test_a_page_is_lost_in_one_of_several_streams(tmp_path: Path) -> None:
    pages = pages_in("VORBIS")
    path = str(tmp_path / "a.ogg")
    Path(path).write_bytes(b"".join([*pages[:5], *pages[6:], *pages]))
    info = probe(path)
    assert info.duration_s == pytest.approx(23.0, abs=0.1)
    assert info.note == f"the header says 12.00 s; {info.duration_s:.2f} s of sound are there"
    whole, _ = read_window(path)
    part, _ = read_window(path, 15.0, 16.0)
    np.testing.assert_array_equal(part, whole[15 * RATE : 16 * RATE])


def test_an_opus_cut_out_of_a_longer_one_has_the_same_sound_in_a_window_as_in_the_whole(tmp_path: Path) -> None:
    """libsndfile begins it elsewhere than it seeks to."""
    pages = pages_in("OPUS")
    path = str(tmp_path / "a.opus")
    Path(path).write_bytes(b"".join([*pages[:2], *pages[6:]]))
    assert probe(path).seeks
    whole, _ = read_window(path)
    part, _ = read_window(path, 3.0, 3.5)
    np.testing.assert_allclose(part[400:], whole[3 * RATE + 400 : round(3.5 * RATE)], atol=0.01)


def test_what_follows_the_last_page_costs_no_sound(tmp_path: Path) -> None:
    path = str(tmp_path / "a.opus")
    Path(path).write_bytes(honest("Opus", 0.2, 1, 48_000) + bytes(5000))
    assert len(read_window(path)[0]) == probe(path).frames == 9600
