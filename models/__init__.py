"""Networks and training. Importing this package loads no torch: the catalogue can be read at once.

A network is found by name; its factory (``"module:function"``) is imported only when it is built. A factory is
called with the recipe and the number of classes and returns a ``models.heads.Network``.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from labeling.registry import Registry

if TYPE_CHECKING:
    from models.config import Recipe
    from models.heads import Network

# Read when PyTorch loads: threads that wait for each other sleep instead of spinning. On a machine that others use
# too, spinning cost several times the work itself; alone it makes no difference that could be measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(frozen=True)
class NetworkSpec:
    """One network family: where its factory lives, whose it is, and what it is in a line."""

    name: str
    factory: str
    source: str
    summary: str


NETWORKS: Registry[NetworkSpec] = Registry("network")


def add_network(spec: NetworkSpec) -> None:
    """Add a network family to the catalogue."""
    NETWORKS.add(spec.name, spec)


add_network(NetworkSpec("cnn", "models.cnn:build", "Earmark", "small residual CNN with an attention head, for a CPU"))
add_network(
    NetworkSpec(
        "sed",
        "models.sed:build",
        "6th place of the 2020 Cornell birdcall challenge",
        "any timm backbone with an attention head over time",
    )
)
add_network(
    NetworkSpec(
        "cnn14_att",
        "models.panns:build",
        "PANNs (Kong et al. 2020)",
        "Cnn14_DecisionLevelAtt; takes the released AudioSet checkpoint",
    )
)


def build_network(recipe: Recipe, n_classes: int) -> Network:
    """Make the recipe's network; raises UnknownName and ConfigError."""
    module, _, function = NETWORKS.get(recipe.network.name).factory.partition(":")
    return cast("Network", getattr(importlib.import_module(module), function)(recipe, n_classes))
