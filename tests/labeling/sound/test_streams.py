"""An Ogg file has the length of what is heard, whatever its pages say, and one sound in a window and in the whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound.decoding import probe, read_window
from labeling.sound.ogg import checksum, pages_in, position_of
from labeling.sound.streams import Pages, ends_of, pages_of
from tests.support.odd.sounds import honest

RATE = 16_000
SUBTYPES = ["VORBIS", "OPUS"]
ENDS_S = 0.07  # a packet of Vorbis, at most, is not used up


def ogg_of(subtype: str, seconds: float = 3.0, rate: int = RATE, channels: int = 1) -> bytes:
    """Noise with clicks and a stillness in it, so that there are packets of either size."""
    samples = 0.1 * np.random.default_rng(0).standard_normal((round(seconds * rate), channels))
    samples[::977] *= 8
    samples[len(samples) // 3 : len(samples) // 2] *= 1e-4
    body = io.BytesIO()
    soundfile.write(body, samples, rate, format="OGG", subtype=subtype)
    return body.getvalue()


def pages_of_noise(subtype: str, seconds: float = 12.0) -> list[bytes]:
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
    pages = pages_of_noise("VORBIS")
    whole = b"".join(pages)
    ends = said(whole).streams[0][1]
    assert said(whole) == Pages(len(whole), False, ((0, ends),))
    assert said(whole, bytes(5000)) == said(whole)
    assert said(whole[:-1]).end == len(whole) - len(pages[-1])
    assert said(whole, whole) == Pages(2 * len(whole), False, ((0, ends), (len(whole), ends)))  # of one number
    beside = pages[0][:14] + b"else" + pages[0][18:]
    beside = beside[:22] + checksum(beside) + beside[26:]
    assert said(pages[0], beside, *pages[1:]).streams == ((0, ends),)  # two at the same time
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


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_lost_page_is_no_sound_and_each_window_is_that_of_the_whole(tmp_path: Path, subtype: str) -> None:
    pages = pages_of_noise(subtype)
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
    pages = pages_of_noise("VORBIS")
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
    pages = pages_of_noise("OPUS")
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


def placed(page: bytes, position: int) -> bytes:
    """A page that tells another position."""
    page = page[:6] + (position % (1 << 64)).to_bytes(8, "little") + page[14:]
    return page[:22] + checksum(page) + page[26:]


def retold(data: bytes, position: int) -> bytes:
    """The file with another position on its last page."""
    at, page = list(pages_in(io.BytesIO(data)))[-1]
    return data[:at] + placed(page, position)


def test_of_a_long_file_on_a_server_the_last_pages_say_where_it_ends() -> None:
    for subtype in SUBTYPES:
        data = b"".join(pages_of_noise(subtype))
        assert ends_of(f"memory://{hash(data)}", io.BytesIO(data)) == said(data).streams[0][1]
        for wrong in (10**8, 1000, -1):
            lie = retold(data, wrong)
            assert ends_of(f"memory://{hash(lie)}", io.BytesIO(lie)) == said(lie).streams[0][1]


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize(
    ("last", "shift_s", "says"), [(99, 3.0, "says 15.00 s"), (99, -0.2, "says 11.80 s"), (6, 3.0, "")]
)
def test_positions_that_jump_add_no_sound_and_move_none(
    tmp_path: Path, subtype: str, last: int, shift_s: float, says: str
) -> None:
    """On all pages from the sixth on, as where a recorder lost some seconds, or on that alone."""
    path = str(tmp_path / "a.ogg")
    pages = pages_of_noise(subtype)
    Path(path).write_bytes(b"".join(pages))
    honest, _ = read_window(path)
    shift = round(shift_s * (48_000 if subtype == "OPUS" else RATE))
    moved = [placed(page, position_of(page) + shift) if 6 <= k <= last else page for k, page in enumerate(pages)]
    Path(path).write_bytes(b"".join(moved))
    info = probe(path)
    assert (info.duration_s, info.seeks) == (12.0, True)
    assert info.note.endswith(f"{says}; 12.00 s of sound are there" if says else "")
    assert bool(info.note) == bool(says)
    np.testing.assert_allclose(read_window(path)[0], honest, atol=1e-5)
    for onset in range(RATE // 2, 12 * RATE - 800, RATE):
        part, _ = read_window(path, onset / RATE, (onset + 800) / RATE)
        np.testing.assert_allclose(part[400:], honest[onset + 400 : onset + 800], atol=0.02)


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize(
    ("position", "says"),
    [(10**15, "tells no length"), (2**63 - 1, "tells no length"), (-1, "tells no length"),
     (10**8, "says "), (10**6, "says "), (1000, "says 0.0"), (0, "says 0.00 s")],
)  # fmt: skip
def test_a_last_page_that_lies_costs_no_sound_and_adds_none(
    tmp_path: Path, subtype: str, position: int, says: str
) -> None:
    path = str(tmp_path / "a.ogg")
    data = ogg_of(subtype)
    Path(path).write_bytes(data)
    honest, _ = read_window(path)
    assert (len(honest), probe(path).note) == (3 * RATE, "")
    Path(path).write_bytes(retold(data, position))
    info = probe(path)
    assert 3.0 <= info.duration_s <= 3.0 + ENDS_S
    assert info.note.startswith(f"the header {says}")
    assert info.note.endswith(f"; {info.duration_s:.2f} s of sound are there")
    whole, _ = read_window(path)
    assert len(whole) == info.frames
    np.testing.assert_allclose(whole[: 3 * RATE], honest, atol=1e-5)
    for first, stop in ((RATE, RATE + 800), (info.frames - 800, info.frames)):
        part, _ = read_window(path, first / RATE, stop / RATE)
        np.testing.assert_allclose(part, whole[first:stop], atol=0.01)
    assert len(read_window(path, info.duration_s + 0.1, info.duration_s + 0.2)[0]) == 0


@pytest.mark.parametrize("rate_hz", [255, 1000, 192_000])
def test_another_rate_in_the_header_changes_no_sample(tmp_path: Path, rate_hz: int) -> None:
    data = ogg_of("VORBIS")
    first = next(page for _, page in pages_in(io.BytesIO(data)))
    other = first[:40] + rate_hz.to_bytes(4, "little") + first[44:]
    path = str(tmp_path / "a.ogg")
    Path(path).write_bytes(other[:22] + checksum(other) + other[26:] + data[len(first) :])
    whole, rate = read_window(path)
    assert (rate, len(whole)) == (rate_hz, 3 * RATE)
    part, _ = read_window(path, (len(whole) - 26) / rate, len(whole) / rate)
    np.testing.assert_allclose(part, whole[-26:], atol=1e-5)


def test_headers_with_a_picture_and_a_long_packet_are_read_past(tmp_path: Path) -> None:
    """Comments of several pages lie before the packet that tells the sizes of blocks."""
    data = ogg_of("VORBIS")
    pages = [page for _, page in pages_in(io.BytesIO(data))]
    sizes = pages[1][27 : 27 + pages[1][26]]
    body, first = pages[1][27 + len(sizes) :], sum(sizes[: sizes.index(next(s for s in sizes if s < 255)) + 1])
    comment, setup = body[:first], body[first:]
    text = b"METADATA_BLOCK_PICTURE=" + b"x" * 150_000
    vendor = 11 + int.from_bytes(comment[7:11], "little")
    comment = comment[:vendor] + (1).to_bytes(4, "little") + len(text).to_bytes(4, "little") + text + b"\1"
    packed = _paged(pages[0][14:18], comment, setup)
    made = pages[0] + b"".join(packed)
    for number, page in enumerate(pages[2:], 1 + len(packed)):
        page = page[:18] + number.to_bytes(4, "little") + page[22:]
        made += page[:22] + checksum(page) + page[26:]
    path = str(tmp_path / "a.ogg")
    Path(path).write_bytes(retold(made, 10**6))
    assert 3.0 <= probe(path).duration_s <= 3.0 + ENDS_S


def _paged(serial: bytes, *packets: bytes) -> list[bytes]:
    """Pages 1 and on of a stream's headers."""
    sizes = [size for packet in packets for size in [255] * (len(packet) // 255) + [len(packet) % 255]]
    body, pages, begun = b"".join(packets), list[bytes](), 0
    for k in range(0, len(sizes), 255):
        part = sizes[k : k + 255]
        content, body = body[: sum(part)], body[sum(part) :]
        head = b"OggS\0" + bytes([begun]) + bytes(8) + serial + (1 + k // 255).to_bytes(4, "little") + bytes(4)
        page = head + bytes([len(part), *part]) + content
        pages.append(page[:22] + checksum(page) + page[26:])
        begun = int(part[-1] == 255)
    return pages
