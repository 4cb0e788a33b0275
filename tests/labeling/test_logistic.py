"""logistic.py: as SciPy has it, far out too, and in the type that was given."""

import numpy as np
import pytest
from scipy.special import expit

from labeling.logistic import sigmoid, softplus


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_as_scipy_has_it_without_a_warning(kind: type[np.floating]) -> None:
    x = np.concatenate([np.linspace(-90, 90, 2001), [-1e4, 1e4]]).astype(kind)
    with np.errstate(all="raise", under="ignore"):
        found, loss = sigmoid(x), softplus(x)
    assert found.dtype == loss.dtype == kind
    np.testing.assert_allclose(found, expit(x), rtol=1e-5, atol=1e-34)
    np.testing.assert_allclose(loss, np.logaddexp(0, x.astype(np.float64)), rtol=1e-6, atol=1e-37)
