"""principal.py: the axes are those of scikit-learn's PCA, and a larger space is projected like a small one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from labeling.landscape import principal
from labeling.landscape.principal import principal_components


def made(rows: int = 400, size: int = 12) -> np.ndarray:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((rows, size)) * np.r_[4, 2.5, np.ones(size - 2)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def test_they_are_those_of_scikit_learn() -> None:
    vectors = made()
    ours = principal_components(vectors, 3)
    theirs = PCA(3).fit_transform(vectors.astype(np.float64))
    signs = np.sign((ours * theirs).sum(axis=0))
    np.testing.assert_allclose(ours, theirs * signs, atol=2e-3)  # axes are rounded to float16, as vectors are


def test_of_a_larger_space_some_rows_say_the_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = made(4_000)
    whole = principal_components(vectors)
    monkeypatch.setattr(principal, "MOST_ROWS", 1_000)
    some = principal_components(vectors)
    assert some.shape == whole.shape
    for axis in range(2):
        assert np.corrcoef(whole[:, axis], some[:, axis])[0, 1] > 0.9


def test_small_and_odd_spaces_have_a_place_too() -> None:
    assert principal_components(np.zeros((0, 5), np.float16)).shape == (0, 2)
    np.testing.assert_array_equal(principal_components(np.zeros((3, 5), np.float16)), np.zeros((3, 2)))
    assert principal_components(np.ones((4, 1), np.float16)).shape == (4, 2)
