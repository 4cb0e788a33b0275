"""embeddings.py: the features are what the frames are made of; stretches lie where the peaks are; copies come first."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from labeling.records import Clip
from models.evidence.embeddings import PEAKS, Peak, find_neighbours, half_width, pick, stretches_of
from models.inputs.clips import AudioStore
from models.inputs.features import FrontEnd
from models.networks import freesound, panns
from models.networks.catalogue import build_network
from models.networks.heads import AttentionHead, MaxHead, Network, Output, frame_grid, pair_logits
from models.prediction.windows import predict_clips
from tests.support.training.networks import every_network, made
from tests.support.training.tiny import RATE, tiny_collection, tiny_recipe

RECIPE = tiny_recipe()


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(panns, "WIDTHS", (4, 4, 4, 4, 4, 8))
    monkeypatch.setattr(freesound, "WIDTHS", (16, 16, 16, 16, 16))


def classified(network, features):
    """The classifying layers alone, by the kind of the head: (B, D, T) -> framewise (B, T, C)."""
    if any(isinstance(one, AttentionHead | MaxHead) for one in network.modules()):
        head = next(one for one in network.modules() if isinstance(one, AttentionHead | MaxHead))
        return head(features).framewise
    head = next(one for one in network.modules() if isinstance(one, freesound.PyramidHead))
    return pair_logits(head.last(features.transpose(1, 2)).transpose(1, 2), head.logits_per_class).transpose(1, 2)


@every_network
def test_embedding_then_classifying_is_the_forward_pass(name, settings):
    recipe, network = made(name, settings)
    network.eval()
    planes = torch.randn(2, 1, 32, round(frame_grid(network, recipe.features).step_s * 32000 / 1024) * 12)
    with torch.no_grad():
        output, features = network(planes), network.embed(planes)
        assert features.shape[0] == 2
        assert features.shape[2] == output.framewise.shape[1]
        torch.testing.assert_close(classified(network, features), output.framewise)


class Bare(Network):
    """A network of other hands: one frame for 4 of input, and no features."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((3, 16), 1e-3))  # or probabilities round to 1

    def forward(self, planes):
        frames = torch.nn.functional.avg_pool1d(planes[:, 0], 4).transpose(1, 2) @ self.weight.T
        return Output(frames.amax(1), frames)


class Loudness(Bare):
    """As ``Bare``; its features are the mel bands themselves."""

    def forward(self, planes):
        bands = torch.nn.functional.avg_pool1d(planes[:, 0], 4)
        frames = bands.transpose(1, 2) @ self.weight.T
        return Output(frames.amax(1), frames, bands)


def opened(clips, recipe=RECIPE):
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    return store


def search(network, store, train, valid, config=RECIPE.predict):
    grid = frame_grid(network, RECIPE.features)
    rows = np.array(train, dtype=np.int64), np.array(valid, dtype=np.int64)
    return find_neighbours(network, FrontEnd(RECIPE.features), store, *rows, config, grid, "float32")


def test_a_planted_copy_comes_first(tmp_path):
    clips, _ = tiny_collection(tmp_path)
    copy = tmp_path / "copy.wav"
    copy.write_bytes((tmp_path / clips[4].filename).read_bytes())
    store = opened([*clips, replace(clips[4], id=99, filename="copy.wav", path=str(copy))])
    torch.manual_seed(1)
    network = build_network(RECIPE, 3)
    found = search(network, store, range(12), [12, 2], replace(RECIPE.predict, neighbours=5))
    assert found.clip_ids.tolist() == [99, 3]
    first = slice(*found.offsets[:2])
    assert first.stop > 0
    assert (found.neighbour_ids[first, 0] == 5).all()
    assert found.similarity[first, 0] == pytest.approx(1, abs=2e-3)
    assert (np.diff(found.similarity.astype(float), axis=1) <= 0).all()
    again = search(network, store, range(12), [12, 2], replace(RECIPE.predict, neighbours=5))
    assert all(getattr(found, name).tobytes() == getattr(again, name).tobytes() for name in vars(found))


def test_a_network_without_features_has_no_neighbours(tmp_path):
    clips, _ = tiny_collection(tmp_path, 4)
    found = search(Bare(), opened(clips), [0, 1], [2, 3])
    assert Bare().embed(torch.ones(1, 1, 16, 8)) is None
    assert found.offsets.tolist() == [0, 0, 0]
    assert found.neighbour_ids.shape == (0, RECIPE.predict.neighbours)


def test_a_stretch_lies_around_the_burst(tmp_path):
    """8 s of silence, but for a burst at 6.1 s, in windows of 1 s that overlap: it is found once, where it is."""
    wave = np.zeros(8 * RATE, dtype=np.float32)
    rng = np.random.default_rng(0)
    wave[int(6.1 * RATE) : int(6.2 * RATE)] = rng.normal(0, 0.2, RATE // 10)
    soundfile.write(tmp_path / "a.wav", wave, RATE)
    store = opened([Clip(1, "a.wav", str(tmp_path / "a.wav"), 8.0, RATE, 1)])
    network = Loudness()
    grid = frame_grid(network, RECIPE.features)
    front_end = FrontEnd(RECIPE.features)
    found = stretches_of(network, front_end, store, np.array([0]), RECIPE.predict, grid, "float32")
    _, frames = predict_clips(network, front_end, store, [0], RECIPE.predict, grid, "float32")
    assert found is not None
    # All classes have the same weights here, and so the same peak: one stretch.
    assert found.class_id.tolist() == [0]
    half = half_width(grid)
    assert half == 3, "7 frames of 64 ms"
    peak = frames[0][:, 0].argmax()
    assert found.onset_s[0] == pytest.approx(grid.start_s + (peak - half) * grid.step_s, abs=1e-5)
    assert found.onset_s[0] < 6.15 < found.onset_s[0] + 7 * grid.step_s
    power = store.power(store.batch(_whole(store))[0], front_end)
    bands = torch.nn.functional.avg_pool1d(front_end.planes(power)[:, 0], 4)[0].numpy()
    wanted = bands[:, peak - half : peak + half + 1].mean(1)
    assert found.vectors[0] @ (wanted / np.linalg.norm(wanted)) == pytest.approx(1, abs=0.01)


def _whole(store):
    from models.inputs.clips import Chunks

    return Chunks(np.array([0]), np.array([0]), int(store.n_frames[0]))


def test_peaks_that_share_a_frame_count_once():
    vector = np.zeros(2, np.float16)
    peaks = [Peak(v, c, f, vector) for v, c, f in [(1, 0, 10), (3, 1, 12), (2, 2, 30), (2.5, 1, 50), (0, 3, 15)]]
    # 3 at 12 takes 10 (two frames away); its class again at 50 is passed over; 15 is three frames away.
    assert [(one.value, one.frame) for one in pick(peaks, 2)] == [(3, 12), (2, 30), (0, 15)]
    assert len(pick([Peak(1, c, 10 * c, vector) for c in range(20)], 1)) == PEAKS
