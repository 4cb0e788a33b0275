"""Bounds of settings, written on their fields: ``overlap: Annotated[float, Bound(0, 0.95)] = 0.5``.

Each check raises an error that names the setting, its value and what is allowed.
"""

from __future__ import annotations

import itertools
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from labeling.errors import ConfigError, UnknownName
from labeling.registry import unknown_name


def at_least(name: str, value: float, low: float) -> None:
    """Raise ConfigError unless ``value`` is finite and at least ``low``."""
    if not (math.isfinite(value) and value >= low):
        raise ConfigError(f"{name} = {value} must be at least {low:g}")


def within(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ConfigError(f"{name} = {value} must lie between {low:g} and {high:g}")


def one_of(kind: str, value: str, known: Sequence[str]) -> None:
    """Raise UnknownName unless ``value`` is one of ``known``."""
    if value not in known:
        raise UnknownName(unknown_name(kind, value, list(known)))


def ascending(name: str, value: Sequence[float]) -> None:
    """Raise ConfigError unless ``value`` is a range: two numbers, the lower first."""
    if len(value) != 2 or not value[0] <= value[1]:
        raise ConfigError(f"{name} = {list(value)} must be two numbers, the lower first")


@dataclass(frozen=True)
class Bound:
    """A number, or each of several, from ``low`` to ``high``; without ``high`` any finite one from ``low``."""

    low: float
    high: float | None = None

    def check(self, name: str, value: float) -> None:
        """Raise ConfigError for a value outside."""
        if self.high is None:
            at_least(name, value, self.low)
        else:
            within(name, value, self.low, self.high)


@dataclass(frozen=True)
class Above:
    """A number, or each of several, above ``low``."""

    low: float

    def check(self, name: str, value: float) -> None:
        """Raise ConfigError for a value that is not."""
        if not value > self.low:
            raise ConfigError(f"{name} = {value:g} must be above {self.low:g}")


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    words: tuple[str, ...]

    def check(self, name: str, value: str) -> None:
        """Raise UnknownName for another."""
        one_of(name, value, self.words)


def check_fields(section: str, config: Any) -> None:
    """Check each field of a section's dataclass as its annotation says; None is let through."""
    kind: type = type(config)
    for name, bounds in _bounds_of(kind).items():
        value = getattr(config, name)
        items = value if isinstance(value, tuple) else (value,)
        for item, bound in itertools.product(items, bounds):
            if item is not None:
                bound.check(f"{section}.{name}", item)


@cache
def _bounds_of(kind: type) -> Mapping[str, Sequence[Any]]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__ for name, hint in hints.items() if hasattr(hint, "__metadata__")}
