"""Whether a recipe's network can be built on this machine, tried without any data.

``python -m models.training.trial DEVICE RECIPE`` does so in a process of its own, for those who must not load torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from labeling.errors import EarmarkError
from models.config import Recipe, load_recipe
from models.networks.catalogue import build_network, refuse_strange_weights
from models.runfolder.provenance import pick_device

REFUSED = 3
"""The exit status where the recipe is at fault; the reason is on stdout."""


def try_network(recipe: Recipe, device: str, rank: int | None = None) -> None:
    """Build the network and forget it. No weights are loaded, so it takes seconds at most.

    Raises ConfigError or UnknownName where it cannot be built, its weights cannot be had, or there is no such device.
    """
    pick_device(device, rank)
    refuse_strange_weights(recipe)
    network = recipe.network
    build_network(replace(recipe, network=replace(network, pretrained=False, weights="")), 2)
    if network.name == "sed" and network.pretrained and not network.weights:
        from models.networks import sed

        sed.require_weights(network.backbone)


def main(argv: Sequence[str]) -> int:
    """Try one recipe; returns the exit status."""
    device, recipe = argv
    try:
        try_network(load_recipe(recipe), device)
    except EarmarkError as problem:
        print(problem)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
