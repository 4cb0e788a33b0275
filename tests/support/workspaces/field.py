"""Long recordings of recorders, and what a prediction says of each few seconds of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labeling.activity.windows import Recording, Windows


def windows_of_names(
    names: Sequence[str],
    duration_s: float = 60.0,
    window_s: float = 3.0,
    scores: np.ndarray | None = None,
    seed: int = 0,
) -> Windows:
    """Recordings of these names as clips 1, 2, …, windows of a class ``frog`` with these scores or random ones."""
    onset_s = np.arange(0, duration_s, window_s, np.float32)
    count = len(onset_s) * len(names)
    if scores is None:
        scores = np.random.default_rng(seed).random(count).astype(np.float32)
    return Windows(
        tuple(Recording(name, f"/field/{name}", duration_s, clip_id) for clip_id, name in enumerate(names, 1)),
        ("frog",),
        np.repeat(np.arange(len(names), dtype=np.int32), len(onset_s)),
        np.tile(onset_s, len(names)),
        np.tile(np.minimum(onset_s + window_s, np.float32(duration_s)), len(names)),
        np.asarray(scores, np.float32)[None],
    )
