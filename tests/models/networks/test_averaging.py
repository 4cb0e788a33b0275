import pytest
import torch

from models.networks.averaging import MovingAverage
from models.networks.catalogue import build_network
from tests.support.training.tiny import tiny_recipe


def test_moving_average_by_hand():
    network = build_network(tiny_recipe(), 3)
    average = MovingAverage(network, 0.9)
    name = "head.cla.bias"
    value, expected = torch.full((3,), 2.0), network.state_dict()[name].clone()
    for step in range(200):
        with torch.no_grad():
            network.state_dict()[name].copy_(value * step)
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value * step
    torch.testing.assert_close(average.network.state_dict()[name], expected, rtol=1e-4, atol=1e-4)
    without = MovingAverage(network, 0.0)
    without.update()
    for mine, theirs in zip(without.network.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_first_steps_count_for_more(steps):
    """With decays 1/10, 2/11, 3/12 a weight that went from 0 to 1 at once is at 1 - their product."""
    network = build_network(tiny_recipe(), 3)
    with torch.no_grad():
        network.state_dict()["head.cla.bias"].fill_(0)
    average = MovingAverage(network, 0.999)
    with torch.no_grad():
        network.state_dict()["head.cla.bias"].fill_(1)
    for _ in range(steps):
        average.update()
    expected = 1 - (1 / 10 if steps == 1 else 1 / 10 * 2 / 11 * 3 / 12)
    assert float(average.network.state_dict()["head.cla.bias"][0]) == pytest.approx(expected)
