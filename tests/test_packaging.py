"""The package that pip makes of the project, and its one command."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from earmark.__main__ import main
from earmark.version import __version__
from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_it_needs_what_requirements_says() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    assert PROJECT["project"]["dependencies"] == wanted


def test_every_package_and_what_is_no_code_goes_in() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) == {"earmark", "labeling", "models", "pages"}
    for source in wheel["force-include"]:
        assert (ROOT / source).is_file()
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_wheel_has_every_file_of_its_packages(tmp_path: Path) -> None:
    """Scripts, styles, types, recipes and migrations too: what is left out is missed by whoever installs it."""
    with zipfile.ZipFile(next(iter(WheelBuilder(str(ROOT)).build(directory=str(tmp_path))))) as wheel:
        names = set(wheel.namelist())
    there = {
        str(path.relative_to(ROOT))
        for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts) and path.name[0] != "."
    }
    assert {Path(name).suffix for name in there} >= {".py", ".js", ".css", ".json", ".toml"}
    assert there <= names
    assert {"earmark/server/app.py", "earmark/server/.streamlit/config.toml"} <= names
    assert f"earmark-{__version__}.dist-info/entry_points.txt" in names


def test_one_command_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    listed = capsys.readouterr().out
    for command in ("app", "demo", "import", "train", "export", "suspects", "formats", "predict"):
        assert re.search(rf"^    {command}\b", listed, re.MULTILINE), command
    assert main(["formats"]) == 0
    assert "birdclef" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["train", "--help"])
    assert ended.value.code == 0
    assert "usage: earmark train" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
    assert "invalid choice: 'nonsense'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert capsys.readouterr().out == f"earmark {__version__}\n"
