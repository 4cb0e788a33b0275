"""What the wall's scripts ask the server for on the Activity page: windows of recordings, as snippets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from labeling import journal
from labeling.activity.draws import EACH, EDGES, read_edges, turns
from labeling.activity.heard import verdicts
from labeling.activity.hours import Hours, hours, strongest
from labeling.activity.placing import Clock, Columns, Placed, placed
from labeling.activity.study import Question, in_words, said_of, study
from labeling.activity.windows import Windows
from labeling.errors import DataError
from labeling.search.standing import Standing
from labeling.storage.kept import Kept
from labeling.workspace import Workspace
from models.prediction.scored_windows import windows_of
from pages.ui.player import events
from pages.ui.routes.snippet import clips_of, plain_snippet, roles_of
from pages.ui.shared import shapes

PATH = "/api/activity"
SHOWN = 300
ALL_SITES = "*"
"""In the place of a site's name, which may be empty."""


@dataclass(frozen=True)
class ActivityQuery:
    """Which windows: of which prediction or run, class and site; those of an hour (``date``, ``hour``), strongest
    first, or (no ``date``) those of a draw. The other fields say how times are read and how windows are drawn."""

    source: str
    class_code: str
    site: str = ALL_SITES
    date: str = ""
    hour: str = ""
    zone: str = ""
    recorders: str = "UTC"
    site_column: str = ""
    time_column: str = ""
    bands: str = ",".join(f"{edge:g}" for edge in EDGES)
    each: str = str(EACH)
    seed: str = "0"

    def to_json(self) -> dict[str, str]:
        """As the query of a URL, with the order in which its snippets stand."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "class": self.class_code, "order": "score" if self.date else "drawn",
        }  # fmt: skip

    @property
    def one_site(self) -> str | None:
        """The site, None for all."""
        return None if self.site == ALL_SITES else self.site

    @property
    def clock(self) -> Clock:
        """Whose time is shown."""
        return Clock(self.zone, self.recorders or "UTC")

    @property
    def question(self) -> Question:
        """What the draw is asked for."""
        return Question(self.class_code, self.one_site, read_edges(self.bands), _whole(self.each), _whole(self.seed))


def query_of(params: Mapping[str, str]) -> ActivityQuery:
    """The inverse of `ActivityQuery.to_json`. Raises DataError for a text that is none."""
    plain = {field.name: events.text_of(params, field.name, 500) for field in fields(ActivityQuery)}
    plain = {name: text for name, text in plain.items() if text or name in ("source", "class_code", "site")}
    return ActivityQuery(**plain)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{text[:40]!r} is no whole number; reload the page") from None


@dataclass(frozen=True)
class Laid:
    """Scored windows in time and place."""

    windows: Windows
    where: Placed
    hours: Hours


_laid: Kept[Laid] = Kept(6)


def laid_out(workspace: Workspace, query: ActivityQuery) -> Laid:
    """The windows of a query's source by the hours of its clock; kept while neither changes."""
    windows = windows_of(workspace, query.source)
    columns = Columns(query.site_column, query.time_column)

    def lay() -> Laid:
        where = placed(windows.recordings, columns)
        return Laid(windows, where, hours(windows, query.clock, where))

    return _laid.get((windows, columns, query.clock), lay)


def activity_json(workspace: Workspace, secret: bytes, params: Mapping[str, str]) -> shapes.Snippets:
    """What `GET /api/activity` answers: windows with signed URLs of sound and picture, those to do before the decided.

    The windows of a draw come without their score: who knows it hears what it says.
    """
    query = query_of(params)
    laid, code = laid_out(workspace, query), query.class_code
    windows, scores = laid.windows, laid.windows.of(code)
    with workspace.read() as connection:
        position = journal.position(connection)
        said = said_of(connection, code)
        told = ""
        if query.date:
            places = _of_hour(laid, scores, query)
        else:
            found = study(windows, query.question, said, laid.where)
            places, told = _in_turn(windows, found.drawn.places, query.question.seed), in_words(found)
        shown, words = _to_do_first(windows, places, said)
        clip_ids = windows.clip_id[shown].tolist()
        clips, roles = clips_of(connection, set(clip_ids)), roles_of(connection, set(clip_ids))
    score_of = scores if query.date else np.zeros_like(scores)
    snippets = [
        _plain(windows, place, word, float(score_of[place]), clips[clip_id], roles.get((clip_id, code), ""), secret)
        for place, clip_id, word in zip(shown.tolist(), clip_ids, words.tolist(), strict=True)
    ]
    return {"position": position, "more": len(places) > len(shown), "snippets": snippets, "said": told}


def _of_hour(laid: Laid, scores: NDArray[np.float32], query: ActivityQuery) -> NDArray[np.int64]:
    places = strongest(laid.hours, scores, query.one_site, query.date, _whole(query.hour), len(scores))
    return places[laid.windows.clip_id[places] > 0]


def _in_turn(windows: Windows, drawn: tuple[NDArray[np.int64], ...], seed: int) -> NDArray[np.int64]:
    """The first of each band, the second of each, …; among these by chance, so that the place tells no score."""
    places = np.concatenate(drawn)
    rank = np.concatenate([np.arange(len(own)) for own in drawn])
    return np.asarray(places[np.lexsort((turns(windows, places, seed), rank))], np.int64)


def _to_do_first(
    windows: Windows, places: NDArray[np.int64], said: Standing
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    some = places[: 2 * SHOWN]
    words = verdicts(windows, some, said)
    order = np.argsort(words != "", kind="stable")[:SHOWN]
    return some[order], words[order]


def _plain(
    windows: Windows, place: int, word: str, score: float, clip: tuple[str, float, int], role: str, secret: bytes
) -> shapes.Snippet:
    one, (title, _, channel) = windows.recordings[int(windows.recording[place])], clip
    whole = onset_s, offset_s = float(windows.onset_s[place]), float(windows.offset_s[place])
    return {
        **plain_snippet(secret, one.clip_id, title, channel, whole, whole, role),
        "id": f"{one.clip_id}@{onset_s:.3f}",
        "verdict": word,
        "clipwise": round(score, 4),
        "of_stretch": offset_s - onset_s < one.duration_s - 0.1,
    }
