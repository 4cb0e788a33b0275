import numpy as np
import pytest
import torch
from scipy import stats

from models.config import AugmentConfig, FeatureConfig
from models.config.augment import Cutmix, Mixup, SpecMix, TimePad
from models.inputs import augment
from models.inputs.augment import Batch

B, MELS, T = 6, 16, 50
UNIONS = [
    {"mixup": Mixup(1.0)},
    {"cutmix": Cutmix(1.0, labels="union")},
    {"spec_mix": SpecMix(1.0, share=1.0, labels="union")},
    {"time_pad": TimePad(1.0, fill="other")},
]


def changed(power, targets, weight, seed=0, **table):
    config = AugmentConfig(**table)
    batch = Batch(len(power), power.shape[1], power.shape[2], 16000, 16000, 0.01)
    drawn = augment.draw(np.random.default_rng(seed), config, batch)
    (values,) = drawn.values.values()
    return augment.apply_to_power(power, targets, weight, drawn, config, FeatureConfig()), values


@pytest.fixture
def batch():
    """Chunks of equal mean power, so that a partner's sound is found again as it was."""
    power = torch.rand(B, MELS, T, generator=torch.Generator().manual_seed(0)) + 0.1
    return power / power.mean((1, 2), keepdim=True), torch.eye(B, 4), torch.ones(B, 4)


def test_mixup_adds_the_partner_at_the_drawn_level(batch):
    loud = batch[0] * torch.tensor([1.0, 10, 0.1, 3, 5, 0.01])[:, None, None]
    (power, targets, weight), values = changed(loud, *batch[1:], mixup=Mixup(1.0, (-10.0, 10.0)))
    added = power - loud
    ratio = added.mean((1, 2)) / loud.mean((1, 2))
    np.testing.assert_allclose(ratio, values["level"], rtol=1e-3)
    assert ((values["level"] > 0.1) & (values["level"] < 10)).all()
    partner = torch.from_numpy(values["partner"])
    shape = added / loud[partner]
    torch.testing.assert_close(shape, shape.mean((1, 2), keepdim=True).expand_as(shape), rtol=2e-3, atol=0)
    assert torch.equal(targets, torch.maximum(batch[1], batch[1][partner]))
    assert torch.equal(weight, torch.ones(B, 4))


def test_shares_of_mixup_follow_a_beta_distribution_and_keep_the_loudness():
    power = torch.rand(400, 2, 4) + 0.1
    labels = torch.zeros(400, 1), torch.ones(400, 1)
    (mixed, _, _), values = changed(power, *labels, mixup=Mixup(1.0, alpha=0.4))
    assert stats.kstest(values["gain"], stats.beta(0.4, 0.4).cdf).pvalue > 0.01
    np.testing.assert_allclose(values["gain"] * (1 + values["level"]), 1)
    torch.testing.assert_close(mixed.mean((1, 2)), power.mean((1, 2)))


def test_a_convex_mixture_worked_by_hand():
    """Chunks of power 2 and 8, shares s and 1 - s: 2 s + 2 (1 - s) 8/8 of the first's mean."""
    power = torch.tensor([[[1.0, 3.0]], [[16.0, 0.0]]])
    labels = torch.tensor([[1.0], [0.0]]), torch.ones(2, 1)
    (mixed, targets, _), values = changed(power, *labels, mixup=Mixup(1.0, alpha=1.0, labels="mixed"))
    s, r = values["gain"]
    expected = [[[s * 1 + (1 - s) * 4, s * 3]], [[r * 16 + (1 - r) * 4, (1 - r) * 12]]]
    np.testing.assert_allclose(mixed, expected, rtol=1e-5)
    np.testing.assert_allclose(targets[:, 0], [s, 1 - r], rtol=1e-5)


@pytest.mark.parametrize("table", UNIONS, ids=lambda table: next(iter(table)))
@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        ((1, 1), (0, 0), (1, 1)),  # known present here: known present, whatever the other
        ((0, 0), (1, 1), (1, 1)),
        ((0, 1), (0, 0), (0, 0)),  # absent here, unknown there: unknown
        ((0, 1), (0, 1), (0, 1)),
        ((1, 0), (0, 1), (0, 0)),  # a masked 1 tells nothing
        ((0, 0), (0.25, 1), (0.25, 0)),  # a little of a soft target is not present: unknown
    ],
)
def test_union_of_known_and_unknown_cells(table, mine, other, expected):
    targets = torch.tensor([[float(mine[0])], [float(other[0])]])
    weight = torch.tensor([[float(mine[1])], [float(other[1])]])
    (_, new_targets, new_weight), _ = changed(torch.ones(2, MELS, T), targets, weight, **table)
    assert (float(new_targets[0]), float(new_weight[0])) == expected


@pytest.mark.parametrize(
    "table",
    [{"mixup": Mixup(1.0, labels="mixed")}, {"cutmix": Cutmix(1.0)}, {"spec_mix": SpecMix(1.0)}],
    ids=lambda table: next(iter(table)),
)
def test_mixed_labels_know_only_what_both_chunks_know(batch, table):
    weight = torch.ones(B, 4)
    weight[2, 1] = 0
    (_, _, new_weight), values = changed(batch[0], batch[1], weight, **table)
    expected = np.minimum(weight.numpy(), weight.numpy()[values["partner"]])
    np.testing.assert_array_equal(new_weight, expected)


