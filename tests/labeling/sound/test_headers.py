"""Headers that tell another length than the sound has, both ways and in every format: the sound is believed."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound.decoding import is_silent, probe, read_window
from labeling.sound.headers import rebuilt
from tests.support.odd.sounds import FORMS, honest, resealed

RATE = 32_000
SECONDS = 4.0
SAMPLES = (0.1 * np.random.default_rng(0).standard_normal(round(SECONDS * RATE))).astype(np.float32)
NOTHING = "the header tells no length; 4.00 s of sound are there"
LITTLE = "the header says 0.02 s; 4.00 s of sound are there"
TWICE = "the header says 8.00 s; 4.00 s of sound are there"
TRUE = ""


def file_of(form: str, samples: np.ndarray = SAMPLES, subtype: str = "PCM_16") -> bytearray:
    body = io.BytesIO()
    soundfile.write(body, samples, RATE, format=form, subtype=subtype)
    return bytearray(body.getvalue())


def told(form: str, name: bytes, skip: int, layout: str, value: int) -> bytes:
    """A file whose length, ``skip`` bytes behind the name of a chunk, is overwritten."""
    data = file_of(form)
    struct.pack_into(layout, data, data.index(name) + skip, value)
    return bytes(data)


SIZE = len(SAMPLES) * 2
CASES = [
    *[("WAV", b"data", 4, "<I", value, note)
      for value, note in [(0, NOTHING), (1000, LITTLE), (2**32 - 1, NOTHING), (2**31 - 1, NOTHING), (2 * SIZE, TWICE)]],
    *[("RF64", b"ds64", 16, "<Q", value, note)
      for value, note in [(0, NOTHING), (1000, LITTLE), (2**63 - 1, NOTHING), (2**64 - 1, NOTHING), (2 * SIZE, TWICE)]],
    *[("AIFF", b"SSND", 4, ">I", value, note)
      for value, note in [(0, NOTHING), (1008, LITTLE), (0xFFFFFFFF, NOTHING), (2 * SIZE + 8, TWICE)]],
    ("AIFF", b"COMM", 10, ">I", 0, TRUE),
    *[("CAF", b"data", 4, ">q", value, note)
      for value, note in [(0, NOTHING), (1004, LITTLE), (2**62, NOTHING), (-1, NOTHING), (2 * SIZE + 4, TWICE)]],
    *[("AU", b".snd", 8, ">I", value, note)
      for value, note in [(0, NOTHING), (1000, LITTLE), (0xFFFFFFFF, TRUE), (2 * SIZE, TWICE)]],
    *[("FLAC", b"fLaC", 22, ">I", value, note)
      for value, note in [(0, NOTHING), (500, LITTLE), (2 * len(SAMPLES), TWICE)]],
]  # fmt: skip


@pytest.mark.parametrize(("form", "name", "skip", "layout", "value", "note"), CASES)
def test_all_the_sound_is_read_whatever_the_header_says(
    tmp_path: Path, form: str, name: bytes, skip: int, layout: str, value: int, note: str
) -> None:
    path = str(tmp_path / "lie")
    Path(path).write_bytes(told(form, name, skip, layout, value))
    info = probe(path)
    assert (info.frames, info.sample_rate, info.note) == (len(SAMPLES), RATE, note)
    whole, _ = read_window(path)
    np.testing.assert_allclose(whole, SAMPLES, atol=1e-4)
    part, _ = read_window(path, 3.25, 3.75)
    np.testing.assert_array_equal(part, whole[round(3.25 * RATE) : round(3.75 * RATE)])
    assert not is_silent(path)


@pytest.mark.parametrize("form", ["WAV", "RF64", "AIFF", "CAF", "AU", "FLAC"])
def test_a_file_that_ends_early_has_the_length_of_what_is_there(tmp_path: Path, form: str) -> None:
    data = file_of(form)
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    info = probe(str(tmp_path / "cut"))
    assert info.duration_s == pytest.approx(2.0, abs=0.15)  # FLAC loses its last frame
    assert info.note == f"the header says 4.00 s; {info.duration_s:.2f} s of sound are there"
    assert len(read_window(str(tmp_path / "cut"))[0]) == info.frames


@pytest.mark.parametrize(
    "after",
    [
        b"", b"LIST" + struct.pack("<I", 3000) + b"INFO" * 750, b"\0" * 5000, b"ID3\x03" + b"x" * 5000, b"abc",
        b"\0LIST" + struct.pack("<I", 3000) + b"INFO" * 750,
        bytes(5000) + b"LIST" + struct.pack("<I", 3000) + b"INFO" * 750, bytes(5000) + b"APETAGEX" + b"x" * 5000,
    ],
)  # fmt: skip
def test_what_lies_after_the_samples_is_not_taken_for_sound(after: bytes) -> None:
    for form in ("WAV", "AIFF"):
        assert rebuilt(io.BytesIO(file_of(form) + after)) is None


def test_a_long_stillness_after_what_the_header_tells_of_is_sound_where_sound_follows() -> None:
    data = bytearray(file_of("WAV", np.concatenate([SAMPLES[:500], np.zeros(50_000, np.float32), SAMPLES])))
    struct.pack_into("<I", data, data.index(b"data") + 4, 1000)
    assert rebuilt(io.BytesIO(data)) is not None
    assert rebuilt(io.BytesIO(data[:90_000])) is None


def test_an_honest_header_is_left_alone() -> None:
    for form, subtype in [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24"),
                          ("RF64", "PCM_16"), ("AIFF", "PCM_24"), ("CAF", "PCM_16"), ("AU", "FLOAT")]:  # fmt: skip
        assert rebuilt(io.BytesIO(file_of(form, subtype=subtype))) is None, (form, subtype)


def test_a_recording_never_finished_in_a_coding_of_blocks(tmp_path: Path) -> None:
    """IMA ADPCM, as camera traps and phones write it."""
    data = file_of("WAV", subtype="IMA_ADPCM")
    struct.pack_into("<I", data, data.index(b"data") + 4, 0)
    (tmp_path / "a.wav").write_bytes(data)
    info = probe(str(tmp_path / "a.wav"))
    assert info.duration_s == pytest.approx(SECONDS, abs=0.05)
    assert info.note.startswith("the header tells no length")


def test_more_than_four_gigabytes_have_a_header_that_can_say_so() -> None:
    """A WAV whose 32-bit length went round once: only its header is looked at, for the file is sparse."""

    class Sparse(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return 5 * 2**30 if whence == 2 else super().seek(offset, whence)

    data = file_of("WAV")
    struct.pack_into("<I", data, data.index(b"data") + 4, 2000)
    view = rebuilt(Sparse(data))
    assert view is not None
    head = view.read(120)
    assert head.startswith(b"RF64")
    assert struct.unpack_from("<Q", head, head.index(b"ds64") + 16)[0] == 5 * 2**30 - 44


@pytest.mark.parametrize("offset", [0, 3, 23])
def test_an_au_whose_samples_begin_within_its_header_is_one_sound(tmp_path: Path, offset: int) -> None:
    data = file_of("AU")
    struct.pack_into(">I", data, 4, offset)
    path = str(tmp_path / "a.au")
    Path(path).write_bytes(data)
    whole, _ = read_window(path)
    np.testing.assert_allclose(whole, SAMPLES, atol=1e-4)
    np.testing.assert_array_equal(read_window(path, 1.0, 1.5)[0], whole[RATE : round(1.5 * RATE)])


def test_an_aiff_whose_samples_begin_later_in_their_chunk_is_one_sound(tmp_path: Path) -> None:
    """Also where the chunk's own length is wrong."""
    path = str(tmp_path / "a.aiff")
    data = bytearray(file_of("AIFF", subtype="PCM_24"))
    at = data.index(b"SSND")
    struct.pack_into(">I", data, at + 8, 256)  # which is no multiple of a sample's three bytes
    for size in (len(data) - at - 8, 10**6):
        struct.pack_into(">I", data, at + 4, size)
        Path(path).write_bytes(data)
        whole, _ = read_window(path)
        assert len(whole) == probe(path).frames == len(SAMPLES) - 86
        np.testing.assert_array_equal(read_window(path, 1.0, 1.5)[0], whole[RATE : round(1.5 * RATE)])


