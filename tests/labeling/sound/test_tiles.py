"""Tiles of files: what is drawn lies at its time and frequency at every zoom, and neighbours and zooms agree."""

import gzip
import json
import math
import re
from itertools import pairwise

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import AudioError, ConfigError
from labeling.sound.decoding import AudioInfo, read_window
from labeling.sound.frequency import AXES, from_axis, row_edges, to_axis
from labeling.sound.spectrogram import SpectrogramSettings
from labeling.sound.tiles import (
    LEVELS,
    NARROWEST,
    STEPS_A_SECOND,
    WIDEST,
    Source,
    contrast,
    hop_at,
    parts,
    place,
    tile,
    tile_count,
)
from tests.support import ROOT

RATE = 32_000
SCRIPT = ROOT / "pages" / "ui" / "player" / "picture" / "settings.js"


def built_in_presets() -> dict[str, SpectrogramSettings]:
    """What the player offers under "presets"; the script has the one list of them."""
    text = re.findall(r"BUILT_IN_PRESETS = (\[.*?\n\]);", SCRIPT.read_text(), re.DOTALL)[0]
    presets = json.loads(re.sub(r",(\s*\])", r"\1", re.sub(r"(\w+):", r'"\1":', text)))
    return {one["name"]: SpectrogramSettings(**one["picture"]) for one in presets}


PRESETS = built_in_presets()


class Kept(dict):
    """A cache in memory."""

    def __call__(self, name, make):
        if name not in self:
            self[name] = make()
        return self[name]


def source(path, tag="") -> Source:
    return Source(str(path), tag or str(path), Kept())


def drawn(of: Source, level: int, index: int = 0, **settings) -> tuple[np.ndarray, dict]:
    """Levels (rows, columns), lowest row first, and the facts."""
    wanted = settings.pop("settings", None) or SpectrogramSettings(**settings)
    facts, body = parts(of.keep(job.name, job.make) if (job := tile(of, wanted, level, index)) else b"")
    known = json.loads(facts)
    levels = np.frombuffer(gzip.decompress(body), np.uint8).reshape(known["rows"], known["columns"])
    return levels[::-1], known


def whole(of: Source, level: int, **settings) -> tuple[np.ndarray, dict]:
    """All tiles of a level side by side; the facts are the first's."""
    pieces = [drawn(of, level, index, **settings) for index in range(tile_count(of.sound, level))]
    assert [facts["onset_s"] for _, facts in pieces] == [
        pytest.approx(index * 1024 * facts["step_s"]) for index, (_, facts) in enumerate(pieces)
    ]
    return np.concatenate([levels for levels, _ in pieces], axis=1), pieces[0][1]


def write(path, samples, rate=RATE, **more):
    soundfile.write(path, samples, rate, **({"subtype": "FLOAT"} | more))
    return source(path)


def noise(seconds: float, rate: int = RATE, level: float = 0.1) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(round(seconds * rate)) * level).astype(np.float32)


def tone(hz: float, seconds: float, onset_s: float, offset_s: float, rate: int = RATE) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * t) * ((t >= onset_s) & (t < offset_s))).astype(np.float32)


CLICKS_S = (0.0113, 7.3, 32.7678, 59.98)


