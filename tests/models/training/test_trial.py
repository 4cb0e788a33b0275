"""models/training/trial.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from models.config import load_recipe, recipe_to_toml
from models.training.trial import REFUSED, main
from tests.support.training.tiny import SETTINGS


def test_the_exit_status_says_whether_a_network_can_be_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(recipe_to_toml(load_recipe("demo", SETTINGS)), encoding="utf-8")
    assert main(["cpu", str(recipe)]) == 0
    assert main(["tpu", str(recipe)]) == REFUSED
    assert capsys.readouterr().out == "unknown device 'tpu'; choose from auto, cpu, cuda\n"
