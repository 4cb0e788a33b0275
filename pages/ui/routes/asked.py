"""A request of the player's, once it is known who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeling.errors import DataError
from labeling.people.roles import Person
from labeling.workspace import Workspace

NOBODY = Person("", "nobody")


@dataclass(frozen=True)
class Asked:
    """One request: who asks, of which workspace, with what; ``secret`` signs what this reviewer is given.

    ``person`` has their role, for what within a route asks for more than the route itself.
    """

    workspace: Workspace
    secret: bytes
    reviewer: str
    query: Mapping[str, str]
    path: Mapping[str, Any]
    body: Mapping[str, Any]
    person: Person = NOBODY


class NotFound(DataError):
    """What was asked for is not there."""
