"""Finished runs of networks that nobody trained: they predict as trained ones do, and cost nothing."""

from __future__ import annotations

import numpy as np
import torch

from labeling import runs
from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.workspace import Workspace
from models.config import Recipe, recipe_to_toml
from models.networks.catalogue import build_network
from models.networks.checkpoints import save_tensors
from models.networks.heads import frame_grid


def untrained_run(
    workspace: Workspace, recipe: Recipe, *, version: int = 1, seed: int = 0, backwards: bool = False
) -> str:
    """A run that is done, with a network for each fold and out-of-fold predictions near the labels. Returns its id.

    ``backwards``: its classes are in the other order than those of the labels.
    """
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, version)
    order = slice(None, None, -1 if backwards else 1)
    classes, present = labels.classes[order], labels.present[:, order]
    run = runs.enqueue(workspace, recipe.name, version, worker="me")
    folder = workspace.run_dir(run.id)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "recipe.toml").write_text(recipe_to_toml(recipe))
    torch.manual_seed(seed)
    for fold in range(recipe.folds.folds):
        network = build_network(recipe, len(classes))
        grid = frame_grid(network, recipe.features)
        meta = {"classes": list(classes), "grid": {key: getattr(grid, key) for key in grid.__dataclass_fields__}}
        save_tensors(folder / f"checkpoints/fold{fold}.m0.s0.safetensors", network.state_dict(), meta)
    rng = np.random.default_rng(seed)
    write_oof(
        folder / "oof.zarr", clip_ids=labels.clip_ids, filenames=labels.filenames, classes=classes,
        clipwise=0.4 * present + 0.5 * rng.random(present.shape),
        framewise=[rng.random((4, len(row))) * 0.3 + 0.5 * row for row in present],
        fold=np.arange(len(labels.clip_ids)) % recipe.folds.folds, grid=grid, label_version=version,
        label_hash=labels.content_hash,
    )  # fmt: skip
    runs.finish(workspace, run.id, "me", "done", metrics={})
    return run.id
