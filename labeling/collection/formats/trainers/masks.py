"""Tables for pandas: what is there, and of what that is known, so that a loss can pass over the rest.

``present.parquet`` and ``known.parquet`` have a row a clip and a column of booleans a class, in the same order;
``clips.parquet`` has their files, ``events.parquet`` the times.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Holds, LabelledClip, Labelling, Written
from labeling.collection.formats.trainers.base import told_event, written_only
from labeling.storage.files import write_all

KEY = "filename"


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write the four tables. A class that nobody listened for in a clip, or is unsure there, is not known."""
    clips = labelling.clips
    codes = list(dict.fromkeys((*labelling.classes, *(code for clip in clips for code in clip.labels))))
    called = {code: code if code != KEY else f"{KEY}_" for code in codes}
    names = {KEY: [clip.filename for clip in clips]}
    labels = [set(clip.labels) for clip in clips]
    known = [_known(clip, codes) for clip in clips]
    files = [
        ("present.parquet", {**names, **{called[code]: [code in own for own in labels] for code in codes}}),
        ("known.parquet", {**names, **{called[code]: [code in own for own in known] for code in codes}}),
        ("clips.parquet", _clips(clips)),
        ("events.parquet", _events(clips)),
    ]
    return Written(write_all(out_dir, [(name, _parquet(columns)) for name, columns in files]))


def _known(clip: LabelledClip, codes: list[str]) -> set[str]:
    stated = {*clip.labels, *clip.absent} if clip.partial else set(codes)
    return stated - set(clip.unsure)


def _clips(clips: tuple[LabelledClip, ...]) -> dict[str, Any]:
    own = ("filename", "path", "duration_s", "sample_rate", "channels", "group", "fold", "primary")
    return {name: [getattr(clip, name) for clip in clips] for name in own}


def _events(clips: tuple[LabelledClip, ...]) -> dict[str, Any]:
    import pyarrow as pa

    events = [(clip.filename, told_event(event)) for clip in clips for event in clip.events]
    columns: dict[str, Any] = {KEY: pa.array([name for name, _ in events], pa.string())}
    columns["class"] = pa.array([event["class"] for _, event in events], pa.string())
    for name in ("onset_s", "offset_s", "low_hz", "high_hz", "confidence"):
        columns[name] = pa.array([event[name] for _, event in events], pa.float64())
    return columns


def _parquet(columns: Mapping[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    buffer = io.BytesIO()
    parquet.write_table(pa.table(dict(columns)), buffer)
    return buffer.getvalue()


HOLDS = frozenset(Holds) - {Holds.UNSURE, Holds.WHO, Holds.CONFIDENCE, Holds.METADATA}
ABOUT = "Tables for pandas: a column a class of what is there, and of what is known, for training."
FORMAT = written_only("masks", export, ABOUT, HOLDS)
