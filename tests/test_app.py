"""app.py: which workspace it opens, and that its routes are there."""

import sys
from pathlib import Path

import pytest

from tests.support import ROOT


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["app.py", "--workspace", "birds"], ["birds"]),
        (["app.py", "-w", "birds"], ["birds"]),
        (["app.py", "--workspace=birds=2"], ["birds=2"]),
        (["app.py", "--workspace"], []),
        (["app.py", "--allow=birds"], []),
        (["app.py"], []),
    ],
)
def test_the_workspace_is_named_after_the_two_dashes(
    words: list[str], found: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.chdir(tmp_path)
    import app

    assert app._values(words, "--workspace", "-w") == found
    assert app._values(["app.py", "--allow", "/a", "--allow=/b"], "--allow") == ["/a", "/b"]
