import dataclasses

import numpy as np
import pytest
import soundfile
import torch

import labeling.sound.decoding
from labeling.errors import Stopped
from models.inputs.clips import AudioStore, Chunks, balanced_share, draw_by_strength, prefetch, training_chunks
from tests.support.training.tiny import RATE, tiny_collection, tiny_recipe

HOP = 128
KINDS = {"mel": ("precompute=true",), "samples": ("precompute=false",), "disk": ("precompute=false", "memory_gb=0")}


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return tiny_collection(tmp_path_factory.mktemp("audio"))


def load(collection, *settings, cache_dir=None):
    recipe = tiny_recipe(*settings)
    store = AudioStore(collection[0], recipe.features, recipe.data, cache_dir)
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


def test_a_window_that_is_almost_all_past_the_end_is_mirrored(store):
    length = int(store.n_frames[3])
    raw, readable = store.batch(chunk([3], [length - 2], 10))
    whole, _ = store.batch(chunk([3], [length - 8], 8))
    assert readable.all()
    unit = raw.shape[-1] // 10
    assert torch.equal(raw[0][..., : 2 * unit], whole[0][..., -2 * unit :])
    assert torch.equal(raw[0][..., 2 * unit :], whole[0].flip(-1))


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


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_channel_that_stands_for_a_clip_is_read(tmp_path, kind):
    """Left and right cancel each other out; what a training reads is the one that was chosen."""
    clips, _ = tiny_collection(tmp_path, 2)
    wave = np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE)
    soundfile.write(tmp_path / "clip00.wav", np.stack([0.2 * wave, -0.2 * wave], axis=1), RATE)
    loudest = {}
    for channel in (0, 2):
        chosen = [dataclasses.replace(clips[0], channel=channel, channels=2), *clips[1:]]
        store = load((chosen,), *KINDS[kind], cache_dir=tmp_path / "cache")
        loudest[channel] = float(store.power(store.batch(chunk([0], [0], 60))[0], store.front_end)[0].max())
    assert loudest[0] < 1e-6 < 1e-2 < loudest[2]


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


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_chunk_may_be_longer_than_every_clip(collection, kind):
    for pad in ("repeat", "zeros"):
        store = load(collection, *KINDS[kind], f"data.pad={pad}")
        n_frames = 5 * int(store.n_frames.max())
        (one,) = training_chunks(np.random.default_rng(0), store, np.arange(12), n_frames, 99)
        raw, readable = store.batch(one)
        assert readable.all()
        assert raw.shape[-1] == n_frames * (1 if kind == "mel" else HOP)
        power = store.power(raw, store.front_end)
        sounding = (power.amax(1) > 1e-2).sum(1).numpy()
        whole = n_frames if pad == "repeat" else store.n_frames[one.rows]
        assert np.all(np.abs(sounding - whole) <= 0.02 * n_frames)


# ------------------------------------------------------------------------------------------------ where a chunk begins


def test_strength_of_each_start_by_hand(tmp_path):
    """Steps of 20 dB: what a window of 8 frames holds is the sum of its frames' levels."""
    levels = [0.0, 0.1, 0.01, 0.0]  # amplitudes of four stretches of 8 frames
    noise = np.tile(np.random.default_rng(0).standard_normal(HOP), 32)
    wave = noise * np.repeat(levels, 8 * HOP)
    clips, _ = tiny_collection(tmp_path, 1)
    soundfile.write(clips[0].path, wave, RATE, subtype="FLOAT")
    store = load((clips,), "crop=strength", "strength_rows=1.0")
    assert store._cell == 3  # 0.05 s are about three frames of 16 ms
    front_end = store.front_end
    db = front_end.db(front_end.power(torch.from_numpy(wave.astype(np.float32))[None]))[0, :, :32]
    frames = torch.maximum(db, db.max() - 80).mean(0).double().numpy()
    means = [frames[first : first + 3].mean() for first in range(0, 32, 3)]
    by_frame = np.repeat(means, 3)[:32]
    expected = [by_frame[first : first + 8].sum() for first in range(25)]
    np.testing.assert_allclose(store.strength(0, 8), expected, rtol=1e-3)
    assert abs(int(np.argmax(store.strength(0, 8))) - 8) <= 1


