"""Named things of one kind: formats, scorers, networks, losses."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from labeling.errors import UnknownName

T = TypeVar("T")
MOST_NAMED = 30  # of names in one line, those of a long table's columns or of hundreds of classes
FIRST_NAMED = 10  # shown of more


class Registry(Generic[T]):
    """Names to things of one kind; a misspelt name raises with the names that exist.

    >>> losses = Registry[str]("loss")
    >>> losses.add("bce", "binary cross-entropy")
    >>> losses.get("bse")
    Traceback (most recent call last):
    labeling.errors.UnknownName: unknown loss 'bse'; choose from bce. Did you mean 'bce'?
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register ``thing``; a name taken already raises ValueError."""
        if name in self._things:
            raise ValueError(f"{self.kind} {name!r} is registered twice; rename one of them")
        self._things[name] = thing

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate a function or class to register it under ``name``."""

        def keep(thing: T) -> T:
            self.add(name, thing)
            return thing

        return keep

    def get(self, name: str) -> T:
        """Return the thing called ``name``; raises UnknownName."""
        try:
            return self._things[name]
        except KeyError:
            raise UnknownName(unknown_name(self.kind, name, self.names())) from None

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._things)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(sorted(self._things.items()))


def unknown_name(kind: str, name: str, known: Sequence[str]) -> str:
    """The message for a name that is not known: what exists, and the nearest to it; of many the nearest alone."""
    by_fold = {other.casefold(): other for other in known}
    near = [by_fold[other] for other in difflib.get_close_matches(name.casefold(), by_fold, n=3)]
    if len(known) > MOST_NAMED and near:
        return f"unknown {kind} {name!r}, of {len(known)}. Did you mean {' or '.join(map(repr, near))}?"
    hint = f". Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}; choose from {some_of(known) or '(none yet)'}{hint}"


def some_of(names: Sequence[object], most: int = MOST_NAMED) -> str:
    """Names in one line; of more than ``most`` the first ones, and how many they are."""
    if len(names) <= most:
        return ", ".join(map(str, names))
    return f"{', '.join(map(str, names[: min(most, FIRST_NAMED)]))}, … ({len(names)} in all)"
