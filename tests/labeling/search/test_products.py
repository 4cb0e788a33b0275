"""products.py: the products are those of numpy, whatever the shape, and over several blocks."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.search import products as module
from labeling.search.products import products


@pytest.mark.parametrize(("rows", "size", "others"), [(1, 7, 1), (300, 512, 3), (257, 100, 17), (0, 8, 2), (5, 8, 0)])
def test_they_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, rows: int, size: int, others: int) -> None:
    monkeypatch.setattr(module, "BLOCK", 64)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((rows, size)).astype(np.float16)
    with_these = rng.standard_normal((others, size)).astype(np.float16)
    vectors.setflags(write=False)
    expected = vectors.astype(np.float32) @ with_these.astype(np.float32).T
    np.testing.assert_allclose(products(vectors, with_these.astype(np.float32)), expected, atol=1e-3)