def test_only_the_lower_rows_count(tmp_path):
    t = np.arange(2 * RATE) / RATE
    wave = np.where(t < 1, np.sin(2 * np.pi * 3800 * t), 0.1 * np.sin(2 * np.pi * 300 * t))
    clips, _ = tiny_collection(tmp_path, 1)
    soundfile.write(clips[0].path, wave, RATE)
    lower = load((clips,), "crop=strength", "strength_rows=0.5").strength(0, 10)
    every = load((clips,), "crop=strength", "strength_rows=1.0").strength(0, 10)
    assert int(np.argmax(lower)) > 60
    assert every[20] - every[90] > lower[20] - lower[90]


def test_chances_of_the_starts_by_hand():
    strength = np.array([3.0, 5.0, 3.0, 9.0])  # less the least: 0, 2, 0, 6; so 0, 1/4, 0, 3/4
    positions = (np.arange(1000) + 0.5) / 1000
    drawn = [draw_by_strength(strength, position) for position in positions]
    assert np.bincount(drawn, minlength=4).tolist() == [0, 250, 0, 750]
    flat = [draw_by_strength(np.full(4, -7.3), position) for position in positions]
    assert np.bincount(flat, minlength=4).tolist() == [250, 250, 250, 250]
    assert draw_by_strength(strength, 0.0) == 1
    assert draw_by_strength(strength, np.nextafter(1.0, 0)) == 3


