"""projection.py: a map that is kept is read back, and is out of date once the space changed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from labeling.embeddings.space import ClipVectors, append, join_parts, open_space, remove_space, space_path
from labeling.errors import ArtefactError, DataError, UnknownName
from labeling.landscape.principal import principal_components
from labeling.landscape.projection import (
    has_projection,
    is_out_of_date,
    keep_projection,
    on_a_square,
    read_projection,
    space_digest,
)
from labeling.workspace import Workspace
from tests.support.workspaces.planted import FACTS, plant


def keep(workspace: Workspace, seed: int = 0) -> np.ndarray:
    rows = len(open_space(workspace, "toy"))
    positions = np.random.default_rng(seed).standard_normal((rows, 2))
    keep_projection(
        workspace, "toy", space_digest(workspace, "toy"), positions, np.arange(rows) % 3 - 1, {"seed": seed}
    )
    return positions


def test_before_one_is_made_the_principal_components_are_shown(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    space, shown = read_projection(workspace, "toy")
    assert (shown.method, shown.clusters, has_projection(workspace, "toy")) == ("PCA", 0, False)
    np.testing.assert_array_equal(shown.places, on_a_square(principal_components(space.vectors)))
    assert read_projection(workspace, "toy")[1] is shown  # worked out once


def test_one_that_is_kept_is_shown_with_how_it_was_made(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    positions = keep(workspace, seed=7)
    _, shown = read_projection(workspace, "toy")
    assert (shown.method, shown.settings, shown.clusters) == ("UMAP", {"seed": 7}, 2)
    np.testing.assert_array_equal(shown.places, on_a_square(positions.astype(np.float32)))
    name = shown.name
    keep(workspace, seed=8)
    assert read_projection(workspace, "toy")[1].name != name
    keep(workspace, seed=7)
    assert read_projection(workspace, "toy")[1].name == name


def test_a_space_that_changed_has_no_map_any_more(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    keep(workspace)
    new = ClipVectors(3, "another sound", np.ones((2, FACTS.size)), np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    append(workspace, FACTS, [new])
    assert (has_projection(workspace, "toy"), is_out_of_date(workspace, "toy")) == (False, True)
    space, shown = read_projection(workspace, "toy")
    assert (shown.method, len(shown)) == ("PCA", len(space))
    join_parts(workspace, "toy", most=1)
    keep(workspace)
    assert not is_out_of_date(workspace, "toy")
    remove_space(workspace, "toy")
    with pytest.raises(UnknownName):
        read_projection(workspace, "toy")


def test_one_that_is_damaged_says_what_to_do(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    keep(workspace)
    path = space_path(workspace, "toy") / "map"
    (path / "positions" / "c" / "0" / "0").write_bytes(b"no floats")
    with pytest.raises(ArtefactError, match="make the map again"):
        read_projection(workspace, "toy")
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["format_version"] = 99
    (path / "zarr.json").write_text(json.dumps(document))
    assert not has_projection(workspace, "toy")  # of a later Earmark: its own map is another matter


def test_what_is_no_map_is_not_kept(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    for positions in (np.zeros((3, 3)), np.zeros((2, 2)), np.full((3, 2), np.nan)):
        with pytest.raises(DataError, match="two finite numbers each"):
            keep_projection(workspace, "toy", "x", positions, np.zeros(3), {})
    assert not has_projection(workspace, "toy")


def test_a_square_keeps_the_shape() -> None:
    """Twice as wide as high stays so, in the middle; one point alone is in the middle of all."""
    np.testing.assert_array_equal(on_a_square(np.array([[5.0, 5.0]])), [[32768, 32768]])
    wide = on_a_square(np.array([[0.0, 0.0], [10.0, 5.0], [5.0, 2.5]])).astype(int)
    assert (wide[1] - wide[0])[0] == pytest.approx(2 * (wide[1] - wide[0])[1], abs=2)
    np.testing.assert_allclose(wide[2], [32768, 32768], atol=1)
