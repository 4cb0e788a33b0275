"""commands/embedding.py: what there is, what is made, and what cannot be, in words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from labeling.__main__ import main as labeling
from labeling.embeddings.space import open_space
from labeling.example import example_workspace
from labeling.workspace import Workspace
from models.__main__ import main
from models.frozen import catalogue
from models.frozen.jobs import embedding_jobs


@pytest.fixture
def birds() -> Iterator[Workspace]:
    made = example_workspace()
    yield made
    made.close()
    shutil.rmtree(made.root)


def test_a_collection_is_embedded_and_its_space_listed_with_its_licence(
    birds: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", str(birds.root)]
    assert main(["embed", "aisfx", *where, "--processes", "1", "--space", "ears", "--hop", "0.5", "--queue"]) == 0
    assert [job.status for job in embedding_jobs(birds)] == ["queued"]
    assert main(["embed", "aisfx", *where, "--processes", "1", "--space", "ears", "--hop", "0.5"]) == 0
    said = capsys.readouterr().out
    assert "aisfx: weights under CC BY 4.0" in said
    assert "space ears: 12 of 12 new clips, 12 stretches" in said
    assert main(["embed", "ears", *where]) == 0
    assert "space ears: 0 of 0 new clips" in capsys.readouterr().out

    np.savez(birds.root / "v.npz", filenames=["amecro/1.wav"], onset_s=[0.0], offset_s=[2.0], vectors=[[3.0, 4.0]])
    assert labeling(["embeddings", str(birds.root / "v.npz"), "--space", "theirs", "--licence", "CC0", *where]) == 0
    assert "11 clips of the workspace have no vectors in it" in capsys.readouterr().out
    np.testing.assert_allclose(open_space(birds, "theirs").vectors, [[0.6, 0.8]], atol=1e-3)
    assert main(["embed", *where]) == 0
    said = capsys.readouterr().out
    assert "ears                aisfx, 512 numbers each 0.5 s [CC BY 4.0]" in said
    assert "theirs              imported:npz, 2 numbers each 2 s [CC0]" in said


def test_what_cannot_be_is_said(
    birds: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "find_spec", lambda name: True)
    where = ["--workspace", str(birds.root)]
    for words, message in (
        (["embed", "birdnet"], "--accept-licence"),
        (["embed", "aisfix"], "Did you mean 'aisfx'"),
        (["embed", "aisfx", "--hop", "1e9"], "--hop 1e+09 is outside"),
    ):
        assert main([*words, *where]) == 1
        assert message in capsys.readouterr().err
    assert labeling(["embeddings", str(birds.root), "--space", "x", *where]) == 1
    assert "holds no vectors that can be read" in capsys.readouterr().err
    assert embedding_jobs(birds) == []
