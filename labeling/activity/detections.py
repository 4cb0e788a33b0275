"""The detections from a score on, as a table of all and as one selection table a recording for Raven."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from labeling.activity.placing import Clock, Placed, shown_s
from labeling.activity.windows import Windows
from labeling.collection.formats.events.base import TableEvent
from labeling.collection.formats.events.raven import raven_bytes
from labeling.storage.csvsafe import csv_bytes

COLUMNS = ("recording", "site", "time", "start_s", "end_s", "class", "score")
BAND_HZ = (0.0, 12_000.0)
"""What a selection shows of the frequencies: a window says nothing of them."""


def detections(scores: NDArray[np.float32], least: float, among: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """The windows that score at least ``least``, in their order."""
    found = scores >= np.float32(least)
    return np.flatnonzero(found if among is None else found & among)


def table_bytes(windows: Windows, places: NDArray[np.int64], class_code: str, where: Placed, clock: Clock) -> bytes:
    """A CSV with a row a detection, COLUMNS; ``time`` by the shown clock, empty where it is not known."""
    scores = windows.of(class_code)[places]
    recording = windows.recording[places]
    moments = shown_s(where, clock, recording, windows.onset_s[places])
    spans = zip(windows.onset_s[places].tolist(), windows.offset_s[places].tolist(), strict=True)
    rows = (
        (
            windows.recordings[of].name, where.site[of], _moment(moment_s), round(onset_s, 3), round(offset_s, 3),
            class_code, round(score, 5),
        )
        for of, moment_s, (onset_s, offset_s), score in zip(
            recording.tolist(), moments.tolist(), spans, scores.tolist(), strict=True
        )
    )  # fmt: skip
    return csv_bytes(COLUMNS, rows)


def raven_zip(windows: Windows, places: NDArray[np.int64], class_code: str) -> bytes:
    """A zip of one Raven selection table for each recording that has a detection."""
    scores = windows.of(class_code)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for of in np.unique(windows.recording[places]).tolist():
            own = places[windows.recording[places] == of]
            events = [
                TableEvent(float(windows.onset_s[k]), float(windows.offset_s[k]), class_code, float(scores[k]))
                for k in own.tolist()
            ]
            one = windows.recordings[of]
            file = (one.path or one.name).split("?")[0].rsplit("/", 1)[-1]
            archive.writestr(f"{one.name}.selections.txt", raven_bytes(events, file, BAND_HZ))
    return content.getvalue()


def _moment(moment_s: float) -> str:
    if not np.isfinite(moment_s):
        return ""
    return datetime.fromtimestamp(round(moment_s, 3), UTC).strftime("%Y-%m-%d %H:%M:%S")
