"""The catalogue of networks. Importing it loads no torch, so that it can be read at once.

A network is found by name; its factory (``"module:function"``) is imported only when it is built. A factory is
called with the recipe and the number of classes and returns a ``models.networks.heads.Network``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from labeling.errors import ArtefactError, ConfigError
from labeling.registry import Registry

if TYPE_CHECKING:
    from models.config import Recipe
    from models.networks.heads import Network


@dataclass(frozen=True)
class NetworkSpec:
    """One network family: where its factory lives, whose it is, and what it is in a line."""

    name: str
    factory: str
    source: str
    summary: str
    takes_weights: bool = True
    """Whether weights made elsewhere fit it; those of another run of the same network always do."""
    packages: tuple[str, ...] = ()
    """What it imports beyond torch."""
    released: str = ""
    """The file of released weights that ``network.pretrained`` asks for, where Earmark does not fetch it."""


NETWORKS: Registry[NetworkSpec] = Registry("network")


def add_network(spec: NetworkSpec) -> None:
    """Add a network family to the catalogue."""
    NETWORKS.add(spec.name, spec)


add_network(
    NetworkSpec(
        "cnn", "models.networks.cnn:build", "Earmark", "small residual CNN with an attention head, for a CPU", False
    )
)
add_network(
    NetworkSpec(
        "sed",
        "models.networks.sed:build",
        "6th place of the 2020 Cornell birdcall challenge",
        "any timm backbone with an attention head over time",
        packages=("timm",),
    )
)
add_network(
    NetworkSpec(
        "cnn14_att",
        "models.networks.panns:build",
        "PANNs (Kong et al. 2020)",
        "Cnn14_DecisionLevelAtt; takes the released AudioSet checkpoint",
        released="Cnn14_DecisionLevelAtt_mAP=0.425.pth",
    )
)
add_network(
    NetworkSpec(
        "cnn14_max",
        "models.networks.panns:build",
        "PANNs (Kong et al. 2020)",
        "Cnn14_DecisionLevelMax; takes the released AudioSet checkpoint",
        released="Cnn14_DecisionLevelMax_mAP=0.385.pth",
    )
)
add_network(
    NetworkSpec(
        "freesound_cnn",
        "models.networks.freesound:build",
        "7th place of Freesound Audio Tagging 2019",
        "CNN with doubled pooling, scSE and a pyramid head over 2 s windows",
        takes_weights=False,
    )
)


def check_weights(recipe: Recipe) -> None:
    """Raise ConfigError where weights are asked for that are not there, as far as that shows without torch."""
    config = recipe.network
    released = NETWORKS.get(config.name).released
    if config.weights and not Path(config.weights).expanduser().is_file():
        raise ConfigError(f"network.weights: no file {config.weights}; give the path of downloaded weights")
    if released and config.pretrained and not config.weights:
        raise ConfigError(
            f"network.pretrained = true: the AudioSet weights of {config.name} are not fetched by Earmark; download "
            f"{released} (Zenodo record 3987831) and set network.weights=PATH, or set network.pretrained=false"
        )


def refuse_strange_weights(recipe: Recipe) -> None:
    """Raise ConfigError where ``network.weights`` is a file that the network cannot start from, and would ignore."""
    from models.networks.checkpoints import is_run_checkpoint

    spec, weights = NETWORKS.get(recipe.network.name), recipe.network.weights
    if weights and not spec.takes_weights and not is_run_checkpoint(weights):
        raise ConfigError(
            f"network.weights = {weights} is no checkpoint of a run, and network {spec.name} starts from nothing "
            "else; give runs/RUN/checkpoints/….safetensors, or leave it out"
        )


def build_network(recipe: Recipe, n_classes: int, classes: Sequence[str] = ()) -> Network:
    """Make the recipe's network, behind the learned resizer where ``network.resize`` is set.

    Parameters
    ----------
    recipe : Recipe
    n_classes : int
    classes : sequence of str, length n_classes
        Codes by which the classes of ``network.weights`` are matched, where that is a checkpoint of another run of the
        same network; without them the last layers stay as initialised.

    Returns
    -------
    Network
        A torch module: planes (B, channels, n_mels, T) -> logits, ``clipwise`` (B, C) and ``framewise`` (B, T', C).

    Raises
    ------
    UnknownName
        There is no such network.
    ConfigError
        It cannot take the recipe's planes, or not start from ``network.weights``.
    ArtefactError
        The weights are damaged or of another network.

    Examples
    --------
    >>> import torch
    >>> from models.config import load_recipe
    >>> from models.networks.catalogue import build_network
    >>> recipe = load_recipe("quick", ["network.widths=[4,4]", "network.time_pool=[2,2]", "n_mels=16"])
    >>> network = build_network(recipe, n_classes=3)
    >>> output = network(torch.zeros(1, 1, 16, 64))
    >>> output.clipwise.shape, output.framewise.shape
    (torch.Size([1, 3]), torch.Size([1, 16, 3]))
    """
    spec = NETWORKS.get(recipe.network.name)
    module, _, function = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), function)
    from models.networks import checkpoints, resizer
    from models.networks.heads import n_frames_of

    config = recipe.network
    continued = bool(config.weights) and checkpoints.is_run_checkpoint(config.weights)
    refuse_strange_weights(recipe)
    bare = replace(recipe, network=replace(config, pretrained=False, weights="")) if continued else recipe
    network = cast("Network", factory(resizer.inner_recipe(bare) if config.resize else bare, n_classes))
    if config.resize:
        network = resizer.wrap(network, recipe)
    hop_s = recipe.features.hop_length / recipe.features.sample_rate
    shortest = round(min(recipe.data.chunk_s, recipe.predict.window_s) / hop_s)
    n_frames_of(network, len(recipe.features.channels), recipe.features.n_mels, shortest)  # fails before any training
    if continued:
        checkpoints.load_run(network, config.weights, classes)
    return network


def load_network(path: Path, recipe: Recipe, classes: Sequence[str]) -> Network:
    """The trained network of a run's checkpoint, in eval mode on the CPU; ``recipe`` and ``classes`` are that run's.

    Raises ArtefactError where the file is damaged or belongs to another recipe.
    """
    from models.networks.checkpoints import load_tensors

    bare = replace(recipe, network=replace(recipe.network, pretrained=False, weights=""))
    network = build_network(bare, len(classes))
    tensors, _ = load_tensors(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ArtefactError(
            f"{path} does not fit its run's recipe ({str(error).splitlines()[-1].strip()[:200]}); "
            "the run's recipe.toml or checkpoint was changed: train it anew"
        ) from None
    return network.eval()
