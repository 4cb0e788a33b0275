"""[linear]: a linear head on a frozen space, in place of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

from labeling.errors import ConfigError
from models.config.checks import Bound, check_fields

if TYPE_CHECKING:
    from models.config.recipe import Recipe

USES = (
    "data.clips",
    "targets.secondary",
    "targets.secondary_target",
    "train.all_data",
    "train.dynamics",
    "train.seed",
    "predict.neighbours",
    "folds",
    "linear",
    "iterate",
    "track",
)
"""All that a linear head looks at; every other setting describes a network."""


@dataclass(frozen=True)
class LinearConfig:
    """Logistic regression on the vectors of a space, one weight vector a class; see models/linear/head.py."""

    space: str = ""
    """The space whose vectors are read, by its name; empty = a network is trained. Where clips are missing in it, or it
    is named as a frozen model and is not there yet, they are embedded first."""
    sharpness: Annotated[float, Bound(0, 100)] = 3.0
    """How a clip's stretches become its logit: 0 = their mean; the higher, the more the best stretch counts."""
    strength: Annotated[float, Bound(0, 1000)] = 0.0
    """How strongly the weights are pulled towards 0; 0 = chosen by inner folds."""
    inner_folds: Annotated[int, Bound(2, 20)] = 3
    """Into so many folds a fold's training clips are split once more to choose the strength, groups kept whole."""
    cleaning: Annotated[float, Bound(0, 0.5)] = 0.05
    """A second head is trained after this share of the targets of each class, present and absent ones, those that the
    inner folds doubt most, were softened to what these predict; what people decided stays. 0 = no second head."""

    def __post_init__(self) -> None:
        check_fields("linear", self)
        for item in fields(self):
            value = getattr(self, item.name)
            if not self.space and value != item.default:
                raise ConfigError(
                    f"linear.{item.name} = {value!r} but linear.space is empty, so that a network is trained; set "
                    "linear.space, such as to aisfx, or leave it out"
                )


def used(key: str) -> bool:
    """Whether a linear head looks at a setting, by its full key."""
    return any(key == name or key.startswith(f"{name}.") for name in USES)


def check_used(recipe: Recipe) -> None:
    """Raise ConfigError where a recipe with a linear head changes a setting that only a network has."""
    for section in fields(recipe):
        own: Any = getattr(recipe, section.name)
        if not is_dataclass(own):
            continue
        kind: Any = type(own)
        for key, value, usual in _differing(f"{section.name}.", own, kind()):
            if not used(key):
                raise ConfigError(
                    f"{key} = {value!r} describes a network, and linear.space = {recipe.linear.space!r} trains a "
                    f"linear head, which has none; leave it at {usual!r}, or set linear.space = '' to train a network"
                )


def _differing(prefix: str, own: Any, usual: Any) -> Iterator[tuple[str, Any, Any]]:
    for item in fields(own):
        mine, theirs = getattr(own, item.name), getattr(usual, item.name)
        if is_dataclass(mine):
            yield from _differing(f"{prefix}{item.name}.", mine, theirs)
        elif mine != theirs:
            yield prefix + item.name, mine, theirs
