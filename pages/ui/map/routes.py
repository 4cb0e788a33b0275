"""What the map's scripts ask the server for: points and colours as bytes, stretches, clusters, and what an outline
holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.active.teaching import in_turn
from labeling.collection import store
from labeling.embeddings.search import most_alike
from labeling.embeddings.space import Space
from labeling.errors import DataError
from labeling.landscape import questions
from labeling.landscape.colouring import NONE, colouring
from labeling.landscape.points import Area, Points, points_of, rows_in
from labeling.landscape.projection import Projection, read_projection
from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.reviewer import chosen
from labeling.reviewer.chosen import Chosen
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects import bulk, listing
from labeling.suspects.bulk import cells_and_clips
from labeling.suspects.filter import QueueFilter, select
from labeling.suspects.snippets import window
from pages.ui import signing
from pages.ui.map import shapes
from pages.ui.player import events
from pages.ui.queue import worklist
from pages.ui.routes.asked import Asked
from pages.ui.shared.shapes import Snippet

NEAR = 8
"""True neighbours, beside a point."""
TYPICAL = 4
"""Most central stretches of a cluster, and as many odd ones."""
Answer = Callable[[Asked], Mapping[str, Any] | bytes]
OWN = ("space", "map", "run", "scorer", "position", "by", "point", "cluster")
"""What a request says beside the queue's filter."""


@dataclass(frozen=True)
class Shown:
    """The map that a request is about."""

    asked: Asked
    query: Mapping[str, str]
    space: Space
    projection: Projection

    @cached_property
    def points(self) -> Points:
        return points_of(self.projection)

    def run(self, connection: Connection) -> ScoredRun | None:
        """The scored run that is asked about, if any."""
        if not self.query.get("run"):
            return None
        position = self.query.get("position", "")
        return read_scored_run(
            connection, self.query["run"], self.query.get("scorer", ""),
            int(position) if worklist.is_number(position) else None,
        )  # fmt: skip

    @property
    def wanted(self) -> QueueFilter:
        """The queue's filter that is asked for."""
        given = {name: value for name, value in self.query.items() if name not in OWN}
        return replace(worklist.filter_from(given), reviewer=self.asked.reviewer)

    def row(self, name: str = "point") -> int:
        """The row of the space of a point that is asked about."""
        text = self.query.get(name, "")
        if not worklist.is_number(text) or int(text) >= len(self.points):
            raise DataError(f"point {text[:20]!r} is not on this map of {len(self.points):,}; reload the page")
        return int(self.points.rows[int(text)])


def shown_of(asked: Asked, query: Mapping[str, str]) -> Shown:
    """The map of a request. Raises DataError where it was made anew since."""
    space, projection = read_projection(asked.workspace, events.text_of(query, "space", 80))
    if query.get("map") != projection.name:
        raise DataError("this map was made anew meanwhile; reload the page")
    return Shown(asked, query, space, projection)


# ------------------------------------------------------------------------------------------------- as bytes


def points_bytes(asked: Asked) -> bytes:
    """`GET /api/map/points`: across and up of each point on the map's square, uint16 each, little-endian."""
    return shown_of(asked, asked.query).points.data


def colours_bytes(asked: Asked) -> bytes:
    """`GET /api/map/colours`: the length of a JSON text (uint32), the text (`shapes.Legend`), padded to an even length
    with spaces, and the number of each point's name (uint16), 65,535 for none; little-endian."""
    shown = shown_of(asked, asked.query)
    with asked.workspace.read() as connection:
        colours = colouring(
            asked.workspace, connection, shown.space, shown.projection, events.text_of(asked.query, "by", 300),
            run=shown.run(connection), reviewer=asked.reviewer,
        )  # fmt: skip
    legend: shapes.Legend = {
        "names": list(colours.names), "counts": colours.counts, "unknown": int((colours.codes == NONE).sum()),
        "is_share": colours.is_share,
    }  # fmt: skip
    text = json.dumps(legend).encode()
    text += b" " * (len(text) % 2)
    codes: bytes = colours.codes[shown.points.rows].astype("<u2").tobytes()
    return len(text).to_bytes(4, "little") + text + codes


def passing_bytes(asked: Asked) -> bytes:
    """`GET /api/map/passing`: a bit for each point, the lowest of a byte first: whether the queue's filter leaves a
    suspect of its clip."""
    shown = shown_of(asked, asked.query)
    with asked.workspace.read() as connection:
        passes = _passes(connection, shown)
    return np.packbits(passes[shown.points.rows], bitorder="little").tobytes()


def _passes(connection: Connection, shown: Shown) -> NDArray[np.bool_]:
    """Which rows of the space are of clips that the queue's filter leaves a suspect of."""
    run = shown.run(connection)
    if run is None:
        raise DataError("nothing is scored yet, so there is no filter of the queue; train a run first")
    left = np.unique(run.ranking.clip_id[select(connection, run, shown.wanted).index()])
    return np.isin(shown.space.clip_ids, left)


