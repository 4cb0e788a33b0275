"""What the points of a map are coloured by: a number for each stretch, and what the numbers are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.embeddings.space import Space
from labeling.errors import ArtefactError, DataError
from labeling.journal import versions
from labeling.journal.open_cells import open_to
from labeling.landscape.projection import Projection
from labeling.predictions.oof import read_oof
from labeling.quality.scored_run import ScoredRun
from labeling.records import KINDS, USABLE, Labels
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key
from labeling.workspace import Workspace

NONE = 65_535
"""The number of a stretch of which nothing is known; drawn in grey."""
MOST_NAMES = 400
"""Categories with a name of their own, the commonest; the others share one."""
STEPS = 50
"""Of a share, 0 to 1."""
HEARD = 0.5
"""From this probability on a run is taken to say that a class is there."""
METADATA = "metadata:"

#: what -> what it says on the screen
BY: Mapping[str, str] = {
    "class": "Class",
    "kind": "Kind of suspect",
    "p_wrong": "Likely wrong",
    "decided": "Decided",
    "recordist": "Recordist",
    "prediction": "The run's prediction",
    "cluster": "Cluster",
}
OF_RUN = ("kind", "p_wrong", "decided", "prediction")
"""Those for which there must be a scored run."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """``codes`` (N,) uint16 are places in ``names``, NONE where nothing is known; ``names`` are by how many stretches
    have them, the commonest first, or, where ``is_share``, rise from 0 to 1."""

    codes: NDArray[np.uint16]
    names: tuple[str, ...]
    is_share: bool = False

    @property
    def counts(self) -> list[int]:
        """How many stretches have each name."""
        known = self.codes[self.codes != NONE]
        return np.bincount(known, minlength=len(self.names)).tolist()  # type: ignore[no-any-return]


_labels: Kept[Labels] = Kept(2)


def labels_now(connection: Connection) -> Labels:
    """The labels of all usable clips, with all decisions; kept until either changes."""
    newest = connection.scalar(sa.select(sa.func.max(tables.imports.c.created_at)))
    key = engine_key(connection), journal.position(connection), newest
    return _labels.get(key, lambda: versions.labels_at(connection))


def choices(connection: Connection, *, scored: bool, clusters: bool) -> dict[str, str]:
    """What there is to colour by, and what each says on the screen."""
    known = {
        name: words for name, words in BY.items() if (scored or name not in OF_RUN) and (clusters or name != "cluster")
    }
    return known | {f"{METADATA}{column}": column for column in store.metadata_columns(connection)}


def colouring(
    workspace: Workspace,
    connection: Connection,
    space: Space,
    projection: Projection,
    by: str,
    *,
    run: ScoredRun | None = None,
    reviewer: str = "",
) -> Colouring:
    """What colours the stretches of a space.

    A stretch has what is known of its clip: the primary class as it now stands; of its suspects the likeliest wrong
    that is to do (its kind, its likelihood); how much of it is decided; the class that the run finds likeliest.

    Parameters
    ----------
    workspace, connection
        Of one workspace.
    space, projection
        As `projection.read_projection` gives them.
    by : str
        One of `choices`.
    run : ScoredRun, optional
        For what is a run's.
    reviewer : str
        Who looks: what still lacks their look is to do.

    Raises
    ------
    DataError
        There is nothing of this name to colour by, or no scored run for it.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.embeddings.space import ClipVectors, SpaceFacts, append
    >>> from labeling.example import example_workspace
    >>> from labeling.landscape.colouring import colouring
    >>> from labeling.landscape.projection import read_projection
    >>> workspace = example_workspace()
    >>> clips = [ClipVectors(clip_id, "", np.eye(4)[[0]], np.zeros(1), np.ones(1)) for clip_id in (1, 2, 5)]
    >>> append(workspace, SpaceFacts("toy", "imported:toy", "", "", 8000, 1.0, 1.0, 4), clips)
    >>> with workspace.read() as connection:
    ...     found = colouring(workspace, connection, *read_projection(workspace, "toy"), "class")
    >>> found.names, found.codes.tolist()
    (('amecro', 'balori'), [0, 0, 1])
    """
    known = choices(connection, scored=run is not None, clusters=projection.clusters > 0)
    if by not in known:
        raise DataError(unknown_name("colour", by, list(known)))
    clip_ids, row_of = np.unique(space.clip_ids, return_inverse=True)
    if by == "cluster":
        names = [f"cluster {number + 1}" for number in range(projection.clusters)]
        return _named(np.array(["", *names]), projection.cluster + 1)
    if by == "class":
        of_clip = _classes(connection, clip_ids)
    elif by == "recordist":
        of_clip = _column(connection, clip_ids, lambda: tables.clips.c.group_name)
    elif by.startswith(METADATA):
        of_clip = _column(connection, clip_ids, lambda: store.metadata_value(connection, by.removeprefix(METADATA)))
    else:
        assert run is not None
        if by == "p_wrong":
            return _shares(*_likeliest(connection, run, clip_ids, reviewer), row_of)
        if by == "kind":
            _, place = _likeliest(connection, run, clip_ids, reviewer)
            kinds = np.array(["", *KINDS])
            of_clip = kinds[np.where(place >= 0, run.ranking.kind[place] + 1, 0)] if len(run) else kinds[0 * place]
        elif by == "decided":
            of_clip = _decided(connection, run, clip_ids, reviewer)
        else:
            of_clip = _predicted(workspace, connection, run, clip_ids)
    return _named(of_clip, row_of)


def _named(of_group: NDArray[np.str_], group: NDArray[np.integer[Any]]) -> Colouring:
    """A number for the text of each row's ``group`` (a clip, a cluster), the commonest first; "" has none."""
    texts, code = np.unique(of_group, return_inverse=True)
    code = code[group]
    counts = np.bincount(code, minlength=len(texts))
    order = [place for place in np.argsort(-counts, kind="stable").tolist() if texts[place] != ""]
    number = np.full(len(texts), NONE, np.uint16)
    names = [str(texts[place]) for place in order[:MOST_NAMES]]
    number[order[:MOST_NAMES]] = np.arange(len(names))
    if len(order) > MOST_NAMES:
        number[order[MOST_NAMES:]] = len(names)
        names.append(f"{len(order) - MOST_NAMES:,} others")
    return Colouring(number[code].astype(np.uint16), tuple(names))