def test_an_opus_whose_pages_are_out_of_their_order_has_whole_windows(tmp_path: Path) -> None:
    """libsndfile stops soon after a seek in such a file."""
    data = honest("Opus", 2.0, 1, 8000)
    path = str(tmp_path / "a.opus")
    Path(path).write_bytes(resealed(data[:18] + b"\xff" * 4 + data[22:]))
    assert probe(path).duration_s == 2.0
    whole, _ = read_window(path)
    part, _ = read_window(path, 1.0, 1.1)
    assert len(part) == 800
    np.testing.assert_allclose(part, whole[8000:8800], atol=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_behind_an_id3_tag_lies_the_same_sound(tmp_path: Path, form: str) -> None:
    """Some formats libsndfile does not take there, and in an AU it seeks beside the place."""
    suffix = FORMS[form][0].lower()
    plain, tagged = str(tmp_path / f"plain.{suffix}"), str(tmp_path / f"tagged.{suffix}")
    data = honest(form, 0.7, 1, 16_000)
    Path(plain).write_bytes(data)
    Path(tagged).write_bytes(b"ID3\x04\0\0\0\0\0\x0bTIT2\0\0\0\1\0\0x" + data)
    assert (probe(tagged).frames, probe(tagged).note) == (probe(plain).frames, "")
    for window in ((0.0, None), (0.4, 0.6)):
        np.testing.assert_allclose(read_window(tagged, *window)[0], read_window(plain, *window)[0], atol=1e-6)


@pytest.mark.parametrize(("bytes_there", "packets"), [(0.4, 1), (0.9, 3), (0.999, 3)])
def test_a_cut_alac_has_the_packets_that_are_wholly_there(tmp_path: Path, bytes_there: float, packets: int) -> None:
    """libsndfile believes their table: four of 4096 samples, the last one cut."""
    data = honest("CAF ALAC_16", 2.0, 1, 8000)
    (tmp_path / "whole.caf").write_bytes(data)
    (tmp_path / "cut.caf").write_bytes(data[: round(bytes_there * len(data))])
    path = str(tmp_path / "cut.caf")
    info = probe(path)
    assert info.frames == packets * 4096
    assert info.note == f"the header says 2.00 s; {info.duration_s:.2f} s of sound are there"
    whole, _ = read_window(path)
    np.testing.assert_array_equal(whole, read_window(str(tmp_path / "whole.caf"))[0][: info.frames])
    np.testing.assert_array_equal(read_window(path, 0.25, 0.5)[0], whole[2000:4000])


@pytest.mark.parametrize("gone", [1, 5000])
def test_an_alac_of_damaged_packets_has_the_same_sound_in_a_window_as_in_the_whole(tmp_path: Path, gone: int) -> None:
    """Without some bytes most packets after them are damaged, and its decoder gives the last good one for each."""
    data = honest("CAF ALAC_16", 2.0, 1, 48_000)
    path = str(tmp_path / "a.caf")
    Path(path).write_bytes(data[:40_000] + data[40_000 + gone :])
    whole, _ = read_window(path)
    for onset in range(0, len(whole) - 800, 4000):
        part, _ = read_window(path, onset / 48_000, (onset + 800) / 48_000)
        np.testing.assert_array_equal(part, whole[onset : onset + 800])


def test_an_alac_of_a_tone_of_which_each_packet_is_as_the_one_before_is_read_at_any_place(tmp_path: Path) -> None:
    path = str(tmp_path / "a.caf")
    tone = 0.5 * np.sin(2 * np.pi * 750 * np.arange(96_000) / 48_000)
    soundfile.write(path, tone, 48_000, format="CAF", subtype="ALAC_16")
    np.testing.assert_allclose(read_window(path, 1.0, 1.1)[0], tone[48_000:52_800], atol=1e-4)
