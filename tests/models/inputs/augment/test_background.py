import numpy as np
import pytest
import soundfile

from labeling.errors import ConfigError
from models.inputs.augment.background import Backgrounds, sound_files

RATE = 8000


def write(path, seconds, level, rate=RATE):
    path.parent.mkdir(exist_ok=True, parents=True)
    soundfile.write(path, np.full(int(seconds * rate), level), rate, subtype="FLOAT" if path.suffix == ".wav" else None)


@pytest.fixture
def folder(tmp_path):
    """Three files of 3, 2 and 1 s, each of one level, and two that are no sound."""
    write(tmp_path / "a.wav", 3, 0.1)
    write(tmp_path / "b" / "b.WAV", 2, 0.2)
    write(tmp_path / "c.flac", 1, 0.3)
    (tmp_path / "bad.ogg").write_bytes(b"not a sound at all")
    (tmp_path / "notes.txt").write_text("no sound either")
    return tmp_path


def test_sound_files_of_all_folders_are_found_in_order(folder):
    assert [path.removeprefix(f"{folder}/") for path in sound_files(str(folder))] == [
        "a.wav",
        "b/b.WAV",
        "bad.ogg",
        "c.flac",
    ]


def test_the_share_chooses_the_file_and_one_that_cannot_be_read_is_passed_over(folder):
    backgrounds = Backgrounds(str(folder), RATE)
    levels = [float(backgrounds.stretch(file, 0.5, 100).mean()) for file in (0.1, 0.3, 0.6, 0.9)]
    np.testing.assert_allclose(levels, [0.1, 0.2, 0.3, 0.3], atol=1e-4)
    assert [path.rsplit("/")[-1] for path in backgrounds.skipped] == ["bad.ogg"]
    assert "not readable as sound" in next(iter(backgrounds.skipped.values()))


@pytest.mark.parametrize("memory_mb", [256.0, 0.0])
def test_a_stretch_lies_where_the_share_says_and_a_short_file_is_repeated(tmp_path, memory_mb):
    soundfile.write(tmp_path / "ramp.wav", np.arange(8000) / 8000, RATE, subtype="FLOAT")
    backgrounds = Backgrounds(str(tmp_path), RATE, memory_mb)
    np.testing.assert_allclose(backgrounds.stretch(0.0, 0.5, 4000), np.arange(2000, 6000) / 8000, atol=2e-4)
    assert len(backgrounds.stretch(0.0, 0.999999, 8000)) == 8000
    wrapped = backgrounds.stretch(0.0, 0.0, 20000)
    np.testing.assert_allclose(wrapped, np.tile(np.arange(8000) / 8000, 3)[:20000], atol=1e-6)


def test_other_sample_rates_are_resampled(tmp_path):
    t = np.arange(2 * 16000) / 16000
    soundfile.write(tmp_path / "tone.wav", np.sin(2 * np.pi * 500 * t), 16000)
    part = Backgrounds(str(tmp_path), RATE).stretch(0.0, 0.3, 8000)
    assert np.abs(np.fft.rfft(part)).argmax() == 500


def test_memory_is_bounded_and_what_left_it_comes_back_the_same(folder):
    """3 s of float32 are 96 kB; two files fit, three do not."""
    backgrounds = Backgrounds(str(folder), RATE, memory_mb=170_000 / 2**20)
    before = [backgrounds.stretch(file, 0.2, 500).copy() for file in (0.1, 0.3, 0.9)]
    assert 0 < backgrounds.kept.held <= 170_000
    after = [backgrounds.stretch(file, 0.2, 500) for file in (0.1, 0.3, 0.9)]
    np.testing.assert_array_equal(before, after)


def test_no_folder_no_sound_and_nothing_readable_are_told_apart(tmp_path):
    with pytest.raises(ConfigError, match="is no folder"):
        Backgrounds(str(tmp_path / "nowhere"), RATE)
    with pytest.raises(ConfigError, match=r"holds no sound file; give a folder with \.ogg, \.wav"):
        Backgrounds(str(tmp_path), RATE)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"none of its 1 sound files can be read.*the file is empty"):
        Backgrounds(str(tmp_path), RATE)


def test_a_folder_may_be_a_url(tmp_path):
    import fsspec

    soundfile.write(tmp_path / "x.wav", np.full(RATE, 0.25), RATE, subtype="FLOAT")
    system = fsspec.filesystem("memory")
    system.pipe("/noises/deep/x.wav", (tmp_path / "x.wav").read_bytes())
    try:
        backgrounds = Backgrounds("memory://noises", RATE)
        np.testing.assert_allclose(backgrounds.stretch(0.0, 0.0, 1000), 0.25)
    finally:
        system.rm("/noises", recursive=True)