def test_mixed_labels_follow_the_share_of_power(batch):
    (_, targets, _), values = changed(*batch, mixup=Mixup(1.0, (-3.0, -3.0), labels="mixed"))
    share = 1 / (1 + 10**-0.3)
    expected = share * batch[1] + (1 - share) * batch[1][torch.from_numpy(values["partner"])]
    torch.testing.assert_close(targets, expected)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "spec_mix", "time_pad"])
def test_chunks_that_were_not_chosen_stay(batch, name):
    table = {"mixup": Mixup(0.5), "cutmix": Cutmix(0.5), "spec_mix": SpecMix(0.5), "time_pad": TimePad(0.5)}[name]
    results, values = changed(*batch, seed=3, **{name: table})
    still = np.setdiff1d(np.arange(B), values["rows"])
    assert 0 < len(still) < B
    for before, after in zip(batch, results, strict=True):
        assert torch.equal(before[still], after[still])


def test_cutmix_takes_a_stretch_of_the_partner_and_its_share_of_the_labels(batch):
    (power, targets, _), values = changed(*batch, cutmix=Cutmix(1.0, (0.1, 0.5)))
    for row in range(B):
        other, first, width = values["partner"][row], values["first"][row], values["width"][row]
        assert 5 <= width <= 25
        expected = batch[0][row].clone()
        expected[:, first : first + width] = batch[0][other][:, first : first + width]
        torch.testing.assert_close(power[row], expected)
        torch.testing.assert_close(targets[row], (1 - width / T) * batch[1][row] + width / T * batch[1][other])


def test_cutmix_brings_the_partner_to_the_same_level():
    power = torch.stack([torch.full((MELS, T), 2.0), torch.full((MELS, T), 50.0)])
    (mixed, _, _), _ = changed(power, torch.eye(2), torch.ones(2, 2), cutmix=Cutmix(1.0))
    torch.testing.assert_close(mixed, power)


def test_spec_mix_takes_stripes_of_the_partner_and_their_area_of_the_labels(batch):
    (power, targets, _), values = changed(*batch, spec_mix=SpecMix(1.0, time_stripes=2, frequency_stripes=1, share=0.4))
    for row in range(B):
        other, taken = values["partner"][row], np.zeros((MELS, T), dtype=bool)
        taken[:, values["time"][row]] = True
        taken[values["bands"][row]] = True
        expected = np.where(taken, batch[0][other], batch[0][row])
        np.testing.assert_allclose(power[row], expected, rtol=1e-5)
        share = 1 - taken.mean()
        np.testing.assert_allclose(targets[row], share * batch[1][row] + (1 - share) * batch[1][other], rtol=1e-5)
    assert values["time"].sum(1).max() <= 40
    assert values["bands"].sum(1).max() <= 6


def test_where_nothing_is_taken_the_labels_stay(batch):
    """Stripes may be of no width; then the partner is not heard, and its classes are not there."""
    (power, targets, _), values = changed(*batch, spec_mix=SpecMix(1.0, 1, 0, 0.02, "union"))
    none = ~values["time"].any(1)
    assert 0 < none.sum() < B
    torch.testing.assert_close(power[none], batch[0][none])
    assert torch.equal(targets[none], batch[1][none])
    partner = torch.from_numpy(values["partner"])
    assert torch.equal(targets[~none], torch.maximum(batch[1], batch[1][partner])[~none])


@pytest.mark.parametrize("fill", ["silence", "other"])
def test_time_pad_keeps_a_stretch_and_fills_the_rest(batch, fill):
    (power, targets, weight), values = changed(*batch, time_pad=TimePad(1.0, (0.1, 0.5), fill))
    for row in range(B):
        kept, first, onset = (int(values[name][row]) for name in ("kept", "first", "onset"))
        assert 25 <= kept <= 45
        other = int(values["partner"][row])
        expected = batch[0][other].clone() if fill == "other" else torch.zeros(MELS, T)
        expected[:, onset : onset + kept] = batch[0][row][:, first : first + kept]
        torch.testing.assert_close(power[row], expected)
        joined = torch.maximum(batch[1][row], batch[1][other]) if fill == "other" else batch[1][row]
        assert torch.equal(targets[row], joined)
    assert torch.equal(weight, batch[2])
    assert len(set(values["onset"])) > 2
    assert len(set(values["first"])) > 2


def test_a_silent_chunk_stays_silent_and_a_silent_partner_is_not_made_loud():
    power = torch.stack([torch.zeros(MELS, T), torch.ones(MELS, T)])
    (mixed, _, _), _ = changed(power, torch.eye(2), torch.ones(2, 2), mixup=Mixup(1.0))
    assert mixed[0].max() < 1e-10
    torch.testing.assert_close(mixed[1], power[1])


def test_a_padded_chunk_gets_silence_or_another_chunk_as_often(batch):
    many = [part.repeat(100, *[1] * (part.dim() - 1)) for part in batch]
    (power, targets, _), values = changed(*many, time_pad=TimePad(1.0, (0.3, 0.3), "either"))
    silent = values["silent"]
    assert silent.mean() == pytest.approx(0.5, abs=0.06)
    assert ((power == 0).all(1).sum(1) == 15).numpy()[silent].all()
    assert (power > 0).all(2).all(1).numpy()[~silent].all()
    own, theirs = many[1], many[1][values["partner"]]
    assert torch.equal(targets[silent], own[silent])
    assert torch.equal(targets[~silent], torch.maximum(own, theirs)[~silent])
