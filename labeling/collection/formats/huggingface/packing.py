"""Any labels as Parquet with the sound in it, as `datasets` keeps it: what is shared on a hub, or loaded at once.

Its columns are those of an audiofolder (audiofolder.py), with the sound in ``audio`` and classes as ClassLabel. Written
a block of clips at a time, so that no more sound than that is in memory.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import LabelledClip, Labelling, NotHeld, Written
from labeling.collection.annotation.naming import free_name, sound_name
from labeling.collection.formats.huggingface.audiofolder import CARD, columns_beside, row
from labeling.errors import WorkspaceFull, WorkspaceReadOnly
from labeling.storage.files import write_atomically

BLOCK_CLIPS, BLOCK_BYTES = 100, 32 << 20
"""The most of a row group, but for a clip that is larger by itself."""
FILE_BYTES = 500 << 20
MOST_BYTES = 2**31 - 1
CLASSES = ("label", "labels", "absent", "unsure")
CARD_TEXT = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/*.parquet
---
"""


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write data/train-00000-of-00001.parquet and so on, and README.md with the configuration."""
    import pyarrow.parquet as parquet

    called = columns_beside(labelling)
    codes = list(dict.fromkeys((*labelling.classes, *(code for clip in labelling.clips for code in clip.labels))))
    schema = _schema(codes, list(called.values()))
    taken: set[str] = set()
    names = {clip.filename: free_name(sound_name(clip.filename, clip.path), taken) for clip in labelling.clips}
    shards = list(_parts(labelling.clips, FILE_BYTES, len(labelling.clips) or 1)) or [()]
    files: list[Path] = []
    silent: list[NotHeld] = []
    path = out_dir / "data"
    try:
        path.mkdir(parents=True, exist_ok=True)
        for number, shard in enumerate(shards):
            path = out_dir / "data" / f"train-{number:05d}-of-{len(shards):05d}.parquet"
            beside = path.with_name(f".{path.name}.part")
            with beside.open("wb") as handle, parquet.ParquetWriter(handle, schema) as writer:
                for block in _parts(shard, BLOCK_BYTES, BLOCK_CLIPS):
                    writer.write_batch(_batch(block, names, called, codes, schema, silent))
            os.replace(beside, path)
            files.append(path)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceFull(f"no space left to write {path}; free some and try again") from problem
        raise WorkspaceReadOnly(f"cannot write {path}: {problem.strerror}; choose another folder") from problem
    card = write_atomically(out_dir / CARD, CARD_TEXT.encode())
    renamed = [key for key, name in called.items() if key != name]
    notes = (f"huggingface_parquet: the columns {', '.join(renamed)} have a _ behind their name.",) if renamed else ()
    return Written((*files, card), tuple(silent), notes)


def _parts(clips: Sequence[LabelledClip], most_bytes: int, most_clips: int) -> Iterator[Sequence[LabelledClip]]:
    """Clips in turn, as many together as hold no more sound than that."""
    part: list[LabelledClip] = []
    held = 0
    for clip in clips:
        size = os.path.getsize(clip.path) if os.path.isfile(clip.path) else 0
        if part and (held + size > most_bytes or len(part) >= most_clips):
            yield part
            part, held = [], 0
        part.append(clip)
        held += size
    if part:
        yield part


def _batch(
    clips: Sequence[LabelledClip],
    names: Mapping[str, str],
    called: Mapping[str, str],
    codes: Sequence[str],
    schema: Any,
    silent: list[NotHeld],
) -> Any:
    import pyarrow as pa

    place = {code: number for number, code in enumerate(codes)}
    rows = []
    for clip in clips:
        told = row(clip, "", called)
        own = {name: [place[code] for code in told[name] if code in place] for name in CLASSES[1:]}
        sound = None
        if os.path.isfile(clip.path) and os.path.getsize(clip.path) <= MOST_BYTES:
            sound = Path(clip.path).read_bytes()
        else:
            why = "its file is not at its place on this disk, or is too large"
            silent.append(NotHeld(clip.filename, "", "sound", why))
        audio = {"bytes": sound, "path": names[clip.filename]}
        rows.append(_plain({**told, **own, "audio": audio, "label": place.get(clip.primary)}))
    return pa.RecordBatch.from_pylist(rows, schema)


def _plain(value: Any) -> Any:
    """A value whose texts are all UTF-8: names on a disk need not be."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _schema(codes: Sequence[str], columns: Sequence[str]) -> Any:
    """The columns, and what `datasets` knows them as."""
    import pyarrow as pa

    many = pa.list_(pa.int64())
    times = ("onset_s", "offset_s", "low_hz", "high_hz", "confidence")
    event = {"class": pa.string(), **dict.fromkeys(times, pa.float64()), "who": pa.string()}
    kinds = {
        "audio": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        "label": pa.int64(),
        "labels": many,
        "events": pa.list_(pa.struct(list(event.items()))),
        "partial": pa.bool_(),
        "absent": many,
        "unsure": many,
        **dict.fromkeys(("group", "fold", *map(_plain, columns)), pa.string()),
    }
    a_class = {"names": _plain(list(codes)), "_type": "ClassLabel"} if codes else _value("int64")
    features: dict[str, Any] = {name: _value("string") for name in kinds}
    features |= {"audio": {"_type": "Audio"}, "label": a_class, "partial": _value("bool")}
    features |= {name: {"feature": a_class, "_type": "Sequence"} for name in CLASSES[1:]}
    features["events"] = [{name: _value("float64" if name in times else "string") for name in event}]
    about = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return pa.schema(list(kinds.items()), {"huggingface": about})


def _value(dtype: str) -> dict[str, str]:
    return {"dtype": dtype, "_type": "Value"}
