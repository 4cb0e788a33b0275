"""Any labels as a folder that `load_dataset` loads: the sound, and a metadata.jsonl with a line a clip.

Its columns: ``label`` (the primary), ``labels``, ``events`` (class, onset_s, offset_s, low_hz, high_hz, who,
confidence), ``partial`` (other classes are not known), ``absent``, ``unsure`` (somebody could not tell), ``group``,
``fold``, and those that came in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import LabelledClip, LabelledEvent, Labelling, Written
from labeling.collection.annotation.naming import free_name, sound_name
from labeling.collection.formats.folders.placing import place
from labeling.storage.files import write_all

TABLE, CARD = "metadata.jsonl", "README.md"
SOUND = "data"
OWN = ("file_name", "audio", "label", "labels", "events", "partial", "absent", "unsure", "group", "fold")
CARD_TEXT = """---
configs:
- config_name: default
  data_files:
  - split: train
    path:
    - {table}
    - {sound}/**
---
"""


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write metadata.jsonl, README.md with the configuration, and the sound as ``options["files"]`` says."""
    called = columns_beside(labelling)
    taken: set[str] = set()
    names = [(clip, free_name(f"{SOUND}/{sound_name(clip.filename, clip.path)}", taken)) for clip in labelling.clips]
    lines = [json.dumps(row(clip, name, called), ensure_ascii=False) for clip, name in names]
    card = CARD_TEXT.format(table=TABLE, sound=SOUND)
    tables = [(TABLE, "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")), (CARD, card.encode())]
    files = write_all(out_dir, tables)
    sound, notes = place(((clip.path, name) for clip, name in names), out_dir, options)
    renamed = [key for key, name in called.items() if key != name]
    more = (f"huggingface: the columns {', '.join(renamed)} have a _ behind their name.",) if renamed else ()
    return Written((*files, *sound), notes=(*notes, *more))


def columns_beside(labelling: Labelling) -> dict[str, str]:
    """The clips' other columns, and what they are called beside Earmark's own."""
    columns = dict.fromkeys(key for clip in labelling.clips for key in clip.metadata)
    return {key: key if key not in OWN else f"{key}_" for key in columns}


def row(clip: LabelledClip, name: str, called: Mapping[str, str]) -> dict[str, Any]:
    """The line of a clip. All lines have the same keys, and each key one type."""
    told: dict[str, Any] = {
        "file_name": name,
        "label": clip.primary,
        "labels": list(clip.labels),
        "events": [_event(event) for event in clip.events],
        "partial": clip.partial,
        "absent": list(clip.absent),
        "unsure": list(clip.unsure),
        "group": clip.group,
        "fold": clip.fold,
    }
    return told | {shown: clip.metadata.get(key, "") for key, shown in called.items()}


def _event(event: LabelledEvent) -> dict[str, Any]:
    region = event.region
    return {
        "class": event.code,
        "onset_s": float(region.onset_s),
        "offset_s": float(region.offset_s),
        "low_hz": region.low_hz,
        "high_hz": region.high_hz,
        "who": event.who[-1] if event.who else "",
        "confidence": event.confidence,
    }
