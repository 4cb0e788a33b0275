"""Which decoder opens a file, and that one which cannot seek still gives every window."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.errors import AudioError
from labeling.sound import decoding, files

RATE = 8000


def noise(seconds: float, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((round(seconds * RATE), channels)).astype(np.float32)


@pytest.mark.parametrize(("form", "subtype"), [("WAV", "GSM610"), ("AU", "G721_32"), ("AU", "G723_24")])
def test_a_decoder_that_cannot_seek_gives_every_window(tmp_path: Path, form: str, subtype: str) -> None:
    path = str(tmp_path / "a.wav")
    soundfile.write(path, noise(4), RATE, format=form, subtype=subtype)
    with soundfile.SoundFile(path) as sound:
        assert not sound.seekable()
    info = decoding.probe(path)
    assert info.duration_s == pytest.approx(4.0, abs=0.05)
    whole, _ = decoding.read_window(path)
    assert len(whole) == info.frames
    for onset_s in (0.0, 1.3, 3.5):
        part, _ = decoding.read_window(path, onset_s, onset_s + 0.4)
        first = round(onset_s * RATE)
        np.testing.assert_array_equal(part, whole[first : first + len(part)])
        assert len(part) == round(0.4 * RATE)


def test_a_seek_that_fails_is_made_up_for_by_decoding_what_lies_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "a.wav")
    soundfile.write(path, noise(2), RATE)
    whole, _ = decoding.read_window(path)

    def refuse(*_: object) -> int:
        raise soundfile.LibsndfileError(39)

    monkeypatch.setattr(soundfile.SoundFile, "seek", refuse)
    monkeypatch.setattr(soundfile.SoundFile, "seekable", lambda self: True)
    part, _ = decoding.read_window(path, 1.0, 1.5)
    np.testing.assert_array_equal(part, whole[RATE : RATE + RATE // 2])


def test_what_audioread_decodes_agrees_with_libsndfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """audioread reads WAV by itself, so a WAV that libsndfile is said not to know goes that way."""
    path = str(tmp_path / "a.wav")
    soundfile.write(path, noise(2, 2), RATE)
    windows = [(0.0, None), (0.3, 0.9), (1.5, 9.0), (5.0, 6.0)]
    wanted = [decoding.read_window(path, *window, mono=mono)[0] for window in windows for mono in (True, False)]

    def unknown(*_: object) -> None:
        raise soundfile.LibsndfileError(1)

    monkeypatch.setattr(soundfile, "SoundFile", unknown)
    monkeypatch.setattr(files, "_looks_foreign", lambda handle: True)
    got = [decoding.read_window(path, *window, mono=mono)[0] for window in windows for mono in (True, False)]
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    info = decoding.probe(path)
    assert (info.frames, info.channels, info.note) == (2 * RATE, 2, "")


def test_a_guessed_length_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What audioread says of a raw AAC stream is a guess from its first frames' bit rate."""
    import audioread

    path = str(tmp_path / "a.wav")
    soundfile.write(path, noise(2), RATE)
    (tmp_path / "a.aac").write_bytes(b"\xff\xf1" + bytes(100))
    opened = audioread.audio_open

    class Guessing:
        def __init__(self) -> None:
            self.source = opened(path)
            self.samplerate, self.channels, self.duration = RATE, 1, 7.5

        def __enter__(self) -> Guessing:
            return self

        def __exit__(self, *_: object) -> None:
            self.source.close()

        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter(self.source)

    monkeypatch.setattr(audioread, "audio_open", lambda _: Guessing())
    info = decoding.probe(str(tmp_path / "a.aac"))
    assert (info.frames, info.format) == (2 * RATE, "AAC")
    assert info.note == "the header says 7.50 s; 2.00 s of sound are there"


def test_what_no_decoder_knows_says_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(b"nothing that anybody knows" * 10)
    with pytest.raises(AudioError, match=r"a\.xyz: not readable as sound; WAV, FLAC"):
        decoding.probe(str(tmp_path / "a.xyz"))


@pytest.mark.parametrize("name", ["a.au", "a.SND", "a.vox", "a.gsm", "a.m4a", "a.raw", "a.wav", "a.aac"])
def test_a_name_alone_makes_no_sound(tmp_path: Path, name: str) -> None:
    """libsndfile takes what has some of these names for mu-law, ADPCM or GSM at 8 kHz when it has no header: any file
    could be had back, to the bit, from what is heard."""
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(20_000))
    with pytest.raises(AudioError, match="not readable as sound"):
        decoding.probe(str(tmp_path / name))


def test_an_au_of_absurd_channels_is_refused_at_once(tmp_path: Path) -> None:
    """A slower decoder would multiply its samples."""
    soundfile.write(tmp_path / "a.au", np.zeros(8000), 8000)
    data = bytearray((tmp_path / "a.au").read_bytes())
    data[20:24] = b"\xff" * 4
    (tmp_path / "a.au").write_bytes(data)
    began_s = time.process_time()
    with pytest.raises(AudioError, match="not readable as sound"):
        decoding.probe(str(tmp_path / "a.au"))
    assert time.process_time() - began_s < 2
