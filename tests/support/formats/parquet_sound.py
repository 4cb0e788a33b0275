"""A Parquet file with the sound of its rows in it, as Hugging Face's `datasets` writes it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import soundfile


def _sound(level: float) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(4000, level), 8000, format="WAV")
    return buffer.getvalue()


ROWS: list[tuple[bytes, str | None, int | None, list[int]]] = [
    (_sound(0.1), "a.wav", 0, [0, 1]),
    (_sound(0.2), "../x/b.wav", 1, [1]),
    (_sound(0.3), None, None, []),
    (_sound(0.4), "a.wav", 0, [0]),
]
NAMES = ["owl", "jay"]
FEATURES = {
    "audio": {"_type": "Audio"},
    "label": {"names": NAMES, "_type": "ClassLabel"},
    "birds": {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "List"},
    "site": {"dtype": "string", "_type": "Value"},
}


def parquet_with_sound(path: Path) -> Path:
    """Write it."""
    sound = [{"bytes": content, "path": name} for content, name, _, _ in ROWS]
    table = pa.table(
        {
            "audio": pa.array(sound, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "label": pa.array([label for _, _, label, _ in ROWS], pa.int64()),
            "birds": pa.array([birds for _, _, _, birds in ROWS], pa.list_(pa.int64())),
            "site": ["north"] * len(ROWS),
        }
    )
    about = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    parquet.write_table(table.replace_schema_metadata(about), path)
    return path