# ------------------------------------------------------------------------------------------------- stretches


def stretch_json(asked: Asked) -> shapes.MapStretches:
    """`GET /api/map/stretch`: what there is at a point."""
    shown = shown_of(asked, asked.query)
    return {"stretches": _stretches(shown, np.array([shown.row()]))}


def near_json(asked: Asked) -> shapes.MapStretches:
    """`GET /api/map/near`: the stretches of other clips that are truly most like the one at a point, all numbers of
    their vectors counted, wherever they lie on the map."""
    shown = shown_of(asked, asked.query)
    row = shown.row()
    vector = np.asarray(shown.space.vectors[row], np.float32)
    if not vector.any():
        return {"stretches": []}
    found = most_alike(
        asked.workspace, shown.space.facts.name, vector, 4 * NEAR, without=[int(shown.space.clip_ids[row])]
    )
    rows, alike = found.rows[0], found.similarity[0]
    rows, alike = rows[rows >= 0], alike[rows >= 0]
    _, first = np.unique(shown.space.clip_ids[rows], return_index=True)  # of a clip its most alike
    first = np.sort(first)[:NEAR]
    return {"stretches": _stretches(shown, rows[first], alike[first])}


def _stretches(
    shown: Shown, rows: NDArray[np.int64], alike: NDArray[np.float32] | None = None
) -> list[shapes.MapStretch]:
    space, clips = shown.space, tables.clips.c
    clip_ids = sorted(set(space.clip_ids[rows].tolist()))
    with shown.asked.workspace.read() as connection:
        query = sa.select(clips.id, clips.filename, clips.duration_s, clips.channel).where(clips.id.in_(clip_ids))
        known = {row[0]: row[1:] for row in db.fetch(connection, query)}
        labels = _labels(connection, clip_ids)
    found: list[shapes.MapStretch] = []
    for place, row in enumerate(rows.tolist()):
        clip_id = int(space.clip_ids[row])
        if clip_id not in known:
            continue
        one: shapes.MapStretch = {
            "point": int(shown.points.number_of[row]),
            "snippet": _snippet(shown, row, *known[clip_id]),
            "labels": labels.get(clip_id, ""),
        }
        if alike is not None:
            one["alike"] = round(float(alike[place]), 3)
        found.append(one)
    return found


def _snippet(shown: Shown, row: int, title: str, duration_s: float, channel: int) -> Snippet:
    clip_id, secret = int(shown.space.clip_ids[row]), shown.asked.secret
    onset_s, offset_s = float(shown.space.onset_s[row]), float(shown.space.offset_s[row])
    from_s, to_s = window((onset_s + offset_s) / 2, duration_s)
    return {
        "id": f"{clip_id}@{onset_s:.3f}",
        "clip_id": clip_id,
        "title": title,
        "kind": "",
        "role": "",
        "verdict": "",
        "p_wrong": 0.0,
        "clipwise": 0.0,
        "framewise": 0.0,
        "onset_s": round(onset_s, 3),
        "offset_s": round(offset_s, 3),
        "from_s": round(from_s, 3),
        "to_s": round(to_s, 3),
        "audio_url": signing.audio_url(secret, clip_id, channel),
        "tile_url": signing.tile_url(secret, clip_id, channel),
    }


def _labels(connection: Connection, clip_ids: Sequence[int]) -> dict[int, str]:
    """The labels of some clips as they came, and what people decided to the contrary, in words."""
    labels, classes, cells = tables.imported_labels.c, tables.classes.c, tables.cells.c
    listed = sa.select(labels.clip_id, classes.id, classes.name).join(
        tables.classes, classes.id == labels.class_id
    ).where(labels.clip_id.in_(clip_ids)).order_by(labels.clip_id, labels.place)  # fmt: skip
    decided = sa.select(cells.clip_id, cells.class_id, cells.verdict, classes.name).join(
        tables.classes, classes.id == cells.class_id
    ).where(cells.clip_id.in_(clip_ids))  # fmt: skip
    names: dict[int, dict[int, str]] = {}
    for clip_id, class_id, name in db.fetch(connection, listed):
        names.setdefault(clip_id, {})[class_id] = name
    for clip_id, class_id, verdict, name in db.fetch(connection, decided):
        if verdict == "present":
            names.setdefault(clip_id, {})[class_id] = name
        elif verdict == "absent":
            names.get(clip_id, {}).pop(class_id, None)
    return {clip_id: ", ".join(of.values()) for clip_id, of in names.items()}


# ------------------------------------------------------------------------------------------------- clusters


def clusters_json(asked: Asked) -> shapes.MapClusters:
    """`GET /api/map/clusters`: which clusters answer which question."""
    shown = shown_of(asked, asked.query)
    with asked.workspace.read() as connection:
        every = questions.clusters(connection, shown.space, shown.projection)
        names = questions.names_of(connection)
    places, of = shown.projection.places, shown.projection.cluster
    answers: dict[str, list[shapes.MapCluster]] = {}
    for question in questions.QUESTIONS:
        answers[question] = [
            {
                "number": one.number, "stretches": one.stretches, "clips": one.clips, "says": _says(one, names),
                "middle": _middle(places[of == one.number]),
            }
            for one in questions.answering(every, question)
        ]  # fmt: skip
    return {"answers": answers, "count": len(every)}


