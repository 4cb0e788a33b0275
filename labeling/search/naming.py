"""A query in the names that people use: clips by their file names, stretches as NAME@FROM-TO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.embeddings.space import list_spaces
from labeling.errors import DataError
from labeling.registry import unknown_name
from labeling.search.query import Example, Query
from labeling.workspace import Workspace

Stretch = tuple[str, float, float]


@dataclass(frozen=True)
class NamedQuery:
    """A query, and the file name of every clip by its id."""

    query: Query
    names: Mapping[int, str]


def read_stretch(text: str) -> Stretch:
    """``XC1.ogg@3.4-5.7`` as a name, and onset and offset in seconds. Raises DataError for what is none.

    >>> read_stretch("a@b/XC1.ogg@3.4-5.7")
    ('a@b/XC1.ogg', 3.4, 5.7)
    """
    name, _, times = text.rpartition("@")
    begin, _, end = times.partition("-")
    try:
        return _checked(name), float(begin), float(end)
    except ValueError:
        raise DataError(
            f"stretch {text[:80]!r} is none; write FILE@FROM-TO in seconds, such as XC1.ogg@3.4-5.7"
        ) from None


def _checked(name: str) -> str:
    if not name:
        raise ValueError(name)
    return name


def query_named(
    workspace: Workspace,
    connection: Connection,
    like: Sequence[Stretch],
    unlike: Sequence[Stretch] = (),
    *,
    class_code: str = "",
    verified: bool = False,
    space: str = "",
    which: str = "missing",
    among: str = "all",
    order: str = "alike",
) -> NamedQuery:
    """The query of `finding.more_like`; without a space, of the first by name. Raises DataError for an unknown name."""
    ids = store.clip_ids_by_filename(connection)
    if not space:
        spaces = list_spaces(workspace)
        if not spaces:
            raise DataError("there is no space to search in; make one: earmark embed aisfx -w W")
        space = spaces[0].name

    def example(stretch: Stretch, is_like: bool) -> Example:
        name, onset_s, offset_s = stretch
        if name not in ids:
            raise DataError(unknown_name("clip", name, sorted(ids)))
        return Example(ids[name], float(onset_s), float(offset_s), is_like)

    examples = [example(one, True) for one in like] + [example(one, False) for one in unlike]
    query = Query(space, class_code, tuple(examples), (), verified, which=which, among=among, order=order)
    return NamedQuery(query, {clip_id: name for name, clip_id in ids.items()})
