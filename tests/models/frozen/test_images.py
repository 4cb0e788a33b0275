"""images.py: timm's features of log-mel, with weights from a file; what cannot be had is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from labeling.errors import ConfigError
from labeling.workspace import Workspace
from models.frozen import images
from models.frozen.contract import window_samples


@pytest.mark.parametrize("colours", [1, 3])
def test_a_model_looks_at_log_mel_with_the_weights_of_a_file(
    workspace: Workspace, tmp_path: Path, colours: int
) -> None:
    import timm

    torch.manual_seed(0)
    whole = timm.create_model("mobilenetv3_small_050", in_chans=colours, num_classes=7).eval()
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    model = images.load(workspace, f"mobilenetv3_small_050@{tmp_path / 'w.pth'}", "cpu")
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(2, window_samples(model))).astype(np.float32) * np.array([[0.1], [0.2]], np.float32)
    vectors = model.hear(waves).vectors
    assert vectors.shape == (2, model.size)
    with torch.no_grad():
        planes = model.front_end.planes(model.front_end.power(torch.from_numpy(waves))[..., :-1])
        assert 0 <= float(planes.min()) < float(planes.max()) <= 1
        features = whole.forward_head(whole.forward_features(planes.expand(-1, colours, -1, -1)), pre_logits=True)
    np.testing.assert_allclose(vectors, features.numpy(), atol=1e-3)


def test_what_cannot_be_had_is_said(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="unknown timm model 'mobilenetv3_smal'"):
        images.load(workspace, "mobilenetv3_smal", "cpu")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    torch.save({"classifier.weight": torch.zeros(2, 2)}, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"does not fit: .* tensors are missing"):
        images.load(workspace, f"mobilenetv3_small_050@{tmp_path / 'w.pth'}", "cpu")