def _middle(places: NDArray[np.uint16]) -> tuple[int, int]:
    across, up = np.median(places.astype(np.int64), axis=0).astype(int).tolist()
    return across, up


def _says(cluster: questions.Cluster, names: Mapping[str, str]) -> str:
    parts = [f"{names.get(code, code)} in {count:,}" for code, count in cluster.classes[:3]]
    if len(cluster.classes) > 3:
        parts.append("others")
    bare = round(cluster.unlabelled * cluster.clips)
    if bare:
        parts.append(f"no label in {bare:,}")
    return ", ".join(parts)


def cluster_json(asked: Asked) -> shapes.MapTypical:
    """`GET /api/map/cluster`: the most central and the most odd stretches of one."""
    shown = shown_of(asked, asked.query)
    text = asked.query.get("cluster", "")
    if not worklist.is_number(text):
        raise DataError(f"cluster {text[:20]!r} is no number; reload the page")
    rows = rows_in(shown.projection, Area(cluster=int(text)))
    central, odd = questions.typical_and_odd(shown.space, rows, TYPICAL)
    return {"central": _stretches(shown, central), "odd": _stretches(shown, odd)}


# ------------------------------------------------------------------------------------------------- an area


def area_json(asked: Asked) -> shapes.MapArea:
    """`POST /api/map/area`: what an outline or a cluster holds, of what the queue's filter leaves where that is on.

    With ``keep`` the stretches are kept under a name (labeling/reviewer/chosen.py), and the first cells to do in their
    clips are told, as the dialog that decides many wants them.
    """
    body = asked.body
    query = body.get("query")
    if not isinstance(query, Mapping) or not all(isinstance(value, str) for value in query.values()):
        raise DataError("the request has no query; reload the page")
    shown = shown_of(asked, query)
    rows = rows_in(shown.projection, _area(body))
    with asked.workspace.read() as connection:
        run = shown.run(connection)
        if body.get("filtered") and len(rows):
            rows = rows[_passes(connection, shown)[rows]]
        clip_ids = np.unique(shown.space.clip_ids[rows])
        told: shapes.MapArea = {
            "stretches": len(rows), "clips": len(clip_ids), "cells": 0, "words": "no cells to do",
        }  # fmt: skip
        cells: list[tuple[int, str]] = []
        if run is not None:
            run = in_turn(asked.workspace, connection, run, shown.wanted)
            index = listing.read_listing(connection, run, shown.wanted).places
            index = index[np.isin(run.ranking.clip_id[index], clip_ids)]
            told["cells"] = len(index)
            if len(index):
                told["words"] = cells_and_clips(len(index), len(np.unique(run.ranking.clip_id[index])))
            codes = {known.id: known.code for known in store.all_classes(connection)}
            first = index[: bulk.MOST_CELLS]
            cells = [
                (clip_id, codes[class_id])
                for clip_id, class_id in zip(
                    run.ranking.clip_id[first].tolist(), run.ranking.class_id[first].tolist(), strict=True
                )
            ]
        version = listing.version_of(connection)
    if body.get("keep"):
        these = Chosen(
            shown.space.facts.name, f"{len(rows):,} stretches of the map of {shown.space.facts.name}",
            shown.space.clip_ids[rows], shown.space.onset_s[rows], shown.space.offset_s[rows],
        )  # fmt: skip
        told |= {"chosen": chosen.keep(asked.workspace, these, asked.reviewer), "these": cells, "version": version}
    return told


def _area(body: Mapping[str, Any]) -> Area:
    outline, cluster = body.get("outline"), body.get("cluster")
    if isinstance(cluster, int) and not isinstance(cluster, bool) and cluster >= 0:
        return Area(cluster=cluster)
    if not isinstance(outline, Sequence) or isinstance(outline, str):
        raise DataError("the request has no outline; draw it again")
    corners = []
    for corner in outline:
        is_pair = isinstance(corner, Sequence) and len(corner) == 2 and all(type(part) is int for part in corner)
        if not is_pair or not all(0 <= part <= 65_535 for part in corner):
            raise DataError(f"corner {str(corner)[:40]} of the outline is no pair of whole numbers up to 65,535")
        corners.append((corner[0], corner[1]))
    return Area(outline=tuple(corners))


GETS: Mapping[str, Answer] = {
    "/api/map/points": points_bytes,
    "/api/map/colours": colours_bytes,
    "/api/map/passing": passing_bytes,
    "/api/map/stretch": stretch_json,
    "/api/map/near": near_json,
    "/api/map/clusters": clusters_json,
    "/api/map/cluster": cluster_json,
}
POSTS: Mapping[str, Answer] = {"/api/map/area": area_json}
