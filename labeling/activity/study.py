"""What is known of a class in scored windows: what was heard of a draw, and what that makes of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.activity.draws import EACH, EDGES, Draw, draw
from labeling.activity.heard import verdicts
from labeling.activity.placing import Placed, placed
from labeling.activity.precision import Band, bands
from labeling.activity.threshold import Calibration, NotKnown, calibrate
from labeling.activity.windows import Windows
from labeling.collection import store
from labeling.search.standing import NONE, Standing, standing


@dataclass(frozen=True)
class Question:
    """What is asked: of which class, of which site (None: of all), and how windows are drawn to be heard."""

    class_code: str
    site: str | None = None
    edges: tuple[float, ...] = EDGES
    each: int = EACH
    seed: int = 0


@dataclass(frozen=True)
class Study:
    """What was heard of a draw. ``said`` are the verdicts on its windows by band, in the order of the draw.

    ``in_site`` (N,) are the windows of the site, and ``playable`` of how many of them can be listened to. ``learned``
    is what the verdicts make of the scores.
    """

    drawn: Draw
    said: tuple[NDArray[np.str_], ...]
    bands: tuple[Band, ...]
    learned: Calibration | NotKnown
    in_site: NDArray[np.bool_]
    playable: int


def said_of(connection: Connection, class_code: str) -> Standing:
    """What stands decided of a class; nothing of one that the collection does not know."""
    return standing(connection, class_code) if class_code in store.class_ids(connection) else NONE


def study(windows: Windows, question: Question, said: Standing, where: Placed | None = None) -> Study:
    """Draw windows of a class, and learn from what was heard of them.

    Parameters
    ----------
    windows : Windows
    question : Question
    said : Standing
        What stands decided of the class (`said_of`).
    where : Placed, optional
        By default by the names of the recordings.

    Returns
    -------
    Study

    Raises
    ------
    UnknownName, DataError
        The class was not predicted; or the bands are none.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.study import Question, study
    >>> from labeling.activity.windows import Recording, Windows
    >>> from labeling.search.standing import NONE
    >>> onset_s = np.arange(0, 60, 3, np.float32)
    >>> windows = Windows((Recording("pond/20240612_053000.WAV", "", 60.0, clip_id=1),), ("frog",),
    ...                   np.zeros(20, np.int32), onset_s, onset_s + 3, np.linspace(0, 1, 20, dtype=np.float32)[None])
    >>> found = study(windows, Question("frog", edges=(0.5, 1.0), each=4), NONE)
    >>> found.bands[0].windows, found.bands[0].drawn, found.bands[0].heard, found.learned.why
    (10, 4, 0, 'not known yet: 0 heard of a draw, and 30 are needed; hear 30 more')
    """
    scores = windows.of(question.class_code)
    in_site = np.ones(len(windows), bool)
    if question.site is not None:
        where = where or placed(windows.recordings)
        of_site = np.array([site == question.site for site in where.site], bool)
        in_site = of_site[windows.recording]
    playable = in_site & (windows.clip_id > 0)
    drawn = draw(windows, scores, playable, question.edges, question.each, question.seed)
    words = tuple(verdicts(windows, places, said) for places in drawn.places)
    heard = [places[own != ""] for places, own in zip(drawn.places, words, strict=True)]
    present = [own[own != ""] == "present" for own in words]
    learned = calibrate(scores[in_site], [scores[places] for places in heard], present, drawn.edges)
    return Study(drawn, words, tuple(bands(drawn, words)), learned, in_site, int(playable.sum()))


def in_words(found: Study) -> str:
    """How far the listening is, in a sentence."""
    heard = sum(band.heard for band in found.bands)
    drawn = sum(band.drawn for band in found.bands)
    passed = sum(band.passed_over for band in found.bands)
    words = f"{heard:,} of {drawn:,} drawn windows heard"
    return f"{words}, {passed:,} passed over" if passed else words
