"""A map of a space, as it is kept: ``embeddings/NAME.zarr/map``, beside the vectors that it was made of.

========= =============== ======================================================================
array     shape           content
========= =============== ======================================================================
positions (N, 2) float32  where each row of the space lies
cluster   (N,) int32      which cluster each row is in, -1 for none
========= =============== ======================================================================

Its attributes say how it was made, with which seed, and of which parts of the space: once the space has others, the map
is out of date and is not shown. Until there is one that holds, the first two principal components are the map.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import Space, open_space, part_names, space_path, tree_of
from labeling.errors import ArtefactError, DataError
from labeling.landscape.principal import principal_components
from labeling.storage.arrays import create_array, open_folder, read_array, written_beside
from labeling.storage.kept import Kept
from labeling.workspace import Workspace

FORMAT_VERSION = 1
FOLDER = "map"
PRINCIPAL, NEIGHBOURING = "PCA", "UMAP"
"""By which way a map was made."""
SIDE = 65_535
"""The map is a square of so many units, in which all positions are whole numbers."""
MARGIN = 0.03
NOWHERE = -1
"""The cluster of what is in none."""


@dataclass(frozen=True, eq=False)
class Projection:
    """A map. ``places`` (N, 2) uint16 are the rows of the space on a square of SIDE units, ``cluster`` (N,) int32.

    ``name`` is another once anything in it is another. ``settings`` are what it was made with, of the seed on.
    """

    name: str
    method: str
    settings: Mapping[str, Any]
    places: NDArray[np.uint16]
    cluster: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def clusters(self) -> int:
        """How many there are."""
        return int(self.cluster.max(initial=NOWHERE)) + 1


_PROJECTIONS: Kept[Projection] = Kept(8, lambda one: one.places.nbytes + one.cluster.nbytes, 1 << 30)


def space_digest(workspace: Workspace, name: str) -> str:
    """What stands for all that a space holds: another text once anything in it changed."""
    return hashlib.sha256("\n".join(part_names(workspace, name)).encode()).hexdigest()[:12]


def keep_projection(
    workspace: Workspace,
    name: str,
    digest: str,
    positions: NDArray[np.floating[Any]],
    cluster: NDArray[np.integer[Any]],
    settings: Mapping[str, Any],
) -> None:
    """Keep the map of a space, in the place of any that was there.

    ``positions`` (N, 2) and ``cluster`` (N,) are of all rows of the space as it was when it had this ``digest``. Raises
    DataError where they are no positions, WorkspaceFull, WorkspaceReadOnly.
    """
    import zarr

    if positions.shape != (len(cluster), 2) or not np.isfinite(positions).all():
        raise DataError(f"a map of shape {positions.shape} for {len(cluster)} stretches: two finite numbers each")
    with written_beside(_path(workspace, name)) as beside:
        group = zarr.open_group(str(beside), mode="w", zarr_format=3)
        for key, values in (("positions", positions.astype(np.float32)), ("cluster", cluster.astype(np.int32))):
            create_array(group, key, values.shape, values.dtype)[:] = values
        group.attrs.update({
            "format_version": FORMAT_VERSION, "of": digest, "method": NEIGHBOURING, "settings": dict(settings),
        })  # fmt: skip
    workspace.publish(tree_of(name))


def has_projection(workspace: Workspace, name: str) -> bool:
    """Whether there is a map of the space as it is now."""
    try:
        _, attributes = open_folder(_path(workspace, name), "", FORMAT_VERSION)
    except ArtefactError:
        return False
    return bool(attributes.get("of") == space_digest(workspace, name))


def is_out_of_date(workspace: Workspace, name: str) -> bool:
    """Whether a map was made, and the space has changed since."""
    return _path(workspace, name).is_dir() and not has_projection(workspace, name)


def read_projection(workspace: Workspace, name: str) -> tuple[Space, Projection]:
    """A space and its map: the one that was made of it as it is, else its first two principal components.

    Raises UnknownName where there is no such space, ArtefactError where one of both is damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.embeddings.space import ClipVectors, SpaceFacts, append
    >>> from labeling.example import example_workspace
    >>> from labeling.landscape.projection import keep_projection, read_projection, space_digest
    >>> workspace = example_workspace()
    >>> clip = ClipVectors(1, "", np.eye(4)[:3], np.arange(3), np.arange(3) + 1)
    >>> append(workspace, SpaceFacts("toy", "imported:toy", "", "", 8000, 1.0, 1.0, 4), [clip])
    >>> read_projection(workspace, "toy")[1].method
    'PCA'
    >>> at = np.array([[0, 0], [1, 0], [0, 1]])
    >>> keep_projection(workspace, "toy", space_digest(workspace, "toy"), at, np.zeros(3), {"seed": 0})
    >>> made = read_projection(workspace, "toy")[1]
    >>> made.method, made.clusters
    ('UMAP', 1)
    """
    space, digest = open_space(workspace, name), space_digest(workspace, name)
    path = _path(workspace, name)
    if has_projection(workspace, name):
        # the folder is written anew each time, and is another one then
        stamp = path.stat().st_mtime_ns
        found = _PROJECTIONS.get((path, digest, stamp), lambda: _read(path, len(space)))
    else:
        found = _PROJECTIONS.get((path, digest, PRINCIPAL), lambda: _principal(space))
    return space, found


def _read(path: Path, rows: int) -> Projection:
    remedy = f"remove {path} and make the map again"
    group, attributes = open_folder(path, remedy, FORMAT_VERSION)
    positions, cluster = (read_array(group, name, path, remedy) for name in ("positions", "cluster"))
    if positions.shape != (rows, 2) or cluster.shape != (rows,) or not np.isfinite(positions).all():
        raise ArtefactError(f"{path} is a map of other stretches than the space's; {remedy}")
    settings = attributes.get("settings")
    return _projection(
        str(attributes.get("method", NEIGHBOURING)), settings if isinstance(settings, dict) else {}, positions,
        cluster.astype(np.int32),
    )  # fmt: skip


def _principal(space: Space) -> Projection:
    positions = principal_components(space.vectors)
    return _projection(PRINCIPAL, {}, positions, np.full(len(space), NOWHERE, np.int32))


def _projection(
    method: str, settings: Mapping[str, Any], positions: NDArray[np.floating[Any]], cluster: NDArray[np.int32]
) -> Projection:
    places = on_a_square(positions)
    for array in (places, cluster):
        array.setflags(write=False)
    name = hashlib.sha256(places.tobytes() + cluster.tobytes()).hexdigest()[:8]
    return Projection(name, method, dict(settings), places, cluster)


def on_a_square(positions: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
    """Positions (N, 2) as whole numbers on a square of SIDE units, with the same scale across and up.

    >>> import numpy as np
    >>> on_a_square(np.array([[0.0, 0.0], [2.0, 1.0]])).tolist()
    [[1966, 17367], [63569, 48168]]
    """
    if not len(positions):
        return np.zeros((0, 2), np.uint16)
    low, high = positions.min(axis=0), positions.max(axis=0)
    width = float((high - low).max()) or 1.0
    share = (positions - (low + high) / 2) / width  # -0.5 to 0.5
    return np.asarray(np.rint((0.5 + share * (1 - 2 * MARGIN)) * SIDE), np.uint16)


def _path(workspace: Workspace, name: str) -> Path:
    return space_path(workspace, name) / FOLDER
