"""Small ones of every network in the catalogue."""

import pytest
import torch

from models.config import load_recipe
from models.networks.catalogue import NETWORKS, build_network

TINY = ("n_mels=32", "widths=[4, 4]", "time_pool=[2, 2]", "network.backbone=resnet10t", "hidden=8", "dropout=0")

VARIANTS = [(), ("logits_per_class=2", "network.resize=[40, 94]")]

every_network = pytest.mark.parametrize(
    ("name", "settings"), [(name, settings) for name in NETWORKS.names() for settings in VARIANTS]
)


def made(name, settings):
    torch.manual_seed(0)
    recipe = load_recipe("demo", [*TINY, f"network.name={name}", *settings])
    return recipe, build_network(recipe, 3, ["a", "b", "c"])