@pytest.mark.parametrize("kind", list(KINDS))
def test_chunks_are_drawn_where_the_sound_is(tmp_path, kind):
    clips, _ = tiny_collection(tmp_path, 3)
    wave = np.zeros(2 * RATE)
    wave[RATE : RATE + RATE // 4] = np.random.default_rng(0).standard_normal(RATE // 4) * 0.1
    soundfile.write(clips[1].path, wave, RATE)
    soundfile.write(clips[2].path, wave * 0, RATE)
    store = load((clips,), *KINDS[kind], "crop=strength", "strength_rows=1.0", "chunks_per_clip=400")
    (one,) = training_chunks(np.random.default_rng(0), store, np.array([1, 2]), 20, 9999)
    starts = one.starts[one.rows == 1]
    strength = store.strength(1, 20)
    chance = (strength - strength.min()) / (strength - strength.min()).sum()
    assert chance[starts].min() > 0  # never where there is nothing
    assert starts.mean() == pytest.approx((chance * np.arange(len(chance))).sum(), abs=1.0)
    silent = one.starts[one.rows == 2]
    assert silent.mean() == pytest.approx((int(store.n_frames[2]) - 20) / 2, abs=6)  # anywhere
    # the draw takes as many random numbers as the plain one: the clips come in the same order
    store.data = dataclasses.replace(store.data, crop="random")
    (plain,) = training_chunks(np.random.default_rng(0), store, np.array([1, 2]), 20, 9999)
    assert (plain.rows == one.rows).all()


# ------------------------------------------------------------------------------------------------ what is read when


def count_reads(monkeypatch):
    reads = []
    whole = labeling.sound.decoding.read_window

    def counted(path, *words, **settings):
        reads.append(path)
        return whole(path, *words, **settings)

    monkeypatch.setattr(labeling.sound.decoding, "read_window", counted)
    return reads


@pytest.mark.parametrize("kind", ["mel", "samples", "cached"])
def test_no_file_is_read_twice_where_there_is_room(collection, tmp_path, monkeypatch, kind):
    reads = count_reads(monkeypatch)
    settings = ("memory_gb=0", "cache_gb=1", "precompute=false") if kind == "cached" else KINDS[kind]
    store = load(collection, *settings, cache_dir=tmp_path / "cache")
    for epoch in range(3):
        for one in training_chunks(np.random.default_rng(epoch), store, np.arange(12), 40, 6):
            assert store.batch(one)[1].all()
    assert sorted(reads) == sorted(clip.path for clip in collection[0])
    load(collection, *settings, cache_dir=tmp_path / "cache")
    assert len(reads) == (12 if kind == "cached" else 24)


def test_what_does_not_fit_in_memory_is_read_from_disk(collection, monkeypatch):
    """The first clips are held, whichever thread is faster."""
    total = sum(clip.duration_s for clip in collection[0][:5]) * RATE * 2
    store = load(collection, "precompute=false", f"memory_gb={(total + 10) / 1e9}")
    assert store.kind == "disk"
    reads = count_reads(monkeypatch)
    raw, readable = store.batch(chunk(range(12), [0] * 12, 30))
    assert readable.all()
    assert reads == [clip.path for clip in collection[0][5:]]
    whole = load(collection, *KINDS["samples"]).batch(chunk(range(12), [0] * 12, 30))[0]
    torch.testing.assert_close(raw, whole, atol=2e-5, rtol=0)


def test_cached_samples_are_those_in_memory(collection, tmp_path):
    settings = ("memory_gb=0", "cache_gb=1", "precompute=false", "crop=strength")
    rows = chunk(range(12), [3] * 12, 40)
    first = load(collection, *settings, cache_dir=tmp_path / "cache")
    again = load(collection, *settings, cache_dir=tmp_path / "cache")
    held = load(collection, *KINDS["samples"])
    assert torch.equal(first.batch(rows)[0], held.batch(rows)[0])
    assert torch.equal(first.batch(rows)[0], again.batch(rows)[0])
    for row in range(12):
        assert np.array_equal(first.strength(row, 20), again.strength(row, 20))


def test_a_cache_that_goes_during_training_is_done_without(collection, tmp_path):
    store = load(collection, "memory_gb=0", "cache_gb=1", "precompute=false", cache_dir=tmp_path / "cache")
    rows = chunk(range(12), [3] * 12, 40)
    before = store.batch(rows)[0]
    for entry in (tmp_path / "cache").rglob("*.pcm"):
        entry.unlink()
    after, readable = store.batch(rows)
    assert readable.all()
    torch.testing.assert_close(after, before, atol=2e-5, rtol=0)


def test_a_full_cache_is_said_in_the_notes(collection, tmp_path):
    store = load(collection, "memory_gb=0", "cache_gb=0.0001", "precompute=false", cache_dir=tmp_path / "cache")
    assert len(store.notes) == 1
    assert "raise data.cache_gb" in store.notes[0]
    assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.pcm")) <= 1e5
    assert store.batch(chunk(range(12), [3] * 12, 40))[1].all()


def test_many_threads_cut_the_same_batches(collection):
    store = load(collection, *KINDS["disk"])
    chunks = training_chunks(np.random.default_rng(0), store, np.arange(12), 40, 2) * 4
    expected = [store.batch(one)[0] for one in chunks]
    got = [raw for _, (raw, _) in prefetch(store.batch, chunks, 8)]
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def test_a_chunk_is_brought_to_its_peak_however_loud_its_clip(tmp_path):
    clips, _ = tiny_collection(tmp_path, 2)
    wave, _ = soundfile.read(clips[0].path)
    soundfile.write(clips[1].path, 0.05 * wave, RATE, subtype="FLOAT")
    store = load((clips,), "precompute=false", "normalize=peak")
    raw, _ = store.batch(chunk([0, 1], [5, 5], 40))
    loud, soft = store.power(raw, store.front_end)
    torch.testing.assert_close(loud, soft, rtol=2e-2, atol=1e-5)  # samples are kept in 16 bits
    alone = store.front_end.power(raw[:1] / raw[:1].abs().max())[..., :-1]
    torch.testing.assert_close(loud, alone[0], rtol=1e-4, atol=1e-7)


def test_balanced_sampling_draws_classes_evenly_and_then_their_clips(collection):
    present = np.zeros((12, 3), dtype=bool)
    present[:8, 0] = present[8, 1] = present[9, 1] = present[9, 2] = True
    share = balanced_share(present)
    # four classes with the clips that list none: 8 clips, 2, 1, and 2
    expected = [1 / 32] * 8 + [1 / 8, 1 / 8 + 1 / 4] + [1 / 8] * 2
    np.testing.assert_allclose(share, expected)
    store = load(collection, "precompute=false", "chunks_per_clip=500")
    (one,) = training_chunks(np.random.default_rng(0), store, np.arange(12), 20, 9999, share)
    assert len(one.rows) == 6000
    np.testing.assert_allclose(np.bincount(one.rows, minlength=12) / 6000, expected, atol=0.02)
