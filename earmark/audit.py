"""Random looks, and how many wrong labels they leave room for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from earmark.scored import scored_run
from labeling.collection import store
from labeling.quality import audit
from labeling.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

LOOK = "random"
"""What the column ``look`` says of cells that chance picked."""


def random_looks(workspace: Workspace, count: int, reviewer: str, run: str = "") -> pd.DataFrame:
    """The next cells that chance picks for a reviewer; see `earmark.Workspace.random_looks`."""
    import pandas as pd

    with workspace.read() as connection:
        scored = scored_run(connection, run)
        drawn = audit.waiting(connection, scored, reviewer, count)
        names = {clip_id: name for name, clip_id in store.clip_ids_by_filename(connection).items()}
    rows = [(names[clip_id], code, LOOK, scored.run_id, scored.scorer) for clip_id, code in drawn]
    return pd.DataFrame(rows, columns=["filename", "class", "look", "run", "scorer"])


def remaining(workspace: Workspace, run: str = "") -> pd.DataFrame:
    """How many wrong labels are left; see `earmark.Workspace.remaining`."""
    import pandas as pd

    with workspace.read() as connection:
        left = audit.remaining(connection, scored_run(connection, run))
    return pd.DataFrame([asdict(part) | {"sentence": part.sentence} for part in left]).set_index("kind")
