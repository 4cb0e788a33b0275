"""The network of a run of this workspace, as a frozen model: its features, averaged over a window, and its classes."""

from __future__ import annotations

import torch
from torch import Tensor

from labeling import runs
from labeling.errors import ConfigError
from labeling.workspace import Workspace
from models.frozen.contract import sha256_of
from models.frozen.torch_models import Listen, MelModel
from models.inputs.features import FrontEnd
from models.networks.catalogue import load_network
from models.networks.heads import Network
from models.runfolder.folder import networks_of
from models.runfolder.provenance import pick_device

LICENCE = "your own"


def load(workspace: Workspace, what: str, device: str) -> MelModel:
    """The first network of run ``what``: one trained on all clips where there is one, else that of the first fold.

    Networks of different folds have vectors of different meanings, so that one alone is taken. Raises DataError where
    there is no such run or it has no networks, ConfigError where its network gives no features, ArtefactError.
    """
    with workspace.read() as connection:
        run = runs.get_run(connection, what)
    runs.check_trained(run)
    if run.status != "done":
        raise ConfigError(f"run {run.id} is {run.status}; embed with one that is done")
    return load_finished(workspace, run.id, device)


def load_finished(workspace: Workspace, run_id: str, device: str) -> MelModel:
    """The same of a run that is known to be done, by its files alone: no database is asked."""
    recipe, classes, _, paths = networks_of(workspace.run_dir(run_id, whole=True))
    place = pick_device(device)
    network = load_network(paths[0], recipe, classes).to(place)
    return MelModel(
        FrontEnd(recipe.features), listener(network, f"run {run_id}"), place, window_s=recipe.predict.window_s,
        licence=LICENCE, weights_sha256=sha256_of(paths[0]), classes=classes,
    )  # fmt: skip


def listener(network: Network, name: str) -> Listen:
    """What a network of ours makes of planes; ``name`` is for the error."""

    def listen(planes: Tensor) -> tuple[Tensor, Tensor | None]:
        output = network(planes)
        if output.features is None:
            raise ConfigError(f"the network of {name} gives no features to embed with; choose another model")
        return output.features.mean(dim=2), torch.sigmoid(output.clipwise)

    return listen
