"""trained.py: a run's own network gives the features of its windows, and the probabilities that it predicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from labeling.embeddings.space import open_space
from labeling.errors import ConfigError
from labeling.storage.tables import runs
from labeling.workspace import open_workspace
from models.frozen import embedding, trained
from models.frozen.contract import sha256_of, window_samples
from models.frozen.jobs import EmbedRequest, resolved
from models.prediction.soundscape import NetworkPredictor, load_predictor
from models.runfolder.folder import networks_of


def test_a_run_embeds_the_collection_with_its_first_network(own_copy: Path) -> None:
    workspace = open_workspace(own_copy)
    request = resolved(workspace, EmbedRequest("run:001-demo", processes=1))
    assert request.space == "run-001-demo"
    made = embedding.embed(workspace, request, lambda _: None, lambda: False, own_copy / "log")
    space = open_space(workspace, "run-001-demo")
    assert made["clips"] == made["total"] == len(set(space.clip_ids.tolist())) > 40
    assert space.facts.licence == "your own"

    model = trained.load(workspace, "001-demo", "cpu")
    loaded = load_predictor(workspace.run_dir("001-demo"), torch.device("cpu"))
    assert isinstance(loaded.predictor, NetworkPredictor)
    predictor = loaded.predictor.predictor
    assert (model.classes, model.window_s) == (loaded.classes, predictor.config.window_s)
    checkpoint = networks_of(workspace.run_dir("001-demo"))[3][0]
    assert model.weights_sha256 == sha256_of(checkpoint) == space.facts.weights_sha256
    waves = np.random.default_rng(0).normal(size=(2, window_samples(model))).astype(np.float32) * 0.1
    heard = model.hear(waves)
    predictor.networks = predictor.networks[:1]
    power = predictor.front_end.power(torch.from_numpy(waves))[..., :-1]
    wanted, _ = predictor.probabilities(power, np.zeros(2, np.int64))
    np.testing.assert_allclose(heard.probabilities, wanted, atol=1e-5)

    with workspace.write() as connection:
        connection.execute(runs.update().values(recipe="ensemble"))
    with pytest.raises(ConfigError, match="run 001-demo combines other runs and has no features of its own"):
        resolved(workspace, EmbedRequest("run:001-demo", space="other"))
    with workspace.write() as connection:
        connection.execute(runs.update().values(recipe="demo", status="failed"))
    with pytest.raises(ConfigError, match="run 001-demo is failed; embed with one that is done"):
        resolved(workspace, EmbedRequest("run:001-demo", space="other"))
    workspace.close()
