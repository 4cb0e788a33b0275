"""Who may import whom, and the few rules that every file keeps. Nowhere else."""

from __future__ import annotations

import ast
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("labeling", "models", "pages", "earmark")
SOURCES = [*sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")), ROOT / "app.py"]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))

#: package -> the others of ours that it may import; nothing imports upwards
MAY_IMPORT = {
    "labeling": set[str](),
    "models": {"labeling"},
    "pages": {"labeling", "models"},
    "earmark": {"labeling", "models"},
}
#: foreign packages that a package of ours does without
WITHOUT = {
    "labeling": {"torch", "timm", "librosa", "streamlit"},
    "models": {"librosa", "streamlit"},
    "pages": {"torch", "timm", "librosa"},
    "earmark": {"torch", "timm", "librosa", "streamlit"},
}

MAX_LINES = 430
#: tests that are no module's twin: what holds for the whole
OWN_TESTS = {
    "docs",
    "notebooks",
    "architecture",
    "app",
    "bad_input",
    "commandline",
    "loop",
    "examples",
    "packaging",
    "deployment",
}


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path) for path in SOURCES}


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, at its top or inside a function; ``from a import b`` gives a and a.b."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} line {node.lineno}: import by full names"
            assert node.module
            assert node.names[0].name != "*", f"{path} line {node.lineno}: import what is used, by its name"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(names: Iterable[str]) -> set[str]:
    """Those of some names that are modules of ours."""
    return {name for name in names if name in MODULES}


def test_imports_go_one_way() -> None:
    for path in SOURCES:
        package = "pages" if path == ROOT / "app.py" else name_of(path).split(".")[0]
        for name in imported(path):
            top = name.split(".")[0]
            assert top not in WITHOUT[package], f"{path} imports {name}"
            assert top not in {"tests", "benchmarks", "app"}, f"{path} imports {name}"
            if top in PACKAGES:
                assert top == package or top in MAY_IMPORT[package], f"{path} imports {name}"


def test_folders_import_each_other_in_no_circle() -> None:
    """A folder is a floor of the house: what it stands on never stands on it. A file that lies in no folder is one."""

    def floor_of(name: str) -> str:
        parent = name.rpartition(".")[0]
        return name if parent in {"", *PACKAGES} or paths[name].stem == "__init__" else parent

    paths = {name_of(path): path for path in SOURCES}
    below: dict[str, set[str]] = {}
    for name, path in paths.items():
        floors = {floor_of(other) for other in ours(imported(path))} - {floor_of(name), *PACKAGES}
        below.setdefault(floor_of(name), set()).update(floors)
    while below:
        ground = {floor for floor, others in below.items() if not others & below.keys()}
        assert ground, f"these import each other in a circle: {sorted(below)}"
        below = {floor: others for floor, others in below.items() if floor not in ground}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_labeling_and_what_pages_take_of_models_load_neither_torch_nor_streamlit() -> None:
    names = [name_of(path) for path in SOURCES if name_of(path).split(".")[0] == "labeling"]
    pages = (name for path in SOURCES if name_of(path).split(".")[0] in {"pages", "app"} for name in imported(path))
    names += sorted(name for name in ours(pages) if name.split(".")[0] == "models")
    names = [name for name in names if not name.endswith("__main__") and ".migrations" not in name]
    loaded = run(
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    ).split()
    assert "labeling.journal.entries" in loaded
    assert "models.config" in loaded
    assert not {"torch", "timm", "streamlit"} & set(loaded)


@pytest.mark.parametrize("words", ["labeling import", "labeling score", "models train", "earmark app"])
def test_help_is_quick_and_needs_no_torch(words: str) -> None:
    def busy_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = busy_s()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *words.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100"},
    )
    taken = busy_s() - before
    assert done.returncode == 0, done.stderr[-2000:]
    program = words if words.startswith("earmark") else f"python -m {words}"
    assert f"usage: {program} " in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "argparse" in loaded
    assert not {"torch", "pandas", "librosa", "sklearn", "streamlit", "cleanlab"} & loaded
    assert taken < 2.0  # about half a second; the budget is 1 s on an idle machine


def test_every_file_says_what_it_holds_and_holds_one_thing() -> None:
    for path in [*SOURCES, *BENCHMARKS, *TESTS]:
        text = path.read_text(encoding="utf-8")
        assert path in TESTS or ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        assert len(text.splitlines()) <= MAX_LINES, f"{path} holds two concepts"
    for path in [found for found in sorted((ROOT / "pages").rglob("*")) if found.suffix in (".js", ".css", ".ts")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, f"{path} holds two concepts"


def test_every_test_lies_where_its_module_lies() -> None:
    """tests/labeling/journal/test_entries.py, or test_entries_together.py, tests labeling/journal/entries.py."""
    for path in TESTS:
        name = path.stem.removeprefix("test_")
        if name == path.stem or path.is_relative_to(ROOT / "tests" / "browser"):
            continue  # what tests share; and what only a browser shows, which is of many modules
        if path.parent == ROOT / "tests" and name in OWN_TESTS:
            continue
        folder = ROOT / path.parent.relative_to(ROOT / "tests")
        modules = {module.stem for module in folder.glob("*.py")} | {folder.name}
        twin = name in modules or any(name.startswith(f"{module}_") for module in modules)
        assert twin, f"{path} tests no module of {folder}; lay it and name it after the one that it tests"


def test_no_test_imports_another() -> None:
    for path in TESTS:
        for name in imported(path):
            assert not name.rpartition(".")[2].startswith("test_") or ".support" in name, f"{path} imports {name}"
        assert "sys.path" + ".insert" not in path.read_text(encoding="utf-8"), f"{path}: run from the project's root"


def test_every_package_is_what_it_is_called() -> None:
    """No file of ours hides an installed package, and none lies outside the house."""
    allowed = {*PACKAGES, "tests", "benchmarks", "docs"}
    for path in ROOT.glob("*/*.py"):
        assert path.parent.name in allowed, f"{path} lies outside the house"


def test_the_page_of_the_architecture_names_every_folder_in_the_order_of_imports() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tables = page[page.index("## The folders") : page.index("## Where to add")]
    row_of: dict[str, int] = {}
    for row, line in enumerate(tables.splitlines()):
        row_of.update(dict.fromkeys(re.findall(r"`((?:labeling|models|pages)/[\w/]+)/`", line), row))
    folders = {path.parent for path in SOURCES} | {ROOT / "models" / "recipes"}
    folders -= {ROOT, *(ROOT / package for package in PACKAGES)}
    assert set(row_of) == {str(folder.relative_to(ROOT)) for folder in folders}
    for path in SOURCES:
        row = row_of.get(str(path.parent.relative_to(ROOT)))
        for name in ours(imported(path)) if row is not None else ():
            parts = name.split(".")
            below = next((row_of[at] for n in (3, 2) if (at := "/".join(parts[:n])) in row_of), 0)
            assert below <= row or parts[0] != path.parts[len(ROOT.parts)], f"{path} imports {name}, from further down"


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/recipes.md", "docs/README.md", "docs/python.md"],
)
def test_what_the_documentation_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:labeling|models|pages|tests|docs|benchmarks)/[\w./]*)`", text))
    named |= {os.path.normpath(f"{(ROOT / page).parent}/{link}") for link in re.findall(r"\]\(([\w./-]+)\)", text)}
    for name in named:
        assert (ROOT / name).exists(), f"{page} names {name}"
