"""A space of vectors that were made elsewhere: matched with the workspace's clips, and what does not match is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.collection import store
from labeling.embeddings.space import (
    IMPORTED,
    ClipVectors,
    SpaceFacts,
    append,
    join_parts,
    sounds_now,
    space_path,
    tree_of,
)
from labeling.errors import FormatError
from labeling.external.matching import Matcher
from labeling.external.vectors import Stretches, read
from labeling.records import Clip
from labeling.storage.text import checked
from labeling.workspace import Workspace

NOT_TOLD = "not told"
BEYOND_S = 0.1
"""A stretch that begins so close to a clip's end, or after it, is not of this clip."""
FLUSH_CLIPS = 2000


@dataclass(frozen=True)
class SpaceReport:
    """What came of it. ``unknown`` are their names and why they are no clip; ``by_part`` their names that were found by
    a part alone, and ours; ``beyond`` stretches lie after their clip's end, ``bad`` ones are no numbers, ``double``
    ones were there before."""

    facts: SpaceFacts
    clips: int
    stretches: int
    without: int
    unknown: dict[str, str]
    by_part: dict[str, str]
    beyond: int = 0
    bad: int = 0
    double: int = 0

    def lines(self) -> list[str]:
        """The report in sentences."""
        facts = self.facts
        lines = [
            f"space {facts.name}: {self.stretches:,} stretches of {self.clips:,} clips, {facts.size} numbers each, "
            f"made by {facts.model.removeprefix(IMPORTED)}, licence: {facts.licence}"
        ]
        if self.unknown:
            some = "; ".join(f"{name!r}: {why}" for name, why in list(self.unknown.items())[:3])
            lines.append(f"{len(self.unknown):,} of their files were left out: {some}")
        if self.by_part:
            theirs, ours = next(iter(self.by_part.items()))
            lines.append(
                f"{len(self.by_part):,} files were found by a part of their name, such as {theirs!r} as {ours!r}"
            )
        for count, words in (
            (self.beyond, "begin after their clip's end; is it the same recording?"),
            (self.bad, "hold values that are no numbers"),
            (self.double, "have the clip and onset of one before"),
        ):
            if count:
                lines.append(f"{count:,} stretches were left out: they {words}")
        if self.without:
            lines.append(f"{self.without:,} clips of the workspace have no vectors in it")
        return lines


def import_space(workspace: Workspace, path: Path, name: str, *, model: str = "", licence: str = "") -> SpaceReport:
    """Read vectors made elsewhere into the space ``name``; clips that it holds already get the newer ones.

    ``model`` and ``licence`` are instead of what the file says. Raises FormatError where nothing of it can be used,
    DataError where a space of this name was made in another way.
    """
    space_path(workspace, name)
    source = read(path)
    maker = checked(model or source.maker, "the model's name", 200, least=1)
    terms = checked(licence or source.licence or NOT_TOLD, "the licence", 200, least=1)
    with workspace.read() as connection:
        clips, classes, sounds = store.usable_clips(connection), store.all_classes(connection), sounds_now(connection)
    matcher = Matcher(clips, classes)
    gathered = Gathered()
    for block in source.blocks:
        rows = matcher.rows(block.filenames)
        for row in np.unique(rows[rows >= 0]).tolist():
            gathered.add(clips[row], block, rows == row)
    matcher.require(str(path), len(gathered.parts), "clips")
    made = {clip_id: gathered.of_clip(clip_id, sounds[clip_id]) for clip_id in sorted(gathered.parts)}
    windows = np.concatenate([vectors.offset_s - vectors.onset_s for vectors in made.values()])
    if not len(windows):
        raise FormatError(
            f"{path}: no stretch of it lies within a clip of the workspace; see that it is of these files"
        )
    hops = np.concatenate([np.diff(vectors.onset_s) for vectors in made.values()])
    window_s = round(float(np.median(windows)), 4)
    hop_s = round(float(np.median(hops)), 4) if len(hops) else window_s
    facts = SpaceFacts(name, IMPORTED + maker, terms, "", 0, window_s, hop_s, gathered.size)
    all_made = list(made.values())
    for first in range(0, len(all_made), FLUSH_CLIPS):
        append(workspace, facts, all_made[first : first + FLUSH_CLIPS])
    join_parts(workspace, name)
    workspace.publish(tree_of(name))
    return SpaceReport(
        facts, len(made), len(windows), len(clips) - len(made), matcher.unknown_clips, matcher.by_part,
        gathered.beyond, gathered.bad, gathered.double,
    )  # fmt: skip


class Gathered:
    """Vectors by clip, as they come: half precision, so that a million of them fit into memory."""

    def __init__(self) -> None:
        self.parts: dict[int, list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float16]]]] = {}
        self.size = self.beyond = self.bad = self.double = 0

    def add(self, clip: Clip, block: Stretches, of_clip: NDArray[np.bool_]) -> None:
        """Take a clip's stretches of a block. Raises FormatError for vectors of another size than before."""
        vectors = block.vectors[of_clip].astype(np.float32)
        if self.size not in (0, vectors.shape[1]):
            raise FormatError(f"vectors of {vectors.shape[1]} numbers follow some of {self.size}; make a space of each")
        self.size = vectors.shape[1]
        onset_s, offset_s = block.onset_s[of_clip], block.offset_s[of_clip]
        good = np.isfinite(vectors).all(axis=1) & np.isfinite(onset_s) & np.isfinite(offset_s)
        within = (onset_s >= 0) & (onset_s < offset_s) & (onset_s < clip.duration_s - BEYOND_S)
        first = (onset_s == 0) & (onset_s < offset_s)  # a clip may be as short as that
        use = good & (within | first)
        self.bad += int((~good).sum())
        self.beyond += int((good & ~use).sum())
        length = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
        half = (vectors / np.where(length > 0, length, 1)).astype(np.float16)
        self.parts.setdefault(clip.id, []).append((onset_s[use], np.minimum(offset_s, clip.duration_s)[use], half[use]))

    def of_clip(self, clip_id: int, sound: str) -> ClipVectors:
        """A clip's vectors in time order, each onset once."""
        onset_s, offset_s, vectors = (np.concatenate(some) for some in zip(*self.parts[clip_id], strict=True))
        onset_s, at = np.unique(onset_s, return_index=True)
        self.double += len(offset_s) - len(at)
        return ClipVectors(clip_id, sound, vectors[at], onset_s, offset_s[at])
