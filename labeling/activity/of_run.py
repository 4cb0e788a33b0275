"""The scored windows of a run: what its networks, or another program, said of the clips of the collection."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labeling.activity.windows import Recording, Windows
from labeling.predictions.oof import FrameBlock, Oof

WINDOW_S = 3.0
"""Frames are put together to windows of so many seconds, which is about what a person needs to hear."""


def windows_of_run(oof: Oof, duration_s: Mapping[int, float]) -> Windows:
    """The windows of a run, each with the highest of its frames.

    Parameters
    ----------
    oof : Oof
        Its predictions. A clip without frames is one window with its clipwise probability.
    duration_s : mapping of int to float
        How long each clip is; clips that are not in it are left out.

    Returns
    -------
    Windows
        Of 3 s, or of a frame where that is longer: predictions of windows keep these.

    Examples
    --------
    >>> from labeling.activity.of_run import windows_of_run
    >>> from labeling.example import example_workspace
    >>> from labeling.predictions.oof import read_oof
    >>> oof = read_oof(example_workspace().run_dir("001-demo") / "oof.zarr")
    >>> windows = windows_of_run(oof, {1: 2.0, 2: 2.0})
    >>> len(windows), windows.offset_s.tolist()
    (2, [2.0, 2.0])
    """
    window_s = max(WINDOW_S, oof.grid.step_s)
    rows: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []

    def take(block: FrameBlock) -> None:
        for index in range(block.first, block.last):
            length_s = duration_s.get(int(oof.clip_ids[index]))
            if length_s is None:
                continue
            frames = block.clip(index)
            if not len(frames):
                onset_s, values = np.zeros(1), oof.clipwise[index][None]
            else:
                middle_s = oof.grid.start_s + (np.arange(len(frames)) + 0.5) * oof.grid.step_s
                most = max(int(np.ceil(length_s / window_s - 1e-6)) - 1, 0)
                of = np.clip(np.floor(middle_s / window_s + 1e-9).astype(np.int64), 0, most)
                starts = np.flatnonzero(np.diff(of, prepend=-1))
                onset_s = of[starts] * window_s
                values = np.maximum.reduceat(frames, starts, axis=0).astype(np.float32)
            end_s = np.minimum(onset_s + window_s, length_s) if len(frames) else np.array([length_s])
            rows.append((index, onset_s, end_s, values))

    for block in oof.iter_blocks():
        take(block)
    recordings = tuple(
        Recording(oof.filenames[index], "", duration_s[int(oof.clip_ids[index])], int(oof.clip_ids[index]))
        for index, *_ in rows
    )
    count = [len(onset_s) for _, onset_s, _, _ in rows]
    scores = np.concatenate([values for *_, values in rows]).T if rows else np.zeros((len(oof.classes), 0), np.float32)
    return Windows(
        recordings,
        oof.classes,
        np.repeat(np.arange(len(rows), dtype=np.int32), count),
        np.concatenate([onset_s for _, onset_s, _, _ in rows] or [np.zeros(0)]).astype(np.float32),
        np.concatenate([end_s for _, _, end_s, _ in rows] or [np.zeros(0)]).astype(np.float32),
        scores,
    )
