"""catalogue.py: every kind loads by its name, and a reference means the same from any folder."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from models.frozen.catalogue import FROZEN, full_reference, parse_reference


@pytest.mark.parametrize("name", FROZEN.names())
def test_every_kind_has_a_loader_and_says_what_it_is(name: str) -> None:
    found = FROZEN.get(name)
    module, _, function = found.loader.partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    assert found.summary
    assert not found.asks or found.licence


def test_a_files_reference_holds_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perch.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert full_reference("perch.toml") == full_reference("file:./perch.toml") == f"file:{tmp_path}/perch.toml"
    assert full_reference("aisfx") == "aisfx"
    assert parse_reference("timm:a@b:c")[1] == "a@b:c"
