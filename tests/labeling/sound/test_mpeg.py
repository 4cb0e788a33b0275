"""MP3 by its frames: all of it whatever the header says, and any part of it to the sample."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound import decoding, files
from labeling.sound.mpeg import frames_of, parse_header
from tests.support.odd.sounds import honest

RATE = 44_100
DELAY = 1105  # samples that LAME and a decoder add at the start; a stream with LAME's header has them left out


def loud_and_quiet(seconds: float, rate: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(0)
    level = np.repeat(10.0 ** rng.uniform(-3, 0, int(seconds) + 1), rate)[: round(seconds * rate)]
    return (0.1 * level * rng.standard_normal(len(level))).astype(np.float32)


def written(path: Path, samples: np.ndarray, mode: str = "VARIABLE", rate: int = RATE) -> str:
    soundfile.write(
        path, samples, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.3
    )
    return str(path)


def bare(path: str) -> bytes:
    """The frames of a stream without the header that tells their number."""
    with open(path, "rb") as file:
        first = frames_of(path, file).offsets[0]
    return Path(path).read_bytes()[first:]


def test_what_a_header_says() -> None:
    header = parse_header(0xFFFB9064)  # MPEG-1 layer III, 128 kbit/s at 44.1 kHz, joint stereo
    assert header is not None
    assert (header.length, header.samples, header.rate_hz, header.channels) == (144 * 128_000 // 44_100, 1152, RATE, 2)
    header = parse_header(0xFFF38AC4)  # MPEG-2 layer III, 64 kbit/s at 16 kHz and padded, one channel
    assert header is not None
    assert (header.length, header.samples, header.rate_hz, header.channels) == (
        72 * 64_000 // 16_000 + 1,
        576,
        16_000,
        1,
    )
    assert parse_header(0xFFFBF064) is None  # no such bit rate
    assert parse_header(0x49443303) is None  # ID3


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (22_050, 2)])
def test_without_a_header_there_is_all_the_sound_and_each_window_of_it(
    tmp_path: Path, rate: int, channels: int
) -> None:
    samples = np.stack([loud_and_quiet(20, rate)] * channels, axis=1)
    whole, _ = decoding.read_window(written(tmp_path / "whole.mp3", samples, rate=rate))
    path = tmp_path / "bare.mp3"
    path.write_bytes(bare(str(tmp_path / "whole.mp3")))
    with soundfile.SoundFile(path) as told:
        assert told.frames < 15 * rate  # what libsndfile guesses
    info = decoding.probe(str(path))
    assert info.duration_s == pytest.approx(20.05, abs=0.1)
    assert info.note == f"the header tells no length; {info.duration_s:.2f} s of sound are there"
    there, _ = decoding.read_window(str(path))
    assert len(there) == info.frames
    np.testing.assert_allclose(there[DELAY:][: len(whole)], whole, atol=1e-6)
    for onset_s in (0.0, 0.01, 3.3, 17.0):
        part, _ = decoding.read_window(str(path), onset_s, onset_s + 1)
        first = round(onset_s * rate)
        np.testing.assert_allclose(part, there[first : first + rate], atol=1e-6)


def test_a_constant_bit_rate_needs_no_header_and_no_note(tmp_path: Path) -> None:
    path = tmp_path / "bare.mp3"
    path.write_bytes(bare(written(tmp_path / "whole.mp3", loud_and_quiet(8), "CONSTANT")))
    info = decoding.probe(str(path))
    assert (info.note, len(decoding.read_window(str(path))[0])) == ("", info.frames)
    assert info.duration_s == pytest.approx(8.03, abs=0.03)


def test_streams_joined_together_are_longer_than_the_first_ones_header_says(tmp_path: Path) -> None:
    data = Path(written(tmp_path / "one.mp3", loud_and_quiet(5))).read_bytes()
    (tmp_path / "two.mp3").write_bytes(data + data)
    info = decoding.probe(str(tmp_path / "two.mp3"))
    assert info.duration_s == pytest.approx(10.05, abs=0.1)
    assert info.note.startswith("the header says 5.0")
    assert info.note.endswith(f"; {info.duration_s:.2f} s of sound are there")
    whole, _ = decoding.read_window(str(tmp_path / "one.mp3"))
    part, _ = decoding.read_window(str(tmp_path / "two.mp3"), 8.0, 9.0)
    matches = np.correlate(whole[2 * RATE :][: 2 * RATE], part[:RATE], "valid")
    assert matches.max() == pytest.approx(float(np.sum(part[:RATE] ** 2)), rel=0.01)  # it is the second stream's sound


def test_tags_before_and_after_are_no_sound(tmp_path: Path) -> None:
    data = Path(written(tmp_path / "a.mp3", loud_and_quiet(5))).read_bytes()
    picture = bytes(range(256)) * 200
    size = len(picture)
    id3 = b"ID3\x03\0\0" + bytes([size >> 21, size >> 14 & 127, size >> 7 & 127, size & 127]) + picture
    ape = picture + b"APETAGEX" + (2000).to_bytes(4, "little") + (size + 32).to_bytes(4, "little") + bytes(16)
    (tmp_path / "tagged.mp3").write_bytes(id3 + data + ape + b"TAG".ljust(128, b" "))
    for name in ("a.mp3", "tagged.mp3"):
        info = decoding.probe(str(tmp_path / name))
        assert (info.duration_s, info.note) == (pytest.approx(5.0, abs=0.001), "")


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
def test_a_long_recording_is_read_by_its_frames_and_gives_the_same(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.mp3", loud_and_quiet(20), mode)
    before = decoding.probe(path), *(decoding.read_window(path, s, s + 2)[0] for s in (0.0, 7.7, 18.5))
    monkeypatch.setattr(files, "_LONG_S", 10.0)
    after = decoding.probe(path), *(decoding.read_window(path, s, s + 2)[0] for s in (0.0, 7.7, 18.5))
    assert before[0] == after[0]
    for one, other in zip(before[1:], after[1:], strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)


def test_a_part_that_is_damaged_costs_only_itself(tmp_path: Path) -> None:
    data = bytearray(bare(written(tmp_path / "a.mp3", loud_and_quiet(20))))
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\0" * 3000
    (tmp_path / "b.mp3").write_bytes(data)
    with io.BytesIO(data) as file:
        frames = frames_of("memory://damaged", file)
    assert frames.samples / RATE == pytest.approx(20.0, abs=1.0)
    samples, _ = decoding.read_window(str(tmp_path / "b.mp3"))
    assert len(samples) == frames.samples
    assert np.abs(samples[-3 * RATE : -RATE]).max() > 0


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("encoder", [b"LAME3.100", bytes(9)])
@pytest.mark.parametrize("flags", [15, 1])
def test_a_header_without_the_encoders_delay_moves_no_window(
    tmp_path: Path, rate: int, encoder: bytes, flags: int
) -> None:
    """The frames of a whole file and libsndfile's own seeks meet at the same sample."""
    path = written(tmp_path / "a.mp3", loud_and_quiet(2, rate), "CONSTANT", rate)
    data = bytearray(Path(path).read_bytes())
    tag = data.index(b"Info")
    data[tag + 7] = flags  # 1: the number of frames alone
    if not encoder.strip(b"\0"):
        data[tag + 120 : tag + 144] = bytes(24)
    Path(path).write_bytes(data + bytes(9000))  # more bytes than the header says: not believed
    whole, _ = decoding.read_window(path)
    part, _ = decoding.read_window(path, 1.0, 1.2)
    assert np.abs(part - whole[rate : rate + len(part)]).max() < 1e-3


