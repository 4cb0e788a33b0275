import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection import birdsong
from labeling.runs import landmarks
from labeling.runs.landmarks import HOP_S, WINDOW_S, find_copies, match_landmarks
from labeling.sound.decoding import resample
from tests.support.examples import examples
from tests.support.landmarks import RATE, clip, encoded


@pytest.fixture(scope="module")
def waves():
    return [clip(seed) for seed in range(12)]


@pytest.fixture(scope="module")
def marks(waves):
    return [landmarks.landmarks(wave, RATE) for wave in waves]


def test_a_chirp_of_known_time_and_pitch_is_a_landmark():
    wave = 1e-4 * np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    onset, hz = 1.5, 4000.0
    time = np.arange(int(0.05 * RATE)) / RATE
    wave[int(onset * RATE) : int(onset * RATE) + len(time)] += np.sin(2 * np.pi * hz * time).astype(np.float32)
    found = landmarks.landmarks(wave, RATE)
    centre = found[:, 0] * HOP_S + WINDOW_S / 2
    near = (np.abs(centre - onset - 0.025) < 2 * HOP_S) & (np.abs(found[:, 1] / WINDOW_S - hz) < 1 / WINDOW_S)
    assert near.sum() == 1


def test_landmarks_of_one_sound_are_the_same_at_another_rate_and_level(waves, marks):
    again = landmarks.landmarks(resample(0.01 * waves[0], RATE, 16_000), 16_000)
    copy = match_landmarks(marks[0], again, 0)
    assert copy is not None
    assert copy.share > 0.7
    assert copy.offset_s == 0


CHANGES = {
    "ogg": lambda wave: encoded(wave),
    "mp3": lambda wave: encoded(wave, "MP3", "MPEG_LAYER_III", 0.6),
    "quiet": lambda wave: 0.02 * wave,
    "equaliser": lambda wave: np.diff(wave, prepend=0).astype(np.float32),
    "later": lambda wave: np.concatenate([np.zeros(RATE + 333, np.float32), wave]),
    "cut": lambda wave: wave[int(2.345 * RATE) :],
    "middle": lambda wave: wave[int(1.511 * RATE) : int(6.5 * RATE)],
    "cut and ogg": lambda wave: encoded(0.3 * wave[int(1.111 * RATE) :]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(change, waves, marks):
    of = [1, 4, 9]
    copies = [landmarks.landmarks(CHANGES[change](waves[i]), RATE) for i in of]
    found = find_copies([*marks, *copies])
    assert [(one.a, one.b) for one in found] == [(i, 12 + k) for k, i in enumerate(of)]


def test_the_offset_says_where_the_cut_was(waves, marks):
    cut_s = 2.345
    (copy,) = find_copies([marks[3], landmarks.landmarks(waves[3][int(cut_s * RATE) :], RATE)])
    assert copy.offset_s == pytest.approx(cut_s, abs=2 * HOP_S)
    assert copy.overlap_s == pytest.approx(8 - cut_s, abs=1.0)


def test_two_parts_that_overlap_by_four_seconds(waves):
    parts = [waves[5][: 6 * RATE], waves[5][2 * RATE + 100 :]]
    (copy,) = find_copies([landmarks.landmarks(part, RATE) for part in parts])
    assert copy.offset_s == pytest.approx(2.0, abs=2 * HOP_S)


def test_clips_one_after_the_other_share_nothing(waves):
    parts = [waves[5][: 4 * RATE], waves[5][4 * RATE :]]
    assert find_copies([landmarks.landmarks(part, RATE) for part in parts]) == []


def test_one_song_in_two_places_is_no_copy():
    rng = np.random.default_rng(3)
    song = birdsong.SPECIES[0].sing(rng, birdsong.individual(rng))
    pair = []
    for seed, at in ((1, 1.0), (2, 1.0)):
        wave = birdsong.background(np.random.default_rng(seed), 8 * RATE, birdsong.RECORDISTS[seed])
        wave[int(at * RATE) : int(at * RATE) + len(song)] += 0.1 * song
        pair.append(landmarks.landmarks(wave.astype(np.float32), RATE))
    assert find_copies(pair) == []


def test_noise_alone_is_told_apart():
    rng = np.random.default_rng(0)
    noises = [0.1 * rng.standard_normal(6 * RATE).astype(np.float32) for _ in range(6)]
    marks = [landmarks.landmarks(wave, RATE) for wave in (*noises, 3 * noises[2])]
    assert [(one.a, one.b) for one in find_copies(marks)] == [(2, 6)]


@pytest.mark.parametrize("wave", [np.zeros(5 * RATE), np.full(5 * RATE, 0.5), np.zeros(10), np.zeros(0)])
def test_silence_and_scraps_have_no_landmarks(wave):
    assert landmarks.landmarks(wave.astype(np.float32), RATE).shape == (0, 2)


def test_silence_in_half_of_the_bands_gives_no_plateau_of_landmarks(waves):
    """A codec's low-pass leaves digital silence above: nothing stands out there."""
    spectrum = np.fft.rfft(waves[0])
    spectrum[len(spectrum) // 4 :] = 0
    found = landmarks.landmarks(np.fft.irfft(spectrum).astype(np.float32), RATE)
    assert len(found) < 25 * 8


def test_nothing_to_compare():
    none = np.zeros((0, 2), np.int32)
    assert find_copies([]) == find_copies([None, none]) == find_copies([none, None, none]) == []
    assert match_landmarks(none, none, 0) is None


def test_blocks_of_a_long_recording_join_without_a_seam(monkeypatch, waves, marks):
    monkeypatch.setattr(landmarks, "BLOCK_S", 2.0)
    parts = landmarks.landmarks(waves[0], RATE)
    copy = match_landmarks(marks[0], parts, 0)
    assert copy is not None
    assert copy.share > 0.6


def test_parts_of_the_keys_find_the_same(monkeypatch, marks):
    every = [*marks, *(np.add(one, [40, 0]) for one in marks[:4])]
    whole = find_copies(every)
    monkeypatch.setattr(landmarks, "AT_ONCE", 100)
    assert find_copies(every) == whole
    assert [(one.a, one.b, one.offset_s) for one in whole] == [(i, 12 + i, -40 * HOP_S) for i in range(4)]


def test_the_commonest_keys_are_passed_over_first():
    size = np.array([2, 2, 2, 10, 100])  # pairs: 1, 1, 1, 45, 4950
    assert landmarks._most_clips(size, 2) == 1
    assert landmarks._most_clips(size, 3) == 2
    assert landmarks._most_clips(size, 48) == 10
    assert landmarks._most_clips(size, 4998) == 100


@examples(10)
@given(st.integers(0, 1000), st.integers(-200, 200))
def test_kappa_by_hand(seed, offset):
    """A copy of which each third landmark was moved far away agrees in the other two thirds."""
    rng = np.random.default_rng(seed)
    one = np.column_stack([np.arange(60) * 20, rng.integers(20, 500, 60)]).astype(np.int32)
    other = one.copy()
    other[1::3, 1] += 500  # no pitch of the first is there
    other[:, 0] -= offset
    copy = match_landmarks(one, other, offset)
    assert copy is not None
    assert copy.offset_s == pytest.approx(offset * HOP_S)
    assert copy.share == pytest.approx(40 / 60, abs=0.02)
