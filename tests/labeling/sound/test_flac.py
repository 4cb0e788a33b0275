"""FLAC files one after the other in one: the first is read, and a window of it is that stretch of the whole."""

from __future__ import annotations

import io
import struct
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound import flac
from labeling.sound.decoding import probe, read_window

RATE = 16_000


def stream(seconds: float, seed: int = 0, level: float = 0.1, rate: int = RATE, subtype: str = "PCM_16") -> bytes:
    body = io.BytesIO()
    samples = level * np.random.default_rng(seed).standard_normal(round(seconds * rate))
    soundfile.write(body, samples, rate, format="FLAC", subtype=subtype)
    return body.getvalue()


def end_of(data: bytes, start: int = 0) -> int:
    return flac.end_of(f"memory://{hash(data)}", io.BytesIO(data), start)


@pytest.mark.parametrize(
    "others",
    [(0.7, 1, 0.1, RATE), (0.7, 1, 0.1, 48_000), (2.0, 1, 0.1, RATE), (0.2, 1, 0.1, 8000), (30.0, 1, 0.1, RATE),
     (30.0, 1, 0.1, 48_000)],
)  # fmt: skip
@pytest.mark.parametrize("seconds", [0.7, 30.0])
def test_what_follows_is_no_part_of_a_window(
    tmp_path: Path, seconds: float, others: tuple[float, int, float, int]
) -> None:
    """Shorter, longer and as long; files that are looked through, and files that are looked into."""
    data = stream(seconds)
    path = str(tmp_path / "a.flac")
    Path(path).write_bytes(data + stream(*others))
    assert probe(path).duration_s == seconds
    whole, _ = read_window(path)
    np.testing.assert_array_equal(whole, soundfile.read(io.BytesIO(data), dtype="float32")[0])
    for onset_s in (0.5 * seconds, seconds - 0.1):
        first = round(onset_s * RATE)
        np.testing.assert_array_equal(read_window(path, onset_s, onset_s + 0.1)[0], whole[first : first + 1600])


def test_where_a_stream_ends() -> None:
    short, long, loud = stream(0.7), stream(20.0), stream(20.0, seed=1, level=0.3, subtype="PCM_24")
    for one, other in product((short, long, loud), repeat=2):
        assert end_of(one) == len(one)
        assert end_of(one + other) == len(one)
        assert end_of(b"tag" + one + other, 3) == 3 + len(one)
        assert end_of(one + other[:4] + b"\x80" + other[5:]) == len(one)
        assert end_of(one[: len(one) // 2]) == len(one) // 2
    assert end_of(b"fLaC") == 4


def test_of_a_long_file_only_some_parts_are_looked_at() -> None:
    class Counted(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    handle = Counted(stream(120.0, level=0.3))
    size = len(handle.getvalue())
    assert flac.end_of("memory://long", handle) == size
    assert handle.count < size / 10


def test_an_honest_header_is_left_alone_and_a_lie_is_not_believed() -> None:
    data = stream(2.0, subtype="PCM_24")
    assert flac.retold(io.BytesIO(data)) is None
    assert flac.retold(io.BytesIO(b"RIFF" + data[4:])) is None
    assert flac.retold(io.BytesIO(data[:30])) is None
    view = flac.retold(io.BytesIO(data[:22] + struct.pack(">I", 7 * RATE) + data[26:]))
    assert view is not None
    assert view.told_frames == 7 * RATE
    assert view.read(30)[22:26] == bytes(4)
