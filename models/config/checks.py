"""Bounds of settings: each check raises an error that names the setting, its value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