@pytest.fixture(scope="module")
def clicks(tmp_path_factory) -> Source:
    """60 s of faint noise with clicks of 1 ms: a burst at 5 kHz."""
    samples = noise(60.0, level=1e-5)
    burst = np.sin(2 * np.pi * 5000 * np.arange(RATE // 1000) / RATE).astype(np.float32)
    for onset_s in CLICKS_S:
        samples[round(onset_s * RATE) :][: len(burst)] += burst
    return write(tmp_path_factory.mktemp("clicks") / "clicks.wav", samples)


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize(("scale", "axis"), [*(("db", axis) for axis in AXES), ("pcen", "mel")])
def test_a_click_of_1_ms_is_at_its_column_and_band_at_every_zoom(clicks, level, axis, scale):
    settings = SpectrogramSettings(axis=axis, scale=scale)
    step_s = 2**level / STEPS_A_SECOND
    half_s = 1024 / RATE / 2  # a window sees that far
    for onset_s in CLICKS_S:
        column = int((onset_s + 0.0005) / step_s)
        levels, facts = drawn(clicks, level, column // 1024, settings=settings)
        sums = levels.astype(int).sum(axis=0)
        at = column % 1024
        near = sums[max(0, at - math.ceil(half_s / step_s)) : at + math.ceil(half_s / step_s) + 1]
        # the brightest stretch is around it; PCEN is brightest where the window first meets the click
        assert sums[at] >= (0.85 if scale == "db" else 0.6) * near.max()
        assert sums[at] > 1.5 * np.median(sums) or step_s > 0.5
        loud = levels[:, at] >= levels[:, at].max() - 1
        edges = row_edges(axis, facts["bottom_hz"], facts["top_hz"], facts["rows"])
        assert loud[(edges[1:] > 4200) & (edges[:-1] < 5800)].any()


@pytest.mark.parametrize("rate", [22_050, 32_000, 250_000, 500_000])
def test_presets_fit_what_they_are_for(rate):
    assert len(PRESETS) >= 4
    for settings in PRESETS.values():
        assert settings.low_hz < settings.for_sample_rate(rate).high_hz <= min(rate / 2, 250_000)
    bats = next(settings for name, settings in PRESETS.items() if name.startswith("Bats"))
    assert bats.for_sample_rate(500_000).high_hz == 250_000
    assert PRESETS["Low callers"].low_hz <= 10


@pytest.mark.parametrize("name", PRESETS)
def test_a_click_is_there_in_every_preset(clicks, name):
    for level in (2, 6, 9, 11):
        levels, facts = drawn(clicks, level, 0, settings=PRESETS[name])
        onset_s = CLICKS_S[0] if level < 6 else CLICKS_S[1]
        at = int((onset_s + 0.0005) / facts["step_s"])
        window_s = (PRESETS[name].n_fft or 1024) / RATE
        near = levels.max(axis=0)[max(0, at - math.ceil(window_s / facts["step_s"])) : at + 2]
        assert levels[:, at].max() >= 0.85 * near.max()
        assert levels[:, at].max() > 20


@pytest.mark.parametrize(
    "settings",
    [SpectrogramSettings(axis=axis, scale=scale) for axis in AXES for scale in ("db", "pcen")]
    + [SpectrogramSettings(denoise=True), *PRESETS.values()],
    ids=str,
)
def test_a_tone_from_2_to_3_s_is_drawn_there(tmp_path, settings):
    hz = 4000 if settings.low_hz < 4000 < settings.high_hz else math.sqrt(settings.low_hz * min(settings.high_hz, 16e3))
    of = write(tmp_path / "tone.wav", tone(hz, 6.0, 2.0, 3.0) + noise(6.0, level=1e-5))
    window_s = (settings.for_sample_rate(RATE).n_fft or 0) / RATE
    for level in (3, 5, 7):
        levels, facts = whole(of, level, settings=settings)
        middle = round(2.05 / facts["step_s"])
        row = int(np.argmax(levels[:, middle]))
        axis = facts["axis"]
        low, high = to_axis(facts["bottom_hz"], axis), to_axis(facts["top_hz"], axis)
        row_hz = [from_axis(low + (row + k) / facts["rows"] * (high - low), axis) for k in (0, 1)]
        bin_hz = 1 / window_s
        assert row_hz[0] - bin_hz <= hz <= row_hz[1] + bin_hz
        shown = np.flatnonzero(levels[row] > levels[row].max() * (0.85 if settings.scale == "db" else 0.2))
        assert shown[0] * facts["step_s"] == pytest.approx(2.0, abs=window_s / 2 + facts["step_s"])
        if settings.scale == "db":
            assert (shown[-1] + 1) * facts["step_s"] == pytest.approx(3.0, abs=window_s / 2 + facts["step_s"])
            assert levels[row].max() == pytest.approx(255 * (1 - 6.02 / 120), abs=4)  # an amplitude of a half


@pytest.mark.parametrize("rate", [32_000, 44_100])
@pytest.mark.parametrize("level", [4, 6, 8])
def test_columns_are_the_maxima_of_librosas_frames(tmp_path, rate, level):
    samples = noise(5.0, rate)
    levels, facts = whole(write(tmp_path / "a.wav", samples, rate), level, n_fft=1024, axis="linear", height_px=64)
    stft = np.abs(librosa.stft(samples, n_fft=1024, hop_length=256, pad_mode="constant")) / 256
    hz, edges = librosa.fft_frequencies(sr=rate, n_fft=1024), row_edges("linear", 60, 16_000, 64)
    edges[-1] += 1e-6
    times = np.arange(math.ceil(len(samples) / 256)) * 256 / rate  # librosa's last frame is centred on the end
    stft = stft[:, : len(times)]
    step_s = 2**level / 2000
    for column in range(levels.shape[1]):
        inside = (times >= column * step_s - 1e-9) & (times < (column + 1) * step_s - 1e-9)
        for row in range(0, 64, 7):
            loudest = stft[(hz >= edges[row]) & (hz < edges[row + 1])][:, inside].max()
            expected = np.clip((20 * np.log10(loudest) + 120) / 120 * 255, 0, 255)
            assert abs(levels[row, column] - expected) <= 0.51
    assert facts["columns"] == min(1024, math.ceil(5.0 / step_s))


@pytest.mark.parametrize("settings", [{}, {"scale": "pcen"}, {"hop_length": 64}, {"n_fft": 4096}], ids=str)
@pytest.mark.parametrize("level", [2, 6])
def test_neighbours_agree_with_a_tile_over_their_edge(tmp_path, settings, level):
    """The same sound, cut so that another tile covers the edge, is drawn the same."""
    step_s = 2**level / STEPS_A_SECOND
    seconds = 2.5 * 1024 * step_s + 16
    samples = noise(seconds) * np.repeat(np.geomspace(0.01, 1, 100), seconds * RATE / 100 + 1)[: round(seconds * RATE)]
    of = write(tmp_path / "a.wav", samples.astype(np.float32))
    edge = 1024 * (1 + int(8 / 1024 / step_s))  # after PCEN has settled
    shift = 512  # half a tile later, at the same frames
    other = write(tmp_path / "b.wav", samples[round(shift * step_s * RATE) :])
    left, right = (drawn(of, level, edge // 1024 - 1 + k, **settings)[0] for k in (0, 1))
    moved = drawn(other, level, edge // 1024 - 1, **settings)[0][:, 512 - 20 : 512 + 20]
    here = np.concatenate([left[:, -20:], right[:, :20]], axis=1)
    assert np.abs(here.astype(int) - moved).max() <= (2 if "scale" in settings else 0)


@pytest.mark.parametrize(
    ("settings", "rate"),
    [({}, 44_100), ({}, 32_000), ({"scale": "pcen"}, 32_000), ({"denoise": True}, 32_000), ({"axis": "log"}, 32_000)],
    ids=str,
)
def test_a_coarse_level_is_the_maximum_of_the_finer(tmp_path, settings, rate):
    of = write(tmp_path / "a.wav", noise(40.0, rate) * np.repeat(np.geomspace(0.001, 1, 40), rate), rate)
    chosen = SpectrogramSettings(**settings).for_sample_rate(rate)
    finer, _ = whole(of, 3, **settings)
    for level in range(4, LEVELS):
        levels, _ = whole(of, level, **settings)
        parents = np.maximum.reduceat(finer, np.arange(0, finer.shape[1], 2), axis=1)
        assert levels.shape == parents.shape
        away = levels.astype(int) - parents
        if hop_at(chosen, rate, level) == hop_at(chosen, rate, level - 1):
            assert np.abs(away).max() <= (2 if "scale" in settings else 0)
        elif "scale" not in settings:
            assert away.max() <= 0  # its frames are some of the finer level's
            assert np.median(away) >= -2
        finer = levels
    assert hop_at(chosen, rate, 6) == hop_at(chosen, rate, 9)


def test_denoising_lowers_steady_noise_and_keeps_the_call(tmp_path):
    samples = noise(20.0, level=0.01) + tone(4000, 20.0, 5.0, 5.2)
    of = write(tmp_path / "a.wav", samples)
    for level in (4, 7, 11):
        plain, facts = whole(of, level)
        clean, _ = whole(of, level, denoise=True)
        call = int(5.1 / facts["step_s"])
        row = np.argmax(plain[:, call])
        assert clean[row, call] == plain[row, call]
        apart = np.median(plain[:, -5:].astype(int) - clean[:, -5:])
        assert apart * 120 / 255 > (20 if level < 7 else 9)


def test_neighbours_are_denoised_by_the_same_floor(tmp_path):
    of = write(tmp_path / "a.wav", noise(40.0) * np.repeat([0.001, 0.1], 20 * RATE))  # each half alone has another
    plain, _ = whole(of, 5)
    clean, _ = whole(of, 5, denoise=True)
    for row in range(0, 160, 20):
        turned = [
            dict(zip(plain[row, part], clean[row, part], strict=True)) for part in (slice(0, 1024), slice(1024, None))
        ]
        for level in set(turned[0]) & set(turned[1]):
            assert abs(int(turned[0][level]) - int(turned[1][level])) <= 3  # one level before is three after


@given(
    level=st.integers(0, 9),
    rate=st.sampled_from([50, 8000, 22_050, 32_000, 44_100, 96_000, 250_000]),
    seconds=st.floats(0.01, 4000),
    n_fft=st.sampled_from([None, 64, 1000, 1024, 16_384]),
    hop_length=st.sampled_from([None, 1, 7, 32]),
)
def test_frames_join_across_tiles_and_see_every_sample(level, rate, seconds, n_fft, hop_length):
    frames = max(1, int(seconds * rate))
    sound = AudioInfo(frames / rate, rate, 1, frames, "WAV", "PCM_16")
    settings = SpectrogramSettings(n_fft=n_fft, hop_length=hop_length, low_hz=1).for_sample_rate(rate)
    hop = hop_at(settings, rate, level)
    assert 1 <= hop <= settings.n_fft // 2
    assert hop <= max(1, rate * 2**level / STEPS_A_SECOND)
    count = tile_count(sound, level)
    tiles = [place(sound, level, index) for index in range(max(0, count - 3), count)]
    for before, after in pairwise(tiles):
        assert before.starts(rate, hop)[-1] == after.starts(rate, hop)[0]
        assert before.first + before.columns == after.first
    last = tiles[-1]
    assert (last.first + last.columns - 1) * last.step_s <= sound.duration_s + 1e-9
    assert (last.first + last.columns) * last.step_s >= sound.duration_s - 1e-9
    work = last.starts(rate, hop)[-1] - last.starts(rate, hop)[0]
    assert work <= max(65 * 1024, 4 * 1024 * last.step_s * rate / settings.n_fft * 4)


@pytest.mark.parametrize("count", [1, 2, 17, 320, 5000])
@pytest.mark.parametrize("rate", [1000, 32_000])
def test_short_sounds_and_low_rates_draw(tmp_path, count, rate):
    of = write(tmp_path / "a.wav", noise(6.0)[:count], rate)
    for level in (0, 1, 5, 11):
        levels, _ = whole(of, level, low_hz=10)
        assert levels.shape == (160, math.ceil(count / rate * 2000 / 2**level))
        assert levels.max() > 20


def test_only_the_bytes_of_a_tile_are_decoded_a_few_seconds_at_a_time(tmp_path, monkeypatch):
    windows = []

    def spy(path, onset_s, offset_s, **how):
        windows.append((onset_s, offset_s))
        return read_window(path, onset_s, offset_s, **how)

    monkeypatch.setattr("labeling.sound.whole.read_window", spy)
    of = write(tmp_path / "a.wav", noise(200.0, level=0.01), subtype="PCM_16")
    drawn(of, 4, 20)
    assert windows == [(pytest.approx(20 * 8.192, abs=0.02), pytest.approx(21 * 8.192, abs=0.04))]
    windows.clear()
    drawn(of, 9, 0, denoise=True)
    assert max(offset_s - onset_s for onset_s, offset_s in windows) < 34
    assert len(windows) <= 16


def test_what_a_sound_does_not_have_gives_a_message(tmp_path):
    of = write(tmp_path / "a.wav", noise(3.0))
    for level, index, message in (
        (12, 0, "level 12 must be 0 to 11"),
        (3, 1, "index 1 must be 0 to 0 at level 3: the sound has 3.00 s"),
        (0, 6, "index 6 must be 0 to 5 at level 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            tile(of, SpectrogramSettings(), level, index)


def test_broken_files_say_why_and_cut_ones_are_drawn_as_far_as_they_go(tmp_path):
    (tmp_path / "junk.wav").write_bytes(b"RIFF0000WAVEjunk")
    with pytest.raises(AudioError, match="junk"):
        tile(source(tmp_path / "junk.wav"), SpectrogramSettings(), 5, 0)
    with pytest.raises(AudioError, match="no such file"):
        tile(source(tmp_path / "gone.wav"), SpectrogramSettings(), 5, 0)
    for name in ("a.flac", "a.wav"):
        soundfile.write(tmp_path / name, noise(20.0), RATE, subtype="PCM_16")
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        levels, facts = whole(source(tmp_path / name), 5)
        assert levels.shape[1] * facts["step_s"] == pytest.approx(10.0, abs=0.3)
        assert (levels.max(axis=0) > 100).all()


@given(st.lists(st.integers(0, 255), min_size=1, max_size=300))
def test_the_contrast_lies_within_the_range(values):
    floor, ceiling = contrast(np.array(values, np.uint8).reshape(1, -1))
    assert 0 <= floor < ceiling <= 255
    assert NARROWEST <= ceiling - floor <= WIDEST
