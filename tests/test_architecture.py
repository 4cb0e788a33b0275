"""Who may import whom, and the few rules that every file keeps. Nowhere else."""

from __future__ import annotations

import ast
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("labeling", "models", "pages")
SOURCES = [*sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")), ROOT / "app.py"]
TESTS = sorted((ROOT / "tests").glob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))

#: package -> the others of ours that it may import; nothing imports upwards
MAY_IMPORT = {"labeling": set[str](), "models": {"labeling"}, "pages": {"labeling", "models"}}
#: what pages may know of models: no networks
TORCH_FREE_MODELS = {
    "models", "models.combination", "models.config", "models.jobs", "models.rounds", "models.same_folds",
    "models.settings", "models.stages",
    *(f"models.config.{path.stem}" for path in (ROOT / "models" / "config").glob("*.py") if path.stem != "__init__"),
}  # fmt: skip
#: foreign packages that a package of ours does without
WITHOUT = {"labeling": {"torch", "timm", "streamlit"}, "models": {"streamlit"}, "pages": {"torch", "timm"}}

MAX_LINES = 430
#: tests that are no module's twin
OWN_TESTS = {"architecture", "loop", "browser", "pages", "bad_input"}


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function; ``from a import b`` gives a and a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} line {node.lineno}: import by full names"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    package = name_of(path).split(".")[0]
    if package == "app":
        package = "pages"
    for name in imported(path):
        top = name.split(".")[0]
        assert top not in WITHOUT[package], f"{path} imports {name}"
        assert top not in {"tests", "benchmarks", "app"}, f"{path} imports {name}"
        if top in PACKAGES:
            assert top == package or top in MAY_IMPORT[package], f"{path} imports {name}"
        if package == "pages" and top == "models" and (ROOT / Path(*name.split("."))).with_suffix(".py").exists():
            assert name in TORCH_FREE_MODELS, f"{path} imports {name}, which may load torch"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_labeling_loads_neither_torch_nor_streamlit() -> None:
    names = [name_of(path) for path in SOURCES if name_of(path).split(".")[0] == "labeling"]
    names += sorted(TORCH_FREE_MODELS)
    names = [name for name in names if not name.endswith("__main__") and ".migrations" not in name]
    loaded = run(
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    ).split()
    assert "labeling.journal" in loaded
    assert "models.config" in loaded
    assert not {"torch", "timm", "streamlit"} & set(loaded)


@pytest.mark.parametrize("words", ["labeling", "labeling import", "labeling score", "models", "models train"])
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
    assert f"usage: python -m {words} " in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "argparse" in loaded
    assert not {"torch", "pandas", "librosa", "sklearn", "streamlit", "cleanlab"} & loaded
    assert taken < 2.0  # about half a second; the budget is 1 s on an idle machine


@pytest.mark.parametrize("path", SOURCES + BENCHMARKS + TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_says_what_it_holds_and_holds_one_thing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path in TESTS or ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert len(text.splitlines()) <= MAX_LINES, f"{path} holds two concepts"


@pytest.mark.parametrize("path", sorted((ROOT / "pages").rglob("*.[jc]s*")), ids=lambda path: path.name)
def test_scripts_and_styles_are_short_too(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_every_test_is_the_twin_of_a_module() -> None:
    modules = {path.parent.name if path.stem == "__init__" else path.stem for path in SOURCES} | {"main"}
    for path in TESTS:
        name = path.stem.removeprefix("test_")
        if name == path.stem:
            continue  # what tests share
        twin = name in modules or any(name.startswith(f"{module}_") for module in modules)
        assert twin or name in OWN_TESTS, f"{path} tests no module; name it after the one that it tests"


def test_the_map_of_labeling_names_every_module_and_no_other() -> None:
    """So that a reader who looks for something finds it from ``labeling/__init__.py``."""
    folder = ROOT / "labeling"
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    words = set(re.findall(r"[a-z_]+\.py|[a-z_]+/", told))
    modules = {path.name for path in folder.glob("*.py") if not path.stem.startswith("__")}
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert modules | packages <= words, f"labeling/__init__.py does not name {sorted((modules | packages) - words)}"
    named = {word for word in words if word.endswith(".py")}
    assert named <= modules, f"labeling/__init__.py names {sorted(named - modules)}, which is not there"


def test_every_module_of_evidence_has_a_twin() -> None:
    """What decides the order of the queue is tested where its name says."""
    tested = {path.stem.removeprefix("test_") for path in TESTS}
    source = (ROOT / "labeling" / "disagreement.py", ROOT / "labeling" / "scoring.py")
    used = {name.split(".")[1] for path in source for name in imported(path) if name.startswith("labeling.")}
    ours = {name for name in used if (ROOT / "labeling" / f"{name}.py").exists()} - {"errors", "records"}
    assert {"evidence", "gathering", "noise_model", "several_runs", "neighbours", "training_dynamics"} <= ours
    for name in ours:
        assert any(one == name or one.startswith(f"{name}_") for one in tested), f"labeling/{name}.py has no tests"


def test_every_package_is_what_it_is_called() -> None:
    """No file of ours hides an installed package, and none lies outside the house."""
    allowed = {"labeling", "models", "pages", "tests", "benchmarks", "docs"}
    for path in ROOT.glob("*/*.py"):
        assert path.parent.name in allowed, f"{path} lies outside the house"