def _shares(likely: NDArray[np.float32], place: NDArray[np.int64], row_of: NDArray[np.int64]) -> Colouring:
    steps = np.where(place >= 0, np.rint(likely * STEPS), NONE).astype(np.uint16)
    return Colouring(steps[row_of], tuple(f"{step / STEPS:.2f}" for step in range(STEPS + 1)), is_share=True)


def _classes(connection: Connection, clip_ids: NDArray[np.int64]) -> NDArray[np.str_]:
    labels = labels_now(connection)
    of_clip = np.full(len(clip_ids), "", dtype=object)
    if len(labels.clip_ids) and labels.classes:
        at, there = _places(labels.clip_ids, clip_ids)
        first = np.where(labels.primary >= 0, labels.primary, np.where(
            labels.present.any(axis=1), labels.present.argmax(axis=1), -1))  # fmt: skip
        names = {known.code: known.name for known in store.all_classes(connection)}
        of_class = np.array([*(names.get(code, code) for code in labels.classes), ""], dtype=object)
        of_clip[there] = of_class[first[at[there]]]
    return of_clip.astype(str)


def _column(
    connection: Connection, clip_ids: NDArray[np.int64], column: Callable[[], sa.ColumnElement[str]]
) -> NDArray[np.str_]:
    clips = tables.clips.c
    query = sa.select(clips.id, column()).where(clips.status.in_(USABLE)).order_by(clips.id)
    rows = db.fetch(connection, query)
    known = np.array([row[0] for row in rows], np.int64)
    of_clip = np.full(len(clip_ids), "", dtype=object)
    if len(known):
        at, there = _places(known, clip_ids)
        texts = np.array(["" if text is None else str(text)[:200] for _, text in rows], dtype=object)
        of_clip[there] = texts[at[there]]
    return of_clip.astype(str)


def _likeliest(
    connection: Connection, run: ScoredRun, clip_ids: NDArray[np.int64], reviewer: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Of each clip the likelihood of its likeliest suspect that is to do, and its place in the ranking (-1: none)."""
    best, place = np.full(len(clip_ids), -1, np.float32), np.full(len(clip_ids), -1, np.int64)
    if not len(run) or not len(clip_ids):
        return best, place
    at, there = _places(clip_ids, run.ranking.clip_id)
    there &= ~_is_decided(connection, run, reviewer)
    of_suspect = np.flatnonzero(there)
    order = of_suspect[np.argsort(run.probability[of_suspect], kind="stable")]  # the likeliest is written last
    best[at[order]], place[at[order]] = run.probability[order], order
    return best, place


def _decided(connection: Connection, run: ScoredRun, clip_ids: NDArray[np.int64], reviewer: str) -> NDArray[np.str_]:
    """Of each clip whether its suspects are all decided, some, or none."""
    if not len(run) or not len(clip_ids):
        return np.full(len(clip_ids), "")
    at, there = _places(clip_ids, run.ranking.clip_id)
    done = _is_decided(connection, run, reviewer)
    every = np.bincount(at[there], minlength=len(clip_ids))
    decided = np.bincount(at[there & done], minlength=len(clip_ids))
    words = np.array(["", "to do", "some decided", "all decided"])
    return words[np.where(every == 0, 0, np.where(decided == 0, 1, np.where(decided < every, 2, 3)))]


def _is_decided(connection: Connection, run: ScoredRun, reviewer: str) -> NDArray[np.bool_]:
    cells = db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id))
    is_open = open_to(connection, reviewer)
    done = np.zeros(len(run), bool)
    done[run.ranking.place([tuple(cell) for cell in cells if not is_open.holds(*cell)])] = True
    return done


def _predicted(
    workspace: Workspace, connection: Connection, run: ScoredRun, clip_ids: NDArray[np.int64]
) -> NDArray[np.str_]:
    of_clip = np.full(len(clip_ids), "", dtype=object)
    path = workspace.run_dir(run.run_id) / "oof.zarr"
    try:
        oof = read_oof(path)
    except ArtefactError as problem:
        raise DataError(
            f"the predictions of run {run.run_id} are not here ({problem}); choose another colour"
        ) from None
    order = np.argsort(oof.clip_ids)
    at, there = _places(oof.clip_ids[order], clip_ids)
    if not len(oof.clip_ids) or not oof.classes:
        return of_clip.astype(str)
    names = {known.code: known.name for known in store.all_classes(connection)}
    of_class = np.array([names.get(code, code) for code in oof.classes], dtype=object)
    best = oof.clipwise.argmax(axis=1)
    said = np.where(oof.clipwise.max(axis=1) >= HEARD, of_class[best], f"none from {HEARD:g} on")
    of_clip[there] = said[order][at[there]]
    return of_clip.astype(str)


def _places(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each of ``wanted`` stands among the rising ``known``, and whether it is there."""
    if not len(known):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return at, known[at] == wanted