@pytest.mark.parametrize(
    ("frames", "note"), [(7, "the header says 0.1"), (0, "the header tells no length"), (1, "the header says 0.00 s")]
)
def test_a_header_that_tells_fewer_frames_than_there_are_is_not_believed(
    tmp_path: Path, frames: int, note: str
) -> None:
    path = written(tmp_path / "a.mp3", loud_and_quiet(2))
    data = bytearray(Path(path).read_bytes())
    struct.pack_into(">I", data, data.index(b"Xing") + 8, frames)
    Path(path).write_bytes(data)
    info = decoding.probe(path)
    assert info.duration_s == pytest.approx(2.03, abs=0.05)  # with what the encoder adds
    assert info.note.startswith(note)
    whole, _ = decoding.read_window(path)
    part, _ = decoding.read_window(path, 0.1, 0.2)  # within what the header tells
    assert len(whole) == info.frames
    np.testing.assert_allclose(part, whole[round(0.1 * RATE) :][: len(part)], atol=1e-3)


def test_a_damaged_frame_is_silence_and_all_others_are_heard(tmp_path: Path) -> None:
    """At a frame that cannot be decoded libsndfile ends, and in a seek across it counts one frame too few."""
    rate, each = 48_000, 1152
    data = honest("MP3 VBR", 2.0, 1, rate)
    (tmp_path / "plain.mp3").write_bytes(data)
    (tmp_path / "a.mp3").write_bytes(data[:5043] + bytes(40) + data[5083:])
    plain, _ = decoding.read_window(str(tmp_path / "plain.mp3"))
    whole, _ = decoding.read_window(str(tmp_path / "a.mp3"))
    assert len(whole) == len(plain) == 2 * rate
    close = [bool(np.abs(whole[k : k + each] - plain[k : k + each]).max() < 1e-3) for k in range(0, 2 * rate, each)]
    assert close.count(False) <= 6  # and those that borrow bits from it
    assert all(close[-60:])
    for onset_s in (0.3, 0.5, 1.0, 1.9):
        part, _ = decoding.read_window(str(tmp_path / "a.mp3"), onset_s, onset_s + 0.1)
        np.testing.assert_allclose(part, whole[round(onset_s * rate) :][: len(part)], atol=1e-3)


def test_a_window_behind_a_damage_near_the_end_has_its_samples(tmp_path: Path) -> None:
    """Of this file libsndfile gives none after a seek."""
    rate, at, noise = 8000, 4611, np.random.default_rng(4611).bytes(16)
    data = honest("MP3 VBR", 2.0, 1, rate)
    path = str(tmp_path / "a.mp3")
    Path(path).write_bytes(data[:at] + noise + data[at + len(noise) :])
    whole, _ = decoding.read_window(path)
    part, _ = decoding.read_window(path, 1.85, 1.95)
    assert len(whole) == decoding.probe(path).frames == 2 * rate
    assert len(part) == round(0.1 * rate)
    np.testing.assert_allclose(part, whole[round(1.85 * rate) :][: len(part)], atol=1e-3)
