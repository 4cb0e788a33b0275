"""labeling/sound/work.py: what a picture costs is known before it is drawn."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from labeling.errors import ConfigError
from labeling.sound import work
from labeling.sound.spectrogram import Frames, SpectrogramSettings
from labeling.sound.tiles import LEVELS, Job, Source, tile

DEAR: dict[str, Any] = {"scale": "pcen", "n_fft": 64, "hop_length": 1, "height_px": 1000}
HEAVY = 1 << 25  # pages/ui/routes/media.py


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty minutes."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    with soundfile.SoundFile(path, "w", 32_000, 1) as file:
        for _ in range(40):
            file.write(np.zeros(60 * 32_000, np.int16))
    return path


def job(path: Path, level: int, has: bool = False, **settings: Any) -> Job:
    source = Source(str(path), "tag", lambda name, make: make(), has=lambda name: has)
    return tile(source, SpectrogramSettings(**settings), level, 0)


def test_a_dear_picture_is_refused_in_words(long: Path) -> None:
    words = (
        r"this picture \(1000 rows, pcen, n_fft 64, hop_length 1, level 8\) is 1\.3 times the most work for one; "
        r"zoom in, take fewer rows or decibels, or a longer n_fft and hop_length"
    )
    with pytest.raises(ConfigError, match=words):
        job(long, 8, **DEAR)
    for level in (9, 10, 11):
        with pytest.raises(ConfigError, match="times the most work"):
            job(long, level, **DEAR)


def test_rows_and_pcen_count(long: Path) -> None:
    def of(level: int, **settings: Any) -> int:
        return job(long, level, **settings).work

    few, many = of(6, **DEAR | {"height_px": 100}), of(6, **DEAR)
    assert many > 9 * few
    assert of(6, **DEAR) > HEAVY > of(6, **DEAR | {"scale": "db"})
    assert of(0, **DEAR) > HEAVY  # it settles on the frames before
    assert of(8, denoise=True) > of(8) + HEAVY
    short = SpectrogramSettings().for_sample_rate(32_000)
    assert work.of_floor(short, 10 * 32_000, 16_384) < HEAVY / 10  # of a clip of ten seconds
    assert job(long, 8, has=True, denoise=True).work == of(8)  # its floor is kept already
    assert of(7, **DEAR) == pytest.approx(2 * of(6, **DEAR), rel=0.2)


def test_what_people_look_at_is_drawn_and_its_near_pictures_wait_for_none(long: Path) -> None:
    for settings in ({}, {"scale": "pcen"}, {"height_px": 640}, {"height_px": 1000, "scale": "pcen"}):
        for level in range(LEVELS):
            assert job(long, level, **settings).work <= work.MOST_WORK
    assert all(job(long, level).work < HEAVY for level in range(9))
    assert all(job(long, level, scale="pcen").work < HEAVY for level in range(7))
    assert all(job(long, level, height_px=640).work < HEAVY for level in range(8))


def test_rows_take_no_more_memory_than_transforms() -> None:
    settings = SpectrogramSettings(**DEAR).for_sample_rate(32_000)
    wave = np.zeros(64_000, np.float32)
    frames = Frames(lambda start, stop: wave[start:stop], len(wave), 32_000, settings, 16)
    tracemalloc.start()
    frames.maxima(0, np.arange(4000) // 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6
