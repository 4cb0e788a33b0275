"""Where nodes find what the machine that leads has: the workspace's folder, seen by all under one path, or its store.

On a shared disk a token in the folder tells whether a node sees the same one. With a store on S3 each node has copies
of its own, below ``~/.cache/earmark/cluster`` or what EARMARK_CLUSTER_CACHE names, and no disk is shared.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from labeling.errors import ClusterError
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

CACHE_VARIABLE = "EARMARK_CLUSTER_CACHE"
TOKEN_FILE = ".cluster.json"


@dataclass(frozen=True)
class Place:
    """A workspace as nodes are told of it; ``token`` is "" where they share a store."""

    root: str
    database_url: str
    store_url: str
    store_cache_gb: float
    token: str

    def workspace(self, node: str) -> Workspace:
        """The workspace on this node, its files alone: nobody asks the database here.

        Raises ClusterError where the node does not see the folder.
        """
        if self.store_url:
            name = hashlib.sha256(self.store_url.encode()).hexdigest()[:12]
            cache = os.environ.get(CACHE_VARIABLE) or "~/.cache/earmark/cluster"
            root = Path(cache).expanduser() / name
            root.mkdir(parents=True, exist_ok=True)
            return Workspace(root, self.database_url, store_url=self.store_url, store_cache_gb=self.store_cache_gb)
        folder = Path(self.root)
        try:
            found = json.loads((folder / TOKEN_FILE).read_text(encoding="utf-8"))["token"]
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        if found != self.token:
            raise ClusterError(
                f"node {node} does not see the folder {folder} of the machine that leads; mount it there under the "
                "same path, or give the workspace a store that all machines reach: earmark store set s3://..."
            )
        return Workspace(folder, self.database_url)


def place_of(workspace: Workspace) -> Place:
    """The workspace for nodes; on a shared disk its folder gets the token, the same for all work of this workspace."""
    token = ""
    if workspace.shared is None:
        file = workspace.root / TOKEN_FILE
        try:
            token = str(json.loads(file.read_text(encoding="utf-8"))["token"])
        except (OSError, ValueError, KeyError, TypeError):
            token = uuid.uuid4().hex
            write_atomically(file, json.dumps({"token": token}).encode())
    return Place(str(workspace.root), "sqlite://", workspace.store_url, workspace.store_cache_gb, token)
