"""An Ogg file has the length of its packets, whatever its last page says, and one sound in a window and the whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound.decoding import probe, read_window
from labeling.sound.ogg import checksum, pages_in, position_of
from labeling.sound.packets import LastPage, last_page_of

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


def retold(data: bytes, position: int) -> bytes:
    """The file with another position on its last page."""
    at, page = list(pages_in(io.BytesIO(data)))[-1]
    page = page[:6] + (position % (1 << 64)).to_bytes(8, "little") + page[14:]
    return data[:at] + page[:22] + checksum(page) + page[26:]


def last_of(data: bytes) -> LastPage | None:
    return last_page_of(f"memory://{hash(data)}", io.BytesIO(data))


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_each_page_ends_where_its_packets_end(subtype: str, channels: int, rate: int) -> None:
    data = ogg_of(subtype, 5.0, rate, channels)
    pages = [(at, page) for at, page in pages_in(io.BytesIO(data)) if position_of(page) > 0]
    assert len(pages) > 3
    before = 0
    for at, page in pages[:-1]:
        cut = data[: at + len(page)]
        assert last_of(cut) == LastPage(at, position_of(page), position_of(page), before, b"")
        if before:
            for wrong in (position_of(page) + 1, before - 1, 0, -1):
                last = last_of(retold(cut, wrong))
                assert last is not None
                assert (last.told, last.position, last.mended) == (wrong, position_of(page), page)
        before = position_of(page)
    at, page = pages[-1]
    assert last_of(data) == LastPage(at, position_of(page), position_of(page), before, b"")  # not used up


def test_what_is_no_stream_of_vorbis_or_opus_has_no_last_page() -> None:
    data = ogg_of("VORBIS")
    pages = [page for _, page in pages_in(io.BytesIO(data))]
    assert last_of(b"") is None
    assert last_of(b"".join(pages[:2])) is None  # nothing but headers
    assert last_of(pages[0] + b"".join(pages[2:])) is None
    assert last_of(data.replace(b"vorbis", b"speech")) is None


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
