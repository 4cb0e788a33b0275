"""Small folders of recordings with a table, and what a workspace makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from labeling import journal
from labeling.collection import store
from labeling.collection.classes import add_class
from labeling.records import Clip, Decision
from labeling.workspace import Workspace

NIGHT = "20240501_050000.WAV"


def sound(path: Path, seed: int, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * 8000))
    soundfile.write(path, samples, 8000, format="WAV")
    return path


def recorder(root: Path, seed: int, rows: str = f"{NIGHT},owl\n") -> Path:
    sound(root / NIGHT, seed)
    (root / "labels.csv").write_text("filename,label\n" + rows)
    return root


def clips(workspace: Workspace) -> dict[str, Clip]:
    with workspace.read() as connection:
        everything = store.usable_clips(connection) + store.skipped_clips(connection)
    return {clip.filename: clip for clip in everything}


def decide(workspace: Workspace, filename: str, code: str, verdict: str) -> None:
    with workspace.write() as connection:
        add_class(connection, code)
    said = Decision(journal.new_event_id(), "ann", clips(workspace)[filename].id, code, verdict)
    journal.append(workspace, [said])


def listed(workspace: Workspace, filename: str) -> tuple[str, tuple[str, ...]]:
    with workspace.read() as connection:
        return journal.resolve(journal.clip_states(connection, clips(workspace)[filename].id))
