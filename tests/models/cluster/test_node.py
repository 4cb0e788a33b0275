"""node.py and places.py: a node that is not as the machine that leads says so before it does anything."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from labeling.errors import ClusterError
from labeling.workspace import open_workspace
from models.cluster.node import Order, do
from models.cluster.places import place_of
from models.cluster.work import Failed, versions
from models.cluster.work import code_digest as digest
from tests.support import ROOT


def order(wanted: dict[str, str]) -> Order:
    return Order("work", "tests.support.cluster.pieces:small", "good", "cpu", 1, "10.0.0.7 ab12cd", wanted)


def test_another_version_is_refused_by_name() -> None:
    said = do(order(versions() | {"torch": "1.0"}), pickle.dumps(""), "good", lambda told: None, lambda: False)
    assert isinstance(said, Failed)
    here = versions()["torch"]
    assert said.text.startswith(f"node 10.0.0.7 ab12cd has torch {here}, the machine that leads has 1.0; install")
    said = do(order(versions()), pickle.dumps(""), "good", lambda told: None, lambda: False)
    assert isinstance(said, bytes)
    assert pickle.loads(said) == "good"


def test_earmark_s_code_has_one_digest_that_any_change_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    here = digest.__wrapped__()
    assert here == digest()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path == ROOT / "models" / "worker.py"))
    assert digest.__wrapped__() != here


def test_a_node_with_another_folder_is_refused(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w", create=True)
    place = place_of(workspace)
    assert place == place_of(workspace)
    assert place.workspace("n").root == workspace.root
    (workspace.root / ".cluster.json").write_text('{"token": "of another"}')
    with pytest.raises(ClusterError, match=r"node n does not see the folder .*; mount it there under the same path"):
        place.workspace("n")
    workspace.close()
