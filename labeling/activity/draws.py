"""Windows drawn at random within bands of score: what is heard of them stands for all windows of the band.

Chance is a hash of the recording's name and the window's onset: one fixed order of a band's windows, the same for
everybody and whenever it is asked for, on which no score and no verdict has an influence. A larger draw goes on where a
smaller one ended.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.activity.windows import Windows
from labeling.cells import SALT, mixed
from labeling.errors import DataError

EDGES = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
MOST_BANDS = 20
EACH = 20
MOST_EACH = 500


@dataclass(frozen=True)
class Draw:
    """What was drawn: ``edges`` (B + 1,) of the bands, how many ``windows`` (B,) each holds, and of each band the
    ``places`` of its drawn windows, in the order in which they were drawn."""

    edges: tuple[float, ...]
    windows: tuple[int, ...]
    places: tuple[NDArray[np.int64], ...]


def read_edges(text: str) -> tuple[float, ...]:
    """Edges of bands from a text. Raises DataError for what is none.

    >>> read_edges("0.1, 0.5, 1")
    (0.1, 0.5, 1.0)
    """
    try:
        return checked_edges([float(part) for part in text.split(",")])
    except ValueError:
        raise DataError(f"edges of bands {text[:60]!r} are no numbers; write such as 0.1,0.3,0.5,0.7,0.9,1") from None


def checked_edges(edges: Sequence[float]) -> tuple[float, ...]:
    """Edges that make bands. Raises DataError where they do not."""
    rising = all(low < high for low, high in itertools.pairwise(edges))
    if not (2 <= len(edges) <= MOST_BANDS + 1 and rising and edges[0] >= 0 and edges[-1] <= 1):
        raise DataError(
            f"edges of bands {', '.join(f'{edge:g}' for edge in edges)} make none; give 2 to {MOST_BANDS + 1} that "
            "rise, from 0 to 1"
        )
    return tuple(edges)


def band_of(scores: NDArray[np.float32], edges: Sequence[float]) -> NDArray[np.int64]:
    """The band (N,) of each score, -1 for none. A band holds its lower edge, the last one its upper one too."""
    sides = np.asarray(edges, np.float32)
    band = np.searchsorted(sides, scores, side="right") - 1
    band[scores == sides[-1]] = len(edges) - 2
    return np.asarray(np.where(band < len(edges) - 1, band, -1), np.int64)


def draw(
    windows: Windows,
    scores: NDArray[np.float32],
    among: NDArray[np.bool_] | None = None,
    edges: Sequence[float] = EDGES,
    each: int = EACH,
    seed: int = 0,
) -> Draw:
    """Draw windows at random within bands of score.

    Parameters
    ----------
    windows : Windows
    scores : ndarray of float32, shape (N,)
        Of one class.
    among : ndarray of bool, shape (N,), optional
        Which windows may be drawn; by default those that can be listened to.
    edges : sequence of float
        Of the bands, rising.
    each : int
        How many of each band, 1 to 500.
    seed : int
        Another one gives another draw.

    Returns
    -------
    Draw

    Raises
    ------
    DataError
        ``edges`` or ``each`` make no draw.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.draws import draw
    >>> from labeling.activity.windows import Recording, Windows
    >>> scores = np.linspace(0.05, 0.95, 10, dtype=np.float32)
    >>> onset_s = np.arange(10, dtype=np.float32)
    >>> windows = Windows((Recording("a.wav", "", 10.0, clip_id=1),), ("frog",), np.zeros(10, np.int32), onset_s,
    ...                   onset_s + 1, scores[None])
    >>> drawn = draw(windows, scores, edges=(0.0, 0.5, 1.0), each=2)
    >>> drawn.windows, [len(places) for places in drawn.places]
    ((5, 5), [2, 2])
    """
    edges = checked_edges(edges)
    if not 1 <= each <= MOST_EACH:
        raise DataError(f"{each} windows of each band; give 1 to {MOST_EACH}")
    band = band_of(scores, edges)
    band[~(windows.clip_id > 0 if among is None else among)] = -1
    counts, chosen = [], []
    for number in range(len(edges) - 1):
        there = np.flatnonzero(band == number)
        turn = turns(windows, there, seed)
        first = np.argpartition(turn, each - 1)[:each] if len(there) > each else np.arange(len(there))
        chosen.append(there[first[np.argsort(turn[first])]])
        counts.append(len(there))
    return Draw(edges, tuple(counts), tuple(chosen))


def turns(windows: Windows, places: NDArray[np.int64], seed: int = 0) -> NDArray[np.uint64]:
    """When each window's turn comes: they are drawn from the lowest number on."""
    of = np.array([_hash(one.name) for one in windows.recordings], np.uint64)
    onset_ms = np.round(windows.onset_s[places].astype(np.float64) * 1000).astype(np.uint64)
    mark = int(mixed(np.array([seed]), SALT)[0])
    return mixed(mixed(of[windows.recording[places]] ^ onset_ms, mark), SALT)


def _hash(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
