"""A space without sound in which clips hold several classes, and few came with labels; and what they truly hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.collection.adding import NewClip, add_collection
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, sounds_now
from labeling.workspace import Workspace

FACTS = SpaceFacts("ears", "imported:ears", "CC0", "", 8000, 2.0, 1.0, 16)
CLASSES = ("bell", "drum", "horn")
SHARES = (0.4, 0.3, 0.1)


def plant_sounds(workspace: Workspace, clips: int = 60, labelled: int = 12, noise: float = 0.15) -> NDArray[np.bool_]:
    """Clips of 6 s, of ten recordists, the first ``labelled`` of them with their true labels and the others without
    any. Returns what each holds (clips, 3)."""
    rng = np.random.default_rng(5)
    holds = rng.random((clips, 3)) < SHARES
    holds[~holds.any(axis=1), 0] = True
    holds[:3] = np.eye(3, dtype=bool)  # each class is among the labelled ones
    new = [
        NewClip(
            filename=f"{place:03d}.wav", path=f"/audio/{place:03d}.wav", row=place, group=f"recordist-{place % 10}",
            labels=tuple((CLASSES[c], "primary") for c in np.flatnonzero(holds[place])) if place < labelled else (),
            duration_s=6.0, sample_rate=8000, channels=1, content_hash=f"hash-{place}",
        )
        for place in range(clips)
    ]  # fmt: skip
    with workspace.write() as connection:
        add_collection(
            connection, format="table", source="/audio", audio_root="/audio", options={}, table_name="train.csv",
            table_bytes=b"filename,label\n", clips=new, class_names={code: code.title() for code in CLASSES},
        )  # fmt: skip
    with workspace.read() as connection:
        sounds = sounds_now(connection)
    made, onset_s = [], np.arange(5.0)
    for clip_id, held in enumerate(holds, start=1):
        vectors = np.eye(FACTS.size)[3] + noise * rng.standard_normal((5, FACTS.size))
        for c in np.flatnonzero(held):
            vectors[rng.integers(0, 5)] += 1.2 * np.eye(FACTS.size)[c]
        made.append(ClipVectors(clip_id, sounds[clip_id], vectors, onset_s, onset_s + 2))
    append(workspace, FACTS, made)
    return np.asarray(holds)


def write_truth(path: Path, holds: NDArray[np.bool_]) -> Path:
    """What the clips hold, as `truth_labels.csv` has it."""
    lines = [
        f"{place:03d}.wav,{';'.join(CLASSES[c] for c in np.flatnonzero(held))}" for place, held in enumerate(holds)
    ]
    path.write_text("filename,labels\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path
