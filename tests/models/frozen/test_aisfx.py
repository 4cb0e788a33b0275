"""aisfx.py: the vectors are those that the package itself gives, and its file runs no code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from labeling.errors import ConfigError
from labeling.workspace import Workspace
from models.frozen import aisfx
from models.frozen.contract import window_samples


def test_vectors_are_those_of_the_package(workspace: Workspace, tmp_path: Path) -> None:
    from aisfx.models.cnn2d import EmbeddingNet
    from aisfx.preprocessing import blocking, spectrogram_normalize
    from aisfx.spectrogram.spectrogram_librosa import compute_spectrogram

    time_s = np.arange(4 * 44100) / 44100
    rng = np.random.default_rng(0)
    wave = rng.normal(size=len(time_s)) * 0.05 + np.sin(2 * np.pi * (300 + 700 * time_s) * time_s) * np.sin(3 * time_s)
    wave = (wave / np.abs(wave).max()).astype(np.float32)  # the package brings each file to its loudest
    soundfile.write(tmp_path / "a.wav", wave, 44100, subtype="FLOAT")
    mel = compute_spectrogram(str(tmp_path / "a.wav"), 44100.0, 2048, 1024, 96, 0.0, 22050.0)
    blocks = blocking(spectrogram_normalize(mel.T), 100, 50, True)[1:]  # the first one's first frame is padded
    network = EmbeddingNet("max", 3, 1, 64)
    network.load_state_dict(aisfx._weights(aisfx.package_folder("aisfx") / "models" / "checkpoint.pth"))
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(blocks).float()).numpy()

    model = aisfx.load(workspace, "", "cpu")
    starts = np.arange(1, len(blocks) + 1) * 50 * 1024 - 1024
    got = model.hear(np.stack([wave[at : at + aisfx.SAMPLES] for at in starts])).vectors
    assert got.shape == (len(blocks), 512) == (1, 512)
    np.testing.assert_allclose(got, wanted, atol=1e-4)
    assert (window_samples(model), model.licence) == (103424, "CC BY 4.0")
    assert len(model.weights_sha256) == 64


def test_a_damaged_file_of_weights_is_said(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "checkpoint.pth").write_bytes(b"\x80\x02cos\nsystem\nq\x00.")  # a pickle that would run code
    monkeypatch.setattr(aisfx, "package_folder", lambda name: tmp_path)
    with pytest.raises(ConfigError, match=r"cannot be read.*install it again"):
        aisfx.load(workspace, "", "cpu")
