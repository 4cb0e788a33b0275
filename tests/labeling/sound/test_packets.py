"""What the packets of an Ogg stream give by their first bytes is how far its pages go on."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from labeling.sound.ogg import pages_in, position_of
from labeling.sound.packets import counted_by, headers_of, packets_of


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_each_page_goes_on_by_what_its_packets_give(subtype: str, channels: int, rate: int) -> None:
    """Noise with clicks and a stillness in it has packets of either size."""
    samples = 0.1 * np.random.default_rng(0).standard_normal((5 * rate, channels))
    samples[::977] *= 8
    samples[2 * rate : 3 * rate] *= 1e-4
    body = io.BytesIO()
    soundfile.write(body, samples, rate, format="OGG", subtype=subtype)
    packets, begun, ends = list[bytes](), None, list[tuple[int, int]]()
    for _, page in pages_in(body):
        more, begun = packets_of(page, begun)
        packets += more
        ends.append((len(packets), position_of(page)))
    headers, packets = packets[: headers_of(packets[0])], [b"", *packets[headers_of(packets[0]) :]]
    count = counted_by(headers)
    assert count is not None
    given = [count(one, other) for one, other in pairwise(packets)]
    assert len(set(given)) > 1 or subtype == "OPUS"
    positions = [(sum(given[: number - len(headers)]), position) for number, position in ends if position > 0]
    assert len(positions) > 3
    assert all(ours == theirs for ours, theirs in positions[:-1])
    assert 0 <= positions[-1][0] - positions[-1][1] < 1024  # the last packet is not used up


def test_a_packet_that_goes_on_over_pages_is_one() -> None:
    head = b"OggS\0%c" + bytes(20)
    first = head % 0 + bytes([3, 5, 255, 255]) + b"12345" + b"x" * 510
    other = head % 1 + bytes([2, 7, 3]) + b"yyyyyyy" + b"abc"
    packets, begun = packets_of(first, None)
    assert (packets, begun) == ([b"12345"], b"x" * 510)
    assert packets_of(other, begun) == ([b"x" * 510 + b"yyyyyyy", b"abc"], b"")
    assert packets_of(other, None) == ([b"abc"], b"")  # its start is not known


def test_headers_that_do_not_tell_the_sizes_of_blocks_count_nothing() -> None:
    assert counted_by([b"\x01vorbis" + bytes(22), b"", b""]) is None
    assert counted_by([b"\x01vorbis", b"", b"\xff" * 400]) is None
