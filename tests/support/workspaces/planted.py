"""A space without sound in which a rare class is planted: short clips of several recordists, and long recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labeling.collection.adding import NewClip, add_collection
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, sounds_now
from labeling.search.query import Example
from labeling.workspace import Workspace

FACTS = SpaceFacts("toy", "imported:toy", "CC0", "", 8000, 2.0, 1.0, 24)
NAMES = {"common": "Common", "rare": "Rare"}


@dataclass(frozen=True)
class Planted:
    """Which clips hold the rare sound, each with the second at which it begins; and where the recordings hold it."""

    clips: dict[int, float]
    recordings: dict[int, list[float]]
    recorded: tuple[int, ...]

    def example(self, place: int = 0) -> Example:
        """The stretch of one of the clips that hold it."""
        clip_id, onset_s = list(self.clips.items())[place]
        return Example(clip_id, onset_s, onset_s + 2)


def plant(
    workspace: Workspace, clips: int = 120, share: float = 0.25, recordings: int = 2, noise: float = 0.12,
    rare_of_one: int = 0,
) -> Planted:  # fmt: skip
    """Clips of 10 s that all list ``common``, of forty recordists, in a share of which ``rare`` is heard for 2 s; and
    recordings of 100 s without labels that hold it at 20, 50 and 80 s. ``rare_of_one`` more clips that hold it are of
    one recordist."""
    rng = np.random.default_rng(3)
    holds = np.concatenate([rng.permutation(clips) < share * clips, np.ones(rare_of_one, bool)])
    new = [
        NewClip(
            filename=f"{place:03d}.wav", path=f"/audio/{place:03d}.wav", row=place, labels=(("common", "primary"),),
            group=f"recordist-{place % 40 if place < clips else 'busy'}", duration_s=10.0, sample_rate=8000, channels=1,
            content_hash=f"hash-{place}",
        )
        for place in range(len(holds))
    ]  # fmt: skip
    new += [
        NewClip(
            filename=f"card{place}/long.wav", path=f"/audio/long{place}.wav", row=1000 + place, labels=(), group="",
            duration_s=100.0, sample_rate=8000, channels=1, content_hash=f"long-{place}",
        )
        for place in range(recordings)
    ]  # fmt: skip
    with workspace.write() as connection:
        add_collection(
            connection, format="table", source="/audio", audio_root="/audio", options={}, table_name="train.csv",
            table_bytes=b"filename,label\n", clips=new, class_names=NAMES,
        )  # fmt: skip
    with workspace.read() as connection:
        sounds = sounds_now(connection)
    rare, hum = np.eye(FACTS.size)[0], np.eye(FACTS.size)[1]
    made: list[ClipVectors] = []
    where: dict[int, float] = {}
    for clip_id, held in enumerate(holds, start=1):
        onset_s, at = np.arange(9.0), float(rng.integers(0, 9))
        vectors = hum + noise * rng.standard_normal((9, FACTS.size))
        if held:
            vectors[int(at)] += 1.5 * rare
            where[clip_id] = at
        made.append(ClipVectors(clip_id, sounds[clip_id], vectors, onset_s, onset_s + 2))
    held_at: dict[int, list[float]] = {}
    for clip_id in range(len(holds) + 1, len(holds) + recordings + 1):
        onset_s = np.arange(99.0)
        vectors = hum + noise * rng.standard_normal((99, FACTS.size))
        for at in (20, 50, 80):
            vectors[[at - 1, at, at + 1]] += np.array([0.8, 1.6, 0.8])[:, None] * rare
        held_at[clip_id] = [20.0, 50.0, 80.0]
        made.append(ClipVectors(clip_id, sounds[clip_id], vectors, onset_s, onset_s + 2))
    append(workspace, FACTS, made)
    return Planted(where, held_at, tuple(held_at))
