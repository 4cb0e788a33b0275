"""What people said of windows: the journal's verdicts, laid over them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from labeling.activity.windows import Windows
from labeling.search.standing import Standing, Stretches
from labeling.search.stretches import TOUCHES

COVERS = 0.9
"""A verdict of "absent" speaks of a window where the stretch that it is of covers so much of it."""
END_S = 0.1
"""A window that leaves out less of its clip is the whole clip: a verdict of the clip is one of it."""


def verdicts(windows: Windows, places: NDArray[np.int64], said: Standing) -> NDArray[np.str_]:
    """What stands said of windows: ``present``, ``absent``, ``unsure``, or "" where nobody said.

    Parameters
    ----------
    windows : Windows
    places : ndarray of int64, shape (n,)
        Which of them.
    said : Standing
        The verdicts on the class (labeling/search/standing.py).

    Returns
    -------
    ndarray of str, shape (n,)
        A stretch marked as present that lies in the window makes it present, whatever else was said; one marked as
        absent or unsure must cover the window. A verdict of a whole clip counts where it says absent, and else where
        the window is the whole clip.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.heard import verdicts
    >>> from labeling.activity.windows import Recording, Windows
    >>> from labeling.search.standing import Standing, Stretches
    >>> onset_s = np.array([0, 3, 6], np.float32)
    >>> windows = Windows((Recording("a.wav", "", 9.0, clip_id=7),), ("frog",), np.zeros(3, np.int32), onset_s,
    ...                   onset_s + 3, np.zeros((1, 3), np.float32))
    >>> said = Standing({}, Stretches.of([(7, 1.0, 2.0)]), Stretches.of([(7, 3.0, 6.0)]), Stretches.of([]))
    >>> verdicts(windows, np.arange(3), said).tolist()
    ['present', 'absent', '']
    """
    marked = {word: _by_clip(getattr(said, word)) for word in ("present", "unsure", "absent")}
    out = np.full(len(places), "", "<U7")
    for k, (clip_id, onset_s, offset_s, length_s) in enumerate(_of(windows, places)):
        whole = said.clips.get(clip_id, "")
        is_whole = offset_s - onset_s >= length_s - END_S
        if any(_touches(onset_s, offset_s, *one) for one in marked["present"].get(clip_id, ())):
            out[k] = "present"
        elif any(_covers(onset_s, offset_s, *one) for one in marked["unsure"].get(clip_id, ())):
            out[k] = "unsure"
        elif any(_covers(onset_s, offset_s, *one) for one in marked["absent"].get(clip_id, ())):
            out[k] = "absent"
        elif whole == "absent" or (whole and is_whole):
            out[k] = whole
    return out


def _of(windows: Windows, places: NDArray[np.int64]) -> Iterator[tuple[int, float, float, float]]:
    for place in places.tolist():
        of = windows.recordings[int(windows.recording[place])]
        yield of.clip_id, float(windows.onset_s[place]), float(windows.offset_s[place]), of.duration_s


def _by_clip(stretches: Stretches) -> dict[int, list[tuple[float, float]]]:
    found: dict[int, list[tuple[float, float]]] = {}
    columns = stretches.clip_id.tolist(), stretches.onset_s.tolist(), stretches.offset_s.tolist()
    for clip_id, onset_s, offset_s in zip(*columns, strict=True):
        found.setdefault(clip_id, []).append((onset_s, offset_s))
    return found


def _touches(onset_s: float, offset_s: float, begin_s: float, end_s: float) -> bool:
    shorter = min(offset_s - onset_s, end_s - begin_s)
    return min(offset_s, end_s) - max(onset_s, begin_s) > TOUCHES * shorter


def _covers(onset_s: float, offset_s: float, begin_s: float, end_s: float) -> bool:
    return min(offset_s, end_s) - max(onset_s, begin_s) >= COVERS * (offset_s - onset_s)
