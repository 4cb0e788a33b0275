"""Lhotse: recordings, supervisions and cuts as JSON lines, compressed.

A supervision is an event, or, with ``timeless`` in its custom fields, a label of the whole clip; the class is its
``custom.label``. All else that is known of a clip is in its cut's custom fields.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import LabelledClip, Labelling, Written
from labeling.collection.formats.trainers.base import told, told_event, written_only
from labeling.storage.files import write_all
from labeling.storage.remote import is_url

PARTS = ("recordings", "supervisions", "cuts")


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write recordings, supervisions and cuts; sound stays where it is, and is named by its path.

    A clip whose length is not known is left out and told of.
    """
    lines: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    left = [clip.filename for clip in labelling.clips if clip.duration_s <= 0 or clip.sample_rate <= 0]
    for clip in labelling.clips:
        if clip.duration_s > 0 and clip.sample_rate > 0:
            recording, supervisions = _recording(clip), _supervisions(clip)
            lines["recordings"].append(recording)
            lines["supervisions"] += supervisions
            lines["cuts"].append(_cut(clip, recording, supervisions))
    notes = (f"lhotse: {len(left):,} clips of unknown length were left out, such as {left[0]}.",) if left else ()
    return Written(write_all(out_dir, [(f"{part}.jsonl.gz", _packed(lines[part])) for part in PARTS]), notes=notes)


def _packed(lines: list[dict[str, Any]]) -> bytes:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return gzip.compress(text.encode(errors="backslashreplace"), mtime=0)


def _channels(clip: LabelledClip) -> list[int]:
    return list(range(max(clip.channels, 1)))


def _recording(clip: LabelledClip) -> dict[str, Any]:
    samples = max(round(clip.duration_s * clip.sample_rate), 1)
    kind = "url" if is_url(clip.path) else "file"
    return {
        "id": clip.filename,
        "sources": [{"type": kind, "channels": _channels(clip), "source": clip.path}],
        "sampling_rate": clip.sample_rate,
        "num_samples": samples,
        "duration": samples / clip.sample_rate,
        "channel_ids": _channels(clip),
    }


def _supervisions(clip: LabelledClip) -> list[dict[str, Any]]:
    end_s = max(round(clip.duration_s * clip.sample_rate), 1) / clip.sample_rate
    channels = _channels(clip)
    channel: int | list[int] = channels[0] if len(channels) == 1 else channels
    stated = [(0.0, end_s, {"label": code, "timeless": True}) for code in clip.timeless]
    for event in clip.events:
        own = told_event(event)
        stated.append((own["onset_s"], min(own["offset_s"], end_s), {"label": own.pop("class"), **own}))
    return [
        {
            "id": f"{clip.filename}-{number}",
            "recording_id": clip.filename,
            "start": start,
            "duration": end - start,
            "channel": channel,
            "text": custom["label"],
            "custom": custom,
        }
        for number, (start, end, custom) in enumerate(stated)
        if end > start
    ]


def _cut(clip: LabelledClip, recording: dict[str, Any], supervisions: list[dict[str, Any]]) -> dict[str, Any]:
    channels = _channels(clip)
    return {
        "id": clip.filename,
        "start": 0.0,
        "duration": recording["duration"],
        "channel": channels[0] if len(channels) == 1 else channels,
        "supervisions": supervisions,
        "recording": recording,
        "custom": {"earmark": told(clip)},
        "type": "MonoCut" if len(channels) == 1 else "MultiCut",
    }


ABOUT = "Lhotse: recordings, supervisions and cuts, for training."
FORMAT = written_only("lhotse", export, ABOUT)
