import math
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from labeling.errors import AudioError, ConfigError
from labeling.records import Clip, FrameGrid
from labeling.sound.decoding import read_window
from models.inputs.clips import AudioStore
from models.inputs.features import FrontEnd
from models.networks.catalogue import build_network
from models.networks.heads import Network, Output, frame_grid
from models.prediction import soundscape
from models.prediction.soundscape import NetworkPredictor, Recording, predict_recording, segment_count, stream
from models.prediction.thresholds import DecisionRule
from models.prediction.windows import Predictor, n_output_frames, predict_clips
from tests.support.training.tiny import RATE, tiny_recipe

CLASSES = ("low", "middle", "high")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """13.07 s of noise with a tone of 1000 Hz from 3 to 4 s and from 9.5 to 11.2 s."""
    rng = np.random.default_rng(0)
    t = np.arange(round(13.07 * RATE)) / RATE
    wave = 0.003 * rng.standard_normal(len(t))
    wave += 0.3 * np.sin(2 * np.pi * 1000 * t) * (((t >= 3) & (t < 4)) | ((t >= 9.5) & (t < 11.2)))
    path = tmp_path_factory.mktemp("sound") / "long one.wav"
    soundfile.write(path, wave, RATE, subtype="FLOAT")
    return str(path)


class Tone(Network):
    """Class 1 is there where the bands about 1000 Hz are loud; class 0 never; class 2 always. 4 input frames each."""

    def forward(self, planes):
        level = planes[:, 0, 4:9].amax(1).unfold(1, 4, 4).mean(-1)
        frames = torch.stack([level * 0 - 4, (level + 2) / 2, level * 0 + 4], dim=-1)
        return Output(frames.amax(1), frames)


def predictor_of(recipe, network=None, grid=None):
    torch.manual_seed(0)
    network = network or build_network(recipe, 3).eval()
    grid = grid or frame_grid(network, recipe.features)
    return Predictor(network, FrontEnd(recipe.features), recipe.predict, grid, 128 / RATE, "float32", 3)


def as_a_clip(recipe, path):
    """What predict_clips says of the file when it is read from disk as a clip."""
    info = soundfile.info(path)
    clip = Clip(1, "x", path, info.duration, info.samplerate, 1)
    store = AudioStore([clip], replace(recipe.features, precompute=False), replace(recipe.data, memory_gb=0))
    store.load(lambda done, total: None, lambda: False)
    one = predictor_of(recipe)
    clipwise, frames = predict_clips(
        one.networks, one.front_end, store, [0], recipe.predict, one.grid, "float32", seed=3
    )
    return clipwise[0], frames[0]


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("window_s=0.6", "overlap=0.0"),
        ("window_s=0.6", "context_s=0.5"),
        ("window_s=0.9", "tta_views=3", "tta=['shift','spec_augment']"),
        ("window_s=20", "data.pad=zeros"),
        ("window_s=20",),
    ],
)
@pytest.mark.parametrize("block_s", [1.5, 300.0])
def test_a_stream_gives_the_frames_of_the_whole_clip(recording, monkeypatch, settings, block_s):
    """However the file is cut into blocks for reading, windows, frames and their averages are those of a clip."""
    monkeypatch.setattr(soundscape, "BLOCK_S", block_s)
    recipe = tiny_recipe(*settings)
    clipwise, frames = as_a_clip(recipe, recording)
    parts = list(stream(Recording(recording, recipe.features, recipe.data.pad), predictor_of(recipe)))
    assert [part.first for part in parts] == np.cumsum([0, *(len(part.frame) for part in parts[:-1])]).tolist()
    np.testing.assert_allclose(np.concatenate([part.frame for part in parts]), frames, atol=2e-5)
    np.testing.assert_allclose(np.concatenate([part.clip for part in parts]).max(0), clipwise, atol=2e-5)
    assert (len(parts) > 3) == (block_s < 2 and "window_s=20" not in settings)


@pytest.mark.parametrize("rate", [11025, 8000, 12000, 22051])
def test_blocks_of_another_sample_rate_join_without_a_seam(tmp_path, rate):
    """Wherever it begins, a block holds the samples of the whole file resampled at once."""
    path = str(tmp_path / "x.wav")
    soundfile.write(path, 0.1 * np.random.default_rng(1).standard_normal(rate * 4), rate, subtype="FLOAT")
    whole, _ = read_window(path, sample_rate=RATE)
    recording = Recording(path, tiny_recipe().features, "repeat")
    for first, last in ((0, 50), (37, 90), (101, 102), (111, 240)):
        block = recording.read(first, last)
        assert len(block.samples) == (last - first) * 128
        np.testing.assert_allclose(block.samples, whole[first * 128 : last * 128], atol=1e-4)


def predict(path, recipe, rule, **more):
    one = predictor_of(recipe, Tone(), FrameGrid(0.0, 0.064, 0.064))
    return predict_recording(path, NetworkPredictor(one, recipe), CLASSES, rule, **more)


