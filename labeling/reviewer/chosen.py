"""Stretches that somebody chose together, on the map say, kept under a short name: a link leads to what they were,
whatever becomes of the map."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.errors import ArtefactError, DataError
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key
from labeling.storage.text import checked
from labeling.workspace import Workspace

MOST = 200_000
"""Stretches of one choice: about a megabyte as it is kept."""
MOST_SIGNS = 200
_NAME = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, eq=False)
class Chosen:
    """Stretches (n,) of a space, by clip and time; ``title`` says in words what was chosen."""

    space: str
    title: str
    clip_id: NDArray[np.int64]
    onset_s: NDArray[np.float32]
    offset_s: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.clip_id)


_kept: Kept[Chosen] = Kept(8)


def keep(workspace: Workspace, chosen: Chosen, reviewer: str) -> str:
    """Keep a choice; returns its name, which is the same for the same choice. Raises DataError for none, or too many.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.example import example_workspace
    >>> from labeling.reviewer import chosen
    >>> workspace = example_workspace()
    >>> two = chosen.Chosen("toy", "two", np.array([3, 3]), np.float32([0, 1]), np.float32([1, 2]))
    >>> name = chosen.keep(workspace, two, "ann")
    >>> with workspace.read() as connection:
    ...     len(chosen.read(connection, name)), chosen.clips(connection, name).tolist()
    (2, [3])
    """
    if not 0 < len(chosen) <= MOST:
        raise DataError(f"{len(chosen):,} stretches are chosen; choose 1 to {MOST:,} at once")
    title = checked(chosen.title, "what was chosen", MOST_SIGNS, least=1)
    out = io.BytesIO()
    clip_id = chosen.clip_id.astype(np.int64)
    onset_s, offset_s = chosen.onset_s.astype(np.float32), chosen.offset_s.astype(np.float32)
    np.savez_compressed(out, allow_pickle=False, clip_id=clip_id, onset_s=onset_s, offset_s=offset_s)
    digest = hashlib.sha256(f"{chosen.space}\n{title}\n".encode("utf-8", "surrogatepass"))
    for data in (clip_id.tobytes(), onset_s.tobytes(), offset_s.tobytes()):
        digest.update(data)
    name = digest.hexdigest()[:16]
    values = {"space": chosen.space, "title": title, "reviewer": reviewer.strip(), "created_at": db.now(),
              "stretches": out.getvalue()}  # fmt: skip
    with workspace.write() as connection:
        db.put_one(connection, tables.chosen_stretches, {"name": name}, values)
    return name


def read(connection: Connection, name: str) -> Chosen:
    """A choice that was kept. Raises DataError where there is none of this name, ArtefactError where it is damaged."""
    table = tables.chosen_stretches.c

    def unpacked() -> Chosen:
        query = sa.select(table.space, table.title, table.stretches).where(table.name == name)
        row = connection.execute(query).first() if _NAME.fullmatch(name) else None
        if row is None:
            raise DataError(
                f"the stretches {name[:40]!r} were not chosen in this workspace; choose them on the map again"
            )
        try:
            with np.load(io.BytesIO(row.stretches), allow_pickle=False) as stored:
                parts = (stored[part] for part in ("clip_id", "onset_s", "offset_s"))
                return Chosen(row.space, row.title, *parts)
        except (OSError, ValueError, KeyError, EOFError) as problem:
            raise ArtefactError(
                f"the stretches {name} cannot be read ({problem}); choose them on the map again"
            ) from None

    return _kept.get((engine_key(connection), name), unpacked)


def clips(connection: Connection, name: str) -> NDArray[np.int64]:
    """The ids of the clips that they lie in, rising; raises as `read`."""
    return np.unique(read(connection, name).clip_id)
