import dataclasses

import numpy as np
import pytest
import soundfile
import torch
from tiny_training import RATE, tiny_collection, tiny_recipe

from models.data import AudioStore, Chunks, Stopped, prefetch, training_chunks

HOP = 128
KINDS = {"mel": ("precompute=true",), "samples": ("precompute=false",), "disk": ("precompute=false", "memory_gb=0")}


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return tiny_collection(tmp_path_factory.mktemp("audio"))


def load(collection, *settings):
    recipe = tiny_recipe(*settings)
    store = AudioStore(collection[0], recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    return store


@pytest.fixture(scope="module", params=list(KINDS))
def store(request, collection):
    made = load(collection, *KINDS[request.param])
    assert made.kind == request.param
    return made


def chunk(rows, starts, n_frames):
    return Chunks(np.array(rows), np.array(starts), n_frames)


def test_lengths(store, collection):
    for row, clip in enumerate(collection[0]):
        assert store.duration_s[row] == pytest.approx(clip.duration_s)
        assert store.n_frames[row] == int(clip.duration_s * RATE) // HOP
    assert store.skipped == {}


def test_a_chunk_is_the_stretch_asked_for(store, collection):
    wave, _ = soundfile.read(collection[0][5].path, dtype="float32")
    raw, readable = store.batch(chunk([5, 5], [0, 20], 40))
    assert readable.all()
    if store.kind == "mel":
        whole = store.front_end.db(store.front_end.power(torch.from_numpy(wave)[None]))[0]
        expected = [whole[:, :40], whole[:, 20:60]]
        tolerance = 0.04  # half precision keeps dB to 1/32 between 32 and 64
    else:
        expected = [torch.from_numpy(wave[: 40 * HOP]), torch.from_numpy(wave[20 * HOP : 60 * HOP])]
        tolerance = 2e-5
    for got, wanted in zip(raw, expected, strict=True):
        torch.testing.assert_close(got.float(), wanted, atol=tolerance, rtol=0)


def test_power_is_the_same_however_it_is_kept(collection):
    rows = chunk([0, 3], [5, 7], 40)
    powers = []
    for settings in KINDS.values():
        store = load(collection, *settings)
        powers.append(store.power(store.batch(rows)[0], store.front_end))
    for power in powers:
        assert power.shape == (2, 16, 40)
        # The edges differ: a chunk cut from samples does not know its neighbours.
        ratio_db = 10 * torch.log10(power[..., 2:-2] / powers[0][..., 2:-2])
        assert ratio_db.abs().max() < 0.1


def test_a_short_clip_is_repeated(store):
    length = int(store.n_frames[0])
    raw, _ = store.batch(chunk([0], [10], 2 * length))
    unit = 1 if store.kind == "mel" else HOP
    once = raw[..., : length * unit]
    assert torch.equal(raw[..., length * unit :], once)
    start, _ = store.batch(chunk([0], [0], 2 * length))
    assert torch.equal(start.roll(-10 * unit, -1), raw)


def test_a_short_clip_between_zeros(store):
    before, store.data = store.data, dataclasses.replace(store.data, pad="zeros")
    try:
        length = int(store.n_frames[0])
        raw, _ = store.batch(chunk([0], [-10], length + 30))
    finally:
        store.data = before
    power = store.power(raw, store.front_end)
    # two frames around the clip hear a little of it
    assert power[..., :8].max() < 1e-8
    assert power[..., length + 12 :].max() < 1e-8
    assert power[..., 12 : length + 8].amax(1).min() > 1e-4


def test_a_window_past_the_end_is_mirrored(store):
    length = int(store.n_frames[0])
    raw, _ = store.batch(chunk([0], [3], length))
    assert raw.shape[-1] == length * (1 if store.kind == "mel" else HOP)
    unit = 1 if store.kind == "mel" else HOP
    tail = raw[..., -6 * unit :]
    assert torch.equal(tail[..., : 3 * unit], tail[..., 3 * unit :].flip(-1))


def test_unreadable_clips_are_named_and_the_rest_is_read(tmp_path):
    clips, _ = tiny_collection(tmp_path, 4)
    (tmp_path / "clip01.wav").write_bytes(b"")
    (tmp_path / "clip02.wav").unlink()
    soundfile.write(tmp_path / "clip03.wav", np.zeros(50), RATE)
    told = []
    recipe = tiny_recipe()
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: told.append((done, total)), lambda: False)
    assert set(store.skipped) == {1, 2, 3}
    assert "clip01.wav" in store.skipped[1]
    assert "50 samples" in store.skipped[3]
    assert (store.n_frames > 0).tolist() == [True, False, False, False]
    assert told[-1] == (4, 4)