def test_segments_and_events_lie_where_the_sound_is(recording, monkeypatch):
    monkeypatch.setattr(soundscape, "BLOCK_S", 2.0)
    recipe = tiny_recipe("standardize=none", "window_s=0.8")
    told = []
    result = predict(recording, recipe, DecisionRule(np.full(3, 0.5)), segment_s=2.0, report=told.append)
    assert result.duration_s == pytest.approx(13.07)
    assert result.segments.shape == (7, 3)
    # 3..4 s lies in segment 1, 9.5..11.2 s in 4 and 5
    assert (result.segments[:, 1] > 0.5).tolist() == [False, True, False, False, True, True, False]
    np.testing.assert_allclose(result.segments[:, 2], 1 / (1 + math.exp(-4)), atol=1e-5)
    tones = [event for event in result.events if event.label == "middle"]
    assert [(event.onset_s, event.offset_s) for event in tones] == [
        (pytest.approx(3, abs=0.07), pytest.approx(4, abs=0.07)),
        (pytest.approx(9.5, abs=0.07), pytest.approx(11.2, abs=0.07)),
    ]
    assert tones[0].score == pytest.approx(result.segments[1, 1])
    always = [event for event in result.events if event.label == "high"]
    assert [(event.onset_s, event.offset_s) for event in always] == [(0.0, pytest.approx(13.07))]  # over all blocks
    assert not [event for event in result.events if event.label == "low"]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1, abs=0.01)


def test_only_the_chosen_classes_are_kept(recording):
    recipe = tiny_recipe("standardize=none", "window_s=0.8")
    every = predict(recording, recipe, DecisionRule(np.full(3, 0.5)))
    some = predict(recording, recipe, DecisionRule(np.array([0.5, 0.5])), columns=[2, 1])
    np.testing.assert_array_equal(some.segments, every.segments[:, [2, 1]])
    assert set(some.events) == set(every.events)


def test_a_rule_on_the_clip_looks_at_the_window_around_a_frame(recording):
    """Class 2 is 0.982 everywhere, class 1 only in windows with the tone: asked of the clip, class 1 is cut there."""
    recipe = tiny_recipe("standardize=none", "window_s=0.8", "overlap=0.0")
    rule = DecisionRule(np.zeros(3), np.full(3, 0.5))
    result = predict(recording, recipe, rule)
    tones = [event for event in result.events if event.label == "middle"]
    assert len(tones) == 2
    for event, (onset_s, offset_s) in zip(tones, [(3, 4), (9.5, 11.2)], strict=True):
        assert onset_s - 0.9 < event.onset_s <= onset_s + 0.07
        assert offset_s - 0.07 <= event.offset_s < offset_s + 0.9


def test_a_recording_that_breaks_off_is_predicted_up_to_there(recording, monkeypatch):
    read_window = soundscape.read_window

    def broken(path, onset_s, offset_s, **more):
        if onset_s > 8:
            raise AudioError("x.wav: no sound can be decoded from 8.00 s on")
        return read_window(path, onset_s, min(offset_s, 8.0), **more)

    monkeypatch.setattr(soundscape, "read_window", broken)
    monkeypatch.setattr(soundscape, "BLOCK_S", 2.0)
    recipe = tiny_recipe("standardize=none", "window_s=0.8")
    result = predict(recording, recipe, DecisionRule(np.full(3, 0.5)), segment_s=2.0)
    assert result.duration_s == pytest.approx(8, abs=0.02)
    assert len(result.segments) == 4
    assert re.fullmatch(r"the header says 13\.07 s; 8\.00 s of sound are there", result.note)
    assert max(event.offset_s for event in result.events) == pytest.approx(8, abs=0.02)

    monkeypatch.setattr(soundscape, "read_window", lambda *a, **k: (np.zeros(0, np.float32), RATE))
    with pytest.raises(AudioError, match="no sound can be decoded"):
        predict(recording, recipe, DecisionRule(np.full(3, 0.5)))


def test_a_recording_shorter_than_anything(tmp_path):
    recipe = tiny_recipe("standardize=none")
    soundfile.write(tmp_path / "s.wav", np.zeros(900), RATE)
    result = predict(str(tmp_path / "s.wav"), recipe, DecisionRule(np.full(3, 0.5)))
    assert result.segments.shape == (1, 3)
    soundfile.write(tmp_path / "t.wav", np.zeros(20), RATE)
    with pytest.raises(AudioError, match="at least"):
        predict(str(tmp_path / "t.wav"), recipe, DecisionRule(np.full(3, 0.5)))


def test_segments_are_no_shorter_than_frames():
    grid = FrameGrid(0.0, 0.5, 0.5)
    assert segment_count(60.0, 5.0, grid) == 12
    assert segment_count(60.4, 5.0, grid) == 12  # a rest under a frame
    assert segment_count(60.6, 5.0, grid) == 13
    assert segment_count(0.2, 5.0, grid) == 1
    with pytest.raises(ConfigError, match=r"give 0\.5 s or more"):
        segment_count(60.0, 0.4, grid)


def test_the_number_of_frames_is_that_of_a_clip(recording):
    recipe = tiny_recipe()
    one = predictor_of(recipe)
    total = sum(len(part.frame) for part in stream(Recording(recording, recipe.features, "repeat"), one))
    assert total == n_output_frames(13.07, one.grid)
