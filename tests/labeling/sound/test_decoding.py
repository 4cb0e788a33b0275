"""Every file is either read with an honest length, or refused with a reason."""

from __future__ import annotations

import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile

from labeling.errors import AudioError
from labeling.sound import decoding

RATE = 32_000


def tone(seconds: float, rate: int = RATE, hz: float = 1000.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def noise(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def written(path: Path, samples: np.ndarray, rate: int = RATE, **how: str) -> str:
    soundfile.write(path, samples, rate, **how)
    return str(path)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.wav", {}),
        ("a.flac", {}),
        ("a.ogg", {}),
        ("a.mp3", {}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.aiff", {}),
        ("a.w64", {}),
    ],
)
def test_header_and_window_of_each_format(tmp_path: Path, name: str, how: dict[str, str]) -> None:
    rate = 48_000 if "opus" in name else RATE
    path = written(tmp_path / name, tone(3, rate), rate, **how)
    info = decoding.probe(path)
    assert info.duration_s == pytest.approx(3.0, abs=0.02)
    assert (info.sample_rate, info.channels, info.note) == (rate, 1, "")
    samples, got = decoding.read_window(path, 1.0, 1.5)
    assert got == rate
    assert samples.dtype == np.float32
    assert samples.shape == (rate // 2,)
    # 1000 periods a second: half a second from 1.0 on starts at phase 0
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) == 500


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_a_window_is_the_same_as_that_part_of_the_whole(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, noise(4))
    whole, _ = decoding.read_window(path)
    part, _ = decoding.read_window(path, 1.234, 2.345)
    start, stop = round(1.234 * RATE), round(2.345 * RATE)
    np.testing.assert_allclose(part, whole[start:stop], atol=1e-6)


def test_windows_beyond_the_file_are_cut_to_what_exists(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(1))
    assert decoding.read_window(path, 0.5, 9)[0].shape == (RATE // 2,)
    assert decoding.read_window(path, -1, 0.25)[0].shape == (RATE // 4,)
    assert decoding.read_window(path, 5, 9)[0].shape == (0,)
    assert decoding.read_window(path, 5, 9, sample_rate=16_000, mono=False)[0].shape == (1, 0)
    for window in [(float("nan"), 1.0), (0.0, float("inf")), (2.0, 1.0)]:
        with pytest.raises(AudioError, match="window"):
            decoding.read_window(path, *window)
    with pytest.raises(AudioError, match="sample rate 0 Hz; give 50 to"):
        decoding.read_window(path, sample_rate=0)


def test_resampling_keeps_the_pitch_and_removes_what_does_not_fit(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(1, 96_000, 1000) + tone(1, 96_000, 20_000), 96_000)
    samples, rate = decoding.read_window(path, sample_rate=32_000)
    assert rate == 32_000
    assert samples.shape == (32_000,)
    spectrum = np.abs(np.fft.rfft(samples)) / 16_000
    assert spectrum[1000] == pytest.approx(0.5, abs=0.01)
    assert spectrum[1100:].max() < 0.01  # 20 kHz would fold to 12 kHz


def test_96_khz_with_8_channels(tmp_path: Path) -> None:
    channels = np.stack([np.full(9600, i / 10, np.float32) for i in range(8)], axis=1)
    path = written(tmp_path / "a.wav", channels, 96_000, subtype="FLOAT")
    info = decoding.probe(path)
    assert (info.channels, info.sample_rate, info.frames) == (8, 96_000, 9600)
    np.testing.assert_allclose(decoding.read_window(path)[0], 0.35, atol=1e-6)
    every, _ = decoding.read_window(path, 0.01, 0.02, mono=False)
    assert every.shape == (8, 960)
    np.testing.assert_allclose(every[:, 5], np.arange(8) / 10, atol=1e-6)


def test_ten_milliseconds_are_too_short_to_use_but_can_be_heard(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(0.01))
    with pytest.raises(AudioError, match=r"0\.010 s of sound; at least 0\.1 s") as caught:
        decoding.probe(path)
    assert caught.value.status == "too_short"
    assert decoding.probe(path, shortest_s=0).frames == 320
    assert decoding.read_window(path)[0].shape == (320,)
    empty = written(tmp_path / "empty.wav", tone(0))
    with pytest.raises(AudioError) as caught:
        decoding.probe(empty, shortest_s=0)
    assert caught.value.status == "too_short"


def test_three_hours_are_probed_and_read_without_decoding_them(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(179):
            file.write(np.zeros(60 * 8000, np.int16))
        file.write((tone(60, 8000) * 32767).astype(np.int16))
    assert decoding.probe(str(path)).duration_s == 3 * 3600
    samples, _ = decoding.read_window(str(path), 3 * 3600 - 2, 3 * 3600 - 1)
    assert samples.shape == (8000,)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.01)


def test_a_wav_that_lies_in_its_header(tmp_path: Path) -> None:
    raw = bytearray(Path(written(tmp_path / "a.wav", noise(2))).read_bytes())
    at = raw.index(b"data") + 4
    for claim in (0x7FFFFFF0, 0xFFFFFFFF, 2 * 2 * RATE * 2):
        raw[at : at + 4] = struct.pack("<I", claim)
        path = tmp_path / f"{claim}.wav"
        path.write_bytes(raw)
        assert decoding.probe(str(path)).duration_s == pytest.approx(2.0, abs=0.01)
        assert decoding.read_window(str(path))[0].shape == pytest.approx((2 * RATE,), abs=400)
    rate = raw.index(b"fmt ") + 12
    for wrong in (0, 1, 0x7FFFFFFF):
        raw[rate : rate + 4] = struct.pack("<I", wrong)
        path = tmp_path / f"rate{wrong}.wav"
        path.write_bytes(raw)
        with pytest.raises(AudioError) as caught:
            decoding.probe(str(path))
        assert caught.value.status == "unreadable"


def test_a_flac_that_claims_a_thousand_hours_is_counted(tmp_path: Path) -> None:
    raw = bytearray(Path(written(tmp_path / "a.flac", noise(5))).read_bytes())
    raw[21] |= 0x0F
    raw[22:26] = b"\xff\xff\xff\xff"  # the low 36 bits of STREAMINFO's sample count
    path = tmp_path / "lie.flac"
    path.write_bytes(raw)
    info = decoding.probe(str(path))
    assert info.frames == 5 * RATE
    assert info.note == "the header says 2147483.65 s; 5.00 s of sound are there"
    assert decoding.read_window(str(path))[0].shape == (5 * RATE,)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.wav"])
def test_a_file_cut_in_half_has_the_length_of_what_is_left(tmp_path: Path, name: str) -> None:
    whole = Path(written(tmp_path / name, noise(10))).read_bytes()
    path = tmp_path / f"cut-{name}"
    path.write_bytes(whole[: len(whole) // 2])
    info = decoding.probe(str(path))
    assert 3.5 < info.duration_s < 6
    samples, _ = decoding.read_window(str(path))
    assert len(samples) == info.frames
    assert np.abs(samples[-RATE // 4 :]).max() > 0.05  # real sound up to its end, no padding
    stump = tmp_path / f"stump-{name}"
    stump.write_bytes(whole[:40])
    with pytest.raises(AudioError) as caught:
        decoding.probe(str(stump))
    assert caught.value.status in ("unreadable", "too_short")


@pytest.mark.parametrize(
    "content", [b"", b"R", b"not a sound at all, but a text\n" * 50, b"\x00" * 5000, bytes(range(256)) * 40, b"OggS"]
)
@pytest.mark.parametrize("name", ["a.wav", "a.ogg", "a.mp3", "a.raw", "a"])
def test_what_is_no_sound_is_unreadable(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (decoding.probe, decoding.read_window, decoding.is_silent):
        with pytest.raises(AudioError, match=name) as caught:
            read(str(path))
        assert caught.value.status == "unreadable"


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path / "none" / "a.wav"):
        with pytest.raises(AudioError, match="no such file") as caught:
            decoding.probe(str(path))
        assert caught.value.status == "missing"
    with pytest.raises(AudioError, match="not a file"):
        decoding.probe(str(tmp_path))
    with pytest.raises(AudioError):
        decoding.probe(str(tmp_path / "a\0b.wav"))


def test_after_a_damaged_part_of_a_flac_all_keeps_its_time(tmp_path: Path) -> None:
    samples = noise(6)
    data = bytearray(Path(written(tmp_path / "a.flac", samples)).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)  # about 0.4 s from 3 s on
    (tmp_path / "a.flac").write_bytes(data)
    whole, _ = decoding.read_window(str(tmp_path / "a.flac"))
    assert len(whole) == 6 * RATE
    for part in (slice(0, round(2.8 * RATE)), slice(4 * RATE, 6 * RATE)):
        np.testing.assert_allclose(whole[part], samples[part], atol=1e-4)
    assert not whole[round(3.2 * RATE) : round(3.3 * RATE)].any()
    for onset_s in (2.5, 3.2, 4.5):  # across it, from within it, after it
        part, _ = decoding.read_window(str(tmp_path / "a.flac"), onset_s, onset_s + 1.5)
        assert len(part) == round(1.5 * RATE)
        first = round((onset_s + 1.45) * RATE)
        np.testing.assert_allclose(part[-1600:], samples[first : first + 1600], atol=1e-4)
    part, _ = decoding.read_window(str(tmp_path / "a.flac"), 2.5, 3.25)  # it ends within it
    np.testing.assert_allclose(part, whole[round(2.5 * RATE) : round(3.25 * RATE)], atol=1e-4)
    with pytest.raises(AudioError, match=r"no sound can be decoded from 3\.20 s on"):
        decoding.read_window(str(tmp_path / "a.flac"), 3.2, 3.3)


def test_what_follows_a_damage_near_the_end_of_a_flac_is_heard(tmp_path: Path) -> None:
    """A frame is 0.128 s long: one is damaged, and one follows."""
    samples = noise(0.6)
    data = Path(written(tmp_path / "a.flac", samples)).read_bytes()
    at = round(0.7 * len(data))
    (tmp_path / "a.flac").write_bytes(data[:at] + bytes(2000) + data[at + 2000 :])
    whole, _ = decoding.read_window(str(tmp_path / "a.flac"))
    assert len(whole) == len(samples)
    heard = np.isclose(whole, samples, atol=1e-4)
    assert heard[: round(0.38 * RATE)].all()
    assert heard[4 * 4096 + 16 :].all()
    part, _ = decoding.read_window(str(tmp_path / "a.flac"), 0.55, 0.6)
    np.testing.assert_allclose(part, samples[round(0.55 * RATE) :], atol=1e-4)


def test_nan_and_infinite_samples_become_zero(tmp_path: Path) -> None:
    samples = noise(1)
    samples[10], samples[20], samples[30] = np.nan, np.inf, -np.inf
    path = written(tmp_path / "a.wav", samples, subtype="FLOAT")
    got, _ = decoding.read_window(path)
    assert got[10] == got[20] == got[30] == 0
    np.testing.assert_array_equal(np.delete(got, [10, 20, 30]), np.delete(samples, [10, 20, 30]))
    assert np.isfinite(decoding.read_window(path, sample_rate=16_000)[0]).all()
    two = np.stack([np.full(RATE, np.nan, np.float32), np.full(RATE, 0.5, np.float32)], axis=1)
    mixed, _ = decoding.read_window(written(tmp_path / "b.wav", two, subtype="FLOAT"))
    np.testing.assert_allclose(mixed, 0.25)


def test_silence(tmp_path: Path) -> None:
    assert decoding.is_silent(written(tmp_path / "zero.ogg", np.zeros(RATE)))
    assert decoding.is_silent(written(tmp_path / "nan.wav", np.full(RATE, np.nan), subtype="FLOAT"))
    faint = np.full(RATE, 10 ** (-85 / 20))
    assert decoding.is_silent(written(tmp_path / "faint.wav", faint, subtype="FLOAT"))
    assert not decoding.is_silent(written(tmp_path / "heard.wav", faint * 10, subtype="FLOAT"))
    late = np.zeros(20 * RATE, np.float32)
    late[-5] = 0.1
    assert not decoding.is_silent(written(tmp_path / "late.wav", late, subtype="FLOAT"))


def test_remote_files_read_as_local_ones(tmp_path: Path) -> None:
    for name in ("a.ogg", "a.wav", "a.flac", "a.mp3"):
        path = written(tmp_path / name, noise(2))
        url = f"memory://audio/{name}"
        with fsspec.open(url, "wb") as file:
            file.write(Path(path).read_bytes())
        assert decoding.probe(url) == decoding.probe(path)
        for window in ((0.5, 1), (0, None)):
            np.testing.assert_array_equal(decoding.read_window(url, *window)[0], decoding.read_window(path, *window)[0])
        assert not decoding.is_silent(url)
    with pytest.raises(AudioError) as caught:
        decoding.probe("memory://audio/none.ogg")
    assert caught.value.status == "missing"
    with pytest.raises(AudioError, match="are not read; give a folder"):
        decoding.probe("nosuchprotocol://a.ogg")


def test_many_threads_read_one_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ogg", noise(5))
    whole, _ = decoding.read_window(path)
    start = threading.Barrier(8)

    def read(i: int) -> bool:
        start.wait()
        part, _ = decoding.read_window(path, i * 0.5, i * 0.5 + 0.5)
        return np.allclose(part, whole[i * RATE // 2 : (i + 1) * RATE // 2], atol=1e-6)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))
