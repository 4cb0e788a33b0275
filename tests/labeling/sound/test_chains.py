"""Ogg streams one after the other in one file are one sound."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound.decoding import probe, read_window

RATE = 48_000


def stream(seconds: float, seed: int, subtype: str, rate: int = RATE) -> tuple[bytes, np.ndarray]:
    """An Ogg file, and what libsndfile decodes of it."""
    body = io.BytesIO()
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))
    soundfile.write(body, samples, rate, format="OGG", subtype=subtype)
    body.seek(0)
    return body.getvalue(), soundfile.read(body, dtype="float32")[0]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_all_streams_are_read_and_each_window_of_them(tmp_path: Path, subtype: str) -> None:
    """libsndfile takes a stream's number from the clock: these have the same one, as have parts of one session."""
    parts = [stream(2.0, 0, subtype), stream(1.5, 1, subtype), stream(0.7, 2, subtype)]
    path = str(tmp_path / "a.ogg")
    Path(path).write_bytes(b"".join(data for data, _ in parts))
    samples = np.concatenate([part for _, part in parts])
    info = probe(path)
    assert info.frames == len(samples) == round(4.2 * RATE)
    assert info.note == "the header says 2.00 s; 4.20 s of sound are there"
    np.testing.assert_allclose(read_window(path)[0], samples, atol=1e-6)
    for onset_s, offset_s in ((0.5, 1.0), (1.8, 3.7), (3.6, 4.1)):
        part, _ = read_window(path, onset_s, offset_s)
        wanted = samples[round(onset_s * RATE) : round(offset_s * RATE)]
        if subtype == "VORBIS":
            np.testing.assert_allclose(part, wanted, atol=1e-5)
        else:  # Opus settles for a while after a seek
            assert np.corrcoef(part, wanted)[0, 1] > 0.99


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_streams_of_one_length_are_all_read(tmp_path: Path, subtype: str) -> None:
    """The last page tells then what the first stream's own tells."""
    (tmp_path / "a.ogg").write_bytes(stream(1.0, 0, subtype)[0] + stream(1.0, 1, subtype)[0])
    info = probe(str(tmp_path / "a.ogg"))
    assert info.duration_s == 2.0
    assert info.note == "the header says 1.00 s; 2.00 s of sound are there"


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_the_end_of_a_vorbis_is_the_same_sound_in_a_window_as_in_the_whole(
    tmp_path: Path, rate: int, copies: int
) -> None:
    """In its last page libsndfile seeks beside the place, by what is left over of the last packet."""
    path = str(tmp_path / "a.ogg")
    Path(path).write_bytes(copies * stream(2.99, 0, "VORBIS", rate)[0])
    whole, _ = read_window(path)
    for end_s in (2.99, 2.99 * copies):
        for before_s in (0.5, 0.1, 0.002):
            first, stop = round((end_s - before_s) * rate), round(end_s * rate)
            part, _ = read_window(path, first / rate, stop / rate)
            np.testing.assert_allclose(part, whole[first:stop], atol=1e-4)


def test_a_stream_of_another_rate_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(stream(1.0, 0, "VORBIS")[0] + stream(1.0, 1, "VORBIS", 44_100)[0])
    assert probe(str(tmp_path / "a.ogg")).duration_s == 1.0
