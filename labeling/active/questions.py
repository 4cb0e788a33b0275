"""What to label next: cells that nobody decided, in the order of `orders`, by a head that learned all verdicts so far.

The head is kept while the process lives, and fitted anew from where it was once the journal has grown. Each tenth
question is drawn at random from all that are open: these looks measure what the head is worth (`curve`), which those
that it chose itself cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.active.head import ClipStretches, Head, blank, fit, stretches_of
from labeling.active.known import KnownLabels, known_labels
from labeling.active.orders import ORDERS, Asked, Cells, ask
from labeling.embeddings.space import Space, open_space
from labeling.errors import DataError
from labeling.logistic import sigmoid
from labeling.registry import unknown_name
from labeling.search.products import unit
from labeling.storage.kept import Kept, engine_key
from labeling.workspace import Workspace

MOST = 1_000
RANDOM_EVERY = 10
#: among what -> what it says on the screen
AMONG: Mapping[str, str] = {"unlabelled": "Clips without labels", "all": "All clips"}


@dataclass(frozen=True)
class Question:
    """A cell to label: is the class in the clip? It is heard most in the stretch from ``onset_s`` on, and ``likely`` so
    much there. ``positives``: clips of the class that are known; ``distance`` as in `orders`, None where the order does
    not look at it. ``at_random``: chance drew it."""

    clip_id: int
    filename: str
    class_code: str
    onset_s: float
    offset_s: float
    likely: float
    positives: int
    distance: float | None
    at_random: bool

    @property
    def why(self) -> str:
        """Why it is asked, beside how likely it is, in a few words."""
        if self.at_random:
            return "drawn at random"
        known = f"{self.positives:,} known"
        return known if self.distance is None else f"{self.distance:.2f} from heard; {known}"

    @property
    def reason(self) -> str:
        """Why it is asked, in a line."""
        return f"{self.likely:.2f} likely; {self.why}"


@dataclass(frozen=True)
class Questions:
    """What to label next, first to last. ``open`` cells are left to ask, ``known`` ones made the head. ``missing``
    clips are in the collection and not in the space."""

    questions: tuple[Question, ...]
    open: int
    known: int
    missing: int
    positives: Mapping[str, int]


def next_to_label(
    workspace: Workspace, connection: Connection, space: str, order: str = "hybrid", among: str = "unlabelled",
    count: int = 100,
) -> Questions:  # fmt: skip
    """The next cells to label, for the sake of a model.

    Parameters
    ----------
    workspace : Workspace
    connection : Connection
        To the same workspace.
    space : str
        Whose vectors the head reads.
    order : str
        Of orders.ORDERS.
    among : str
        ``unlabelled`` clips alone, or ``all`` that nobody decided.
    count : int
        How many at most, 1 to MOST.

    Returns
    -------
    Questions

    Raises
    ------
    DataError
        A word or number that is none, or no class to ask for.
    UnknownName, ArtefactError
        There is no such space, or it is damaged.
    """
    for name, value, words in (("order", order, list(ORDERS)), ("choice of clips", among, list(AMONG))):
        if value not in words:
            raise DataError(unknown_name(name, value, words))
    if not 1 <= count <= MOST:
        raise DataError(f"{count} cells asked for; give 1 to {MOST:,}")
    labels, opened = known_labels(connection), open_space(workspace, space)
    if not labels.classes:
        raise DataError("there is no class to ask for; add one: earmark classes add CODE -w W")
    stretches, held = stretches_of(opened, labels.clip_id)
    head = _warm_head(connection, opened, stretches, labels, held)
    logits, best = head.logits(stretches)
    may_ask = labels.undecided & ~labels.known if among == "unlabelled" else labels.undecided
    cells = Cells(
        sigmoid(logits), labels.known[held], labels.present[held], may_ask[held], mean_vectors(opened, stretches),
        labels.clip_id[held], labels.class_id,
    )  # fmt: skip
    asked, drawn = _with_chance(cells, order, count)
    positives = labels.present.sum(axis=0)
    names = np.array(labels.filenames, object)[held]
    questions = [
        Question(
            int(cells.clip_id[clip]), str(names[clip]), labels.classes[class_],
            float(opened.onset_s[best[clip, class_]]), float(opened.offset_s[best[clip, class_]]),
            float(cells.probability[clip, class_]), int(positives[class_]), None if np.isnan(far) else float(far),
            bool(by_chance),
        )
        for clip, class_, far, by_chance in zip(
            asked.clip.tolist(), asked.class_.tolist(), asked.distance.tolist(), drawn.tolist(), strict=True
        )
    ]  # fmt: skip
    return Questions(
        tuple(questions), int(cells.open.sum()), int(labels.known.sum()), int((~held).sum()),
        dict(zip(labels.classes, positives.tolist(), strict=True)),
    )  # fmt: skip


def _with_chance(cells: Cells, order: str, count: int) -> tuple[Asked, NDArray[np.bool_]]:
    """The order's cells with one drawn at random in the place of each tenth; and which these are."""
    asked = ask(cells, order, count)
    if order == "random":
        return asked, np.ones(len(asked), bool)
    drawn = ask(cells, "random", -(-count // RANDOM_EVERY))
    by_chance = set(zip(drawn.clip.tolist(), drawn.class_.tolist(), strict=True))
    chosen = [k for k, cell in enumerate(zip(asked.clip.tolist(), asked.class_.tolist(), strict=True))
              if cell not in by_chance]  # fmt: skip
    turn: list[tuple[bool, int]] = []
    chance, own = iter(range(len(drawn))), iter(chosen)
    while len(turn) < count:
        is_drawn = len(turn) % RANDOM_EVERY == RANDOM_EVERY - 1
        place = next(chance if is_drawn else own, None)
        if place is None:
            is_drawn = not is_drawn
            place = next(chance if is_drawn else own, None)
        if place is None:
            break
        turn.append((is_drawn, place))
    from_drawn = np.array([is_drawn for is_drawn, _ in turn], bool)
    places = np.array([place for _, place in turn], np.int64)
    at = np.where(from_drawn, len(asked) + places, places)
    clip, class_ = np.concatenate([asked.clip, drawn.clip]), np.concatenate([asked.class_, drawn.class_])
    value, distance = np.concatenate([asked.value, drawn.value]), np.concatenate([asked.distance, drawn.distance])
    return Asked(clip[at], class_[at], value[at], distance[at]), from_drawn


# ------------------------------------------------------------------------------------------------ what is kept


@dataclass(frozen=True)
class _Warm:
    """A head, and what it was fitted to."""

    head: Head
    classes: tuple[str, ...]
    fitted_to: tuple[int, int, int]
    space: Space


_heads: Kept[_Warm] = Kept(4)
_means: Kept[tuple[Space, NDArray[np.float32]]] = Kept(2)


def _warm_head(
    connection: Connection, space: Space, stretches: ClipStretches, labels: KnownLabels, held: NDArray[np.bool_]
) -> Head:
    """The head of all that is known, from the last one on."""
    fitted_to = labels.position, len(labels.clip_id), len(stretches)

    def change(before: _Warm | None) -> _Warm:
        if before is not None and before.space is space and before.classes == labels.classes:
            if before.fitted_to == fitted_to:
                return before
            begin = before.head
        else:
            begin = blank(space, len(labels.classes))
        known = labels.known[held]
        head = fit(stretches, labels.present[held], known, begin) if known.any() else begin
        return _Warm(head, labels.classes, fitted_to, space)

    return _heads.renew((engine_key(connection), space.facts), change).head


def mean_vectors(space: Space, stretches: ClipStretches) -> NDArray[np.float32]:
    """The clips' mean vectors (N, D), less the mean of all, at length 1; kept."""

    def make() -> tuple[Space, NDArray[np.float32]]:
        means = stretches.means()
        return space, unit(means - means.mean(axis=0)) if len(means) else means

    # id() stands for the space as it was read: one that changed is read anew, and the pair holds it meanwhile
    return _means.get((id(space), hash(stretches.rows.tobytes())), make)[1]
