"""The examples in the docstrings say what is true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.support import ROOT


def with_examples() -> list[str]:
    """The modules whose docstrings hold examples."""
    paths = sorted(
        path for package in ("labeling", "models", "pages", "earmark") for path in (ROOT / package).rglob("*.py")
    )
    files = [path.relative_to(ROOT) for path in paths if "    >>> " in path.read_text(encoding="utf-8")]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]


@pytest.mark.parametrize("module", with_examples())
def test_the_examples_of_a_module_are_true(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, attempted = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert not failed
    assert attempted
