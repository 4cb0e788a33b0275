"""panns.py: the features under the attention of a released Cnn14, by path; another file is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from labeling.errors import ConfigError
from labeling.workspace import Workspace
from models.frozen import panns
from models.frozen.contract import window_samples
from models.inputs.features import FrontEnd
from models.networks import panns as networks


@pytest.mark.parametrize("kind", ["Att", "Max"])
def test_a_released_file_gives_the_mean_of_its_features(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(networks, "WIDTHS", (2, 2, 2, 2, 2, 16))
    torch.manual_seed(0)
    network = getattr(networks, f"Cnn14DecisionLevel{kind}")(5, n_mels=64).eval()
    weights = dict(network.state_dict()) | {"logmel_extractor.melW": FrontEnd(panns.RELEASED).mel.T.clone()}
    torch.save({"model": weights}, tmp_path / "cnn14.pth")
    model = panns.load(workspace, str(tmp_path / "cnn14.pth"), "cpu")
    assert (model.sample_rate, window_samples(model), model.size, model.classes) == (32000, 160000, 16, ())
    waves = np.random.default_rng(0).normal(size=(2, 160000)).astype(np.float32)
    with torch.no_grad():
        power = model.front_end.power(torch.from_numpy(waves))[..., :-1]
        features = network.embed(model.front_end.planes(power)).mean(2)
    np.testing.assert_allclose(model.hear(waves).vectors, features.numpy(), atol=1e-5)
    assert features.std() > 0


def test_another_file_is_said(workspace: Workspace, tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="neither Cnn14_DecisionLevelAtt nor Cnn14_DecisionLevelMax"):
        panns.load(workspace, str(tmp_path / "w.pth"), "cpu")
