"""brought.py: a sound's vectors are kept under its hash, and a damaged file is said to be one."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.errors import ArtefactError, DataError
from labeling.search import brought
from labeling.search.brought import Brought
from labeling.workspace import Workspace
from tests.support.workspaces.planted import FACTS


def test_what_is_kept_is_read_at_length_one(workspace: Workspace) -> None:
    name = brought.sound_name(b"RIFF")
    assert not brought.is_kept(workspace, "toy", name)
    vectors = np.random.default_rng(0).standard_normal((2, FACTS.size)).astype(np.float32)
    brought.keep(workspace, "toy", name, Brought("a \U0001f426.wav", vectors, np.float32([0, 2])))
    assert brought.is_kept(workspace, "toy", name)
    assert brought.read(workspace, FACTS, name).title == "a \U0001f426.wav"
    np.testing.assert_allclose(np.linalg.norm(brought.vectors(workspace, FACTS, name), axis=1), 1, rtol=1e-5)


def test_what_is_not_kept_or_damaged_is_said(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="is no name of a sound"):
        brought.read(workspace, FACTS, "../../etc/passwd")
    with pytest.raises(DataError, match="bring its file again"):
        brought.read(workspace, FACTS, "0" * 16)
    brought.keep(workspace, "toy", "0" * 16, Brought("x", np.zeros((1, 3), np.float32), np.zeros(1, np.float32)))
    with pytest.raises(ArtefactError, match="does not fit space 'toy'"):
        brought.read(workspace, FACTS, "0" * 16)
    (workspace.root / "embeddings" / "sounds" / f"{'0' * 16}.toy.npz").write_bytes(b"PK damaged")
    with pytest.raises(ArtefactError, match="remove it and bring the file again"):
        brought.read(workspace, FACTS, "0" * 16)