def test_a_file_that_vanishes_during_training_is_masked_and_named(tmp_path):
    store = load(tiny_collection(tmp_path, 3), *KINDS["disk"])
    (tmp_path / "clip01.wav").unlink()
    raw, readable = store.batch(chunk([0, 1, 2], [0, 0, 0], 20))
    assert readable.tolist() == [True, False, True]
    assert raw[1].abs().max() == 0
    assert set(store.skipped) == {1}


def test_nan_samples_do_no_harm(tmp_path):
    clips, _ = tiny_collection(tmp_path, 2)
    wave = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    wave[100:200] = np.nan
    wave[300] = np.inf
    soundfile.write(tmp_path / "clip00.wav", wave, RATE, subtype="FLOAT")
    recipe = tiny_recipe()
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    assert torch.isfinite(store.batch(chunk([0], [0], 40))[0]).all()


def test_reading_stops_when_asked(collection):
    recipe = tiny_recipe()
    store = AudioStore(collection[0], recipe.features, recipe.data)
    with pytest.raises(Stopped):
        store.load(lambda done, total: None, lambda: True)


def test_other_rates_and_channels_become_mono_at_the_recipes_rate(tmp_path):
    clips, _ = tiny_collection(tmp_path, 2)
    t = np.arange(44100) / 44100
    stereo = np.stack([np.sin(2 * np.pi * 1000 * t), np.zeros(44100)], axis=1)
    soundfile.write(tmp_path / "clip00.wav", stereo, 44100)
    recipe = tiny_recipe()
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    assert store.n_frames[0] == RATE // HOP
    mel = store.power(store.batch(chunk([0], [0], 60))[0], store.front_end)[0, :, 30]
    loudest = int(mel.argmax())
    import librosa

    centres = librosa.mel_frequencies(18, fmin=recipe.features.fmin_hz, fmax=4000)[1:-1]
    assert abs(centres[loudest] - 1000) == min(abs(centres - 1000))


def test_an_epoch_visits_every_clip_within_its_bounds(collection):
    store = load(collection, "chunks_per_clip=2")
    rows = np.arange(2, 12)
    for n_frames in (20, 80, 200):
        chunks = training_chunks(np.random.default_rng(0), store, rows, n_frames, 6)
        seen = np.concatenate([one.rows for one in chunks])
        assert sorted(seen) == sorted([*rows, *rows])
        assert [len(one.rows) for one in chunks] == [5, 5, 5, 5]
        for one in chunks:
            for row, start in zip(one.rows, one.starts, strict=True):
                length = store.n_frames[row]
                assert 0 <= start <= (length - n_frames if length >= n_frames else length - 1)
    same = training_chunks(np.random.default_rng(0), store, rows, 20, 6)
    again = training_chunks(np.random.default_rng(0), store, rows, 20, 6)
    assert all((a.starts == b.starts).all() and (a.rows == b.rows).all() for a, b in zip(same, again, strict=True))


def test_zero_padding_draws_the_place_of_a_short_clip(collection):
    recipe = tiny_recipe("pad=zeros")
    store = AudioStore(collection[0], recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    (one,) = training_chunks(np.random.default_rng(0), store, np.zeros(200, dtype=int), int(store.n_frames[0]) + 9, 500)
    assert set(one.starts) == set(range(-9, 1))


def test_prefetch_keeps_the_order_and_passes_errors_on():
    chunks = [chunk([k], [0], 1) for k in range(20)]
    got = [(one.rows[0], value) for one, value in prefetch(lambda one: int(one.rows[0]) ** 2, chunks, 3)]
    assert got == [(k, k * k) for k in range(20)]

    def fail(one):
        if one.rows[0] == 3:
            raise ValueError("three")
        return 0

    with pytest.raises(ValueError, match="three"):
        list(prefetch(fail, chunks, 2))
