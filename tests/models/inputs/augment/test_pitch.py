import librosa
import numpy as np
import pytest
import torch

from models.config import AugmentConfig
from models.config.augment import Pitch
from models.inputs import augment
from models.inputs.augment import Batch
from models.inputs.augment.pitch import OVERLAP, hop_and_reach, is_smooth, pitch_shift

RATE = 16000


def sines(*hz, seconds=2.0, rate=RATE):
    t = np.arange(int(seconds * rate)) / rate
    return torch.tensor(np.stack([0.5 * np.sin(2 * np.pi * one * t) for one in hz]), dtype=torch.float32)


def frequency_of(sound, rate=RATE):
    """The highest peak of the spectrum, in Hz, of the middle of a sound."""
    middle = sound[len(sound) // 4 : -len(sound) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 16 * len(middle)))
    return spectrum.argmax() * rate / (16 * len(middle))


def level_db(sound):
    return 20 * np.log10(np.std(np.asarray(sound)[RATE // 4 : -RATE // 4]))


@pytest.mark.parametrize("semitones", [-12, -3, -1, 1, 2, 7, 12, 0.37, -4.6])
def test_a_sine_comes_out_higher_or_lower_by_that_much_as_loud_and_as_long(semitones):
    sounds = sines(440.0, 1500.0)
    shifted = pitch_shift(sounds, semitones, RATE)
    assert shifted.shape == sounds.shape
    for hz, one in zip((440.0, 1500.0), shifted.numpy(), strict=True):
        cents = 1200 * np.log2(frequency_of(one) / (hz * 2 ** (semitones / 12)))
        assert abs(cents) < 2.5
        assert level_db(one) == pytest.approx(level_db(sounds[0]), abs=0.2)
        assert np.abs(one[RATE // 8 : -RATE // 8]).max() == pytest.approx(0.5, abs=0.02)  # no beating


@pytest.mark.parametrize("semitones", [-3, 2])
def test_it_sounds_as_librosas_does(semitones):
    """Three partials and noise: band by band the level of librosa's own phase vocoder, which loses some dB of noise."""
    rng = np.random.default_rng(0)
    sound = sines(300.0, 900.0, 2100.0).mean(0).numpy() + 0.003 * rng.standard_normal(2 * RATE).astype(np.float32)
    mine = pitch_shift(torch.from_numpy(sound)[None], semitones, RATE)[0].numpy()
    theirs = librosa.effects.pitch_shift(sound, sr=RATE, n_steps=semitones)

    def bands_db(one):
        mel = librosa.feature.melspectrogram(y=one, sr=RATE, n_mels=40, fmax=5000)
        return 10 * np.log10(mel[:, 10:-10].mean(1))

    tonal = bands_db(mine) > bands_db(mine).max() - 15
    assert tonal.sum() >= 3
    np.testing.assert_allclose(bands_db(mine)[tonal], bands_db(theirs)[tonal], atol=1.5)


def test_noise_keeps_its_level():
    noise = 0.1 * torch.randn(1, 2 * RATE, generator=torch.Generator().manual_seed(0))
    for semitones in (-5, -1):  # upwards, what passes half the sample rate is lost
        assert level_db(pitch_shift(noise, semitones, RATE)[0]) == pytest.approx(level_db(noise[0]), abs=1.5)


def test_time_stays():
    """Two bursts keep their places."""
    sound = torch.zeros(1, 2 * RATE)
    burst = sines(1000.0, seconds=0.1)[0] * torch.hann_window(RATE // 10)
    for second in (0.5, 1.5):
        sound[0, int(second * RATE) :][: len(burst)] += burst
    shifted = pitch_shift(sound, 4, RATE)[0].numpy() ** 2
    for second in (0.5, 1.5):
        stretch = shifted[int((second - 0.3) * RATE) : int((second + 0.4) * RATE)]
        centre_s = (np.arange(len(stretch)) * stretch).sum() / stretch.sum() / RATE + second - 0.3
        assert centre_s == pytest.approx(second + 0.05, abs=0.01)


def test_what_passes_half_the_sample_rate_is_lost_and_does_not_fold_back():
    shifted = pitch_shift(sines(7000.0), 12, RATE)[0]
    assert level_db(shifted) < level_db(sines(7000.0)[0]) - 60


def test_silence_stays_silence_and_short_sounds_do():
    assert (pitch_shift(torch.zeros(1, RATE), 3, RATE) == 0).all()
    short = pitch_shift(torch.randn(1, 10), -3, RATE)
    assert short.shape == (1, 10)
    assert torch.isfinite(short).all()


def test_sound_after_silence_is_as_loud():
    sound = sines(1000.0)
    sound[:, :RATE] = 0
    shifted = pitch_shift(sound, -3, RATE)[0].numpy()
    assert 20 * np.log10(shifted[int(1.3 * RATE) : int(1.8 * RATE)].std() * np.sqrt(8)) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("rate", [8000, 22050, 32000, 48000])
def test_frames_fit_the_shift_within_three_cents_and_their_fft_is_quick(rate):
    for semitones in [*range(-12, 13), *np.random.default_rng(0).uniform(-24, 24, 60)]:
        hop, reach = hop_and_reach(float(semitones), rate)
        assert abs(1200 * np.log2(reach / hop) - 100 * semitones) < 3
        assert 0.04 < OVERLAP * hop / rate < 0.1
        assert is_smooth(hop)
    assert not is_smooth(17 * 4)


def draw(setting, size=200):
    config = AugmentConfig(pitch=setting)
    return config, augment.draw(np.random.default_rng(0), config, Batch(size, 8, 10, RATE, RATE, 0.01))


def test_semitones_are_whole_where_asked():
    _, drawn = draw(Pitch(1.0, semitones=(-3.0, 2.0)))
    assert set(drawn.values["pitch"]["semitones"]) == {-3, -2, -1, 0, 1, 2}
    _, drawn = draw(Pitch(1.0, semitones=(-3.0, 2.0), whole=False))
    semitones = drawn.values["pitch"]["semitones"]
    assert len(set(semitones)) == 200
    assert -3 <= semitones.min() < -2.8
    assert 1.8 < semitones.max() <= 2


def test_each_chunk_of_a_batch_gets_its_own_shift():
    config, drawn = draw(Pitch(0.6, semitones=(-2.0, 2.0)), size=12)
    sounds = sines(*[500.0] * 12, seconds=1.0)
    shifted = augment.apply_to_samples(sounds, drawn, config)
    wanted = np.zeros(12)
    wanted[drawn.values["pitch"]["rows"]] = drawn.values["pitch"]["semitones"]
    assert len(set(wanted)) > 2
    for semitones, before, after in zip(wanted, sounds, shifted, strict=True):
        assert frequency_of(after.numpy()) == pytest.approx(500 * 2 ** (semitones / 12), rel=2e-3)
        assert (semitones == 0) == torch.equal(before, after)
