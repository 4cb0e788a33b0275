"""What the server and the scripts of the map tell each other, as types (as pages/ui/shared/shapes.py has the others).

A point is told by its number, the place in the order in which the browser has them (landscape/points.py).
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from pages.ui.shared.shapes import Snippet


class Landscape(TypedDict):
    """What the page tells the map (map/component.py). ``query`` goes with each request: the space, which map of it, the
    scored run. ``filter`` are the queue's parameters where its filter is on, else null. ``by`` is what colours the
    points, of ``choices``. ``questions`` are (name, words, meaning) of what is asked of clusters.
    """

    query: dict[str, str]
    filter: dict[str, str] | None
    count: int
    method: str
    by: str
    choices: list[tuple[str, str]]
    questions: list[tuple[str, str, str]]
    token: str
    reviewer: str
    may_decide: bool
    has_queue: bool
    most_cells: int


class Legend(TypedDict):
    """What comes before the numbers of a colouring: the names, and how many points have each; ``is_share`` where they
    rise from 0 to 1."""

    names: list[str]
    counts: list[int]
    unknown: int
    is_share: bool


class MapStretch(TypedDict):
    """One point: its stretch to hear and see, and the labels of its clip in words; ``alike`` is the cosine with the
    stretch that was asked about."""

    point: int
    snippet: Snippet
    labels: str
    alike: NotRequired[float]


class MapStretches(TypedDict):
    """What is answered to `GET /api/map/stretch` (one) and to `GET /api/map/near`: those truly most alike."""

    stretches: list[MapStretch]


class MapCluster(TypedDict):
    """One cluster: ``says`` in words what its clips list, ``middle`` is where it lies on the square."""

    number: int
    stretches: int
    clips: int
    says: str
    middle: tuple[int, int]


class MapClusters(TypedDict):
    """What is answered to `GET /api/map/clusters`: the clusters that answer each question."""

    answers: dict[str, list[MapCluster]]
    count: int


class MapTypical(TypedDict):
    """What is answered to `GET /api/map/cluster`: its most central and its most odd stretches."""

    central: list[MapStretch]
    odd: list[MapStretch]


class MapArea(TypedDict):
    """What is answered to `POST /api/map/area`: what lies in it. ``cells`` are to do in its clips, in ``words``. With
    ``keep`` it has a name by which Sweep and the queue show it, and the first of the cells."""

    stretches: int
    clips: int
    cells: int
    words: str
    chosen: NotRequired[str]
    these: NotRequired[list[tuple[int, str]]]
    version: NotRequired[str]
